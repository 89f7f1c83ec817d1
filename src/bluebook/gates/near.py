"""Which rows are nearly an exam item, and which training rows are nearly a validation row.

`corpus.duplicates` decides what is near; here it is only spared work. Two pairs are near only if their
responses are, and of a response near another one at Jaccard similarity t at least the share t of its trigrams
is in that other one. So a row with fewer trigrams among those of all indexed responses is near none of them.
That leaves few rows to look up, and never leaves one out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from bluebook.corpus.duplicates import NearIndex, normalise, shingles
from bluebook.gates.dataset import Dataset, asked


class Near(NamedTuple):
    """By index in `Dataset.lines`: the id of the exam item, or of the validation row, that the row is near
    to."""

    exam: dict[int, str]
    validation: dict[int, str]


class _Filtered:
    """A NearIndex that is asked only about pairs it may know."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._index = NearIndex(threshold)
        self._known: set[str] = set()

    def add(self, key: str, prompt: str, response: str) -> None:
        self._index.add(key, prompt, response)
        self._known |= shingles(normalise(response))

    def find(self, prompt: str, response: str, members: set[str]) -> str | None:
        """`members`: the shingles of the normalised response."""
        if len(members & self._known) / len(members) < self.threshold:
            return None
        return self._index.find(prompt, response)


@lru_cache(maxsize=1)  # two rules ask, one after the other
def near(dataset: Dataset) -> Near:
    exams, validation = _Filtered(dataset.near_duplicate), _Filtered(dataset.near_duplicate)
    for item in dataset.exam_items:
        exams.add(item.id, item.prompt, item.reference)
    for index, line, row in dataset.rows():
        if line.split == "validation":
            validation.add(row.id, asked(row.prompt), dataset.replies[index])
    found = Near({}, {})
    for index, line, row in dataset.rows():
        prompt, response = asked(row.prompt), dataset.replies[index]
        members = shingles(response)
        if (item_id := exams.find(prompt, response, members)) is not None:
            found.exam[index] = item_id
        if line.split == "train" and (row_id := validation.find(prompt, response, members)) is not None:
            found.validation[index] = row_id
    return found
