"""Lessons as they lie in their folder: each line an example of the subject, or an error that names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bluebook.errors import DataError
from bluebook.records import Example, read_numbered
from bluebook.subjects.subject import ParseError, Subject


def read_lessons(folder: Path, subject: Subject) -> Iterator[Example]:
    """Every lesson of `folder` but the drafts, which nobody has promoted yet.

    Raises DataError that names file and line of a lesson of another subject, one whose response does not
    parse, and one that breaks a rule of the subject.
    """
    for file in sorted(folder.glob("*.jsonl")):
        if file.name.endswith(".draft.jsonl"):
            continue
        for line, lesson in read_numbered(file, Example):
            if (fault := invalid(subject, lesson)) is not None:
                raise DataError(file, line, f"lesson {lesson.id}: {fault}; correct the lesson or take it out")
            yield lesson


def invalid(subject: Subject, example: Example) -> str | None:
    """What keeps a text from being an example of the subject at all; None where nothing does."""
    if example.subject != subject.name:
        return f"expected a lesson of {subject.name}, found one of {example.subject!r}"
    if not example.prompt.strip():
        return "the instruction is empty"
    try:
        findings = subject.check(subject.parse(example.response))
    except ParseError as error:
        return f"response {error}"
    if findings:
        first = findings[0]
        return f"response line {first.line}, column {first.column}: {first.message} ({first.code})"
    return None
