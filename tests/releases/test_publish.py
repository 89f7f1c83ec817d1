"""What a release leaves behind, what it refuses, and what a death or a full disk in its midst costs: nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bluebook.releases import publish
from bluebook.releases.checks import Refused

from .conftest import ROOT, SUBJECT, World, quiet
from .disks import small_disk

CARD = "models/cards/persona.md"


def release(world: World, version: str, *options: str) -> subprocess.CompletedProcess[str]:
    return world.run("bluebook", "release", SUBJECT, version, *options, check=False)


class TestARelease:
    def test_is_a_commit_with_a_tag_that_gto_reads_and_makes_nothing_stale(self, world: World) -> None:
        done = release(world, "1.2.0", "--stage", "production", "--json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)["release"]
        assert told["tag"] == "persona@v1.2.0" and told["stage_tag"] == "persona#production#1"
        assert told["commit"] == world.git("rev-parse", "HEAD").strip()
        assert world.git("status", "--porcelain") == ""
        assert sorted(world.git("diff", "--name-only", "HEAD~1", "HEAD").split()) == ["dvc.yaml", CARD]
        assert world.git("cat-file", "-t", "persona@v1.2.0").strip() == "tag"
        [shown] = json.loads(world.run("gto", "show", SUBJECT, "--json").stdout)
        assert (shown["version"], shown["commit_hexsha"]) == ("v1.2.0", told["commit"])
        assert json.loads(world.run("dvc", "status", "--json").stdout) == {}
        live = json.loads(world.run("gto", "show", f"{SUBJECT}#production", "--json").stdout)
        assert [one["version"] for one in live] == ["v1.2.0"]

    def test_is_got_by_dvc_from_another_clone(self, world: World, tmp_path: Path) -> None:
        publish.release(world.root, SUBJECT, "1.0.0", "production", quiet)
        first = (world.root / "models/adapters/persona/adapter.bin").read_bytes()
        world.teach(mode_dual=19)
        publish.release(world.root, SUBJECT, "1.1.0", None, quiet)
        elsewhere = tmp_path / "elsewhere"
        world.run("git", "clone", "--quiet", str(world.root), str(elsewhere), cwd=tmp_path)
        got = {}
        for name, wanted in {
            "old": ("--rev", "v1.0.0"),
            "live": ("--stage", "production"),
            "new": (),
        }.items():
            world.run(
                "dvc", "artifacts", "get", str(world.root), SUBJECT, *wanted, "--out", name, cwd=elsewhere
            )
            got[name] = (elsewhere / name / "adapter.bin").read_bytes()
        assert got["live"] == first
        assert got["new"] == (world.root / "models/adapters/persona/adapter.bin").read_bytes() != first

    def test_tells_what_became_worse_since_the_last_one(self, world: World) -> None:
        publish.release(world.root, SUBJECT, "1.0.0", None, quiet)
        assert "first version" in (world.root / CARD).read_text()
        world.teach(mode_agent=5, mode_dual=20)
        publish.release(world.root, SUBJECT, "1.1.0", None, quiet)
        [worse] = [line for line in (world.root / CARD).read_text().splitlines() if "forgotten" in line]
        assert worse.startswith("| mode:agent | forgotten | 95.0 % | 25.0 % |")
        assert "Learned since: mode:dual" in (world.root / CARD).read_text()

    def test_of_a_source_without_a_licence_says_so(self, world: World) -> None:
        (world.root / "data/sources.yaml").write_text(
            "data/raw/persona: {what: letters, licence: CC-BY-4.0}\n"
        )
        world.rebuild("sources")
        done = release(world, "1.0.0")
        assert done.returncode == 0
        assert "data/lessons/persona" in done.stderr and "data/raw/persona" not in done.stderr
        card = (world.root / CARD).read_text()
        assert "| `data/raw/persona` | letters | CC-BY-4.0 |" in card
        assert "| `data/lessons/persona` |  | **not stated** |" in card


def dirty(world: World) -> None:
    (world.root / "build.py").write_text((world.root / "build.py").read_text() + "# edited\n")


def new_file(world: World) -> None:
    (world.root / "notes.txt").touch()


def red(world: World) -> None:
    (world.root / "data/raw/persona/red").touch()
    world.run("dvc", "repro", "--quiet", check=False)
    world.git("add", "--all")
    world.git("commit", "--quiet", "--message", "red")


def stale(world: World) -> None:
    (world.root / "skill.txt").write_text('{"mode:agent": 20}')
    world.git("commit", "--quiet", "--all", "--message", "not rebuilt")


def stale_code(world: World) -> None:
    dirty(world)
    world.git("commit", "--quiet", "--all", "--message", "not rebuilt")


def damaged(world: World) -> None:
    from .test_outputs import flip

    flip(world.root / "models/adapters/persona/adapter.bin")


def deleted(world: World) -> None:
    (world.root / "models/base/base.json").unlink()


def ungraded(world: World) -> None:
    """Graded once, and then another result was committed over it."""
    file = world.root / "metrics/persona/mastery.json"
    file.write_text(file.read_text().replace('"score": ', '"score": 0'))
    world.git("commit", "--quiet", "--all", "--message", "better marks")


def never_graded(world: World) -> None:
    world.git("rm", "--quiet", "metrics/persona/mastery.json")
    world.git("commit", "--quiet", "--message", "no exam")


def no_items(world: World) -> None:
    (world.root / "skill.txt").write_text("{}")
    world.rebuild("nothing is asked")


def exists(world: World) -> None:
    publish.release(world.root, SUBJECT, "1.0.0", None, quiet)


def higher(world: World) -> None:
    publish.release(world.root, SUBJECT, "1.0.1", None, quiet)


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (dirty, "dirty tree"),
        pytest.param(new_file, "dirty tree", marks=pytest.mark.slow),
        (red, "red gate"),
        (stale, "stale lock"),
        pytest.param(stale_code, "stale lock", marks=pytest.mark.slow),
        (damaged, "stale lock"),
        pytest.param(deleted, "stale lock", marks=pytest.mark.slow),
        (ungraded, "ungraded commit"),
        pytest.param(never_graded, "ungraded commit", marks=pytest.mark.slow),
        pytest.param(no_items, "ungraded commit", marks=pytest.mark.slow),
        (exists, "version exists"),
        (higher, "version does not increase"),
    ],
)
def test_a_release_is_refused_by_name(world: World, spoil: Callable[[World], None], name: str) -> None:
    spoil(world)
    before = world.tags(), world.git("rev-parse", "HEAD")
    with pytest.raises(Refused) as found:
        publish.release(world.root, SUBJECT, "1.0.0", None, quiet)
    assert name in [refusal.name for refusal in found.value.refusals]
    assert (world.tags(), world.git("rev-parse", "HEAD")) == before


def test_all_reasons_are_told_at_once(world: World) -> None:
    publish.release(world.root, SUBJECT, "2.0.0", None, quiet)
    red(world)
    new_file(world)
    done = release(world, "1.0.0")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    names = ("dirty tree", "red gate", "stale lock", "version does not increase")
    assert [name for name in names if f"  {name}: " in done.stderr] == list(names)


def test_what_is_no_version_is_refused(world: World) -> None:
    done = release(world, "1.0")
    assert done.returncode == 1 and "not a version" in done.stderr


def test_a_commit_on_no_branch_is_refused(world: World) -> None:
    world.git("checkout", "--quiet", "--detach")
    done = release(world, "1.0.0")
    assert done.returncode == 1 and "no branch" in done.stderr and not world.tags()


# Deaths.

STEPS = [
    (step, when) for step in ("write", "add", "commit", "mktag", "update-ref") for when in ("before", "after")
]
FEW = [("write", "after")]


def die_at(world: World, step: str, when: str, *verb: str) -> None:
    died = subprocess.run(
        [sys.executable, "-m", "tests.releases.dying", step, when, *verb],
        cwd=world.root,
        env={**world.environment, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr


@pytest.mark.parametrize(
    ("step", "when"),
    [pytest.param(*one, marks=[] if one in FEW else [pytest.mark.slow]) for one in STEPS],
)
def test_a_release_that_was_killed_goes_on_from_any_step(world: World, step: str, when: str) -> None:
    die_at(world, step, when, "release", SUBJECT, "1.0.0", "--stage", "production")
    again = release(world, "1.0.0", "--stage", "production")
    if (step, when) == ("update-ref", "after"):
        assert "version exists" in again.stderr
    else:
        assert again.returncode == 0, again.stderr
    assert world.tags() == ["persona#production#1", "persona@v1.0.0"]
    assert world.git("status", "--porcelain") == ""
    assert world.git("rev-list", "--count", "HEAD").strip() == "2"
    assert world.git("show", f"persona@v1.0.0:{CARD}") == (world.root / CARD).read_text()
    assert "persona" in yaml.safe_load((world.root / "dvc.yaml").read_text())["artifacts"]


def test_a_card_that_a_person_has_edited_is_no_leftover(world: World) -> None:
    die_at(world, "write", "after", "release", SUBJECT, "1.0.0")
    (world.root / CARD).write_text("mine")
    done = release(world, "1.0.0")
    assert done.returncode == 1 and "dirty tree" in done.stderr
    assert (world.root / CARD).read_text() == "mine"


def test_half_a_note_of_a_killed_dvc_stops_no_release(world: World) -> None:
    (world.root / ".dvc/tmp/rwlock").write_bytes(b"")
    made = release(world, "1.0.0")
    assert made.returncode == 0, made.stderr


def kill_at_random(world: World, kills: int) -> None:
    """Release again and again; after each kill nothing is half there, and at the end everything works."""
    moments = random.Random(11)
    killed, patch = 0, 0
    while killed < kills:
        version = f"1.0.{patch}"
        running = world.start("release", SUBJECT, version)
        try:
            running.communicate(timeout=moments.uniform(0.1, 3.0))
            patch += 1
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
            killed += 1
            patch += f"persona@v{version}" in world.tags()
        world.git("fsck", "--strict", "--connectivity-only")
    last = release(world, f"1.0.{patch}")
    assert last.returncode == 0, last.stderr
    assert world.git("status", "--porcelain") == ""
    for number in range(patch + 1):
        assert world.git("show", f"persona@v1.0.{number}:{CARD}").startswith(f"# persona v1.0.{number}\n")


def test_kills_at_random_moments_lose_nothing(world: World) -> None:
    kill_at_random(world, 3)


@pytest.mark.slow
def test_thirty_kills_at_random_moments_lose_nothing(world: World) -> None:
    kill_at_random(world, 30)


def test_two_at_once_make_one_version(world: World) -> None:
    both = [world.start("release", SUBJECT, "1.0.0", "--stage", "production") for _ in range(2)]
    said = [one.communicate()[1].decode() for one in both]
    assert sorted(one.returncode for one in both) == [0, 1], said
    assert any("version exists" in text for text in said)
    assert world.tags() == ["persona#production#1", "persona@v1.0.0"]
    assert world.git("status", "--porcelain") == ""


def test_on_a_full_disk_nothing_is_released_and_room_is_all_it_takes(built: World) -> None:
    with small_disk(built.root) as disk:
        world = World(disk.root)
        disk.fill()
        done = release(world, "1.0.0")
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        disk.free()
        assert world.tags() == []
        done = release(world, "1.0.0")
        assert done.returncode == 0, done.stderr
        assert world.git("status", "--porcelain") == ""


def test_on_a_read_only_disk_nothing_is_released(built: World) -> None:
    with small_disk(built.root) as disk:
        world = World(disk.root)
        disk.read_only()
        done = release(world, "1.0.0")
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "ead-only" in done.stderr
        assert world.tags() == []
