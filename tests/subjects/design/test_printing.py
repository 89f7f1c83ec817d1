"""One canonical text: what is printed is read as it was."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from bluebook.subjects.design.language import parse
from bluebook.subjects.design.printing import print_program
from bluebook.subjects.design.program import Program
from tests.subjects.design.designs import EXTENDED, LENDING, RESPONSE, SCRIPT
from tests.subjects.design.random_designs import programs


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs)
def test_what_is_printed_is_read_as_it_was(program: Program) -> None:
    text = print_program(program)
    assert parse(text) == program
    assert print_program(parse(text)) == text


@pytest.mark.parametrize("text", [LENDING, RESPONSE, SCRIPT, *EXTENDED.values()])
def test_a_printed_text_stays_as_it_is(text: str) -> None:
    program = parse(text)
    printed = print_program(program)
    assert parse(printed) == program
    assert print_program(parse(printed)) == printed


def test_layout_is_canonical() -> None:
    loose = 'Service A{get( id:int )->Book[]{preconditions:[ x  y ],errors:[],},b:{c:1,d:"e"}}\nType B{c:int}'
    assert print_program(parse(loose)) == "\n".join(
        [
            "Service A {",
            "  get(id: int) -> Book[] {",
            "    preconditions: [x y],",
            "    errors: []",
            "  },",
            '  b: {c: 1, d: "e"}',
            "}",
            "",
            "Type B {",
            "  c: int",
            "}",
        ]
    )


def test_what_is_long_is_broken() -> None:
    items = ", ".join(f"condition number {number}" for number in range(12))
    text = print_program(parse(f"Type A {{ b: [{items}] }}"))
    assert max(map(len, text.split("\n"))) < 110
    assert text.count("condition") == text.count("\n    condition") == 12
