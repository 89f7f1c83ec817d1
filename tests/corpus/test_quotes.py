"""Quotes: an exam item in a longer text is found, and what texts merely share is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bluebook.corpus.duplicates import fingerprint
from bluebook.corpus.quotes import LONG, WORDS, Quotes, runs

LETTERS = st.text("abcdefgh", min_size=1, max_size=5)
LONG_TEXTS = st.lists(LETTERS, min_size=LONG, max_size=60).map(" ".join)
ANY_TEXTS = st.lists(LETTERS, max_size=40).map(" ".join)


def known(prompt: str, response: str, *, formal: bool = False) -> Quotes:
    quotes = Quotes()
    quotes.add("item", fingerprint(prompt, response), formal=formal)
    return quotes


@given(ANY_TEXTS, LONG_TEXTS, ANY_TEXTS)
def test_a_long_text_within_any_other_is_found_on_its_side(before: str, text: str, after: str) -> None:
    hidden = f"{before} {text.upper()} {after}"
    assert known(text, "x").find(fingerprint(hidden, "y")) == "item"
    assert known("x", text).find(fingerprint("y", hidden)) == "item"
    assert (
        known("x", text, formal=True).find(fingerprint("y", hidden)) is None
    )  # programs are compared as such


@given(LONG_TEXTS)
def test_less_than_half_is_no_quote(text: str) -> None:
    words = [
        f"{word}{letter}" for letter, word in zip("ghijklmnopqrstuvwxyz" * 3, text.split(), strict=False)
    ]
    total = len(words) - WORDS + 1
    most = WORDS - 1 + (total - 1) // 2  # words that hold just less than half of the runs
    unique = [f"{word}{'z' * place}" for place, word in enumerate(words)]
    quotes = known(" ".join(unique), "x")
    assert quotes.find(fingerprint(" ".join(unique[:most]), "y")) is None
    assert quotes.find(fingerprint(" ".join(unique[: most + 1]), "y")) == "item"


def test_other_numbers_make_another_fact() -> None:
    text = "in the morning at 6 the lock keeper lets the water down and waits for the first of the boats"
    assert known(text, "x").find(fingerprint(f"Well: {text}", "y")) == "item"
    assert known(text, "x").find(fingerprint(f"Well: {text.replace('6', '7')}", "y")) is None


def test_short_replies_are_given_to_many_prompts() -> None:
    reply = "the kettle is on the hob and the key is where it always is so come in"
    assert WORDS < len(reply.split()) < LONG
    assert known("How?", reply).find(fingerprint("Where?", reply)) is None


def test_a_short_text_has_no_runs() -> None:
    assert runs("twelve words are one too few for a run of thirteen words") == set()
    assert known("a b c", "d").find(fingerprint("a b c", "d")) is None  # equality is for others to find
