"""What a gate found, and the three ways it is told: numbers for `dvc metrics diff`, lines for programs, text
for people.

A rule that was waived or only warns is judged and told like any other; it just does not decide whether the
gate passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

Kind = Literal["rows", "share", "count"]
Severity = Literal["failure", "warning", "waived"]

_NAMED = 5  # failing rows that the text names; the failures file has all
_SHOWN = 20  # failing rows of a rule that the metrics name, for the report's page


class Failure(msgspec.Struct, kw_only=True, frozen=True):
    """One row that breaks a rule: its id (the place of a line that has none), its file and line, and what is
    wrong."""

    id: str
    where: str
    detail: str = ""


class RuleResult(msgspec.Struct, kw_only=True):
    """One rule's verdict. `severity` says what breaking it means.

    `rows` rules name every failing row; `share` and `count` rules give a measured value and the least that
    passes.
    """

    name: str
    why: str
    remedy: str
    kind: Kind
    severity: Severity
    passed: bool
    failing: list[Failure] = []
    value: float | None = None
    threshold: float | None = None
    waiver: str | None = None


class GateReport(msgspec.Struct, kw_only=True):
    """`passed` is false when a rule of severity `failure` is broken. A stale waiver is one for a rule that is
    kept."""

    subject: str
    passed: bool
    rows: dict[str, int]  # by split, unreadable lines included
    dataset_sha256: str
    rules: list[RuleResult]
    stale_waivers: list[str]

    def broken(self, severity: Severity) -> list[RuleResult]:
        return [rule for rule in self.rules if not rule.passed and rule.severity == severity]


def metrics(report: GateReport) -> dict[str, Any]:
    """The numbers for `dvc metrics diff`, which leaves out lists, and each rule for the report's page."""
    return {
        "passed": int(report.passed),
        "rows": report.rows,
        "broken": {severity: len(report.broken(severity)) for severity in ("failure", "warning", "waived")},
        "stale_waivers": len(report.stale_waivers),
        "failing_rows": {rule.name: len(rule.failing) for rule in report.rules if rule.kind == "rows"},
        "shares": {rule.name: round(rule.value or 0.0, 6) for rule in report.rules if rule.kind == "share"},
        "counts": {rule.name: int(rule.value or 0) for rule in report.rules if rule.kind == "count"},
        "rules": [msgspec.structs.replace(rule, failing=rule.failing[:_SHOWN]) for rule in report.rules],
    }


def pass_file(report: GateReport) -> dict[str, Any]:
    """What training needs to see: that this dataset, by its hash, kept these rules under these waivers."""
    return {
        "subject": report.subject,
        "passed": report.passed,
        "dataset_sha256": report.dataset_sha256,
        "rules": [rule.name for rule in report.rules],
        "waivers": {rule.name: rule.waiver for rule in report.rules if rule.waiver is not None},
    }


def failures(report: GateReport) -> Iterator[dict[str, Any]]:
    """One line for each row that breaks a rule, and one for each share or count that falls short."""
    for rule in report.rules:
        if rule.passed:
            continue
        told = {"rule": rule.name, "severity": rule.severity}
        for failure in rule.failing:
            yield told | {"id": failure.id, "where": failure.where, "detail": failure.detail}
        if rule.kind != "rows":
            yield told | {"value": rule.value, "threshold": rule.threshold}


def table(report: GateReport) -> str:
    """The findings for a person: rule, count, first rows and what to do, the worst first."""
    total = ", ".join(f"{count} {split}" for split, count in report.rows.items())
    verdict = "passed" if report.passed else "FAILED"
    kept = sum(rule.passed for rule in report.rules)
    lines = [f"gate {report.subject}: {verdict}, {kept} of {len(report.rules)} rules kept, rows: {total}"]
    for severity in ("failure", "warning", "waived"):
        for rule in report.broken(severity):
            lines += [f"  {severity:8}{rule.name}: {_measure(rule)}", f"          rule: {rule.why}"]
            lines += [f"          {_line(failure)}" for failure in rule.failing[:_NAMED]]
            if len(rule.failing) > _NAMED:
                lines.append(f"          … and {len(rule.failing) - _NAMED} more")
            closing = f"waived because: {rule.waiver}" if severity == "waived" else f"to do: {rule.remedy}"
            lines.append(f"          {closing}")
    for name in report.stale_waivers:
        lines.append(f"  warning {name}: waived, but the rule is kept; delete the waiver from params.yaml")
    return "\n".join(lines)


def _measure(rule: RuleResult) -> str:
    if rule.kind == "rows":
        return f"{len(rule.failing)} row{'' if len(rule.failing) == 1 else 's'}"
    if rule.value is None:
        return "nothing to measure"
    if rule.kind == "count":
        return f"{rule.value:.0f}, at least {rule.threshold:.0f} expected"
    return f"{rule.value:.2%}, at least {rule.threshold:.2%} expected"


def _line(failure: Failure) -> str:
    place = failure.where if failure.id == failure.where else f"{failure.id} ({failure.where})"
    return f"{place}: {failure.detail}" if failure.detail else place
