"""A backup holds everything, costs nothing twice, and is kept as long as its kind says."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from bluebook.backups import backup as module
from bluebook.backups import manifest, store
from bluebook.backups.drive import DriveError
from bluebook.backups.remote import pull
from bluebook.errors import BluebookError

from .conftest import World, bytes_below, project_bytes


def newest(world: World) -> manifest.Manifest:
    return manifest.listed(world.drive).good[-1]


def test_the_drive_alone_rebuilds_everything(held: World, tmp_path: Path) -> None:
    before = project_bytes(held.root)
    history = held.git("for-each-ref")
    shutil.rmtree(held.root)
    done = held.restore(tmp_path / "elsewhere")
    assert not done.lacking and not done.replaced
    rebuilt = World(tmp_path / "elsewhere", held.drive.path)
    assert project_bytes(rebuilt.root) == before
    assert rebuilt.git("for-each-ref") == history
    assert "up to date" in rebuilt.dvc("status")
    assert rebuilt.git("status", "--porcelain").split() == ["??", "notes.txt"]


def released(world: World) -> dict[str, dict[str, str]]:
    """Every file of each release, checked out."""
    found = {}
    for tag in ("toy@v1.0.0", "toy@v1.1.0"):
        world.git("checkout", "--quiet", tag)
        world.dvc("checkout", "--quiet")
        assert (world.root / "models/adapters/toy/part-0.bin").exists()
        found[tag] = project_bytes(world.root)
    return found


def test_two_releases_come_back_when_the_project_is_gone(held: World, tmp_path: Path) -> None:
    wanted = released(held)
    shutil.rmtree(held.root)
    held.restore(tmp_path / "elsewhere")
    assert released(World(tmp_path / "elsewhere", held.drive.path)) == wanted
    assert (
        wanted["toy@v1.0.0"]["metrics/toy/mastery.json"] != wanted["toy@v1.1.0"]["metrics/toy/mastery.json"]
    )


def test_a_newest_backup_that_is_damaged_is_not_passed_over(held: World, tmp_path: Path) -> None:
    first = newest(held).label
    (held.root / "notes.txt").write_text("more\n")
    second = held.backup().label
    manifest.path_of(held.drive, second).write_text("{")
    with pytest.raises(BluebookError, match=second):
        held.restore(tmp_path / "again")
    assert held.restore(tmp_path / "again", first).label == first


def test_plain_dvc_pulls_from_the_drive(held: World, tmp_path: Path) -> None:
    wanted = bytes_below(held.root / "models")
    clone = World(tmp_path / "clone", held.drive.path)
    bundle = next((held.drive.path / "git").glob("*.bundle"))
    held.git("clone", "--quiet", "--branch", "main", str(bundle), str(clone.root))
    clone.dvc("remote", "add", "--local", "--default", "drive", str(held.drive.path))
    clone.dvc("pull", "--quiet")
    assert bytes_below(clone.root / "models") == wanted | bytes_below(clone.root / "models", "adapters")


def test_the_manifest_has_the_sha256_of_every_file(held: World) -> None:
    lying = bytes_below(held.drive.path, "backups", "README.txt", "bluebook.json", ".lock")
    assert {name: entry.sha256 for name, entry in newest(held).files.items()} == lying


def test_a_second_backup_of_the_same_costs_nothing(held: World) -> None:
    before = bytes_below(held.drive.path)
    done = held.backup()
    assert not done.new and done.files == 0 and done.bytes == 0
    assert bytes_below(held.drive.path, "log.jsonl", ".lock") == {
        name: digest for name, digest in before.items() if name not in {"backups/log.jsonl", ".lock"}
    }


def test_what_was_trained_graded_and_released_makes_a_milestone(held: World) -> None:
    first = newest(held)
    assert first.kind == "milestone"
    assert first.reached == ["graded toy", "released toy@v1.0.0", "released toy@v1.1.0", "trained toy"]
    (held.root / "notes.txt").write_text("more\n")
    assert held.backup().kind == "scheduled"
    assert module.milestone(held.root) is None
    held.git("tag", "toy@v1.2.0")
    done = module.milestone(held.root)
    assert done is not None and done.kind == "milestone" and done.reached == ["released toy@v1.2.0"]


def test_a_milestone_that_the_drive_missed_is_caught_up(held: World) -> None:
    held.retrain("three")
    away = held.drive.path.rename(held.drive.path.with_name("away"))
    with pytest.raises(DriveError, match="missing"):
        module.milestone(held.root)
    with pytest.raises(DriveError, match="missing"):
        held.backup()
    away.rename(held.drive.path)
    done = held.backup()
    assert done.kind == "milestone" and done.reached == ["graded toy", "trained toy"]


def test_without_a_drive_a_milestone_does_nothing(bare: World) -> None:
    assert module.milestone(bare.root) is None
    with pytest.raises(BluebookError, match="remote set"):
        bare.backup()


def test_milestones_are_kept_for_ever_and_others_are_not(held: World) -> None:
    def again(kind: manifest.Kind, number: int) -> str:
        (held.root / "notes.txt").write_text(f"{kind} {number}\n")
        return held.backup(kind=kind).label

    assert newest(held).kind == "milestone" and not held.backup(kind="pre-training").new
    milestones = [newest(held).label, *(again("milestone", number) for number in range(7))]
    training = [again("pre-training", number) for number in range(5)]
    scheduled = [again("scheduled", number) for number in range(7)]
    kept = manifest.listed(held.drive)
    assert not kept.damaged
    assert [one.label for one in kept.good] == [*milestones, *training[-3:], *scheduled[-5:]]
    needed = {name for one in kept.good for name in one.files}
    lying = {name for name in bytes_below(held.drive.path) if name.startswith(("rest/", "git/"))}
    assert lying <= needed and all((held.drive.path / name).exists() for name in needed)


def test_bundles_do_not_pile_up_and_old_backups_still_come_back(held: World, tmp_path: Path) -> None:
    first = newest(held)
    for number in range(4):
        held.git("commit", "--quiet", "--allow-empty", "--message", f"commit {number}")
        held.backup()
    assert len(list((held.drive.path / "git").iterdir())) == 2
    held.restore(tmp_path / "old", first.label)
    old = World(tmp_path / "old", held.drive.path)
    assert old.git("rev-parse", "HEAD").strip() == first.refs["HEAD"]
    assert old.git("log", "--oneline", "--all").count("\n") == 2


def test_other_work_trees_come_back_as_branches(held: World, tmp_path: Path) -> None:
    held.git("worktree", "add", "--quiet", "-b", "aside", str(tmp_path / "aside"))
    assert held.backup().new
    assert not held.backup().new
    aside = World(tmp_path / "aside", held.drive.path)
    aside.set()
    aside.backup()
    aside.restore(tmp_path / "again")
    again = World(tmp_path / "again", held.drive.path)
    assert again.git("for-each-ref") == held.git("for-each-ref")
    assert again.git("symbolic-ref", "HEAD").strip() == "refs/heads/aside"


def test_what_dvc_lacked_then_is_lacking_and_named(world: World, tmp_path: Path) -> None:
    cache = world.root / ".dvc/cache"
    wanted = store.wanted(store.lock_of(world.root), ["metrics/toy/mastery.json"], [cache])
    part = cache / next(name for name, path in wanted.items() if path == "data/grades/toy.jsonl")
    part.unlink()
    world.backup()
    assert "toy.jsonl" in world.restore(tmp_path / "again").lacking
    assert (tmp_path / "again/models/adapters/toy/part-0.bin").exists()


def test_a_fresh_clone_has_reached_nothing(world: World) -> None:
    shutil.rmtree(world.root / ".dvc/cache")
    done = world.backup()
    assert done.kind == "milestone" and done.reached == ["released toy@v1.0.0", "released toy@v1.1.0"]


def test_a_bundle_with_history_that_was_rewritten_stays(held: World, tmp_path: Path) -> None:
    first = newest(held)
    held.git("commit", "--quiet", "--amend", "--message", "another past")
    for number in range(3):
        held.git("commit", "--quiet", "--allow-empty", "--message", f"commit {number}")
        held.backup()
    held.restore(tmp_path / "old", first.label)
    assert World(tmp_path / "old", held.drive.path).git("rev-parse", "HEAD").strip() == first.refs["HEAD"]


def test_dvc_gc_here_takes_nothing_from_the_drive(held: World) -> None:
    there = bytes_below(held.drive.path / "files")
    shutil.rmtree(held.root / ".dvc/cache/files")
    shutil.rmtree(held.root / "models")
    for _ in range(7):
        held.backup(kind="scheduled")
        (held.root / "notes.txt").write_text(f"{_}\n")
    assert bytes_below(held.drive.path / "files") == there
    report = pull(held.root)
    assert not report.missing and report.fetched == 14
    assert (held.root / "models/adapters/toy/part-0.bin").exists()


def test_checkpoints_and_uncommitted_work_are_held(world: World, tmp_path: Path) -> None:
    checkpoint = world.root / "models/checkpoints/toy/abc/step-1/weights.bin"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"w" * 1000)
    (world.root / "seed.txt").write_text("tried, not committed\n")
    (world.root / "tool.sh").write_text("#!/bin/sh\n")
    (world.root / "tool.sh").chmod(0o755)
    (world.root / "other.lock").write_text("also mine\n")
    world.backup()
    world.restore(tmp_path / "again")
    assert project_bytes(tmp_path / "again") == project_bytes(world.root)
    assert (tmp_path / "again/tool.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "again/logs/steps.jsonl").read_text() == '{"step": "1.1"}\n'


KEY = "ghp_" + "a1B2" * 9


def test_secrets_never_leave(world: World) -> None:
    secret = "tr0ub4dor"
    (world.root / ".env").write_text(f"KEY={secret}\n")
    (world.root / "deploy.pem").write_text(secret)
    (world.root / "try.txt").write_text(f"curl -H 'Authorization: {KEY}'\n")
    (world.root / "logs/run.log").write_text(f"key {KEY}\n")
    (world.root / "local.yaml").write_text(
        f"threads: 2\npassword: {secret}\nanswer_with:\n  server: http://me:{secret}@host/v1\n  model: m\n"
    )
    config = world.root / ".dvc/config.local"
    remote = f"['remote \"s3\"']\n    url = ssh://me:{secret}@host/data\n    password = {secret}\n"
    config.write_text(f"{config.read_text()}{remote}[cache]\n    type = hardlink\n")
    world.git("remote", "add", "origin", f"https://me:{secret}@host/repo.git")
    done = world.backup()
    assert sorted(done.left_out) == [".env", "deploy.pem", "logs/run.log", "try.txt"]
    for file in world.drive.path.rglob("*"):
        assert not file.is_file() or not {secret.encode(), KEY.encode()} & {
            word for word in (secret.encode(), KEY.encode()) if word in file.read_bytes()
        }, file
    kept = newest(world)

    def text(path: str) -> str:
        return (world.drive.path / manifest.rest_name(kept.rest[path].sha256)).read_text()

    assert text("local.yaml") == "answer_with:\n  model: m\n  server: http://host/v1\nthreads: 2\n"
    assert "ssh://host/data" in text(".dvc/config.local") and "hardlink" in text(".dvc/config.local")
    assert kept.settings["remote.origin.url"] == "https://host/repo.git"


def test_what_is_rotten_here_is_named_and_not_copied(world: World) -> None:
    part = next(file for file in (world.root / ".dvc/cache/files/md5").glob("*/*") if file.suffix != ".dir")
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    name = part.relative_to(world.root / ".dvc/cache").as_posix()
    done = world.backup()
    assert [row.split()[0] for row in done.rotten] == [name]
    assert not (world.drive.path / name).exists()
    assert name not in newest(world).files


def test_the_list_of_a_folder_waits_for_all_its_files(world: World) -> None:
    """To plain DVC a list on the drive means that its files are there, too."""
    wanted = store.wanted(store.lock_of(world.root), [], [world.root / ".dvc/cache"])
    part, listing = "", ""
    for name, path in wanted.items():
        part = name if path == "models/adapters/toy/part-5.bin" else part
        listing = name if path == "models/adapters/toy" else listing
    file = world.root / ".dvc/cache" / part
    whole = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(b"rotten")
    assert [row.split()[0] for row in world.backup().rotten] == [part]
    assert not (world.drive.path / listing).exists()
    file.write_bytes(whole)
    done = world.backup()
    assert done.rotten == [] and done.new
    assert (world.drive.path / listing).exists()


def test_what_was_reached_is_kept_for_ever_whatever_kind_was_asked_for(held: World) -> None:
    held.git("tag", "toy@v1.2.0")
    assert held.backup(kind="pre-training").kind == "milestone"


def test_names_that_are_no_utf8_and_links_are_named(world: World) -> None:
    (world.root / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    (world.root / "link").symlink_to("notes.txt")
    assert sorted(world.backup().left_out) == ["caf\N{REPLACEMENT CHARACTER}.txt", "link"]


def test_what_was_done_is_logged_on_both_sides(held: World) -> None:
    away = held.drive.path.rename(held.drive.path.with_name("away"))
    with pytest.raises(DriveError):
        held.backup()
    rows = [
        msgspec.json.decode(line) for line in (held.root / "logs/backups/log.jsonl").read_bytes().splitlines()
    ]
    assert [row.get("outcome", "done") for row in rows] == ["done", "failed"]
    assert (away / "backups/log.jsonl").read_bytes().count(b"\n") == 1


def test_a_clone_that_holds_a_part_of_the_history_is_refused(held: World, tmp_path: Path) -> None:
    held.git("clone", "--quiet", "--depth", "1", f"file://{held.root}", str(tmp_path / "shallow"))
    with pytest.raises(BluebookError, match="unshallow"):
        World(tmp_path / "shallow", held.drive.path).set()
