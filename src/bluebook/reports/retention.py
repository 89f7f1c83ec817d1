"""What was mastered before, and whether it still is.

Mastered once on the same version of the exam, in the same mode of decoding: only then does "no more" mean
forgotten and not asked otherwise. `bluebook diff` tests single changes; this adds up all of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bluebook.reports.inputs import Construct, Mastery

MASTERED = ("mastered", "ship", "production")


class Kept(msgspec.Struct, kw_only=True, frozen=True):
    """A construct that was mastered: its best accuracy so far, and what it is now."""

    best: float
    now: float
    kept: bool


class Retention(msgspec.Struct, kw_only=True):
    """`rate` is `kept` of `mastered_before`; 1 where nothing was mastered before, as nothing was lost."""

    mastered_before: int
    kept: int
    rate: float
    constructs: dict[str, Kept] = {}

    @property
    def lost(self) -> list[str]:
        return [name for name, found in self.constructs.items() if not found.kept]


def retention(now: Mastery, earlier: Iterable[Mastery]) -> Retention:
    """Every construct that an earlier result on the same exam had mastered. What equals `now` is no earlier one:
    before and after the commit of its results a stage must write the same bytes."""
    best: dict[str, float] = {}
    for past in earlier:
        if past == now or _asked(past) != _asked(now):
            continue
        for name, found in past.constructs.items():
            if found.status in MASTERED:
                best[name] = max(best.get(name, 0.0), found.accuracy)
    constructs = {name: _kept(accuracy, now.constructs.get(name)) for name, accuracy in sorted(best.items())}
    kept = sum(found.kept for found in constructs.values())
    return Retention(
        mastered_before=len(constructs),
        kept=kept,
        rate=kept / len(constructs) if constructs else 1.0,
        constructs=constructs,
    )


def _asked(found: Mastery) -> tuple[str, str, str]:
    return found.exam, found.version, found.mode


def _kept(best: float, now: Construct | None) -> Kept:
    if now is None:
        return Kept(best=best, now=0.0, kept=False)
    return Kept(best=best, now=now.accuracy, kept=now.status in MASTERED)
