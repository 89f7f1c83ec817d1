"""The mastery table as people read it in a terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table

from bluebook.exams.mastery import ConstructMastery, LossMean, Mastery, Totals

COLOURS = {
    "untested": "dim",
    "learning": "yellow",
    "mastered": "green",
    "ship": "bold green",
    "production": "bold green",
}

_PLAIN: dict[str, Any] = {"box": SIMPLE_HEAD, "pad_edge": False, "padding": (0, 1, 0, 0)}
_DOUBT = "? the status was reached, but the interval's lower end lies under it"


def mastery_table(found: Mastery) -> RenderableType:
    """Constructs, then the model in each mode beside the baselines, then what went wrong."""
    parts: list[RenderableType] = [_constructs(found), _totals(found)]
    if found.parts:
        parts.append(_parts(found))
    if found.errors:
        worst = sorted(found.errors.items(), key=lambda pair: (-pair[1], pair[0]))
        parts.append("errors: " + ", ".join(f"{category} {count}" for category, count in worst))
    if found.unanswered:
        parts.append(f"[bold red]{found.unanswered} items are unanswered and in no figure above[/]")
    return Group(*parts)


def _constructs(found: Mastery) -> Table:
    title = f"{found.subject}: {found.exam or 'no exam'} {found.version} ({found.mode})"
    table = Table(title=title, title_justify="left", caption=_DOUBT, caption_justify="left", **_PLAIN)
    # Eighty columns hold it all; where a name is too long for them, the name is shortened and no figure.
    table.add_column("construct", no_wrap=True, max_width=24)
    for heading, width in (("n", 4), ("accuracy", 8), ("95 % int.", 9)):
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    table.add_column("status", no_wrap=True, min_width=12)
    for heading in ("loss", "base's") if found.loss else ():
        table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
    for name, construct in found.constructs.items():
        table.add_row(name, *_figures(construct), *_loss(found, name))
    if "all" in found.loss:
        table.add_section()
        table.add_row("all", str(found.n), "", "", "", *_loss(found, "all"))
    return table


def _figures(construct: ConstructMastery) -> list[str]:
    luck = construct.status in ("mastered", "ship", "production") and not construct.firm
    return [
        str(construct.n),
        f"{construct.accuracy:.1%}" if construct.n else "",
        f"{100 * construct.low:.0f} - {construct.high:.0%}",
        f"[{COLOURS[construct.status]}]{construct.status}{' ?' if luck else ''}[/]",
    ]


def _loss(found: Mastery, name: str) -> list[str]:
    if not found.loss:
        return []
    loss: LossMean | None = found.loss.get(name)
    return ["", ""] if loss is None else [f"{loss.adapter:.2f}", f"{loss.base:.2f}"]


def _totals(found: Mastery) -> Table:
    """Each mode of decoding, then the baselines. `found` is the share of answers with a program somewhere inside."""
    table = _counts("answers from", "n", "parsed", "found", "valid", "score", "95 % interval")
    for name, row in _rows(found).items():
        table.add_row(
            name,
            str(row.n),
            f"{row.parse_rate:.1%}",
            f"{row.lenient.parse_rate:.1%}",
            f"{row.valid_rate:.1%}",
            f"{row.score:.3f}",
            f"{row.low:.3f} - {row.high:.3f}",
        )
    return table


def _parts(found: Mastery) -> Table:
    table = _counts("F1 of", *found.parts)
    for name, row in _rows(found).items():
        table.add_row(name, *(f"{row.parts[part].f1:.3f}" for part in found.parts))
    return table


def _rows(found: Mastery) -> dict[str, Totals]:
    return {f"the model, {mode}": whole for mode, whole in found.modes.items()} | found.baselines


def _counts(first: str, *headings: str) -> Table:
    table = Table(first, *headings, **_PLAIN)
    for column in table.columns[1:]:
        column.justify = "right"
    return table
