"""The grader on answers to the practice exam of which one knows what they are worth."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

from benchmarks.graders import OWN, WRITERS, grades
from bluebook.records import ExamItem, read_jsonl
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.records import IngestPolicy
from bluebook.subjects.ue5.subject import Ue5

EXAM = Path(__file__).parents[3] / "data/exams/ue5/practice.jsonl"
ITEMS = list(read_jsonl(EXAM, ExamItem))
SUBJECT = Ue5(IngestPolicy(max_bytes=1, max_nodes=1, wordings=1), 7, shipped())


@pytest.mark.parametrize("writer", ["reference", "renumbered", "renamed"])
def test_the_same_graph_scores_one_whatever_its_names_and_order(writer: str) -> None:
    for grade in grades(SUBJECT, ITEMS, (WRITERS | OWN["ue5"])[writer]):
        assert grade.valid and grade.score == 1.0 and not grade.errors
        assert set(grade.per_construct.values()) == {1.0}


@pytest.mark.parametrize("writer", ["empty", "prompt"])
def test_what_is_no_program_scores_nothing(writer: str) -> None:
    for grade in grades(SUBJECT, ITEMS, WRITERS[writer]):
        assert not grade.valid and grade.score == 0.0
        assert [error.category for error in grade.errors] == ["format"]
        assert not any(grade.per_construct.values())


@pytest.mark.parametrize("writer", ["constant", "next item's"])
def test_another_items_program_is_valid_and_worth_little(writer: str) -> None:
    graded = grades(SUBJECT, ITEMS, WRITERS[writer])
    assert all(grade.valid for grade in graded)
    assert fmean(grade.score for grade in graded) < 0.35
    assert sum(grade.score == 1.0 for grade in graded) <= 1  # the constant's own item


def test_what_is_too_much_costs_something_and_never_everything() -> None:
    for grade in grades(SUBJECT, ITEMS, OWN["ue5"]["two nodes more"]):
        assert grade.valid and 0.5 < grade.score < 1.0
        assert {error.category for error in grade.errors} == {"extra"}


def test_a_wire_twice_or_not_at_all_is_no_sound_graph() -> None:
    for grade in grades(SUBJECT, ITEMS, WRITERS["last line twice"]):
        assert not grade.valid and grade.score == 0.0
    for grade in grades(SUBJECT, ITEMS, WRITERS["last line cut"]):
        assert grade.score < 1.0 and grade.errors
