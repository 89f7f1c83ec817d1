"""Raw material to records, whatever the subject: write what it yields, and fail unless everything is
accounted for.

A subject says of every input file what became of it. This module trusts none of it: every record must be paid
for by a ledger line, every file must have exactly one, ids must be unique. The three files appear together or
not at all.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from bluebook.artifacts import atomic_writer
from bluebook.errors import DataError
from bluebook.records import Outcome, Record, encode
from bluebook.steps import Step
from bluebook.subjects.subject import Subject

PROGRESS_EVERY = 10_000  # rows between two looks at the clock


def ingest(
    subject: Subject,
    raw: Path,
    records_path: Path,
    ledger_path: Path,
    samples_path: Path,
    *,
    step: Step | None = None,
) -> dict[str, Any]:
    """Write records, ledger and samples; return the counts.

    `files` and `records` in all, then `outcomes` and `reasons` by name. Raises DataError where the subject's
    accounts do not add up, and then writes nothing."""
    accounts = _Accounts(raw)
    with (
        atomic_writer(records_path) as records,
        atomic_writer(ledger_path) as ledger,
        atomic_writer(samples_path) as samples,
    ):
        for row in subject.ingest(raw):
            if isinstance(row, Record):
                accounts.record(row)
                records.write(encode(row) + b"\n")
                if step is not None and accounts.records % PROGRESS_EVERY == 0:
                    step.say("PROGRESS", f"{accounts.records} records")
            elif isinstance(row, Outcome):
                accounts.outcome(row)
                ledger.write(encode(row) + b"\n")
            else:
                accounts.samples += 1
                samples.write(encode(row) + b"\n")
        return accounts.close()


class _Accounts:
    """What has been seen, and what must hold between it. Keeps no row: the order makes repetition visible."""

    def __init__(self, raw: Path) -> None:
        self._raw = raw
        self._last_id = ""
        self._last_path: str | None = None
        self._owed = 0
        self._outcomes: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self.records = 0
        self.samples = 0

    def record(self, row: Record) -> None:
        if row.id <= self._last_id:
            problem = "twice" if row.id == self._last_id else f"after {self._last_id!r}"
            raise self._error(f"record id {row.id!r} came {problem}; ids must be unique and sorted")
        self._last_id = row.id
        self.records += 1

    def outcome(self, row: Outcome) -> None:
        if self._last_path is not None and row.path <= self._last_path:
            problem = "twice" if row.path == self._last_path else f"after {self._last_path!r}"
            raise self._error(
                f"{row.path!r} is in the ledger {problem}; every file needs one line, sorted by path"
            )
        if (row.outcome == "kept") != (row.pairs > 0):
            raise self._error(
                f"{row.path!r} is {row.outcome} with {row.pairs} pairs; kept means at least one, else none"
            )
        if row.outcome != "kept" and not row.reason:
            raise self._error(f"{row.path!r} is {row.outcome} without a reason")
        self._last_path = row.path
        self._owed += row.pairs
        self._outcomes[row.outcome] += 1
        if row.reason:
            self._reasons[row.reason] += 1

    def close(self) -> dict[str, Any]:
        files = sum(self._outcomes.values())
        if not files:
            raise self._error("no file in it. Point `raw` in params.yaml at your own data")
        if self._owed != self.records:
            raise self._error(f"the ledger accounts for {self._owed} records, but there are {self.records}")
        return {
            "files": files,
            "records": self.records,
            "samples": self.samples,
            "outcomes": dict(sorted(self._outcomes.items())),
            "reasons": dict(sorted(self._reasons.items())),
        }

    def _error(self, message: str) -> DataError:
        return DataError(self._raw, None, message)
