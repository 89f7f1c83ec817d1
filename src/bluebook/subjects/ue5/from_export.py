"""An export as a program of the language: every node, parameter, literal, variable and wire.

A node is written as short as the catalogue allows. What its catalogue entry, its parameters and its wires
already say is left out; whatever the export has beside that (`unreal.py` tells) is added as further
properties and as PIN lines, round by round, until nothing is missing. So a class that no entry describes is
carried whole, and nothing depends on the catalogue being right. Left out are

- what Unreal works out by itself: GUIDs of nodes and members, compiler messages, purity, tooltips, hidden
  pins and their values, values under a wire, and, for nodes of the catalogue, what the function behind them
  says of a pin's class;
- reroutes: a wire through them is one wire;
- unless `layout` is asked for, positions, comment boxes and how the editor shows a node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count

import msgspec

from bluebook.subjects.ue5 import kinds
from bluebook.subjects.ue5.catalogue import UNREAL, Catalogue
from bluebook.subjects.ue5.describing import Described, comment_params, describe, graph_of
from bluebook.subjects.ue5.export import ExportError, ExportGraph, Node, PinEnd
from bluebook.subjects.ue5.pins import Found, declaration, found_pins, literal_param, same_pin
from bluebook.subjects.ue5.pintypes import type_of
from bluebook.subjects.ue5.program import (
    Comment,
    DataWire,
    Entry,
    ExecWire,
    Fields,
    Graph,
    Param,
    PinDeclaration,
    PinName,
    Program,
    Text,
    Type,
    Variable,
    Word,
)
from bluebook.subjects.ue5.properties import properties_of
from bluebook.subjects.ue5.reading import inner_graphs
from bluebook.subjects.ue5.references import BOUND_GRAPH, text_of
from bluebook.subjects.ue5.unreal import UnrealNode, nodes_with_pins

DEFAULT_BLUEPRINT, DEFAULT_GRAPH = "Blueprint", "EventGraph"


class Translation(msgspec.Struct):
    """A program, and what of the export it cannot say, in words that name the node."""

    program: Program
    unexpressed: list[str]


# Each round may change what wires tell of other pins. Those that still go on after so many are declared
# whole.
_ROUNDS = 6
_Source = tuple[ExportGraph, str, tuple[Param, ...]]  # a graph, its name and its parameters


def to_program(export: ExportGraph, catalogue: Catalogue, layout: bool = False) -> Translation:
    """The program that an export denotes. Raises ExportError for a graph that is no Blueprint's."""
    if kinds.BLUEPRINT not in export.kind.removeprefix("mixed:").split("+"):
        message = f"a graph of kind {export.kind}, not a Blueprint; copy nodes from a Blueprint's graph"
        raise ExportError(export.path, export.nodes[0].line, export.kind, message)
    blueprint, name = graph_of(export)
    program = Program(blueprint or DEFAULT_BLUEPRINT)
    built = []
    names: set[str] = set()
    waiting: list[_Source] = [(export, name or DEFAULT_GRAPH, ())]
    unexpressed: list[str] = []
    while waiting:
        source, title, params = waiting.pop(0)
        names.add(title)
        one = _Graph(source, Graph(title, params), catalogue, layout)
        program.graphs.append(one.graph)
        waiting += one.inner(names)
        built.append(one)
    program.variables = _variables(built, catalogue)
    for one in built:
        one.complete(program)
        unexpressed += one.unexpressed
    return Translation(program, unexpressed)


class _Graph:
    """One graph on its way. `described` are its nodes; `found` the pins of each that matter."""

    def __init__(self, export: ExportGraph, graph: Graph, catalogue: Catalogue, layout: bool) -> None:
        self.export, self.graph, self.catalogue, self.layout = export, graph, catalogue, layout
        self.unexpressed: list[str] = []
        self.described: dict[int, Described] = {}
        self.found: dict[int, list[Found]] = {}
        for place, node in enumerate(export.nodes):
            if node.is_comment:
                if layout:
                    graph.comments.append(_comment(node))
            elif not node.is_knot:
                self.described[place] = describe(node, f"n{len(self.described) + 1}", catalogue, layout)
        for place, said in self.described.items():
            if not said.source.class_path:
                self.unexpressed.append(
                    f"the class of {said.source.name} (line {said.source.line}), which has none"
                )
            self.found[place] = found_pins(said, self._wired(place), catalogue)
        self.wires()

    def _wired(self, place: int) -> set[int]:
        pins = range(len(self.export.nodes[place].pins))
        return {pin for pin in pins if PinEnd(place, pin) in self.export.links_of}

    def inner(self, names: set[str]) -> Iterator[_Source]:
        """The graphs that collapsed nodes stand for."""
        for said in self.described.values():
            if said.is_collapsed:
                owner, graph = next(inner_graphs(said.source, self.export.path))
                title = owner.name
                while title in names:
                    title += "_"
                names.add(title)
                said.params.append(Param("Graph", Text(title)))
                yield graph, title, (Param("Type", Word("Collapsed")),)

    # Wires

    def wires(self) -> None:
        """Wires between nodes that mean something, in the order of nodes and of the names of pins."""
        names = {
            PinEnd(place, one.place): PinName(self.described[place].id, one.name)
            for place, found in self.found.items()
            for one in found
        }
        seen: set[tuple[PinEnd, PinEnd]] = set()
        for link in self.export.links:
            if link.source not in names:
                continue
            for target in self._ends(link.target):
                if (link.source, target) in seen:
                    continue
                seen.add((link.source, target))
                self._add_wire(link.source, target, names)
        place = {said.id: number for number, said in enumerate(self.described.values())}

        def order(wire: ExecWire | DataWire) -> tuple[int, str, int, str]:
            return place[wire.source.node], wire.source.pin, place[wire.target.node], wire.target.pin

        self.graph.exec.sort(key=order)
        self.graph.data.sort(key=order)

    def _ends(self, start: PinEnd) -> Iterator[PinEnd]:
        """Where a wire to `start` leads: there, or on through reroutes."""
        waiting, seen = [start], set()
        while waiting:
            end = waiting.pop(0)
            if end in seen:
                continue
            seen.add(end)
            node = self.export.nodes[end.node]
            if not node.is_knot:
                yield end
                continue
            for place, pin in enumerate(node.pins):
                if pin.is_output:
                    links = self.export.links_of.get(PinEnd(end.node, place), [])
                    waiting += [link.target for link in links if link.source == PinEnd(end.node, place)]

    def _add_wire(self, source: PinEnd, target: PinEnd, names: dict[PinEnd, PinName]) -> None:
        one, other = self.export.pin(source), self.export.pin(target)
        if target not in names or not one.is_output or other.is_output:
            ends = (
                f"{self.export.nodes[end.node].name}.{self.export.pin(end).name}" for end in (source, target)
            )
            self.unexpressed.append(
                "the link " + " to ".join(ends) + " does not lead from an output to an input"
            )
        elif one.is_exec or other.is_exec:
            self.graph.exec.append(ExecWire(names[source], names[target]))
        else:
            self.graph.data.append(DataWire(names[source], names[target], type_of(one, self.catalogue)))

    def _order(self) -> Callable[[PinDeclaration], tuple[int, int]]:
        """PIN lines by node; those of the catalogue's pins first, in its order, then as in the export."""
        places: dict[tuple[str, str, bool], tuple[int, int]] = {}
        for number, (place, said) in enumerate(self.described.items()):
            known = said.entry.pins if said.entry else ()
            order = {(spec.name, spec.output): at for at, spec in enumerate(known)}
            for one in self.found[place]:
                key = one.name, one.pin.is_output
                places[said.id, *key] = number, order.get(key, len(order) + one.place)
            for key, at in order.items():
                places.setdefault((said.id, *key), (number, at))
        return lambda pin: places[pin.pin.node, pin.pin.pin, pin.output]

    # What the program does not say yet

    def complete(self, program: Program) -> None:
        """Add nodes, then PIN lines and properties until Unreal would have what the export has."""
        for place, said in self.described.items():
            for one in self.found[place]:
                said.params += literal_param(one, said.entry)
        self.graph.nodes = [said.node() for said in self.described.values()]
        declared: dict[tuple[str, str, bool], PinDeclaration] = {}
        for number in count():
            before = len(declared)
            built = nodes_with_pins(program, self.graph, self.catalogue)
            for (place, said), node in zip(self.described.items(), built, strict=True):
                every = number >= _ROUNDS or said.entry is None
                for pin in _missing_pins(self.found[place], said, node, self.catalogue, every):
                    declared.setdefault((pin.pin.node, pin.pin.pin, pin.output), pin)
            self.graph.pins = sorted(declared.values(), key=self._order())
            if len(declared) == before:
                break
        for said, node in zip(self.described.values(), built, strict=True):
            node.properties = properties_of(node, self.catalogue)
            further = _further(said, node)
            if further:
                said.params.append(Param(UNREAL, Fields(further)))
        self.graph.nodes = [said.node() for said in self.described.values()]


def _missing_pins(
    found: Iterable[Found], said: Described, node: UnrealNode, catalogue: Catalogue, every: bool
) -> Iterator[PinDeclaration]:
    """PIN lines for what the program does not say of a node's pins; with `every`, of all its pins."""
    pins = {(pin.name, pin.output): pin for pin in node.pins}
    here = set()
    for one in found:
        here.add((one.name, one.pin.is_output))
        ours = pins.get((one.name, one.pin.is_output))
        if ours is not None and ours.is_declared:
            continue
        if every or ours is None or not node.may_have(ours) or not same_pin(ours, one, said.entry, catalogue):
            line = declaration(said.id, one, ours, said.entry, catalogue)
            # A literal is said once.
            yield line if said.param(one.name) is None else msgspec.structs.replace(line, default=None)
    for pin in node.pins:
        if (pin.name, pin.output) not in here:
            hidden = (Param("bHidden", Word("True")),)
            yield PinDeclaration(
                PinName(said.id, pin.name), pin.output, pin.kind or Type("Wildcard"), None, hidden
            )


def _further(said: Described, node: UnrealNode) -> tuple[Entry, ...]:
    """The properties that the catalogue entry and the parameters do not give, or give otherwise."""
    if said.entry is None:
        return ()
    ours = {
        key: value for key, value in node.properties.items() if key != BOUND_GRAPH or not said.is_collapsed
    }
    found = []
    for key, value in said.properties.items():
        if ours.get(key) != value:
            is_none = isinstance(value, Word) and value.text == "None"
            found.append(Entry(key, Text("None") if is_none else value))
    found += [Entry(key, Word("None")) for key in ours if key not in said.properties]
    return tuple(sorted(found, key=lambda entry: entry.key or ""))


def _comment(node: Node) -> Comment:
    x, y = node.position
    size = [int(float(node.get(key) or 0)) for key in ("NodeWidth", "NodeHeight")]
    return Comment(node.comment, (x, y, size[0], size[1]), comment_params(node))


def _variables(graphs: Iterable[_Graph], catalogue: Catalogue) -> list[Variable]:
    """The Blueprint's own variables that its nodes read and write."""
    found: dict[str, Variable] = {}
    for one in graphs:
        for place, said in one.described.items():
            name = text_of(said.param("VarName"))
            if not name or said.param("Owner") or said.param("Scope"):
                continue
            for pin in one.found[place]:
                if pin.name == "Value" and name not in found:
                    found[name] = Variable(name, type_of(pin.pin, catalogue))
    return list(found.values())
