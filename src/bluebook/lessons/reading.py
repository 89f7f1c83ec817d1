"""Lessons and exams as they lie in the data folders, for whoever trains, drafts or promotes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bluebook.errors import DataError
from bluebook.lessons.judge import invalid
from bluebook.records import ExamItem, Example, read_jsonl, read_numbered
from bluebook.subjects.subject import Subject

RETIRED = (
    "retired"  # below a subject's exams: items that no exam asks any more, and that are never trained on
)


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


def read_kept_apart(exams: Path, holdout: Path | None = None) -> Iterator[ExamItem]:
    """Every item that nothing may be trained on: those of `exams`, present and retired, and those set aside from
    records in `holdout`, where that exists."""
    files = [*sorted(exams.glob("*.jsonl")), *sorted(exams.glob(f"{RETIRED}/*.jsonl"))]
    if holdout is not None and holdout.exists():
        files.append(holdout)
    for file in files:
        yield from read_jsonl(file, ExamItem)
