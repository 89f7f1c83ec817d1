"""The long form: which replies may exceed the short length, so that they are neither too many nor too few.

Two kinds want to. A reply that cannot be shortened without cutting a sentence is *forced*; one that could be,
but is really long, is *eligible*. All forced ones stay while they are under the ceiling, and eligible ones
are added up to the share that the policy aims at. Both are ranked by a seeded hash of their id: no order of
reading, and no other record, changes the rank of one.
"""

from __future__ import annotations

import hashlib
import heapq
from array import array
from enum import IntEnum
from math import floor

LONG_CEILING = 0.10  # of all records, whatever the policy aims at


class Form(IntEnum):
    """What the reply of a pair may become. Eligible replies of a lower number are chosen first."""

    SHORT = 0
    FORCED = 1
    REALLY_LONG = 2
    LONGISH = 3


class Verdict(IntEnum):
    SHORT = 0
    LONG = 1
    DROP = 2


class Quota:
    """Count every record once, `settle`, then ask for each record's verdict. Holds eight bytes a long
    reply."""

    def __init__(self, share: float, seed: int) -> None:
        self._share = share
        self._key = seed.to_bytes(8, "big", signed=True)
        self._records = 0
        self._forced = array("Q")
        self._eligible = array("Q")
        self._last_forced = self._last_eligible = -1  # the highest rank that is let through

    def count(self, name: str, form: Form) -> None:
        self._records += 1
        if form is Form.FORCED:
            self._forced.append(self._rank(name, form))
        elif form is not Form.SHORT:
            self._eligible.append(self._rank(name, form))

    def settle(self) -> None:
        """Choose. With f forced among n records, dropping d of them leaves (f - d) / (n - d) long ones."""
        forced, records = len(self._forced), self._records
        while forced > floor(LONG_CEILING * records):
            forced -= 1
            records -= 1
        wanted = max(0, floor(self._share * records) - forced)
        self._last_forced = _nth_smallest(self._forced, forced)
        self._last_eligible = _nth_smallest(self._eligible, wanted)

    def verdict(self, name: str, form: Form) -> Verdict:
        if form is Form.SHORT:
            return Verdict.SHORT
        if form is Form.FORCED:
            return Verdict.LONG if self._rank(name, form) <= self._last_forced else Verdict.DROP
        return Verdict.LONG if self._rank(name, form) <= self._last_eligible else Verdict.SHORT

    def _rank(self, name: str, form: Form) -> int:
        digest = hashlib.blake2b(name.encode(), key=self._key, digest_size=7).digest()
        return form << 56 | int.from_bytes(digest, "big")


def _nth_smallest(ranks: array[int], count: int) -> int:
    return heapq.nsmallest(count, ranks)[-1] if count and ranks else -1
