"""Status and differences as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bluebook.exams.table import mastery_table
from bluebook.reports.comparison import SIGNIFICANT, Change, ScoreChange
from bluebook.reports.inputs import Construct, GateResult
from bluebook.reports.sides import SubjectChanges
from bluebook.reports.status import Staleness, SubjectStatus

_CHANGES = 3  # of a stale stage that are named; `dvc status` names all
_LEVELS = {"CRITICAL": "bold red", "WARNING": "yellow"}  # of health findings that are shown
_COLOURS = {
    "forgotten": "bold red",
    "slipped": "red",
    "gone": "red",
    "fell": "yellow",
    "rose": "",
    "learned": "green",
}


def print_status(statuses: Mapping[str, SubjectStatus]) -> None:
    console = Console()
    for name, found in statuses.items():
        console.print(f"[bold]{escape(name)}[/]  {_gate(found.gate)}")
        exams = [exam for exam in (found.holdout, found.practice) if exam is not None and exam.n]
        for exam in exams:
            console.print(mastery_table(exam))
        for problem in found.unreadable:
            console.print(f"[bold red]unreadable[/] {escape(problem)}", soft_wrap=True)
        if not exams and not found.unreadable:
            console.print("  mastery: not built yet; run `dvc repro`")
        for finding in found.health.findings if found.health else ():
            if (colour := _LEVELS.get(finding.level)) is not None:
                words = escape(f"{finding.rule}: {finding.detail}. {finding.advice}")
                console.print(f"[{colour}]{finding.level}[/] {words}", soft_wrap=True)


def _gate(found: GateResult | None) -> str:
    if found is None:
        return "gate: not built yet"
    waived = sorted(rule.name for rule in found.rules if rule.waiver is not None)
    broken = sorted(rule.name for rule in found.rules if not rule.passed and rule.severity == "failure")
    words = "gate: [green]passed[/]" if found.passed else f"gate: [bold red]failed[/] ({', '.join(broken)})"
    return words + (f", waived: {', '.join(waived)}" if waived else "")


def print_staleness(stale: Staleness) -> None:
    console = Console()
    if stale.stages is None:
        console.print(f"stale: unknown, because DVC said: {escape(stale.error or '')}", style="yellow")
        return
    if not stale.stages:
        console.print("stale: nothing; every result belongs to the present data, code and params")
        return
    console.print(f"stale: {len(stale.stages)} stages; `dvc repro` rebuilds them")
    for stage, changes in stale.stages.items():
        more = f", and {len(changes) - _CHANGES} more" if len(changes) > _CHANGES else ""
        console.print(f"  {escape(stage)}: {escape(', '.join(changes[:_CHANGES]))}{more}", soft_wrap=True)


def print_changes(found: Sequence[SubjectChanges]) -> None:
    console = Console()
    for subject in found:
        title = f"{subject.subject}: {subject.before or 'no result'} -> {subject.after or 'no result'}"
        if subject.refused is not None:
            console.print(
                f"[bold]{escape(title)}[/]\n[bold red]not compared[/]: {escape(subject.refused)}",
                soft_wrap=True,
            )
            continue
        console.print(f"[bold]{escape(title)}[/]", soft_wrap=True)
        moved = [change for change in subject.changes if change.verdict != "same" or change.lost]
        if moved:
            console.print(_changes(moved))
        console.print(f"unchanged: {len(subject.changes) - len(moved)} constructs")
        if subject.score is not None:
            console.print(_score(subject.score), soft_wrap=True)
        if subject.unpaired is not None:
            how = "not compared item by item, but by the pooled two-proportion z-test: "
            one_sided = subject.before is None or subject.after is None
            console.print(
                escape(("" if one_sided else how) + subject.unpaired), style="yellow", soft_wrap=True
            )
    console.print(
        f"forgotten and learned: p < {SIGNIFICANT} by McNemar's exact test on the same items, after Holm's correction "
        "over a subject's constructs; slipped: mastered before and not now, which may be chance",
        style="dim",
    )


def _score(found: ScoreChange) -> str:
    return (
        f"score on the same {found.n} items: {found.before:.3f} -> {found.after:.3f}, {found.difference:+.3f} "
        f"({found.low:+.3f} to {found.high:+.3f}, p = {found.p:.4f}, paired bootstrap)"
    )


def _changes(moved: Sequence[Change]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("construct", no_wrap=True, max_width=26)
    # Eighty columns hold it all; where a name is too long for them, the name is shortened and no figure.
    for heading in ("n", "before", "after", "change", "lost", "gained", "p"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=max(len(heading), 5))
    table.add_column("verdict", no_wrap=True, min_width=9)
    for change in moved:
        table.add_row(*_row(change))
    return table


def _row(change: Change) -> list[str]:
    known = [side for side in (change.after, change.before) if side is not None]
    gain = ""
    if change.before is not None and change.after is not None:
        gain = f"{100 * (change.after.accuracy - change.before.accuracy):+.1f}"
    colour = _COLOURS.get(change.verdict, "")
    verdict = f"[{colour}]{change.verdict}[/]" if colour else change.verdict
    p = "" if change.p is None else f"{change.p:.3f}"
    turned = ["" if count is None else str(count) for count in (change.lost, change.gained)]
    accuracies = [_accuracy(change.before), _accuracy(change.after)]
    return [escape(change.construct), str(known[0].n), *accuracies, gain, *turned, p, verdict]


def _accuracy(found: Construct | None) -> str:
    return "" if found is None else f"{found.accuracy:.1%}"
