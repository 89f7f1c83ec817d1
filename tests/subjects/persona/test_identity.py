"""Which texts count as the same, in every script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona.identity import identify, normalise


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is the ferry late?", "  is  the ferry\nLATE!!"),
        ("It’s late — again…", "its late  again"),
        ("Das Café schließt", "das café SCHLIESST."),
        ("well, yes", "Well yes"),
    ],
)
def test_case_punctuation_and_space_make_no_difference(one: str, other: str) -> None:
    assert identify(one, "r") == identify(other, "r")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It cost 3.50", "It cost 350"),
        ("at 8:10", "at 81 0"),
        ("今日は", "明日は"),
        ("\N{GRINNING FACE}", "\N{POUTING FACE}"),
        ("...", "?!"),
        ("<thought>", "<world>"),
        ("c++", "c"),
        ("का", "की"),
    ],
)
def test_other_words_make_another_id(one: str, other: str) -> None:
    assert identify(one, "r") != identify(other, "r")


def test_the_sides_do_not_run_into_each_other() -> None:
    assert identify("a b", "c") != identify("a", "b c")


@given(st.text(min_size=1))
def test_normalising_leaves_something_of_every_text(text: str) -> None:
    assert bool(normalise(text)) == bool(text.strip())
