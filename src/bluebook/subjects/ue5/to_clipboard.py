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
from collections.abc import Iterator

import msgspec

from bluebook.subjects.ue5.catalogue import OBJECTS, Catalogue
from bluebook.subjects.ue5.layout import layout
from bluebook.subjects.ue5.normalising import normalise
from bluebook.subjects.ue5.pins import AUTO, OBJECT, PLAIN, TEXT, default_fields
from bluebook.subjects.ue5.printing import print_program, quote, type_text, value_text
from bluebook.subjects.ue5.program import (
    Comment,
    DataWire,
    ExecWire,
    Fields,
    Graph,
    PinName,
    Program,
    Text,
    Type,
    Value,
    Word,
)
from bluebook.subjects.ue5.properties import properties_of
from bluebook.subjects.ue5.references import declared_type_fields, text_of
from bluebook.subjects.ue5.unreal import (
    CALLS,
    NAME,
    PARENT,
    USER,
    UnrealNode,
    UnrealPin,
    nodes_with_pins,
)
from bluebook.subjects.ue5.values import to_literal, to_text, to_unreal
from bluebook.subjects.ue5.writing import INDENT, begin

COLLAPSED = "Collapsed"
_COMMENT = "/Script/UnrealEd.EdGraphNode_Comment"
_SCHEMA = "Schema=\"/Script/CoreUObject.Class'/Script/BlueprintGraph.EdGraphSchema_K2'\""
_ROW, _HEAD = 24, 48  # pixels: the height of a pin and of a node's title
_OF_TYPE = (
    "PinCategory",
    "PinSubCategory",
    "PinSubCategoryObject",
    "PinSubCategoryMemberReference",
    "PinValueType",
    "ContainerType",
    "bIsReference",
    "bIsConst",
    "bIsWeakPointer",
    "bIsUObjectWrapper",
    "bSerializeAsSinglePrecisionFloat",
)
_FLAGS = (
    "bHidden",
    "bNotConnectable",
    "bDefaultValueIsReadOnly",
    "bDefaultValueIsIgnored",
    "bAdvancedView",
    "bOrphanedPin",
)
_WRITTEN = {
    NAME,
    PARENT,
    USER,
    "PinDefaultValue",
    "PersistentGuid",
    "PinFriendlyName",
    AUTO,
    OBJECT,
    PLAIN,
    TEXT,
}


class Clipboard(msgspec.Struct):
    """`text` ends in a line break. `unexpressed` is what of the program no paste can hold, by name; `notes`
    is what the person who pastes has to do."""

    text: str
    unexpressed: list[str]
    notes: list[str]


def to_clipboard(program: Program, catalogue: Catalogue) -> Clipboard:
    """The first graph of `program` with the collapsed graphs in it; other graphs are named as unexpressed."""
    program = normalise(program, catalogue)
    writer = _Writer(program, catalogue)
    return Clipboard(writer.text(), writer.unexpressed, list(_notes(program)))


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
    """One graph. `names` are its nodes' in Unreal; `links` the pins at the other ends of each pin's wires."""

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
        self.links: dict[tuple[str, str, bool], list[tuple[str, str, bool]]] = {}
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
            elif ends[1] not in self.links.get(ends[0], []):
                self.links.setdefault(ends[0], []).append(ends[1])
                self.links.setdefault(ends[1], []).append(ends[0])

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
            if entry is None and not node.class_path.startswith("/Script/"):
                self.writer.unexpressed.append(f"{name}: no Unreal class is known for {node.node.type!r}")
            for pin in node.pins:
                if not node.may_have(pin):
                    side = "output" if pin.output else "input"
                    self.writer.unexpressed.append(f"{name}.{pin.name}: {node.node.type} has no such {side}")
            inner = text_of(node.node.param("Graph")) if _collapses(node) else ""
            if inner and inner not in self.writer.graphs:
                self.writer.unexpressed.append(f"{name}: there is no graph {inner!r}")

    # Text

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
            inside += _property(key, value)
        if node.class_name in CALLS and not any(pin.is_exec for pin in node.pins):
            inside.append("bDefaultsToPureFunc=True")
        inside += _position(place)
        inside.append(f"NodeGuid={self.writer.guid(self.graph.name, node.node.id)}")
        inside += [self._pin(node, pin) for pin in node.pins]
        inside += [self._user_pin(pin) for pin in node.pins if pin.param(USER) is not None]
        return [
            begin(node.class_path, name, self._path(node.class_path, name)),
            *_indented(inside),
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
        subs = [
            one for one in node.pins if one.output == pin.output and text_of(one.param(PARENT)) == pin.name
        ]
        parent = pin.param(PARENT)
        fields = {"PinId": self._id(key), "PinName": quote(pin.unreal)}
        fields |= _raw(pin, "PinFriendlyName")
        if pin.output:
            fields["Direction"] = '"EGPD_Output"'
        fields |= {f"PinType.{name}": text for name, text in self._type(pin).items()}
        fields |= self._defaults(pin, fields["PinId"])
        if key in self.links:
            fields["LinkedTo"] = self._ends(self.links[key])
        if subs:
            fields["SubPins"] = self._ends([(node.node.id, one.name, one.output) for one in subs])
        if parent is not None and node.pin(text_of(parent), pin.output):
            fields["ParentPin"] = self._ends([(node.node.id, text_of(parent), pin.output)])[1:-2]
        fields["PersistentGuid"] = "0" * 32
        fields |= _raw(pin, "PersistentGuid")
        fields |= {
            flag: "True" if _is_set(pin, flag) or (subs and flag == "bHidden") else "False" for flag in _FLAGS
        }
        for param in pin.said:
            if param.key not in (*_WRITTEN, *_OF_TYPE, *_FLAGS):
                fields[param.key] = to_unreal(param.value)
        return f"CustomProperties Pin ({','.join(f'{name}={text}' for name, text in fields.items())},)"

    def _id(self, key: tuple[str, str, bool]) -> str:
        return self.writer.guid(self.graph.name, key[0], key[1], "out" if key[2] else "in")

    def _ends(self, ends: list[tuple[str, str, bool]]) -> str:
        return "(" + "".join(f"{self.names[end[0]]} {self._id(end)}," for end in ends) + ")"

    def _type(self, pin: UnrealPin) -> dict[str, str]:
        fields = declared_type_fields(pin.kind, self.writer.catalogue)
        for name in _OF_TYPE:
            value = pin.param(name)
            if value is not None:
                fields[name] = to_unreal(value)
            fields.setdefault(name, "False")
        return fields

    def _defaults(self, pin: UnrealPin, key: str) -> dict[str, str]:
        """The fields of the pin's literal, else of what it usually is."""
        kind = pin.kind or Type("Wildcard")
        found = default_fields(pin, self.writer.catalogue)
        usual = to_literal(pin.usual, kind) if pin.usual is not None and not pin.output else ""
        auto = pin.param(AUTO)
        usual = text_of(auto) if auto is not None else usual
        written = {}
        text = found.get(PLAIN, usual)
        if text:
            written[PLAIN] = quote(text)
        if usual:
            written[AUTO] = quote(usual)
        if OBJECT in found:
            written[OBJECT] = quote(found[OBJECT])
        if TEXT in found:
            value = pin.default if pin.param(TEXT) is None else pin.param(TEXT)
            written[TEXT] = to_text(value, key) if value is not None else '""'
        return written

    def _user_pin(self, pin: UnrealPin) -> str:
        usual = {"PinSubCategory": '""', "PinSubCategoryObject": "None", "ContainerType": "None"}
        type_fields = [
            f"{name}={text}"
            for name, text in self._type(pin).items()
            if text not in ("False", "()") and usual.get(name) != text
        ]
        direction = ["DesiredPinDirection=EGPD_Output"] if pin.output else []
        value = pin.param("PinDefaultValue")
        default = [f"PinDefaultValue={quote(text_of(value))}"] if value is not None else []
        said = [f"PinName={quote(pin.unreal)}", f"PinType=({','.join(type_fields)})", *direction, *default]
        return f"CustomProperties UserDefinedPin ({','.join(said)})"

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
            for line in _property(param.key, param.value)
        ]
        inside += _position((x, y))
        inside += [f"NodeWidth={width}", f"NodeHeight={height}", f"NodeComment={quote(comment.text)}"]
        inside.append(f"NodeGuid={self.writer.guid(self.graph.name, 'comment', str(number))}")
        return [begin(class_path, name, self._path(class_path, name)), *_indented(inside), "End Object"]


def _collapses(node: UnrealNode) -> bool:
    return node.node.type == COLLAPSED


def _rows(node: UnrealNode) -> int:
    shown = [pin.output for pin in node.pins if not _is_set(pin, "bHidden")]
    return max(sum(shown), len(shown) - sum(shown))


def _is_set(pin: UnrealPin, flag: str) -> bool:
    value = pin.param(flag)
    return isinstance(value, Word) and value.text.lower() == "true"


def _raw(pin: UnrealPin, key: str) -> dict[str, str]:
    value = pin.param(key)
    return {} if value is None else {key: to_unreal(value)}


def _property(key: str, value: Value) -> Iterator[str]:
    """`Key=value`; a list as one line an element, unless its key says that it stands on one line."""
    if key.endswith("()"):
        yield f"{_property_name(key[:-2])}={to_unreal(value)}"
    elif isinstance(value, Fields) and value.entries and value.entries[0].key is None:
        for number, entry in enumerate(value.entries):
            yield f"{_property_name(key)}({number})={to_unreal(entry.value)}"
    else:
        yield f"{_property_name(key)}={to_unreal(value)}"


def _property_name(key: str) -> str:
    return key if re.fullmatch(r"[\w. -]+(\(\d+\))?", key) else quote(key)


def _position(place: tuple[int, int]) -> Iterator[str]:
    """Unreal leaves out a coordinate that is 0."""
    for key, at in zip(("NodePosX", "NodePosY"), place, strict=True):
        if at:
            yield f"{key}={at}"


def _indented(lines: list[str]) -> list[str]:
    return [INDENT + line for line in lines]


def _shown(pin: PinName) -> str:
    return f"{pin.node}.{pin.pin}"
