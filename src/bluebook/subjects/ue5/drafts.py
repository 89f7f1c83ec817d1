"""A program that is being written, one line after another, and the pins that its nodes still have to offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import msgspec

from bluebook.subjects.ue5 import language, patterns
from bluebook.subjects.ue5.catalogue import EXEC, Catalogue, NodeType, PinSpec
from bluebook.subjects.ue5.checker import own_class
from bluebook.subjects.ue5.program import Node, PinName, Program, Type, Value
from bluebook.subjects.ue5.typecheck import assignable

MOST_OPEN = 8  # wires at pins of one node that only their wires name
_NUMBERED = range(8)  # members of a family of pins such as `Then_#`


class Pin(NamedTuple):
    """A pin that a wire may end at. `kind` is None where nothing tells its type; `name` is None for any name that
    `pattern` describes but those `taken`."""

    node: str
    name: str | None
    kind: Type | None
    family: str = ""  # such as `Then_#`, of which there are many
    pattern: str = ""
    taken: tuple[str, ...] = ()


class DraftNode(NamedTuple):
    """`pins` are those of its type, by (is an output, is exec); of one that only wires name, just the pattern."""

    number: int
    node: Node
    kind: NodeType
    pins: Mapping[tuple[bool, bool], Sequence[Pin]]

    @property
    def set_inputs(self) -> dict[str, Value]:
        return {param.key: param.value for param in self.node.params if self.kind.param(param.key) is None}


class DraftWire(NamedTuple):
    """`output` and `input` are the pins' types."""

    source: PinName
    target: PinName
    output: Type | None
    input: Type | None


class Draft(msgspec.Struct, frozen=True, dict=True):
    """What the lines so far say. `part` is the keyword of the last one."""

    catalogue: Catalogue
    part: str = ""
    blueprint: str = ""
    parent: str | None = None
    graph: str | None = None
    variables: dict[str, tuple[str, Type]] = {}
    nodes: dict[str, DraftNode] = {}
    exec: tuple[DraftWire, ...] = ()
    data: tuple[DraftWire, ...] = ()
    fitting: dict[
        tuple[Type | None, Type | None], bool
    ] = {}  # known answers of `assignable`; shared by all drafts

    def with_line(self, line: str) -> Draft:
        """The draft with one more line. Raises ParseError where it is not one."""
        part, said = line.partition(" ")[0].rstrip(":"), _program(line)
        change = msgspec.structs.replace
        match part:
            case "BLUEPRINT":
                return change(self, part=part, blueprint=said.blueprint)
            case "PARENT":
                return change(self, part=part, parent=said.parent)
            case "VAR":
                more = {variable.name: (variable.name, variable.type) for variable in said.variables}
                return change(self, part=part, variables=self.variables | more)
            case "CATEGORY":
                return change(self, part=part)
        graph = said.graphs[-1]
        nodes = {
            node.id: self._drafted(node, kind)
            for node in graph.nodes
            if (kind := self.catalogue.find(node.type)) is not None
        }
        execs = (DraftWire(wire.source, wire.target, EXEC, EXEC) for wire in graph.exec)
        data = (
            DraftWire(
                wire.source, wire.target, self.type_of(wire.source, True), self.type_of(wire.target, False)
            )
            for wire in graph.data
        )
        return change(
            self,
            part="NODE" if part == "GRAPH" else part,
            graph=graph.name if part == "GRAPH" else self.graph,
            nodes=self.nodes | nodes,
            exec=(*self.exec, *execs),
            data=(*self.data, *data),
        )

    def with_node(self, kind: NodeType) -> Draft:
        """The draft with one more node of a type, nothing of it set."""
        node = Node(f"n{len(self.nodes) + 1}", kind.name)
        return msgspec.structs.replace(self, nodes=self.nodes | {node.id: self._drafted(node, kind)})

    def _drafted(self, node: Node, kind: NodeType) -> DraftNode:
        pins: dict[tuple[bool, bool], list[Pin]] = {}
        for spec in kind.pins:
            pins.setdefault((spec.output, spec.is_exec), []).extend(self._all_of(node, kind, spec))
        return DraftNode(len(self.nodes) + 1, node, kind, pins)

    def assignable(self, source: Type | None, target: Type | None) -> bool:
        known = self.fitting.get((source, target))
        if known is None:
            known = self.fitting[source, target] = assignable(self.catalogue, source, target)
        return known

    def type_of(self, pin: PinName, output: bool) -> Type | None:
        found = self.nodes.get(pin.node)
        spec = found and found.kind.pin(pin.pin, output)
        return self._kind(found.node, found.kind, spec) if found and spec else None

    def _kind(self, node: Node, kind: NodeType, spec: PinSpec) -> Type | None:
        if spec.own:
            return own_class(Program(self.blueprint, self.parent))
        if not spec.kind.name.startswith("@"):
            return spec.kind
        name = next((param.value for param in node.params if _is_variable(kind, param.key)), None)
        elsewhere = node.param("Owner") or node.param("Scope")
        _, declared = self.variables.get(getattr(name, "text", ""), ("", None))
        return None if elsewhere else declared

    def outputs(self, found: DraftNode, is_exec: bool) -> Iterator[Pin]:
        """Outputs that a wire may still begin at. An exec output leads to one place; the value of a data output may
        be read by many."""
        yield from self._pins(found, True, is_exec, self._led.get(found.node.id, set()) if is_exec else set())

    def inputs(self, found: DraftNode, is_exec: bool) -> Iterator[Pin]:
        """Inputs that a wire may still end at. An exec input may be reached from many places."""
        yield from self._pins(found, False, is_exec, set() if is_exec else self._taken(found))

    def _taken(self, found: DraftNode) -> set[str]:
        return self._wired.get(found.node.id, set()) | found.set_inputs.keys()

    def _all_of(self, node: Node, kind: NodeType, spec: PinSpec) -> Iterator[Pin]:
        """The pin, or the members of its family."""
        pin = Pin(node.id, spec.name, self._kind(node, kind, spec))
        if "#" not in spec.name:
            yield pin
        elif kind.name in _NAMED:
            head, _, tail = spec.name.partition("#")
            yield pin._replace(name=None, pattern=head + patterns.IDENTIFIER + tail)
        else:
            for at in _NUMBERED:
                yield pin._replace(name=spec.name.replace("#", str(at)), family=spec.name)

    def _pins(self, found: DraftNode, output: bool, is_exec: bool, used: set[str]) -> Iterator[Pin]:
        name = found.node.id
        for pin in found.pins.get((output, is_exec), ()):
            if pin.name is None:
                yield pin._replace(taken=tuple(sorted(used)))
            elif pin.name not in used:
                yield pin
        if found.kind.takes(output) and self._open_wires(name) < MOST_OPEN:
            known = {spec.name for spec in found.kind.pins}
            yield Pin(name, None, None, pattern=patterns.LABEL, taken=tuple(sorted(used | known)))

    def _open_wires(self, node: str) -> int:
        return sum(node in (wire.source.node, wire.target.node) for wire in (*self.exec, *self.data))

    @cached_property
    def _led(self) -> dict[str, set[str]]:
        """Exec outputs of each node that lead somewhere."""
        return _by_node(wire.source for wire in self.exec)

    @cached_property
    def _wired(self) -> dict[str, set[str]]:
        """Data inputs of each node that a wire ends at."""
        return _by_node(wire.target for wire in self.data)

    @cached_property
    def types(self) -> dict[str, NodeType | None]:
        return {name: found.kind for name, found in self.nodes.items()}


def _by_node(pins: Iterable[PinName]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pin in pins:
        found.setdefault(pin.node, set()).add(pin.pin)
    return found


# Their family of outputs is named by what is switched on, not by numbers.
_NAMED = {"SwitchOnName", "SwitchOnString", "SwitchOnEnum"}


def _is_variable(kind: NodeType, key: str) -> bool:
    spec = kind.param(key)
    return spec is not None and spec.name == "VarName"


@lru_cache(8192)
def _program(line: str) -> Program:
    """A program of this line and of what has to stand around it; many programs share most of their lines."""
    match line.partition(" ")[0].rstrip(":"):
        case "BLUEPRINT":
            return language.parse(f"{line}\nGRAPH: G")
        case "PARENT" | "CATEGORY" | "VAR":
            return language.parse(f"BLUEPRINT: B\n{line}\nGRAPH: G")
        case "GRAPH":
            return language.parse(f"BLUEPRINT: B\n{line}")
        case _:
            return language.parse(f"BLUEPRINT: B\nGRAPH: G\n{line}")
