"""The one canonical text of a program: `parse(print_program(p)) == p` for every program that can be written.

Lines stand in this order: heading, variables, then per graph its comments, nodes with the pins they declare,
wires and literals. There are no blank lines and no line break at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from bluebook.subjects.ue5.program import (
    DOTTED_NAME,
    IDENTIFIER,
    MAX_DEPTH,
    Comment,
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
    Variable,
)

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def print_program(program: Program) -> str:
    """Canonical text. Raises ValueError for a node id that is no identifier and for values nested too
    deeply."""
    return "\n".join(_lines(program))


def quote(text: str) -> str:
    """`text` in double quotes, the inverse of `language.unquote`."""
    return f'"{text.translate(_ESCAPES)}"'


def name_text(name: str) -> str:
    """A name, in quotes only where it needs them."""
    return name if DOTTED_NAME.fullmatch(name) else quote(name)


def label_text(name: str) -> str:
    """The name of a pin, a parameter or a variable: as `name_text`, but a dot needs quotes too."""
    return name if IDENTIFIER.fullmatch(name) else quote(name)


def value_text(value: Value, depth: int = 0) -> str:
    if isinstance(value, Text):
        return quote(value.text)
    if not isinstance(value, Fields):
        return value.text
    if depth == MAX_DEPTH:
        raise ValueError(f"a value nests more than {MAX_DEPTH} levels")
    entries = (
        value_text(entry.value, depth + 1)
        if entry.key is None
        else f"{label_text(entry.key)}={value_text(entry.value, depth + 1)}"
        for entry in value.entries
    )
    return f"({','.join(entries)})"


def type_text(kind: Type, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        raise ValueError(f"a type nests more than {MAX_DEPTH} levels")
    arguments = ",".join(type_text(argument, depth + 1) for argument in kind.arguments)
    return f"{name_text(kind.name)}<{arguments}>" if arguments else name_text(kind.name)


def pin_text(pin: PinName) -> str:
    return f"{_identifier(pin.node)}.{label_text(pin.pin)}"


def _lines(program: Program) -> Iterator[str]:
    yield f"BLUEPRINT: {name_text(program.blueprint)}"
    if program.parent is not None:
        yield f"PARENT: {name_text(program.parent)}"
    if program.category is not None:
        yield f"CATEGORY: {name_text(program.category)}"
    yield from map(_variable, program.variables)
    for graph in program.graphs:
        yield from _graph(graph)


def _graph(graph: Graph) -> Iterator[str]:
    yield f"GRAPH: {name_text(graph.name)}{_params(graph.params)}"
    yield from map(_comment, graph.comments)
    yield from map(_node, graph.nodes)
    yield from map(_pin, graph.pins)
    for exec_wire in graph.exec:
        yield f"EXEC {pin_text(exec_wire.source)} -> {pin_text(exec_wire.target)}"
    for wire in graph.data:
        yield f"DATA {pin_text(wire.source)} -> {pin_text(wire.target)}{_annotation(wire.type)}"
    for literal in graph.literals:
        yield f"DATA {value_text(literal.value)} -> {pin_text(literal.target)}{_annotation(literal.type)}"


def _variable(variable: Variable) -> str:
    return f"VAR {label_text(variable.name)}: {type_text(variable.type)}{_default(variable.default)}"


def _node(node: Node) -> str:
    position = "" if node.position is None else " @({},{})".format(*node.position)
    return f"NODE {_identifier(node.id)}: {name_text(node.type)}{_params(node.params)}{position}"


def _pin(pin: PinDeclaration) -> str:
    direction = "out" if pin.output else "in"
    default = _default(pin.default)
    return f"PIN {pin_text(pin.pin)}: {direction} {type_text(pin.type)}{default}{_params(pin.params)}"


def _comment(comment: Comment) -> str:
    box = "" if comment.box is None else " @({},{},{},{})".format(*comment.box)
    return f"COMMENT {quote(comment.text)}{box}{_params(comment.params)}"


def _params(params: tuple[Param, ...]) -> str:
    inside = ", ".join(f"{label_text(param.key)}={value_text(param.value)}" for param in params)
    return f" [{inside}]" if inside else ""


def _default(value: Value | None) -> str:
    return "" if value is None else f" = {value_text(value)}"


def _annotation(kind: Type | None) -> str:
    return "" if kind is None else f" [{type_text(kind)}]"


def _identifier(node: str) -> str:
    if not IDENTIFIER.fullmatch(node):
        raise ValueError(f"not a node id: {node!r}")
    return node
