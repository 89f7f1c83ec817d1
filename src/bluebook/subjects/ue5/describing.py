"""One node of an export in the words of the catalogue: its type, its parameters, and all its properties as
values."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from bluebook.errors import DataError
from bluebook.subjects.ue5.building import member_of
from bluebook.subjects.ue5.catalogue import OBJECTS, Catalogue, NodeType, ParamSpec
from bluebook.subjects.ue5.export import ExportGraph, Node, Property
from bluebook.subjects.ue5.fields import reference, unquote
from bluebook.subjects.ue5.program import (
    IDENTIFIER,
    Entry,
    Fields,
    Param,
    Text,
    Value,
    Word,
)
from bluebook.subjects.ue5.program import Node as ProgramNode
from bluebook.subjects.ue5.reading import inner_graphs
from bluebook.subjects.ue5.references import macro_reference, reference_to, text_of
from bluebook.subjects.ue5.values import from_unreal
from bluebook.subjects.ue5.writing import object_text

COMPOSITE = "K2Node_Composite"
# What Unreal works out again.
_DERIVED = frozenset(
    {"NodeGuid", "ErrorType", "ErrorMsg", "bHasCompilerMessage", "NodeUpgradeMessage"}
    | {"Pins", "DeprecatedPins"}  # of engines before 4.15, whose pins are objects
    | {"bDefaultsToPureFunc", "bIsPureFunc", "bIsConstFunc"}
)
_PLACE = frozenset({"NodePosX", "NodePosY"})
# How the editor shows a node.
_VIEW = frozenset(
    {"NodeComment", "bCommentBubblePinned", "bCommentBubbleVisible", "bCommentBubbleVisible_InDetailsPanel"}
    | {"AdvancedPinDisplay", "NodeWidth", "NodeHeight"}
)
_BOX = frozenset({"NodeComment", "NodeWidth", "NodeHeight", "NodeGuid"})
_TUNNEL_ENDS = frozenset({"BoundGraph", "InputSinkNode", "OutputSourceNode"})
_IDENTITY = frozenset({"MemberGuid", "GraphGuid"})


class Described(msgspec.Struct):
    """A node of an export. `entry` is None where no catalogue entry describes its class; `params` grow."""

    id: str
    source: Node
    entry: NodeType | None
    type: str
    params: list[Param]
    properties: dict[str, Value]
    position: tuple[int, int] | None
    is_collapsed: bool = False

    def param(self, key: str) -> Value | None:
        return next((param.value for param in self.params if param.key == key), None)

    def node(self) -> ProgramNode:
        return ProgramNode(self.id, self.type, tuple(self.params), self.position)


def describe(node: Node, name: str, catalogue: Catalogue, layout: bool) -> Described:
    """`node` as far as its own lines tell; its pins are for `pins.py`."""
    collapsed = _is_collapsed(node)
    left_out = _DERIVED | _PLACE | (frozenset() if layout else _VIEW)
    left_out |= _TUNNEL_ENDS if collapsed or node.class_name == "K2Node_Tunnel" else frozenset()
    found = properties(prop for prop in node.properties if prop.key not in left_out)
    entry, kind = _entry(node, catalogue)
    params = (
        _params(entry, found, catalogue) if entry else [Param(key, value) for key, value in found.items()]
    )
    if params is None:  # it lacks what the entry needs
        entry, kind = None, _class_path(node)
        params = [Param(key, value) for key, value in found.items()]
    said = Described(
        name,
        node,
        entry,
        kind,
        params,
        found,
        node.position if layout else None,
        collapsed and entry is not None,
    )
    if node.children and not said.is_collapsed:
        params.append(Param(OBJECTS, Text("\n".join(map(object_text, node.children)))))
    return said


def graph_of(export: ExportGraph) -> tuple[str, str]:
    """The names of the Blueprint and of the graph; empty where the engine did not say."""
    for node in export.nodes:
        path, colon, graph = node.graph_path.partition(":")
        if colon:
            name = path.rpartition("/")[2]
            half = len(name) // 2
            twice = name[half : half + 1] == "." and name[:half] == name[half + 1 :]
            return (name[:half] if twice else name.rpartition(".")[2]), graph
    return "", ""


def comment_params(node: Node) -> tuple[Param, ...]:
    """The properties of a comment box beside its text, place and size."""
    found = properties(prop for prop in node.properties if prop.key not in _BOX | _PLACE)
    said = [Param(key, value) for key, value in found.items()]
    if not node.class_path.endswith("UnrealEd.EdGraphNode_Comment"):
        said.append(Param("Class", Text(node.class_path)))
    return tuple(said)


def properties(found: Iterable[Property]) -> dict[str, Value]:
    """Properties as values. Elements `Key(0)=`, `Key(1)=` … make a list; a list that stands on one line is
    told from them by its key, `Key()`, and elements that are not the first ones keep their own, `Key(3)`."""
    by_key: dict[str, list[Property]] = {}
    for prop in found:
        by_key.setdefault(prop.key, []).append(prop)
    said: dict[str, Value] = {}
    for key, several in by_key.items():
        values = [_without_identity(from_unreal(prop.value, 2)) for prop in several]
        if several[0].place is None:
            lists = (
                isinstance(values[0], Fields) and bool(values[0].entries) and values[0].entries[0].key is None
            )
            said[f"{key}()" if lists else key] = values[0]
        elif [prop.place for prop in several] == list(range(len(several))):
            said[key] = Fields(tuple(Entry(None, value) for value in values))
        else:
            said |= {f"{key}({prop.place})": value for prop, value in zip(several, values, strict=True)}
    return said


def _without_identity(value: Value) -> Value:
    """A reference to a member without the GUID that it has beside its name."""
    if not isinstance(value, Fields):
        return value
    return Fields(tuple(entry for entry in value.entries if entry.key not in _IDENTITY))


def _is_collapsed(node: Node) -> bool:
    if node.class_name != COMPOSITE or len(node.children) != 1:
        return False
    try:
        return len(list(inner_graphs(node, Path()))) == 1
    except DataError:
        return False


def _entry(node: Node, catalogue: Catalogue) -> tuple[NodeType | None, str]:
    """The catalogue entry of a node and the name of its type; else its class."""
    kind, member = member_of(node)
    operator = unquote(node.get("OperationName"))
    keys = [(kind, member), ("operator", operator), ("", "")]
    for key in keys:
        entry = catalogue.by_class.get((node.class_name, *key)) if key[1] or not key[0] else None
        if entry is not None and (key[0] or not (kind == "" and operator)):
            if entry.name.endswith("*"):
                return _cast(node, catalogue)
            return entry, entry.name
    return None, _class_path(node)


def _class_path(node: Node) -> str:
    """The class with its module, which very old engines leave out."""
    name = node.class_path
    return (
        name
        if name.startswith("/")
        else f"/Script/{'BlueprintGraph' if 'K2Node' in name else 'UnrealEd'}.{name}"
    )


def _cast(node: Node, catalogue: Catalogue) -> tuple[NodeType | None, str]:
    target = reference(node.get("TargetType"))
    if target is None:
        return None, _class_path(node)
    known = catalogue.of_object("object", target.path)
    name = "CastTo" + (known or target.path.rpartition(".")[2].removesuffix("_C"))
    entry = catalogue.find(name)
    return entry, name if entry else _class_path(node)


def _params(entry: NodeType, found: dict[str, Value], catalogue: Catalogue) -> list[Param] | None:
    """The parameters of an entry that the properties give; None where a required one is missing."""
    said = []
    for spec in entry.params:
        if not spec.property or spec.property in _TUNNEL_ENDS:
            continue
        key, _, field = spec.property.partition(".")
        value = found.get(key)
        if field:
            value = _field(value, field)
        short = _short(spec, key, value) if value is not None else None
        if short is not None and not (spec.name == "TargetType" and _tells(entry, short, catalogue)):
            said.append(Param(spec.name, short))
        elif spec.required:
            return None
    return said


def _tells(entry: NodeType, target: Value, catalogue: Catalogue) -> bool:
    """Whether the name of a cast says what it is to, as in `CastToPawn`."""
    kind = catalogue.type(entry.name.removeprefix("CastTo"))
    return kind is not None and bool(kind.object) and text_of(target) == kind.object


def _field(value: Value | None, key: str) -> Value | None:
    entries = value.entries if isinstance(value, Fields) else ()
    return next((entry.value for entry in entries if entry.key == key), None)


def _short(spec: ParamSpec, key: str, value: Value) -> Value | None:
    """A parameter as people write it: a name bare where it can be, a path without the class that it is of."""
    if key == "MacroGraphReference":
        graph = _field(value, "MacroGraph")
        path = reference(graph.text) if isinstance(graph, Text) else None
        return Text(path.path) if path and macro_reference(path.path) == value else value
    if isinstance(value, Fields):
        return value if spec.type not in ("Name", "Class", "Object") else None
    if spec.type in ("Class", "Object"):
        path = reference(value.text)
        if path and reference_to(path.path, key, spec.type == "Class") == value.text:
            return Text(path.path)
        return value
    text = value.text
    return Word(text) if IDENTIFIER.fullmatch(text) else Text(text)
