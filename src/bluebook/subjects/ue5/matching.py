"""Which node of one graph is which of another, up to renaming and order.

Exact matching of graphs is hard; this is polynomial and exact wherever colours tell nodes apart. Nodes of
both graphs are coloured by type and parameters, and a colour is refined by the wires and colours around it, a
step further each round (Weisfeiler and Leman, 1968). Nodes are paired from the finest colours to the
coarsest, each pair drawing in the nodes at its wires, alike ones first; a last pass exchanges partners of
equal type while that saves wires. With n nodes and m wires: O(r (n + m) log n) for r rounds of refinement, of
which there are at most `_ROUNDS`, plus O(m log m) for pairing; the exchanges look at no more than
`_EXCHANGES` nodes a type.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

_ROUNDS = 12  # colours then reach this far from a node; beyond it the pairs already made decide
_EXCHANGES = 40


class Edge(NamedTuple):
    """A wire between two nodes, by their indices; `label` says which pins it joins."""

    source: int
    target: int
    label: tuple[str, str, str]


class Net(NamedTuple):
    """A graph to match: for each node its type and everything else that tells it from others, and the
    wires."""

    types: Sequence[str]
    details: Sequence[Hashable]
    edges: Sequence[Edge]


_Around = list[dict[Hashable, list[int]]]
_Levels = list[tuple[list[int], list[int]]]


def match_nets(expected: Net, actual: Net) -> dict[int, int]:
    """The node of `actual` for each node of `expected` that has one. Only nodes of equal type are paired."""
    around = _around(expected), _around(actual)
    pairing = _Pairing(expected, actual, around, _colours(expected, actual, around))
    pairing.pair()
    pairing.exchange()
    return pairing.partner


def _around(net: Net) -> _Around:
    """For each node, its neighbours by the wire that leads to them and its direction."""
    found: _Around = [{} for _ in net.types]
    for source, target, label in net.edges:
        found[source].setdefault((">", label), []).append(target)
        found[target].setdefault(("<", label), []).append(source)
    return found


def _colours(expected: Net, actual: Net, around: tuple[_Around, _Around]) -> _Levels:
    """Colours of both graphs, from the coarsest (type) over type and details to the finest."""
    numbers: dict[Hashable, int] = {}

    def number(key: Hashable) -> int:
        return numbers.setdefault(key, len(numbers))

    levels = [tuple([number(kind) for kind in net.types] for net in (expected, actual))]
    current = tuple(
        [number(pair) for pair in zip(net.types, net.details, strict=True)] for net in (expected, actual)
    )
    levels.append(current)
    count = 0
    for _ in range(_ROUNDS):
        current = tuple(
            [
                number(
                    (
                        own,
                        tuple(
                            sorted((number(label), colour[to]) for label, ends in near.items() for to in ends)
                        ),
                    )
                )
                for own, near in zip(colour, neighbours, strict=True)
            ]
            for colour, neighbours in zip(current, around, strict=True)
        )
        levels.append(current)
        distinct = len(set(current[0]) | set(current[1]))
        if distinct == count:
            break
        count = distinct
    return [(level[0], level[1]) for level in levels]


class _Pairing:
    """Pairs made so far. `levels` are the colours of both graphs, from the coarsest to the finest."""

    def __init__(self, expected: Net, actual: Net, around: tuple[_Around, _Around], levels: _Levels) -> None:
        self.expected, self.actual = expected, actual
        self.near, self.there = around
        self.levels = levels
        self.partner: dict[int, int] = {}
        self.taken: set[int] = set()
        self.queue: list[tuple[int, int, int, int]] = []

    def pair(self) -> None:
        """First all nodes that only one node of the other graph can be; then the rest, each pair at once
        drawing in what lies at its wires, so that a piece of the graph is placed whole before the next one is
        begun."""
        for colours, others in reversed(self.levels):
            here, there = self._free(colours, others)
            for colour, nodes in here.items():
                if len(nodes) == 1 == len(there.get(colour, ())):
                    self._join(nodes[0], there[colour][0])
        for colours, others in reversed(self.levels):
            here, there = self._free(colours, others)
            self._settle()
            for colour in sorted(here, key=lambda colour: (len(here[colour]), here[colour])):
                options = there.get(colour, [])
                for node in here[colour]:
                    options = [other for other in options if other not in self.taken]
                    if node not in self.partner and options:
                        self._join(
                            node, max(options[:_EXCHANGES], key=lambda other: self.agreement(node, other))
                        )
                        self._settle()

    def _free(
        self, colours: list[int], others: list[int]
    ) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        here: dict[int, list[int]] = defaultdict(list)
        there: dict[int, list[int]] = defaultdict(list)
        for node, colour in enumerate(colours):
            if node not in self.partner:
                here[colour].append(node)
        for node, colour in enumerate(others):
            if node not in self.taken:
                there[colour].append(node)
        return here, there

    def _settle(self) -> None:
        while self.queue:
            _, _, node, other = heapq.heappop(self.queue)
            if node not in self.partner and other not in self.taken:
                self._join(node, other)

    def _join(self, node: int, other: int) -> None:
        """Pair two nodes and queue the pairs that lie at the same wires of theirs: the most alike first, then
        those with most wires to pairs already made."""
        self.partner[node] = other
        self.taken.add(other)
        for label, ends in self.near[node].items():
            options = [end for end in self.there[other].get(label, ()) if end not in self.taken]
            for end in ends:
                if end in self.partner:
                    continue
                for option in options[:_EXCHANGES]:
                    alike = self.likeness(end, option)
                    if alike:
                        heapq.heappush(self.queue, (-alike, -self.agreement(end, option), end, option))

    def likeness(self, node: int, other: int) -> int:
        """The number of levels at which the two have one colour; 0 for nodes of different types."""
        for level, (colours, others) in enumerate(self.levels):
            if colours[node] != others[other]:
                return level
        return len(self.levels)

    def agreement(self, node: int, other: int) -> int:
        """How many wires to nodes already paired the two have in common; equal details count as one."""
        shared = sum(
            len(
                {self.partner[end] for end in ends if end in self.partner}
                & set(self.there[other].get(label, ()))
            )
            for label, ends in self.near[node].items()
        )
        return 2 * shared + (self.expected.details[node] == self.actual.details[other])

    def exchange(self) -> None:
        """Swap partners within a type, or take a free node of it, while that gains."""
        by_type: Mapping[str, list[int]] = defaultdict(list)
        for node, other in sorted(self.partner.items()):
            whole = 2 * sum(map(len, self.near[node].values())) + 1
            if (
                self.agreement(node, other) < whole
                or whole < 2 * sum(map(len, self.there[other].values())) + 1
            ):
                by_type[self.expected.types[node]].append(node)
        free: dict[str, list[int]] = defaultdict(list)
        for other, kind in enumerate(self.actual.types):
            if other not in self.taken:
                free[kind].append(other)
        for kind, found in sorted(by_type.items()):
            nodes = found[:_EXCHANGES]
            for first, node in enumerate(nodes):
                for other in free[kind][:_EXCHANGES]:
                    if self.agreement(node, other) > self.agreement(node, self.partner[node]):
                        free[kind].remove(other)
                        free[kind].append(self.partner[node])
                        self.partner[node] = other
                for second in nodes[first + 1 :]:
                    before = self._agreements(node, second)
                    self._swap(node, second)
                    if self._agreements(node, second) <= before:
                        self._swap(node, second)

    def _agreements(self, *nodes: int) -> int:
        return sum(self.agreement(node, self.partner[node]) for node in nodes)

    def _swap(self, one: int, two: int) -> None:
        self.partner[one], self.partner[two] = self.partner[two], self.partner[one]
