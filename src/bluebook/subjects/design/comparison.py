"""How near a design is to a reference, whatever the order of its parts.

Elements are matched: within a kind by what they are called and by what they hold. An element that is called otherwise
but holds the same is still matched, and references to it are then read under the other's name; only its name is wrong.
Methods are matched the same way inside their elements. Then everything that a design says is counted (`facts.py`):
elements, methods, fields, columns, types, items of contracts, steps, statements. A fact is right when the match says
the same; prose says the same when half of its words are shared. The score is F1 over all facts together:

    2 · right / (said by the reference + said by the answer)

1.0 means the same design. Names that nobody could guess say nothing: parameters, type variables, scenarios, indexes and
the variables of a script; so do descriptions, beyond being there. `camelCase` and `snake_case` are the same name.

A construct is shown right where F1 over its facts is at least `AGREES`. Errors are of these categories: `missing`
(the reference says it), `extra` (the answer alone does), one for each element and construct.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bluebook.records import GradeError, Share
from bluebook.subjects.design.constructs import CONTRACT, constructs
from bluebook.subjects.design.facts import Fact, Unit, units
from bluebook.subjects.design.program import Program
from bluebook.subjects.design.stems import overlap
from bluebook.subjects.subject import Comparison

AGREES = 0.8
_LIKE = 0.35  # likeness from which on two elements or methods are matched
_SAME_WORDS = 0.5  # of prose
_SHOWN = 3  # facts that an error names
_PARTS = {"steps": "scenarios", "error_paths": "contracts", "flow": "statements", "statements": "statements"}


def compare(expected: Program, actual: Program) -> Comparison:
    """Grade `actual` against `expected`, both as parsed."""
    wanted, found = units(expected, {}), units(actual, {})
    pairs = _matched(wanted, found)
    names = {
        other.name: one.name
        for one, other in pairs
        if one and other and one.name != other.name and not other.loose
    }
    if names:
        renamed = {id(other): new for other, new in zip(found, units(actual, names), strict=True)}
        pairs = [(one, renamed[id(other)] if other else None) for one, other in pairs]
    tally = _Tally()
    for one, other in pairs:
        tally.unit(one, other)
    return Comparison(
        score=sum(tally.shares.values(), Share()).f1,
        errors=tally.errors,
        per_construct={name: float(tally.shares[name].f1 >= AGREES) for name in sorted(constructs(expected))},
        parts=tally.parts,
    )


def _likeness(one: Unit, other: Unit) -> float:
    """Half of it what they are called, half what they hold; a name counts fully where it is one that nobody could
    guess."""
    held = _facts_share(one.held, other.held)
    if one.loose and other.loose:
        return held if one.held or other.held else 1.0
    name = overlap(frozenset(one.stems), frozenset(other.stems))
    return (name + held) / 2 if held or name < 1 else name


def _facts_share(left: Mapping[object, int], right: Mapping[object, int]) -> float:
    total = sum(left.values()) + sum(right.values())
    if not total:
        return 0.0
    small, large = (left, right) if len(left) <= len(right) else (right, left)
    return 2 * sum(min(count, large.get(key, 0)) for key, count in small.items()) / total


def _matched(wanted: Sequence[Unit], found: Sequence[Unit]) -> list[tuple[Unit | None, Unit | None]]:
    """Each unit once: beside the most alike one that is left, or beside None."""
    by_kind: dict[str, tuple[list[Unit], list[Unit]]] = defaultdict(lambda: ([], []))
    for unit in wanted:
        by_kind[unit.kind][0].append(unit)
    for unit in found:
        by_kind[unit.kind][1].append(unit)
    pairs: list[tuple[Unit | None, Unit | None]] = []
    for lefts, rights in by_kind.values():
        alike = [
            (likeness, -i, -j)
            for i, left in enumerate(lefts)
            for j, right in enumerate(rights)
            if (likeness := _likeness(left, right)) >= _LIKE
        ]
        taken_left: dict[int, int] = {}
        taken_right: set[int] = set()
        for _, i, j in sorted(alike, reverse=True):
            if -i not in taken_left and -j not in taken_right:
                taken_left[-i] = -j
                taken_right.add(-j)
        pairs += [(left, rights[taken_left[i]] if i in taken_left else None) for i, left in enumerate(lefts)]
        pairs += [(None, right) for j, right in enumerate(rights) if j not in taken_right]
    return pairs


class _Tally:
    """Everything right and wrong so far, by construct."""

    def __init__(self) -> None:
        self.shares: defaultdict[str, Share] = defaultdict(Share)
        self.errors: list[GradeError] = []

    @property
    def parts(self) -> dict[str, Share]:
        """What the exam's figures tell apart."""
        found = {name: Share() for name in ("elements", "contracts", "scenarios", "statements")}
        for construct, share in self.shares.items():
            part = "contracts" if construct in CONTRACT.values() else _PARTS.get(construct, "elements")
            found[part] += share
        return found

    def unit(self, one: Unit | None, other: Unit | None) -> None:
        """An element, its own facts and its methods."""
        self.facts(one.facts if one else (), other.facts if other else (), one or other)
        for left, right in _matched(one.methods if one else (), other.methods if other else ()):
            self.facts(left.facts if left else (), right.facts if right else (), one or other)

    def facts(self, wanted: Sequence[Fact], found: Sequence[Fact], unit: Unit | None) -> None:
        assert unit is not None, "one of the two is there"
        missing, extra = _differences(wanted, found)
        for construct in sorted({fact.construct for fact in (*wanted, *found)}):
            counts = [sum(fact.construct == construct for fact in facts) for facts in (wanted, found)]
            lost = [fact for fact in missing if fact.construct == construct]
            more = [fact for fact in extra if fact.construct == construct]
            self.shares[construct] += Share(counts[0] - len(lost), counts[0], counts[1])
            for category, facts in (("missing", lost), ("extra", more)):
                if facts:
                    said = "; ".join(fact.said for fact in facts[:_SHOWN])
                    rest = f" and {len(facts) - _SHOWN} more" if len(facts) > _SHOWN else ""
                    detail = f"{unit.label}: {said}{rest}"
                    self.errors.append(GradeError(category=category, construct=construct, detail=detail))


def _differences(wanted: Sequence[Fact], found: Sequence[Fact]) -> tuple[list[Fact], list[Fact]]:
    """What only the one says, and what only the other."""
    left = Counter(fact.hard for fact in found if fact.words is None)
    missing: list[Fact] = []
    for fact in (each for each in wanted if each.words is None):
        if left[fact.hard]:
            left[fact.hard] -= 1
        else:
            missing.append(fact)
    extra: list[Fact] = []
    for fact in (each for each in found if each.words is None):
        if left[fact.hard]:
            left[fact.hard] -= 1
            extra.append(fact)
    soft = _prose(
        [each for each in wanted if each.words is not None], [f for f in found if f.words is not None]
    )
    return missing + soft[0], extra + soft[1]


def _prose(wanted: Iterable[Fact], found: Iterable[Fact]) -> tuple[list[Fact], list[Fact]]:
    missing: list[Fact] = []
    left = list(found)
    for fact in wanted:
        best, at = 0.0, -1
        for index, other in enumerate(left):
            if other.hard == fact.hard:
                near = overlap(fact.words or frozenset(), other.words or frozenset())
                if near > best:
                    best, at = near, index
        if best >= _SAME_WORDS:
            left.pop(at)
        else:
            missing.append(fact)
    return missing, left


__all__ = ["AGREES", "compare", "constructs"]
