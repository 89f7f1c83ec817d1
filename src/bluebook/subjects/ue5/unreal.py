"""What Unreal has for a program: for each node its class, properties and pins. Both directions of the
translation look at it: `to_clipboard.py` writes it; `from_export.py` adds to a program whatever an export has
beside it.

A node of the language stands for

- the class and the properties of its catalogue entry: the function it calls, the event, the macro;
- the properties that its parameters name, and those of the parameter `Unreal`, which holds properties that
  the entry does not describe, as in `PrintString [Unreal=(EnabledState=DevelopmentOnly)]`; `None` there takes
  one away;
- the pins of the entry, of its wires and literals, and of its PIN lines.

A node whose type is the path of a class has the properties that its parameters are and the pins that PIN
lines and wires name, in Unreal's own names.

Parameters of a PIN line are `Name` (what Unreal calls the pin), `Parent` (the pin it was split from), `User`
(a person added it to an event or a function), and else fields of the pin as Unreal writes them: `bHidden`,
`DefaultObject` …
"""

from __future__ import annotations

import msgspec

from bluebook.subjects.ue5.catalogue import EXEC, Catalogue, NodeType, PinSpec, json_value
from bluebook.subjects.ue5.program import (
    DataWire,
    Graph,
    Node,
    Param,
    PinDeclaration,
    PinName,
    Program,
    Type,
    Value,
)
from bluebook.subjects.ue5.references import CONTAINERS, declared_type_fields, display_name, text_of
from bluebook.subjects.ue5.typecheck import bindings, canonical, mentions_variable, substitute

CAST = "K2Node_DynamicCast"
CALLS = frozenset(
    {
        "K2Node_CallFunction",
        "K2Node_CallArrayFunction",
        "K2Node_PromotableOperator",
        "K2Node_CommutativeAssociativeBinaryOperator",
    }
)
NAME, PARENT, USER = "Name", "Parent", "User"


class UnrealPin(msgspec.Struct):
    """A pin as Unreal has it. `name` is the program's, `unreal` its own; `kind` is None where nothing tells
    it. `default` is the literal, `usual` what it is where there is none. `said` are the parameters of its PIN
    line."""

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


def nodes_with_pins(program: Program, graph: Graph, catalogue: Catalogue) -> list[UnrealNode]:
    """The nodes of a graph in their order, with their pins; their properties are for `properties.py`. Names
    of pins are the catalogue's own (see `normalise`)."""
    return _Expansion(program, graph, catalogue).nodes()


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
            pins.setdefault(
                (said.pin.pin, said.output), self._pin(node, entry, said.pin.pin, said.output, None)
            )
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
            return UnrealPin(
                name, unreal, output, Type(known) if known else Type("Object", (Type(path),)), spec
            )
        usual = None if spec.default is msgspec.UNSET else json_value(spec.default)
        return UnrealPin(name, unreal, output, spec.kind, spec, usual=usual)

    def _has(self, node: Node, entry: NodeType | None, spec: PinSpec) -> bool:
        """Whether the node has that pin of its entry. What a function's owner decides shows only in the
        wires: a pure function has no exec pins, a function of a library no target."""
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
        inner, known = (
            kind.arguments[0] if kind.name in CONTAINERS and kind.arguments else kind
            for kind in (said, pin.kind)
        )
        same = all(one[key] == other[key] for key in ("PinCategory", "ContainerType", "PinValueType"))
        name = canonical(self.catalogue, inner)
        above = ("Object", *self.catalogue.ancestors(canonical(self.catalogue, known)))
        return same and one["PinCategory"] == '"object"' and name not in above
