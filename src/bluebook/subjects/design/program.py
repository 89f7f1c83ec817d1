"""What a design says: elements with fields, methods and contracts, or the statements of a script, and the thinking
that came before it.

The classes carry meaning only. Where a thing was written is kept beside it in a `Place`; places never tell two
programs apart, and neither does the `Source`. How it is written is `language.py`; what it must keep beyond the
grammar is `checker.py`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

MAX_DEPTH = 100  # of nested brackets; designs that people write stay below ten


class Place(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Where a thing stands: an offset into the source, in letters from 0; -1 for what was never written. All places
    are equal, so that programs that differ only in where things stand are equal too."""

    offset: int = -1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place)

    def __hash__(self) -> int:
        return 0


NOWHERE = Place()


class Source(msgspec.Struct, eq=False):
    """The text that a program was read from. `extensions` holds what it uses beyond the written specification of the
    notation, each with the offset of its first use. All sources are equal."""

    text: str = ""
    extensions: dict[str, int] = {}
    starts: list[int] = []  # of lines; filled once somebody asks

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source)

    def __hash__(self) -> int:
        return 0

    def position(self, place: Place) -> tuple[int, int]:
        """Line and column, both from 1; (1, 1) for what was never written."""
        if place.offset < 0:
            return 1, 1
        if not self.starts:
            self.starts = line_starts(self.text)
        line = bisect_right(self.starts, place.offset)
        return line, place.offset - self.starts[line - 1] + 1


def line_starts(text: str) -> list[int]:
    """The offset at which each line begins."""
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts


# Types


class Named(msgspec.Struct, frozen=True):
    """`string`, `Book`, `map<string, Book>`, `param.userId`: a name, dots included, and its arguments."""

    name: str
    arguments: tuple[Type, ...] = ()
    place: Place = NOWHERE


class Array(msgspec.Struct, frozen=True):
    """`Book[]`, which some write `array[Book]`."""

    item: Type


class Optional(msgspec.Struct, frozen=True):
    """`Book?`; the specification writes `Book | null`."""

    item: Type


class Union(msgspec.Struct, frozen=True):
    """`Book | null`: two options or more."""

    options: tuple[Type, ...]


class Group(msgspec.Struct, frozen=True):
    """`(int, string)`."""

    items: tuple[Type, ...]


# Values


class Text(msgspec.Struct, frozen=True, gc=False):
    """A string in double quotes: the letters between them as they stand there, escapes unresolved, because patterns
    (`"^\\d+$"`) are written as they are meant."""

    text: str


class Literal(msgspec.Struct, frozen=True, gc=False):
    """A number as written, or `true`, `false` or `null`."""

    text: str


class Expression(msgspec.Struct, frozen=True, gc=False):
    """Any other value: its letters, white space between them one blank. `stock + param.change`, `now()`."""

    text: str


class Prose(msgspec.Struct, frozen=True, gc=False):
    """An item of a list in words: a condition, the name of an error, a bare value."""

    text: str
    place: Place = NOWHERE


class Object(msgspec.Struct, frozen=True):
    """`{…}`."""

    members: tuple[Member, ...] = ()


class List(msgspec.Struct, frozen=True):
    """`[…]`."""

    items: tuple[Item, ...] = ()


class Shaped(msgspec.Struct, frozen=True):
    """A type and its shape, `AuthResult {success: bool}`: a class or a type of a summary, a configured value."""

    type: Type
    body: Object
    place: Place = NOWHERE


class Found(msgspec.Struct, frozen=True, gc=False):
    """A file reference, ``BookStore found in `stores/books.bp` ``. `name` is None where only the path is written."""

    path: str
    name: str | None = None
    place: Place = NOWHERE


# Members


class Field(msgspec.Struct, frozen=True):
    """`key: value`, `key?: value`."""

    key: str
    value: Value
    optional: bool = False
    place: Place = NOWHERE


class Parameter(msgspec.Struct, frozen=True):
    """`name: type = default`; `type` is None where only a name is written."""

    name: str
    type: Type | None = None
    default: str | None = None
    optional: bool = False


class Method(msgspec.Struct, frozen=True):
    """`name<T>(a: A) -> B {contract}`; `body` is None where no block follows."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    returns: Type | None = None
    body: tuple[Member, ...] | None = None
    generics: tuple[Type, ...] = ()
    place: Place = NOWHERE

    def field(self, *keys: str) -> Field | None:
        """The first field of the contract under one of these keys, their case aside."""
        return find_field(self.body or (), *keys)


class Element(msgspec.Struct, frozen=True):
    """`Kind Name {…}`. `name` is "" for an anonymous one (Relationships, Schema), `kind` is "" for a relationship in
    a block of them; `base` is what follows a colon after the name."""

    kind: str
    name: str
    members: tuple[Member, ...] = ()
    base: str | None = None
    generics: tuple[Type, ...] = ()
    place: Place = NOWHERE

    def field(self, *keys: str) -> Field | None:
        """The first field under one of these keys, their case aside."""
        return find_field(self.members, *keys)


class Step(msgspec.Struct, frozen=True, gc=False):
    """A line of a scenario: `word` is Given, When, Then, And or But."""

    word: str
    text: str
    place: Place = NOWHERE


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line of prose in a Test or a Scenario, or the quoted line in a method that says what it does."""

    text: str
    place: Place = NOWHERE


class Statement(msgspec.Struct, frozen=True, gc=False):
    """An assignment, a call or a `return`, white space one blank."""

    text: str
    place: Place = NOWHERE


class Branch(msgspec.Struct, frozen=True):
    """`else if (head) {body}`."""

    head: str
    body: tuple[Member, ...] = ()


class Flow(msgspec.Struct, frozen=True):
    """`if (…) {…} else …`, `for … in … {…}`, `while (…) {…}`, `function name(…) {…}`: `head` is what stands before
    the block. `otherwise` is the block of `else`, None where there is none."""

    word: str
    head: str
    body: tuple[Member, ...] = ()
    branches: tuple[Branch, ...] = ()
    otherwise: tuple[Member, ...] | None = None
    place: Place = NOWHERE

    @property
    def heads(self) -> tuple[str, ...]:
        return self.head, *(branch.head for branch in self.branches)

    @property
    def inside(self) -> tuple[Member, ...]:
        """The members of all blocks."""
        held = [*self.body]
        for branch in self.branches:
            held += branch.body
        return (*held, *(self.otherwise or ()))


Type: TypeAlias = Named | Array | Optional | Union | Group | Object | Text
Value: TypeAlias = (
    Text | Literal | Expression | Named | Array | Optional | Union | Group | Object | List | Shaped | Found
)
Item: TypeAlias = Text | Literal | Prose | Object | List | Method | Shaped | Element
Member: TypeAlias = Field | Method | Element | Step | Line | Statement | Flow | Found


# The whole response


class Section(msgspec.Struct, frozen=True):
    """A heading of the thinking and the points below it, without their dashes."""

    heading: str
    points: tuple[str, ...] = ()
    place: Place = NOWHERE


class Program(msgspec.Struct):
    """A design. `thinking` is None for a text that is a bare blueprint."""

    items: tuple[Member, ...] = ()
    thinking: tuple[Section, ...] | None = None
    source: Source = msgspec.field(default_factory=Source)


def find_field(members: tuple[Member, ...], *keys: str) -> Field | None:
    wanted = {key.lower() for key in keys}
    for member in members:
        if isinstance(member, Field) and member.key.lower() in wanted:
            return member
    return None


def elements(program: Program) -> Iterator[Element]:
    """All elements, nested ones too, an outer one before what it holds."""
    waiting = [member for member in reversed(program.items) if isinstance(member, Element)]
    while waiting:
        element = waiting.pop()
        yield element
        waiting.extend(member for member in reversed(element.members) if isinstance(member, Element))


def methods(element: Element) -> Iterator[Method]:
    """The methods of an element: those in its `methods`, `functions` or `operations`, and its own."""
    for member in element.members:
        if isinstance(member, Method):
            yield member
        elif isinstance(member, Field) and member.key in ("methods", "functions", "operations"):
            value = member.value
            inside = (
                value.members if isinstance(value, Object) else value.items if isinstance(value, List) else ()
            )
            yield from (each for each in inside if isinstance(each, Method))
