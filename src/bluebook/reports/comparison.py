"""Mastery before and after, construct by construct: what was forgotten, what was learned, what is only noise.

The same items are answered twice, so the tests are paired: what counts are the items whose verdict changed.
Where the items' grades are gone, two accuracies are left, which are compared as two independent proportions;
that test is blinder, and whoever shows its result says so. Testing dozens of constructs at once finds a
"significant" one by luck, so the p-values are adjusted together (Holm).

An item shows a construct right or not: what its grade says of it is 1, or less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import comb, erfc, sqrt
from typing import Literal

import msgspec
import numpy as np

from bluebook.exams.mastery import construct_mastery
from bluebook.records import Grade
from bluebook.reports.inputs import Construct
from bluebook.reports.retention import MASTERED

SIGNIFICANT = 0.05
RESAMPLES = 10_000
_BLOCK = 1 << 20  # indices drawn at once: 8 MiB
_SEED = 11

Verdict = Literal["forgotten", "slipped", "fell", "new", "gone", "same", "rose", "learned"]
# Worst first: what a reader must not miss stands on top.
_ORDER: tuple[Verdict, ...] = ("forgotten", "slipped", "gone", "fell", "learned", "rose", "new", "same")


class Change(msgspec.Struct, kw_only=True, frozen=True):
    """One construct before and after. `p` is Holm-adjusted; None where one side has no items. Of the same items
    `lost` were right before only and `gained` are right after only; None where the items were not paired.

    `forgotten` and `learned` are significant; `slipped` is not, and yet the construct is mastered no more."""

    construct: str
    before: Construct | None
    after: Construct | None
    p: float | None
    verdict: Verdict
    lost: int | None = None
    gained: int | None = None


class ScoreChange(msgspec.Struct, kw_only=True, frozen=True):
    """The mean score of the same `n` items before and after; the difference with its bootstrapped 95 % interval
    and p-value."""

    n: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float


def mcnemar(lost: int, gained: int) -> float:
    """Two-sided p-value that as many items turn wrong as turn right: McNemar's exact test.

        p = min(1, 2 · sum of C(n, k) / 2^n for k = 0 … min(lost, gained)),   n = lost + gained

    McNemar (1947), Psychometrika 12:153-157. The binomial form is taken for every n: it needs no rule of thumb
    for when a chi-squared one is near enough, and errs towards "no difference".
    """
    changed = lost + gained
    return min(1.0, 2 * sum(comb(changed, k) for k in range(min(lost, gained) + 1)) / (1 << changed))


class Bootstrap(msgspec.Struct, frozen=True):
    """The 95 % percentile interval of a mean, and the p-value that it is 0."""

    low: float
    high: float
    p: float


def bootstrap(differences: Sequence[float]) -> Bootstrap:
    """Resample paired differences, at least one of them, with a fixed seed: the same differences give the same
    result.

    The interval is the percentile one; p is the share of resamples, drawn from differences that were moved to a
    mean of 0, whose mean is as far from 0 as the one seen, itself counted as one. Efron, Tibshirani: An
    Introduction to the Bootstrap (1993), sections 13.3 and 16.4.
    """
    found = np.asarray(differences, dtype=np.float64)
    rng = np.random.default_rng(_SEED)
    rows = max(1, _BLOCK // len(found))
    means = np.concatenate(
        [
            found[rng.integers(0, len(found), (min(rows, RESAMPLES - start), len(found)))].mean(axis=1)
            for start in range(0, RESAMPLES, rows)
        ]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    # Rounding must not make a resample that equals what was seen seem nearer to 0.
    far = np.count_nonzero(np.abs(means - found.mean()) >= abs(found.mean()) - 1e-12)
    return Bootstrap(float(low), float(high), float((far + 1) / (RESAMPLES + 1)))


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


def compare_items(before: Iterable[Grade], after: Iterable[Grade]) -> tuple[list[Change], ScoreChange | None]:
    """Every construct of either side on the items that both sides graded, in the order of `compare`, and the
    change of the score; None where they share no item. Each side holds one grade an item."""
    one, other = ({grade.item: grade for grade in side} for side in (before, after))
    shared = sorted(one.keys() & other.keys())
    then, now = _values(one.values()), _values(other.values())
    pairs = {
        name: [(then[name][item], now[name][item]) for item in sorted(then[name].keys() & now[name].keys())]
        for name in sorted(then.keys() & now.keys())
    }
    turned = {
        name: (sum(a >= 1 > b for a, b in found), sum(b >= 1 > a for a, b in found))
        for name, found in pairs.items()
        if found
    }
    p_values = dict(zip(turned, holm([mcnemar(*counts) for counts in turned.values()]), strict=True))
    changes = []
    for name in sorted(then.keys() | now.keys()):
        if name in turned:
            sides: tuple[list[float], list[float]] = (
                [a for a, _ in pairs[name]],
                [b for _, b in pairs[name]],
            )
        else:
            sides = (list(then.get(name, {}).values()), list(now.get(name, {}).values()))
        known = tuple(counted(values) if values else None for values in sides)
        lost, gained = turned.get(name, (None, None))
        p = p_values.get(name)
        changes.append(
            Change(
                construct=name,
                before=known[0],
                after=known[1],
                p=p,
                verdict=_verdict(known[0], known[1], p),
                lost=lost,
                gained=gained,
            )
        )
    return _ordered(changes), _score([one[item].score for item in shared], [other[i].score for i in shared])


def _values(grades: Iterable[Grade]) -> dict[str, dict[str, float]]:
    """What each item says of each construct."""
    found: dict[str, dict[str, float]] = {}
    for grade in grades:
        for construct, value in grade.per_construct.items():
            found.setdefault(construct, {})[grade.item] = value
    return found


def counted(values: Sequence[float]) -> Construct:
    """A construct from what each item says of it."""
    found = construct_mastery(values)
    return Construct(
        n=found.n,
        accuracy=found.accuracy,
        low=found.low,
        high=found.high,
        status=found.status,
        firm=found.firm,
    )


def _score(before: Sequence[float], after: Sequence[float]) -> ScoreChange | None:
    if not before:
        return None
    found = bootstrap([b - a for a, b in zip(before, after, strict=True)])
    means = sum(before) / len(before), sum(after) / len(after)
    return ScoreChange(
        n=len(before),
        before=means[0],
        after=means[1],
        difference=means[1] - means[0],
        low=found.low,
        high=found.high,
        p=found.p,
    )


def compare(before: Mapping[str, Construct], after: Mapping[str, Construct]) -> list[Change]:
    """Every construct of either side, as independent samples: forgotten ones first, then by the size of the
    fall."""
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
    return _ordered(changes)


def _ordered(changes: Iterable[Change]) -> list[Change]:
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
        if significant:
            return "forgotten"
        return "slipped" if before.status in MASTERED and after.status not in MASTERED else "fell"
    return "learned" if significant else "rose"
