"""Objects as Unreal writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bluebook.subjects.ue5.export import Node
from bluebook.subjects.ue5.printing import quote
from bluebook.subjects.ue5.program import Fields, Value
from bluebook.subjects.ue5.values import to_unreal

INDENT = "   "


def object_text(node: Node) -> str:
    """An object of an export with everything inside it, as its block of lines. Does not recurse."""
    lines: list[str] = []
    waiting: list[tuple[Node | str, int]] = [(node, 0)]
    while waiting:
        next_one, depth = waiting.pop()
        if isinstance(next_one, str):
            lines.append(INDENT * depth + next_one)
            continue
        lines.append(INDENT * depth + begin(next_one.class_path, next_one.name, next_one.export_path))
        inside: list[tuple[Node | str, int]] = [(child, depth + 1) for child in next_one.children]
        inside += [(line.strip(), depth + 1) for line in next_one.body]
        inside += [(pin.raw.strip(), depth + 1) for pin in next_one.pins]
        waiting.append(("End Object", depth))
        waiting += reversed(inside)
    return "\n".join(lines)


def begin(class_path: str, name: str, export_path: str = "") -> str:
    parts = ["Begin Object"]
    if class_path:
        plain = re.fullmatch(r"""[^\s"'\\]+""", class_path)
        parts.append(f"Class={class_path if plain else quote(class_path)}")
    parts += [f"Name={quote(name)}"]
    parts += [f"ExportPath={quote(export_path)}"] if export_path else []
    return " ".join(parts)


def property_lines(key: str, value: Value) -> Iterator[str]:
    """`Key=value`; a list as one line an element, unless its key says that it stands on one line
    (`Key()`)."""
    if key.endswith("()"):
        yield f"{_property_name(key[:-2])}={to_unreal(value)}"
    elif isinstance(value, Fields) and value.entries and value.entries[0].key is None:
        for number, entry in enumerate(value.entries):
            yield f"{_property_name(key)}({number})={to_unreal(entry.value)}"
    else:
        yield f"{_property_name(key)}={to_unreal(value)}"


def _property_name(key: str) -> str:
    return key if re.fullmatch(r"\w[\w. -]*(\(\d+\))?", key) else quote(key)


def position_lines(place: tuple[int, int]) -> Iterator[str]:
    """Unreal leaves out a coordinate that is 0."""
    for key, at in zip(("NodePosX", "NodePosY"), place, strict=True):
        if at:
            yield f"{key}={at}"


def indented(lines: Iterable[str]) -> list[str]:
    return [INDENT + line for line in lines]
