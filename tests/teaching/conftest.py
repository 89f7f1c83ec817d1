"""A tiny repository that can be taught: real Git, and a rebuild that learns what its lessons say.

Its subject has three constructs with twenty holdout items each. A row with the prompt `teach C` makes all items of C
right, one with `forget C` makes eleven of them wrong again, whatever else is taught.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec
import pytest
import yaml

from bluebook.artifacts import write_json
from bluebook.exams.mastery import wilson
from bluebook.health.evidence import Cycle, ExamDigest, Shown
from bluebook.records import Example, Origin, read_jsonl
from bluebook.reports.cycles import Cycle as Recorded
from bluebook.teaching.loop import History, Proposal, teach

SUBJECT = "toy"
CONSTRUCTS = ("Gear", "Lever", "Wheel")
ITEMS = 20


def row(text: str) -> Example:
    origin = Origin(kind="lesson", ref="draft", group=text)
    return Example(id=text, subject=SUBJECT, prompt=text, response=text, constructs=[], origin=origin)


class World:
    """The repository at `root`. `lessons[number]` are the rows that cycle proposes at each attempt."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lessons: Callable[[int, int], Sequence[str]] = lambda number, attempt: ()
        self.rebuilds = 0
        self.said: list[str] = []

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.root), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout

    def teach(self, cycles: int = 5, **settings: object) -> History:
        return teach(
            self.root,
            SUBJECT,
            cycles=cycles,
            propose=self.propose,
            rebuild=self.rebuild,
            tell=self.said.append,
            **settings,  # type: ignore[arg-type]
        )

    def propose(self, root: Path, subject: str, number: int, attempt: int) -> Proposal:
        file = Path(f"data/lessons/{subject}/{number:03}-cycle-{number}.jsonl")
        return Proposal(file, [row(text) for text in self.lessons(number, attempt)])

    def taught(self) -> list[str]:
        files = sorted((self.root / "data/lessons" / SUBJECT).glob("*.jsonl"))
        return [example.prompt for file in files for example in read_jsonl(file, Example)]

    def rebuild(self, lock: IO[bytes]) -> None:
        self.rebuilds += 1
        taught = self.taught()
        self.write_lock(taught)
        self.write_metrics(taught)

    def write_lock(self, taught: Sequence[str]) -> None:
        """A `dvc.lock` that knows the metrics as outputs, and the dataset by what it is taught from."""
        outs = [{"path": f"metrics/{SUBJECT}/{name}.json"} for name in ("cycle", "mastery")]
        named = {"path": f"data/datasets/{SUBJECT}", "md5": f"{len(taught):08}"}
        stages = {f"health@{SUBJECT}": {"outs": outs}, f"export@{SUBJECT}": {"outs": [named]}}
        (self.root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))

    def write_metrics(self, taught: Sequence[str]) -> None:
        shown, right = {}, 0
        for name in CONSTRUCTS:
            good = 0 if f"teach {name}" not in taught else ITEMS - 11 if f"forget {name}" in taught else ITEMS
            right += good
            shown[name] = Shown(items=name, right="1" * good + "0" * (ITEMS - good))
        n = ITEMS * len(CONSTRUCTS)
        score = right / n
        exam = ExamDigest(items="all", n=n, score=score, unfinished=0, constructs=shown)
        folder = self.root / "metrics" / SUBJECT
        cycle = Cycle(train_loss=1.0, validation_loss=None, exams={"holdout": exam})
        write_json(folder / "cycle.json", cycle)
        interval = wilson(score, n)
        mastery = {"subject": SUBJECT, "exam": "toy-holdout", "version": "1", "n": n, "valid_rate": 1.0}
        mastery |= {"score": score, "low": interval.low, "high": interval.high}
        write_json(folder / "mastery.json", mastery)

    def outcomes(self) -> list[tuple[int, str, str, tuple[str, ...]]]:
        from bluebook.reports.cycles import cycles

        return [(c.number, c.outcome, c.lesson, c.forgotten) for c in cycles(self.root, SUBJECT)]

    def state(self) -> tuple[str, list[Recorded], str, str]:
        """All that must not depend on interruptions: HEAD's files, the cycles, what differs from HEAD, the refs."""
        from bluebook.reports.cycles import cycles

        told = [msgspec.structs.replace(c, commit="", minutes=0.0) for c in cycles(self.root, SUBJECT)]
        tree = self.git("ls-tree", "-r", "HEAD")
        return tree, told, self.git("status", "--porcelain"), self.git("for-each-ref", "refs/bluebook")


def make_world(root: Path) -> World:
    world = World(root)
    root.mkdir(parents=True, exist_ok=True)
    world.git("init", "--quiet", "--initial-branch=main")
    world.git("config", "user.name", "Test")
    world.git("config", "user.email", "test@example.com")
    lesson = root / "data/lessons" / SUBJECT / "001-first.jsonl"
    lesson.parent.mkdir(parents=True)
    lesson.write_bytes(msgspec.json.encode(row("teach Gear")) + b"\n")
    (root / ".gitignore").write_text("/logs/\n")
    world.git("add", "--all")
    world.git("commit", "--quiet", "--message", "a subject")
    return world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """DVC holds nothing here: every output is in Git."""
    monkeypatch.setattr("bluebook.teaching.repository.Repository.dvc", lambda *arguments: None)
    yield make_world(tmp_path / "world")
