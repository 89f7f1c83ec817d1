from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.reports.charts import Line, Part, Point, interval_bar, line_chart, share_bar, thinned, ticks

SHARES = st.floats(0, 1)


@given(st.floats(-100, 100), st.floats(1e-3, 1e6))
def test_ticks_are_round_and_cover_the_range(low: float, span: float) -> None:
    found = ticks(low, low + span)
    step = found[1] - found[0]
    assert found[0] <= low + 1e-6 * step
    assert found[-1] >= low + span - 1e-6 * step
    assert 2 <= len(found) <= 12


def test_ticks_of_a_loss_curve() -> None:
    assert ticks(0.0, 6.9) == [0, 2, 4, 6, 8]


@given(st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=2000))
def test_thinning_keeps_few_points_and_their_range(pairs: list[tuple[float, float]]) -> None:
    points = [Point(x, y) for x, y in pairs]
    few = thinned(points, 100)
    assert len(few) <= 100
    assert min(p.y for p in points) - 1e-9 <= min(p.y for p in few)
    assert max(p.y for p in few) <= max(p.y for p in points) + 1e-9


def test_few_points_are_not_averaged() -> None:
    points = [Point(x, x * x) for x in range(50)]
    assert thinned(points) == points


def _coordinates(markup: str) -> list[float]:
    return [float(n) for path in re.findall(r' d="([^"]*)"', markup) for n in re.findall(r"-?[\d.]+", path)]


@given(SHARES, SHARES, SHARES)
def test_an_interval_bar_stays_in_its_box(a: float, b: float, c: float) -> None:
    low, value, high = sorted((a, b, c))
    drawn = interval_bar(value, low, high, "ship")
    assert all(0 <= number <= 100 for number in _coordinates(drawn))


def test_a_line_chart_stays_in_its_box_and_is_well_formed() -> None:
    line = Line("loss & more", "train", [Point(1, 7.5), Point(400, 0.2)], dots=True)
    drawn = line_chart([line], 'a "title"', "step", Point(0, 8.1))
    assert all(-1e-9 <= number <= 100 for number in _coordinates(drawn))
    assert ET.fromstring(drawn).find(".//svg").get("aria-label") == 'a "title"'  # type: ignore[union-attr]


@pytest.mark.parametrize("points", [[], [Point(3, 2.0)], [Point(3, 0.0), Point(3, 0.0)]])
def test_a_line_chart_of_next_to_nothing(points: list[Point]) -> None:
    ET.fromstring(line_chart([Line("loss", "train", points)], "title", "step"))


def test_a_share_bar_says_its_shares_and_fills_its_width() -> None:
    drawn = share_bar([Part("calm", 3, "s1"), Part("gale", 1, "s2"), Part("none", 0, "s3")], "weather")
    widths = [float(rect.get("width", "")) for rect in ET.fromstring(drawn).iter("rect")]
    assert widths == [75, 25]
    assert "calm 75.0 %, gale 25.0 %" in drawn
