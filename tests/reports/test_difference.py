from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bluebook.reports.difference import Piece, difference

TEXTS = st.lists(st.sampled_from(["tide", "ebb", " ", ".", "\n", "å", "🌊"])).map("".join)


@given(TEXTS, TEXTS)
def test_the_pieces_spell_both_sides(before: str, after: str) -> None:
    pieces = difference(before, after)
    assert "".join(p.text for p in pieces if p.kind != "added") == before
    assert "".join(p.text for p in pieces if p.kind != "removed") == after
    assert all(p.text for p in pieces)


@given(TEXTS)
def test_equal_texts_do_not_differ(text: str) -> None:
    assert {p.kind for p in difference(text, text)} <= {"same"}


def test_whole_words_are_marked() -> None:
    assert difference("Sure! The tide turns.", "The tide turned.") == [
        Piece("removed", "Sure! "),
        Piece("same", "The tide "),
        Piece("removed", "turns"),
        Piece("added", "turned"),
        Piece("same", "."),
    ]


def test_a_frequent_word_of_a_long_text_still_counts_as_the_same() -> None:
    long = "the sea " * 400
    assert difference(f"Sure! {long}", long)[-1] == Piece("same", long)
