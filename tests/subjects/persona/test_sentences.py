"""Where sentences end, and that a reply never stops inside one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona.sentences import is_atomic, sentences, trim

SPLIT = [
    ["Mr. Smith met Dr. Jones. ", "They left."],
    ["He lives in the U.S. now. ", "Fine."],
    ["He lives in the U.S. ", "He is old."],
    ["It cost 3.50 euros. ", "Cheap."],
    ["Use e.g. salt, i.e. NaCl. ", "Done."],
    ["No. 5 is alive. ", "No. ", "I mean it."],
    ["J. R. R. Tolkien wrote. ", "I read."],
    ["Wait... what? ", "No!"],
    ["Wait... ", "What? ", "No!"],
    ['"Come in," she said. ', '"Sit."'],
    ['"Really?" she asked. ', "He nodded."],
    ['She said "no." ', "He left."],
    ["He asked (why?) and left. ", "(Good.) ", "Yes."],
    ["What?! ", "No way. ", "Yes!!!"],
    ["これは。", "はい！", "何？"],
    ["مرحبا؟ ", "نعم."],
    ["1. Fold the map.\n", "2. Go."],
    ["- one\n", "- two\n\n", "- three"],
    ["a wrapped line that\ngoes on here. ", "Next."],
    ["First paragraph\n\n", "second paragraph"],
    ["I met Sir W. Batten there. ", "Good."],
    ["It is vitamin C. ", "It helps."],
    ["So am I. ", "We go."],
    ["i love it. ", "it is great"],
    ["Visit example.com today. ", "Fine."],
    ["At 5 p.m. we left. ", "At 6 p.m. ", "The bell rang."],
    ["Version 1.2.3 is out. ", "Yes."],
    ["Jan. 3 was cold. ", "Brr."],
    ["Well, that is it"],
    ["   "],
    [],
]
ATOMIC = [
    '{"a": 1}',
    'do_x({"a": 1})',
    "```py\nx = 1\n```",
    "Here:\n```\nls\n```\nOk.",
    '[{"a": 1}]',
    "$ ls -la\n$ cd x",
    'think({"thought": "One. Two. Three."})',
    "def f(x):\n    return x",
    "for (int i = 0; i < 3; i++) {\n  x();\n}",
    "SELECT a FROM b WHERE c = 1;",
    'It says {"a": "b. c", "d": 2} now. Ok.',
    "{'a': 1, 'b': 2}",
    "npm install x",
    "import os\nprint(os.name)",
]
PROSE = [
    "Hello there. It is (really) fine.",
    "I paid $5 for it. Ok.",
    "He said [sic] so. Yes.",
    "x = y is true. I think.",
    "Call me (maybe). Ok.",
    "I'm fine; you?",
    "<user>, <assistant>: tags. Nothing more.",
    "From the start. It rained.",
]


@pytest.mark.parametrize("parts", SPLIT, ids=lambda parts: "|".join(parts)[:30])
def test_sentences_end_where_they_end(parts: list[str]) -> None:
    assert sentences("".join(parts)) == parts


@given(st.text() | st.lists(st.sampled_from([*"aB. !?…\n\"'1()。؟", "Mr.", "e.g.", "\r\n"])).map("".join))
def test_joined_sentences_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text
    assert all(sentences(text))


@pytest.mark.parametrize("text", ATOMIC)
def test_code_and_json_are_atomic(text: str) -> None:
    assert is_atomic(text)
    assert trim(text, max_sentences=1, max_words=1, prefer_words=1) == text


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_not(text: str) -> None:
    assert not is_atomic(text)


def short(text: str, *, most: int = 3, prefer: int = 40) -> str:
    return trim(text, max_sentences=most, max_words=120, prefer_words=prefer)


def test_trim_keeps_whole_sentences_within_both_limits() -> None:
    assert short("One. Two. Three. Four.") == "One. Two. Three."
    assert short("One two. Three four. Five six.", prefer=4) == "One two. Three four."
    assert short("One two three. Four.", prefer=2) == "One two three."
    assert short("Rain. " + "word " * 39 + "end. More.") == "Rain."
    assert short("word " * 200 + "end. More.") == "word " * 200 + "end."


def test_trim_does_not_stop_where_a_reply_reads_as_cut_off() -> None:
    assert short("Here is the list:\n- tea\n- rain", most=1) == "Here is the list:\n- tea"
    assert short("Well... I think so. Yes.", most=1) == "Well... I think so."
    assert short("What is it؟ It is rain. Yes.", most=1) == "What is it؟ It is rain."
    assert short("Tea! 😊 And rain. Yes.", most=1) == "Tea!"


_END = re.compile(r"[.!?…。！？][\"'”’»)\]*_`]*$")


@given(
    st.lists(
        st.sampled_from(
            [
                "rain",
                "Tea",
                "Mr.",
                "e.g.",
                "3.5",
                ".",
                "!",
                "?",
                "...",
                "\n",
                "\n\n",
                ":",
                "؟",
                "。",
                '."',
                "😊",
                "- ",
            ]
        )
    ).map(" ".join),
    st.integers(1, 4),
    st.integers(1, 9),
)
def test_trim_gives_a_beginning_that_ends_a_sentence(text: str, most: int, words: int) -> None:
    trimmed = trim(text, max_sentences=most, max_words=9, prefer_words=words)
    assert text.startswith(trimmed)
    rest = text[len(trimmed) :]
    assert not rest.strip() or rest.startswith("\n") or _END.search(trimmed)
    assert bool(trimmed) == bool(text.strip())
