"""Ten kinds of single fault, each found in the right line."""

from __future__ import annotations

from random import Random

import pytest

from bluebook.subjects.design.checker import check
from bluebook.subjects.design.damaging import KINDS, damaged
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.printing import print_program
from bluebook.subjects.subject import ParseError
from tests.subjects.design.designs import EXTENDED, LENDING, SCRIPT

TEXTS = [LENDING, SCRIPT, EXTENDED["semicolon"], EXTENDED["quoted key"], EXTENDED["base"]]


def found_in(text: str) -> int | None:
    """The line of what is wrong; in a list of methods that is for the checker, since prose may stand in lists."""
    try:
        faults = [fault for fault in check(parse(text)) if fault.code == "no_method"]
    except ParseError as error:
        return error.line
    return faults[0].line if faults else None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("printed", [False, True])
def test_faults_are_found_in_their_line(kind: str, printed: bool) -> None:
    rng = Random(f"{kind}:{printed}")
    planted = []
    for text in TEXTS:
        original = print_program(parse(text)) if printed else text
        planted += [each for _ in range(40) if (each := damaged(original, kind, rng)) is not None]
    assert len(planted) >= 40
    lines = [(found_in(text), line) for text, line in planted]
    # A text cut between two elements, or in a script between two statements, is whole as far as anyone can tell.
    assert (
        sum(line is not None for line, _ in lines) >= 0.9 * len(lines)
        if kind == "truncated"
        else all(line is not None for line, _ in lines)
    )
    assert sum(line == at for line, at in lines) >= (0.88 if kind == "truncated" else 0.95) * len(lines)


def test_a_fault_is_where_it_says() -> None:
    text, line = damaged(LENDING, "arrow", Random(1)) or ("", 0)
    original, now = LENDING.split("\n"), text.split("\n")
    assert original[line - 1].replace("->", "", 1) == now[line - 1]
    assert original[: line - 1] + original[line:] == now[: line - 1] + now[line:]


def test_what_has_no_place_for_a_fault_has_none() -> None:
    assert damaged("X = 1", "brace", Random(1)) is None
