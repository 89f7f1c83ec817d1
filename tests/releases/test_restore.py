"""A version comes back whole or the command says what is missing; what was there before is kept."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bluebook.backups.remote import push, set_drive
from bluebook.errors import BluebookError
from bluebook.releases.publish import release
from bluebook.releases.restore import Restored, restore

from .conftest import SUBJECT, World, quiet
from .disks import small_disk
from .test_outputs import flip, truncate
from .test_publish import die_at

ADAPTER = "models/adapters/persona/adapter.bin"


def bring(world: World, version: str = "1.0.0") -> Restored:
    return restore(world.root, SUBJECT, version, quiet)


@pytest.fixture(scope="session")
def two(built: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two versions; not to be changed."""
    root = tmp_path_factory.mktemp("two") / "world"
    shutil.copytree(built.root, root, symlinks=True)
    world = World(root)
    release(root, SUBJECT, "1.0.0", None, quiet)
    world.teach(mode_dual=19)
    release(root, SUBJECT, "1.1.0", None, quiet)
    return world


@pytest.fixture
def released(two: World, tmp_path: Path) -> World:
    shutil.copytree(two.root, tmp_path / "world", symlinks=True)
    return World(tmp_path / "world")


@pytest.fixture(scope="session")
def first(built: World) -> dict[str, bytes]:
    """The outputs of version 1.0.0."""
    return built.bytes_of_outputs()


def objects(world: World) -> list[Path]:
    return [file for file in (world.root / ".dvc/cache/files/md5").rglob("*") if file.is_file()]


def test_in_a_clean_tree_and_back(released: World, first: dict[str, bytes]) -> None:
    now = released.bytes_of_outputs()
    back = bring(released)
    assert (back.own, back.left, back.place) == (False, "main", str(released.root))
    assert released.bytes_of_outputs() == first
    assert bring(released).left is None, "it is there already"
    released.git("checkout", "--quiet", "main")
    released.run("dvc", "checkout", "--quiet")
    assert released.bytes_of_outputs() == now != first


def edit(world: World) -> Path:
    (world.root / "build.py").write_text("mine")
    return world.root / "build.py"


def new_file(world: World) -> Path:
    (world.root / "notes.txt").write_text("mine")
    return world.root / "notes.txt"


def own_result(world: World) -> Path:
    """What DVC has never seen, in a file that Git does not look at."""
    (world.root / ADAPTER).write_text("mine")
    return world.root / ADAPTER


@pytest.mark.parametrize(
    "spoil", [own_result, *(pytest.param(one, marks=pytest.mark.slow) for one in (edit, new_file))]
)
def test_in_a_tree_of_its_own_where_something_would_be_lost(
    released: World, first: dict[str, bytes], spoil: Callable[[World], Path]
) -> None:
    mine = spoil(released)
    head = released.git("rev-parse", "HEAD")
    back = bring(released)
    assert back.own and Path(back.place) == released.root.with_name("world-persona-v1.0.0")
    assert released.bytes_of_outputs(Path(back.place)) == first
    assert (mine.read_text(), released.git("rev-parse", "HEAD")) == ("mine", head)
    assert released.run("dvc", "status", cwd=Path(back.place)).stdout.startswith(
        "Data and pipelines are up to date"
    )
    assert bring(released) == back, "the same tree serves again"
    (Path(back.place) / ADAPTER).write_text("mine too")
    with pytest.raises(BluebookError, match=r"does not know.*Move it away"):
        bring(released)
    assert (Path(back.place) / ADAPTER).read_text() == "mine too"


def test_a_folder_in_the_way_is_left_alone(released: World) -> None:
    edit(released)
    there = released.root.with_name("world-persona-v1.0.0")
    there.mkdir()
    with pytest.raises(BluebookError, match="no work tree of this repository"):
        bring(released)
    assert not list(there.iterdir())


def test_a_version_that_is_not_there_is_named_with_those_that_are(released: World) -> None:
    with pytest.raises(BluebookError, match=r"persona@v3\.0\.0.*v1\.0\.0, v1\.1\.0"):
        bring(released, "3.0.0")


@pytest.mark.parametrize(
    "harm", [flip, *(pytest.param(one, marks=pytest.mark.slow) for one in (truncate, Path.unlink))]
)
def test_without_a_remote_what_is_rotten_in_the_cache_is_named(
    released: World, first: dict[str, bytes], harm: Callable[[Path], None]
) -> None:
    victim = next(file for file in objects(released) if file.read_bytes() == first[ADAPTER])
    harm(victim)
    with pytest.raises(BluebookError, match=r"not restored: 1 of .*\n  models/adapters/persona"):
        bring(released)


def second_drive(world: World, place: Path) -> None:
    place.mkdir()
    set_drive(world.root, place, quiet)
    push(world.root, quiet)


def other_remote(world: World, place: Path) -> None:
    world.run("dvc", "remote", "add", "--local", "--default", "elsewhere", str(place))
    world.run("dvc", "push", "--quiet", "--all-tags")


@pytest.mark.parametrize(
    ("kind", "shift"),
    [
        (second_drive, 0),
        pytest.param(second_drive, 1, marks=pytest.mark.slow),
        pytest.param(second_drive, 2, marks=pytest.mark.slow),
        pytest.param(other_remote, 0, marks=pytest.mark.slow),
    ],
)
def test_what_is_rotten_in_the_cache_comes_from_a_remote(
    released: World,
    first: dict[str, bytes],
    tmp_path: Path,
    kind: Callable[[World, Path], None],
    shift: int,
) -> None:
    kind(released, tmp_path / "remote")
    for number, file in enumerate(sorted(objects(released))):
        [flip, truncate, Path.unlink][(number + shift) % 3](file)
    bring(released)
    assert released.bytes_of_outputs() == first


def test_a_rotten_work_tree_comes_from_the_cache(released: World) -> None:
    """DVC would not look: time and size are as they were."""
    assert "up to date" in released.run("dvc", "status").stdout
    before = released.bytes_of_outputs()
    flip(released.root / ADAPTER)
    said: list[str] = []
    restore(released.root, SUBJECT, "1.1.0", said.append)
    assert released.bytes_of_outputs() == before
    assert any("put aside" in text for text in said)


STEPS = [("checkout", "after"), ("dvc", "before"), ("dvc", "after")]


@pytest.mark.parametrize(
    ("step", "when"), [STEPS[0], *(pytest.param(*one, marks=pytest.mark.slow) for one in STEPS[1:])]
)
def test_a_restore_that_was_killed_goes_on(
    released: World, first: dict[str, bytes], step: str, when: str
) -> None:
    die_at(released, step, when, "restore", SUBJECT, "1.0.0")
    bring(released)
    assert released.bytes_of_outputs() == first


@pytest.mark.slow
@pytest.mark.parametrize(("step", "when"), [("worktree", "before"), ("worktree", "after"), ("dvc", "after")])
def test_so_does_one_in_a_tree_of_its_own(
    released: World, first: dict[str, bytes], step: str, when: str
) -> None:
    edit(released)
    die_at(released, step, when, "restore", SUBJECT, "1.0.0")
    assert released.bytes_of_outputs(Path(bring(released).place)) == first


def kill_at_random(world: World, kills: int) -> None:
    wanted = {"1.1.0": world.bytes_of_outputs()}
    bring(world)
    wanted["1.0.0"] = world.bytes_of_outputs()
    moments = random.Random(7)
    killed = 0
    while killed < kills:
        version = ("1.0.0", "1.1.0")[killed % 2]
        running = world.start("restore", SUBJECT, version)
        try:
            running.communicate(timeout=moments.uniform(0.1, 3.5))
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
            killed += 1
    for version, expected in wanted.items():
        back = bring(world, version)
        assert world.bytes_of_outputs(Path(back.place)) == expected


def test_kills_at_random_moments_lose_nothing(released: World) -> None:
    kill_at_random(released, 2)


@pytest.mark.slow
def test_thirty_kills_at_random_moments_lose_nothing(released: World) -> None:
    kill_at_random(released, 30)


@pytest.mark.slow
def test_two_at_once_wait_for_each_other(released: World) -> None:
    both = [released.start("restore", SUBJECT, version) for version in ("1.0.0", "1.1.0")]
    said = [one.communicate()[1].decode() for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert released.git("status", "--porcelain") == ""
    assert "up to date" in released.run("dvc", "status").stdout


def test_while_teaching_goes_on_it_has_a_tree_of_its_own(released: World, first: dict[str, bytes]) -> None:
    from bluebook.teaching.repository import alone

    head = released.git("rev-parse", "HEAD")
    with alone(released.root, quiet):
        back = bring(released)
    assert back.own and released.bytes_of_outputs(Path(back.place)) == first
    assert released.git("rev-parse", "HEAD") == head


def test_a_full_or_a_read_only_disk_is_told_and_room_is_all_it_takes(
    two: World, first: dict[str, bytes]
) -> None:
    with small_disk(two.root) as disk:
        world = World(disk.root)
        disk.fill()
        done = world.run("bluebook", "restore", SUBJECT, "1.0.0", check=False)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        disk.free()
        assert world.bytes_of_outputs(Path(bring(world).place)) == first
        disk.read_only()
        done = world.run("bluebook", "restore", SUBJECT, "1.1.0", check=False)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert world.bytes_of_outputs() == first
