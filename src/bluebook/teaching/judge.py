"""What a cycle is worth: what it mastered, what it forgot, whether there is progress. Pure, from the holdout alone.

The holdout decides here whether a lesson stays and when to stop; it never decides what a lesson is about.

A construct is *forgotten* when an earlier kept cycle had mastered it and this one has not, on the very same items, and
chance does not explain it. It is compared with the last cycle that had it mastered, not with the last one: a construct
that loses two items each cycle would never lose enough in one. What is no longer mastered, and chance explains it, has
*slipped*: it is told, and the cycle stays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bluebook.errors import BluebookError
from bluebook.exams.mastery import MINIMUM
from bluebook.health.evidence import Shown
from bluebook.reports.comparison import SIGNIFICANT, holm
from bluebook.reports.cycles import Cycle

PROGRESS = 0.01  # rise of the holdout's score that counts, where no further construct is mastered
PATIENCE = 2  # cycles in a row without progress, then the loop ends

Holdout = Mapping[str, Shown]  # by construct, what the holdout's answers show


class Loss(NamedTuple):
    """A construct that was mastered and is not: of `n` items `lost` turned wrong and `gained` right. `p` is
    Holm-adjusted over all that had been mastered."""

    construct: str
    n: int
    lost: int
    gained: int
    p: float

    def __str__(self) -> str:
        return (
            f"{self.construct}: of the same {self.n} items {self.lost} turned wrong and {self.gained} right "
            f"(p = {self.p:.4f})"
        )


class Verdict(NamedTuple):
    """What a cycle did. `gained` and the others compare with the kept cycles before it."""

    mastered: frozenset[str]
    targets: frozenset[str]
    gained: tuple[str, ...]
    slipped: tuple[str, ...]
    forgotten: tuple[Loss, ...]


def testable(holdout: Holdout) -> frozenset[str]:
    """Constructs with enough items to be judged."""
    return frozenset(name for name, shown in holdout.items() if len(shown.right) >= MINIMUM)


def targets(holdout: Holdout, wanted: Iterable[str] = ()) -> frozenset[str]:
    """What is to be mastered: `wanted`, or all that the holdout can judge.

    Raises BluebookError for one that it cannot, and where it can judge none."""
    able = testable(holdout)
    names = frozenset(wanted) or able
    if missing := sorted(names - able):
        few = {name: len(holdout[name].right) if name in holdout else 0 for name in missing}
        told = ", ".join(f"{name} ({count})" for name, count in few.items())
        raise BluebookError(
            f"the holdout has fewer than {MINIMUM} items for {told}, so nobody could tell that they are mastered; "
            f"add items, or name other targets"
        )
    if not names:
        raise BluebookError(
            f"no construct has {MINIMUM} items in the holdout, so nothing can be mastered; add exam items to "
            f"data/exams, or set exam.max_items in params.yaml to 0"
        )
    return names


def accuracy(shown: Shown) -> float:
    return shown.right.count("1") / len(shown.right) if shown.right else 0.0


def mastered(holdout: Holdout, until: float) -> frozenset[str]:
    """Testable constructs with an accuracy of at least `until`."""
    return frozenset(name for name in testable(holdout) if accuracy(holdout[name]) >= until)


def judge(now: Holdout, kept: Sequence[Holdout], until: float, wanted: Iterable[str] = ()) -> Verdict:
    """`now` beside the kept cycles before it, oldest first."""
    had = last_mastered(now, kept, until)
    has = mastered(now, until)
    before = mastered(kept[-1], until) if kept else frozenset()
    losses = [_loss(name, shown, now[name]) for name, shown in sorted(had.items())]
    adjusted = holm([loss.p for loss in losses])
    tested = [loss._replace(p=p) for loss, p in zip(losses, adjusted, strict=True)]
    forgotten = tuple(loss for loss in tested if loss.construct not in has and loss.p < SIGNIFICANT)
    lost = {loss.construct for loss in forgotten}
    return Verdict(
        mastered=has,
        targets=targets(now, wanted),
        gained=tuple(sorted(has - before)),
        slipped=tuple(sorted(before - has - lost)),
        forgotten=forgotten,
    )


def last_mastered(now: Holdout, kept: Sequence[Holdout], until: float) -> dict[str, Shown]:
    """For each construct that an earlier cycle had mastered on the items of `now`: the last such cycle's answers."""
    found: dict[str, Shown] = {}
    for holdout in kept:
        for name in mastered(holdout, until):
            if name in now and now[name].items == holdout[name].items:
                found[name] = holdout[name]
    return found


def _loss(construct: str, before: Shown, after: Shown) -> Loss:
    pairs = list(zip(before.right, after.right, strict=True))
    lost, gained = pairs.count(("1", "0")), pairs.count(("0", "1"))
    return Loss(construct, len(pairs), lost, gained, by_chance(lost, gained))


def by_chance(lost: int, gained: int) -> float:
    """How likely it is that of as many changed verdicts as many turned wrong: the exact one-sided McNemar test.

    McNemar (1947), Note on the sampling error of the difference between correlated proportions, Psychometrika
    12:153-157.
    """
    changed = lost + gained
    return sum(math.comb(changed, count) for count in range(lost, changed + 1)) / (1 << changed)


def ended(run: Sequence[Cycle], cycles: int, open_targets: Iterable[str]) -> str | None:
    """Why a run of cycles is over; None while it is not. `run` begins with what it started from, and `open_targets`
    are those that are not mastered yet."""
    if not (left := sorted(open_targets)):
        return "every target is mastered"
    taught = run[1:]
    if len(taught) >= cycles:
        return f"{cycles} cycles, and {len(left)} targets are not mastered: {', '.join(left)}"
    if without_progress(run) >= PATIENCE:
        return f"no progress in {PATIENCE} cycles; not mastered: {', '.join(left)}"
    return None


def without_progress(run: Sequence[Cycle]) -> int:
    """How many cycles at the end of `run` brought nothing: set aside, or neither a further construct mastered nor a
    score that rose by PROGRESS over the best before."""
    waited = 0
    best_mastered, best_score = run[0].mastered, run[0].score
    for cycle in run[1:]:
        better = cycle.mastered > best_mastered or cycle.score >= best_score + PROGRESS
        if cycle.outcome != "kept" or not better:
            waited += 1
            continue
        waited = 0
        best_mastered, best_score = max(best_mastered, cycle.mastered), max(best_score, cycle.score)
    return waited
