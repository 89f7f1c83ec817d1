"""Which editor a graph comes from, told by the classes of its nodes.

A Blueprint may hold nodes of other modules (a montage node is the animation module's), so a graph may be of
several kinds at once: `mixed:k2+anim`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from bluebook.subjects.ue5.export import Node, short_class

BLUEPRINT = "k2"
# What a class path holds -> the kind. The first that fits counts.
_KINDS = (
    ("RigVM", "rigvm"),
    ("ControlRigGraphNode", "rigvm"),
    ("Niagara", "niagara"),
    ("MaterialGraph", "material"),
    ("PCG", "pcg"),
    ("Anim", "anim"),
    ("BehaviorTree", "behaviortree"),
    ("UMG.", "widget"),
    ("K2Node", BLUEPRINT),
)
# Kinds whose nodes have pins of the editor's kind, so that their graph can be read.
READABLE = frozenset({BLUEPRINT, "anim", "material", "niagara", "pcg"})
NAMES = {
    "rigvm": "a Control Rig graph (RigVM)",
    "behaviortree": "a behaviour tree",
    "widget": "a widget tree",
    "level": "actors of a level",
    "unknown": "of no kind known here",
}
_NODE_CLASS = re.compile(
    r"""K2Node_ | ^EdGraphNode | GraphNode(?:$|_|[A-Z]) | EditorGraph\w*Node
    | ^Niagara(?:Overview)?Node | ^AnimState\w*Node | ^RigVM\w*Node$""",
    re.X,
)
_LEVEL = re.compile(r"\s*+Begin\s++(?:Map|Level|Actor)\b", re.I)
_PLACED = frozenset({"NodeGuid", "NodePosX"})


@lru_cache(maxsize=4096)
def kind_of_class(path: str) -> str:
    return next((kind for part, kind in _KINDS if part in path), "unknown")


@lru_cache(maxsize=4096)
def _is_node_class(path: str) -> bool:
    return bool(_NODE_CLASS.search(short_class(path)))


def is_graph_node(node: Node) -> bool:
    """By its class, or by what only nodes have: pins, a GUID, a position."""
    return (
        _is_node_class(node.class_path)
        or bool(node.pins)
        or any(key in _PLACED for key, _, _ in node.properties)
    )


def kinds_of(objects: Iterable[Node]) -> dict[str, Node]:
    """Each kind and the first object of it, Blueprints first. Comment boxes belong to every kind."""
    found: dict[str, Node] = {}
    for node in objects:
        if "Comment" not in node.class_path:
            found.setdefault(kind_of_class(node.class_path), node)
    return dict(sorted(found.items(), key=lambda kind: (kind[0] != BLUEPRINT, kind[0])))


def kind_name(kinds: Iterable[str]) -> str:
    """`k2`, `mixed:k2+anim`; comment boxes alone go for a Blueprint."""
    names = list(kinds)
    return f"mixed:{'+'.join(names)}" if len(names) > 1 else names[0] if names else BLUEPRINT


def is_level(lines: Iterable[str]) -> bool:
    """Whether the text is what the level editor copies."""
    return any(_LEVEL.match(line) for line in lines)
