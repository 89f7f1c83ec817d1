"""What a text in the Blueprint language says: one blueprint, its variables and its graphs.

The classes carry meaning only. Where a thing was written is kept beside it in a `Place`, for diagnostics;
places never tell two programs apart. How it is written is `language.py`; what a node type means is
`catalogue.py`.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DOTTED_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")

MAX_DEPTH = 64  # of nested values and types; Unreal's own stay below ten


class Place(msgspec.Struct, frozen=True, eq=False):
    """Line and column, both from 1; 0 for what was never written. All places are equal, so that programs that
    differ only in where things stand are equal too."""

    line: int = 0
    column: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place)

    def __hash__(self) -> int:
        return 0


NOWHERE = Place()


class Number(msgspec.Struct, frozen=True, tag=True):
    """A number as written: `2.0` and `2` are the same amount (`same_value`), yet print as they were."""

    text: str

    def __post_init__(self) -> None:
        if not NUMBER.fullmatch(self.text):
            raise ValueError(f"not a number: {self.text!r}")


class Text(msgspec.Struct, frozen=True, tag=True):
    """A quoted string, its escapes resolved."""

    text: str


class Word(msgspec.Struct, frozen=True, tag=True):
    """A bare word: `true`, `false`, `None`, or the name of a variable, an event, an asset."""

    text: str

    def __post_init__(self) -> None:
        if not IDENTIFIER.fullmatch(self.text):
            raise ValueError(f"not a bare word: {self.text!r}; use Text")


class Entry(msgspec.Struct, frozen=True):
    """One element of a structure; `key` is None where only a value is written."""

    key: str | None
    value: Value


class Fields(msgspec.Struct, frozen=True, tag=True):
    """A structure `(X=1,Y=2)` or a list `("a","b")`, at most MAX_DEPTH levels of them."""

    entries: tuple[Entry, ...]


Value: TypeAlias = Number | Text | Word | Fields


class Type(msgspec.Struct, frozen=True):
    """`Float`, `Array<Actor>`, `Struct<"/Script/CoreUObject.Guid">`."""

    name: str
    arguments: tuple[Type, ...] = ()


class Param(msgspec.Struct, frozen=True):
    """`key=value` in the brackets of a line."""

    key: str
    value: Value
    place: Place = NOWHERE


class PinName(msgspec.Struct, frozen=True):
    """A pin: the id of its node, and its own name."""

    node: str
    pin: str
    place: Place = NOWHERE


class Variable(msgspec.Struct, frozen=True):
    name: str
    type: Type
    default: Value | None = None
    place: Place = NOWHERE


class Node(msgspec.Struct, frozen=True):
    """`type` is the name of a catalogue entry, or the path of an Unreal class that no entry describes.
    `position` is (x, y) in pixels; None where the layout is not kept."""

    id: str
    type: str
    params: tuple[Param, ...] = ()
    position: tuple[int, int] | None = None
    place: Place = NOWHERE

    def param(self, key: str) -> Value | None:
        return next((param.value for param in self.params if param.key == key), None)


class PinDeclaration(msgspec.Struct, frozen=True):
    """A pin that the node's type does not tell: added by the user, split from a structure, or any pin of a
    node whose class no catalogue entry describes. `default` is its literal; `params` are further Unreal
    fields of the pin."""

    pin: PinName
    output: bool
    type: Type
    default: Value | None = None
    params: tuple[Param, ...] = ()


class ExecWire(msgspec.Struct, frozen=True):
    source: PinName
    target: PinName


class DataWire(msgspec.Struct, frozen=True):
    """`type` is what the line says in its brackets: the type of the source or that of the target."""

    source: PinName
    target: PinName
    type: Type | None = None


class Literal(msgspec.Struct, frozen=True):
    """`DATA 100 -> n2.Value [Int]`: a value set at a pin, on a line of its own."""

    value: Value
    target: PinName
    type: Type | None = None


class Comment(msgspec.Struct, frozen=True):
    """A comment box of the editor; `box` is (x, y, width, height) in pixels, None where the layout is not
    kept."""

    text: str
    box: tuple[int, int, int, int] | None = None
    params: tuple[Param, ...] = ()


class Graph(msgspec.Struct):
    """One graph; node ids are unique in it. `params` say what it is where its name does not,
    such as `Type=Collapsed`; the node that stands for a collapsed graph names it in its parameter `Graph`."""

    name: str
    params: tuple[Param, ...] = ()
    nodes: list[Node] = []
    pins: list[PinDeclaration] = []
    exec: list[ExecWire] = []
    data: list[DataWire] = []
    literals: list[Literal] = []
    comments: list[Comment] = []
    place: Place = NOWHERE


class Program(msgspec.Struct):
    blueprint: str
    parent: str | None = None
    category: str | None = None
    variables: list[Variable] = []
    graphs: list[Graph] = []


def same_value(value: Value) -> str:
    """A key that equal values share: numbers by amount, words and texts by their letters (`Armed` and
    `"Armed"` name the same variable), structures by their entries."""
    if isinstance(value, Number):
        return repr(float(value.text) + 0.0)  # -0.0 is 0.0
    if isinstance(value, Fields):
        parts = [f"{'' if key.key is None else key.key}={same_value(key.value)}" for key in value.entries]
        return "(" + ",".join(parts) + ")"
    return value.text.lower() if value.text.lower() in ("true", "false") else value.text
