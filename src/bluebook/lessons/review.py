"""What a person decides about a draft, row by row, kept in a file so that a review can stop and go on.

A decision belongs to a row's id, which is made from its content: a row that comes again in the next draft is not asked
about twice, and one that changed is. The last decision on a row counts; the file only grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from bluebook.errors import DataError
from bluebook.records import DraftRow, encode, read_jsonl

Verdict = Literal["approved", "edited", "rejected"]


class Decision(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`prompt`, `response` and `constructs` are those of a row that was edited."""

    row: str
    verdict: Verdict
    prompt: str | None = None
    response: str | None = None
    constructs: list[str] = []


def decisions_path(draft: Path) -> Path:
    """Beside the draft: `ue5.jsonl` has `ue5.decisions.jsonl`."""
    return draft.with_suffix(".decisions.jsonl")


def read_draft(path: Path) -> list[DraftRow]:
    """Raises DataError where there is no draft."""
    if not path.exists():
        raise DataError(path, None, "no draft here; run `dvc repro`, or `bluebook lessons draft` for one now")
    return list(read_jsonl(path, DraftRow))


def read_decisions(path: Path) -> dict[str, Decision]:
    """The last decision on each row, by its id."""
    return {one.row: one for one in read_jsonl(path, Decision)} if path.exists() else {}


def decide(path: Path, decisions: Iterable[Decision]) -> None:
    """Add decisions, each on the disk before the next is asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as out:
        for one in decisions:
            out.write(encode(one) + b"\n")


def decided(rows: Sequence[DraftRow], decisions: dict[str, Decision]) -> list[DraftRow]:
    """The rows that were approved, in their edited form where they were edited."""
    found = []
    for row in rows:
        one = decisions.get(row.id)
        if one is None or one.verdict == "rejected":
            continue
        found.append(edited(row, one) if one.verdict == "edited" else row)
    return found


def edited(row: DraftRow, decision: Decision) -> DraftRow:
    return replace(
        row,
        prompt=row.prompt if decision.prompt is None else decision.prompt,
        response=row.response if decision.response is None else decision.response,
        constructs=decision.constructs or row.constructs,
    )
