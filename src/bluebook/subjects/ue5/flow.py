"""What of a graph can ever run: impure nodes that an event reaches, and pure nodes that somebody reads.

`entered` are the nodes that execution can enter by a wire or by a pin that a PIN line declares; `followers`
are the nodes that a node's exec outputs lead to. A node without an entry in the catalogue (None), or whose
entry leaves its pins open, is judged by these alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from bluebook.subjects.ue5.catalogue import NodeType
from bluebook.subjects.ue5.program import Node

Types = Mapping[str, NodeType | None]


def unused(nodes: Iterable[Node], types: Types, entered: Set[str], read: Set[str]) -> Iterator[Node]:
    """Pure nodes, none of whose outputs is wired to anything."""
    for node in nodes:
        kind = types[node.id]
        if kind is not None and kind.is_pure and node.id not in entered and node.id not in read:
            yield node


def unreachable(
    nodes: Iterable[Node],
    types: Types,
    entered: Set[str],
    followers: Mapping[str, Sequence[str]],
    read: Set[str],
) -> Iterator[Node]:
    """Nodes that need execution and that no event leads to. A call of a function that the catalogue does not
    know is taken for pure where somebody reads it and no execution goes in or out."""
    known = list(nodes)
    reached = {node.id for node in known if _starts(node, types, entered, followers)}
    waiting = list(reached)
    while waiting:
        for follower in followers.get(waiting.pop(), ()):
            if follower not in reached:
                reached.add(follower)
                waiting.append(follower)
    for node in known:
        kind = types[node.id]
        pure = kind is not None and kind.open == "both" and node.id in read and node.id not in followers
        if node.id not in reached and (node.id in entered or (_is_entered(kind) and not pure)):
            yield node


def _starts(node: Node, types: Types, entered: Set[str], followers: Mapping[str, Sequence[str]]) -> bool:
    kind = types[node.id]
    if kind is not None and any(pin.is_exec for pin in kind.pins):
        return kind.is_entry
    # Nothing but its wires tells what it is: execution comes out of it and never went in.
    return node.id in followers and node.id not in entered


def _is_entered(kind: NodeType | None) -> bool:
    return kind is not None and any(pin.is_exec and not pin.output for pin in kind.pins)
