"""Faults of a program beyond its grammar, by Unreal's rules.

- A wire joins two pins that exist, an output to an input, exec to exec or data to data, of types that fit or
  that Unreal converts by itself.
- A data input takes one wire (the target of a call without results takes several). An exec output leads to
  one place. An exec input may be reached from many: fan-in is legal in Unreal, and here.
- A pin is set or wired, not both, and a literal has its pin's type.
- `Self` is of the class that PARENT names, which decides what it can stand in for; without PARENT it fits every
  class.
- A variable that is read or set is declared, unless it belongs to another object or to a parent class
  (`Owner`).
- What runs can be reached from an event; a pure node is read by somebody; a graph has nodes.

A node whose class no catalogue entry describes has the pins that its PIN lines name; without any, those that
its wires name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bluebook.subjects.subject import Diagnostic
from bluebook.subjects.ue5.catalogue import EXEC, Catalogue, NodeType, near
from bluebook.subjects.ue5.flow import unreachable, unused
from bluebook.subjects.ue5.printing import type_text
from bluebook.subjects.ue5.program import (
    Graph,
    Node,
    Param,
    PinDeclaration,
    PinName,
    Place,
    Program,
    Type,
    Value,
    Variable,
)
from bluebook.subjects.ue5.typecheck import (
    assignable,
    bindings,
    canonical,
    literal_fault,
    mentions_variable,
    substitute,
)


class _Pin(NamedTuple):
    """A pin that a wire ends at. `kind` is None where nothing tells its type; `name` is the catalogue's
    own."""

    name: str
    kind: Type | None
    is_exec: bool
    many: bool


class _Wire(NamedTuple):
    source: PinName
    target: PinName
    output: _Pin
    input: _Pin
    is_exec: bool
    annotation: Type | None


def check(program: Program, catalogue: Catalogue) -> list[Diagnostic]:
    """All faults, in the order of the text."""
    found = list(_variables(program, catalogue))
    for graph in program.graphs:
        found += _GraphCheck(program, graph, catalogue).run()
    return sorted(found, key=lambda fault: (fault.line, fault.column, fault.code, fault.message))


def is_class_path(node_type: str) -> bool:
    """Whether a node type is the path of an Unreal class rather than the name of a catalogue entry."""
    return node_type.startswith("/")


def _variables(program: Program, catalogue: Catalogue) -> Iterator[Diagnostic]:
    seen: set[str] = set()
    for variable in program.variables:
        if variable.name in seen:
            yield _fault(
                variable.place, "duplicate_variable", f"variable {variable.name!r} is declared twice", "VAR"
            )
        seen.add(variable.name)
        expected = variable.default and literal_fault(catalogue, variable.type, variable.default)
        if expected:
            message = f"the default of {variable.name!r} ({type_text(variable.type)}) should be {expected}"
            yield _fault(variable.place, "bad_literal", message, "VAR")


def own_class(program: Program) -> Type:
    """The class of a reference to the Blueprint itself. Without PARENT nobody can know what it descends from: its
    own name, which no catalogue has, then fits every class."""
    name = program.parent or program.blueprint
    return Type("Object", (Type(name),)) if is_class_path(name) else Type(name)


def _fault(place: Place, code: str, message: str, construct: str) -> Diagnostic:
    return Diagnostic(line=place.line, column=place.column, code=code, message=message, construct=construct)


def _suggest(name: str | None) -> str:
    return f"; did you mean {name!r}?" if name else ""


class _GraphCheck:
    """One graph under examination: what its nodes and pins are, and the faults found so far."""

    def __init__(self, program: Program, graph: Graph, catalogue: Catalogue) -> None:
        self.graph = graph
        self.catalogue = catalogue
        self.variables = {variable.name: variable for variable in program.variables}
        self.own = own_class(program)
        self.nodes: dict[str, Node] = {}
        self.types: dict[str, NodeType | None] = {}
        self.declared: dict[tuple[str, str, bool], PinDeclaration] = {}
        self.with_pins: set[str] = set()
        self.with_target = {wire.target.node for wire in graph.data if wire.target.pin == "Target"}
        self.faults: list[Diagnostic] = []

    def run(self) -> list[Diagnostic]:
        if not self.graph.nodes:
            self.add(self.graph.place, "empty_graph", f"graph {self.graph.name!r} has no nodes", "")
        self.read_nodes()
        wires = [wire for wire in self.wires() if wire is not None]
        self.check_types(wires)
        self.check_counts(wires)
        self.check_values(wires)
        self.check_flow(wires)
        return self.faults

    def add(self, place: Place, code: str, message: str, construct: str) -> None:
        self.faults.append(_fault(place, code, message, construct))

    def construct(self, node: str) -> str:
        kind = self.types.get(node)
        return kind.name if kind else self.nodes[node].type if node in self.nodes else ""

    # Nodes and their parameters

    def read_nodes(self) -> None:
        for node in self.graph.nodes:
            if node.id in self.nodes:
                self.add(node.place, "duplicate_node", f"there are two nodes {node.id}", node.type)
                continue
            self.nodes[node.id] = node
            kind = self.types[node.id] = self.catalogue.find(node.type)
            if kind is not None:
                self.read_params(node, kind)
            elif not is_class_path(node.type):
                hint = _suggest(self.catalogue.near(node.type))
                self.add(node.place, "unknown_type", f"there is no node type {node.type!r}{hint}", node.type)
        for pin in self.graph.pins:
            self.with_pins.add(pin.pin.node)
            self.declared[pin.pin.node, pin.pin.pin, pin.output] = pin
            if pin.pin.node not in self.nodes:
                self.unknown_node(pin.pin)

    def read_params(self, node: Node, kind: NodeType) -> None:
        for spec in kind.params:
            if spec.required and not any(kind.param(param.key) is spec for param in node.params):
                message = f"{kind.name} needs {spec.name}: [{spec.name}=…]"
                self.add(node.place, "missing_parameter", message, kind.name)
        for param in node.params:
            known = kind.param(param.key)
            if known is None:
                continue
            expected = literal_fault(self.catalogue, Type(known.type), param.value)
            if expected:
                self.add(param.place, "bad_literal", f"{param.key} should be {expected}", kind.name)
            elif known.name == "VarName":
                self.check_variable(node, kind, param)

    def check_variable(self, node: Node, kind: NodeType, param: Param) -> None:
        elsewhere = node.param("Owner") or node.param("Scope")
        name = self.variable_name(node)
        if name is None or name in self.variables or elsewhere or node.id in self.with_target:
            return
        hint = _suggest(near(name, self.variables)) or f"; declare it: VAR {name}: Type"
        self.add(param.place, "undeclared_variable", f"there is no variable {name!r}{hint}", kind.name)

    def variable_name(self, node: Node) -> str | None:
        kind = self.types[node.id]
        named = [
            param.value
            for param in node.params
            if kind and (spec := kind.param(param.key)) and spec.name == "VarName"
        ]
        return getattr(named[0], "text", None) if named else None

    def unknown_node(self, pin: PinName) -> None:
        self.add(
            pin.place,
            "unknown_node",
            f"there is no node {pin.node}{_suggest(near(pin.node, self.nodes))}",
            "",
        )

    # Pins

    def pin(self, name: PinName, output: bool, is_exec: bool | None) -> _Pin | None:
        """The pin that `name` means; None, with a fault where nothing excuses it, if there is none. `is_exec`
        is what a pin that nothing declares is taken for."""
        if name.node not in self.nodes:
            self.unknown_node(name)
            return None
        node, kind = self.nodes[name.node], self.types[name.node]
        declaration = self.declared.get((name.node, name.pin, output))
        if declaration is not None:
            return _Pin(name.pin, declaration.type, declaration.type == EXEC, False)
        if kind is None:
            if is_class_path(node.type) and name.node in self.with_pins:
                self.no_pin(
                    name,
                    output,
                    [key[1] for key in self.declared if key[0] == name.node and key[2] == output],
                )
                return None
            return _Pin(name.pin, None, bool(is_exec), True)
        spec = kind.pin(name.pin, output)
        if spec is not None:
            return _Pin(
                spec.name if "#" not in spec.name else name.pin,
                self.own if spec.own else self.pin_type(node, spec.kind),
                spec.is_exec,
                spec.many,
            )
        if kind.pin(name.pin, not output) is None and kind.takes(output):
            return _Pin(name.pin, None, bool(is_exec), False)
        self.no_pin(name, output, [pin.name for pin in kind.pins if pin.output == output])
        return None

    def pin_type(self, node: Node, kind: Type) -> Type | None:
        if not kind.name.startswith("@"):
            return kind
        variable: Variable | None = self.variables.get(self.variable_name(node) or "")
        elsewhere = node.param("Owner") or node.param("Scope") or node.id in self.with_target
        return variable.type if variable and not elsewhere else None

    def no_pin(self, name: PinName, output: bool, names: list[str]) -> None:
        construct, side = self.construct(name.node), "output" if output else "input"
        kind = self.types[name.node]
        other = (name.node, name.pin, not output) in self.declared or (
            kind and kind.pin(name.pin, not output)
        )
        if other:
            message = f"{name.pin!r} of {construct} is no {side}"
            self.add(name.place, "wrong_direction", message, construct)
            return
        hint = _suggest(near(name.pin, names)) or (f"; it has {', '.join(sorted(names))}" if names else "")
        if kind is not None and kind.is_pure and name.pin in ("Execute", "Then"):
            hint = "; it is pure and runs when it is read"
        self.add(name.place, "unknown_pin", f"{construct} has no {side} {name.pin!r}{hint}", construct)

    # Wires

    def wires(self) -> Iterator[_Wire | None]:
        for wire in self.graph.exec:
            yield self.wire(wire.source, wire.target, True, None)
        for data in self.graph.data:
            yield self.wire(data.source, data.target, False, data.type)

    def wire(self, source: PinName, target: PinName, is_exec: bool, annotation: Type | None) -> _Wire | None:
        output, into = self.pin(source, True, is_exec), self.pin(target, False, is_exec)
        if output is None or into is None:
            return None
        for name, pin in ((source, output), (target, into)):
            if pin.is_exec != is_exec:
                word = ("exec", "data") if is_exec else ("data", "exec")
                message = (
                    f"{name.pin!r} of {self.construct(name.node)} is no {word[0]} pin but a {word[1]} pin"
                )
                self.add(
                    name.place,
                    "exec_to_data",
                    message,
                    self.construct(name.node),
                )
                return None
        return _Wire(source, target, output, into, is_exec, annotation)

    def check_types(self, wires: list[_Wire]) -> None:
        data = [wire for wire in wires if not wire.is_exec]
        self.bound = bindings(
            self.catalogue, [(w.source.node, w.output.kind, w.target.node, w.input.kind) for w in data]
        )
        for wire in data:
            source = self.resolved(wire.source.node, wire.output.kind)
            target = self.resolved(wire.target.node, wire.input.kind)
            if not assignable(self.catalogue, source, target):
                self.mismatch(wire, source, target)
            elif not (
                assignable(self.catalogue, source, wire.annotation)
                or assignable(self.catalogue, wire.annotation, target)
            ):
                self.mismatch(wire, source, wire.annotation)
            elif mentions_variable(wire.input.kind):
                self.check_where(wire)

    def resolved(self, node: str, kind: Type | None) -> Type | None:
        return substitute(kind, self.bound.get(node))

    def check_where(self, wire: _Wire) -> None:
        kind, bound = self.types[wire.target.node], self.bound.get(wire.target.node)
        allowed = kind.where.get("T") if kind else None
        known = bound and self.catalogue.type(bound.name)
        if kind and bound and known and allowed and canonical(self.catalogue, bound) not in allowed:
            message = f"{kind.name} works on {', '.join(allowed)}, not on {type_text(bound)}"
            self.add(wire.target.place, "type_mismatch", message, kind.name)

    def mismatch(self, wire: _Wire, source: Type | None, target: Type | None) -> None:
        names = [type_text(kind) if kind else "?" for kind in (source, target)]
        message = f"{names[0]} does not fit {names[1]} and Unreal has no conversion"
        self.add(wire.target.place, "type_mismatch", message, self.construct(wire.target.node))

    def check_counts(self, wires: list[_Wire]) -> None:
        inputs: set[tuple[str, str]] = set()
        outputs: set[tuple[str, str]] = set()
        same: set[tuple[str, str, str, str]] = set()
        for wire in wires:
            source, target = (wire.source.node, wire.output.name), (wire.target.node, wire.input.name)
            if (*source, *target) in same:
                self.add(wire.source.place, "double_wire", "the same wire twice", self.construct(target[0]))
            elif wire.is_exec and source in outputs:
                message = f"exec output {source[1]!r} of {source[0]} already leads somewhere; use a Sequence"
                self.add(wire.source.place, "exec_fan_out", message, self.construct(source[0]))
            elif not wire.is_exec and target in inputs and not wire.input.many:
                message = f"input {target[1]!r} of {target[0]} already has a wire"
                self.add(wire.target.place, "double_wire", message, self.construct(target[0]))
            same.add((*source, *target))
            inputs.add(target)
            outputs.add(source)

    # Literals

    def check_values(self, wires: list[_Wire]) -> None:
        taken = {(wire.target.node, wire.input.name): "wired" for wire in wires}
        for node in self.nodes.values():
            kind = self.types[node.id]
            for param in node.params if kind else ():
                name = PinName(node.id, param.key, param.place)
                if kind and kind.param(param.key) is None and self.may_set(name, kind):
                    self.check_value(name, param.value, taken)
        for pin in self.graph.pins:
            if pin.default is not None and pin.pin.node in self.nodes:
                self.check_value(pin.pin, pin.default, taken)
        for literal in self.graph.literals:
            self.check_value(literal.target, literal.value, taken)

    def may_set(self, name: PinName, kind: NodeType) -> bool:
        """Whether a parameter names an input; a fault says so where it does not."""
        declared = (name.node, name.pin, False) in self.declared
        if declared or kind.pin(name.pin, False) or kind.takes(False):
            return True
        known = [spec.name for spec in kind.params] + [pin.name for pin in kind.pins if not pin.output]
        hint = _suggest(near(name.pin, known)) or f"; it has {', '.join(known) or 'none'}"
        message = f"{kind.name} has no parameter {name.pin!r}{hint}"
        self.add(name.place, "unknown_parameter", message, kind.name)
        return False

    def check_value(self, name: PinName, value: Value, taken: dict[tuple[str, str], str]) -> None:
        pin = self.pin(name, False, False)
        if pin is None:
            return
        construct, place = self.construct(name.node), (name.node, pin.name)
        if place in taken:
            message = f"{pin.name!r} of {name.node} is already {taken[place]}; a pin is set or wired, once"
            self.add(name.place, "set_and_wired", message, construct)
            return
        taken[place] = "set"
        expected = literal_fault(self.catalogue, self.resolved(name.node, pin.kind), value)
        if expected:
            self.add(
                name.place, "bad_literal", f"{pin.name!r} of {construct} should be {expected}", construct
            )

    # Flow

    def check_flow(self, wires: list[_Wire]) -> None:
        entered = {
            node for (node, _, output), pin in self.declared.items() if pin.type == EXEC and not output
        }
        followers: dict[str, list[str]] = {}
        for wire in wires:
            if wire.is_exec:
                followers.setdefault(wire.source.node, []).append(wire.target.node)
                entered.add(wire.target.node)
        read = {wire.source.node for wire in wires if not wire.is_exec}
        for node in unused(self.nodes.values(), self.types, entered, read):
            kind = self.construct(node.id)
            self.add(node.place, "unused", f"nothing reads {node.id}, a pure {kind}", kind)
        for node in unreachable(self.nodes.values(), self.types, entered, followers, read):
            kind = self.construct(node.id)
            self.add(node.place, "unreachable", f"{node.id} ({kind}) is never reached from an event", kind)
