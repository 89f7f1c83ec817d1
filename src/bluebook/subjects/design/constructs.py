"""Which constructs a design uses: kinds of element by their name, and parts of contracts.

Parts are `preconditions`, `postconditions`, `errors`, `invariants`, `error_paths`, `steps` (Given, When, Then), `flow`,
`generics`, `found_in` and, of scripts, `statements`. A part counts where it holds something: an empty list of errors is
no contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bluebook.subjects.design.program import (
    Array,
    Element,
    Field,
    Flow,
    Found,
    Group,
    Item,
    List,
    Member,
    Method,
    Named,
    Object,
    Optional,
    Program,
    Shaped,
    Statement,
    Step,
    Union,
    Value,
)

CONTRACT = {
    "preconditions": "preconditions",
    "postconditions": "postconditions",
    "errors": "errors",
    "throws": "errors",
    "invariants": "invariants",
    "errorpaths": "error_paths",
}
PARTS = (*dict.fromkeys(CONTRACT.values()), "steps", "flow", "generics", "found_in", "statements")

Node = Member | Value | Item


def constructs(program: Program) -> Counter[str]:
    """How often each construct is used."""
    found = Counter[str]()
    for node in walk(program.items):
        match node:
            case Element() if node.kind:
                found[node.kind] += 1
                found["generics"] += bool(node.generics)
            case Method():
                found["generics"] += bool(node.generics)
            case Field() if node.key.lower() in CONTRACT and _holds(node.value):
                found[CONTRACT[node.key.lower()]] += 1
            case Step():
                found["steps"] += 1
            case Flow():
                found["flow"] += 1
            case Statement():
                found["statements"] += 1
            case Found():
                found["found_in"] += 1
            case Named() if node.arguments:
                found["generics"] += 1
    return +found


def walk(items: Sequence[Node]) -> Iterator[Node]:
    """Every member, value, item and type, an outer one before what it holds, in the order of the text."""
    waiting = list(reversed(items))
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(children(node))))


def children(node: Node) -> Iterator[Node]:
    """What a node holds."""
    match node:
        case Field():
            yield node.value
        case Element():
            yield from node.generics
            yield from node.members
        case Method():
            yield from node.generics
            yield from (each.type for each in node.parameters if each.type is not None)
            if node.returns is not None:
                yield node.returns
            yield from node.body or ()
        case Object():
            yield from node.members
        case List() | Group():
            yield from node.items
        case Shaped():
            yield node.type
            yield node.body
        case Flow():
            yield from node.inside
        case Named():
            yield from node.arguments
        case Array() | Optional():
            yield node.item
        case Union():
            yield from node.options


def _holds(value: Value) -> bool:
    return (
        bool(value.items)
        if isinstance(value, List)
        else bool(value.members)
        if isinstance(value, Object)
        else True
    )
