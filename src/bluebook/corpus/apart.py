"""What keeps examples apart: those of one side from each other, and all of them from exams.

An example repeats another one when both pairs are equal or nearly so. It gives away another one, an exam's item say,
when the prompts are equal, when the responses are the same program, or when the pairs are near duplicates
(`duplicates.py`); an exam's item moreover when its text is quoted in a longer one (`quotes.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bluebook.corpus.duplicates import Fingerprint, NearIndex, fingerprint
from bluebook.corpus.quotes import Quotes
from bluebook.errors import DataError
from bluebook.records import ExamItem, read_jsonl
from bluebook.subjects.subject import Subject, program_of

RETIRED = (
    "retired"  # below a subject's exams: items that no exam asks any more, and that are never trained on
)


class Compared(NamedTuple):
    """An example as it is compared with others."""

    pair: Fingerprint
    program: str | None  # canonical; None in free text, where equal replies give nothing away


def compared(subject: Subject, prompt: str, response: str) -> Compared:
    return Compared(fingerprint(prompt, response), program_of(subject, response))


class Seen:
    """The examples of one side, and in which way another example repeats or gives away one of them."""

    def __init__(self, threshold: float) -> None:
        self._pairs: dict[Fingerprint, str] = {}
        self._prompts: dict[str, str] = {}
        self._programs: dict[str, str] = {}
        self._near = NearIndex(threshold)

    def add(self, id: str, one: Compared) -> None:
        self._pairs.setdefault(Fingerprint(one.pair.prompt, one.pair.response), id)
        self._prompts.setdefault(one.pair.prompt, id)
        if one.program is not None:
            self._programs.setdefault(one.program, id)
        self._near.add(id, one.pair)

    def repeats(self, one: Compared) -> tuple[str, str] | None:
        """`duplicate` or `near_duplicate`, and the id of the earlier example."""
        if (like := self._pairs.get(one.pair)) is not None:
            return "duplicate", like
        return self._nearly(one)

    def gives_away(self, one: Compared) -> tuple[str, str] | None:
        """`prompt`, `program` or `near_duplicate`, and the id of the example that this one is too like."""
        if (like := self._prompts.get(one.pair.prompt)) is not None:
            return "prompt", like
        if one.program is not None and (like := self._programs.get(one.program)) is not None:
            return "program", like
        return self._nearly(one)

    def _nearly(self, one: Compared) -> tuple[str, str] | None:
        like = self._near.find(one.pair)
        return None if like is None else ("near_duplicate", like)


class Exams(Seen):
    """The items of exams; what an example gives away of them may also be a `quote`."""

    def __init__(self, subject: Subject, items: Iterable[ExamItem], threshold: float) -> None:
        super().__init__(threshold)
        self._quotes = Quotes()
        for item in items:
            self.add(item.id, compared(subject, item.prompt, item.reference))

    def add(self, id: str, one: Compared) -> None:
        super().add(id, one)
        self._quotes.add(id, one.pair, formal=one.program is not None)

    def gives_away(self, one: Compared) -> tuple[str, str] | None:
        if (found := super().gives_away(one)) is not None:
            return found
        like = self._quotes.find(one.pair)
        return None if like is None else ("quote", like)


def read_kept_apart(exams: Path, holdout: Path | None = None) -> Iterator[ExamItem]:
    """Every item that nothing may be trained on: those of `exams`, present and retired, and those set aside from
    records in `holdout`, where that exists.

    Raises DataError where a present exam has items of two versions: it could not be graded after hours of training."""
    present = [
        *sorted(exams.glob("*.jsonl")),
        *([holdout] if holdout is not None and holdout.exists() else []),
    ]
    versions: dict[str, tuple[str, Path]] = {}
    for file in present:
        for item in read_jsonl(file, ExamItem):
            version, first = versions.setdefault(item.exam, (item.version, file))
            if version != item.version:
                raise DataError(
                    file,
                    None,
                    f"item {item.id!r} is of version {item.version} of the exam {item.exam!r}, which has version "
                    f"{version} in {first}. Give one of the two exams another name",
                )
            yield item
    for file in sorted(exams.glob(f"{RETIRED}/*.jsonl")):
        yield from read_jsonl(file, ExamItem)
