"""Real exports against counts made by an independent reader. Skipped where the corpus is not there."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from bluebook.subjects.ue5.stats import stats

CORPUS = Path(os.environ.get("BLUEBOOK_SHARED", "../shared")) / "corpora/ue5"
COLUMNS = {"graph_nodes": "nodes"} | {
    name: name for name in ("comments", "knots", "pins", "exec_links", "data_links", "dangling", "one_sided")
}


def rows() -> list[dict[str, str]]:
    manifest = CORPUS / "MANIFEST.tsv"
    if not manifest.exists():
        return []
    with manifest.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.skipif(
    not rows(), reason=f"no {CORPUS}/MANIFEST.tsv; set BLUEBOOK_SHARED to the folder that holds corpora/"
)
@pytest.mark.parametrize("row", rows(), ids=lambda row: row["file"])
def test_counts_equal_the_manifest(row: dict[str, str]) -> None:
    found = stats(CORPUS / "exports" / row["file"])
    kind = row["kind"].removeprefix("mixed:").split("+")
    assert sorted(found["kind"].removeprefix("mixed:").split("+")) == sorted(kind)
    if "rigvm" in kind:
        assert found.keys() == {"file", "kind", "error"}
        return
    assert {name: found[name] for name in COLUMNS.values()} == {
        name: int(row[column]) for column, name in COLUMNS.items()
    }
    damaged = any(
        int(row[column]) for column in ("unclosed", "stray_end", "dup_nodes", "bad_lines", "dangling")
    )
    assert bool(found["warnings"]) == (damaged or len(kind) > 1)
