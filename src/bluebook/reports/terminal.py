"""Status and differences as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bluebook.exams.table import mastery_table
from bluebook.reports.comparison import SIGNIFICANT, Change, SubjectChanges
from bluebook.reports.inputs import Construct, GateResult
from bluebook.reports.status import Staleness, SubjectStatus

_CHANGES = 3  # of a stale stage that are named; `dvc status` names all
_LEVELS = {"CRITICAL": "bold red", "WARNING": "yellow"}  # of health findings that are shown
_COLOURS = {"forgotten": "bold red", "gone": "red", "fell": "yellow", "rose": "", "learned": "green"}


def print_status(statuses: Mapping[str, SubjectStatus]) -> None:
    console = Console()
    for name, found in statuses.items():
        console.print(f"[bold]{escape(name)}[/]  {_gate(found.gate)}")
        exams = [exam for exam in (found.holdout, found.practice) if exam is not None and exam.n]
        for exam in exams:
            console.print(mastery_table(exam))
        if not exams:
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
        table = Table("construct", title=escape(title), title_justify="left")
        for heading in ("before", "after", "change", "p (Holm)", "verdict"):
            table.add_column(heading, justify="left" if heading == "verdict" else "right")
        for change in subject.changes:
            table.add_row(*_row(change))
        console.print(table)
        if subject.before and subject.after and not subject.same_exam:
            console.print(
                "The two sides sat different exams: a difference may lie in the questions.", style="yellow"
            )
    console.print(
        f"forgotten and learned: p < {SIGNIFICANT} after Holm's correction over a subject's constructs, "
        "by the pooled two-proportion z-test",
        style="dim",
    )


def _row(change: Change) -> list[str]:
    gain = ""
    if change.before is not None and change.after is not None:
        gain = f"{100 * (change.after.accuracy - change.before.accuracy):+.1f}"
    colour = _COLOURS.get(change.verdict, "")
    verdict = f"[{colour}]{change.verdict}[/]" if colour else change.verdict
    p = "" if change.p is None else f"{change.p:.3f}"
    return [escape(change.construct), _accuracy(change.before), _accuracy(change.after), gain, p, verdict]


def _accuracy(found: Construct | None) -> str:
    return "" if found is None else f"{found.accuracy:.1%} of {found.n}"
