"""The catalogue that a stage builds: the declared entries, and what real exports show beside them.

An export shows which pins an engine function, event or macro has, with types and defaults. Functions of a
project (below `/Game/`) say nothing about other projects and are left out, as are pins that the editor hides
or that a person split, and operators that an entry covers already, whichever of their functions stands there.
What two exports show differently is settled by the first of them in the order given; pins that only a later one
shows are added. A damaged export may have lost pins, so `learn` takes nothing from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bluebook.subjects.ue5.catalogue import UNREAL_NAMES, Catalogue, NodeType, PinSpec
from bluebook.subjects.ue5.export import ExportError, ExportGraph, Node, Pin
from bluebook.subjects.ue5.fields import fields, reference, unquote
from bluebook.subjects.ue5.pintypes import type_of
from bluebook.subjects.ue5.printing import type_text
from bluebook.subjects.ue5.reading import read_export

_NAMES = {unreal: name for name, unreal in UNREAL_NAMES.items()}
_ENGINE = ("/Script/", "/Engine/")
# What says which function, event or macro a node stands for.
_REFERENCES = {"FunctionReference": "function", "EventReference": "event", "MacroGraphReference": "macro"}

# Nodes whose pins take the types of what is wired to them, so that one instance tells nothing of the next.
_VARYING = ("K2Node_PromotableOperator", "K2Node_CallArrayFunction")


class Learned(NamedTuple):
    """The catalogue, and what became of each file: `read` of them taught it, the others are named with why not."""

    catalogue: Catalogue
    read: int
    left_out: list[tuple[Path, str]]


def learn(declared: Catalogue, files: Iterable[Path]) -> Learned:
    """`build_catalogue` over export files, whatever else lies among them."""
    graphs: list[ExportGraph] = []
    left_out: list[tuple[Path, str]] = []
    for file in files:
        try:
            graph = read_export(file)
        except ExportError as refused:
            left_out.append((file, str(refused)))
            continue
        damage = next((warning for warning in graph.warnings if warning.code == "damage"), None)
        if damage is not None:
            left_out.append((file, f"{file}:{damage.line}: {damage.text}"))
        else:
            graphs.append(graph)
    return Learned(build_catalogue(declared, graphs), len(graphs), left_out)


def build_catalogue(declared: Catalogue, exports: Iterable[ExportGraph]) -> Catalogue:
    """`declared` with an entry for each engine function, event and macro that the exports use. Entries are
    sorted by name; declared ones are never changed."""
    shown: dict[str, NodeType] = {}
    names = {name for node in declared.nodes for name in (node.name, *node.aliases)}
    for export in exports:
        for node in export.nodes:
            kind, member = member_of(node)
            if _is_new(node, member, declared):
                pins = tuple(_pins(node, declared))
                if member in shown:
                    shown[member] = _with_pins(shown[member], pins)
                else:
                    name = _name(kind, member, names)
                    names.add(name)
                    behind: dict[str, Any] = {kind: member}
                    shown[member] = NodeType(
                        name=name, class_path=node.class_path, pins=pins, origin="export", **behind
                    )
    nodes = sorted((*declared.nodes, *shown.values()), key=lambda entry: entry.name)
    return msgspec.structs.replace(declared, nodes=tuple(nodes))


def encode(catalogue: Catalogue) -> bytes:
    """The file: one entry a line, so that a difference shows the entries that differ."""
    parts = []
    for group in ("types", "conversions", "nodes"):
        lines = b",\n".join(msgspec.json.encode(entry, order="sorted") for entry in getattr(catalogue, group))
        parts.append(b'"%s": [\n%s\n]' % (group.encode(), lines))
    return b"{\n" + b",\n".join(parts) + b"\n}\n"


def _is_new(node: Node, member: str, declared: Catalogue) -> bool:
    if not member.startswith(_ENGINE) or member in declared.by_member or not node.pins:
        return False
    operator = unquote(node.get("OperationName"))
    return not operator or (node.class_name, "operator", operator) not in declared.by_class


def member_of(node: Node) -> tuple[str, str]:
    """Which kind of member a node stands for (`function`, `event`, `macro`) and which: `/Script/Engine.Actor:
    K2_DestroyActor`. Empty texts where it stands for none, or for one of its own Blueprint."""
    for key, kind in _REFERENCES.items():
        raw = node.get(key)
        if not raw:
            continue
        said = fields(raw)
        if kind == "macro":
            graph = reference(said.get("MacroGraph", ""))
            return kind, graph.path if graph else ""
        owner, name = reference(said.get("MemberParent", "")), unquote(said.get("MemberName", ""))
        return kind, f"{owner.path}:{name}" if owner and name else ""
    return "", ""


def _name(kind: str, member: str, taken: set[str]) -> str:
    owner, _, name = member.rpartition(":")
    short = name.removeprefix("K2_")
    if kind == "event":
        short = "Event_" + short.removeprefix("Receive")
    if short not in taken:
        return short
    # The same name in two classes: the class tells them apart.
    return f"{owner.rpartition('.')[2]}.{short}"


def _pins(node: Node, catalogue: Catalogue) -> Iterator[PinSpec]:
    varies = node.class_name in _VARYING
    gives = any(pin.is_output and not pin.is_exec for pin in node.pins)
    for pin in node.pins:
        if pin.hidden or pin.orphaned or pin.parent or not pin.name:
            continue
        yield PinSpec(
            name=_NAMES.get(pin.name, pin.name),
            type=type_text(type_of(pin, catalogue)) if pin.is_exec or not varies else "Wildcard",
            output=pin.is_output,
            default=_default(pin),
            many=pin.name == "self" and not pin.is_output and not gives,
        )


def _default(pin: Pin) -> Any:
    """What the editor fills in, as the catalogue writes it; UNSET where it is empty."""
    text = pin.autogenerated_default
    if pin.is_output or not text:
        return msgspec.UNSET
    try:
        match pin.category:
            case "bool":
                return text.lower() == "true"
            case "int" | "int64":
                return int(text)
            case "real" | "float":
                return float(text)
            case _:
                return text
    except ValueError:
        return text


def _with_pins(entry: NodeType, pins: Iterable[PinSpec]) -> NodeType:
    known = {(pin.name, pin.output) for pin in entry.pins}
    new = tuple(pin for pin in pins if (pin.name, pin.output) not in known)
    return msgspec.structs.replace(entry, pins=entry.pins + new) if new else entry
