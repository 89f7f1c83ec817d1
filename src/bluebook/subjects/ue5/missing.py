"""What a draft still lacks to be without fault, and which wires leave it possible to be had.

Two things can be missing at last. A node that runs must be reached from an event: that takes exec outputs that are
still free, one for each group of nodes that nothing leads to, and at least one of them where execution already comes.
A pure node must be read: that takes an input of its own for each, of a type that fits, which is a matching of pure
nodes to inputs. A wire is offered where both can still be had after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

import msgspec

from bluebook.subjects.ue5.drafts import Draft, DraftNode, DraftWire, Pin
from bluebook.subjects.ue5.flow import unreachable, unused
from bluebook.subjects.ue5.program import PinName, Type
from bluebook.subjects.ue5.typecheck import (
    assignable,
    bindings,
    canonical,
    literal_fault,
    mentions_variable,
    substitute,
)

Wires = dict[Pin, list[Pin]]  # outputs, and the inputs that each may lead to
Input = tuple[str, str | None]


def any_missing(draft: Draft) -> bool:
    return count(draft) > 0


def count(draft: Draft) -> int:
    """How many nodes are still to be reached or to be read."""
    return len(unreached(draft)) + len(unread(draft))


def shortfall(draft: Draft) -> int:
    """How much is missing that no wires can make up for: exec outputs to reach nodes from, and inputs to read pure
    nodes by. 0: nothing."""
    by_reading = _outputs_short(draft, None) + _Reading(draft).without_input
    undecided = {name for name in unread(draft) if not draft.nodes[name].kind.is_pure}
    if not by_reading or not undecided:
        return by_reading
    return min(by_reading, _outputs_short(draft, None, undecided) + _Reading(draft, undecided).without_input)


def _followers(draft: Draft) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for wire in draft.exec:
        found.setdefault(wire.source.node, []).append(wire.target.node)
    return found


def _lost(draft: Draft, followers: Mapping[str, Sequence[str]]) -> set[str]:
    """Nodes that `check` would call unreachable."""
    entered = {target for targets in followers.values() for target in targets}
    read = {wire.source.node for wire in draft.data}
    nodes = [found.node for found in draft.nodes.values()]
    return {node.id for node in unreachable(nodes, draft.types, entered, followers, read)}


def _may_be_read(draft: Draft, name: str) -> bool:
    """A call of an unknown function that no execution touches: it may turn out to be pure."""
    return draft.nodes[name].kind.open == "both" and not any(
        name in (wire.source.node, wire.target.node) for wire in draft.exec
    )


def unreached(draft: Draft) -> set[str]:
    """Nodes that only an exec wire can bring to life."""
    return {name for name in _lost(draft, _followers(draft)) if not _may_be_read(draft, name)}


def unread(draft: Draft) -> set[str]:
    """Nodes that only being read can bring to life."""
    entered = {wire.target.node for wire in draft.exec}
    read = {wire.source.node for wire in draft.data}
    nodes = [found.node for found in draft.nodes.values()]
    idle = {node.id for node in unused(nodes, draft.types, entered, read)}
    return idle | {name for name in _lost(draft, _followers(draft)) if _may_be_read(draft, name)}


# Execution

_NEXT = 2  # members of a family of pins that are offered at once: they are alike, and a model could use them all up


def _next(pins: Iterable[Pin]) -> list[Pin]:
    found: list[Pin] = []
    for pin in pins:
        if not pin.family or sum(known.family == pin.family for known in found) < _NEXT:
            found.append(pin)
    return found


def exec_wires(draft: Draft) -> Wires:
    targets = [pin for found in draft.nodes.values() for pin in draft.inputs(found, True)]
    possible: dict[tuple[str, str], bool] = {}
    wires: Wires = {}
    for found in draft.nodes.values():
        for source in _next(draft.outputs(found, True)):
            for target in targets:
                ends = (source.node, target.node)
                if ends[0] != ends[1] and ends not in possible:
                    possible[ends] = not _outputs_short(draft, ends)
                if possible.get(ends):
                    wires.setdefault(source, []).append(target)
    return wires


def _outputs_short(draft: Draft, more: tuple[str, str] | None, run: Set[str] = frozenset()) -> int:
    """How many exec outputs are lacking to reach every node, with one wire `more` (from a node to a node). Of calls
    that may turn out to be pure those in `run` are to be reached too."""
    followers = _followers(draft)
    if more:
        followers.setdefault(more[0], []).append(more[1])
    lost = {
        name
        for name in _lost(draft, followers)
        if not _may_be_read(draft, name) or name in run or name in (more or ())
    }
    if not lost:
        return 0
    alive = draft.nodes.keys() - lost
    spent = more[0] if more else None
    here, there = (_free(draft, names) - (spent in names) for names in (alive, lost))
    return (here < 1) + max(0, _groups(lost, followers) - here - there)


def _free(draft: Draft, names: Iterable[str]) -> int:
    """Exec outputs of these nodes that lead nowhere; those of one node that only wires name count as one."""
    return sum(1 for name in names for _ in draft.outputs(draft.nodes[name], True))


def _groups(lost: set[str], followers: Mapping[str, Sequence[str]]) -> int:
    """How many wires it takes to reach all of `lost`: the source components of what leads where among them."""
    order: list[str] = []
    seen: set[str] = set()
    for start in sorted(lost):
        _walk(start, lost, followers, seen, order)
    seen.clear()
    count = 0
    for start in reversed(order):
        if start not in seen:
            count += 1
            _walk(start, lost, followers, seen, [])
    return count


def _walk(
    start: str, within: set[str], followers: Mapping[str, Sequence[str]], seen: set[str], order: list[str]
) -> None:
    """Depth first from `start`; nodes go into `order` when all behind them is done."""
    stack = [(start, False)]
    while stack:
        name, done = stack.pop()
        if done:
            order.append(name)
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            stack += [(follower, False) for follower in followers.get(name, ()) if follower in within]


# Data


def data_wires(draft: Draft) -> Wires:
    reading = _Reading(draft)
    wires: Wires = {}
    for found in draft.nodes.values():
        for source in draft.outputs(found, False):
            targets = [
                pin for pin in reading.inputs if reading.fits(source, pin) and reading.spares(source, pin)
            ]
            if targets:
                wires[source] = targets
    return wires


class _Reading:
    """Which outputs fit which inputs of a draft, and which input is kept for which pure node that nobody reads yet."""

    def __init__(self, draft: Draft, run: Set[str] = frozenset()) -> None:
        """`run`: nodes that will be reached and need not be read."""
        self.draft = draft
        self.inputs = [pin for found in draft.nodes.values() for pin in draft.inputs(found, False)]
        self._known: dict[tuple[str, Type | None, str, Type | None], bool] = {}
        self._unread = sorted(unread(draft) - run)
        self._wanted = {name: self._choices(draft.nodes[name]) for name in self._unread}
        self._kept: dict[Input, str] = {}  # input -> the pure node that will be read by it
        self.without_input = sum(not self._keep(name, set(), None) for name in self._unread)

    def _choices(self, found: DraftNode) -> list[Input]:
        sources = list(self.draft.outputs(found, False))
        return [
            (pin.node, pin.name) for pin in self.inputs if any(self.fits(source, pin) for source in sources)
        ]

    def _keep(self, name: str, tried: set[Input], never: Input | None) -> bool:
        """Find an input for a pure node, moving others where they have another choice (Kuhn's algorithm)."""
        for choice in self._wanted[name]:
            if choice in tried or choice == never:
                continue
            tried.add(choice)
            if choice[1] is None:
                return True  # there are always more of them
            holder = self._kept.get(choice)
            if holder is None or self._keep(holder, tried, never):
                self._kept[choice] = name
                return True
        return False

    def spares(self, source: Pin, target: Pin) -> bool:
        """Whether all that is unread can still be read once this wire has taken its input."""
        place = (target.node, target.name)
        if self._unread and (mentions_variable(source.kind) or mentions_variable(target.kind)):
            return self._still_complete(source, target)
        holder = self._kept.get(place)
        if holder is None or holder == source.node:
            return True
        before = dict(self._kept)
        freed = next((kept for kept, name in self._kept.items() if name == source.node), None)
        if freed is not None:
            del self._kept[freed]
        del self._kept[place]
        found = self._keep(holder, set(), place)
        self._kept = before
        return found

    def _still_complete(self, source: Pin, target: Pin) -> bool:
        """The same where the wire decides a `T`, and with it what fits elsewhere."""
        wire = _wire(source, target)
        after = _Reading(msgspec.structs.replace(self.draft, data=(*self.draft.data, wire)))
        return after.without_input <= self.without_input

    def fits(self, source: Pin, target: Pin) -> bool:
        one, other = self.draft.nodes[source.node], self.draft.nodes[target.node]
        if one is other or (one.kind.is_pure and other.kind.is_pure and other.number < one.number):
            return False
        if not (mentions_variable(source.kind) or mentions_variable(target.kind)):
            return self.draft.assignable(source.kind, target.kind)
        key = (source.node, source.kind, target.node, target.kind)
        if key not in self._known:
            self._known[key] = _consistent(self.draft, (*self.draft.data, _wire(source, target)))
        return self._known[key]


def _wire(source: Pin, target: Pin) -> DraftWire:
    first, last = (PinName(pin.node, pin.name or "") for pin in (source, target))
    return DraftWire(first, last, source.kind, target.kind)


def _consistent(draft: Draft, wires: Sequence[DraftWire]) -> bool:
    """Whether these wires leave every node with a `T` that its wires and its literals agree on."""
    catalogue = draft.catalogue
    bound = bindings(
        catalogue, [(wire.source.node, wire.output, wire.target.node, wire.input) for wire in wires]
    )
    for wire in wires:
        target = substitute(wire.input, bound.get(wire.target.node))
        if not assignable(catalogue, substitute(wire.output, bound.get(wire.source.node)), target):
            return False
    for name, kind in bound.items():
        found = draft.nodes[name]
        allowed = found.kind.where.get("T")
        if allowed and catalogue.type(kind.name) and canonical(catalogue, kind) not in allowed:
            return False
        for key, value in found.set_inputs.items():
            spec = found.kind.pin(key, False)
            if (
                spec
                and mentions_variable(spec.kind)
                and literal_fault(catalogue, substitute(spec.kind, kind), value)
            ):
                return False
    return True
