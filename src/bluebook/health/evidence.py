"""What the health rules judge: one cycle's numbers, and the exam results of the cycles before it.

A cycle leaves a digest of its exams in `metrics/S/cycle.json`: for each construct one character an item, `1`
right and `0` wrong, in the order of the items' ids, and a hash of those items' whole content and of the mode
that they were asked in. Git keeps the digests, so a later cycle can compare item by item without the answers,
which Git does not hold. Where the hash differs the questions differ, and nothing is compared: earlier systems
called other questions a regression.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from bluebook.records import ExamItem, Grade, Mode, encode

Level = Literal["INFO", "SUGGESTION", "WARNING", "CRITICAL"]
LEVELS: tuple[Level, ...] = ("CRITICAL", "WARNING", "SUGGESTION", "INFO")  # worst first


class Finding(msgspec.Struct, kw_only=True, frozen=True):
    """One rule's verdict: what was measured, against what, and what to do about it."""

    rule: str
    level: Level
    value: float
    threshold: float
    detail: str
    advice: str


class Corpus(msgspec.Struct, kw_only=True):
    """The part of `compose.json` that is judged."""

    formatted: int
    lessons: int
    generated: int = 0
    lesson_share: float
    dropped: dict[str, int] = {}  # examples by reason
    constructs: dict[str, dict[str, int]] = {}  # split -> construct -> examples


class Export(msgspec.Struct, kw_only=True):
    """The part of `export.json` that is judged."""

    examples: int
    rejected: dict[str, int] = {}  # examples by reason


class Training(msgspec.Struct, kw_only=True):
    """The part of `train.json` that is judged; losses in nats a supervised token."""

    steps: int
    train_loss: float
    validation_loss: float | None = None


class Point(msgspec.Struct, kw_only=True):
    """A point of `loss.json`; `grad_norm` is the largest since the point before, not yet clipped."""

    step: int
    loss: float
    eval_loss: float | None = None
    grad_norm: float | None = None


class Shown(msgspec.Struct, kw_only=True, frozen=True):
    """What the answers show of one construct: a hash of its items, and right or wrong for each."""

    items: str
    right: str


class ExamDigest(msgspec.Struct, kw_only=True, frozen=True):
    """One kind of exam in one cycle. `unfinished` answers were cut before they ended by themselves."""

    items: str
    n: int
    score: float
    unfinished: int
    constructs: dict[str, Shown]


class Cycle(msgspec.Struct, kw_only=True, frozen=True):
    """What later cycles need to know of this one; `exams` by kind."""

    train_loss: float
    validation_loss: float | None
    exams: dict[str, ExamDigest]


class Past(msgspec.Struct, kw_only=True, frozen=True):
    """An earlier cycle and the commit that holds it."""

    commit: str
    cycle: Cycle


class Evidence(msgspec.Struct, kw_only=True):
    """Everything that the rules may look at. `warmup` is a share of the run below 1 and a number of steps from
    there; `earlier` cycles come oldest first."""

    corpus: Corpus
    export: Export
    training: Training
    curve: Sequence[Point]
    warmup: float
    cycle: Cycle
    earlier: Sequence[Past] = ()


def digest(items: Iterable[ExamItem], grades: Iterable[Grade]) -> dict[str, ExamDigest]:
    """The graded items of each kind of exam, from grades of one mode. An item without a grade counts nowhere."""
    by_id = {item.id: item for item in items}
    kinds: dict[str, list[Grade]] = {}
    for grade in sorted(grades, key=lambda grade: grade.item):
        if grade.item in by_id:
            kinds.setdefault(by_id[grade.item].kind, []).append(grade)
    return {kind: _exam(by_id, found) for kind, found in sorted(kinds.items())}


def _exam(items: Mapping[str, ExamItem], grades: Sequence[Grade]) -> ExamDigest:
    shown: dict[str, list[Grade]] = {}
    for grade in grades:
        for construct in grade.per_construct:
            shown.setdefault(construct, []).append(grade)
    [mode] = {grade.mode for grade in grades}
    return ExamDigest(
        items=_hash(mode, (items[grade.item] for grade in grades)),
        n=len(grades),
        score=round(sum(grade.score for grade in grades) / len(grades), 6),
        unfinished=sum(any(error.category == "unfinished" for error in grade.errors) for grade in grades),
        constructs={
            construct: Shown(
                items=_hash(mode, (items[grade.item] for grade in found)),
                right="".join("1" if grade.per_construct[construct] >= 1 else "0" for grade in found),
            )
            for construct, found in sorted(shown.items())
        },
    )


def _hash(mode: Mode, items: Iterable[ExamItem]) -> str:
    """How the items were asked, and their content. The version is left out: an exam that grows keeps its old
    items."""
    whole = hashlib.sha256(mode.encode())
    for item in items:
        whole.update(encode(msgspec.structs.replace(item, version="")) + b"\n")
    return whole.hexdigest()[:12]


def past(commit: str, raw: bytes) -> Past | None:
    """The cycle in a `cycle.json` of an earlier commit; None for one written before cycles had this shape,
    which nothing can be compared with."""
    try:
        return Past(commit=commit, cycle=msgspec.json.decode(raw, type=Cycle))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def distinct(past: Sequence[Past], now: Cycle) -> list[Past]:
    """The cycles before `now`, oldest first, each once.

    A commit may change `cycle.json` without a new cycle (another field), and after the commit of its results
    Git's newest cycle is the present one: a run of the stage before and after that commit must write the same
    bytes.
    """
    found: list[Past] = []
    for entry in past:
        if entry.cycle != now and (not found or found[-1].cycle != entry.cycle):
            found.append(entry)
    return found
