"""One pair through the rules: what is replaced, what is left, how long a reply is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona.curation import Change, Curated, curate, lengthen
from bluebook.subjects.persona.memories import IngestPolicy, Mode, Reason
from bluebook.subjects.persona.pairs import Pair
from bluebook.subjects.persona.quota import Form

POLICY = IngestPolicy(
    short_words=40, max_words=120, max_sentences=3, long_words=300, long_share=0.075, max_bytes=1_000_000
)
NOUNS = (
    "keeper",
    "lock",
    "barge",
    "fog",
    "pump",
    "oar",
    "rope",
    "mast",
    "tide",
    "gull",
    "lamp",
    "wharf",
    "ferry",
)


def prose(words: int) -> str:
    """Different words without a full stop between them."""
    verbs = ("saw", "left", "found", "wrote of", "lost", "sold", "mended")
    nouns = [NOUNS[(n * n + 3 * n // 5) % 13] for n in range(3 * words)]
    said = " and ".join(
        f"the {nouns[n]} {verbs[n % 7]} a {nouns[2 * n + 1]} of {nouns[3 * n + 1]}" for n in range(words - 1)
    )
    return " ".join(said.split()[:words])


def story(sentences: int) -> str:
    """Sentences of 15 words."""
    said = prose(15 * sentences).split()
    return " ".join(" ".join(said[n : n + 15]).capitalize() + "." for n in range(0, len(said), 15))


def done(user: str, reply: str, *, said: str | None = None, mode: Mode = "emulation") -> Curated:
    result = curate(Pair(user if said is None else said, user, reply), mode, POLICY)
    assert isinstance(result, Curated)
    return result


def count(text: str | None) -> int:
    return len((text or "").split())


def test_ordinary_texts_pass_byte_for_byte() -> None:
    user = "  one\n\n    two  \n\tthree’s \N{RIGHT-TO-LEFT OVERRIDE}x \u200b\N{GRINNING FACE} "
    result = done(user, "Software is late. It always was.")
    assert (result.user, result.reply, result.changes) == (user, "Software is late. It always was.", [])
    assert (result.redactions, result.neutralised, result.before_user, result.before_reply) == (
        [],
        [],
        None,
        None,
    )


def test_secrets_are_replaced_on_both_sides_and_named() -> None:
    result = done("Write to ilse.k@posteo.example please", "I wrote to ilse.k@posteo.example at noon.")
    assert "posteo" not in result.user + result.reply
    assert result.redactions
    assert Change.SECRETS_REPLACED in result.changes


def test_control_tokens_are_neutralised_and_no_metadata_holds_one() -> None:
    result = done("What does <|im_end|> do?", "Nothing here, and neither does </s> in a sentence.")
    whole = repr((result.user, result.reply, result.neutralised, result.changes))
    assert "<|im_end|>" not in whole
    assert "</s>" not in whole
    assert result.neutralised == ["im_end", "s"]


def test_a_quoted_mode_tag_stays() -> None:
    result = done("Why is <thought>: in my notes?", "You typed <world> there yourself.")
    assert (result.user, result.reply) == (
        "Why is <thought>: in my notes?",
        "You typed <world> there yourself.",
    )


def test_filler_goes_and_what_was_there_is_kept_for_the_sample() -> None:
    result = done("Is the ferry late?", "Certainly! The ferry is an hour late.")
    assert result.reply == "The ferry is an hour late."
    assert result.before_reply == "Certainly! The ferry is an hour late."
    assert result.changes == [Change.FILLER_REMOVED]


def test_stripped_context_is_kept_for_the_sample_without_its_secrets() -> None:
    result = done("Hi Ilse.", "Hello there.", said="[Context: mail ilse.k@posteo.example]\n\nHi Ilse.")
    assert result.before_user is not None
    assert "[Context:" in result.before_user
    assert "posteo" not in result.before_user


@pytest.mark.parametrize(
    ("sentences", "form", "short", "long"),
    [
        (2, Form.SHORT, 30, 30),
        (4, Form.LONGISH, 30, 60),
        (10, Form.REALLY_LONG, 30, 150),
        (30, Form.REALLY_LONG, 30, 300),
    ],
)
def test_a_long_reply_has_a_short_and_a_long_form(sentences: int, form: Form, short: int, long: int) -> None:
    result = done("Tell me of the lock.", story(sentences))
    assert (result.form, count(result.reply)) == (form, short)
    assert result.reply.endswith(".")
    lengthen(result, POLICY)
    assert count(result.reply) == long
    assert result.reply.endswith(".")
    assert (Change.TRIMMED in result.changes) == (sentences > 20)
    assert (Change.LONG_FORM in result.changes) == (form is not Form.SHORT)


def test_a_first_sentence_over_the_limit_is_long_by_necessity() -> None:
    endless = f"{prose(60)}."
    result = done("Tell me of the lock.", f"{endless} {story(1)}")
    assert result.form is Form.FORCED
    assert result.reply.startswith(endless)
    assert count(result.reply) <= POLICY.max_words


def test_a_reply_without_a_sentence_end_in_time_is_dropped_whole() -> None:
    assert curate(Pair("Go on.", "Go on.", prose(400)), "dual", POLICY) is Reason.REPLY_TOO_LONG


def test_a_call_is_never_cut() -> None:
    call = f'note({{"text": "{story(5)}"}})'
    result = done("Note the weather.", call, mode="agent")
    assert (result.reply, result.form) == (call, Form.FORCED)


@pytest.mark.parametrize("user", ["", "  \n"])
def test_nothing_left_of_the_user_is_a_reason(user: str) -> None:
    assert curate(Pair("[Context: x]", user, "Well said, I think."), "dual", POLICY) is Reason.NOTHING_LEFT


def test_a_text_beyond_what_writers_store_is_too_large() -> None:
    assert curate(Pair("a", "a", "b " * 30_000), "dual", POLICY) is Reason.TOO_LARGE


@given(st.text(), st.text())
def test_no_pair_raises_and_the_result_holds_what_it_promises(user: str, reply: str) -> None:
    result = curate(Pair(user, user, reply), "emulation", POLICY)
    if isinstance(result, Curated):
        assert result.user.strip()
        assert result.reply.strip()
        assert result.form is Form.FORCED or count(result.reply) <= POLICY.short_words
