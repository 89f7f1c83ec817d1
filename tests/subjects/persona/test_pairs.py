"""Turns to pairs that stand on their own; blocks where they do not; what metadata say against a memory."""

from __future__ import annotations

from typing import Any

import pytest

from bluebook.subjects.persona.memories import Reason
from bluebook.subjects.persona.pairs import Pair, pairs, unwanted
from bluebook.subjects.persona.reading import Memory, from_object


def memory(**fields: Any) -> Memory:
    result = from_object(fields)
    assert isinstance(result, Memory)
    return result


def talk(*turns: str, **metadata: Any) -> Memory:
    roles = {"u": "user", "a": "assistant", "s": "system", "t": "tool"}
    said = [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]
    return memory(messages=said, metadata=metadata)


def texts(found: list[Pair] | Reason) -> list[tuple[str, str]]:
    assert not isinstance(found, Reason)
    return [(pair.user, pair.assistant) for pair in found]


ASKED = (
    "u:The barge leaks.",
    "a:Then pump it.",
    "u:The pump is under the bench.",
    "a:Beside the oars, I think.",
)
SPLIT = [("The barge leaks.", "Then pump it."), ("The pump is under the bench.", "Beside the oars, I think.")]


@pytest.mark.parametrize(
    "turns",
    [
        ASKED,
        ("s:You are Ilse.", *ASKED),
        ("a:Morning.", *ASKED),
        (*ASKED, "u:Still there?"),
        (ASKED[0], 't:{"leak": 1}', *ASKED[1:]),
    ],
)
def test_a_talk_is_split_and_turns_that_nobody_answered_are_left_out(turns: tuple[str, ...]) -> None:
    assert texts(pairs(talk(*turns))) == SPLIT


def test_two_turns_of_one_side_are_one() -> None:
    found = pairs(talk("u:The barge leaks.", "u:Badly.", "a:Pump it.", "a:Now."))
    assert texts(found) == [("The barge leaks.\nBadly.", "Pump it.\nNow.")]


def test_an_empty_turn_separates_its_neighbours() -> None:
    found = pairs(talk("u:The barge leaks.", "a: ", "u:Hello there.", "a:Pump it."))
    assert texts(found) == [("Hello there.", "Pump it.")]


def test_a_block_stays_one_pair_with_its_earlier_turns() -> None:
    (pair,) = pairs(talk(*ASKED, multi_turn=True))
    assert isinstance(pair, Pair)
    assert pair.block
    assert pair.user == "User: The barge leaks.\nAssistant: Then pump it.\nUser: The pump is under the bench."
    assert pair.assistant == "Beside the oars, I think."


def test_a_block_of_one_exchange_is_an_ordinary_pair() -> None:
    assert texts(pairs(talk(*ASKED[:2], multi_turn=True))) == SPLIT[:1]


def test_a_pair_that_leans_on_what_was_said_is_given_it() -> None:
    first, second = pairs(talk(*ASKED[:2], "u:why?", "a:Because of what I told you before about it."))
    assert isinstance(first, Pair)
    assert isinstance(second, Pair)
    assert first.user == "The barge leaks."
    assert second.leaning
    assert second.block
    assert second.user == "User: The barge leaks.\nAssistant: Then pump it.\nUser: why?"


def test_turns_without_a_reply_are_unpaired() -> None:
    assert pairs(talk("a:Morning.", "u:Hello?", "s:end")) is Reason.NO_REPLY


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"metadata": {"discard": True}}, Reason.DISCARDED),
        ({"metadata": {"discard": "true"}}, Reason.DISCARDED),
        ({"metadata": {"discard": 1}}, Reason.DISCARDED),
        ({"metadata": {"discard": 0}}, None),
        ({"metadata": {"feedbackType": "user_feedback"}}, Reason.FEEDBACK),
        ({"suitableForTraining": False}, Reason.DISCARDED),
        ({"metadata": {"reinforcementSignal": -1}}, Reason.NEGATIVE_FEEDBACK),
        ({"tags": ["feedback"]}, Reason.FEEDBACK),
        ({"content": "[Feedback: Positive]\nTarget: evt-1"}, Reason.FEEDBACK),
        ({"metadata": {"curator": {"memoriesProcessed": 3}}}, Reason.SELF_NOTIFICATION),
        ({"metadata": {"discard": False, "reinforcementSignal": 1}}, None),
        ({"metadata": {"curated": True}}, None),
        ({"content": "The feedback was kind."}, None),
    ],
)
def test_what_the_memory_says_against_itself(fields: dict[str, Any], reason: Reason | None) -> None:
    assert unwanted(memory(**fields)) is reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"content": "I avoid the cellar."}, Reason.MONOLOGUE),
        ({"content": "Sorted the drawers.", "tags": ["background-task"]}, Reason.SELF_NOTIFICATION),
        ({"content": "ab " * 20_000}, Reason.TOO_LARGE),
    ],
)
def test_a_text_without_a_reply(fields: dict[str, Any], reason: Reason) -> None:
    assert pairs(memory(**fields)) is reason
