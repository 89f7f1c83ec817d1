"""What an answer is worth. Nothing is generated here and no model judges: the subject that writes lessons is
the judge.

An answer is valid when the model finished it, the subject can parse it and its rules find no fault. Only a
valid answer has a score; what an invalid one shows of each construct is still recorded, because lessons are
drafted from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bluebook.errors import BluebookError
from bluebook.exams.baselines import constant, retrieval
from bluebook.exams.extraction import program_within
from bluebook.exams.mastery import Mastery, mastery, totals
from bluebook.records import (
    Answer,
    ErrorKind,
    ExamItem,
    Example,
    Grade,
    GradeError,
    Lenient,
    Mode,
    Share,
)
from bluebook.subjects.subject import Comparison, Diagnostic, ParseError, Subject


class GradedExam(NamedTuple):
    """Grades sorted by item id and mode, and what those of one mode add up to."""

    grades: list[Grade]
    mastery: Mastery


def grade_exam(
    subject: Subject,
    items: Sequence[ExamItem],
    answers: Iterable[Answer],
    train: Sequence[Example] = (),
    mode: Mode | None = None,
) -> GradedExam:
    """Grade answers to `items`, from whatever model. Those of both modes are graded; mastery counts `mode`, or
    where that is None the only mode that there is.

    Items without an answer of that mode are counted as `unanswered`. With `train` the same items are also
    answered by both baselines; without it the baselines are empty, as there is nothing to look up. Raises
    BluebookError for an answer to an unknown item, for a second answer of one mode to an item, and where no
    answer is of the mode that counts, or nobody says which of two modes does.
    """
    matched = _match(items, answers)
    mode = _counted(mode, {answer.mode for answer in matched.values()})
    known = {item.id: item for item in items}
    grades = [grade(known[item], matched[item, of], subject) for item, of in sorted(matched)]
    asked = [item for item in items if (item.id, mode) in matched]
    baselines = {}
    if train and asked:
        for name, write in (("retrieval", retrieval), ("constant", constant)):
            written = {answer.item: answer for answer in write(asked, train)}
            baselines[name] = totals([grade(item, written[item.id], subject) for item in asked])
    return GradedExam(
        grades, mastery(subject.name, items, list(matched.values()), grades, baselines, mode=mode)
    )


def grade(item: ExamItem, answer: Answer, subject: Subject) -> Grade:
    """Grade one answer. Raises BluebookError where the item's own reference cannot be parsed: the exam is at
    fault.

    The score is strict: the whole answer is the program. Where it is none, `lenient` tells what the program
    inside it (`extraction.py`) would have got. `taxonomy.py` documents the errors.
    """
    reference = _parse_reference(item, subject)
    if answer.finish != "stop":
        cut = f"{answer.finish} after {answer.tokens} tokens"
        return _failed(item, answer, "unfinished", cut, subject.compare(reference, reference))
    try:
        program = subject.parse(answer.text)
    except ParseError as error:
        failed = _failed(item, answer, "format", str(error), subject.compare(reference, reference))
        within = program_within(answer.text, subject.parse)
        if within is not None:
            found = _judged(item, answer, reference, within, subject)
            failed.lenient = Lenient(valid=found.valid, score=found.score)
        return failed
    return _judged(item, answer, reference, program, subject)


def _judged(item: ExamItem, answer: Answer, reference: Any, program: Any, subject: Subject) -> Grade:
    """The grade of a program."""
    faults = subject.check(program)
    comparison = subject.compare(reference, program)
    errors = _errors(faults, comparison.errors)
    blamed = {fault.construct for fault in faults}

    # Of what the comparison does not know (where a prompt came from, say).
    otherwise = float(not errors) if comparison.otherwise is None else comparison.otherwise * (not faults)

    def shows(construct: str) -> float:
        return 0.0 if construct in blamed else comparison.per_construct.get(construct, otherwise)

    return Grade(
        item=item.id,
        mode=answer.mode,
        valid=not faults,
        score=0.0 if faults else comparison.score,
        errors=errors,
        per_construct={construct: shows(construct) for construct in item.constructs},
        parts=comparison.parts,
    )


def _parse_reference(item: ExamItem, subject: Subject) -> Any:
    try:
        return subject.parse(item.reference)
    except ParseError as error:
        raise BluebookError(
            f"exam {item.exam} {item.version}, item {item.id!r}: its reference is not in the language of "
            f"{subject.name}: {error}. Correct or remove the item"
        ) from error


def _failed(item: ExamItem, answer: Answer, kind: ErrorKind, detail: str, perfect: Comparison) -> Grade:
    """An answer that says nothing, where a `perfect` one would say all that the reference does."""
    error = GradeError(category=kind, construct="", detail=detail, kind=kind)
    return Grade(
        item=item.id,
        mode=answer.mode,
        valid=False,
        score=0.0,
        errors=[error],
        per_construct=dict.fromkeys(item.constructs, 0.0),
        parts={name: Share(0, share.expected, 0) for name, share in perfect.parts.items()},
    )


def _errors(faults: Sequence[Diagnostic], compared: Sequence[GradeError]) -> list[GradeError]:
    """Diagnostics first. A comparison may repeat what `check` found; a fault is counted once."""
    found = [
        GradeError(
            category=fault.code,
            construct=fault.construct,
            detail=f"line {fault.line}, column {fault.column}: {fault.message}",
            kind="rule",
        )
        for fault in faults
    ]
    known = {(error.category, error.construct) for error in found}
    return found + [error for error in compared if (error.category, error.construct) not in known]


def _match(items: Sequence[ExamItem], answers: Iterable[Answer]) -> dict[tuple[str, Mode], Answer]:
    known = {item.id for item in items}
    matched: dict[tuple[str, Mode], Answer] = {}
    for answer in answers:
        if answer.item not in known:
            raise BluebookError(
                f"an answer to item {answer.item!r}, which is in none of the exams given; "
                "grade answers with the exam they were written for"
            )
        if (answer.item, answer.mode) in matched:
            raise BluebookError(
                f"item {answer.item!r} is answered twice in mode {answer.mode}; give one answer an item and mode"
            )
        matched[answer.item, answer.mode] = answer
    return matched


def _counted(mode: Mode | None, there: set[Mode]) -> Mode:
    """The mode that mastery counts."""
    if mode is None:
        if len(there) > 1:
            raise BluebookError(
                f"answers of modes {' and '.join(sorted(there))}: name the one that mastery is to count"
            )
        return next(iter(there), "free")
    if there and mode not in there:
        raise BluebookError(
            f"mastery counts answers of mode {mode} (subjects.SUBJECT.exam.mode in params.yaml), and there are only "
            f"{' and '.join(sorted(there))} ones; write them with `dvc repro`, or set the mode to the one there is"
        )
    return mode
