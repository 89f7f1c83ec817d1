"""Where nodes go when a program does not say: in layers from left to right, along the wires.

The layered method of Sugiyama, Tagawa and Toda (1981), in its plain form: wires that close a cycle are set
aside, a node stands right of everything that leads to it, a pure node just left of the first that reads it,
and within a layer nodes are ordered by the mean place of their neighbours. Parts of the graph that no wire
joins stand below each other. Linear in nodes and wires, but for the sorting of layers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

GRID = 16  # pixels; Unreal's own
COLUMN = 24 * GRID
GAP = 3 * GRID
_SWEEPS = 4

Point = tuple[int, int]


def layout(heights: Sequence[int], wires: Sequence[tuple[int, int]], pure: Sequence[bool]) -> list[Point]:
    """The place (x, y) of each node in pixels, on the grid. `heights` are the nodes' in pixels; a wire leads
    from one node to another, by their indices."""
    after: list[list[int]] = [[] for _ in heights]
    before: list[list[int]] = [[] for _ in heights]
    for source, target in _acyclic(len(heights), wires):
        after[source].append(target)
        before[target].append(source)
    rank = _ranks(after, before, pure)
    places: list[Point] = [(0, 0)] * len(heights)
    top = 0
    for part in _parts(len(heights), wires):
        layers: dict[int, list[int]] = defaultdict(list)
        for node in part:
            layers[rank[node]].append(node)
        _order(layers, before, after)
        first = min(layers)
        tallest = 0
        for number in sorted(layers):
            y = 0
            for node in layers[number]:
                places[node] = ((number - first) * COLUMN, top + y)
                y += _snap(heights[node]) + GAP
            tallest = max(tallest, y)
        top += tallest + GAP
    return places


def _snap(size: int) -> int:
    return -(-size // GRID) * GRID


def _acyclic(count: int, wires: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The wires without those that close a cycle in a walk that goes deep first."""
    out: list[list[int]] = [[] for _ in range(count)]
    entered = [False] * count
    for source, target in dict.fromkeys(wires):
        out[source].append(target)
    targets = {target for _, target in wires}
    roots = [node for node in range(count) if node not in targets] + list(range(count))
    open_nodes: set[int] = set()
    kept = []
    for root in roots:
        if entered[root]:
            continue
        stack = [(root, iter(out[root]))]
        entered[root] = True
        open_nodes.add(root)
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                open_nodes.discard(node)
                continue
            if following in open_nodes:
                continue
            kept.append((node, following))
            if not entered[following]:
                entered[following] = True
                open_nodes.add(following)
                stack.append((following, iter(out[following])))
    return kept


def _ranks(after: list[list[int]], before: list[list[int]], pure: Sequence[bool]) -> list[int]:
    """The layer of each node: the length of the longest way to it, or, for what is pure, just before its
    first reader."""
    rank = [0] * len(after)
    missing = [len(sources) for sources in before]
    ready = [node for node, count in enumerate(missing) if not count]
    order = []
    while ready:
        node = ready.pop()
        order.append(node)
        for target in after[node]:
            rank[target] = max(rank[target], rank[node] + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    for node in reversed(order):
        if pure[node] and after[node]:
            rank[node] = min(rank[target] for target in after[node]) - 1
    return rank


def _parts(count: int, wires: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The nodes of each connected part, in the order of their first nodes."""
    near: list[list[int]] = [[] for _ in range(count)]
    for source, target in wires:
        near[source].append(target)
        near[target].append(source)
    seen = [False] * count
    parts = []
    for start in range(count):
        if seen[start]:
            continue
        seen[start] = True
        part, waiting = [], [start]
        while waiting:
            node = waiting.pop()
            part.append(node)
            for other in near[node]:
                if not seen[other]:
                    seen[other] = True
                    waiting.append(other)
        parts.append(sorted(part))
    return parts


def _order(layers: dict[int, list[int]], before: list[list[int]], after: list[list[int]]) -> None:
    """Sort each layer by the mean place of its nodes' neighbours on one side, then on the other, a few
    times."""
    place = {node: index for layer in layers.values() for index, node in enumerate(layer)}
    for sweep in range(_SWEEPS):
        near = after if sweep % 2 else before
        for number in sorted(layers, reverse=bool(sweep % 2)):
            layer = layers[number]
            mean = {
                node: sum(place[other] for other in near[node]) / len(near[node])
                if near[node]
                else place[node]
                for node in layer
            }
            layer.sort(key=lambda node: (mean[node], place[node]))
            place.update({node: index for index, node in enumerate(layer)})
