"""Objects as Unreal writes them."""

from __future__ import annotations

from bluebook.subjects.ue5.export import Node
from bluebook.subjects.ue5.printing import quote

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
    parts += [f"Class={class_path}"] if class_path else []
    parts += [f"Name={quote(name)}"]
    parts += [f"ExportPath={quote(export_path)}"] if export_path else []
    return " ".join(parts)
