"""Every way in which a memory has been stored, and what is not completed by invention."""

from __future__ import annotations

from typing import Any

import pytest

from bluebook.subjects.persona.memories import Reason
from bluebook.subjects.persona.reading import Memory, from_object
from bluebook.subjects.persona.shapes import turns
from bluebook.subjects.persona.transcripts import Turn

USER, REPLY = "Is the pump loud?", "Only at night."
PAIR = [Turn("user", USER), Turn("assistant", REPLY)]


def shape(**fields: Any) -> list[Turn] | Reason:
    memory = from_object(fields)
    assert isinstance(memory, Memory)
    return turns(memory)


@pytest.mark.parametrize(
    "fields",
    [
        {"content": USER, "response": REPLY},
        {"content": f'Me: "{USER}"', "response": REPLY},
        {"content": "cut off her", "prompt": USER, "response": REPLY},
        {"content": USER, "question": USER, "answer": REPLY},
        {"userMessage": USER, "assistantResponse": REPLY, "conversationalEssence": "a pump"},
        {"content": f"User: {USER}\n\nAssistant: {REPLY}"},
        {"content": f"User: {USER}\n\nAssistant: {REPLY}", "response": REPLY},
        {"content": f"\U0001f914 {USER}\n\n\U0001f4ad {REPLY}"},
        {"content": USER, "messages": "User: hi", "response": REPLY},
        {
            "content": "x",
            "messages": [{"role": "user", "content": USER}, {"role": "assistant", "content": REPLY}],
        },
        {"messages": [{"from": "human", "value": USER}, {"from": "gpt", "value": REPLY}]},
        {"messages": [{"sender": "user", "text": USER}, {"sender": "Ilse", "text": REPLY}]},
        {"messages": [{"role": "Jonas", "content": USER}, {"role": "assistant", "content": REPLY}]},
        {"content": "Asked.", "metadata": {"innerCuriosity": {"question": USER, "answer": REPLY}}},
        {"content": "Card.", "metadata": {"userMessage": USER, "assistantResponse": REPLY}},
        {
            "questions": [{"id": "q1", "prompt": USER}, {"id": "q2", "prompt": "unanswered"}],
            "answers": [
                {"questionId": "q1", "content": REPLY},
                {"questionId": "q9", "content": "to nothing"},
            ],
        },
        {
            "content": "[Mar 3, 08:10] ← Jonas: Is the pump loud?\n[Mar 3, 08:11] → Me: Only at night.",
            "metadata": {"chat": {"platform": "x"}},
        },
    ],
)
def test_the_same_pair_in_every_shape(fields: dict[str, Any]) -> None:
    assert shape(**fields) == PAIR


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"content": "I avoid the cellar."}, Reason.MONOLOGUE),
        ({"content": USER, "response": ""}, Reason.NO_REPLY),
        ({"content": USER, "response": {"text": REPLY}}, Reason.NO_REPLY),
        ({"content": USER, "messages": [{"role": "user", "content": USER}]}, Reason.NO_REPLY),
        (
            {
                "content": USER,
                "messages": [{"role": "user", "content": USER}, {"role": "assistant", "content": None}],
            },
            Reason.NO_REPLY,
        ),
        ({"content": USER, "observation": USER}, Reason.NO_PROMPT),
        ({"content": "", "response": REPLY}, Reason.EMPTY_FIELD),
        ({"content": " \n\t", "response": REPLY}, Reason.EMPTY_FIELD),
        ({"content": None, "response": REPLY}, Reason.EMPTY_FIELD),
        ({"content": 42, "response": REPLY}, Reason.WRONG_TYPE),
        ({"content": ["a"], "response": REPLY}, Reason.WRONG_TYPE),
        ({}, Reason.EMPTY_FIELD),
        ({"prompt": USER}, Reason.NO_REPLY),
        ({"messages": "User: hi"}, Reason.WRONG_TYPE),
        (
            {"messages": [{"role": "Jonas", "content": USER}, {"role": "Ilse", "content": REPLY}]},
            Reason.NO_REPLY,
        ),
        ({"title": "Mend the pump", "description": "", "status": "todo"}, Reason.TASK),
        (
            {"content": "Invoked skill: fs_write", "metadata": {"toolName": "fs_write", "toolInputs": {}}},
            Reason.TOOL_EVENT,
        ),
        (
            {"content": "fs_write(a.md)", "metadata": {"toolName": "fs_write", "toolInputs": {}}},
            Reason.TOOL_EVENT,
        ),
        ({"content": "[08:10] Jonas: Late?\n[08:11] Mara: Yes."}, Reason.NO_OWN_VOICE),
    ],
)
def test_one_side_is_no_pair(fields: dict[str, Any], reason: Reason) -> None:
    assert shape(**fields) is reason


def test_a_tool_event_with_an_instruction_of_its_own_is_a_pair() -> None:
    said = shape(
        content="Put the list away", metadata={"toolName": "fs_write", "toolInputs": {"path": "ä.md", "n": 1}}
    )
    assert said == [
        Turn("user", "Put the list away"),
        Turn("assistant", 'fs_write({"path": "ä.md", "n": 1})'),
    ]


def test_a_transcript_that_waits_for_its_reply_gets_it() -> None:
    said = shape(content="User: hi\nAssistant: hello\nUser: Is the pump loud?", response=REPLY)
    assert said == [Turn("user", "hi"), Turn("assistant", "hello"), *PAIR]


def test_a_transcript_that_the_user_shows_is_the_users_text() -> None:
    shown = "User: 2+2?\nAssistant: 5"
    assert shape(content=shown, response="No, four.") == [Turn("user", shown), Turn("assistant", "No, four.")]
