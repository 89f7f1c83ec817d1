"""Which rows are nearly an exam item, and which training rows are nearly a validation row.

`corpus.duplicates` decides what is near; here it is only spared work. Two pairs are near only if their
responses are, and of a response near another one at Jaccard similarity t at least the share t of its trigrams
is in that other one. So a row with fewer trigrams among those of all indexed responses is near none of them.
That leaves few rows to look up, and never leaves one out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from bluebook.corpus.duplicates import Fingerprint, NearIndex, fingerprint
from bluebook.gates.dataset import Dataset


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

    def add(self, key: str, pair: Fingerprint) -> None:
        self._index.add(key, pair)
        self._known |= pair.response_trigrams

    def find(self, pair: Fingerprint, response_trigrams: set[str]) -> str | None:
        if len(response_trigrams & self._known) / len(response_trigrams) < self.threshold:
            return None
        return self._index.find(pair)


@lru_cache(maxsize=1)  # two rules ask, one after the other
def near_rows(dataset: Dataset) -> Near:
    exams, validation = _Filtered(dataset.near_duplicate), _Filtered(dataset.near_duplicate)
    for item in dataset.exam_items:
        exams.add(item.id, fingerprint(item.prompt, item.reference))
    for index, line, row in dataset.rows():
        if line.split == "validation":
            validation.add(row.id, dataset.pairs[index])
    found = Near({}, {})
    for index, pair in dataset.pairs.items():
        trigrams = pair.response_trigrams
        if (item_id := exams.find(pair, trigrams)) is not None:
            found.exam[index] = item_id
        if dataset.lines[index].split == "train" and (row_id := validation.find(pair, trigrams)) is not None:
            found.validation[index] = row_id
    return found
