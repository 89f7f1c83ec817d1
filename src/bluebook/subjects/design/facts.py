"""What a design says, as facts that can be counted: what `comparison.py` compares.

A `Unit` is an element or a method. Where things stand among others is no fact, nor is a name that nobody could guess.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from bluebook.subjects.design.constructs import CONTRACT
from bluebook.subjects.design.printing import value_text
from bluebook.subjects.design.program import (
    Element,
    Expression,
    Field,
    Flow,
    Found,
    Item,
    Line,
    List,
    Literal,
    Member,
    Method,
    Named,
    Object,
    Program,
    Prose,
    Shaped,
    Statement,
    Step,
    Text,
    Type,
    Value,
)
from bluebook.subjects.design.stems import name_stems, prose_stems

LOOSE = frozenset({"Scenario", "Test"})  # kinds whose names nobody could guess
_UNSAID = frozenset({"description", "notes", "note"})  # keys whose words say nothing beyond being there
_NAMING = frozenset({"name"})  # keys of indexes, constraints and steps whose value is a label
_FEW = 3  # words up to which a text is a value rather than prose
_NAME = re.compile(r"[^\W\d]\w*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
_ASSIGNED = re.compile(r"^([^\W\d]\w*)\s*[-+*/%^|&]?=(?!=)")
_HOLDERS = ("methods", "functions", "operations")


class Fact(NamedTuple):
    """`hard` is equal where the fact is the same; of prose, where it is in the same place, and then its words (stems)
    decide. `said` names it to people."""

    construct: str
    hard: tuple[object, ...]
    said: str
    words: frozenset[str] | None = None


class Unit:
    """An element, or a method of one (then `kind` is that of the element)."""

    def __init__(self, kind: str, name: str, facts: list[Fact], methods: Sequence[Unit] = ()) -> None:
        self.kind, self.name, self.facts, self.methods = kind, name, facts, list(methods)
        self.stems = name_stems(name)
        self.loose = kind in LOOSE or not name
        self.label = f"{kind} {name}".strip()

    @cached_property
    def held(self) -> Counter[object]:
        """What it holds, for matching: facts but that of the name, and the names of methods."""
        found: Counter[object] = Counter(
            (fact.hard, fact.words) for fact in self.facts if fact.hard[:1] != ("name",)
        )
        found.update(("method", unit.stems) for unit in self.methods)
        return found


def units(program: Program, names: Mapping[str, str]) -> list[Unit]:
    """The elements, nested ones too, and the statements outside of elements as one unit without a name. `names` says
    which names of elements are read as others."""
    return _Reader(program, names).run()


class _Reader:
    def __init__(self, program: Program, names: Mapping[str, str]) -> None:
        self.program = program
        self.names = names
        self.found: list[Unit] = []

    def run(self) -> list[Unit]:
        loose: list[Member] = []
        for item in self.program.items:
            if isinstance(item, Element):
                self.element(item)
            else:
                loose.append(item)
        if loose:
            variables = _variables(loose)
            facts = [fact for item in loose for fact in self.member(item, "", (), variables)]
            self.found.append(Unit("", "", facts))
        return self.found

    def element(self, element: Element, parent: str = "") -> None:
        kind = element.kind or "Relationships"
        facts: list[Fact] = []
        label = f"{element.kind} {element.name}".strip()
        name = () if kind in LOOSE else name_stems(self.name(element.name))
        facts.append(Fact(kind, ("name", kind, name), label))
        if element.base is not None:
            facts.append(
                Fact(kind, ("base", name_stems(self.name(element.base))), f"based on {element.base}")
            )
        if element.generics:
            facts.append(Fact("generics", ("generics", len(element.generics)), "type variables"))
        methods: list[Unit] = []
        at = len(self.found)
        variables = _variables(element.members)
        last = "Given"
        for member in element.members:
            if isinstance(member, Step):
                last = member.word if member.word in ("Given", "When", "Then") else last
                facts.append(
                    Fact("steps", ("step", last), f"{member.word} {member.text}", prose_stems(member.text))
                )
            elif isinstance(member, Element):
                self.element(member, kind)
            elif isinstance(member, Method):
                methods.append(self.method(member, kind))
            elif isinstance(member, Field) and member.key in _HOLDERS:
                inside = _inside(member.value)
                methods += [self.method(each, kind) for each in inside if isinstance(each, Method)]
                facts += self.value(
                    Object(tuple(each for each in inside if isinstance(each, Field))), kind, (member.key,)
                )
                if isinstance(member.value, List):
                    for item in member.value.items:
                        if not isinstance(item, Method):
                            facts += self.value(item, kind, (member.key,))
            else:
                facts += self.member(member, kind, (), variables)
        self.found.insert(at, Unit(kind, element.name, facts, methods))

    def method(self, method: Method, kind: str) -> Unit:
        facts = [Fact(kind, ("name", "method", name_stems(method.name)), f"method {method.name}")]
        for parameter in method.parameters:
            said = value_text(parameter.type, "") if parameter.type is not None else "any"
            facts.append(self.typed(parameter.type, kind, ("parameter",), f"{method.name}({said})"))
        if method.returns is not None:
            said = f"{method.name} -> {value_text(method.returns, '')}"
            facts.append(self.typed(method.returns, kind, ("returns",), said))
        variables = _variables(method.body or ())
        for member in method.body or ():
            if isinstance(member, Line):
                continue  # a description
            facts += self.member(member, kind, (), variables)
        return Unit(kind, method.name, facts)

    def member(
        self, member: Member, kind: str, path: tuple[str, ...], variables: Mapping[str, str]
    ) -> Iterator[Fact]:
        match member:
            case Field():
                yield from self.field(member, kind, path)
            case Element():
                self.element(member, kind)
            case Method():
                yield from self.method(member, kind).facts
            case Found():
                yield Fact(
                    "found_in", ("found", name_stems(self.name(member.name or ""))), f"{member.name} found in"
                )
            case Step() | Line():
                yield Fact(kind, ("line",), member.text, prose_stems(member.text))
            case Statement():
                yield Fact("statements", ("statement", _renamed(member.text, variables)), member.text)
            case Flow():
                yield from self.flow(member, kind, path, variables)

    def flow(
        self, flow: Flow, kind: str, path: tuple[str, ...], variables: Mapping[str, str]
    ) -> Iterator[Fact]:
        for head in flow.heads:
            yield Fact("flow", ("flow", flow.word, _renamed(head, variables)), f"{flow.word} {head}")
        for each in flow.inside:
            yield from self.member(each, kind, path, variables)

    def field(self, field: Field, kind: str, path: tuple[str, ...]) -> Iterator[Fact]:
        part = CONTRACT.get(field.key.lower())
        if part is not None:
            yield from self.contract(field.value, part)
        elif field.key in _UNSAID:
            yield Fact(kind, (*path, field.key), field.key)
        elif field.key in _NAMING and path:
            return
        else:
            inner = (*path, *name_stems(field.key))
            yield from self.value(field.value, kind, inner, field.key)

    def contract(self, value: Value, part: str) -> Iterator[Fact]:
        """The items of a part of a contract, by their words."""
        items = value.items if isinstance(value, List) else (value,)
        for item in items:
            said = _said(item)
            yield Fact(part, (part,), said, prose_stems(said))

    def value(self, value: Value | Item, kind: str, path: tuple[str, ...], key: str = "") -> Iterator[Fact]:
        """What a value says; an object says what its fields say, a list what its items say."""
        match value:
            case Object():
                if not value.members and key:
                    yield Fact(kind, (*path, "{}"), key)
                for member in value.members:
                    yield from self.member(member, kind, path, {})
            case List():
                if not value.items:
                    yield Fact(kind, (*path, "[]"), f"{key}: []")
                for item in value.items:
                    yield from self.value(item, kind, path, key)
            case Shaped():
                yield self.typed(value.type, kind, path, value_text(value.type, ""))
                yield from self.value(value.body, kind, (*path, *name_stems(value_text(value.type, ""))))
            case Method() | Element() | Found():
                yield from self.member(value, kind, path, {})
            case Text() | Prose():
                yield self.text(value.text, kind, path, key)
            case Literal() | Expression():
                yield Fact(kind, (*path, "=", value.text.lower()), f"{key}: {value.text}")
            case _:
                yield self.typed(value, kind, path, f"{key}: {value_text(value, '')}")

    def text(self, text: str, kind: str, path: tuple[str, ...], key: str) -> Fact:
        said = f"{key}: {text}" if key else text
        if len(text.split()) > _FEW:
            return Fact(kind, path, said, prose_stems(text))
        parts = tuple(name_stems(self.name(part)) or (part,) for part in text.split("."))
        return Fact(kind, (*path, "=", parts), said)

    def typed(self, kind: Type | None, construct: str, path: tuple[str, ...], said: str) -> Fact:
        """A type, names taken apart; one with arguments belongs to `generics`."""
        words = value_text(kind, "") if kind is not None else "any"
        generic = isinstance(kind, Named) and bool(kind.arguments)
        parts = tuple(
            part if not _NAME.fullmatch(part) else name_stems(self.name(part))
            for part in re.findall(r"[^\W\d]\w*|[^\w\s]", words)
        )
        return Fact("generics" if generic else construct, (*path, ":", parts), said)

    def name(self, name: str) -> str:
        return self.names.get(name, name)


def _inside(value: Value) -> tuple[object, ...]:
    return value.members if isinstance(value, Object) else value.items if isinstance(value, List) else ()


def _said(item: Value | Item) -> str:
    return item.text if isinstance(item, Prose | Text | Literal) else _plain(item)


def _plain(item: Value | Item) -> str:
    if isinstance(item, Method | Element | Prose):
        return item.name if not isinstance(item, Prose) else item.text
    return value_text(item, "")


def _variables(members: Sequence[Member]) -> dict[str, str]:
    """Names that statements assign, numbered in the order of the text."""
    found: dict[str, str] = {}
    waiting = list(reversed(members))
    while waiting:
        member = waiting.pop()
        if isinstance(member, Statement):
            assigned = _ASSIGNED.match(member.text)
            if assigned:
                found.setdefault(assigned[1], f"v{len(found)}")
        elif isinstance(member, Flow):
            if member.word == "for":
                found.setdefault(member.head.split()[0], f"v{len(found)}")
            waiting.extend(reversed(member.inside))
    return found


def _renamed(text: str, variables: Mapping[str, str]) -> str:
    """Code with its variables numbered and no blanks; strings stay."""
    out: list[str] = []
    at = 0
    for string in _STRING.finditer(text):
        out += (_code(text[at : string.start()], variables), string[0])
        at = string.end()
    out.append(_code(text[at:], variables))
    return "".join(out)


def _code(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\s+", " ", _NAME.sub(lambda name: variables.get(name[0], name[0]), text)).replace(" ", "")
