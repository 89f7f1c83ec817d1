"""Exam items: read from every place they live, and chosen the same way by whoever asks or grades them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from bluebook.errors import BluebookError, DataError
from bluebook.records import ExamItem, read_jsonl


def read_items(exams: Path, holdout: Path, max_items: int) -> list[ExamItem]:
    """The items of `exams/*.jsonl` and then of `holdout`, at most `max_items` of each exam, sorted by exam
    and id.

    Either place may be empty or absent, not both. Raises DataError where two items share an id, because an
    answer could then belong to either.
    """
    files = [*sorted(exams.glob("*.jsonl")), *([holdout] if holdout.exists() else [])]
    seen: dict[str, Path] = {}
    items = []
    for file in files:
        for item in read_jsonl(file, ExamItem):
            if item.id in seen:
                raise DataError(
                    file, None, f"item {item.id!r} is already in {seen[item.id]}; ids must be unique"
                )
            seen[item.id] = file
            items.append(item)
    if not items:
        raise BluebookError(
            f"no exam item in {exams} or {holdout}. Add an exam there, or set aside more records "
            "with compose.holdout_share in params.yaml"
        )
    return select(items, max_items)


def select(items: Iterable[ExamItem], max_items: int) -> list[ExamItem]:
    """At most `max_items` of each exam (0: all), sorted by exam and id.

    Chosen by the hash of the id: a sample that does not follow the exam's order, and that keeps its members
    when items are added elsewhere in the file.
    """
    exams: dict[str, list[ExamItem]] = defaultdict(list)
    for item in items:
        exams[item.exam].append(item)
    chosen = []
    for exam in exams.values():
        ranked = sorted(exam, key=lambda item: hashlib.sha256(item.id.encode()).digest())
        chosen += ranked[:max_items] if max_items else ranked
    return sorted(chosen, key=lambda item: (item.exam, item.id))
