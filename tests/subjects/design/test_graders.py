"""The grader on answers to the practice exam of which one knows what they are worth."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

from benchmarks.graders import OWN, WRITERS, grades
from bluebook import params, subjects
from bluebook.records import ExamItem, read_jsonl

ROOT = Path(__file__).parents[3]
ITEMS = list(read_jsonl(ROOT / "data/exams/design/practice.jsonl", ExamItem))[:24]
SUBJECT = subjects.load("design", params.load(ROOT / "params.yaml"))
ALL = WRITERS | OWN["design"]


@pytest.mark.parametrize("writer", ["reference", "shuffled"])
def test_the_same_design_scores_one_in_any_order(writer: str) -> None:
    for grade in grades(SUBJECT, ITEMS, ALL[writer]):
        assert grade.valid and grade.score == 1.0 and not grade.errors


@pytest.mark.parametrize("writer", ["empty", "prompt", "last line cut"])
def test_what_is_no_design_scores_nothing(writer: str) -> None:
    for grade in grades(SUBJECT, ITEMS, ALL[writer]):
        assert not grade.valid and grade.score == 0.0 and not any(grade.per_construct.values())


@pytest.mark.parametrize("writer", ["constant", "next item's"])
def test_another_items_design_is_valid_and_worth_next_to_nothing(writer: str) -> None:
    graded = grades(SUBJECT, ITEMS, ALL[writer])
    assert all(grade.valid for grade in graded)
    assert fmean(grade.score for grade in graded) < 0.1


@pytest.mark.parametrize("writer", ["first renamed", "a type more"])
def test_a_name_or_an_element_amiss_costs_something_and_never_everything(writer: str) -> None:
    graded = grades(SUBJECT, ITEMS, ALL[writer])
    assert all(grade.valid for grade in graded)
    assert 0.5 < fmean(grade.score for grade in graded) < 1.0


@pytest.mark.parametrize(
    "writer", ["in a code fence", "after a sentence", "before a sentence", "after thinking"]
)
def test_a_wrapped_design_counts_read_leniently_alone(writer: str) -> None:
    for grade in grades(SUBJECT, ITEMS, ALL[writer]):
        assert not grade.valid and grade.score == 0.0
        assert grade.lenient is not None and grade.lenient.score == 1.0
