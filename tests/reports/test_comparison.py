from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.reports.comparison import compare, holm, two_proportions
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
