"""What a draft aims at, and how much of it.

A construct is weak when its accuracy on the practice exam is below `weak_below`, absent when no training example shows
it, and mastered else. Its weight, by which the draft is shared out:

    deficit · log2(2 + N / (1 + t))

`deficit` is 1 - accuracy, and 1 where the construct is absent; N is the number of training examples and t that of
those that show the construct. The second factor is an inverse document frequency: one more example says more about a
construct that is rarely seen. It is largest for t = 0, so what training lacks weighs more than anything else. Mastered
constructs are replayed by the second factor alone: what is rarely seen is first forgotten.

The holdout is not read. A construct that only the holdout asks is known by name, from the subject, and is taught when
training lacks it: no more than UNASKED of the draft goes to such, because what nobody practises nobody sees improve.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from bluebook.exams.mastery import ConstructMastery
from bluebook.records import Example, Grade

UNASKED = 0.25
_NAME = re.compile(r"[\w:]+")

Kind = Literal["weak", "absent", "replay"]


class Aim(msgspec.Struct, kw_only=True, frozen=True):
    """A construct to draft for. `partners`: constructs that went wrong together with it, and how often."""

    construct: str
    kind: Kind
    asked: bool
    deficit: float
    weight: float
    why: str
    partners: dict[str, int] = {}


def aims(
    practice: Mapping[str, ConstructMastery],
    grades: Sequence[Grade],
    train: Sequence[Example],
    teachable: Iterable[str],
    *,
    weak_below: float,
) -> list[Aim]:
    """One aim for each construct that practice or training says something about, sorted by name.

    `practice` and `grades` are of the practice exam alone, one answer an item."""
    shown = Counter(name for example in train for name in set(example.constructs))
    known = {*teachable, *practice}
    partners = _partners(grades, known)
    blame = _blame(grades)
    found = []
    for name in sorted(known):
        measured, seen = practice.get(name), shown[name]
        asked = measured is not None and measured.n > 0
        if seen and not asked:
            continue  # trained, and nothing says that it is weak
        accuracy = measured.accuracy if measured is not None and asked else 0.0
        kind: Kind = "absent" if not seen else "weak" if accuracy < weak_below else "replay"
        deficit = 1.0 - accuracy if kind == "weak" else float(kind == "absent")
        rarity = math.log2(2 + len(train) / (1 + seen))
        found.append(
            Aim(
                construct=name,
                kind=kind,
                asked=asked,
                deficit=deficit,
                weight=rarity if kind == "replay" else deficit * rarity,
                why=_why(name, kind, measured if asked else None, blame.get(name, Counter())),
                partners=dict(sorted(partners.get(name, Counter()).items())),
            )
        )
    return found


def _why(name: str, kind: Kind, measured: ConstructMastery | None, blame: Counter[str]) -> str:
    practised = (
        "not in the practice exam"
        if measured is None
        else f"accuracy {measured.accuracy:.2f} over {measured.n} practice items"
    )
    if kind == "replay":
        return f"{name}: {practised}; kept fresh"
    worst = sorted(blame.items(), key=lambda one: (-one[1], one[0]))[:3]
    wrong = ", ".join(f"{category} {count} times" for category, count in worst)
    lacking = ["no training example"] if kind == "absent" else []
    return f"{name}: " + "; ".join([*lacking, practised, *([wrong] if wrong else [])])


def _blame(grades: Iterable[Grade]) -> dict[str, Counter[str]]:
    """How often each category of error was blamed on each construct."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for grade in grades:
        for error in grade.errors:
            found[error.construct][error.category] += 1
    return found


def _partners(grades: Iterable[Grade], known: set[str]) -> dict[str, Counter[str]]:
    """Which constructs went wrong together: those that one error names (a wire that is missing names both of its
    ends), and those that one answer got wrong."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for grade in grades:
        wrong = {name for name, value in grade.per_construct.items() if value < 1.0} & known
        together = [wrong]
        for error in grade.errors:
            named = {error.construct, *_NAME.findall(error.detail)} & known
            together.append(named)
        for group in together:
            for one in group:
                found[one].update(group - {one})
    return found


def share_out(weights: Mapping[str, float], places: int) -> dict[str, int]:
    """`places` shared out in proportion to `weights` by largest remainders; ties go by name."""
    total = math.fsum(weights.values())
    if not total or places <= 0:
        return dict.fromkeys(weights, 0)
    exact = {name: places * weight / total for name, weight in weights.items()}
    shares = {name: math.floor(share) for name, share in exact.items()}
    by_rest = sorted(weights, key=lambda name: (shares[name] - exact[name], name))
    for name in by_rest[: places - sum(shares.values())]:
        shares[name] += 1
    return shares
