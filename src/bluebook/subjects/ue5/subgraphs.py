"""The parts of a program that stand alone: an entry, what it drives, and the pure nodes that those read.

A part that reads what another entry computes needs that entry too, and so does one that names its custom event
(a timer, a call). Variables come along, and so do the graphs that collapsed nodes stand for. What is left out is
what no instruction would ask for: layout, and what the editor keeps beside a node of the catalogue (`Unreal`,
`Objects`, what PIN lines say of pins that the catalogue knows or nothing uses).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from bluebook.subjects.ue5.catalogue import OBJECTS, UNREAL, Catalogue, NodeType
from bluebook.subjects.ue5.program import (
    DataWire,
    ExecWire,
    Graph,
    Literal,
    Node,
    Param,
    PinDeclaration,
    PinName,
    Program,
    Value,
    Word,
)
from bluebook.subjects.ue5.references import text_of
from bluebook.subjects.ue5.unreal import PARENT

WHOLE = "whole"
_CUSTOM = "Event_Custom"


def parts(program: Program, catalogue: Catalogue) -> Iterator[tuple[str, Program]]:
    """Each part with the type of its entry, in the order of entries; then the whole where it has several.

    Graphs of collapsed nodes are parts of their outer graph, never parts of their own."""
    inner = {graph.name: graph for graph in program.graphs if _is_inner(graph)}
    for graph in program.graphs:
        if _is_inner(graph):
            continue
        flow = _Flow(graph, catalogue)
        seen: set[frozenset[str]] = set()
        for entry in flow.entries:
            nodes = flow.part(entry)
            if frozenset(nodes) not in seen:
                seen.add(frozenset(nodes))
                yield flow.nodes[entry].type, _cut(program, graph, nodes, inner, catalogue)
        if len(seen) > 1:
            reached = set().union(*seen)
            yield WHOLE, _cut(program, graph, reached, inner, catalogue)


def _is_inner(graph: Graph) -> bool:
    return any(param.key == "Type" and text_of(param.value) == "Collapsed" for param in graph.params)


class _Flow:
    """What leads where in one graph."""

    def __init__(self, graph: Graph, catalogue: Catalogue) -> None:
        self.nodes = {node.id: node for node in graph.nodes}
        self.followers: dict[str, list[str]] = {}
        self.sources: dict[str, list[str]] = {}
        entered = {wire.target.node for wire in graph.exec}
        for wire in graph.exec:
            self.followers.setdefault(wire.source.node, []).append(wire.target.node)
        for data in graph.data:
            self.sources.setdefault(data.target.node, []).append(data.source.node)
        self.entries = [
            node.id
            for node in graph.nodes
            if node.id in self.followers and node.id not in entered and _may_start(catalogue.find(node.type))
        ]
        self.events = {
            text_of(node.param("EventName")): node.id for node in graph.nodes if node.type == _CUSTOM
        }
        self.owners: dict[str, list[str]] = {}  # impure node -> the entries that reach it
        for entry in self.entries:
            for node in self.driven(entry):
                self.owners.setdefault(node, []).append(entry)

    def driven(self, entry: str) -> set[str]:
        found, waiting = {entry}, [entry]
        while waiting:
            for follower in self.followers.get(waiting.pop(), ()):
                if follower not in found:
                    found.add(follower)
                    waiting.append(follower)
        return found

    def part(self, entry: str) -> set[str]:
        found: set[str] = set()
        waiting = sorted(self.driven(entry))
        while waiting:
            node = waiting.pop()
            if node in found or node not in self.nodes:
                continue
            found.add(node)
            needed = [*self.sources.get(node, ()), *self.named(self.nodes[node])]
            for other in needed:
                owners = self.owners.get(other, ())
                if owners and other not in found and entry not in owners:
                    waiting += sorted(self.driven(owners[0]))
                waiting.append(other)
        return found

    def named(self, node: Node) -> Iterator[str]:
        """Custom events of this graph that the node names, and what those drive."""
        if node.type == _CUSTOM:
            return
        for param in node.params:
            event = self.events.get(_name(param.value))
            if event is not None:
                yield from sorted(self.driven(event))


def _name(value: Value) -> str:
    return getattr(value, "text", "")


def _may_start(kind: NodeType | None) -> bool:
    return kind is None or kind.is_entry or not any(pin.is_exec for pin in kind.pins)


def _cut(
    program: Program, graph: Graph, nodes: set[str], inner: dict[str, Graph], catalogue: Catalogue
) -> Program:
    graphs = [_only(graph, nodes, catalogue)]
    for one in graphs:  # grows: collapsed graphs nest
        for node in one.nodes:
            name = _name(node.param("Graph") or Word("None"))
            if name in inner and all(name != known.name for known in graphs):
                every = {other.id for other in inner[name].nodes}
                graphs.append(_only(inner[name], every, catalogue))
    used = {
        text_of(node.param("VarName"))
        for one in graphs
        for node in one.nodes
        if node.param("Owner") is None and node.param("Scope") is None
    }
    return replace(
        program,
        category=None,
        variables=[variable for variable in program.variables if variable.name in used],
        graphs=graphs,
    )


def _only(graph: Graph, nodes: set[str], catalogue: Catalogue) -> Graph:
    kept = {node.id: catalogue.find(node.type) for node in graph.nodes if node.id in nodes}
    wires: list[ExecWire | DataWire] = [*graph.exec, *graph.data]
    wired = {(name.node, name.pin) for wire in wires for name in (wire.source, wire.target)}
    literals = [one for one in graph.literals if one.target.node in kept]
    declared = [pin for pin in graph.pins if pin.pin.node in kept]
    unknown = [pin for pin in declared if not _is_known(kept[pin.pin.node], pin)]
    literals += [
        Literal(pin.default, pin.pin) for pin in declared if pin not in unknown and pin.default is not None
    ]
    pins = [pin for pin in unknown if pin.default is not None or (pin.pin.node, pin.pin.pin) in wired]
    split = {
        (pin.pin.node, text_of(param.value)) for pin in pins for param in pin.params if param.key == PARENT
    }
    pins += [pin for pin in unknown if pin not in pins and (pin.pin.node, pin.pin.pin) in split]
    return replace(
        graph,
        nodes=[
            replace(node, params=_params(node, kept[node.id]), position=None)
            for node in graph.nodes
            if node.id in kept
        ],
        pins=pins,
        exec=[wire for wire in graph.exec if _within(wire.source, wire.target, kept)],
        data=[wire for wire in graph.data if _within(wire.source, wire.target, kept)],
        literals=literals,
        comments=[],
    )


def _params(node: Node, kind: NodeType | None) -> tuple[Param, ...]:
    if kind is None:
        return node.params
    return tuple(param for param in node.params if param.key not in (UNREAL, OBJECTS))


def _is_known(kind: NodeType | None, pin: PinDeclaration) -> bool:
    return kind is not None and kind.pin(pin.pin.pin, pin.output) is not None


def _within(source: PinName, target: PinName, kept: dict[str, NodeType | None]) -> bool:
    return source.node in kept and target.node in kept
