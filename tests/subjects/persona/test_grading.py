"""The judge: what is wrong is named, what is right passes, and cheap answers do not score."""

from __future__ import annotations

from random import Random

import pytest

from bluebook.subjects.persona.grading import check, compare, constructs, nearness, repeats
from bluebook.subjects.persona.notation import MODES, Reply, parse, write_response
from bluebook.subjects.subject import Comparison, ParseError

BODY = "The ferry leaves at nine from the east steps, and the rope is wet."
LONG = " ".join(f"word{n}" for n in range(200)) + "."


def codes(text: str, max_words: int = 300) -> list[str]:
    return [fault.code for fault in check(parse(text), max_words)]


def graded(expected: str, actual: str) -> Comparison:
    return compare(parse(expected), parse(actual), short_limit=120, long_limit=300)


@pytest.mark.parametrize("mode", MODES)
def test_a_plain_reply_has_no_fault(mode: str) -> None:
    assert codes(write_response(mode, BODY)) == []


@pytest.mark.parametrize(
    "tag", ["<thought>", "<user>", "<instruction>", "<assistant>", "<action>", "<world>"]
)
def test_any_further_tag_in_a_tag_position_is_contamination(tag: str) -> None:
    (fault,) = check(parse(f"<world>: {BODY}\n{tag}: And so on."), 300)
    assert (fault.code, fault.line, fault.column, fault.construct) == ("contamination", 2, 1, "mode:dual")


def test_a_quoted_tag_is_no_contamination() -> None:
    assert codes("<world>: It says <user>: on the door, and <action> below.") == []
    assert codes("<world>: It says\n<user> and nothing else.") == []


def test_a_tag_at_the_very_start_of_the_body_is_no_tag_position() -> None:
    assert codes("<world>: <user>: is what the sign says.") == []


@pytest.mark.parametrize("body", ["", " ", "\n \n"])
def test_an_empty_body_is_one_fault(body: str) -> None:
    assert codes(f"<action>: {body}") == ["empty"]


def test_length_is_counted_in_words() -> None:
    assert codes(f"<action>: {LONG}", 200) == []
    assert codes(f"<action>: {LONG}", 199) == ["over_long"]


def test_filler_is_found() -> None:
    assert codes("<assistant>: Certainly! The ferry leaves at nine.") == ["filler"]
    assert codes("<assistant>: Certainly not, the ferry leaves at nine.") == []


@pytest.mark.parametrize(
    "body",
    [
        "the the the the the the",
        "I went home and I went home and I went home and then",
        "rain, rain, rain, rain, rain, rain, rain",
        " ".join(f"The {noun} is in the shed and it is there." for noun in ("oar", "rope", "lamp") * 4),
        "so it goes on and so it goes on, so it goes on and so it goes on; so it goes on and so it goes on",
    ],
)
def test_loops_are_found(body: str) -> None:
    assert repeats(body)


@pytest.mark.parametrize(
    "body",
    [
        "No, no, no. Not on a Sunday.",
        "Ha ha ha! You should have seen it go, and go, and go.",
        "One line for the boat, one line for the dog, one line for the man, and none for me.",
        "Rain on Monday, rain on Tuesday, rain on Wednesday; on Thursday the rope was dry.",
        BODY,
        "",
    ],
)
def test_people_may_repeat_themselves(body: str) -> None:
    assert not repeats(body)


def test_constructs_are_the_mode() -> None:
    assert constructs(parse(f"<action>: {BODY}")) == {"mode:agent": 1}


def test_the_reference_itself_is_perfect() -> None:
    result = graded(f"<world>: {BODY}", f"<world>: {BODY}")
    assert result.score == 1.0
    assert result.errors == []
    assert result.per_construct == {"mode:dual": 1.0}


def test_the_wrong_tag_scores_nothing_however_good_the_text() -> None:
    result = graded(f"<world>: {BODY}", f"<assistant>: {BODY}")
    assert result.score == 0.0
    assert result.per_construct == {"mode:dual": 0.0}
    assert [error.category for error in result.errors] == ["wrong_tag"]


@pytest.mark.parametrize(
    ("body", "category"),
    [
        (f"{BODY}\n<user>: and you?", "contamination"),
        ("", "empty"),
        ("Certainly! The ferry leaves at nine.", "filler"),
        ("the ferry the ferry the ferry the ferry", "repetition"),
        (LONG, "over_long"),
    ],
)
def test_a_fault_of_form_means_that_the_mode_is_not_shown(body: str, category: str) -> None:
    result = graded(f"<world>: {BODY}", f"<world>: {body}")
    assert result.per_construct == {"mode:dual": 0.0}
    assert [error.category for error in result.errors] == [category]


def test_a_long_answer_is_right_where_the_reference_is_long() -> None:
    assert graded(f"<world>: {LONG}", f"<world>: {LONG}").per_construct == {"mode:dual": 1.0}


REFERENCES = [
    "<world>: The lamp is on the sill, where you left it, and it has burned all night.",
    "<assistant>: I never learned to swim, but I can count to forty under water.",
    "<action>: Painted both doors green and hung the sign a foot higher.",
    "<world>: Nobody came. The soup is still warm and there is enough for two.",
    "<assistant>: Ask my cousin, she has the only ladder and a poor memory.",
    "<action>: Moved the hens before the storm and tied the gate with wire.",
]
PROMPTS = [
    "Who left the lamp burning?",
    "Can you swim?",
    "Paint the doors.",
    "I expected guests.",
    "May I borrow a ladder?",
    "See to the hens.",
]


def mean_score(answers: list[str]) -> float:
    return sum(graded(e, a).score for e, a in zip(REFERENCES, answers, strict=True)) / len(REFERENCES)


def test_a_constant_answer_masters_one_mode_of_three_and_no_text() -> None:
    constant = REFERENCES[0]
    results = [graded(expected, constant) for expected in REFERENCES[1:]]
    assert sum(sum(result.per_construct.values()) for result in results) == 1
    assert all(result.score < 0.35 for result in results)


def test_shuffled_answers_score_far_below_the_right_ones() -> None:
    shuffled = list(REFERENCES)
    Random(1).shuffle(shuffled)
    assert mean_score(REFERENCES) == 1.0
    assert mean_score(shuffled) < 0.4
    within_mode = REFERENCES[3:] + REFERENCES[:3]  # the right tag each time, another item's text
    assert mean_score(within_mode) < 0.35


def test_a_copied_prompt_is_not_in_the_language_and_scores_little_under_the_right_tag() -> None:
    with pytest.raises(ParseError):
        parse("<thought>: Who left the lamp burning?")
    tagged = [
        write_response(parse(expected).mode, prompt)
        for expected, prompt in zip(REFERENCES, PROMPTS, strict=True)
    ]
    assert mean_score(tagged) < 0.35


def test_an_empty_answer_scores_nothing() -> None:
    empty = Reply(tag="<world>", mode="dual", body="")
    result = compare(parse(REFERENCES[0]), empty, short_limit=120, long_limit=300)
    assert result.score == 0.0
    assert result.per_construct == {"mode:dual": 0.0}


def test_nearness_grows_with_what_is_right() -> None:
    half = nearness(BODY, "The ferry leaves at nine.")
    assert 0.0 < half < 1.0
    assert nearness(BODY, BODY) == 1.0
    assert nearness(BODY, "xyz") < 0.05
    assert half == nearness(BODY, "The ferry leaves at nine.")
