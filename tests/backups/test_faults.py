"""Each way to be interrupted, for each of backup, push and restore: nothing is lost, nothing half-written is taken for
whole, and the same command afterwards ends as if nothing had happened."""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bluebook.artifacts import sha256
from bluebook.backups import manifest, store
from bluebook.backups.copying import Item, copy
from bluebook.backups.drive import Drive, DriveError
from bluebook.backups.remote import pull, push
from bluebook.backups.verify import verify
from bluebook.errors import BluebookError

from .conftest import DAMAGES, MADE_HERE, World, bytes_below, damage, in_child, project_bytes

SEED = 20261130
KILLS = 30
Mount = Callable[[str], Path]
few_and_many = pytest.mark.parametrize("kills", [4, pytest.param(KILLS, marks=pytest.mark.slow)])


def whole_or_absent(drive: Drive) -> None:
    """Everything on the drive that has a name to be believed is what the name says, and every backup is complete."""
    for name in store.listed(drive.path):
        if (md5 := store.md5_of(name)) is not None:
            with (drive.path / name).open("rb") as stream:
                assert hashlib.file_digest(stream, "md5").hexdigest() == md5, name
    for file in (drive.path / "rest").glob("*/*"):
        assert sha256(file) == file.name
    found = manifest.listed(drive)
    assert not found.damaged
    for backup in found.good:
        for name, entry in backup.files.items():
            assert sha256(drive.path / name) == entry.sha256, name


# Killed.


@few_and_many
@pytest.mark.parametrize("what", ["backup", "push"])
def test_killed_on_the_way_to_the_drive(world: World, tmp_path: Path, what: str, kills: int) -> None:
    act = world.backup if what == "backup" else lambda: push(world.root, world.said.append)
    kept = tmp_path / "kept"
    shutil.copytree(world.drive.path, kept)
    here = project_bytes(world.root)
    total = in_child(act)
    moments = random.Random(SEED)
    died = 0
    for number in range(kills):
        if number % 3 == 0:  # from an empty drive; between those, from where the last kill left it
            shutil.rmtree(world.drive.path)
            shutil.copytree(kept, world.drive.path)
            shutil.rmtree(world.root / manifest.COPIES, ignore_errors=True)
        died += in_child(act, killed_at=moments.randrange(total // 50, total)) == -9
        whole_or_absent(world.drive)
        assert project_bytes(world.root) == here
    assert died >= kills // 2
    act()
    world.backup()
    whole_or_absent(world.drive)
    assert not list(world.drive.path.rglob(".incoming"))
    assert verify(world.root, world.said.append).faults == []


@few_and_many
def test_killed_while_old_backups_are_removed(held: World, kills: int) -> None:
    """Every backup that is listed is complete, whatever of the removed ones is left."""
    moments = random.Random(SEED)

    def change(number: int) -> None:
        (held.root / "notes.txt").write_text(f"{number}\n")
        held.git("commit", "--quiet", "--allow-empty", "--message", f"{number}")

    for number in range(6):
        change(number)
        held.backup()
    change(6)
    total = in_child(held.backup)
    died = 0
    for number in range(7, 7 + kills):
        change(number)
        died += in_child(held.backup, killed_at=moments.randrange(total * 2 // 3, total)) == -9
        whole_or_absent(held.drive)
    assert died >= kills // 2
    held.backup()
    whole_or_absent(held.drive)
    assert verify(held.root, held.said.append).faults == []


@few_and_many
def test_killed_while_restoring(held: World, tmp_path: Path, kills: int) -> None:
    wanted = project_bytes(held.root)
    target = tmp_path / "again"
    target.mkdir()
    (target / "mine.txt").write_text("was here before\n")

    def act() -> object:
        return held.restore(target)

    total = in_child(lambda: held.restore(tmp_path / "once"))
    moments = random.Random(SEED)
    died = 0
    for _ in range(kills):
        died += in_child(act, killed_at=moments.randrange(total // 50, total)) == -9
        wait_for_orphans(tmp_path / ".again.restoring")
        befores = list(tmp_path.glob("again.before-*"))
        old = [place for place in (target, *befores) if (place / "mine.txt").exists()]
        assert len(old) == 1, "what was there before is kept"
        if target.exists() and target not in old:
            assert project_bytes(target) == wanted, "what is in its place is whole"
            shutil.rmtree(target)
            old[0].rename(target)
        elif not target.exists():
            old[0].rename(target)
    assert died >= kills // 2
    done = act()
    assert project_bytes(target) == wanted
    assert (Path(done.replaced) / "mine.txt").exists()  # type: ignore[attr-defined]
    assert not list(tmp_path.glob(".again*"))


def wait_for_orphans(building: Path) -> None:
    """Until Git or DVC, which a killed restore has left behind, has ended: they hold its lock."""
    if building.exists():
        handle = os.open(building, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.close(handle)


@few_and_many
def test_killed_while_pulling(held: World, kills: int) -> None:
    """With all that it has started, at random moments: what the cache has by a name is what the name says."""
    wanted = bytes_below(held.root, ".dvc", *MADE_HERE)
    drive = bytes_below(held.drive.path, *MADE_HERE)
    cache = held.root / ".dvc/cache"
    moments = random.Random(SEED)

    def begin() -> subprocess.Popen[bytes]:
        code = "from pathlib import Path; from bluebook.backups.remote import pull; pull(Path())"
        return subprocess.Popen(
            [sys.executable, "-c", code], cwd=held.root, start_new_session=True, stderr=subprocess.DEVNULL
        )

    def lose() -> None:
        for place in ("models/adapters/toy", ".dvc/cache"):
            shutil.rmtree(held.root / place, ignore_errors=True)

    taken = []
    for _ in range(
        2
    ):  # the first one finds nothing in the machine's own caches, and later ones would outrun its kills
        lose()
        started = time.monotonic()
        assert begin().wait() == 0
        taken.append(time.monotonic() - started)
    seconds, died = min(taken), 0
    for number in range(kills):
        if number % 3 == 0:  # from nothing; between those, from where the last kill left it
            lose()
        process = begin()
        try:
            process.wait(moments.uniform(0.1, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            died += process.wait() == -signal.SIGKILL
        for name in store.listed(cache) if cache.exists() else ():
            if (md5 := store.md5_of(name)) is not None:
                with (cache / name).open("rb") as stream:
                    assert hashlib.file_digest(stream, "md5").hexdigest() == md5, name
        assert bytes_below(held.drive.path, *MADE_HERE) == drive
    assert died >= kills // 2
    pull(held.root, held.said.append)
    assert bytes_below(held.root, ".dvc", *MADE_HERE) == wanted
    assert not list(cache.rglob(".incoming"))


@few_and_many
def test_killed_while_verifying_mends(held: World, kills: int) -> None:
    rng = random.Random(SEED)
    here = project_bytes(held.root)
    names = sorted(name for name, size in store.listed(held.drive.path).items() if size)

    def act() -> object:
        return verify(held.root, held.said.append)

    total = in_child(act)
    died = 0
    for _ in range(kills):
        for name, top in zip(
            rng.sample(names, 4), (held.drive.path, held.root / ".dvc/cache") * 2, strict=True
        ):
            if (top / name).exists() and (top / name).stat().st_size:
                damage(top / name, rng.choice(DAMAGES), rng)
        died += in_child(act, killed_at=rng.randrange(total // 50, total)) == -9
        act()
        assert verify(held.root, held.said.append).faults == []
    assert died >= kills // 3
    assert project_bytes(held.root) == here
    whole_or_absent(held.drive)


# Full.


def on_a_small_drive(world: World, place: Path) -> None:
    world.drive = Drive(place)
    world.set()


@pytest.mark.parametrize("what", ["backup", "push"])
def test_a_full_drive(world: World, mounted: Mount, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    act = world.backup if what == "backup" else lambda: push(world.root, world.said.append)
    place = mounted("size=2m")
    on_a_small_drive(world, place)
    before = project_bytes(world.root)
    with pytest.raises(DriveError, match="too full"):
        act()
    # It fills up while files are copied, as if another process wrote there, too.
    monkeypatch.setattr("bluebook.backups.remote.require_room", lambda *arguments: None)
    monkeypatch.setattr("bluebook.backups.backup.require_room", lambda *arguments: None)
    with pytest.raises(DriveError, match="is full"):
        act()
    whole_or_absent(world.drive)
    assert project_bytes(world.root) == before
    subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
    act()
    world.backup()
    assert verify(world.root, world.said.append).faults == []


def test_a_full_disk_while_restoring(held: World, mounted: Mount) -> None:
    place = mounted("size=3m")
    with pytest.raises(BluebookError, match="the disk is full"):
        held.restore(place / "again")
    assert not (place / "again").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
    held.restore(place / "again")
    assert project_bytes(place / "again") == project_bytes(held.root)


def test_a_limit_on_the_size_of_files(world: World) -> None:
    """What a full disk looks like where no small file system can be mounted."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        with pytest.raises(DriveError, match="no file of that size"):
            world.backup()

    assert in_child(limited) > 0
    whole_or_absent(world.drive)
    world.backup()
    assert verify(world.root, world.said.append).faults == []


# Read-only, and missing.


def test_a_read_only_drive_takes_nothing_and_gives_everything(
    world: World, mounted: Mount, tmp_path: Path
) -> None:
    place = mounted("size=64m")
    on_a_small_drive(world, place)
    world.backup()
    (world.root / "notes.txt").write_text("more\n")
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    before = bytes_below(place)
    for act in (world.backup, lambda: push(world.root, world.said.append)):
        with pytest.raises(DriveError, match="read-only"):
            act()
    assert bytes_below(place) == before
    shutil.rmtree(world.root / ".dvc/cache/files")
    assert not pull(world.root, world.said.append).missing
    world.restore(tmp_path / "again")
    assert (tmp_path / "again/notes.txt").read_text() == "not committed\n"


def test_a_drive_that_goes_away_in_the_middle(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is gone between two files."""
    from bluebook.backups import copying

    before = project_bytes(world.root)
    away = world.drive.path.with_name("away")
    settle, settled = copying._settle, []

    def settle_or_go(aside: Path, target: Path) -> Path:
        settled.append(target)
        if len(settled) == 5:
            world.drive.path.rename(away)
        return settle(aside, target)

    monkeypatch.setattr(copying, "_settle", settle_or_go)
    with pytest.raises(DriveError, match="still mounted"):
        world.backup()
    monkeypatch.undo()
    assert project_bytes(world.root) == before
    away.rename(world.drive.path)
    world.backup()
    whole_or_absent(world.drive)
    assert verify(world.root, world.said.append).faults == []


def test_a_missing_drive_gives_nothing_back(held: World, tmp_path: Path) -> None:
    held.drive.path.rename(held.drive.path.with_name("away"))
    with pytest.raises(DriveError, match="missing"):
        held.restore(tmp_path / "again")
    with pytest.raises(DriveError, match="missing"):
        pull(held.root)
    with pytest.raises(DriveError, match="missing"):
        verify(held.root)
    assert not (tmp_path / "again").exists()


# Damaged.


@pytest.mark.parametrize("how", DAMAGES)
def test_a_restore_from_a_damaged_drive_replaces_nothing(held: World, tmp_path: Path, how: str) -> None:
    rng = random.Random(SEED)
    backup = manifest.listed(held.drive).good[-1]
    used = {*backup.here, backup.bundle, *(manifest.rest_name(one.sha256) for one in backup.rest.values())}
    victims = [backup.bundle, *rng.sample(sorted(used), 3)]
    target = tmp_path / "again"
    target.mkdir()
    (target / "mine.txt").write_text("was here before\n")
    for name in victims:
        whole = (held.drive.path / name).read_bytes()
        damage(held.drive.path / name, how, rng)
        with pytest.raises(
            BluebookError, match=name if not name.startswith("rest/") else "missing or rotten"
        ):
            held.restore(target)
        assert bytes_below(target).keys() == {"mine.txt"}
        (held.drive.path / name).unlink(missing_ok=True)
        (held.drive.path / name).write_bytes(whole)
        shutil.rmtree(tmp_path / ".again.restoring")  # what it has verified it would not read again
    held.restore(target)
    assert project_bytes(target) == project_bytes(held.root)


@pytest.mark.parametrize("how", ["truncated", "deleted"])
def test_a_push_mends_what_is_short_or_gone(held: World, how: str) -> None:
    rng = random.Random(SEED)
    for name in rng.sample(sorted(name for name, size in store.listed(held.drive.path).items() if size), 5):
        damage(held.drive.path / name, how, rng)
    push(held.root, held.said.append)
    assert verify(held.root, held.said.append).faults == []


@pytest.mark.parametrize("how", DAMAGES)
def test_a_pull_takes_nothing_that_is_damaged(held: World, how: str) -> None:
    rng = random.Random(SEED)
    name = adapter(held)[0]["name"]
    damage(held.drive.path / name, how, rng)
    shutil.rmtree(held.root / ".dvc/cache/files")
    report = pull(held.root, held.said.append)
    assert list(report.missing) == [row["path"] for row in adapter(held) if row["name"] == name]
    assert not (held.root / ".dvc/cache" / name).exists()


def adapter(world: World) -> list[dict[str, str]]:
    """The files of the work tree's adapter: object and path."""
    wanted = store.wanted(store.lock_of(world.root), [], (world.drive.path,))
    return [{"name": name, "path": path} for name, path in wanted.items() if path.endswith(".bin")]


def test_a_killed_restore_goes_on_and_trusts_nothing_it_finds(held: World, tmp_path: Path) -> None:
    """What an earlier restore left in its folder was damaged meanwhile."""
    building = tmp_path / ".again.restoring"
    shutil.copytree(held.root / ".dvc/cache", building / ".dvc/cache")
    rng = random.Random(SEED)
    for name in rng.sample(
        sorted(name for name, size in store.listed(building / ".dvc/cache").items() if size), 4
    ):
        damage(building / ".dvc/cache" / name, rng.choice(DAMAGES), rng)
    held.restore(tmp_path / "again")
    assert project_bytes(tmp_path / "again") == project_bytes(held.root)


# Two at once.


def test_two_backups_at_once(world: World) -> None:
    """One is made, the other is told who makes it; or both came one after the other."""
    said: list[str] = []

    def act() -> None:
        try:
            world.backup()
        except DriveError as error:
            said.append(str(error))

    pair = [threading.Thread(target=act) for _ in range(2)]
    for one in pair:
        one.start()
    for one in pair:
        one.join()
    assert len(said) <= 1 and all(f"process {os.getpid()}" in text for text in said)
    assert len(manifest.listed(world.drive).good) == 1
    whole_or_absent(world.drive)


def test_two_restores_to_one_place(held: World, tmp_path: Path) -> None:
    building = tmp_path / ".again.restoring"
    building.mkdir()
    handle = os.open(building, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(BluebookError, match="another process restores"):
        held.restore(tmp_path / "again")
    os.close(handle)
    held.restore(tmp_path / "again")


# The copying itself.


def test_a_source_that_shrinks_grows_or_goes_while_it_is_copied_is_never_half_taken(tmp_path: Path) -> None:
    content = os.urandom(9 << 20)
    source = tmp_path / "source"
    source.write_bytes(content)
    md5 = hashlib.md5(content).hexdigest()
    told: list[int] = []

    def shrink(count: int) -> None:
        if not told:
            os.truncate(source, 5 << 20)
        told.append(count)

    copied = copy([Item("x", source, tmp_path / "target/x", md5=md5)], tmp_path / "incoming", shrink)
    assert copied.rotten == ["x"] and not (tmp_path / "target").exists()
    assert copy([Item("y", tmp_path / "none", tmp_path / "target/y")], tmp_path / "incoming").gone == ["y"]
    assert not (tmp_path / "incoming").exists()
