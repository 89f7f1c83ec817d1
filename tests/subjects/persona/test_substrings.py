"""The quick look finds ASCII words in any text, and what is no ASCII is found without it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona.redaction import redact
from bluebook.subjects.persona.substrings import folded, holds_any


@given(st.text(), st.text(st.characters(max_codepoint=127)), st.text())
def test_ascii_words_are_found_whatever_stands_around_them(before: str, word: str, after: str) -> None:
    assert holds_any(folded(before + word + after), (word.lower(),))


@given(st.text(), st.sampled_from(("zanzibar", "quorum")))
def test_nothing_is_found_that_is_not_there(text: str, word: str) -> None:
    assert holds_any(folded(text), (word,)) == (word in text.lower())


@pytest.mark.parametrize("name", ["hasło", "HASŁO", "пароль", "Пароль", "ПАРОЛЬ"])
def test_passwords_are_named_in_capitals_of_other_scripts(name: str) -> None:
    assert redact(f"{name}: Zamek7Most").kinds == ("PASSWORD",)


@pytest.mark.parametrize(
    "text",
    [
        "the passenger said his pass: Zamek7Most",
        "the code of the passage, and 4711zamek is my passphrase",
        "Passing by: mot de passe: zamek7",
        "the pin_code was lost, the pin: 4711",
    ],
)
def test_a_word_that_looks_like_a_password_does_not_hide_one(text: str) -> None:
    assert redact(text).kinds == ("PASSWORD",)
