"""One subject as the report shows it: everything read, counted and chosen, nothing formatted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from bluebook.records import Answer, ExamItem, Grade, Outcome, Sample, read_jsonl
from bluebook.reports.comparison import counted
from bluebook.reports.cycles import Cycle, cycles
from bluebook.reports.history import Revision, revisions
from bluebook.reports.inputs import (
    Construct,
    GateResult,
    Health,
    LossRow,
    Mastery,
    Training,
    read_optional,
    rows_if_any,
)
from bluebook.reports.retention import Retention
from bluebook.subjects.subject import ParseError, PicturePair, Subject

# Answers shown of each construct: enough to see how it fails and how it succeeds. The rest stays in
# data/grades.
WEAKEST = 24
BEST = 8


class Curated(msgspec.Struct, kw_only=True):
    """The part of an example that is counted."""

    constructs: list[str]
    split: str = ""


class Broken(msgspec.Struct, kw_only=True, frozen=True):
    """Where a text leaves its language; line and column count from 1."""

    line: int
    column: int
    message: str


class Drawing(msgspec.Struct, kw_only=True, frozen=True):
    """An item's graphs. A text that cannot be parsed has no pictures; it is told where it is broken."""

    pairs: list[PicturePair]
    expected_broken: Broken | None = None
    actual_broken: Broken | None = None


class GradedItem(msgspec.Struct, kw_only=True, frozen=True):
    """An exam item with what the model wrote and what the grader found. `drawing` is None where the subject
    draws nothing."""

    item: ExamItem
    answer: Answer
    grade: Grade
    drawing: Drawing | None = None


class ExamErrors(msgspec.Struct, kw_only=True):
    """How often each (kind, category) of error was made on an exam, and about which constructs, by category."""

    counts: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    constructs: dict[str, Counter[str]] = {}


class View(msgspec.Struct, kw_only=True):
    """What there is of one subject; None and empty stand for "not built yet"."""

    name: str
    base: str
    model: str  # the name under which the adapter sat the exam
    examples: Counter[str]  # by split
    constructs: dict[str, Counter[str]]  # construct -> examples by split
    outcomes: Counter[str]  # input files by outcome
    reasons: Counter[tuple[str, str]]  # input files by (outcome, reason)
    pairs: int
    samples: list[Sample]
    gate: GateResult | None
    training: Training | None
    health: Health | None
    losses: list[LossRow]
    holdout: Mastery | None
    practice: Mastery | None
    items: list[GradedItem]
    items_in_all: int
    by_mode: dict[tuple[str, str], dict[str, Construct]]  # (kind of exam, mode) -> construct
    errors: dict[tuple[str, str], ExamErrors]  # (kind of exam, mode)
    retention: Retention | None
    revisions: list[Revision]
    cycles: list[Cycle] = []


def gather(root: Path, name: str, base: str, subject: Subject | None = None) -> View:
    """Read everything there is of a subject; `base` is `base.source` of params.yaml. With `subject` itself its
    answers are drawn. Raises DataError for a malformed file, never for a missing one."""
    examples: Counter[str] = Counter()
    constructs: dict[str, Counter[str]] = {}
    for row in rows_if_any(root / f"data/examples/{name}.jsonl", Curated):
        examples[row.split] += 1
        for construct in row.constructs:
            constructs.setdefault(construct, Counter())[row.split] += 1
    outcomes: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    pairs = 0
    for line in rows_if_any(root / f"data/records/{name}.ledger.jsonl", Outcome):
        outcomes[line.outcome] += 1
        pairs += line.pairs
        if line.reason is not None:
            reasons[line.outcome, line.reason] += 1
    items = graded_items(root, name)
    metrics = root / "metrics" / name
    return View(
        name=name,
        base=base,
        model=items[0].answer.model if items else "",
        examples=examples,
        constructs=constructs,
        outcomes=outcomes,
        reasons=reasons,
        pairs=pairs,
        samples=list(rows_if_any(root / f"data/records/{name}.samples.jsonl", Sample)),
        gate=read_optional(metrics / "gate.json", GateResult),
        training=read_optional(metrics / "train.json", Training),
        health=read_optional(metrics / "health.json", Health),
        losses=read_optional(metrics / "loss.json", list[LossRow]) or [],
        holdout=_taken(metrics / "mastery.json"),
        practice=_taken(metrics / "practice.json"),
        items=[drawn(item, subject) for item in chosen(items)] if subject else chosen(items),
        items_in_all=len(items),
        by_mode=_by_mode(items),
        errors=_errors(items),
        retention=read_optional(metrics / "retention.json", Retention),
        revisions=revisions(root, name),
        cycles=cycles(root, name),
    )


def _by_mode(items: Iterable[GradedItem]) -> dict[tuple[str, str], dict[str, Construct]]:
    shown: dict[tuple[str, str], dict[str, list[float]]] = {}
    for graded in items:
        values = shown.setdefault((graded.item.kind, graded.grade.mode), {})
        for construct, value in graded.grade.per_construct.items():
            values.setdefault(construct, []).append(value)
    return {
        key: {name: counted(values) for name, values in found.items()} for key, found in sorted(shown.items())
    }


def _errors(items: Iterable[GradedItem]) -> dict[tuple[str, str], ExamErrors]:
    found: dict[tuple[str, str], ExamErrors] = {}
    for graded in items:
        errors = found.setdefault((graded.item.kind, graded.grade.mode), ExamErrors())
        for error in graded.grade.errors:
            errors.counts[error.kind, error.category] += 1
            errors.constructs.setdefault(error.category, Counter())[error.construct] += 1
    return found


def _taken(path: Path) -> Mastery | None:
    """An exam's result; a subject without exams of that kind has a file that says n = 0."""
    found = read_optional(path, Mastery)
    return found if found is not None and found.n else None


def exam_items(root: Path, name: str) -> dict[str, ExamItem]:
    """Every exam item of a subject by its id: those written for it and those set aside from its records."""
    files = [*sorted((root / "data/exams" / name).glob("*.jsonl")), root / f"data/holdout/{name}.jsonl"]
    return {item.id: item for file in files for item in rows_if_any(file, ExamItem)}


def graded_items(root: Path, name: str) -> list[GradedItem]:
    """Grades joined with their answers and items, by item id. Grades whose item or answer is gone are left
    out: a stage that runs half-way leaves such pairs, and its next run removes them."""
    grades = root / f"data/grades/{name}.jsonl"
    if not grades.exists():
        return []
    items = exam_items(root, name)
    answers = {(a.item, a.mode): a for a in rows_if_any(root / f"data/answers/{name}.jsonl", Answer)}
    return sorted(
        (
            GradedItem(item=items[grade.item], answer=answers[grade.item, grade.mode], grade=grade)
            for grade in read_jsonl(grades, Grade)
            if grade.item in items and (grade.item, grade.mode) in answers
        ),
        key=lambda graded: (graded.grade.score, graded.item.id, graded.grade.mode),
    )


def chosen(items: Iterable[GradedItem]) -> list[GradedItem]:
    """The weakest and the best few of each construct, weakest first; `items` come sorted that way."""
    by_construct: dict[str, list[int]] = {}
    listed = list(items)
    for index, graded in enumerate(listed):
        for construct in graded.item.constructs:
            by_construct.setdefault(construct, []).append(index)
    wanted: set[int] = set()
    for indices in by_construct.values():
        wanted.update(indices[:WEAKEST], indices[-BEST:])
    return [listed[index] for index in sorted(wanted)]


def drawn(graded: GradedItem, subject: Subject) -> GradedItem:
    """The item with its pictures, the answer's differences from the reference marked."""
    expected, expected_broken = _parsed(graded.item.reference, subject)
    actual, actual_broken = _parsed(graded.answer.text, subject)
    # What stands alone is compared with itself: nothing is marked.
    sides = actual if expected_broken else expected, expected if actual_broken else actual
    if expected_broken and actual_broken:
        return graded
    pairs = subject.draw(*sides)
    if not pairs:
        return graded
    drawing = Drawing(pairs=pairs, expected_broken=expected_broken, actual_broken=actual_broken)
    return msgspec.structs.replace(graded, drawing=drawing)


def _parsed(text: str, subject: Subject) -> tuple[Any, Broken | None]:
    try:
        return subject.parse(text), None
    except ParseError as error:
        return None, Broken(line=error.line, column=error.column, message=str(error))


def grouped(constructs: Iterable[str]) -> dict[str, list[str]]:
    """Constructs by the part before their first colon (`mode:dual` -> `mode`), each group sorted; `construct`
    holds those without one."""
    groups: dict[str, list[str]] = {}
    for construct in sorted(constructs):
        kind, colon, _ = construct.partition(":")
        groups.setdefault(kind if colon else "construct", []).append(construct)
    return dict(sorted(groups.items()))
