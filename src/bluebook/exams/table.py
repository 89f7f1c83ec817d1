"""The mastery table as people read it in a terminal."""

from __future__ import annotations

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


def mastery_table(found: Mastery) -> RenderableType:
    """Constructs, then the model beside the baselines, then what went wrong."""
    parts: list[RenderableType] = [_constructs(found), _totals(found)]
    if found.errors:
        worst = sorted(found.errors.items(), key=lambda pair: (-pair[1], pair[0]))
        parts.append("errors: " + ", ".join(f"{category} {count}" for category, count in worst))
    if found.unanswered:
        parts.append(f"[bold red]{found.unanswered} items are unanswered and in no figure above[/]")
    return Group(*parts)


def _constructs(found: Mastery) -> Table:
    title = f"{found.subject}: {found.exam or 'no exam'} {found.version} ({found.mode})"
    table = Table("construct", title=title, title_justify="left")
    for heading in ("n", "accuracy", "95 % interval", "status"):
        table.add_column(heading, justify="left" if heading == "status" else "right")
    if found.loss:
        table.add_column("loss", justify="right")
        table.add_column("base's", justify="right")
    for name, construct in found.constructs.items():
        table.add_row(name, *_figures(construct), *_loss(found, name))
    if "all" in found.loss:
        table.add_section()
        table.add_row("all", str(found.n), "", "", "", *_loss(found, "all"))
    return table


def _figures(construct: ConstructMastery) -> list[str]:
    said = construct.status if construct.firm else f"{construct.status}{_DOUBT.get(construct.status, '')}"
    return [
        str(construct.n),
        f"{construct.accuracy:.1%}" if construct.n else "",
        f"{construct.low:.1%} - {construct.high:.1%}",
        f"[{COLOURS[construct.status]}]{said}[/]",
    ]


# A status that was reached and could still be luck.
_DOUBT = {"mastered": ", not firm", "ship": ", not firm", "production": ", not firm"}


def _loss(found: Mastery, name: str) -> list[str]:
    if not found.loss:
        return []
    loss: LossMean | None = found.loss.get(name)
    return ["", ""] if loss is None else [f"{loss.adapter:.3f}", f"{loss.base:.3f}"]


def _totals(found: Mastery) -> Table:
    table = Table("answers from", "n", "valid", "score", "95 % interval")
    for column in table.columns[1:]:
        column.justify = "right"
    model = Totals(n=found.n, valid_rate=found.valid_rate, score=found.score, low=found.low, high=found.high)
    for name, row in {"the model": model, **found.baselines}.items():
        table.add_row(
            name, str(row.n), f"{row.valid_rate:.1%}", f"{row.score:.3f}", f"{row.low:.3f} - {row.high:.3f}"
        )
    return table
