"""A design as a diagram: components on the left, tables on the right, with what depends on what and which key leads to
which table. A design without either shows its types.

The diagram is an `<svg>` element that needs neither script nor font; a page styles it by its classes (`head`, `title`,
`frame`, `odd`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

import msgspec

from bluebook.subjects.design.constructs import walk
from bluebook.subjects.design.printing import member_text, type_text
from bluebook.subjects.design.program import (
    Element,
    Field,
    Found,
    List,
    Named,
    Object,
    Program,
    Text,
    elements,
    methods,
)
from bluebook.subjects.subject import Picture, PicturePair

COMPONENTS = ("Service", "Component", "Module", "Behavior")
_WIDTH, _LINE, _PAD, _GAP, _BETWEEN = 280, 18, 8, 22, 130
_ROWS = 10  # lines of a box; more are counted
_LETTERS = 36  # of a line


class Box(msgspec.Struct):
    """An element: its title and a line for each member. `x` and `y` are its upper left corner, in pixels."""

    kind: str
    name: str
    rows: list[str]
    x: int = 0
    y: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.name

    @property
    def height(self) -> int:
        return (len(self.rows) + 1) * _LINE + 2 * _PAD


class Wire(msgspec.Struct, frozen=True):
    """From the box of one name to that of another."""

    source: str
    target: str


def draw(expected: Program, actual: Program) -> list[PicturePair]:
    """The diagram of a parsed answer beside that of a parsed reference, what only one has marked; none where neither
    has anything to draw."""
    left, right = diagram(expected), diagram(actual)
    if not left[0] and not right[0]:
        return []
    return [PicturePair(expected=_picture(left, right), actual=_picture(right, left))]


def diagram(program: Program) -> tuple[list[Box], list[Wire]]:
    """The boxes of a design, placed, and the wires between them."""
    found = list(elements(program))
    components = [_component(each) for each in found if each.kind in COMPONENTS]
    known = {box.name for box in components}
    tables = [Box("Table", each.name, list(_columns(each))) for each in found if each.kind == "Table"]
    if not components and not tables:
        types = [Box(each.kind, each.name, list(_fields(each))) for each in found if each.kind == "Type"]
        _place(types, [])
        return types, []
    outside = dict.fromkeys(
        each.name
        for each in walk(program.items)
        if isinstance(each, Found) and each.name and each.name not in known
    )
    components += [Box("found in", name, []) for name in outside]
    _place(components, tables)
    holders = {
        inner.name: each.name
        for each in found
        for inner in elements(Program(each.members))
        if inner.kind == "Table"
    }
    return components + tables, list(_wires(found, holders))


def _place(left: Sequence[Box], right: Sequence[Box]) -> None:
    for column, boxes in enumerate((left, right)):
        at = _GAP
        for box in boxes:
            box.x, box.y = _GAP + column * (_WIDTH + _BETWEEN) * bool(left), at
            at += box.height + _GAP


def _component(element: Element) -> Box:
    names = [f"{method.name}({len(method.parameters)})" for method in methods(element)]
    return Box(element.kind, element.name, _few(names))


def _columns(table: Element) -> Iterator[str]:
    field = table.field("columns")
    members = field.value.members if field is not None and isinstance(field.value, Object) else ()
    yield from _few([f"{each.key}: {_type(each)}" for each in members if isinstance(each, Field)])


def _type(column: Field) -> str:
    """The type of a column, and that it leads elsewhere."""
    if not isinstance(column.value, Object):
        return member_text(column, "").partition(": ")[2]
    inside = {each.key: each.value for each in column.value.members if isinstance(each, Field)}
    kind = inside.get("type")
    key = " →" if "foreignKey" in inside or "references" in inside else ""
    return (type_text(kind) if isinstance(kind, Named) else "") + key


def _fields(element: Element) -> Iterator[str]:
    yield from _few([member_text(each, "") for each in element.members if isinstance(each, Field)])


def _few(rows: list[str]) -> list[str]:
    shown = rows if len(rows) <= _ROWS else [*rows[: _ROWS - 1], f"and {len(rows) - _ROWS + 1} more"]
    return [_short(row) for row in shown]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"


def _wires(found: Sequence[Element], holders: dict[str, str]) -> Iterator[Wire]:
    """Dependencies, to all tables of a database; foreign keys."""
    for element in found:
        field = element.field("dependencies") if element.kind in COMPONENTS else None
        for name in _names([field.value]) if field is not None else ():
            inside = [table for table, holder in holders.items() if holder == name]
            yield from (Wire(element.name, target) for target in inside or [name])
        for node in walk(element.members) if element.kind == "Table" else ():
            if (
                isinstance(node, Field)
                and node.key in ("foreignKey", "references")
                and isinstance(node.value, Text)
            ):
                yield Wire(element.name, node.value.text.partition(".")[0])


def _names(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        match value:
            case Named(name=name) | Found(name=str(name)):
                yield name
            case Object(members=members):
                yield from _names(each.value for each in members if isinstance(each, Field))
            case List(items=items):
                yield from _names(items)


def _picture(mine: tuple[list[Box], list[Wire]], other: tuple[list[Box], list[Wire]]) -> Picture | None:
    boxes, wires = mine
    if not boxes:
        return None
    places = {box.name: box for box in boxes}
    drawn = [wire for wire in dict.fromkeys(wires) if wire.source in places and wire.target in places]
    there = {box.key for box in other[0]}
    odd = [box for box in boxes if box.key not in there]
    odd_wires = [wire for wire in drawn if wire not in other[1]]
    width = max(box.x for box in boxes) + _WIDTH + _GAP + _BETWEEN // 2
    height = max(box.y + box.height for box in boxes) + _GAP
    lines = [_line(places[wire.source], places[wire.target], wire in odd_wires) for wire in drawn]
    shapes = [_box(box, box in odd) for box in boxes]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img"><title>{len(boxes)} elements, {len(drawn)} relations</title>{"".join(lines + shapes)}</svg>'
    )
    return Picture(
        title="the design",
        svg=svg,
        nodes=len(boxes),
        pins=0,
        wires=len(drawn),
        odd_nodes=[box.name for box in odd],
        odd_wires=[(wire.source, "", wire.target, "") for wire in odd_wires],
    )


def _box(box: Box, odd: bool) -> str:
    top = _LINE + _PAD
    words = [
        f'<text class="title" x="{box.x + _PAD}" y="{box.y + _LINE}">{escape(_short(f"{box.kind} {box.name}"))}</text>'
    ]
    for number, row in enumerate(box.rows):
        at = box.y + top + (number + 1) * _LINE - 2
        words.append(f'<text x="{box.x + _PAD}" y="{at}">{escape(row)}</text>')
    whole = f'<rect x="{box.x}" y="{box.y}" width="{_WIDTH}" height="{box.height}" rx="6"/>'
    head = f'<rect class="head" x="{box.x}" y="{box.y}" width="{_WIDTH}" height="{top}" rx="6"/>'
    return f'<g class="box{" odd" if odd else ""}">{whole}{head}{"".join(words)}</g>'


def _line(source: Box, target: Box, odd: bool) -> str:
    """A curve from the right of one box to the left of another; within a column, round its right side."""
    begin, start = source.x + _WIDTH, source.y + _LINE
    same = source.x >= target.x
    end, stop = target.x + (_WIDTH if same else 0), target.y + _LINE // 2
    bend = _BETWEEN // 2
    other = end + bend if same else end - bend
    curve = f"M{begin} {start}C{begin + bend} {start} {other} {stop} {end} {stop}"
    return f'<path{" class=" + chr(34) + "odd" + chr(34) if odd else ""} d="{curve}"/>'
