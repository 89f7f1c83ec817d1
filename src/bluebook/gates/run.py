"""Run a gate: every rule on every row, judged through Great Expectations, told in one report.

Waivers are settled here. A waived rule runs like any other and its failures are told with the reason; a
waiver for no rule is an error, and one for a rule that is kept is reported as stale.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bluebook.errors import GateError
from bluebook.gates.checks import Check, checks
from bluebook.gates.dataset import SPLITS, Dataset
from bluebook.gates.expectations import NAMES, Verdict, judge
from bluebook.gates.report import Failure, GateReport, RuleResult
from bluebook.params import GateParams
from bluebook.subjects.subject import Suite


def run_gate(
    subject: str,
    dataset: Dataset,
    suite: Suite,
    gate: GateParams,
    *,
    dataset_sha256: str,
    page: Path | None = None,
) -> GateReport:
    """Judge `dataset` by the generic rules and the subject's `suite`; Data Docs go to `page` where one is
    given.

    Raises GateError for two rules of one name, for a waiver without a rule or a reason, and for a rule that
    cannot be evaluated. Broken rules are no error here: they are in the report.
    """
    judged = checks(dataset, suite, gate)
    _check_names(subject, [check.name for check in judged], gate)
    ids = [line.id for line in dataset.lines]
    places = [line.where for line in dataset.lines]
    verdicts = judge(subject, ids, places, judged, page)
    rules = [_result(check, verdicts[check.name], ids, places) for check in judged]
    sizes = Counter(line.split for line in dataset.lines)
    return GateReport(
        subject=subject,
        passed=all(rule.passed or rule.severity != "failure" for rule in rules),
        rows={split: sizes[split] for split in SPLITS},
        dataset_sha256=dataset_sha256,
        rules=rules,
        stale_waivers=[rule.name for rule in rules if rule.passed and rule.waiver is not None],
    )


def _check_names(subject: str, names: list[str], gate: GateParams) -> None:
    """Names become columns and waivers refer to them, so each must be there once."""
    for name, times in Counter([*NAMES, *names]).items():
        if times > 1:
            raise GateError(f"{subject}: rule name {name!r} is taken; rename the rule in the subject's suite")
    for name, reason in gate.waivers.items():
        if name not in names:
            raise GateError(
                f"params.yaml: subjects.{subject}.gate.waivers names {name!r}, which is no rule. "
                f"There is {', '.join(sorted(names))}"
            )
        if not reason.strip():
            raise GateError(f"params.yaml: subjects.{subject}.gate.waivers.{name} needs a reason")


def _result(check: Check, verdict: Verdict, ids: list[str], places: list[str]) -> RuleResult:
    index_of = {places[index]: index for index in check.findings}
    failing = [
        Failure(id=ids[index_of[where]], where=where, detail=check.findings[index_of[where]])
        for where in verdict.failing
    ]
    return RuleResult(
        name=check.name,
        why=check.why,
        remedy=check.remedy,
        kind=check.kind,
        severity=check.severity,
        passed=verdict.passed,
        failing=sorted(failing, key=lambda failure: (failure.id, failure.where)),
        value=verdict.value,
        threshold=check.threshold,
        waiver=check.waiver,
    )
