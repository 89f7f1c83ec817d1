"""The table of taught cycles, on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bluebook.reports.cycles import Cycle
from bluebook.reports.data_sections import interval, percent, section
from bluebook.reports.markup import Html, element, table
from bluebook.reports.view import View

HEADINGS = (
    "cycle",
    "lesson",
    "dataset",
    "adapter",
    "exam",
    "score",
    "95 % interval",
    "mastered",
    "minutes",
    "",
)


def rows(found: Sequence[Cycle]) -> list[list[str]]:
    """The history table's cells, one row a cycle, under HEADINGS."""
    return [
        [
            str(cycle.number),
            cycle.lesson,
            cycle.dataset,
            cycle.adapter,
            cycle.exam,
            *_measured(cycle),
            f"{cycle.minutes:.1f}",
            "; ".join(filter(None, (cycle.outcome, cycle.reason))),
        ]
        for cycle in found
    ]


def _measured(cycle: Cycle) -> list[str]:
    """Score, interval and mastered; empty where the cycle never came to its exam."""
    if not cycle.n:
        return ["", "", ""]
    return [percent(cycle.score), interval(cycle.low, cycle.high), f"{cycle.mastered} of {cycle.targets}"]


def teaching(view: View, anchor: str) -> Html | None:
    """The page's section; nothing where nobody taught."""
    if not view.cycles:
        return None
    command = element("code", "bluebook teach")
    note = element(
        "p",
        "One commit a cycle, by ",
        command,
        ". Scores are those of the holdout exam. A cycle that forgot is set aside: its lesson trains no more.",
        class_="note",
    )
    return section(anchor, "Taught", note, table(list(HEADINGS), rows(view.cycles), "Cycles", "counts"))


# Hashes and versions, which the page and the commits tell too: with them a terminal breaks every word.
_LONG = ("dataset", "adapter", "exam")


def print_cycles(found: Sequence[Cycle]) -> None:
    shown = [place for place, heading in enumerate(HEADINGS) if heading not in _LONG]
    drawn = Table(*(HEADINGS[place] for place in shown))
    for row in rows(found):
        drawn.add_row(*(escape(row[place]) for place in shown))
    Console().print(drawn)
