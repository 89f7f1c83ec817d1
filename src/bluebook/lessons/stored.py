"""Drafts where they lie: made from a repository's files, and written beside their counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bluebook.artifacts import write_sidecar
from bluebook.corpus.apart import read_kept_apart
from bluebook.errors import DataError
from bluebook.exams.mastery import Mastery
from bluebook.lessons.draft import Draft, Evidence, draft
from bluebook.params import Params
from bluebook.records import ExamItem, Example, Grade, read_jsonl, write_jsonl
from bluebook.subjects.subject import Subject


def draft_path(subject: str) -> Path:
    """What the stage `grade` drafts."""
    return Path(f"data/drafts/{subject}.jsonl")


def read_evidence(subject: str) -> Evidence:
    """What the last grading shows of the practice exams. Raises DataError where the graph has not come so far."""
    exams = Path(f"data/exams/{subject}")
    practice = Path(f"metrics/{subject}/practice.json")
    grades, examples = Path(f"data/grades/{subject}.jsonl"), Path(f"data/examples/{subject}.jsonl")
    for path in (practice, grades, examples):
        if not path.exists():
            raise DataError(path, None, "not found; run `dvc repro` first")
    try:
        mastery = msgspec.json.decode(practice.read_bytes(), type=Mastery)
    except msgspec.DecodeError as error:
        raise DataError(practice, None, f"expected mastery as JSON: {error}; run `dvc repro`") from error
    asked = {
        item.id
        for file in exams.glob("*.jsonl")
        for item in read_jsonl(file, ExamItem)
        if item.kind == "practice"
    }
    return Evidence(
        practice=mastery,
        grades=[grade for grade in read_jsonl(grades, Grade) if grade.item in asked],
        train=read_train(subject),
        exams=read_apart(subject),
    )


def read_apart(subject: str) -> list[ExamItem]:
    """Every exam item that no lesson may give away."""
    return list(read_kept_apart(Path(f"data/exams/{subject}"), Path(f"data/holdout/{subject}.jsonl")))


def read_train(subject: str) -> list[Example]:
    """What is trained on now. Raises DataError where nothing has been composed yet."""
    examples = Path(f"data/examples/{subject}.jsonl")
    if not examples.exists():
        raise DataError(examples, None, "not found; run `dvc repro` first")
    return [example for example in read_jsonl(examples, Example) if example.split == "train"]


def write_draft(
    subject: Subject, settings: Params, out: Path, *, size: int | None = None, seed: int | None = None
) -> Draft:
    """Draft from the repository's files into `out`, with a sidecar; `size` and `seed` stand in for those of
    `settings`."""
    mine = settings.subject(subject.name)
    lessons = mine.lessons if size is None else replace(mine.lessons, size=size)
    seed = settings.seed if seed is None else seed
    made = draft(
        subject, read_evidence(subject.name), lessons, near_duplicate=mine.compose.near_duplicate, seed=seed
    )
    write_jsonl(out, made.rows)
    name = subject.name
    write_sidecar(
        out,
        stage="grade",
        inputs=[Path(f"data/{kind}/{name}.jsonl") for kind in ("grades", "examples", "holdout")]
        + [Path(f"data/exams/{name}"), Path(f"metrics/{name}/practice.json")],
        parameters={"lessons": lessons, "near_duplicate": mine.compose.near_duplicate, "seed": seed},
        counts={
            "rows": len(made.rows),
            "aims": dict(sorted(Counter(row.aim for row in made.rows).items())),
            "targets": dict(sorted(Counter(row.target for row in made.rows).items())),
            "dropped": made.dropped,
        },
    )
    return made
