from __future__ import annotations

import math
from io import StringIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy import stats

from bluebook.errors import BluebookError
from bluebook.exams.mastery import construct_mastery, exam_versions, mastery, wilson
from bluebook.exams.table import mastery_table
from bluebook.records import Answer, ExamItem, Grade, GradeError, ReferenceLoss, Share
from tests.exams.conftest import exam


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_published_intervals(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits / n, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("n", [1, 2, 19, 20, 130, 4000])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.85, 0.97, 1.0])
def test_wilson_is_scipys(share: float, n: int) -> None:
    right = round(share * n)
    expected = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


means = st.floats(0, 1, allow_subnormal=False)
counts = st.integers(1, 10**6)


@given(means, counts)
def test_wilson_holds_the_mean_and_stays_in_bounds(mean: float, n: int) -> None:
    low, high = wilson(mean, n)
    assert 0 <= low <= mean <= high <= 1
    assert low < high


@given(means, counts)
def test_wilson_is_symmetric_and_narrows_with_n(mean: float, n: int) -> None:
    low, high = wilson(mean, n)
    assert wilson(1 - mean, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    more = wilson(mean, 4 * n)
    assert more.high - more.low <= high - low


@given(means, means, counts)
def test_wilson_grows_with_the_mean(one: float, other: float, n: int) -> None:
    low, high = sorted((one, other))
    assert wilson(low, n).low <= wilson(high, n).low + 1e-12
    assert wilson(low, n).high <= wilson(high, n).high + 1e-12


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_no_scores_in_bounds_vary_more_than_the_interval_assumes(scores: list[float]) -> None:
    mean = math.fsum(scores) / len(scores)
    variance = math.fsum((score - mean) ** 2 for score in scores) / len(scores)
    assert variance <= mean * (1 - mean) + 1e-12


def test_nothing_measured_can_be_anything() -> None:
    assert wilson(0.0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("right", "n", "status", "firm"),
    [
        (19, 19, "untested", False),
        (16, 20, "learning", False),
        (17, 20, "mastered", False),  # exactly 85 %
        (19, 20, "ship", False),  # exactly 95 %
        (97, 100, "production", False),  # exactly 97 %
        (20, 20, "production", False),
        (130, 130, "production", True),
        (3840, 4000, "ship", True),
        (3600, 4000, "mastered", True),
        (3000, 4000, "learning", False),
    ],
)
def test_status_takes_the_mean_and_firm_the_lower_bound(right: int, n: int, status: str, firm: bool) -> None:
    found = construct_mastery([1.0] * right + [0.0] * (n - right))
    assert (found.n, found.accuracy, found.status, found.firm) == (n, right / n, status, firm)


def measured(items: list[ExamItem]) -> list[Answer]:
    return [
        Answer(
            item=item.id,
            model="m",
            mode="free",
            text="",
            tokens=1,
            finish="stop",
            reference_loss=ReferenceLoss(adapter=float(place), base=2.0 * place, tokens=1 if place else 3),
        )
        for place, item in enumerate(items)
    ]


def graded(item: ExamItem, categories: list[str]) -> Grade:
    return Grade(
        item=item.id,
        mode="free",
        valid=not categories,
        score=float(not categories),
        errors=[GradeError(category=name, construct="", detail="") for name in categories],
        per_construct=dict.fromkeys(item.constructs, float(not categories)),
    )


def test_losses_weigh_every_token_alike_and_go_to_each_construct() -> None:
    items = exam(3)
    items[0].constructs, items[1].constructs, items[2].constructs = ["add"], ["mul"], ["add", "mul"]
    found = mastery("toy", items, measured(items), [graded(item, []) for item in items], {}).loss
    assert set(found) == {"all", "add", "mul"}
    assert (found["all"].n, found["all"].tokens) == (3, 5)
    assert found["all"].adapter == pytest.approx((0 * 3 + 1 + 2) / 5)
    assert found["all"].base == pytest.approx(2 * (0 * 3 + 1 + 2) / 5)
    assert found["add"].adapter == pytest.approx((0 * 3 + 2) / 4)
    assert found["mul"].adapter == pytest.approx((1 + 2) / 2)


def test_the_loss_of_an_item_answered_in_both_modes_counts_once() -> None:
    items = exam(3)
    answers = measured(items)
    again = [msgspec.structs.replace(answer, mode="constrained") for answer in answers]
    one = mastery("toy", items, answers, [], {}).loss
    assert mastery("toy", items, [*again, *answers], [], {}).loss == one
    assert one["all"].n == 3


def test_errors_are_counted_by_category_and_exams_named() -> None:
    items = [*exam(2, 1, name="b", version="2"), *exam(2, 2, name="a", version="1")]
    grades = [graded(item, found) for item, found in zip(items, [["x"], ["x", "y"], [], []], strict=True)]
    found = mastery("toy", items, measured(items), grades, {})
    assert (found.exam, found.version) == ("a+b", "1+2")
    assert found.errors == {"x": 2, "y": 1}
    assert (found.n, found.valid_rate, found.score) == (4, 0.5, 0.5)


def test_an_exam_of_two_versions_is_refused() -> None:
    with pytest.raises(BluebookError, match="toy-holdout"):
        exam_versions([*exam(2, 1, version="1.0"), *exam(2, 2, version="1.1")])


def test_the_table_shows_every_construct_with_its_n_and_what_is_missing() -> None:
    items = exam(40)
    answers = measured(items)[:30]
    found = mastery("toy", items, answers, [graded(item, ["odd"]) for item in items[:30]], {})
    shown = StringIO()
    Console(width=110, file=shown).print(mastery_table(found))
    text = shown.getvalue()
    for name, construct in found.constructs.items():
        row = next(line for line in text.splitlines() if name in line.split())
        assert str(construct.n) in row.split()
        assert construct.status in row
    assert "odd 30" in text
    assert "10 items are unanswered" in text


def test_parts_are_counted_over_all_answers_together() -> None:
    items = exam(2)
    grades = [graded(item, []) for item in items]
    grades[0].parts = {"edges": Share(right=3, expected=4, actual=3)}
    grades[1].parts = {"edges": Share(right=0, expected=4, actual=0)}  # an answer that says nothing
    found = mastery("toy", items, measured(items), grades, {}).parts["edges"]
    assert (found.precision, found.recall) == (1.0, 3 / 8)
    assert found.f1 == pytest.approx(2 * 3 / (8 + 3))
