"""A program as the text that Unreal's editor takes when a person pastes it into a graph.

Unreal reads a paste in two steps: objects by class and name, then their properties and pins, whose `LinkedTo`
name a node and a pin's id at both ends. It then asks every node to build its pins anew and keeps what the
text says of them: wires and changed values. So hidden pins and tooltips need not be written.

Names, ids and GUIDs come from the program alone: the same program gives the same bytes. A paste has no place
for a parent class, a category and declarations of variables; they belong to the Blueprint it is pasted into
and are told in `notes`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from bluebook.subjects.ue5.catalogue import OBJECTS, Catalogue
from bluebook.subjects.ue5.checker import is_class_path
from bluebook.subjects.ue5.layout import layout
from bluebook.subjects.ue5.normalising import normalise
from bluebook.subjects.ue5.pinlines import is_set, pin_line, user_pin_line
from bluebook.subjects.ue5.printing import print_program, quote, type_text, value_text
from bluebook.subjects.ue5.program import (
    Comment,
    DataWire,
    ExecWire,
    Graph,
    PinName,
    Program,
    Text,
)
from bluebook.subjects.ue5.properties import properties_of
from bluebook.subjects.ue5.references import text_of
from bluebook.subjects.ue5.unreal import (
    CALLS,
    PARENT,
    USER,
    UnrealNode,
    UnrealPin,
    nodes_with_pins,
)
from bluebook.subjects.ue5.writing import INDENT, begin, indented, position_lines, property_lines

_Key = tuple[str, str, bool]  # a pin: its node's id, its name in the program, whether it is an output
COLLAPSED = "Collapsed"
_COMMENT = "/Script/UnrealEd.EdGraphNode_Comment"
_SCHEMA = "Schema=\"/Script/CoreUObject.Class'/Script/BlueprintGraph.EdGraphSchema_K2'\""
_ROW, _HEAD = 32, 48  # pixels: the height of a pin with its value and of a node's title


class Clipboard(msgspec.Struct):
    """`text` ends in a line break. `unexpressed` is what of the program no paste can hold, by name; `notes`
    is what the person who pastes has to do."""

    text: str
    unexpressed: list[str]
    notes: list[str]


class GraphText(msgspec.Struct):
    """One graph by itself. `names` are its nodes' in `text`, `ids` those of their pins; the counts are those
    of the text."""

    text: str
    names: dict[str, str]
    ids: dict[_Key, str]
    nodes: int
    pins: int
    wires: int


class GraphTexts(msgspec.Struct):
    """The graphs of a program in their order, and what of it no text can hold, by name."""

    graphs: list[GraphText]
    unexpressed: list[str]


def to_clipboard(program: Program, catalogue: Catalogue) -> Clipboard:
    """The first graph of `program` with the collapsed graphs in it; other graphs are named as unexpressed."""
    program = normalise(program, catalogue)
    writer = _Writer(program, catalogue)
    return Clipboard(writer.text(), writer.unexpressed, list(_notes(program)))


def graph_texts(program: Program, catalogue: Catalogue) -> GraphTexts:
    """Every graph of `program` as a text of its own; a node that collapses a graph stands there empty."""
    program = normalise(program, catalogue)
    writer = _Writer(program, catalogue)
    return GraphTexts(
        [_GraphWriter(writer, graph, False).alone() for graph in program.graphs], writer.unexpressed
    )


def _notes(program: Program) -> Iterator[str]:
    if program.parent is not None:
        yield f"paste it into a Blueprint whose parent class is {program.parent}"
    if program.category is not None:
        yield f"its category is {program.category}"
    for variable in program.variables:
        default = "" if variable.default is None else f" = {value_text(variable.default)}"
        yield f"it needs the variable {variable.name}: {type_text(variable.type)}{default}"


class _Writer:
    """`blocks` are the lines of the graphs written so far, `inner` the graphs that a graph's nodes
    collapse."""

    def __init__(self, program: Program, catalogue: Catalogue) -> None:
        self.program, self.catalogue = program, catalogue
        self.seed = hashlib.sha256(print_program(program).encode("utf-8", "surrogatepass")).hexdigest()
        self.counts: Counter[str] = Counter()
        self.unexpressed: list[str] = []
        self.graphs = {graph.name: graph for graph in reversed(program.graphs)}
        self.blocks: dict[str, list[str]] = {}
        self.writers: dict[str, _GraphWriter] = {}

    def text(self) -> str:
        first = self.program.graphs[0]
        order, waiting = [], [first]
        for graph in waiting:  # grows while it is walked
            order.append(graph.name)
            waiting += [
                inner for inner in self._inside(graph) if inner.name not in {one.name for one in waiting}
            ]
        if not first.nodes and not first.comments:
            self.unexpressed.append(f"graph {first.name!r}: it is empty, so there is nothing to paste")
        for graph in self.program.graphs:
            if self.graphs[graph.name] is not graph or graph.name not in order:
                self.unexpressed.append(
                    f"graph {graph.name!r}: a paste holds one graph and what its nodes collapse"
                )
        for name in order:
            self.writers[name] = _GraphWriter(self, self.graphs[name], name == first.name)
        for one in self.writers.values():
            one.own()
        for name in reversed(order):
            self.blocks[name] = self.writers[name].lines()
        return "\n".join((*self.blocks[first.name], ""))

    def _inside(self, graph: Graph) -> Iterator[Graph]:
        for node in graph.nodes:
            named = self.graphs.get(text_of(node.param("Graph"))) if node.type == COLLAPSED else None
            if named is not None:
                yield named

    def guid(self, *parts: str) -> str:
        return (
            hashlib.sha256("\0".join((self.seed, *parts)).encode("utf-8", "surrogatepass"))
            .hexdigest()[:32]
            .upper()
        )

    def name(self, class_name: str) -> str:
        """A name that no other object of the text has."""
        stem = re.sub(r"\W", "_", class_name) or "Node"
        self.counts[stem] += 1
        return f"{stem}_{self.counts[stem] - 1}"


class _GraphWriter:
    """One graph. `names` are its nodes' in Unreal; `links` the pins at the other ends of each pin's wires;
    `parts` what each pin was split into."""

    def __init__(self, writer: _Writer, graph: Graph, is_first: bool) -> None:
        self.writer, self.graph, self.is_first, self.is_owned = writer, graph, is_first, False
        self.nodes = nodes_with_pins(writer.program, graph, writer.catalogue)
        self.wires: list[ExecWire | DataWire] = [*graph.exec, *graph.data]
        self.by_id: dict[str, UnrealNode] = {}
        for node in self.nodes:
            if node.node.id in self.by_id:
                writer.unexpressed.append(f"a second node {node.node.id}")
            self.by_id.setdefault(node.node.id, node)
            node.properties = properties_of(node, writer.catalogue)
        self.nodes = list(self.by_id.values())
        self.names = {name: writer.name(node.class_name) for name, node in self.by_id.items()}
        self.pins = {(node.node.id, pin.name, pin.output): pin for node in self.nodes for pin in node.pins}
        self.parts: dict[_Key, list[_Key]] = {}
        for key in self.pins:
            parent = self._parent(key)
            if parent is not None:
                self.parts.setdefault(parent, []).append(key)
        self.links: dict[_Key, dict[_Key, None]] = {}
        self._link()
        self._complain()

    def own(self) -> None:
        """Join each collapsed node to the tunnels of the graph that it stands for, as Unreal does: what goes
        into the node comes out of one tunnel, and what goes into the other comes out of the node."""
        for node in self.nodes:
            inner = self.writer.writers.get(text_of(node.node.param("Graph"))) if _collapses(node) else None
            if inner is None:
                continue
            if inner.is_owned or inner.is_first:
                self.writer.unexpressed.append(
                    f"{node.node.id}: graph {inner.graph.name!r} is another node's too"
                )
                continue
            inner.is_owned = True
            for tunnel in inner.nodes:
                if tunnel.class_name != "K2Node_Tunnel":
                    continue
                leads_in = any(pin.output for pin in tunnel.pins)
                keys = ("InputSinkNode", "OutputSourceNode")
                ends = (inner.reference(tunnel), self.reference(node))
                for one, key, end in zip((node, tunnel), keys if leads_in else keys[::-1], ends, strict=True):
                    one.properties[key] = Text(end)

    def reference(self, node: UnrealNode) -> str:
        return f"{node.class_path}'{self.names[node.node.id]}'"

    def _link(self) -> None:
        for wire in self.wires:
            ends = (wire.source.node, wire.source.pin, True), (wire.target.node, wire.target.pin, False)
            lost = [end for end in ends if end not in self.pins]
            if lost:
                said = f"{_shown(wire.source)} -> {_shown(wire.target)}"
                self.writer.unexpressed.append(f"the wire {said}: there is no node {lost[0][0]}")
            else:
                self.links.setdefault(ends[0], {})[ends[1]] = None
                self.links.setdefault(ends[1], {})[ends[0]] = None

    def _complain(self) -> None:
        for said in self.graph.pins:
            if said.pin.node not in self.by_id:
                self.writer.unexpressed.append(
                    f"the pin {_shown(said.pin)}: there is no node {said.pin.node}"
                )
        for literal in self.graph.literals:
            if literal.target.node not in self.by_id:
                self.writer.unexpressed.append(
                    f"the value of {_shown(literal.target)}: there is no node {literal.target.node}"
                )
        for node in self.nodes:
            name, entry = node.node.id, node.entry
            if entry is None and not is_class_path(node.class_path):
                self.writer.unexpressed.append(f"{name}: no Unreal class is known for {node.node.type!r}")
            for pin in node.pins:
                if not node.may_have(pin):
                    side = "output" if pin.output else "input"
                    self.writer.unexpressed.append(f"{name}.{pin.name}: {node.node.type} has no such {side}")
            inner = text_of(node.node.param("Graph")) if _collapses(node) else ""
            if inner and inner not in self.writer.graphs:
                self.writer.unexpressed.append(f"{name}: there is no graph {inner!r}")

    # Text

    def alone(self) -> GraphText:
        return GraphText(
            text="\n".join((*self.lines(), "")),
            names=self.names,
            ids={key: self._id(key) for key in self.pins},
            nodes=len(self.nodes) + len(self.graph.comments),
            pins=sum(len(node.pins) for node in self.nodes),
            wires=sum(len(ends) for key, ends in self.links.items() if key[2]),
        )

    def lines(self) -> list[str]:
        """The blocks of the graph's nodes. Those inside a collapsed graph are declared first, as Unreal does
        it."""
        places = self._places()
        blocks = [self._block(node, place) for node, place in zip(self.nodes, places, strict=True)]
        blocks += [self._comment(comment, number) for number, comment in enumerate(self.graph.comments)]
        return [line for block in blocks for line in block]

    def _places(self) -> list[tuple[int, int]]:
        index = {node.node.id: number for number, node in enumerate(self.nodes)}
        wires = [
            (index[wire.source.node], index[wire.target.node])
            for wire in self.wires
            if wire.source.node in index and wire.target.node in index
        ]
        heights = [_HEAD + _ROW * _rows(node) for node in self.nodes]
        pure = [not any(pin.is_exec for pin in node.pins) for node in self.nodes]
        found = layout(heights, wires, pure)
        return [node.node.position or place for node, place in zip(self.nodes, found, strict=True)]

    def _block(self, node: UnrealNode, place: tuple[int, int]) -> list[str]:
        name = self.names[node.node.id]
        inside = list(self._objects(node))
        for key, value in node.properties.items():
            inside += property_lines(key, value)
        if node.class_name in CALLS and not any(pin.is_exec for pin in node.pins):
            inside.append("bDefaultsToPureFunc=True")
        inside += position_lines(place)
        inside.append(f"NodeGuid={self.writer.guid(self.graph.name, node.node.id)}")
        inside += [self._pin(node, pin) for pin in node.pins]
        inside += [
            user_pin_line(pin, self.writer.catalogue) for pin in node.pins if pin.param(USER) is not None
        ]
        return [
            begin(node.class_path, name, self._path(node.class_path, name)),
            *indented(inside),
            "End Object",
        ]

    def _path(self, class_path: str, name: str) -> str:
        """Where the node would stand in its Blueprint; without names that a path cannot hold."""
        blueprint, graph = self.writer.program.blueprint, self.graph.name
        if not self.is_first or re.search(r"""['":/]""", blueprint) or re.search(r"""['":]""", graph):
            return ""
        return f"{class_path}'/Game/{blueprint}.{blueprint}:{graph}.{name}'"

    def _objects(self, node: UnrealNode) -> Iterator[str]:
        objects = text_of(node.node.param(OBJECTS))
        yield from objects.split("\n") if objects else ()
        graph = text_of(node.node.param("Graph")) if _collapses(node) else ""
        lines = self.writer.blocks.get(graph)
        if lines is None:
            return
        first = begin("/Script/Engine.EdGraph", graph)
        openings = [line for line in lines if line.startswith("Begin Object")]
        yield first
        for line in openings:
            yield from (INDENT + line, INDENT + "End Object")
        yield "End Object"
        yield begin("", graph)
        for line in lines:
            known = line.startswith("Begin Object")
            yield INDENT + (re.sub(r"^Begin Object Class=\S+ ", "Begin Object ", line) if known else line)
        yield from (INDENT + _SCHEMA, "End Object")

    def _pin(self, node: UnrealNode, pin: UnrealPin) -> str:
        key = (node.node.id, pin.name, pin.output)
        parent = self._parent(key)
        ends = {
            "LinkedTo": self._ends(self.links.get(key, ())),
            "SubPins": self._ends(self.parts.get(key, ())),
        }
        if parent is not None:
            ends["ParentPin"] = self._end(parent)
        return pin_line(pin, self._id(key), ends, self.writer.catalogue)

    def _parent(self, key: _Key) -> _Key | None:
        """The pin that a pin was split from."""
        said = self.pins[key].param(PARENT)
        parent = (key[0], text_of(said), key[2])
        return parent if said is not None and parent in self.pins else None

    def _id(self, key: _Key) -> str:
        return self.writer.guid(self.graph.name, key[0], key[1], "out" if key[2] else "in")

    def _end(self, end: _Key) -> str:
        return f"{self.names[end[0]]} {self._id(end)}"

    def _ends(self, ends: Iterable[_Key]) -> str:
        found = "".join(f"{self._end(end)}," for end in ends)
        return f"({found})" if found else ""

    def _comment(self, comment: Comment, number: int) -> list[str]:
        x, y, width, height = comment.box or (0, -(number + 1) * 9 * _ROW, 16 * _ROW, 6 * _ROW)
        class_path = next(
            (text_of(param.value) for param in comment.params if param.key == "Class"), _COMMENT
        )
        name = self.writer.name("EdGraphNode_Comment")
        inside = [
            line
            for param in comment.params
            if param.key != "Class"
            for line in property_lines(param.key, param.value)
        ]
        inside += position_lines((x, y))
        inside += [f"NodeWidth={width}", f"NodeHeight={height}", f"NodeComment={quote(comment.text)}"]
        inside.append(f"NodeGuid={self.writer.guid(self.graph.name, 'comment', str(number))}")
        return [begin(class_path, name, self._path(class_path, name)), *indented(inside), "End Object"]


def _collapses(node: UnrealNode) -> bool:
    return node.node.type == COLLAPSED


def _rows(node: UnrealNode) -> int:
    shown = [pin.output for pin in node.pins if not is_set(pin, "bHidden")]
    return max(sum(shown), len(shown) - sum(shown))


def _shown(pin: PinName) -> str:
    return f"{pin.node}.{pin.pin}"
