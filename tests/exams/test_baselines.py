from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.exams.baselines import constant, retrieval
from bluebook.records import ExamItem, Example, Origin


def example(prompt: str, response: str) -> Example:
    return Example(
        id=f"{prompt}{response}",
        subject="s",
        prompt=prompt,
        response=response,
        constructs=[],
        origin=Origin(kind="generated", ref="", group=""),
        split="train",
    )


def item(prompt: str) -> ExamItem:
    return ExamItem(
        id=prompt, exam="e", version="1", kind="holdout", prompt=prompt, reference="", constructs=[]
    )


TRAIN = [
    example("How do I water the fern?", "Once a week."),
    example("Where did we leave the blue ladder?", "Behind the shed."),
    example("What is the tide doing tonight?", "Rising until nine."),
    example("When is the tide at its lowest?", "Rising until nine."),
]


def test_the_nearest_prompt_answers() -> None:
    asked = [
        item("where did you leave the LADDER"),
        item("Should I water that fern today?"),
        item("the tide, tonight?"),
    ]
    found = retrieval(asked, TRAIN)
    assert [answer.text for answer in found] == ["Behind the shed.", "Once a week.", "Rising until nine."]
    assert [answer.item for answer in found] == [question.id for question in asked]


def test_a_rare_word_weighs_more_than_common_ones() -> None:
    train = [example(f"please tell me about the {word}", word) for word in ("oak", "elm", "ash", "yew")]
    train.append(example("zirconium", "rare"))
    assert retrieval([item("about the zirconium")], train)[0].text == "rare"


def test_equally_near_ones_are_decided_by_text() -> None:
    train = [example("same", "b"), example("same", "c"), example("same", "a")]
    assert retrieval([item("same"), item("漢字"), item("")], train)[0].text == "a"
    assert {answer.text for answer in retrieval([item("漢字"), item("")], train)} == {"a"}


@given(st.permutations(TRAIN), st.lists(st.text(max_size=40), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_any_text_is_answered_and_order_does_not_matter(train: list[Example], prompts: list[str]) -> None:
    asked = [item(prompt) for prompt in prompts]
    assert retrieval(asked, train) == retrieval(asked, TRAIN)
    # One at a time or all together: a block is no part of the question.
    assert [retrieval([question], train)[0] for question in asked] == retrieval(asked, train)


def test_constant_is_the_most_frequent_response_then_the_first() -> None:
    assert {answer.text for answer in constant([item("a"), item("b")], TRAIN)} == {"Rising until nine."}
    assert constant([item("a")], TRAIN[:3])[0].text == "Behind the shed."
