"""The accounts of any subject's ingest: what must add up, and that nothing is written when it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from bluebook.corpus.ingest import ingest
from bluebook.errors import DataError
from bluebook.records import Outcome, Record, Sample, read_jsonl

Rows = list[Record | Sample | Outcome]


class Told:
    """A subject that yields what it is told."""

    name = "told"
    grammar = None
    record_type = Record

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def ingest(self, raw: Path) -> Iterator[Record | Sample | Outcome]:
        yield from self._rows


def line(
    path: str,
    pairs: int = 0,
    outcome: Literal["kept", "dropped", "duplicate", "unpaired", "quarantined"] | None = None,
    reason: str | None = "because",
) -> Outcome:
    kept = outcome or ("kept" if pairs else "dropped")
    return Outcome(path=path, original_id=None, outcome=kept, reason=None if pairs else reason, pairs=pairs)


def sample() -> Sample:
    return Sample(id="a", construct="c", before={"x": "1"}, after={"x": "2"}, changes=["y"])


def run(tmp_path: Path, rows: Rows) -> dict[str, Any]:
    subject: Any = Told(rows)
    return ingest(
        subject, Path("raw"), *(tmp_path / f"{name}.jsonl" for name in ("records", "ledger", "samples"))
    )


def test_rows_go_to_their_files_and_are_counted(tmp_path: Path) -> None:
    rows: Rows = [
        Record(id="a"),
        Record(id="b"),
        sample(),
        line("1", 2),
        line("2"),
        line("3", outcome="unpaired"),
    ]
    counts = run(tmp_path, rows)
    assert counts == {
        "files": 3,
        "records": 2,
        "samples": 1,
        "outcomes": {"dropped": 1, "kept": 1, "unpaired": 1},
        "reasons": {"because": 2},
    }
    assert list(read_jsonl(tmp_path / "records.jsonl", Record)) == rows[:2]
    assert list(read_jsonl(tmp_path / "samples.jsonl", Sample)) == rows[2:3]
    assert list(read_jsonl(tmp_path / "ledger.jsonl", Outcome)) == rows[3:]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([line("1", 1)], "accounts for 1 records, but there are 0"),
        ([Record(id="a"), line("1")], "accounts for 0 records, but there are 1"),
        ([Record(id="a"), Record(id="a"), line("1", 2)], "'a' came twice"),
        ([Record(id="b"), Record(id="a"), line("1", 2)], "'a' came after 'b'"),
        ([line("1"), line("1")], "'1' is in the ledger twice"),
        ([line("2"), line("1")], "'1' is in the ledger after '2'"),
        ([line("1", 0, "kept")], "kept with 0 pairs"),
        ([Record(id="a"), line("1", 1, "dropped")], "dropped with 1 pairs"),
        ([line("1", 0, "dropped", None)], "without a reason"),
        ([], "no file in it"),
    ],
)
def test_accounts_that_do_not_add_up_write_nothing(tmp_path: Path, rows: Rows, message: str) -> None:
    with pytest.raises(DataError, match=message):
        run(tmp_path, rows)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_run_leaves_the_old_files(tmp_path: Path) -> None:
    run(tmp_path, [Record(id="a"), line("1", 1)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataError):
        run(tmp_path, [Record(id="z"), line("1")])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
