"""Every rule of a gate as one column of values, ready to be judged.

Three kinds: `rows` rules are kept or broken by each row, `share` rules ask for a mean and `count` rules for a
sum. Lines that cannot be read break `standalone_json` and are left out of everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bluebook.gates.dataset import Dataset
from bluebook.gates.report import Kind, Severity
from bluebook.gates.rules import RULES, Findings, Rule
from bluebook.params import GateParams
from bluebook.subjects.subject import RowRule, Suite


class Check(msgspec.Struct, kw_only=True, frozen=True):
    """A rule with its values, one for each line of the dataset.

    `rows`: booleans that must all be true; `findings` says what is wrong with the others. `share`: 0 or 1,
    NaN where a line has no say, whose mean is at least `threshold`. `count`: 0 or 1, whose sum is at least
    `threshold`.
    """

    name: str
    why: str
    remedy: str
    kind: Kind
    severity: Severity
    values: NDArray[Any]
    threshold: float | None = None
    findings: Findings = {}
    waiver: str | None = None


def checks(dataset: Dataset, suite: Suite, gate: GateParams) -> list[Check]:
    """The generic rules and the subject's, with the waivers of `gate` applied."""
    every = [*_counts(dataset, gate), *_rows(dataset, suite), *_shares(dataset, suite)]
    return [
        replace(check, severity="waived", waiver=gate.waivers[check.name])
        if check.name in gate.waivers
        else check
        for check in every
    ]


def _counts(dataset: Dataset, gate: GateParams) -> Iterator[Check]:
    training = [line.row is not None and line.split == "train" for line in dataset.lines]
    readable = [line.row is not None for line in dataset.lines]
    yield Check(
        name="training_rows",
        why="there is at least one row to train on",
        remedy="metrics/ says how many items each stage read, kept and dropped",
        kind="count",
        severity="failure",
        values=np.array(training, dtype=np.int8),
        threshold=1,
    )
    yield Check(
        name="minimum_samples",
        why=f"at least {gate.minimum_samples} rows, training and validation together",
        remedy="add material, or lower gate.minimum_samples in params.yaml",
        kind="count",
        severity="failure" if gate.too_few == "fail" else "warning",
        values=np.array(readable, dtype=np.int8),
        threshold=gate.minimum_samples,
    )


def _rows(dataset: Dataset, suite: Suite) -> Iterator[Check]:
    for rule in (*RULES, *map(_own, suite.rows)):
        findings = rule.find(dataset)
        kept = np.ones(len(dataset.lines), dtype=bool)
        kept[list(findings)] = False
        yield Check(
            name=rule.name,
            why=rule.why,
            remedy=rule.remedy,
            kind="rows",
            severity="failure",
            values=kept,
            findings=findings,
        )


def _own(rule: RowRule) -> Rule:
    """A subject's rule in the form of the generic ones."""
    return Rule(
        rule.name,
        rule.why,
        "repair the records that these rows come from, or waive the rule by name",
        lambda dataset: {index: "" for index, _, row in dataset.rows() if not rule.holds(row)},
    )


def _shares(dataset: Dataset, suite: Suite) -> Iterator[Check]:
    for share in suite.shares:
        values = np.full(len(dataset.lines), np.nan)
        for index, _, row in dataset.rows():
            values[index] = share.counts(row)
        yield Check(
            name=share.name,
            why=share.why,
            remedy="add material of the kind that is short, or lower the share under `expect` in params.yaml",
            kind="share",
            severity="failure",
            values=values,
            threshold=share.at_least,
        )
