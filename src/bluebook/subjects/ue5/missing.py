"""What a draft still lacks to be without fault, and which wires leave it possible to be had.

Two things can be missing at last. A node that runs must be reached from an event: that takes exec outputs that are
still free, one for each group of nodes that nothing leads to, and at least one of them where execution already comes.
A pure node must be read: that takes an input of its own for each, of a type that fits, which is a matching of pure
nodes to inputs. A wire is offered where both can still be had after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from functools import cached_property

import msgspec

from bluebook.subjects.ue5.catalogue import NodeType
from bluebook.subjects.ue5.drafts import Draft, DraftWire, Pin
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


class Missing:
    """What one draft lacks. Found when it is first asked for, and then known."""

    def __init__(self, draft: Draft, short_before: int = 0) -> None:
        """`short_before`: what `short` was before the last node."""
        self.draft = draft
        self._short_before = short_before

    @cached_property
    def short(self) -> int:
        """How many nodes in a row have left something missing that no wires can make up for."""
        return self._short_before + 1 if self.draft.nodes and self.shortfall else 0

    @cached_property
    def count(self) -> int:
        """How many nodes are still to be reached or to be read."""
        return len(self.unreached) + len(self.unread)

    @cached_property
    def unreached(self) -> Set[str]:
        """Nodes that only an exec wire can bring to life."""
        return self._execution.lost

    @cached_property
    def unread(self) -> Set[str]:
        """Nodes that only being read can bring to life."""
        return _unread(self.draft, self._execution.waiting)

    @cached_property
    def shortfall(self) -> int:
        """How much is missing that no wires can make up for: exec outputs to reach nodes from, and inputs to read pure
        nodes by. 0: nothing."""
        by_reading = self._execution.short + self._reading.without_input
        undecided = {name for name in self.unread if not self.draft.nodes[name].kind.is_pure}
        if not by_reading or not undecided:
            return by_reading
        by_running = _Execution(self.draft, undecided).short
        return min(by_reading, by_running + _Reading(self.draft, self.unread - undecided).without_input)

    def may_mend(self, kind: NodeType) -> bool:
        """Whether one more node of this type could lessen the shortfall. False is certain, and cheap to know."""
        if not self.shortfall:
            return False
        if kind.open or any(self.draft.nodes[name].kind.open for name in self.unread):
            return True
        outputs = sum(8 if "#" in pin.name else 1 for pin in kind.pins if pin.output and pin.is_exec)
        if self._execution.short and outputs > (not kind.is_entry):
            return True
        inputs = (pin.kind for pin in kind.pins if not pin.output and not pin.is_exec)
        return bool(self._reading.without_input) and any(map(self._reading.would_do, inputs))

    @cached_property
    def exec_wires(self) -> Wires:
        """The exec wires after which every node can still be reached."""
        draft, execution = self.draft, self._execution
        targets = [pin for found in draft.nodes.values() for pin in draft.inputs(found, True)]
        wires = {
            source: [pin for pin in targets if pin.node != source.node and execution.spares(source, pin)]
            for found in draft.nodes.values()
            for source in _next(draft.outputs(found, True))
        }
        return {source: ends for source, ends in wires.items() if ends}

    @cached_property
    def data_wires(self) -> Wires:
        """The data wires after which every pure node can still be read."""
        draft, reading = self.draft, self._reading
        wires = {
            source: [
                pin for pin in reading.inputs if reading.fits(source, pin) and reading.spares(source, pin)
            ]
            for found in draft.nodes.values()
            for source in draft.outputs(found, False)
        }
        return {source: ends for source, ends in wires.items() if ends}

    @cached_property
    def _execution(self) -> _Execution:
        return _Execution(self.draft)

    @cached_property
    def _reading(self) -> _Reading:
        return _Reading(self.draft, self.unread)


# Execution

_NEXT = 2  # members of a family of pins that are offered at once: they are alike, and a model could use them all up


def _next(pins: Iterable[Pin]) -> list[Pin]:
    found: list[Pin] = []
    for pin in pins:
        if not pin.family or sum(known.family == pin.family for known in found) < _NEXT:
            found.append(pin)
    return found


class _Execution:
    """Which nodes are lost, no event leading to them, and what it takes to reach them all.

    One wire is needed to each of the roots: a node of every group of lost nodes that no other lost node leads to. All
    others lie behind those.
    """

    def __init__(self, draft: Draft, run: Set[str] = frozenset()) -> None:
        """Of calls that may turn out to be pure those in `run` are to be reached too."""
        self._draft = draft
        self._followers: dict[str, list[str]] = {}
        for wire in draft.exec:
            self._followers.setdefault(wire.source.node, []).append(wire.target.node)
        entered = {wire.target.node for wire in draft.exec}
        read = {wire.source.node for wire in draft.data}
        nodes = [found.node for found in draft.nodes.values()]
        lost = {node.id for node in unreachable(nodes, draft.types, entered, self._followers, read)}
        # Calls of unknown functions that no execution touches may turn out to be pure.
        self.waiting = {
            name
            for name in lost - run
            if draft.nodes[name].kind.open == "both" and name not in entered and name not in self._followers
        }
        self.lost = lost - self.waiting
        self._free = {
            name: sum(1 for _ in draft.outputs(found, True)) for name, found in draft.nodes.items()
        }  # exec outputs that lead nowhere; those of one node that only wires name count as one
        self._behind = {name: self._reached_from(name) for name in self.lost}
        self._roots: list[str] = []
        # What leads to others has more behind it than they have, so it comes first.
        for name in sorted(self.lost, key=lambda name: (-len(self._behind[name]), name)):
            if not any(name in self._behind[root] for root in self._roots):
                self._roots.append(name)
        self._all = sum(self._free.values())
        self._here = self._all - sum(self._free[name] for name in self.lost)
        self._open: dict[tuple[Pin, str], bool] = {}

    def _reached_from(self, start: str) -> set[str]:
        """The lost nodes that are reached once `start` is, itself among them."""
        found, waiting = {start}, [start]
        while waiting:
            for follower in self._followers.get(waiting.pop(), ()):
                if follower in self.lost and follower not in found:
                    found.add(follower)
                    waiting.append(follower)
        return found

    @property
    def short(self) -> int:
        """How many exec outputs are lacking to reach every node."""
        if not self.lost:
            return 0
        return (self._here < 1) + max(0, len(self._roots) - self._all)

    def spares(self, source: Pin, target: Pin) -> bool:
        """Whether no exec output is lacking after a wire between these pins of two nodes."""
        if self._is_open(source.node) or self._is_open(target.node):
            # Wires decide what pins such a node has and whether it runs.
            ends = (source, target.node)
            if ends not in self._open:
                wired = msgspec.structs.replace(self._draft, exec=(*self._draft.exec, _wire(source, target)))
                self._open[ends] = not _Execution(wired).short
            return self._open[ends]
        spent = source.name is not None  # of pins that only their wires name there is another one
        behind = self._behind.get(target.node, set())
        # The root, where the wire would lead into its group.
        root = next((one for one in self._roots if one in behind and target.node in self._behind[one]), None)
        if source.node not in self.lost:
            if len(behind) == len(self.lost):
                return True
            here = self._here + sum(self._free[name] for name in behind) - spent
            reached = root is not None
        else:
            here = self._here
            reached = root is not None and any(
                source.node in self._behind[one] for one in self._roots if one != root
            )
        return here > 0 and len(self._roots) - reached <= self._all - spent

    def _is_open(self, name: str) -> bool:
        return bool(self._draft.nodes[name].kind.open)


# Data


def _unread(draft: Draft, waiting: Set[str]) -> set[str]:
    """Pure nodes that nobody reads, and calls that `wait` to be read or run."""
    entered = {wire.target.node for wire in draft.exec}
    read = {wire.source.node for wire in draft.data}
    nodes = [found.node for found in draft.nodes.values()]
    return {node.id for node in unused(nodes, draft.types, entered, read)} | waiting


class _Reading:
    """Which outputs fit which inputs of a draft, and which input is kept for which pure node that nobody reads yet."""

    def __init__(self, draft: Draft, unread: Set[str]) -> None:
        """`unread`: nodes that have to be read."""
        self.draft = draft
        self.inputs = [pin for found in draft.nodes.values() for pin in draft.inputs(found, False)]
        self._known: dict[tuple[str, Type | None, str, Type | None], bool] = {}
        self._deciding = [
            wire for wire in draft.data if mentions_variable(wire.output) or mentions_variable(wire.input)
        ]
        self._unread = sorted(unread)
        self._sources = {name: list(draft.outputs(draft.nodes[name], False)) for name in self._unread}
        self._kept: dict[Input, str] = {}  # input -> the pure node that will be read by it
        self.without_input = sum(not self._keep(name, set(), None) for name in self._unread)

    def _keep(self, name: str, tried: set[Input], never: Input | None) -> bool:
        """Find an input for a pure node, moving others where they have another choice (Kuhn's algorithm)."""
        for pin in self.inputs:
            choice = (pin.node, pin.name)
            if choice in tried or choice == never:
                continue
            if not any(self.fits(source, pin) for source in self._sources[name]):
                continue
            tried.add(choice)
            if choice[1] is None:
                return True  # there are always more of them
            holder = self._kept.get(choice)
            if holder is None or self._keep(holder, tried, never):
                self._kept[choice] = name
                return True
        return False

    def would_do(self, kind: Type) -> bool:
        """Whether an input of this type could read one of the unread nodes."""
        return any(
            mentions_variable(kind)
            or mentions_variable(source.kind)
            or self.draft.assignable(source.kind, kind)
            for sources in self._sources.values()
            for source in sources
        )

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
        after = msgspec.structs.replace(self.draft, data=(*self.draft.data, _wire(source, target)))
        unread = {name for name in self._unread if name != source.node}
        return _Reading(after, unread).without_input <= self.without_input

    def fits(self, source: Pin, target: Pin) -> bool:
        one, other = self.draft.nodes[source.node], self.draft.nodes[target.node]
        if one is other or (one.kind.is_pure and other.kind.is_pure and other.number < one.number):
            return False
        if not (mentions_variable(source.kind) or mentions_variable(target.kind)):
            return self.draft.assignable(source.kind, target.kind)
        key = (source.node, source.kind, target.node, target.kind)
        if key not in self._known:
            self._known[key] = _consistent(self.draft, (*self._deciding, _wire(source, target)))
        return self._known[key]


def _wire(source: Pin, target: Pin) -> DraftWire:
    first, last = (PinName(pin.node, pin.name or "") for pin in (source, target))
    return DraftWire(first, last, source.kind, target.kind)


def _consistent(draft: Draft, wires: Sequence[DraftWire]) -> bool:
    """Whether these wires leave every node with a `T` that its wires and its literals agree on. Wires without a `T` say
    nothing about it."""
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
