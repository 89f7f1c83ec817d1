from __future__ import annotations

import subprocess
import sys
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.errors import BluebookError
from bluebook.exams.grade import grade, grade_exam
from bluebook.records import Answer, ExamItem, Example, Mode
from bluebook.subjects.subject import Comparison
from tests.exams.conftest import exam, examples, written
from tests.toy import Node, Prefix


def one(prompt: str, reference: str, constructs: list[str]) -> ExamItem:
    return ExamItem(
        id="x",
        exam="toy",
        version="1",
        kind="holdout",
        prompt=prompt,
        reference=reference,
        constructs=constructs,
    )


NESTED = one("(1 + (2 * 3))", "add(1, mul(2, 3))", ["add", "mul"])


def test_a_right_answer_counts_whatever_its_order(subject: Prefix) -> None:
    found = grade(NESTED, written(NESTED, "add(mul(3, 2), 1)"), subject)
    assert (found.valid, found.score, found.errors) == (True, 1.0, [])
    assert found.per_construct == {"add": 1.0, "mul": 1.0}


def test_half_right_is_right_for_one_construct_only(subject: Prefix) -> None:
    found = grade(NESTED, written(NESTED, "sub(1, mul(2, 3))"), subject)
    assert found.valid
    assert 0 < found.score < 1
    assert found.per_construct == {"add": 0.0, "mul": 1.0}


@pytest.mark.parametrize("finish", ["length", "timeout", "error"])
def test_unfinished_is_wrong_even_with_the_right_text(subject: Prefix, finish: str) -> None:
    found = grade(NESTED, written(NESTED, NESTED.reference, finish), subject)
    assert (found.valid, found.score, found.per_construct) == (False, 0.0, {"add": 0.0, "mul": 0.0})
    assert [error.category for error in found.errors] == ["unfinished"]


def test_another_language_is_a_format_error(subject: Prefix) -> None:
    found = grade(NESTED, written(NESTED, NESTED.prompt), subject)
    assert (found.valid, found.score, found.per_construct) == (False, 0.0, {"add": 0.0, "mul": 0.0})
    assert [error.category for error in found.errors] == ["format"]
    assert "column 1" in found.errors[0].detail


def test_a_diagnostic_takes_validity_and_its_own_construct(subject: Prefix) -> None:
    item = one("(1 + (2 * 100))", "add(1, mul(2, 100))", ["add", "mul"])
    found = grade(item, written(item, item.reference), subject)
    assert (found.valid, found.score) == (False, 0.0)
    assert [(error.category, error.construct) for error in found.errors] == [("too_large", "mul")]
    assert found.per_construct == {"add": 1.0, "mul": 0.0}


@pytest.mark.parametrize(("text", "expected"), [("add(1, 2)", 1.0), ("sub(1, 2)", 0.0), ("add(1, 100)", 0.0)])
def test_a_construct_that_no_comparison_knows_is_right_when_nothing_is_wrong(
    subject: Prefix, text: str, expected: float
) -> None:
    item = one("(1 + 2)", "add(1, 2)", ["add", "source:diary"])
    assert grade(item, written(item, text), subject).per_construct["source:diary"] == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("add(1, 2)", 0.25), ("sub(1, 2)", 0.25), ("add(1, 100)", 0.0)]
)
def test_a_comparison_may_say_what_holds_of_other_constructs(
    subject: Prefix, monkeypatch: pytest.MonkeyPatch, text: str, expected: float
) -> None:
    """Of a valid answer only; of what it does know it speaks for itself."""
    whole = Prefix.compare

    def compare(self: Prefix, wanted: Node, found: Node) -> Comparison:
        return msgspec.structs.replace(whole(self, wanted, found), otherwise=0.25)

    monkeypatch.setattr(Prefix, "compare", compare)
    found = grade(one("(1 + 2)", "add(1, 2)", ["add", "stage:first"]), written(NESTED, text), subject)
    assert found.per_construct["stage:first"] == expected
    assert found.per_construct["add"] == float(text == "add(1, 2)")


def test_a_reference_outside_the_language_blames_the_exam(subject: Prefix) -> None:
    item = one("(1 + 2)", "1 + 2", ["add"])
    with pytest.raises(BluebookError, match="exam toy 1, item 'x'"):
        grade(item, written(item, "add(1, 2)"), subject)


def test_a_fault_that_check_and_compare_both_find_is_counted_once(subject: Prefix) -> None:
    class Repeating(Prefix):
        def compare(self, expected, actual):  # type: ignore[no-untyped-def]
            comparison = super().compare(expected, actual)
            again = [
                {"category": f.code, "construct": f.construct, "detail": "again"} for f in self.check(actual)
            ]
            comparison.errors += msgspec.convert(again, list[type(comparison.errors[0])])  # type: ignore[misc]
            return comparison

    found = grade(NESTED, written(NESTED, "add(1, mul(2, 100))"), Repeating())
    assert [error.category for error in found.errors].count("too_large") == 1


def test_missing_answers_are_counted_and_in_no_figure(subject: Prefix, items: list[ExamItem]) -> None:
    found = grade_exam(subject, items, [written(item, item.reference) for item in items[:40]])
    assert (found.mastery.n, found.mastery.unanswered, found.mastery.score) == (40, 20, 1.0)
    assert len(found.grades) == 40
    silent = grade_exam(subject, items, [])
    assert (silent.mastery.n, silent.mastery.unanswered) == (0, 60)
    assert {construct.status for construct in silent.mastery.constructs.values()} == {"untested"}
    assert set(silent.mastery.constructs) == {"add", "mul", "sub"}


def in_mode(answers: list[Answer], mode: Mode) -> list[Answer]:
    return [msgspec.structs.replace(answer, mode=mode) for answer in answers]


def test_both_modes_are_graded_and_one_of_them_counts(subject: Prefix, items: list[ExamItem]) -> None:
    free = [written(item, item.reference if place % 2 else "prose") for place, item in enumerate(items)]
    constrained = in_mode([written(item, item.reference) for item in items[:50]], "constrained")
    found = grade_exam(subject, items, [*free, *constrained], mode="constrained")
    assert [(one.item, one.mode) for one in found.grades] == sorted(
        (answer.item, answer.mode) for answer in [*free, *constrained]
    )
    assert found.mastery.mode == "constrained"
    assert (found.mastery.n, found.mastery.unanswered, found.mastery.score) == (50, 10, 1.0)
    assert found.mastery.errors == {}
    assert {mode: (whole.n, whole.valid_rate) for mode, whole in found.mastery.modes.items()} == {
        "constrained": (50, 1.0),
        "free": (60, 0.5),
    }
    other = grade_exam(subject, items, [*free, *constrained], mode="free").mastery
    assert (other.n, other.unanswered, other.valid_rate, other.modes) == (60, 0, 0.5, found.mastery.modes)


def test_a_mode_that_nobody_answered_in_is_refused_by_name(subject: Prefix, items: list[ExamItem]) -> None:
    with pytest.raises(BluebookError, match=r"mode constrained.*only free ones"):
        grade_exam(subject, items, [written(item, item.reference) for item in items], mode="constrained")
    assert grade_exam(subject, items, [], mode="constrained").mastery.mode == "constrained"


def test_answers_that_belong_to_no_item_or_twice_to_one_or_to_a_mode_that_nobody_names_are_refused(
    subject: Prefix, items: list[ExamItem]
) -> None:
    right = [written(item, item.reference) for item in items]
    stray = msgspec.structs.replace(right[0], item="stray")
    constrained = msgspec.structs.replace(right[0], mode="constrained")
    for answers, named in (
        ([*right, stray], "stray"),
        ([*right, right[3]], right[3].item),
        ([constrained, *right[1:]], "mode"),
    ):
        with pytest.raises(BluebookError, match=named):
            grade_exam(subject, items, answers)


def test_constant_empty_copied_and_shuffled_answers_master_nothing(
    subject: Prefix, items: list[ExamItem], train: list[Example]
) -> None:
    shuffled = [item.reference for item in items]
    Random(5).shuffle(shuffled)
    cheats = {
        "constant": [items[0].reference] * len(items),
        "empty": [""] * len(items),
        "copied": [item.prompt for item in items],
        "shuffled": shuffled,
    }
    right = grade_exam(subject, items, [written(item, item.reference) for item in items], train).mastery
    assert (right.score, right.valid_rate) == (1.0, 1.0)
    for name, texts in cheats.items():
        found = grade_exam(
            subject, items, [written(i, t) for i, t in zip(items, texts, strict=True)], train
        ).mastery
        assert found.high < right.low, name
        assert {construct.status for construct in found.constructs.values()} == {"learning"}, name
        assert found.valid_rate == (0.0 if name in {"empty", "copied"} else 1.0), name
    assert right.baselines["retrieval"].high < right.low
    assert right.baselines["constant"].high < right.low


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_items_answers_and_examples_changes_nothing(random: Random) -> None:
    items, train = exam(25), examples(30, seed=7)
    answers = [
        written(item, other.reference if place % 3 else item.reference)
        for place, (item, other) in enumerate(zip(items, reversed(items), strict=True))
    ]
    expected = grade_exam(Prefix(), items, answers, train)
    for rows in (items, answers, train):
        random.shuffle(rows)
    assert grade_exam(Prefix(), items, answers, train) == expected


def test_grading_loads_no_model_library() -> None:
    code = (
        "import sys, bluebook.exams.grade, bluebook.exams.table, bluebook.exams.items;"
        "print(sorted({'torch', 'transformers', 'peft', 'trl'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
