"""Pictures as inline SVG, drawn by pure functions.

Hand-written rather than altair: four small pictures do not justify 900 KB of plotting script in every report,
and SVG without script prints, scales and follows the page's colours. A plot is stretched to its box; lines
keep their width (`non-scaling-stroke`) and all words are HTML beside it, so that nothing shrinks on a narrow
screen. Colours are the page's: a class names the role, the style sheet the colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import NamedTuple

from bluebook.exams.mastery import THRESHOLDS
from bluebook.reports.markup import Html, element, join

MOST_POINTS = 240  # more are averaged in equal runs: a screen shows no more and the page stays small


class Point(NamedTuple):
    x: float
    y: float


class Line(NamedTuple):
    """One series. `role` is a class of the style sheet; `dots` marks every point, for series of few
    points."""

    name: str
    role: str
    points: Sequence[Point]
    dots: bool = False


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points, each the mean of an equal run of the given ones."""
    run = max(1, ceil(len(points) / most))
    runs = [points[start : start + run] for start in range(0, len(points), run)]
    return [Point(sum(p.x for p in some) / len(some), sum(p.y for p in some) / len(some)) for some in runs]


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers that cover [low, high] in about that many steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or abs(high) or 1.0
    rough = span / about
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, max(last, first + 1) + 1)]


def _number(value: float) -> str:
    """Short and the same on every machine: SVG coordinates need no more than two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def line_chart(lines: Sequence[Line], title: str, x_title: str, level: Point | None = None) -> Html:
    """Lines over a common scale. `level` draws a horizontal line at its y (a baseline). The words around the
    plot and the table that the caller adds tell the same story to those who do not see it."""
    shown = [line._replace(points=thinned(line.points)) for line in lines if line.points]
    xs = [p.x for line in shown for p in line.points] or [0.0]
    ys = [p.y for line in shown for p in line.points] + ([level.y] if level else []) or [0.0]
    y_ticks, x_ticks = ticks(min(0.0, *ys), max(ys)), ticks(min(xs), max(xs), 5)
    x_ticks = [x for x in x_ticks if min(xs) <= x <= max(xs)] or [min(xs)]
    left, right, bottom, top = min(xs), max(xs), y_ticks[0], y_ticks[-1]

    def across(x: float) -> float:
        return 100 * (x - left) / ((right - left) or 1)

    def down(y: float) -> float:
        return 100 * (top - y) / ((top - bottom) or 1)

    marks = [element("path", d=f"M0 {_number(down(y))}H100", class_="grid") for y in y_ticks]
    if level:
        marks.append(element("path", d=f"M0 {_number(down(level.y))}H100", class_="level"))
    for line in shown:
        steps = [f"{_number(across(p.x))} {_number(down(p.y))}" for p in line.points]
        marks.append(element("path", d="M" + "L".join(steps), class_=f"line {line.role}"))
        if line.dots or len(steps) == 1:
            # A zero-length path with round caps is a dot that stays round when the plot is stretched.
            marks.append(element("path", d="".join(f"M{at}h0" for at in steps), class_=f"dots {line.role}"))
    plot = element(
        "svg", marks, viewBox="0 0 100 100", preserveAspectRatio="none", role="img", aria_label=title
    )
    y_axis = [element("span", _tick(y), style=f"top:{_number(down(y))}%") for y in y_ticks]
    x_axis = [element("span", _tick(x), style=f"left:{_number(across(x))}%") for x in x_ticks]
    return element(
        "div",
        element("div", y_axis, class_="axis-y", aria_hidden="true"),
        element("div", plot, class_="plot"),
        element("div", x_axis, class_="axis-x", aria_hidden="true"),
        element("div", x_title, class_="axis-title"),
        class_="chart",
    )


def _tick(value: float) -> str:
    return f"{value:,.10g}"


def interval_bar(value: float, low: float, high: float, role: str) -> Html:
    """A share on a scale from 0 to 1 with its interval and the mastery thresholds. Hidden from screen
    readers: the cells beside it say the same in numbers."""
    return element(
        "svg",
        element("path", d="M0 50H100", class_="track"),
        [element("path", d=f"M{_number(100 * edge)} 0V100", class_="threshold") for _, edge in THRESHOLDS],
        element("path", d=f"M{_number(100 * low)} 50H{_number(100 * high)}", class_=f"interval {role}"),
        element("path", d=f"M{_number(100 * value)} 18V82", class_=f"value {role}"),
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        class_="bar",
        aria_hidden="true",
    )


class Part(NamedTuple):
    """One part of a whole."""

    name: str
    size: int
    role: str


def share_bar(parts: Sequence[Part], title: str) -> Html:
    """Parts of a whole as one bar. A table beside it carries names and numbers."""
    total = sum(part.size for part in parts) or 1
    at, drawn = 0.0, []
    for part in parts:
        wide = 100 * part.size / total
        if part.size:
            drawn.append(
                element(
                    "rect",
                    element("title", f"{part.name}: {part.size:,}"),
                    x=_number(at),
                    y="0",
                    width=_number(wide),
                    height="100",
                    class_=part.role,
                )
            )
        at += wide
    words = ", ".join(f"{part.name} {100 * part.size / total:.1f} %" for part in parts)
    return element(
        "svg",
        drawn,
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        class_="shares",
        role="img",
        aria_label=f"{title}: {words}",
    )


def count_bar(count: int, most: int, role: str = "") -> Html:
    """A count beside others, as long as its share of the largest. Its cell says the number."""
    wide = 100 * count / most if most else 0.0
    return element(
        "svg",
        element("rect", x="0", y="0", width=_number(wide), height="100", class_=role or None),
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        class_="count",
        aria_hidden="true",
    )


def legend(lines: Sequence[Line], level: str | None = None) -> Html:
    """Names of the lines with their strokes."""
    entries = [
        element("li", element("i", class_=f"key {line.role}"), line.name) for line in lines if line.points
    ]
    if level:
        entries.append(element("li", element("i", class_="key level"), level))
    return element("ul", join(entries), class_="legend")
