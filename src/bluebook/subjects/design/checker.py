"""Faults of a design beyond the grammar. Codes:

unknown_type  unknown_dependency  unknown_table  unknown_foreign_key  unknown_column  unknown_relationship
                     a name that nothing in the text defines (`references.py`)
duplicate_name       two elements of one kind, or two methods with as many parameters, in one place
duplicate_key        a key twice in one element, object or contract
duplicate_parameter  a name twice among the parameters of a method
joined_errors        two names of errors without a comma between them
no_outcome           a scenario whose steps never say Then
…                    and those of the thinking (`thinking.py`)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bluebook.subjects.design.constructs import CONTRACT, Node, children
from bluebook.subjects.design.program import (
    Element,
    Field,
    List,
    Method,
    Place,
    Program,
    Prose,
    Source,
    Step,
)
from bluebook.subjects.design.references import Dangling, resolution
from bluebook.subjects.design.thinking import check_thinking
from bluebook.subjects.subject import Diagnostic

_TWO_NAMES = re.compile(r"[A-Z][a-z0-9]+[A-Z]\w*(?: [A-Z][a-z0-9]+[A-Z]\w*)+")
_CALL = re.compile(r"[^\W\d]\w*\(")
_WHAT = {
    "type": "type",
    "dependency": "element",
    "table": "table",
    "foreign_key": "table",
    "column": "column",
    "relationship": "table or relationship",
}
_FIXES = {
    "type": "define it: Type {name} {{…}}, or write {name} found in `file`",
    "dependency": "define it, or write {name} found in `file`",
    "table": "define it: Table {name} {{…}}",
    "foreign_key": "define it: Table {name} {{…}}",
}


def check(program: Program) -> list[Diagnostic]:
    """All faults, in the order of the text."""
    found = [_dangling(each, program.source) for each in resolution(program).dangling]
    found += check_thinking(program)
    found += _members(program.items, "", program.source)
    return sorted(found, key=lambda fault: (fault.line, fault.column, fault.code))


def _fault(source: Source, place: Place, code: str, message: str, construct: str) -> Diagnostic:
    line, column = source.position(place)
    return Diagnostic(line=line, column=column, code=code, message=message, construct=construct)


def _dangling(found: Dangling, source: Source) -> Diagnostic:
    message = f"there is no {_WHAT[found.kind]} {found.name!r}"
    if found.near is not None:
        message += f"; did you mean {found.near!r}?"
    elif found.kind in _FIXES:
        message += "; " + _FIXES[found.kind].format(name=found.name)
    return _fault(source, found.place, f"unknown_{found.kind}", message, found.construct)


def _members(nodes: Sequence[Node], construct: str, source: Source) -> Iterator[Diagnostic]:
    """Faults of members that stand in one place, and of all that they hold."""
    yield from _twice(nodes, construct, source)
    for node in nodes:
        inner = node.kind or construct if isinstance(node, Element) else construct
        match node:
            case Method():
                yield from _parameters(node, construct, source)
            case Element(kind="Scenario") if any(isinstance(each, Step) for each in node.members):
                if not any(isinstance(each, Step) and each.word == "Then" for each in node.members):
                    message = f"scenario {node.name} never says what is expected: Then …"
                    yield _fault(source, node.place, "no_outcome", message, "Scenario")
            case Field(value=List() as value) if CONTRACT.get(node.key.lower()) == "errors":
                yield from _joined(value, source)
            case Field(key="functions" | "methods", value=List() as value):
                yield from _no_methods(value, construct, source)
        held = list(children(node))
        if held:
            yield from _members(held, inner, source)


def _twice(nodes: Sequence[Node], construct: str, source: Source) -> Iterator[Diagnostic]:
    seen: dict[tuple[str, ...], int] = {}
    for node in nodes:
        key = _identity(node)
        if key is None:
            continue
        if key in seen:
            line, _ = source.position(Place(seen[key]))
            kind = "key" if key[0] == "key" else "name"
            where = construct or (node.kind if isinstance(node, Element) else "")
            message = (
                f"{key[1]} {key[2]} is already there, in line {line}"
                if kind == "name"
                else (f"the key {key[1]!r} is already there, in line {line}")
            )
            yield _fault(source, node.place, f"duplicate_{kind}", message, where)  # type: ignore[union-attr]
        else:
            seen[key] = node.place.offset  # type: ignore[union-attr]


def _identity(node: Node) -> tuple[str, ...] | None:
    """What no two in one place may share."""
    match node:
        case Element() if node.name:
            return "name", node.kind or "relationship", node.name
        case Method():
            return "name", "method", node.name, str(len(node.parameters))
        case Field():
            return "key", node.key
    return None


def _parameters(method: Method, construct: str, source: Source) -> Iterator[Diagnostic]:
    names = [each.name for each in method.parameters]
    for name in sorted({name for name in names if names.count(name) > 1}):
        message = f"{method.name} has two parameters {name}"
        yield _fault(source, method.place, "duplicate_parameter", message, construct)


def _no_methods(listed: List, construct: str, source: Source) -> Iterator[Diagnostic]:
    for item in listed.items:
        if isinstance(item, Prose) and _CALL.match(item.text):
            message = f"{item.text!r} is no method; expected name(parameter: Type) -> Type"
            yield _fault(source, item.place, "no_method", message, construct)


def _joined(errors: List, source: Source) -> Iterator[Diagnostic]:
    for item in errors.items:
        if isinstance(item, Prose) and _TWO_NAMES.fullmatch(item.text):
            message = f"expected `,` between the errors {item.text.replace(' ', ' and ')}"
            yield _fault(source, item.place, "joined_errors", message, "errors")
