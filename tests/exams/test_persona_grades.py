"""What cheap answers get from the persona's own judge."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from bluebook import params, subjects
from bluebook.exams.grade import grade_exam
from bluebook.exams.mastery import Mastery
from bluebook.records import ExamItem
from bluebook.subjects.subject import Subject
from tests.exams.conftest import written

ROOT = Path(__file__).parents[2]
MODES = ("mode:agent", "mode:dual", "mode:emulation")


@pytest.fixture(scope="module")
def persona() -> Subject:
    return subjects.load("persona", params.load(ROOT / "params.yaml"))


@pytest.fixture(scope="module")
def items(persona: Subject) -> list[ExamItem]:
    rng = Random(1)
    found: dict[str, ExamItem] = {}
    while len(found) < 90:
        example = persona.generate([MODES[len(found) % 3]], rng)
        found[example.id] = ExamItem(
            id=example.id,
            exam="persona-holdout",
            version="1.0",
            kind="holdout",
            prompt=example.prompt,
            reference=example.response,
            constructs=example.constructs,
        )
    return list(found.values())


def graded(persona: Subject, items: list[ExamItem], texts: list[str]) -> Mastery:
    return grade_exam(
        persona, items, [written(item, text) for item, text in zip(items, texts, strict=True)]
    ).mastery


def modes(found: Mastery) -> list[float]:
    return [found.constructs[mode].accuracy for mode in MODES]


def test_the_references_get_everything(persona: Subject, items: list[ExamItem]) -> None:
    found = graded(persona, items, [item.reference for item in items])
    assert (found.score, found.valid_rate, found.errors) == (1.0, 1.0, {})
    assert modes(found) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("cheat", ["empty", "copied"])
def test_empty_and_copied_answers_get_nothing(persona: Subject, items: list[ExamItem], cheat: str) -> None:
    found = graded(persona, items, [item.prompt if cheat == "copied" else "" for item in items])
    assert (found.score, found.valid_rate, modes(found)) == (0.0, 0.0, [0.0, 0.0, 0.0])
    assert found.errors == {"format": 90}


def test_a_constant_answer_shows_one_mode_at_most(persona: Subject, items: list[ExamItem]) -> None:
    found = graded(persona, items, [items[0].reference] * 90)
    assert sorted(modes(found))[:2] == [0.0, 0.0]
    assert found.high < 0.5


def test_shuffled_answers_show_no_mode_and_score_little(persona: Subject, items: list[ExamItem]) -> None:
    texts = [item.reference for item in items]
    Random(2).shuffle(texts)
    found = graded(persona, items, texts)
    assert max(modes(found)) < 0.85
    assert found.high < 0.5


def test_running_on_after_the_reply_is_never_right(persona: Subject, items: list[ExamItem]) -> None:
    found = graded(persona, items, [f"{item.reference}\n{item.prompt}" for item in items])
    assert (found.valid_rate, found.score, modes(found)) == (0.0, 0.0, [0.0, 0.0, 0.0])
    assert found.errors["contamination"] >= 90
