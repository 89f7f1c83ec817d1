"""Mastery at two revisions, construct by construct: what was forgotten, what was learned, what is only noise.

Two accuracies from different runs are compared as two independent proportions. Testing dozens of constructs
at once finds a "significant" one by luck, so the p-values are adjusted together (Holm).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import erfc, sqrt
from pathlib import Path
from typing import Literal

import msgspec

from bluebook.errors import BluebookError
from bluebook.reports.history import mastery_at, mastery_here, resolve, subjects_at, subjects_here
from bluebook.reports.inputs import Construct

SIGNIFICANT = 0.05

Verdict = Literal["forgotten", "fell", "new", "gone", "same", "rose", "learned"]
# Worst first: what a reader must not miss stands on top.
_ORDER: tuple[Verdict, ...] = ("forgotten", "gone", "fell", "learned", "rose", "new", "same")


class Change(msgspec.Struct, kw_only=True, frozen=True):
    """One construct before and after. `p` is Holm-adjusted; None where one side has no items."""

    construct: str
    before: Construct | None
    after: Construct | None
    p: float | None
    verdict: Verdict


class SubjectChanges(msgspec.Struct, kw_only=True):
    """A subject's changes. `same_exam` is false where the two sides sat different exams or versions: a
    difference may then lie in the questions."""

    subject: str
    before: str | None  # exam, version and decoding mode; None where there was no result
    after: str | None
    same_exam: bool
    changes: list[Change]


def subject_changes(root: Path, revision: str, other: str | None) -> list[SubjectChanges]:
    """Every subject that either side has a result of, compared; `other` None stands for the work tree.

    Raises BluebookError for an unknown revision, or where neither side has any result.
    """
    commit = resolve(root, revision)
    other_commit = None if other is None else resolve(root, other)
    names = set(subjects_at(root, commit))
    names |= set(subjects_here(root)) if other_commit is None else set(subjects_at(root, other_commit))
    found = []
    for name in sorted(names):
        before = mastery_at(root, commit, name)
        after = mastery_here(root, name) if other_commit is None else mastery_at(root, other_commit, name)
        sat = [
            None if side is None else f"{side.exam} {side.version} ({side.mode})" for side in (before, after)
        ]
        found.append(
            SubjectChanges(
                subject=name,
                before=sat[0],
                after=sat[1],
                same_exam=sat[0] == sat[1],
                changes=compare(
                    {} if before is None else before.constructs, {} if after is None else after.constructs
                ),
            )
        )
    if not found:
        sides = f"{revision} or {other or 'the work tree'}"
        raise BluebookError(f"no mastery in {sides}: metrics/SUBJECT/mastery.json is written by `dvc repro`")
    return found


def two_proportions(share_1: float, n_1: int, share_2: float, n_2: int) -> float:
    """Two-sided p-value that two samples come from one proportion: the pooled z-test with Yates' correction.

        z = (|p1 - p2| - (1/n1 + 1/n2) / 2) / sqrt(p (1 - p) (1/n1 + 1/n2)),   p = (n1 p1 + n2 p2) / (n1 + n2)

    Fleiss, Levin, Paik: Statistical Methods for Rates and Proportions, 3rd ed. (2003), section 3.3. The
    correction errs towards "no difference" for small n, which is the side to err on before calling something
    forgotten. Both n must be positive.
    """
    pooled = (share_1 * n_1 + share_2 * n_2) / (n_1 + n_2)
    spread = 1 / n_1 + 1 / n_2
    variance = pooled * (1 - pooled) * spread
    distance = abs(share_1 - share_2) - spread / 2
    if variance <= 0 or distance <= 0:
        return 1.0
    return erfc(distance / sqrt(variance) / sqrt(2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that keep the chance of any false alarm at the level they are compared with.

    Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6:65-70.
    """
    adjusted = [1.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = running
    return adjusted


def compare(before: Mapping[str, Construct], after: Mapping[str, Construct]) -> list[Change]:
    """Every construct of either side, forgotten ones first, then by the size of the fall."""
    shared = sorted(name for name in before.keys() & after.keys() if before[name].n and after[name].n)
    raw = [two_proportions(before[c].accuracy, before[c].n, after[c].accuracy, after[c].n) for c in shared]
    p_values = dict(zip(shared, holm(raw), strict=True))
    changes = [
        Change(
            construct=name,
            before=before.get(name),
            after=after.get(name),
            p=p_values.get(name),
            verdict=_verdict(before.get(name), after.get(name), p_values.get(name)),
        )
        for name in sorted(before.keys() | after.keys())
    ]
    return sorted(changes, key=lambda change: (_ORDER.index(change.verdict), _gain(change), change.construct))


def _gain(change: Change) -> float:
    if change.before is None or change.after is None:
        return 0.0
    return change.after.accuracy - change.before.accuracy


def _verdict(before: Construct | None, after: Construct | None, p: float | None) -> Verdict:
    if before is None or not before.n:
        return "same" if after is None or not after.n else "new"
    if after is None or not after.n:
        return "gone"
    if after.accuracy == before.accuracy or p is None:
        return "same"
    significant = p < SIGNIFICANT
    if after.accuracy < before.accuracy:
        return "forgotten" if significant else "fell"
    return "learned" if significant else "rose"
