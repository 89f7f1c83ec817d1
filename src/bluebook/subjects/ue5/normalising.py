"""One spelling for programs that mean the same: the catalogue's names for aliases, literals as parameters, no
defaults.

Comparison, canonical texts and construct counts work on what `normalise` gives. The checker works on what was
written, so that its places and its words are the author's.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bluebook.subjects.ue5.catalogue import Catalogue, NodeType, json_value
from bluebook.subjects.ue5.program import (
    DataWire,
    ExecWire,
    Graph,
    Literal,
    Node,
    Param,
    PinName,
    Program,
    Type,
    Value,
    same_value,
)


def normalise(program: Program, catalogue: Catalogue) -> Program:
    """A new program; positions, comment boxes and places stay as they are."""
    variables = [
        msgspec.structs.replace(variable, type=_type(variable.type, catalogue))
        for variable in program.variables
    ]
    return msgspec.structs.replace(
        program, variables=variables, graphs=[_graph(graph, catalogue) for graph in program.graphs]
    )


def _graph(graph: Graph, catalogue: Catalogue) -> Graph:
    types = {node.id: catalogue.find(node.type) for node in graph.nodes}

    def name(pin: PinName, output: bool) -> PinName:
        return msgspec.structs.replace(pin, pin=_pin(types.get(pin.node), pin.pin, output))

    def kind(annotation: Type | None) -> Type | None:
        return annotation and _type(annotation, catalogue)

    set_at = {(node.id, _key(types[node.id], param.key)) for node in graph.nodes for param in node.params}
    extra: dict[str, list[Param]] = {}
    literals = []
    for literal in graph.literals:
        target = name(literal.target, False)
        if types.get(target.node) is None or (target.node, target.pin) in set_at:
            literals.append(Literal(literal.value, target, kind(literal.type)))
        else:
            set_at.add((target.node, target.pin))
            extra.setdefault(target.node, []).append(Param(target.pin, literal.value, target.place))
    return msgspec.structs.replace(
        graph,
        nodes=[_node(node, types[node.id], extra.get(node.id, [])) for node in graph.nodes],
        pins=[
            msgspec.structs.replace(pin, pin=name(pin.pin, pin.output), type=_type(pin.type, catalogue))
            for pin in graph.pins
        ],
        exec=[ExecWire(name(wire.source, True), name(wire.target, False)) for wire in graph.exec],
        data=[
            DataWire(name(wire.source, True), name(wire.target, False), kind(wire.type))
            for wire in graph.data
        ],
        literals=literals,
    )


def _node(node: Node, kind: NodeType | None, extra: list[Param]) -> Node:
    if kind is None:
        return node
    return msgspec.structs.replace(node, type=kind.name, params=tuple(_params((*node.params, *extra), kind)))


def _params(params: tuple[Param, ...], kind: NodeType) -> Iterator[Param]:
    for param in params:
        key = _key(kind, param.key)
        if not _is_default(kind, key, param.value):
            yield Param(key, param.value, param.place)


def _is_default(kind: NodeType, key: str, value: Value) -> bool:
    spec = None if kind.param(key) else kind.pin(key, False)
    if spec is None or spec.default is msgspec.UNSET:
        return False
    return same_value(json_value(spec.default)) == same_value(value)


def _key(kind: NodeType | None, key: str) -> str:
    spec = kind.param(key) if kind else None
    return spec.name if spec else _pin(kind, key, False)


def _pin(kind: NodeType | None, name: str, output: bool) -> str:
    spec = kind.pin(name, output) if kind else None
    return name if spec is None or "#" in spec.name else spec.name


def _type(kind: Type, catalogue: Catalogue) -> Type:
    spec = catalogue.type(kind.name)
    arguments = tuple(_type(argument, catalogue) for argument in kind.arguments)
    return Type(spec.name if spec else kind.name, arguments)
