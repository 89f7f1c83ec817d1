"""Lines of an export to its objects.

Objects nest, and one object may come in two blocks: `Begin Object Class=C Name="N"` declares it, a later
`Begin Object Name="N"` inside the same parent opens it again. A line goes on in the next one while a string
is open, or, in a pin, a bracket. What is damaged is read as far as it goes, and reported:

- A block line (`Begin Object`, `End Object`, `CustomProperties …`) ends whatever was open before it.
- Where bodies are indented, an object ends at the latest before a block that starts no deeper than itself
  did, and an `End Object` as deep as the body is not its own. So a lost line costs nothing but a warning.
- A Blueprint node holds graphs, never nodes: where ends are missing and one begins right inside another, as in
  text whose indentation was lost too, the outer one ends.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from typing import NamedTuple

from bluebook.subjects.ue5.export import Node, Pin, Warning
from bluebook.subjects.ue5.fields import continues, fields, reference, unquote
from bluebook.subjects.ue5.legacy import adopt_pins

_LINE = re.compile(
    r"""\s*+(?:
      ((?i:Begin\s++Object\b))                                                           # 1
    | ((?i:End\s++Object\b))                                                             # 2
    | ((?i:CustomProperties\s++Pin)\s*+(?=\())(?:\(PinId=([0-9A-Fa-f]++)(?=[,)]))?       # 3, or 4 with its id
    | ((?i:CustomProperties\s))                                                          # 5
    | ((?:"[^"]++"|[^\s=("][^=("]*+)(?:\(\d++\))?=)                                      # 6
    )""",
    re.X,
)
_BEGIN, _END, _PIN, _PIN_ID, _CUSTOM, _PROPERTY = range(1, 7)
_BLOCKS = frozenset({_BEGIN, _END})
_GLUED = re.compile(r"Begin\s++Object\s++(?:Class|Name)=", re.I)
_GRAPH_NODE = re.compile(r"(?:.*[./])?(?:K2Node_|EdGraphNode_)")
_FAR = 1_000_000  # deeper than any line
_USUAL = re.compile(
    r'(\s*+)Begin Object (?:Class=([^\s"\']++) )?Name="([^"\\]*+)"(?: ExportPath="([^"\\]*+)")?\s*+'
)
_ATTRIBUTE = re.compile(
    r"""(?<!\w)(\w++)=("[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s"']*+(?:'[^']*+')?+[^\s]*+)""", re.S
)


class Found(NamedTuple):
    """The objects outside all others, and what was odd."""

    objects: list[Node]
    warnings: list[Warning]


class _Open:
    """An object whose end has not come, how far its first line is indented, and the first line inside it."""

    __slots__ = ("indent", "inside", "node")

    def __init__(self, node: Node, indent: int) -> None:
        self.node, self.indent = node, indent
        self.inside: int | None = None  # not known until asked for


def read_objects(lines: list[str]) -> Found:
    """The objects of an export. Raises nothing, whatever the lines hold."""
    reader = _Reader(lines)
    reader.read()
    adopt_pins(reader.root.children)
    return Found(reader.root.children, reader.warnings)


class _Reader:
    """`root` stands for the text outside all objects; `current` is the object that lines belong to now."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.root = self.current = Node("", "", "", 0, [], [], [])
        self.open: list[_Open] = []
        self.declared: dict[tuple[int, str], Node] = {}  # by the parent's id() and the object's name
        self.warnings: list[Warning] = []
        self.indented = False  # where an object's own body does not tell
        self.in_stray_text = False  # text outside objects is reported once, not line by line
        self.unfinished: list[str] = []  # the parts of a line that goes on; the next four are about that line
        self.began = 0
        self.kind: int | None = None
        self.quoted = False
        self.depth = 0

    @cached_property
    def lacks_ends(self) -> bool:
        """Whether more objects begin than end."""
        kinds = Counter(found.lastindex for line in self.lines if (found := _LINE.match(line)))
        return kinds[_BEGIN] > kinds[_END]

    def read(self) -> None:
        lines = self.lines
        self.indented = any(line[:1] in ("\t", " ") and not line.isspace() for line in lines)
        match = _LINE.match
        inside, pins, body = False, self.root.pins, self.root.body
        for number, line in enumerate(lines, 1):
            found = match(line)
            kind = found.lastindex if found else None
            if self.unfinished:
                if kind is None or kind == _PROPERTY:
                    self._go_on(line)
                    continue
                self._finish(whole=False)
            if inside and kind == _PROPERTY and _is_plain(line):
                body.append(line)
            elif inside and found and kind == _PIN_ID and _is_plain_pin(line):
                pins.append(Pin(line, number, found[_PIN_ID].upper()))
            elif kind in _BLOCKS:
                (self._begin if kind == _BEGIN else self._end)(number, line)
                inside, pins, body = self.current is not self.root, self.current.pins, self.current.body
            elif line and not line.isspace():
                self._start(number, line, kind)
        self._stop(len(lines))

    def _start(self, number: int, line: str, kind: int | None) -> None:
        """A line that may go on in the next one, or that is in no usual place."""
        self.began, self.kind, self.quoted, self.depth = number, kind, False, 0
        self._go_on(line)

    def _go_on(self, line: str) -> None:
        self.unfinished.append(line)
        self.quoted, self.depth = continues(line, self.quoted, self.depth)
        if not self.quoted and (self.depth <= 0 or self.kind not in (_PIN, _PIN_ID)):
            self._finish(whole=True)

    def _finish(self, whole: bool) -> None:
        """Hand the line that went on to its object."""
        line, number = "\n".join(self.unfinished), self.began
        self.unfinished = []
        if self.current is self.root:
            if not self.in_stray_text:
                self._warn(number, "stray-text", f"text outside any object: {_short(line)}")
            self.in_stray_text = True
            return
        if self.kind in (_PIN, _PIN_ID):
            self.current.pins.append(Pin(line, number, _pin_id(line)))
        else:
            self.current.body.append(line)
        if not whole:
            self._warn(number, "damage", f"a string or bracket that never closes: {_short(line)}")
        elif self.kind is None:
            self._warn(number, "damage", f"neither a property nor a pin: {_short(line)}")
        self._notice_glue(number, line)

    def _notice_glue(self, number: int, line: str) -> None:
        glued = _GLUED.search(line)
        if glued and line.count('"', 0, glued.start()) % 2 == 0:
            text = f"{_short(line[glued.start() :])} in the middle of a line; that object is lost"
            self._warn(number, "damage", text)

    def _begin(self, number: int, line: str) -> None:
        usual = _USUAL.fullmatch(line)
        if usual:
            blank, class_path, name, path = usual.groups("")
            indent = len(blank)
        else:
            given = {key: unquote(value) for key, value in _ATTRIBUTE.findall(line)}
            class_path, name, path = (given.get(key, "") for key in ("Class", "Name", "ExportPath"))
            indent = _indent(line)
        while self.open and (
            indent <= self.open[-1].indent < self._body_indent()
            or (
                _GRAPH_NODE.match(class_path)
                and _GRAPH_NODE.match(self.current.class_path)
                and self.lacks_ends
            )
        ):
            self._close(number)
        if self.open and self._body_indent() >= _FAR:
            self.open[-1].inside = indent
        parent = self.current
        key = (id(parent), name)
        node = None if class_path else self.declared.get(key)
        if node is None:
            named = reference(path) if path and not class_path else None
            node = Node(name, named.kind if named else class_path, path, number, [], [], [])
            parent.children.append(node)
            self.declared.setdefault(key, node)
        self.open.append(_Open(node, indent))
        self.current = node
        self.in_stray_text = False

    def _end(self, number: int, line: str) -> None:
        indent = _indent(line)
        if not self.open or (indent > self.open[-1].indent < self._body_indent() <= indent):
            self._warn(number, "damage", "`End Object` where no object is open")
            return
        while len(self.open) > 1 and indent < self.open[-1].indent:
            self._close(number)
        self.open.pop()
        self.current = self.open[-1].node if self.open else self.root

    def _body_indent(self) -> int:
        """How deep the lines of the open object stand; text may have lost its indentation."""
        top = self.open[-1]
        if top.inside is None:
            if not (top.node.body or top.node.pins):
                return top.indent + self.indented * _FAR
            top.inside = _indent(top.node.body[0] if top.node.body else top.node.pins[0].raw)
        return top.inside

    def _close(self, number: int) -> None:
        """End an object whose own end is missing."""
        lost = self.open.pop()
        self.current = self.open[-1].node if self.open else self.root
        self._warn(number, "damage", f"{lost.node.name} (line {lost.node.line}) has no `End Object`")

    def _stop(self, number: int) -> None:
        if self.unfinished:
            self._finish(whole=False)
        while self.open:
            self._close(number)

    def _warn(self, line: int, code: str, text: str) -> None:
        self.warnings.append(Warning(line, code, text))


def _is_plain(line: str) -> bool:
    """Whether counting alone shows that a property ends on its line and holds nothing of another object."""
    return "Object " not in line and ('"' not in line or ("\\" not in line and line.count('"') % 2 == 0))


def _is_plain_pin(line: str) -> bool:
    return (
        "\\" not in line
        and line.count('"') % 2 == 0
        and line.count("(") == line.count(")")
        and "Begin Object" not in line
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _pin_id(line: str) -> str:
    """In capitals. It comes first in every pin that the editor wrote."""
    found = _LINE.match(line)
    written = found[_PIN_ID] if found else None
    return (written or unquote(fields(line).get("PinId", ""))).upper()


def _short(line: str) -> str:
    text = " ".join(line[:200].split())
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"
