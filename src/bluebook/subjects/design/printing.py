"""The one canonical text of a design: `parse(print_program(p)) == p` for every program that was parsed, and for every
program that is built of what the notation can say.

Two blanks of indentation a level. Elements, methods and contracts stand a member a line; an object that holds values
only stands in one line where it fits, and so does a list. Elements are parted by a blank line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bluebook.subjects.design.program import (
    Array,
    Element,
    Expression,
    Field,
    Flow,
    Found,
    Group,
    Item,
    Line,
    List,
    Literal,
    Member,
    Method,
    Named,
    Object,
    Optional,
    Parameter,
    Program,
    Prose,
    Section,
    Shaped,
    Statement,
    Step,
    Text,
    Type,
    Union,
    Value,
)

WIDTH = 100  # letters of a line, its indentation aside, up to which an object or a list stands in one line
_INDENT = "  "
_BARE_KEY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_NAME = re.compile(r"[^\W\d]\w*")
_WORDS = re.compile(r"[^\W\d]\w*( [\w]+)*")


def print_program(program: Program) -> str:
    """Canonical text, no line end after the last line: a whole response, or a bare blueprint where there is no
    thinking."""
    body = print_body(program.items)
    if program.thinking is None:
        return body
    thinking = f"<thinking>\n{print_thinking(program.thinking)}\n</thinking>\n" if program.thinking else ""
    return f"{thinking}<blueprint>\n{body}\n</blueprint>"


def print_thinking(sections: Iterable[Section]) -> str:
    """The sections, parted by blank lines, without tags."""
    return "\n\n".join(
        "\n".join([*([f"{each.heading}:"] if each.heading else []), *(f"- {point}" for point in each.points)])
        for each in sections
    )


def print_body(items: Sequence[Member]) -> str:
    """The blueprint, without tags."""
    parts: list[str] = []
    for index, item in enumerate(items):
        if index and (isinstance(item, Element) or isinstance(items[index - 1], Element)):
            parts.append("")
        parts.append(member_text(item, ""))
    return "\n".join(parts)


def member_text(member: Member, indent: str) -> str:
    """A member, all but its separator. The first line is indented too."""
    match member:
        case Field():
            return f"{indent}{_key(member)}: {value_text(member.value, indent)}"
        case Method():
            return indent + method_text(member, indent)
        case Element():
            return indent + _element(member, indent)
        case Step():
            return f"{indent}{member.word} {member.text}"
        case Found():
            return indent + _found(member)
        case Flow():
            return indent + _flow(member, indent)
        case _:
            return indent + member.text


def method_text(method: Method, indent: str) -> str:
    """A method, its contract a field a line; the first line is not indented."""
    generics = f"<{', '.join(map(type_text, method.generics))}>" if method.generics else ""
    head = f"{method.name}{generics}({', '.join(map(_parameter, method.parameters))})"
    if method.returns is not None:
        head += f" -> {type_text(method.returns)}"
    return head if method.body is None else f"{head} {_block(method.body, indent)}"


def type_text(kind: Type) -> str:
    match kind:
        case Named():
            return kind.name + (f"<{', '.join(map(type_text, kind.arguments))}>" if kind.arguments else "")
        case Array():
            return f"{_suffixed(kind.item)}[]"
        case Optional():
            return f"{_suffixed(kind.item)}?"
        case Union():
            return " | ".join(map(_suffixed, kind.options))
        case Group():
            return f"({', '.join(map(type_text, kind.items))})"
        case Text():
            return f'"{kind.text}"'
        case Object():
            return _inline_object(kind)


def value_text(value: Value, indent: str) -> str:
    """A value that begins in a line with this indentation; what does not fit goes below, deeper."""
    match value:
        case Text():
            return f'"{value.text}"'
        case Literal() | Expression():
            return value.text
        case Object():
            return _object(value, indent)
        case List():
            return _list(value, indent)
        case Shaped():
            return f"{type_text(value.type)} {_object(value.body, indent)}"
        case Found():
            return _found(value)
        case _:
            return type_text(value)


def _suffixed(kind: Type) -> str:
    """A type that something follows: options in parentheses, lest what follows belongs to the last alone."""
    return f"({type_text(kind)})" if isinstance(kind, Union) else type_text(kind)


def _key(field: Field) -> str:
    key = field.key if _BARE_KEY.fullmatch(field.key) else f'"{field.key}"'
    return f"{key}?" if field.optional else key


def _parameter(parameter: Parameter) -> str:
    words = parameter.name + ("?" if parameter.optional else "")
    if parameter.type is not None:
        words += f": {type_text(parameter.type)}"
    return words if parameter.default is None else f"{words} = {parameter.default}"


def _found(found: Found) -> str:
    return f"{found.name} found in `{found.path}`" if found.name is not None else f"`{found.path}`"


def _element(element: Element, indent: str) -> str:
    head = f"{element.kind} {_element_name(element)}".strip()
    if element.generics:
        head += f"<{', '.join(map(type_text, element.generics))}>"
    if element.base is not None:
        head += f": {element.base}"
    return f"{head} {_block(element.members, indent)}"


def _element_name(element: Element) -> str:
    """The name as it is read back: several words are a scenario's alone."""
    words = element.kind in ("Scenario", "Test")
    if not element.name or (_WORDS if words else _NAME).fullmatch(element.name):
        return element.name
    return f'"{element.name}"' if "'" in element.name else f"'{element.name}'"


def _block(members: Sequence[Member], indent: str) -> str:
    """A member a line in braces."""
    if not members:
        return "{}"
    inner = indent + _INDENT
    lines = [
        member_text(member, inner)
        + _separator(member, members[index + 1] if index + 1 < len(members) else None)
        for index, member in enumerate(members)
    ]
    return "{\n" + "\n".join(lines) + f"\n{indent}}}"


def _separator(member: Member, following: Member | None) -> str:
    if isinstance(member, Step):
        return "," if isinstance(following, Step) else "."
    if following is None or isinstance(member, Line | Statement | Flow):
        return ""
    return ","


def _object(value: Object, indent: str) -> str:
    if all(isinstance(member, Field) and _plain(member.value) for member in value.members):
        inline = _inline_object(value)
        if len(inline) <= WIDTH and "\n" not in inline:
            return inline
    return _block(value.members, indent)


def _inline_object(value: Object) -> str:
    return "{" + ", ".join(member_text(member, "") for member in value.members) + "}"


def _list(value: List, indent: str) -> str:
    if all(_plain(item) for item in value.items):
        inline = "[" + ", ".join(_item(item, "") for item in value.items) + "]"
        if len(inline) <= WIDTH and "\n" not in inline:
            return inline
    inner = indent + _INDENT
    return "[\n" + ",\n".join(inner + _item(item, inner) for item in value.items) + f"\n{indent}]"


def _item(item: Item, indent: str) -> str:
    match item:
        case Prose():
            return item.text
        case Method():
            return method_text(item, indent)
        case Element():
            return _element(item, indent)
        case _:
            return value_text(item, indent)


def _plain(value: Value | Item) -> bool:
    """Whether a value may stand in a line with others: an object of plain values inside one more is still read."""
    if isinstance(value, Object):
        return all(isinstance(member, Field) and _plain(member.value) for member in value.members)
    if isinstance(value, List):
        return all(_plain(item) for item in value.items)
    return not isinstance(value, Shaped | Method | Element)


def _flow(flow: Flow, indent: str) -> str:
    head = f"({flow.head})" if flow.word in ("if", "while") else flow.head
    words = f"{flow.word} {head} {_block(flow.body, indent)}"
    for branch in flow.branches:
        words += f" else if ({branch.head}) {_block(branch.body, indent)}"
    return words if flow.otherwise is None else f"{words} else {_block(flow.otherwise, indent)}"
