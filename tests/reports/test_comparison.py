from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bluebook.records import Grade
from bluebook.reports.comparison import (
    RESAMPLES,
    bootstrap,
    compare,
    compare_items,
    holm,
    mcnemar,
    two_proportions,
)
from bluebook.reports.inputs import Construct

COUNTS = st.integers(1, 400)


def construct(right: int, n: int) -> Construct:
    return Construct(n=n, accuracy=right / n if n else 0.0, low=0.0, high=1.0, status="learning")


def test_against_a_worked_example() -> None:
    # 15 of 25 against 20 of 25: by hand z = (0.2 - 0.04) / sqrt(0.7 * 0.3 * 0.08) = 1.2344, p = 0.2171.
    assert two_proportions(0.6, 25, 0.8, 25) == pytest.approx(0.2171, abs=5e-4)


def fisher(a: int, n1: int, b: int, n2: int) -> float:
    """Fisher's exact test, two-sided: an independent judge of the approximation."""
    total, right = n1 + n2, a + b
    chance = [comb(n1, k) * comb(n2, right - k) / comb(total, right) for k in range(right + 1)]
    return sum(p for p in chance if p <= chance[a] * (1 + 1e-9))


@pytest.mark.parametrize(
    ("a", "n1", "b", "n2"), [(45, 50, 30, 50), (60, 80, 70, 80), (19, 20, 12, 20), (5, 40, 20, 40)]
)
def test_near_to_the_exact_test(a: int, n1: int, b: int, n2: int) -> None:
    assert two_proportions(a / n1, n1, b / n2, n2) == pytest.approx(fisher(a, n1, b, n2), abs=0.02)


@given(COUNTS, COUNTS, st.floats(0, 1), st.floats(0, 1))
def test_a_p_value_is_one_and_does_not_depend_on_the_order(n1: int, n2: int, x: float, y: float) -> None:
    p = two_proportions(x, n1, y, n2)
    assert 0 <= p <= 1
    assert p == pytest.approx(two_proportions(y, n2, x, n1))


def test_holm_against_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_forgotten_stands_first_and_noise_is_not_called_forgotten() -> None:
    before = {
        "a": construct(90, 100),
        "b": construct(90, 100),
        "c": construct(50, 100),
        "d": construct(5, 10),
    }
    after = {"a": construct(40, 100), "b": construct(88, 100), "c": construct(90, 100), "e": construct(5, 10)}
    found = compare(before, after)
    assert [(change.construct, change.verdict) for change in found] == [
        ("a", "forgotten"),
        ("d", "gone"),
        ("b", "fell"),
        ("c", "learned"),
        ("e", "new"),
    ]


def test_a_fall_that_one_test_believes_is_noise_among_many() -> None:
    """36 of 40 to 27 of 40 has p = 0.029; among ten constructs such a fall is to be expected."""
    before, after = {"x": construct(36, 40)}, {"x": construct(27, 40)}
    assert compare(before, after)[0].verdict == "forgotten"
    same = {f"same{index}": construct(20, 40) for index in range(9)}
    assert compare(before | same, after | same)[0].verdict == "fell"


def test_nothing_changed() -> None:
    one = {"a": construct(9, 10), "untried": construct(0, 0)}
    assert {change.verdict for change in compare(one, one)} == {"same"}


@pytest.mark.parametrize("lost", [0, 1, 2, 7, 12, 40, 300])
@pytest.mark.parametrize("gained", [0, 1, 3, 12, 55])
def test_mcnemar_is_scipys_exact_binomial_test(lost: int, gained: int) -> None:
    expected = stats.binomtest(lost, lost + gained).pvalue if lost + gained else 1.0
    assert mcnemar(lost, gained) == pytest.approx(expected, abs=1e-9)
    assert mcnemar(lost, gained) == mcnemar(gained, lost)


@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_the_bootstrap_interval_is_scipys(scale: float) -> None:
    differences = np.random.default_rng(3).normal(0.1, scale, 60)
    expected = stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(11),
        batch=500,
    ).confidence_interval
    found = bootstrap(list(differences))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    # The normal approximation is good here: another judge of the p-value.
    assert found.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)


@given(st.lists(st.floats(-1, 1, allow_nan=False), min_size=1, max_size=40))
@settings(max_examples=20, deadline=None)
def test_a_bootstrap_repeats_itself_and_knows_no_side(differences: list[float]) -> None:
    found = bootstrap(differences)
    assert found == bootstrap(differences)
    mirrored = bootstrap([-value for value in differences])
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-9)
    assert mirrored.p == pytest.approx(found.p)
    assert min(differences) - 1e-9 <= found.low <= found.high <= max(differences) + 1e-9
    assert 0 < found.p <= 1


def test_no_difference_is_no_finding() -> None:
    assert bootstrap([0.0] * 30).p == 1.0
    assert bootstrap([0.5] * 30).p < 0.001


def graded(item: int, score: float, **constructs: float) -> Grade:
    return Grade(
        item=f"i{item:03}", mode="free", valid=True, score=score, errors=[], per_construct=constructs
    )


def test_items_are_paired_by_their_ids_and_only_those_of_both_sides_count() -> None:
    before = [graded(number, 1.0, calm=1.0, gale=0.5) for number in range(40)]
    after = [graded(number, 0.5, calm=float(number >= 20), gale=1.0) for number in range(10, 60)]
    changes, score = compare_items(before, reversed(after))
    assert [(c.construct, c.verdict, c.lost, c.gained) for c in changes] == [
        ("calm", "forgotten", 10, 0),
        ("gale", "learned", 0, 30),
    ]
    assert all(change.before is not None and change.before.n == 30 for change in changes)
    assert changes[0].p == pytest.approx(2 / 2**10)  # Holm: the larger of two stays, the other one doubles
    assert changes[1].p == pytest.approx(2 * 2 / 2**30)
    assert score is not None
    assert (score.n, score.before, score.after, score.difference) == (30, 1.0, 0.5, -0.5)
    assert (score.low, score.high) == (-0.5, -0.5)


def test_paired_items_tell_what_accuracies_do_not() -> None:
    """30 of 60 right on both sides, all of them others: nothing for one test, everything for what it is."""
    before = [graded(number, 0.0, calm=float(number < 30)) for number in range(60)]
    same = compare_items(before, before)[0][0]
    turned = compare_items(before, [graded(n, 0.0, calm=float(n >= 30)) for n in range(60)])[0][0]
    assert (same.verdict, same.lost, same.gained) == ("same", 0, 0)
    assert (turned.verdict, turned.lost, turned.gained) == ("same", 30, 30)


def test_mastered_no_more_is_told_from_a_mere_fall() -> None:
    before = [graded(number, 1.0, calm=float(number < 18), gale=float(number < 12)) for number in range(20)]
    after = [graded(number, 1.0, calm=float(number < 15), gale=float(number < 9)) for number in range(20)]
    found = {change.construct: change.verdict for change in compare_items(before, after)[0]}
    assert found == {"calm": "slipped", "gale": "fell"}


def test_sides_without_a_common_item_have_no_score() -> None:
    changes, score = compare_items([graded(1, 1.0, calm=1.0)], [graded(2, 1.0, gale=1.0)])
    assert score is None
    assert [(change.construct, change.verdict) for change in changes] == [("calm", "gone"), ("gale", "new")]
