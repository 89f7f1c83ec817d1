"""Conversations inside one string: who said what, and nobody else's words as the persona's."""

from __future__ import annotations

import pytest

from bluebook.subjects.persona.transcripts import (
    Turn,
    turns_of_chat_export,
    turns_of_transcript,
    without_label,
)

HELLO = [Turn("user", "Is the ferry late?"), Turn("assistant", "By an hour.")]


@pytest.mark.parametrize(
    "text",
    [
        "User: Is the ferry late?\n\nAssistant: By an hour.",
        "USER: Is the ferry late?\nASSISTANT: By an hour.",
        "Human: Is the ferry late?\n\nAI: By an hour.",
        "Q: Is the ferry late?\nA: By an hour.",
        "Question: Is the ferry late?\n\nAnswer: By an hour.",
        "**User:** Is the ferry late?\n\n**Assistant:** By an hour.",
        "### User: Is the ferry late?\n### Assistant: By an hour.",
        "[User]: Is the ferry late?\n[Assistant]: By an hour.",
        "User (10:02): Is the ferry late?\nAssistant (10:03): By an hour.",
        "Prompt: Is the ferry late?\r\n\r\nResponse: By an hour.",
        "Me: Is the ferry late?\nBot: By an hour.",
        "  User:Is the ferry late?\n  Assistant:By an hour.",
        "User：Is the ferry late?\nAssistant：By an hour.",
        "Ilse: Is the ferry late?\nAssistant: By an hour.",
        "User: Is the ferry late?\n\nNova: By an hour.",
        "User: Is the ferry late? Assistant: By an hour.",
    ],
)
def test_the_same_talk_under_many_labels(text: str) -> None:
    assert turns_of_transcript(text) == HELLO


@pytest.mark.parametrize(
    "text",
    [
        "The ferry is late.",
        "Note: the ferry is late\nReason: fog",
        "User: only one side",
        "Users: many\nAssistants: few",
        "<user>: is this a tag?\n<assistant>: it is.",
        "Me: hello\nJonas: hi",
        "I asked. User: is it late? Assistant: yes.",
    ],
)
def test_what_is_no_transcript(text: str) -> None:
    assert turns_of_transcript(text) == []


def test_a_label_of_another_family_stays_in_the_text() -> None:
    text = "User: Which?\nA: tea\nB: milk\n\nAssistant: A: tea.\nQ: why not both?"
    assert turns_of_transcript(text) == [
        Turn("user", "Which?\nA: tea\nB: milk"),
        Turn("assistant", "A: tea.\nQ: why not both?"),
    ]


def test_lines_and_indentation_of_a_turn_stay() -> None:
    text = "User: one\n\n    two  \n\tthree\n\nAssistant: four"
    assert turns_of_transcript(text)[0] == Turn("user", "one\n\n    two  \n\tthree")


def test_system_and_tool_lines_are_neither_side() -> None:
    text = "System: Be brief.\nUser: Is the ferry late?\nTool: {}\nAssistant: By an hour."
    assert [turn for turn in turns_of_transcript(text) if turn.role != "other"] == HELLO


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('Me: "call Ilse at six"', "call Ilse at six"),
        ("Me: “call Ilse at six”", "call Ilse at six"),
        ("User: call Ilse at six", "call Ilse at six"),
        ('Me: "yes" and "no"', '"yes" and "no"'),
        ('Me: "I said "no" and then "maybe.""', 'I said "no" and then "maybe."'),
        ('"quoted" from the start', '"quoted" from the start'),
        ("Me: ", "Me: "),
        ("Memo: call Ilse", "Memo: call Ilse"),
        ("  spaces stay  ", "  spaces stay  "),
    ],
)
def test_a_label_before_one_side(text: str, said: str) -> None:
    assert without_label(text) == said


EXPORTS = [
    "With Jonas\n--- Conversation ---\n[Mar 3, 08:10 AM] ← Jonas: Late?\n[Mar 3, 08:11] → Me: By an hour.",
    "[03.03.24, 08:10:33] Jonas: Late?\n[03.03.24, 08:11:02] Me: By an hour.",
    "3/3/24, 8:10 AM - Jonas: Late?\n3/3/24, 8:11 AM - You: By an hour.",
    "2024-03-03 08:10 Jonas: Late?\n2024-03-03 08:11 Me: By an hour.",
    "2024-03-03T08:10:00Z Jonas: Late?\n2024-03-03T08:11:00Z Me: By an hour.",
    "(08:10) Jonas: Late?\n(08:11) Me: By an hour.",
    "<- Jonas: Late?\n-> Ilse: By an hour.",
    "\u200e[03.03.24, 08:10:33] Jonas: Late?\n\u200e[03.03.24, 08:11:02] Me: By an hour.",
    "--- Conversation ---\nJonas: Late?\nMe: By an hour.",
    "[2024-03-03 08:10] User: Late?\n[2024-03-03 08:11] Assistant: By an hour.",
]


@pytest.mark.parametrize("text", EXPORTS)
def test_the_same_chat_in_many_formats(text: str) -> None:
    assert turns_of_chat_export(text, declared=False) == [
        Turn("user", "Late?"),
        Turn("assistant", "By an hour."),
    ]


def test_a_chat_without_times_needs_the_metadata_to_say_so() -> None:
    text = "Jonas: Late?\nMe: By an hour."
    assert turns_of_chat_export(text, declared=False) is None
    assert turns_of_chat_export(text, declared=True) == [
        Turn("user", "Late?"),
        Turn("assistant", "By an hour."),
    ]


def test_a_chat_of_others_has_no_own_voice() -> None:
    assert turns_of_chat_export("[08:10] Jonas: Late?\n[08:11] Mara: By an hour.", declared=False) == []


def test_lines_below_a_message_belong_to_it_and_pictures_to_nobody() -> None:
    text = "[08:10] Jonas: Late?\nReally?\n[08:11] Me: <Media omitted>\n[08:12] Me: By an hour.\n- no, two"
    assert turns_of_chat_export(text, declared=False) == [
        Turn("user", "Late?\nReally?"),
        Turn("assistant", "By an hour.\n- no, two"),
    ]


def test_times_in_prose_make_no_chat() -> None:
    assert turns_of_chat_export("Up at 8:10: tea.\nAt 9:15: work.", declared=False) is None
