"""What Unreal has for a program: for each node its class, properties and pins. Both directions of the translation look
at it: `to_clipboard.py` writes it; `from_export.py` adds to a program whatever an export has beside it.

A node of the language stands for

- the class and the properties of its catalogue entry: the function it calls, the event, the macro;
- the properties that its parameters name, and those of the parameter `Unreal`, which holds properties that the entry
  does not describe, as in `PrintString [Unreal=(EnabledState=DevelopmentOnly)]`; `None` there takes one away;
- the pins of the entry, of its wires and literals, and of its PIN lines.

A node whose type is the path of a class has the properties that its parameters are and the pins that PIN lines and wires
name, in Unreal's own names.

Parameters of a PIN line are `Name` (what Unreal calls the pin), `Parent` (the pin it was split from), `User` (a person
added it to an event or a function), and else fields of the pin as Unreal writes them: `bHidden`, `DefaultObject` …
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from bluebook.subjects.ue5.catalogue import EXEC, OBJECTS, UNREAL, Catalogue, NodeType, PinSpec, json_value
from bluebook.subjects.ue5.program import (
    DataWire,
    Entry,
    Fields,
    Graph,
    Node,
    Param,
    PinDeclaration,
    PinName,
    Program,
    Text,
    Type,
    Value,
    Word,
)
from bluebook.subjects.ue5.typecheck import bindings, canonical, mentions_variable, substitute

LIBRARY = "/Script/Engine.KismetMathLibrary"
NAME, PARENT, USER = "Name", "Parent", "User"
CAST = "K2Node_DynamicCast"
CONTAINERS = ("Array", "Set", "Map")
CALLS = frozenset(
    {
        "K2Node_CallFunction",
        "K2Node_CallArrayFunction",
        "K2Node_PromotableOperator",
        "K2Node_CommutativeAssociativeBinaryOperator",
    }
)
BOUND_GRAPH = "BoundGraph"
_BARE = "InputKey"  # the one name that Unreal writes without quotes
# What a reference to an object of the engine, and to one of a project, begins with, by the property that holds it.
_CLASS = ("/Script/CoreUObject.Class", "/Script/Engine.BlueprintGeneratedClass")
_KINDS = {
    BOUND_GRAPH: ("/Script/Engine.EdGraph", "/Script/Engine.EdGraph"),
    "StructType": ("/Script/CoreUObject.ScriptStruct", "/Script/Engine.UserDefinedStruct"),
    "Enum": ("/Script/CoreUObject.Enum", "/Script/Engine.UserDefinedEnum"),
    "InputAction": ("/Script/EnhancedInput.InputAction", "/Script/EnhancedInput.InputAction"),
}
_TYPE_KINDS = {
    "struct": _KINDS["StructType"],
    "byte": _KINDS["Enum"],
    "enum": _KINDS["Enum"],
}
_OPERANDS = {"Float": "Double", "Byte": "Byte", "Int": "Int", "Int64": "Int64", "Vector": "Vector"}


class UnrealPin(msgspec.Struct):
    """A pin as Unreal has it. `name` is the program's, `unreal` its own; `kind` is None where nothing tells it.
    `default` is the literal, `usual` what it is where there is none. `said` are the parameters of its PIN line."""

    name: str
    unreal: str
    output: bool
    kind: Type | None
    spec: PinSpec | None = None
    default: Value | None = None
    usual: Value | None = None
    said: tuple[Param, ...] = ()
    is_declared: bool = False

    @property
    def is_exec(self) -> bool:
        return self.kind == EXEC

    def param(self, key: str) -> Value | None:
        return next((param.value for param in self.said if param.key == key), None)


class UnrealNode(msgspec.Struct):
    """A node as Unreal has it; `properties` in the order in which they are written."""

    node: Node
    entry: NodeType | None
    class_path: str
    properties: dict[str, Value]
    pins: list[UnrealPin]

    @property
    def class_name(self) -> str:
        return self.class_path.rpartition(".")[2]

    def may_have(self, pin: UnrealPin) -> bool:
        """Whether anything vouches for the pin."""
        return self.entry is None or pin.spec is not None or pin.is_declared or self.entry.takes(pin.output)

    def pin(self, name: str, output: bool) -> UnrealPin | None:
        return next((pin for pin in self.pins if pin.name == name and pin.output == output), None)


def unreal_nodes(program: Program, graph: Graph, catalogue: Catalogue) -> list[UnrealNode]:
    """The nodes of a graph in their order. Names of pins are the catalogue's own (see `normalise`)."""
    return _Expansion(program, graph, catalogue).nodes()


def reference_to(path: str, key: str, is_class: bool = False) -> str:
    """`path` as a whole reference, `Class'path'`; as it is where it is one already or nothing tells the class."""
    kinds = _CLASS if is_class else _KINDS.get(key)
    if kinds is None or "'" in path or path in ("", "None"):
        return path
    return f"{kinds[not path.startswith('/Script/')]}'{path}'"


def type_reference(category: str, path: str) -> str:
    """The class, structure or enumeration `path` of a pin's type as a whole reference."""
    kinds = _TYPE_KINDS.get(category, _CLASS)
    return f"{kinds[not path.startswith('/Script/')]}'{path}'"


def member_reference(owner: str, name: str) -> Fields:
    """`(MemberParent="…",MemberName="…")`, or a member of the Blueprint itself where there is no owner."""
    if owner:
        parent = Text(reference_to(owner, "", is_class=True))
        return Fields((Entry("MemberParent", parent), Entry("MemberName", Text(name))))
    return Fields((Entry("MemberName", Text(name)), Entry("bSelfContext", Word("True"))))


def macro_reference(path: str) -> Fields:
    """The macro `/Engine/…/StandardMacros.StandardMacros:ForEachLoop`."""
    return Fields(
        (
            Entry("MacroGraph", Text(f"/Script/Engine.EdGraph'{path}'")),
            Entry("GraphBlueprint", Text(f"/Script/Engine.Blueprint'{path.rpartition(':')[0]}'")),
        )
    )


def text_of(value: Value | None) -> str:
    return "" if value is None or isinstance(value, Fields) else value.text


class _Expansion:
    """One graph. `wires` are the pins of each node that wires name, with what they tell of the type."""

    def __init__(self, program: Program, graph: Graph, catalogue: Catalogue) -> None:
        self.graph, self.catalogue = graph, catalogue
        self.variables = {variable.name: variable.type for variable in program.variables}
        self.declared: dict[str, list[PinDeclaration]] = {}
        for pin in graph.pins:
            self.declared.setdefault(pin.pin.node, []).append(pin)
        self.wired: dict[str, dict[tuple[str, bool], Type | None]] = {}
        for wire in graph.exec:
            self._wire(wire.source, True, EXEC)
            self._wire(wire.target, False, EXEC)
        for data in graph.data:
            self._wire(data.source, True, data.type)
            self._wire(data.target, False, data.type)
        self.literals: dict[str, dict[str, Value]] = {}
        for literal in graph.literals:
            self.literals.setdefault(literal.target.node, {})[literal.target.pin] = literal.value

    def _wire(self, pin: PinName, output: bool, kind: Type | None) -> None:
        self.wired.setdefault(pin.node, {}).setdefault((pin.pin, output), kind)

    def nodes(self) -> list[UnrealNode]:
        found = [self._node(node) for node in self.graph.nodes]
        self._resolve({node.node.id: node for node in found})
        for node in found:
            self._finish(node)
        return found

    # Pins

    def _node(self, node: Node) -> UnrealNode:
        entry = self.catalogue.find(node.type)
        built = UnrealNode(node, entry, entry.class_path if entry else node.type, {}, [])
        pins: dict[tuple[str, bool], UnrealPin] = {}
        declared = self.declared.get(node.id, ())
        for spec in entry.pins if entry else ():
            if "#" not in spec.name and self._has(node, entry, spec):
                pins[spec.name, spec.output] = self._pin(node, entry, spec.name, spec.output, None)
        for said in declared:
            pins.setdefault((said.pin.pin, said.output), self._pin(node, entry, said.pin.pin, said.output, None))
        for (name, output), kind in self.wired.get(node.id, {}).items():
            if (name, output) not in pins:
                pins[name, output] = self._pin(node, entry, name, output, kind)
        for name, value in self._values(node, entry).items():
            pin = pins.setdefault((name, False), self._pin(node, entry, name, False, None))
            pin.default = value
        for said in declared:
            pin = pins[said.pin.pin, said.output]
            pin.kind, pin.said, pin.is_declared = said.type, said.params, True
            pin.default = said.default if said.default is not None else pin.default
            if (name_said := pin.param(NAME)) is not None:
                pin.unreal = text_of(name_said)
        built.pins = list(pins.values())
        return built

    def _pin(
        self, node: Node, entry: NodeType | None, name: str, output: bool, kind: Type | None
    ) -> UnrealPin:
        spec = entry.pin(name, output) if entry else None
        if spec is None:
            return UnrealPin(name, name, output, kind)
        variable = text_of(node.param("VarName")) or name
        unreal = spec.unreal_name(name)
        if entry and entry.class_path.endswith(f".{CAST}") and name.startswith("As"):
            unreal = f"As{display_name(name[2:])}"
        unreal = variable if unreal == "@VarName" else unreal
        if spec.kind.name[0] == "@":
            own = not (node.param("Owner") or node.param("Scope"))
            declared = self.variables.get(variable) if own else None
            return UnrealPin(name, unreal, output, declared or kind, spec)
        if node.param("TargetType") is not None and spec.name.startswith("As"):
            path = text_of(node.param("TargetType"))
            path = path.partition("'")[2].rstrip("'") or path
            known = self.catalogue.of_object("object", path)
            return UnrealPin(name, unreal, output, Type(known) if known else Type("Object", (Type(path),)), spec)
        usual = None if spec.default is msgspec.UNSET else json_value(spec.default)
        return UnrealPin(name, unreal, output, spec.kind, spec, usual=usual)

    def _has(self, node: Node, entry: NodeType | None, spec: PinSpec) -> bool:
        """Whether the node has that pin of its entry. What a function's owner decides shows only in the wires: a
        pure function has no exec pins, a function of a library no target."""
        wired = self.wired.get(node.id, {})
        if entry is None or (spec.name, spec.output) in wired:
            return True
        if entry.open == "both" and spec.is_exec:
            said = any(pin.type == EXEC for pin in self.declared.get(node.id, ()))
            return said or EXEC in wired.values()
        if spec.name == "Target" and any(known.name == "Owner" for known in entry.params):
            variable = any(known.name == "VarName" for known in entry.params)
            return (node.param("Owner") is not None) == variable
        return True

    def _values(self, node: Node, entry: NodeType | None) -> dict[str, Value]:
        found = dict(self.literals.get(node.id, {}))
        for param in node.params if entry else ():
            if entry and entry.param(param.key) is None:
                found[param.key] = param.value
        return found

    # Types

    def _resolve(self, nodes: dict[str, UnrealNode]) -> None:
        """What `T` stands for, then the types of pins that only the other end of a wire tells."""
        wires: list[tuple[UnrealNode, UnrealPin, UnrealNode, UnrealPin, DataWire]] = []
        for wire in self.graph.data:
            source, target = nodes.get(wire.source.node), nodes.get(wire.target.node)
            one = source.pin(wire.source.pin, True) if source else None
            other = target.pin(wire.target.pin, False) if target else None
            if source and target and one and other:
                wires.append((source, one, target, other, wire))
        for _, output, _, _, wire in wires:
            if wire.type and not output.is_declared and self._refines(wire.type, output):
                output.kind = wire.type
        ends = [(one.node.id, out.kind, other.node.id, into.kind) for one, out, other, into, _ in wires]
        for node in nodes.values():
            for pin in node.pins:
                if pin.is_declared and pin.spec and mentions_variable(pin.spec.kind):
                    own, outside = (node.node.id, pin.spec.kind), ("", pin.kind)
                    ends.append((*own, *outside) if pin.output else (*outside, *own))
        bound = bindings(self.catalogue, ends)
        for node in nodes.values():
            for pin in node.pins:
                if pin.kind is not None:
                    pin.kind = substitute(pin.kind, bound.get(node.node.id))
        for _, output, _, into, wire in wires:
            output.kind = output.kind or wire.type or into.kind
            into.kind = into.kind or wire.type or output.kind

    def _refines(self, said: Type, pin: UnrealPin) -> bool:
        """Whether what a wire says of its source is a class below the one that the catalogue gives."""
        if pin.kind is None or pin.spec is None or pin.kind == said or mentions_variable(pin.kind):
            return False
        one, other = (declared_type_fields(kind, self.catalogue) for kind in (pin.kind, said))
        inner, known = (kind.arguments[0] if kind.name in CONTAINERS and kind.arguments else kind for kind in (said, pin.kind))
        same = all(one[key] == other[key] for key in ("PinCategory", "ContainerType", "PinValueType"))
        name = canonical(self.catalogue, inner)
        above = ("Object", *self.catalogue.ancestors(canonical(self.catalogue, known)))
        return same and one["PinCategory"] == '"object"' and name not in above

    # Properties

    def _finish(self, built: UnrealNode) -> None:
        node, entry = built.node, built.entry
        if entry is None:
            built.properties = {param.key: param.value for param in node.params if param.key != OBJECTS}
            return
        properties = self._of_entry(built, entry)
        for spec in entry.params:
            value = node.param(spec.name)
            if value is not None:
                self._set(properties, spec.property, self._property(spec.type, spec.property, value))
        for value in properties.values():
            _close(value)
        built.properties = {key: _fields(value) for key, value in properties.items()}
        further = node.param(UNREAL)
        for extra in further.entries if isinstance(further, Fields) else ():
            if isinstance(extra.value, Word) and extra.value.text == "None":
                built.properties.pop(extra.key or "", None)
            elif extra.key:
                built.properties[extra.key] = extra.value

    def _of_entry(self, built: UnrealNode, entry: NodeType) -> dict[str, dict[str, Value] | Value]:
        found: dict[str, dict[str, Value] | Value] = {}
        if entry.operator:
            found["OperationName"] = Text(entry.operator)
        function = self._function(built, entry)
        if function:
            owner, _, name = function.rpartition(":")
            found["FunctionReference"] = member_reference(owner, name)
        if entry.event:
            owner, _, name = entry.event.rpartition(":")
            found["EventReference"] = member_reference(owner, name)
        if built.class_name == "K2Node_Event":
            found["bOverrideFunction"] = Word("True")
        if built.class_name == "K2Node_ComponentBoundEvent":
            found["bInternalEvent"] = Word("True")
        if built.class_name in ("K2Node_VariableGet", "K2Node_VariableSet") and built.node.param("Owner"):
            found["SelfContextInfo"] = Word("NotSelfContext")
        if built.class_name == "K2Node_Tunnel":
            sides = {pin.output for pin in built.pins}
            found |= {f"bCanHave{side}puts": Word("True") for out, side in ((False, "In"), (True, "Out")) if out in sides}
        if entry.macro:
            found["MacroGraphReference"] = macro_reference(entry.macro)
        if built.class_name == CAST and built.node.param("TargetType") is None:
            found["TargetType"] = self._cast(built)
        cases = [pin.unreal for pin in built.pins if pin.spec and pin.spec.name == "Case_#"]
        if cases and built.class_name in ("K2Node_SwitchString", "K2Node_SwitchName"):
            found["PinNames"] = Fields(tuple(Entry(None, Text(case)) for case in cases))
        return found

    def _function(self, built: UnrealNode, entry: NodeType) -> str | None:
        if entry.function or not (entry.variants or entry.operator):
            return entry.function
        operand = next((pin.kind.name for pin in built.pins if pin.kind and not pin.output), "")
        if operand in entry.variants:
            return entry.variants[operand]
        name = _OPERANDS.get(operand)
        return f"{LIBRARY}:{entry.operator}_{name}{name}" if entry.operator and name else None

    def _cast(self, built: UnrealNode) -> Value:
        kind = next((pin.kind for pin in built.pins if pin.name.startswith("As") and pin.kind), None)
        spec = self.catalogue.type(kind.name) if kind else None
        path = spec.object if spec and spec.object else kind.arguments[0].name if kind and kind.arguments else ""
        return Text(reference_to(path, "", is_class=True)) if path else Word("None")

    def _property(self, kind: str, key: str, value: Value) -> Value:
        if key == "MacroGraphReference" and not isinstance(value, Fields):
            return macro_reference(value.text)
        if key == _BARE or isinstance(value, Fields):
            return value
        if kind in ("Class", "Object") or key == BOUND_GRAPH:
            return Text(reference_to(value.text, key, kind == "Class"))
        return Text(value.text) if kind == "Name" else value

    def _set(self, properties: dict[str, dict[str, Value] | Value], path: str, value: Value) -> None:
        """`VariableReference.MemberName` is a field of a structure."""
        key, _, field = path.partition(".")
        if not field:
            properties[key] = value
            return
        inside = properties.setdefault(key, {})
        if isinstance(inside, dict):
            inside[field] = value


def display_name(name: str) -> str:
    """A name as Unreal shows it, words apart: `BP_SaveGame` as `BP Save Game`. A run of capitals and digits stays one."""
    return re.sub(r"(?<![A-Z0-9_])(?=[A-Z0-9])", " ", name).replace("_", " ").replace("  ", " ").strip()


def _close(value: dict[str, Value] | Value) -> None:
    """A member that names no owner is the Blueprint's own."""
    if isinstance(value, dict) and not value.keys() & {"MemberParent", "MemberScope"}:
        value.setdefault("bSelfContext", Word("True"))


_ORDER = ("MemberParent", "MemberScope", "MemberName", "bSelfContext")


def _fields(value: dict[str, Value] | Value) -> Value:
    if not isinstance(value, dict):
        return value
    return Fields(tuple(Entry(key, value[key]) for key in sorted(value, key=_ORDER.index)))


def declared_type_fields(kind: Type | None, catalogue: Catalogue) -> dict[str, str]:
    """The fields of a pin's type, as Unreal writes them, without `PinType.`."""
    kind = kind or Type("Wildcard")
    container, inner = "None", kind
    if kind.name in CONTAINERS:
        container = kind.name
        inner = kind.arguments[0] if kind.arguments else Type("Wildcard")
    category, subcategory, path = _single(inner, catalogue)
    found = {
        "PinCategory": f'"{category}"',
        "PinSubCategory": f'"{subcategory}"',
        "PinSubCategoryObject": f'"{type_reference(category, path)}"' if path else "None",
        "PinSubCategoryMemberReference": "()",
        "PinValueType": "()",
        "ContainerType": container,
    }
    if container == "Map" and len(kind.arguments) > 1:
        category, subcategory, path = _single(kind.arguments[1], catalogue)
        said = [f'TerminalCategory="{category}"']
        said += [f'TerminalSubCategory="{subcategory}"'] if subcategory else []
        said += [f'TerminalSubCategoryObject="{type_reference(category, path)}"'] if path else []
        found["PinValueType"] = f"({','.join(said)})"
    return found


def _single(kind: Type, catalogue: Catalogue) -> tuple[str, str, str]:
    spec = catalogue.type(kind.name)
    if spec is None:
        return "object", "", kind.name if kind.name.startswith("/") else ""
    path = kind.arguments[0].name if kind.arguments else spec.object
    known = catalogue.type(path)
    return spec.category or "wildcard", spec.subcategory, known.object if known and known.object else path


def pins_of(nodes: Iterable[UnrealNode]) -> dict[tuple[str, str, bool], UnrealPin]:
    """Pins by node, the program's name and side."""
    return {(node.node.id, pin.name, pin.output): pin for node in nodes for pin in node.pins}
