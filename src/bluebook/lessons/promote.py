"""A draft's rows become a lesson: a numbered file in `data/lessons/S`, which the next `dvc repro` trains on.

Every row is judged again, against the exams and the training set as they are now, because both may have changed since
it was drafted. One row that does not pass stops the whole promotion, and nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bluebook.errors import BluebookError
from bluebook.lessons.draft import CAP, room
from bluebook.lessons.judge import Judge
from bluebook.records import ExamItem, Example, Origin, write_jsonl
from bluebook.subjects.subject import Subject

_NUMBERED = re.compile(r"(\d{3,})-.*\.jsonl")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def promote(
    subject: Subject,
    rows: Sequence[Example],
    folder: Path,
    name: str,
    *,
    exams: Iterable[ExamItem],
    train: Sequence[Example],
    near_duplicate: float,
) -> Path:
    """Write `rows` as the next lesson of `folder` and return its file.

    `exams` is all that no lesson may give away; `train` is what is trained on now, the present lessons among it.
    Raises BluebookError that names every row at fault, for no rows, and for more than lessons may be of training.
    """
    if not rows:
        raise BluebookError("no row to promote; approve some with `bluebook lessons show`")
    if (most := room(train)) < len(rows):
        raise BluebookError(
            f"{len(rows)} rows to promote, and {most} fit: lessons are at most {CAP:.0%} of the training set. "
            f"Approve fewer, or add other training data"
        )
    judge = Judge(subject, exams, train, near_duplicate)
    judged = [(row, judge.take(row)) for row in rows]
    faults = [f"{row.id}: {fault.reason}: {fault.detail}" for row, fault in judged if fault is not None]
    if faults:
        raise BluebookError(
            f"{len(faults)} of {len(rows)} rows may not become a lesson; reject or edit them:\n  "
            + "\n  ".join(faults)
        )
    path = next_file(folder, name)
    write_jsonl(path, lesson_rows(rows, path.stem))
    return path


def next_file(folder: Path, name: str, *others: Path) -> Path:
    """The file of the next lesson, its number one above every number used, in the folders `others` too.

    Raises BluebookError for a name that is not small letters, digits and hyphens."""
    if not _NAME.fullmatch(name):
        raise BluebookError(
            f"lesson name {name!r}: expected small letters, digits and hyphens, such as more-loops"
        )
    files = [file for place in (folder, *others) for file in place.glob("*.jsonl")]
    used = [int(match[1]) for file in files if (match := _NUMBERED.fullmatch(file.name))]
    return folder / f"{max(used, default=0) + 1:03}-{name}.jsonl"


def lesson_rows(rows: Iterable[Example], ref: str) -> list[Example]:
    """Plain examples, numbered under the lesson's name; each is a group of its own."""
    return [
        Example(
            id=f"lesson-{ref}-{number:03}",
            subject=row.subject,
            prompt=row.prompt,
            response=row.response,
            constructs=row.constructs,
            origin=Origin(kind="lesson", ref=ref, group=f"lesson-{ref}-{number:03}"),
            system=row.system,
        )
        for number, row in enumerate(sorted(rows, key=lambda row: row.id), 1)
    ]
