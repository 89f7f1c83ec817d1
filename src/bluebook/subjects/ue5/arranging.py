"""One text for all programs that mean the same: the standard order, names and spellings.

`arrange` is what is taught and what the gate asks for; `canonical` is the same without the names that carry no
meaning, for telling whether two programs are one.

Nodes are put in the order of flow: an entry, then what it drives, each node after the pure nodes that it reads.
An exec output leads to one place and a data input has one source, so that from a given entry this order is the
graph's own. Entries are ordered by colours, refined by the wires around them as in `matching.py`, but numbered
by sorting, so that neither ids nor the order of lines decide; where several look alike, one is taken and the
colours are refined anew. What still looks alike after that keeps its given order: two such programs could print
differently only if their graphs were regular, which flow graphs are not, or had more than `_WORK` nodes times
rounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from bluebook.subjects.ue5.catalogue import Catalogue, NodeType
from bluebook.subjects.ue5.comparison import net
from bluebook.subjects.ue5.matching import Net
from bluebook.subjects.ue5.normalising import normalise
from bluebook.subjects.ue5.printing import print_program, type_text, value_text
from bluebook.subjects.ue5.program import (
    IDENTIFIER,
    DataWire,
    Entry,
    ExecWire,
    Fields,
    Graph,
    Literal,
    Node,
    Number,
    Param,
    PinDeclaration,
    PinName,
    Program,
    Text,
    Value,
    Variable,
    Word,
)

_WORK = 400_000  # nodes times rounds of refinement; a graph below 1,000 nodes is refined until it is stable
_QUOTED = {"String", "Text"}
_KEPT = {"", "Struct"}
_NAME = "_"
_EXACT = 1e15  # below it, a float that is whole prints as it was


def arrange(program: Program, catalogue: Catalogue) -> Program:
    """The same program in its standard form. Layout, comments, category and redundant types are left out."""
    program = normalise(program, catalogue)
    variables = [
        Variable(
            one.name, one.type, None if one.default is None else plain(one.default, one.type.name, catalogue)
        )
        for one in program.variables
    ]
    return Program(
        program.blueprint,
        None if program.parent == "Actor" else program.parent,
        None,
        sorted(variables, key=lambda one: (one.name, type_text(one.type))),
        [_Arrangement(graph, catalogue).graph() for graph in program.graphs],
    )


def canonical(program: Program, catalogue: Catalogue) -> str:
    """Equal for programs that are equal up to renaming and order (see above)."""
    one = arrange(program, catalogue)
    if len(one.graphs) == 1:
        one.graphs[0].name = _NAME
    one.blueprint = _NAME
    return print_program(one)


def plain(value: Value, kind: str, catalogue: Catalogue) -> Value:
    """The shortest spelling of a value of type `kind`: `2.500000` is 2.5, `True` is true, a name needs no quotes
    where it is no text. What has no type here is Unreal's own and stays as it is."""
    known = catalogue.type(kind)
    is_struct = known is not None and known.category == "struct"
    if kind in _KEPT or (is_struct and not isinstance(value, Fields)):
        return value
    if isinstance(value, Number):
        return Number(_number(value.text))
    if isinstance(value, Fields):
        return Fields(tuple(Entry(entry.key, _plain_field(entry.value)) for entry in value.entries))
    if kind in _QUOTED:
        return Text(value.text)
    text = value.text.lower() if value.text.lower() in ("true", "false") else value.text
    return Word(text) if IDENTIFIER.fullmatch(text) else Text(text)


def _plain_field(value: Value) -> Value:
    return Number(_number(value.text)) if isinstance(value, Number) else value


def _number(text: str) -> str:
    amount = float(text)
    if abs(amount) < _EXACT and amount == int(amount):
        return str(int(amount))
    return repr(amount) if isfinite(amount) else text


class _Arrangement:
    """One normalised graph on its way to its standard order, by indices of its nodes."""

    def __init__(self, graph: Graph, catalogue: Catalogue) -> None:
        self.source, self.catalogue = graph, catalogue
        self.index = {node.id: place for place, node in enumerate(graph.nodes)}
        self.kinds = [catalogue.find(node.type) for node in graph.nodes]
        self.followers: list[list[tuple[tuple[int, int, str], int]]] = [[] for _ in graph.nodes]
        self.sources: list[list[tuple[tuple[int, int, str], int]]] = [[] for _ in graph.nodes]
        self.runs = [False] * len(graph.nodes)  # whether execution leads to it
        for wire in graph.exec:
            one, other = self.index.get(wire.source.node), self.index.get(wire.target.node)
            if one is not None and other is not None:
                self.followers[one].append((self.rank(wire.source, True), other))
                self.runs[other] = True
        for data in graph.data:
            one, other = self.index.get(data.source.node), self.index.get(data.target.node)
            if one is not None and other is not None:
                self.sources[other].append((self.rank(data.target, False), one))
        self.order: list[int] = []
        self.placed: set[int] = set()
        self._colours: list[int] = []
        self._net: Net | None = None

    def rank(self, pin: PinName, output: bool) -> tuple[int, int, str]:
        kind = self.kinds[self.index[pin.node]] if pin.node in self.index else None
        return pin_rank(kind, pin.pin, output)

    # Order

    def walk(self) -> list[int]:
        nodes = range(len(self.kinds))
        starts = [place for place in nodes if self.starts(place)]
        for group in (starts, nodes):
            waiting = [place for place in group if place not in self.placed]
            while waiting:
                self.drive(self.first(waiting))
                waiting = [place for place in waiting if place not in self.placed]
        return self.order

    def starts(self, place: int) -> bool:
        kind = self.kinds[place]
        entry = kind is not None and kind.is_entry
        return entry or (bool(self.followers[place]) and not self.runs[place])

    def first(self, waiting: list[int]) -> int:
        """The one with the least colour. One of several alike is set apart, for what comes after it."""
        if len(waiting) == 1:
            return waiting[0]
        colours = self.colours()
        chosen = min(waiting, key=lambda place: colours[place])
        if sum(colours[place] == colours[chosen] for place in waiting) > 1:
            apart = [2 * colour + 1 for colour in colours]
            apart[chosen] -= 1
            self._colours = self.refined(apart)
        return chosen

    def drive(self, start: int) -> None:
        """Place a node and all that follows it."""
        waiting = [start]
        while waiting:
            place = waiting.pop()
            if place not in self.placed:
                self.place(place)
                waiting += [other for _, other in self.sorted(self.followers[place])[::-1]]

    def place(self, place: int) -> None:
        """Place a node after the pure nodes that it reads."""
        waiting = [(place, False)]
        while waiting:
            here, ready = waiting.pop()
            if ready:
                self.order.append(here)
            elif here not in self.placed:
                self.placed.add(here)
                waiting.append((here, True))
                for _, other in self.sorted(self.sources[here])[::-1]:
                    if not self.runs[other] and not self.starts(other):
                        waiting.append((other, False))

    def sorted(self, ends: list[tuple[tuple[int, int, str], int]]) -> list[tuple[tuple[int, int, str], int]]:
        if len(ends) > 1 and len({rank for rank, _ in ends}) < len(ends):
            colours = self.colours()
            return sorted(ends, key=lambda end: (end[0], colours[end[1]]))
        return sorted(ends, key=lambda end: end[0])

    # Colours

    def colours(self) -> list[int]:
        if not self._colours:
            self._net, _ = net(self.source)
            first = [
                (kind, repr(detail)) for kind, detail in zip(self._net.types, self._net.details, strict=True)
            ]
            self._colours = self.refined(_numbered(first))
        return self._colours

    def refined(self, colours: list[int]) -> list[int]:
        assert self._net is not None
        labels = sorted({edge.label for edge in self._net.edges})
        number = {label: place for place, label in enumerate(labels)}
        near: list[list[tuple[int, int]]] = [[] for _ in colours]
        for source, target, label in self._net.edges:
            near[source].append((2 * number[label], target))
            near[target].append((2 * number[label] + 1, source))
        count = 0
        for _ in range(max(12, _WORK // (len(colours) + 1))):
            colours = _numbered(
                [
                    (own, tuple(sorted((label, colours[other]) for label, other in ends)))
                    for own, ends in zip(colours, near, strict=True)
                ]
            )
            if max(colours, default=0) + 1 == count:
                break
            count = max(colours, default=0) + 1
        return colours

    # The graph in that order

    def graph(self) -> Graph:
        source = self.source
        names = {source.nodes[place].id: f"n{number}" for number, place in enumerate(self.walk(), 1)}

        def pin(name: PinName) -> PinName:
            return PinName(names.get(name.node, name.node), name.pin)

        place = {name: number for number, name in enumerate(names.values())}
        told = {(one.pin.node, one.pin.pin, one.output) for one in source.pins}

        def position(name: PinName, output: bool) -> tuple[int, tuple[int, int, str]]:
            new = names.get(name.node, name.node)
            return place.get(new, len(place)), self.rank(name, output)

        def by_ends(wire: ExecWire | DataWire) -> tuple[object, object]:
            return position(wire.source, True), position(wire.target, False)

        data = [
            DataWire(
                pin(wire.source),
                pin(wire.target),
                None
                if self.tells(wire.source) or (wire.source.node, wire.source.pin, True) in told
                else wire.type,
            )
            for wire in sorted(source.data, key=by_ends)
        ]
        declared = sorted(source.pins, key=lambda one: (*position(one.pin, one.output), one.output))
        literals = sorted(
            source.literals, key=lambda one: (position(one.target, False), value_text(one.value))
        )
        return Graph(
            source.name,
            source.params,
            [self.node(place, f"n{number}") for number, place in enumerate(self.order, 1)],
            [
                PinDeclaration(
                    pin(one.pin),
                    one.output,
                    one.type,
                    None if one.default is None else plain(one.default, one.type.name, self.catalogue),
                    tuple(sorted(one.params, key=lambda param: param.key)),
                )
                for one in declared
            ],
            [ExecWire(pin(wire.source), pin(wire.target)) for wire in sorted(source.exec, key=by_ends)],
            data,
            [Literal(one.value, pin(one.target)) for one in literals],
        )

    def tells(self, pin: PinName) -> bool:
        """Whether the catalogue tells the type of that output."""
        place = self.index.get(pin.node)
        kind = None if place is None else self.kinds[place]
        spec = kind.pin(pin.pin, True) if kind else None
        return spec is not None and spec.type != "Wildcard"

    def node(self, place: int, name: str) -> Node:
        node, kind = self.source.nodes[place], self.kinds[place]
        params = [
            Param(param.key, plain(param.value, _type_of(kind, param.key), self.catalogue))
            for param in node.params
        ]
        return Node(name, node.type, tuple(sorted(params, key=lambda param: _param_rank(kind, param.key))))


def _numbered(keys: Iterable[object]) -> list[int]:
    """Each key's place among the sorted ones."""
    found = list(keys)
    number = {key: place for place, key in enumerate(sorted(set(found)))}  # type: ignore[type-var]
    return [number[key] for key in found]


def pin_rank(kind: NodeType | None, name: str, output: bool) -> tuple[int, int, str]:
    """Pins in the catalogue's order, those of a family by number: `Then_2` before `Then_10`."""
    if kind is None:
        return 0, len(name), name
    spec = kind.pin(name, output)
    return kind.pins.index(spec) if spec else len(kind.pins), len(name), name


def _param_rank(kind: NodeType | None, key: str) -> tuple[int, int, str]:
    if kind is not None:
        for place, spec in enumerate(kind.params):
            if spec.name == key:
                return place - len(kind.params), 0, key
    return pin_rank(kind, key, False)


def _type_of(kind: NodeType | None, key: str) -> str:
    if kind is None:
        return ""
    spec = kind.param(key)
    if spec is not None:
        return spec.type
    pin = kind.pin(key, False)
    return pin.type if pin else ""
