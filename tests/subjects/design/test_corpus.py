"""Designs that other people wrote. Skipped where the corpus is not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from bluebook.subjects.design.language import classify, parse
from bluebook.subjects.design.printing import print_program

CORPUS = Path(os.environ.get("BLUEBOOK_SHARED", "../shared")) / "corpora/design/design_dev.jsonl"

pytestmark = pytest.mark.skipif(
    not CORPUS.exists(), reason=f"no {CORPUS}; set BLUEBOOK_SHARED to the folder that holds corpora/"
)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in CORPUS.read_bytes().splitlines()]


def test_bodies_are_classified_as_their_readers_did(rows: list[dict[str, Any]]) -> None:
    found = [classify(row["blueprint"]) for row in rows]
    agreed = sum((each.error is None) == row["parses"] for each, row in zip(found, rows, strict=True))
    assert agreed >= 0.99 * len(rows)
    profiles = sum(
        each.profile == row["profile"].replace("defect", "defective")
        for each, row in zip(found, rows, strict=True)
    )
    assert profiles >= 0.99 * len(rows)


def test_bodies_are_printed_and_read_again(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if classify(row["blueprint"]).error is None:
            program = parse(row["blueprint"])
            assert parse(print_program(program)) == program, row["id"]
