"""The loop over real Git commits: what it keeps, what it takes back, when it ends, and that no kill changes that."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bluebook.errors import BluebookError
from bluebook.reports.cycles import cycles
from bluebook.teaching import loop
from bluebook.teaching.loop import NOTHING
from bluebook.teaching.repository import DirtyTree, RebuildFailed, Repository

from .conftest import SUBJECT, World, make_world


def forgetful(number: int, attempt: int) -> Sequence[str]:
    """Cycle 1 teaches Lever, the next one Wheel at the price of Gear, and a second try only Wheel."""
    if number == 1:
        return ["teach Lever"]
    return ["teach Wheel"] if attempt else ["teach Wheel", "forget Gear"]


def test_it_teaches_until_every_construct_is_mastered(world: World) -> None:
    world.lessons = lambda number, attempt: [f"teach {('Lever', 'Wheel')[number - 1]}"]
    history = world.teach()
    assert history.reason == "every target is mastered"
    assert history.mastered == ["Gear", "Lever", "Wheel"]
    assert not history.open
    assert [(c.number, c.outcome, c.mastered, c.targets) for c in history.cycles] == [
        (0, "start", 1, 3),
        (1, "kept", 2, 3),
        (2, "kept", 3, 3),
    ]
    assert [c.gained for c in history.cycles] == [(), ("Lever",), ("Wheel",)]
    assert world.git("status", "--porcelain") == ""


def test_a_cycle_is_one_commit_with_lesson_metrics_and_lock(world: World) -> None:
    world.lessons = lambda number, attempt: ["teach Lever"]
    [_, kept, *_] = world.teach(cycles=1).cycles
    shown = world.git("show", "--name-only", "--format=", kept.commit).split()
    assert sorted(shown) == [
        "data/lessons/toy/001-cycle-1.jsonl",
        "dvc.lock",
        "metrics/toy/cycle.json",
        "metrics/toy/mastery.json",
    ]
    assert (kept.score, kept.n, kept.dataset, kept.exam) == (0.6667, 60, "00000002", "toy-holdout 1 free")
    assert kept.low < kept.score < kept.high


def test_a_cycle_that_forgets_is_taken_back_and_its_lesson_set_aside_by_name(world: World) -> None:
    world.lessons = forgetful
    history = world.teach()
    assert world.outcomes() == [
        (0, "start", "", ()),
        (1, "kept", "001", ()),
        (2, "set aside", "002", ("Gear",)),
        (3, "kept", "003", ()),
    ]
    assert history.mastered == ["Gear", "Lever", "Wheel"]
    aside = world.root / "data/set_aside" / SUBJECT
    assert sorted(file.name for file in aside.iterdir()) == ["002-cycle-2.json", "002-cycle-2.jsonl"]
    told = json.loads((aside / "002-cycle-2.json").read_text())["reason"]
    assert "Gear: of the same 20 items 11 turned wrong and 0 right" in told
    assert "forget Gear" not in world.taught()
    # What a cycle that was set aside scored is told, though no file of its commit holds it.
    taken_back = history.cycles[2]
    assert (taken_back.mastered, taken_back.score) == (2, round(49 / 60, 4))
    before, after = (world.git("ls-tree", "-r", c.commit) for c in (history.cycles[1], taken_back))
    added = set(after.splitlines()) - set(before.splitlines())
    assert set(before.splitlines()) <= set(after.splitlines())
    assert all("data/set_aside/" in line for line in added)


def test_it_ends_without_progress_in_two_cycles(world: World) -> None:
    world.lessons = lambda number, attempt: [f"row {number}"]
    history = world.teach(cycles=9)
    assert history.reason.startswith("no progress in 2 cycles")
    assert history.open == ["Lever", "Wheel"]
    assert [c.number for c in history.cycles] == [0, 1, 2]


def test_it_ends_after_as_many_cycles_as_asked_and_with_nothing_to_teach(world: World) -> None:
    world.lessons = lambda number, attempt: ["teach Lever"]
    assert world.teach(cycles=1).reason.startswith("1 cycles")
    world.lessons = lambda number, attempt: ()
    assert world.teach(cycles=1).reason == NOTHING


def test_a_second_run_does_not_record_its_start_again(world: World) -> None:
    world.lessons = lambda number, attempt: [f"teach {('Lever', 'Wheel')[number - 1]}"]
    world.teach(cycles=1)
    world.teach(cycles=1)
    assert [outcome for _, outcome, *_ in world.outcomes()] == ["start", "kept", "kept"]


def test_results_that_changed_between_runs_are_a_new_start(world: World) -> None:
    world.lessons = lambda number, attempt: ["teach Lever"]
    world.teach(cycles=1)
    (world.root / "data/lessons/toy/001-first.jsonl").unlink()
    world.git("commit", "--quiet", "--all", "--message", "one lesson less")
    history = world.teach(cycles=0)
    assert [c.outcome for c in history.cycles] == ["start", "kept", "start"]
    assert history.open == ["Gear", "Wheel"]
    # What code or data of others made forget is nobody's lesson's fault.
    world.lessons = lambda number, attempt: ["teach Wheel"]
    assert world.teach(cycles=1).cycles[-1].outcome == "kept"


@pytest.mark.parametrize("path", ["notes.txt", "data/lessons/toy/007-mine.jsonl", ".gitignore", "dvc.lock"])
def test_a_dirty_work_tree_is_refused_by_name(world: World, path: str) -> None:
    (world.root / path).write_text("mine\n")
    with pytest.raises(DirtyTree, match=path):
        world.teach()
    assert (world.root / path).read_text() == "mine\n"
    assert world.rebuilds == 0


def test_what_a_person_writes_during_a_cycle_is_never_committed(world: World) -> None:
    def meddle(number: int, attempt: int) -> Sequence[str]:
        (world.root / "data/lessons/toy/009-mine.jsonl").write_bytes(b"")
        return ["teach Lever"]

    world.lessons = meddle
    with pytest.raises(DirtyTree, match=r"009-mine\.jsonl"):
        world.teach()
    assert "009-mine" not in world.git("log", "--name-only", "--format=")
    (world.root / "data/lessons/toy/009-mine.jsonl").unlink()
    world.lessons = lambda number, attempt: ["teach Lever"]
    assert world.teach(cycles=1).mastered == ["Gear", "Lever"]


def test_another_subjects_results_are_not_its_own(world: World) -> None:
    world.teach(cycles=0)
    (world.root / "metrics/other").mkdir()
    (world.root / "metrics/other/mastery.json").write_text("{}\n")
    with pytest.raises(DirtyTree, match=r"metrics/other/mastery\.json"):
        world.teach()


def test_a_gate_that_refuses_the_lesson_sets_it_aside(world: World) -> None:
    honest = world.rebuild

    def gated(lock: Any) -> None:
        if "a leak" not in world.taught():
            honest(lock)
            return
        rule = {"name": "exam_leak", "kind": "rows", "passed": False, "severity": "failure"}
        (world.root / "metrics/toy/gate.json").write_text(json.dumps({"passed": False, "rules": [rule]}))
        world.write_lock(world.taught())
        raise RebuildFailed("dvc says no")

    world.rebuild = gated  # type: ignore[method-assign]
    world.lessons = lambda number, attempt: ["teach Lever", *([] if attempt else ["a leak"])]
    locked = world.write_lock

    def with_gate(taught: Sequence[str]) -> None:
        locked(taught)
        file = world.root / "dvc.lock"
        file.write_text(file.read_text().replace("metrics/toy/mastery.json", "metrics/toy"))

    world.write_lock = with_gate  # type: ignore[method-assign]
    history = world.teach(cycles=2)
    assert [c.outcome for c in history.cycles] == ["start", "set aside", "kept"]
    assert history.cycles[1].reason == "the gate refused it: exam_leak"
    assert not (world.root / "metrics/toy/gate.json").exists()


def test_another_failure_of_the_rebuild_is_raised_and_gone_on_from(world: World) -> None:
    world.lessons = lambda number, attempt: ["teach Lever"]
    honest = world.rebuild

    def full(lock: Any) -> None:
        if "teach Lever" in world.taught():
            raise RebuildFailed("the disk is full")
        honest(lock)

    world.rebuild = full  # type: ignore[method-assign]
    with pytest.raises(RebuildFailed, match="disk is full"):
        world.teach(cycles=1)
    world.rebuild = honest  # type: ignore[method-assign]
    assert world.teach(cycles=1).mastered == ["Gear", "Lever"]
    assert world.outcomes()[-1] == (1, "kept", "001", ())


class Killed(BaseException):
    """As sudden as a signal: nothing of the loop catches it."""


class Reaper:
    """Lists everything that changes the world, and ends the process before or amid the act that is `due`."""

    MUTATING = ("add", "commit", "restore", "update-ref", "hash-object")

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.due: tuple[str, int] | None = None  # an act, and the how manieth of its kind
        self.acts: list[str] = []
        git, rebuild = Repository.git, world.rebuild

        def struck_git(repository: Repository, *arguments: str, text: str | None = None) -> str:
            if arguments[0] in self.MUTATING:
                self.strike(f"git {arguments[0]}")
            return git(repository, *arguments, text=text)

        def struck_rebuild(lock: Any) -> None:
            self.strike("rebuild")
            world.write_lock(world.taught())
            self.strike("amid rebuild")  # the lock is the new one, the metrics are the old ones
            rebuild(lock)

        monkeypatch.setattr(Repository, "git", struck_git)
        monkeypatch.setattr(Repository, "dvc", lambda repository, *arguments: self.strike("dvc checkout"))
        monkeypatch.setattr(world, "rebuild", struck_rebuild)
        for name in ("write_jsonl", "write_json"):
            monkeypatch.setattr(loop, name, self.struck(name, getattr(loop, name)))

    def struck(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def before(*arguments: Any) -> Any:
            self.strike(name)
            return act(*arguments)

        return before

    def strike(self, act: str) -> None:
        self.acts.append(act)
        if self.due == (act, self.acts.count(act)):
            raise Killed


def fresh(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[World, Reaper]:
    monkeypatch.undo()
    world = make_world(folder)
    world.lessons = forgetful
    return world, Reaper(world, monkeypatch)


def killed_and_gone_on(world: World, reaper: Reaper, due: tuple[str, int]) -> object:
    reaper.due = due
    with pytest.raises(Killed):
        world.teach()
    world.teach()
    return world.state()


BOUNDARIES = {
    "in the first rebuild": ("amid rebuild", 1),
    "with the cycle begun and its lesson not written": ("write_jsonl", 1),
    "between promote and rebuild": ("rebuild", 2),
    "between rebuild and commit": ("git add", 2),
    "with the reason not yet written": ("write_json", 1),
    "with the reason written, nothing taken back": ("git restore", 1),
    "with Git's part taken back, DVC's not": ("dvc checkout", 1),
    "with all taken back and not recorded": ("git commit", 3),
}


def test_killed_at_each_boundary_the_same_command_comes_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = fresh(tmp_path / "undisturbed", monkeypatch)
    world.teach()
    expected = world.state()
    for number, (when, due) in enumerate(BOUNDARIES.items()):
        assert killed_and_gone_on(*fresh(tmp_path / f"{number}", monkeypatch), due) == expected, when


@pytest.mark.slow
def test_killed_before_anything_it_does_the_same_command_comes_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, reaper = fresh(tmp_path / "undisturbed", monkeypatch)
    world.teach()
    expected, acts = world.state(), reaper.acts
    assert len(acts) > 20
    for index, act in enumerate(acts):
        due = (act, acts[: index + 1].count(act))
        assert killed_and_gone_on(*fresh(tmp_path / f"{index}", monkeypatch), due) == expected, due


def test_killed_in_a_cycle_it_counts_the_cycles_of_the_run_and_not_of_the_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.lessons = lambda number, attempt: [f"row {number}", *(["teach Lever"] if number == 1 else [])]
    reaper = Reaper(world, monkeypatch)
    reaper.due = ("amid rebuild", 3)
    with pytest.raises(Killed):
        world.teach(cycles=2)
    assert len(cycles(world.root, SUBJECT)) == 2
    assert world.teach(cycles=2).reason.startswith("2 cycles")
    assert [number for number, *_ in world.outcomes()] == [0, 1, 2]


def test_an_interrupted_cycle_whose_ground_has_moved_is_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.lessons = lambda number, attempt: ["teach Lever"]
    reaper = Reaper(world, monkeypatch)
    reaper.due = ("amid rebuild", 2)
    with pytest.raises(Killed):
        world.teach(cycles=1)
    world.git("clean", "--quiet", "--force", "-d")
    world.git("checkout", "--quiet", ".")
    (world.root / "notes.txt").write_text("mine\n")
    world.git("add", "notes.txt")
    world.git("commit", "--quiet", "--message", "a person's own")
    assert world.teach(cycles=1).mastered == ["Gear", "Lever"]
    assert any("HEAD has moved" in line for line in world.said)


def test_without_a_branch_or_a_holdout_nothing_begins(world: World) -> None:
    world.git("checkout", "--quiet", "--detach")
    with pytest.raises(BluebookError, match="no branch"):
        world.teach()
    world.git("switch", "--quiet", "main")
    with pytest.raises(BluebookError, match=r"Pulley \(0\)"):
        world.teach(wanted=["Pulley"])


def test_before_each_training_and_after_each_commit_it_can_be_saved(world: World) -> None:
    world.lessons = lambda number, attempt: ["teach Lever"]
    seen: list[tuple[str, int]] = []

    def save(when: str) -> None:
        seen.append((when, int(world.git("rev-list", "--count", "HEAD"))))

    world.teach(cycles=1, save=save)
    assert seen == [("pre-training", 1), ("milestone", 2), ("pre-training", 2), ("milestone", 3)]
