"""The properties that Unreal has for a node: those of its catalogue entry, of its parameters, and further
ones."""

from __future__ import annotations

from collections.abc import Iterator

from bluebook.subjects.ue5.catalogue import OBJECTS, UNREAL, Catalogue, NodeType
from bluebook.subjects.ue5.program import Entry, Fields, Text, Type, Value, Word
from bluebook.subjects.ue5.references import (
    BOUND_GRAPH,
    macro_reference,
    member_reference,
    reference_to,
)
from bluebook.subjects.ue5.unreal import CAST, UnrealNode

_BARE = "InputKey"  # the one name that Unreal writes without quotes
_LIBRARY = "/Script/Engine.KismetMathLibrary"
_OPERANDS = {"Float": "Double", "Byte": "Byte", "Int": "Int", "Int64": "Int64", "Vector": "Vector"}
_VARIABLES = ("K2Node_VariableGet", "K2Node_VariableSet")
_ORDER = ("MemberParent", "MemberScope", "MemberName", "bSelfContext")


def properties_of(built: UnrealNode, catalogue: Catalogue) -> dict[str, Value]:
    """The properties of a node whose pins are known, in the order in which they are written."""
    node, entry = built.node, built.entry
    if entry is None:
        return {param.key: param.value for param in node.params if param.key != OBJECTS}
    found = dict(_of_entry(built, entry, catalogue))
    members: dict[str, dict[str, Value]] = {}
    for spec in entry.params:
        value = node.param(spec.name)
        if value is None:
            continue
        key, _, field = spec.property.partition(".")
        value = _property(spec.type, spec.property, value)
        if field:  # `VariableReference.MemberName` is a field of a structure
            members.setdefault(key, {})[field] = value
        else:
            found[key] = value
    found |= {key: _member(fields) for key, fields in members.items()}
    further = node.param(UNREAL)
    for extra in further.entries if isinstance(further, Fields) else ():
        if isinstance(extra.value, Word) and extra.value.text == "None":
            found.pop(extra.key or "", None)
        elif extra.key:
            found[extra.key] = extra.value
    return found


def _of_entry(built: UnrealNode, entry: NodeType, catalogue: Catalogue) -> Iterator[tuple[str, Value]]:
    name = built.class_name
    if entry.operator:
        yield "OperationName", Text(entry.operator)
    function = _function(built, entry)
    if function:
        owner, _, member = function.rpartition(":")
        yield "FunctionReference", member_reference(owner, member)
    if entry.event:
        owner, _, member = entry.event.rpartition(":")
        yield "EventReference", member_reference(owner, member)
    if entry.macro:
        yield "MacroGraphReference", macro_reference(entry.macro)
    if name == "K2Node_Event":
        yield "bOverrideFunction", Word("True")
    if name == "K2Node_ComponentBoundEvent":
        yield "bInternalEvent", Word("True")
    if name in _VARIABLES and built.node.param("Owner"):
        yield "SelfContextInfo", Word("NotSelfContext")
    if name == CAST and built.node.param("TargetType") is None:
        yield "TargetType", _cast(built, catalogue)
    if name == "K2Node_Tunnel":
        for side in sorted({"Out" if pin.output else "In" for pin in built.pins}):
            yield f"bCanHave{side}puts", Word("True")
    cases = [pin.unreal for pin in built.pins if pin.spec and pin.spec.name == "Case_#"]
    if cases and name in ("K2Node_SwitchString", "K2Node_SwitchName"):
        yield "PinNames", Fields(tuple(Entry(None, Text(case)) for case in cases))


def _function(built: UnrealNode, entry: NodeType) -> str | None:
    """The function behind a node; that of an operator follows from the type of its operands."""
    if entry.function or not (entry.variants or entry.operator):
        return entry.function
    operand = next((pin.kind.name for pin in built.pins if pin.kind and not pin.output), "")
    if operand in entry.variants:
        return entry.variants[operand]
    name = _OPERANDS.get(operand)
    return f"{_LIBRARY}:{entry.operator}_{name}{name}" if entry.operator and name else None


def _cast(built: UnrealNode, catalogue: Catalogue) -> Value:
    """The class that a cast is to, by the type of its result."""
    kind = next((pin.kind for pin in built.pins if pin.name.startswith("As") and pin.kind), Type("Object"))
    spec = catalogue.type(kind.name)
    path = kind.arguments[0].name if kind.arguments else spec.object if spec else ""
    return Text(reference_to(path, "", is_class=True)) if path else Word("None")


def _property(kind: str, key: str, value: Value) -> Value:
    """A parameter as Unreal's property: a whole reference for a path, a name in quotes."""
    if key == _BARE or isinstance(value, Fields):
        return value
    if key == "MacroGraphReference":
        return macro_reference(value.text)
    if kind in ("Class", "Object") or key == BOUND_GRAPH:
        return Text(reference_to(value.text, key, kind == "Class"))
    return Text(value.text) if kind == "Name" else value


def _member(fields: dict[str, Value]) -> Fields:
    """A reference to a member; one that names no owner is the Blueprint's own."""
    if not fields.keys() & {"MemberParent", "MemberScope"}:
        fields["bSelfContext"] = Word("True")
    return Fields(tuple(Entry(key, fields[key]) for key in sorted(fields, key=_ORDER.index)))
