"""A training run as people watch it in a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bluebook.runs import Run, Standing, alive, patience, read_run, standing

_COLOURS: dict[Standing, str] = {
    "running": "green",
    "completed": "green",
    "stopped": "yellow",
    "stalled": "bold red",
    "silent": "bold red",
    "killed": "bold red",
    "failed": "bold red",
}
_SHOWN_EVENTS = 6
_LOOK_SECONDS = 1.0


class Seen(NamedTuple):
    """A run's account and how the run stands, as of `at` in seconds since 1970."""

    run: Run
    standing: Standing
    at: float


def look(file: Path) -> Seen | None:
    """What there is to see; None where nothing has ever run."""
    run = read_run(file)
    if run is None:
        return None
    now = time.time()
    return Seen(run, standing(run, now, alive(run)), now)


def follow(
    file: Path,
    seen: Seen,
    *,
    once: bool = False,
    console: Console | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Seen:
    """Show the run until it ends or the reader has seen enough; gives back what was last seen.

    Without a terminal it is shown once.
    """
    console = console or Console()
    if once or not console.is_terminal:
        console.print(picture(*seen))
        return seen
    with suppress(KeyboardInterrupt), Live(picture(*seen), console=console, auto_refresh=False) as live:
        while seen.standing in ("running", "stalled", "silent"):
            sleep(_LOOK_SECONDS)
            seen = look(file) or seen
            live.update(picture(*seen), refresh=True)
    return seen


def picture(run: Run, stands: Standing, now: float) -> RenderableType:
    """The whole view; `now` in seconds since 1970."""
    parts: list[RenderableType] = [_headline(run, stands, now)]
    if run.total:
        parts.append(_bar(run, stands, now))
    parts += [_measures(run), _steps(run, stands)]
    if run.events:
        parts.append(_events(run))
    return Group(*parts)


def _headline(run: Run, stands: Standing, now: float) -> Text:
    text = Text.from_markup(f"[bold]{escape(run.subject)}[/]  [{_COLOURS[stands]}]{stands}[/]  ")
    text.append(_words(run, stands, now))
    return text


def _words(run: Run, stands: Standing, now: float) -> str:
    """The standing in a sentence."""
    ago = f"{_span(now - run.heartbeat)} ago"
    where = f"process {run.pid} on {run.host}"
    match stands:
        case "running":
            return f"{run.phase}, {_span(now - run.started)} so far; {where}, heartbeat {ago}"
        case "stalled":
            still, may = _span(now - run.progressed), _span(patience(run))
            return f"{run.phase}: no progress for {still}, where {may} would be long; {where} lives"
        case "silent":
            return f"no heartbeat for {_span(now - run.heartbeat)}; {where} is frozen, or that machine is off"
        case "killed":
            return f"{where} is gone without an end, in phase {run.phase}; last heartbeat {ago}"
        case "failed" | "stopped":
            return f"{_ended(run)}: {run.message or 'without a message'}"
        case "completed":
            return f"{_ended(run)}, after {_span((run.ended or now) - run.started)}"


def _ended(run: Run) -> str:
    return f"{datetime.fromtimestamp(run.ended or run.heartbeat):%Y-%m-%d %H:%M:%S}"


def _bar(run: Run, stands: Standing, now: float) -> Table:
    words = f"step {run.step:,} of {run.total:,}, epoch {run.epoch:g}"
    if stands == "running" and run.remaining is not None:
        words += f", {_span(max(0.0, run.remaining - (now - run.progressed)))} to go"
    row = Table.grid(padding=(0, 2))
    row.add_row(ProgressBar(total=run.total, completed=run.step, width=40), words)
    return row


def _measures(run: Run) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, value in (
        ("loss", _number(run.loss, ".4f")),
        ("validation loss", _number(run.eval_loss, ".4f")),
        *((f"loss of {region}", f"{loss:.4f}") for region, loss in sorted(run.regions.items())),
        ("learning rate", _number(run.learning_rate, ".3g")),
        ("gradient norm", _number(run.grad_norm, ".3g")),
        ("tokens/s", _speeds(run)),
        ("seconds a step", _number(run.step_seconds, ".3g")),
        ("peak memory", "" if run.peak_memory is None else f"{run.peak_memory / 2**30:.2f} GiB"),
    ):
        if value:
            grid.add_row(Text(name, style="dim"), value)
    return grid


def _speeds(run: Run) -> str:
    if run.tokens_per_second is None:
        return ""
    return f"{run.tokens_per_second:,.0f}, {run.supervised_per_second or 0:,.0f} of them supervised"


def _steps(run: Run, stands: Standing) -> Table:
    """What has ended, what goes on and what is to come, with what that took before."""
    grid = Table.grid(padding=(0, 2))
    going = stands in ("running", "stalled", "silent")
    for step in run.steps:
        mark, style, took = {
            None: ("▶", "bold", "…") if going else ("✗", "red", "cut short"),
            "complete": ("✓", "green", _span(step.seconds or 0)),
            "stopped": ("■", "yellow", _span(step.seconds or 0)),
        }.get(step.outcome, ("✗", "red", _span(step.seconds or 0)))
        grid.add_row(Text(mark, style=style), step.number, Text(step.title), took)
    for step in run.coming if going else ():
        took = "" if step.seconds is None else f"about {_span(step.seconds)}"
        grid.add_row(
            Text("·", style="dim"), step.number, Text(step.title, style="dim"), Text(took, style="dim")
        )
    return grid


def _events(run: Run) -> Table:
    grid = Table.grid(padding=(0, 2))
    for event in run.events[-_SHOWN_EVENTS:]:
        style = "dim" if event.kind == "note" else "yellow" if event.kind == "retry" else "red"
        at = f"{datetime.fromtimestamp(event.at):%H:%M:%S}"
        grid.add_row(Text(at, style="dim"), Text(event.kind, style=style), Text(event.text))
    return grid


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _span(seconds: float) -> str:
    return str(timedelta(seconds=max(0, round(seconds))))
