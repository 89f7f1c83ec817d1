"""The cycles of `bluebook teach`, as Git's commits tell them.

Each cycle is one commit, and its message ends in trailers that say what it was taught from, what it scored and what
became of it. Nothing else is kept: whoever has the commits has the history, in any clone, after any interruption.
A cycle that was set aside has no results in its tree, so its numbers stand in the trailers like those of any other.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from bluebook.reports.history import trailers as trailers_of

Outcome = Literal["start", "kept", "set aside"]
_OUTCOMES: dict[str, Outcome] = {"start": "start", "kept": "kept", "set aside": "set aside"}
_SCORE = re.compile(r"(\d\.\d+) \[(\d\.\d+), (\d\.\d+)\] n=(\d+)")
_MASTERED = re.compile(r"(\d+)/(\d+)")
_MINUTES = re.compile(r"\d+\.\d")


class Cycle(msgspec.Struct, kw_only=True, frozen=True):
    """One cycle. `start` is what a run of cycles began from. `dataset` and `adapter` are the first digits of what DVC
    knows them by; `minutes` are those of its rebuild, since the last
    interruption; no result depends on them."""

    commit: str
    subject: str
    number: int
    outcome: Outcome
    lesson: str = ""
    dataset: str = ""
    adapter: str = ""
    exam: str = ""
    n: int = 0
    score: float = 0.0
    low: float = 0.0
    high: float = 1.0
    mastered: int = 0
    targets: int = 0
    gained: tuple[str, ...] = ()
    slipped: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    teacher: str = ""
    reason: str = ""
    minutes: float = 0.0


def trailers(cycle: Cycle) -> str:
    """The last paragraph of a cycle's commit message; `cycle.commit` is not in it."""
    lines = {
        "Cycle": str(cycle.number),
        "Subject": cycle.subject,
        "Outcome": cycle.outcome,
        "Lesson": cycle.lesson,
        "Dataset": cycle.dataset,
        "Adapter": cycle.adapter,
        "Exam": cycle.exam,
        "Score": f"{cycle.score:.4f} [{cycle.low:.4f}, {cycle.high:.4f}] n={cycle.n}",
        "Mastered": f"{cycle.mastered}/{cycle.targets}",
        "Gained": ", ".join(cycle.gained),
        "Slipped": ", ".join(cycle.slipped),
        "Forgotten": ", ".join(cycle.forgotten),
        "Teacher": cycle.teacher,
        "Reason": cycle.reason,
        "Minutes": f"{cycle.minutes:.1f}",
    }
    return "\n".join(f"{name}: {' '.join(value.split())}" for name, value in lines.items() if value)


def parse(commit: str, text: str) -> Cycle | None:
    """The cycle that a commit's trailers tell of; None where they tell of none."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(": ")
        if colon:
            found[name] = value
    score = _SCORE.fullmatch(found.get("Score", ""))
    mastered = _MASTERED.fullmatch(found.get("Mastered", ""))
    minutes = _MINUTES.fullmatch(found.get("Minutes", ""))
    number, outcome = found.get("Cycle", ""), _OUTCOMES.get(found.get("Outcome", ""))
    if score is None or mastered is None or minutes is None or outcome is None or not number.isdigit():
        return None  # another tool's trailers, or a hand's
    return Cycle(
        commit=commit,
        subject=found.get("Subject", ""),
        number=int(number),
        outcome=outcome,
        lesson=found.get("Lesson", ""),
        dataset=found.get("Dataset", ""),
        adapter=found.get("Adapter", ""),
        exam=found.get("Exam", ""),
        score=float(score[1]),
        low=float(score[2]),
        high=float(score[3]),
        n=int(score[4]),
        mastered=int(mastered[1]),
        targets=int(mastered[2]),
        gained=_names(found.get("Gained", "")),
        slipped=_names(found.get("Slipped", "")),
        forgotten=_names(found.get("Forgotten", "")),
        teacher=found.get("Teacher", ""),
        reason=found.get("Reason", ""),
        minutes=float(minutes[0]),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(", ")) if text else ()


def cycles(root: Path, subject: str) -> list[Cycle]:
    """Every cycle of the subject that HEAD's history holds, oldest first; empty where there is no Git."""
    parsed = (parse(commit, text) for commit, text in trailers_of(root, "Cycle"))
    return [cycle for cycle in parsed if cycle is not None and cycle.subject == subject]
