"""The reader of blueprints: recursive descent over the text itself, one pattern for each construct.

Two patterns do most of the work: `field` takes a whole `key: value,` and `item` a whole item of a list, where they are
plain. Whatever they do not take whole goes the general way, which reads the plain forms just the same.
"""

from __future__ import annotations

import re

from msgspec import structs

from bluebook.subjects.design.printing import value_text
from bluebook.subjects.design.program import (
    Array,
    Branch,
    Element,
    Expression,
    Field,
    Flow,
    Line,
    Literal,
    Member,
    Method,
    Named,
    Optional,
    Place,
    Statement,
    Step,
    Text,
    Type,
    Value,
)
from bluebook.subjects.design.scanning import END, Fault, Mode
from bluebook.subjects.design.values import LITERALS, UNFINISHED, Values

STEPS = ("Given", "When", "Then", "And", "But")
CONTRACT = frozenset({"preconditions", "postconditions", "errors", "throws", "invariants", "errorpaths"})
_FIELDLESS = (Mode.DOCUMENT, Mode.SCRIPT)
_CALLS = (Mode.DOCUMENT, Mode.SCRIPT, Mode.METHOD)  # where a name and parentheses are a call, not a method
_WITH_STATEMENTS = (*_CALLS, Mode.ELEMENT)
_BODIES = {"Scenario": Mode.SCENARIO, "Test": Mode.SCENARIO, "Relationships": Mode.RELATIONSHIPS}
_ANONYMOUS = ("Relationships", "Schema")


class Reader(Values):
    """Reads one text, a blueprint that begins at `start`."""

    def document(self) -> tuple[Member, ...]:
        """The whole text. Raises Fault."""
        found = self.members(Mode.DOCUMENT)
        if not found or self.text[self.at] != END or self.at + 1 < len(self.text):
            raise Fault(self.at, "an element or a statement")
        return found

    # Members

    def members(self, mode: Mode) -> tuple[Member, ...]:
        """Members up to a closing brace or the end of the text, which is left where it is."""
        text, patterns = self.text, self.patterns
        plain = patterns.field if mode not in _FIELDLESS else None
        found: list[Member] = []
        while True:
            if plain is not None:
                field = plain(text, self.at)
                if field is not None:
                    found.append(self.plain_field(field))
                    self.at = field.end()
                    continue
            self.at = patterns.gap(text, self.at).end()
            if text[self.at] in "}\0":
                return tuple(found)
            member = self.member(mode)
            if mode is Mode.ELEMENT and isinstance(member, Line):
                member = self.several(found.pop() if found else None, member)
            found.append(member)
            self.separator(mode, member)

    def plain_field(self, found: re.Match[str]) -> Field:
        key, string, name, array, optional, number, _ = found.groups()
        value: Value
        if string is not None:
            value = Text(string[1:-1])
        elif number is not None:
            value = Literal(number)
        elif name in LITERALS and array is None and optional is None:
            value = Literal(name)
        else:
            value = Named(name, (), Place(found.start(3)))
            if array is not None:
                value = Array(value)
            if optional is not None:
                value = Optional(value)
                self.extension("optional type", found.start(3))
        return Field(key, value, False, Place(found.start(1)))

    def separator(self, mode: Mode, member: Member) -> None:
        text, start = self.text, self.at
        self.at = self.patterns.gap(text, start).end()
        sign = text[self.at]
        if sign in {",", ";"}:
            if sign == ";":
                self.extension("semicolon", self.at)
            self.at += 1
            return
        is_apart = mode is Mode.DOCUMENT and isinstance(member, Element)
        if sign not in "}\0" and "\n" not in text[start : self.at] and not is_apart:
            raise Fault(self.at, "`,` or a new line")

    def member(self, mode: Mode) -> Member:
        """One member, whatever it is; `at` stands on its first letter."""
        head = self.patterns.head(self.text, self.at)
        if head is None:
            return self.nameless(mode)
        key, dots, question, sign = head.groups()
        if mode is Mode.SCENARIO and sign != ":":
            return self.scene_line(key)
        if sign == ":" and mode not in _FIELDLESS:
            return self.field(key + dots, bool(question), head)
        if mode is Mode.ELEMENT and not dots and not sign and self.continues(head.end(), self.at):
            return self.one_more(head)
        if mode in _WITH_STATEMENTS and not (mode is Mode.ELEMENT and sign in ("(", "<") and key == "return"):
            flow = self.flow(key, head)
            if flow is not None:
                return flow
        if sign == "(" and mode in _CALLS:
            return self.statement()
        if sign in ("(", "<") and mode not in _FIELDLESS:
            return self.method(key + dots, head.end() - 1)
        return self.named_member(mode, head)

    def named_member(self, mode: Mode, head: re.Match[str]) -> Member:
        """A member that begins with a name and is told apart by what follows it."""
        text, patterns, start = self.text, self.patterns, self.at
        key, dots, question, sign = head.groups()
        self.at = head.end(2)
        brace = patterns.gap(text, self.at).end()
        if (
            text[brace] == "{"
            and not dots
            and (key in _ANONYMOUS or (mode is Mode.RELATIONSHIPS and sign == "{"))
        ):
            self.at = brace
            return self.anonymous(mode, key, start)
        found = patterns.found(text, self.at)
        if found is not None:
            return self.reference(found.end(), key + dots, start)
        indexed = mode in _FIELDLESS and text[patterns.blank(text, self.at).end()] == "["
        if indexed or (mode in _WITH_STATEMENTS and patterns.statement(text, start) is not None):
            self.at = start
            return self.statement()
        if key[0].isupper() and not dots and not question:
            return self.element(key, head.end(1), start)
        raise Fault(self.at, "`:` or `(`" if mode not in _FIELDLESS else "`=` or `(`")

    def anonymous(self, mode: Mode, key: str, start: int) -> Element:
        """A relationship, or an element that needs no name, from its opening brace."""
        if mode is Mode.RELATIONSHIPS:
            return Element("", key, self.block(Mode.OBJECT), place=Place(start))
        if key == "Schema":
            self.extension("anonymous schema", start)
        return Element(key, "", self.block(_BODIES.get(key, Mode.ELEMENT)), place=Place(start))

    def one_more(self, head: re.Match[str]) -> Line:
        self.extension("several values", head.start())
        self.at = head.end(1)
        return Line(head[1], Place(head.start()))

    def continues(self, at: int, start: int) -> bool:
        """Whether the word at `start` stands by itself behind a comma in the same line: `input: list, target`."""
        text = self.text
        after = self.patterns.gap(text, at).end()
        if text[after] not in ",;}" and ("\n" not in text[at:after] or text[after] == "{"):
            return False
        comma = self.before(start)
        return text[comma] == "," and text[self.before(comma)] not in ",\n"

    def before(self, at: int) -> int:
        """Where the last sign before `at` stands, blanks aside."""
        at -= 1
        while at > 0 and self.text[at] in " \t\r":
            at -= 1
        return at

    def several(self, before: Member | None, more: Line) -> Field:
        """A field with one more value: `input: list, target`."""
        if not isinstance(before, Field) or not isinstance(before.value, Named | Literal | Expression):
            raise Fault(more.place.offset + len(more.text), "`:`")
        return structs.replace(before, value=Expression(f"{value_text(before.value, '')}, {more.text}"))

    def nameless(self, mode: Mode) -> Member:
        """A member that does not begin with a name: a quoted key, the quoted line in a method, a line of prose."""
        text, start = self.text, self.at
        if mode is Mode.SCENARIO and text[start] not in ",;:":
            return self.scene_line("")
        string = self.patterns.string(text, start) if text[start] == '"' else None
        if string is None or mode in _FIELDLESS:
            raise Fault(start, mode.value, text[start] == '"' and mode not in _FIELDLESS)
        self.at = self.patterns.blank(text, string.end()).end()
        optional = text[self.at] == "?"
        if optional:
            self.extension("optional key", start)
            self.at = self.patterns.blank(text, self.at + 1).end()
        if text[self.at] == ":":
            self.extension("quoted key", start)
            self.at += 1
            return Field(string[0][1:-1], self.value(), optional, Place(start))
        if mode is not Mode.METHOD:
            raise Fault(string.end(), "`:`")
        self.at = string.end()
        return Line(string[0], Place(start))

    def field(self, key: str, question: bool, head: re.Match[str]) -> Field:
        start = head.start()
        if question:
            self.extension("optional key", start)
        if head.end(1) < head.end(2):
            self.extension("dotted key", start)
        self.at = head.end()
        return Field(key, self.value(), question, Place(start))

    def element(self, kind: str, at: int, start: int) -> Element:
        """An element behind its kind, which ends at `at`."""
        text, patterns = self.text, self.patterns
        name = self.title(kind, at)
        generics: tuple[Type, ...] = ()
        base = None
        after = patterns.blank(text, self.at).end()
        if text[after] == "<":
            self.at = after
            generics = self.type_list("<")
            after = patterns.blank(text, self.at).end()
        if text[after] == ":":
            parent = patterns.name(text, after + 1)
            if parent is None:
                raise Fault(after + 1, "a name")
            self.extension("base", start)
            base, self.at = parent[1], parent.end()
        self.to_brace()
        return Element(kind, name, self.block(_BODIES.get(kind, Mode.ELEMENT)), base, generics, Place(start))

    def title(self, kind: str, at: int) -> str:
        """The name of an element behind its kind, which ends at `at`."""
        text, patterns = self.text, self.patterns
        quoted = patterns.called(text, at)
        if quoted is not None:
            self.extension("quoted name", at)
            self.at = quoted.end()
            return str(quoted[0].strip()[1:-1])
        found = patterns.name(text, at)
        if found is None:
            raise Fault(patterns.blank(text, at).end(), "a name")
        self.at = found.end()
        words = patterns.words(text, at) if kind in ("Scenario", "Test") else None
        if words is None:
            return str(found[1])
        self.at = words.end(1)
        return " ".join(words[1].split())

    def to_brace(self) -> None:
        """Go to the opening brace, which may stand in the next line."""
        after = self.patterns.gap(self.text, self.at).end()
        if self.text[after] != "{":
            raise Fault(self.at if "\n" in self.text[self.at : after] else after, "`{`")
        self.at = after

    def block(self, mode: Mode) -> tuple[Member, ...]:
        """`{…}`, from its opening brace."""
        self.enter()
        self.at += 1
        found = self.members(mode)
        self.leave("}")
        return found

    # Scenarios

    def scene_line(self, key: str) -> Member:
        """A step, an element, or a line of prose."""
        start = self.at
        if (
            key.lower() in CONTRACT
            and self.text[self.patterns.blank(self.text, start + len(key)).end()] == "["
        ):
            raise Fault(start + len(key), "`:`")
        if self.patterns.scene(self.text, start):
            return self.element(key, start + len(key), start)
        words = self.balanced("", lines=True)
        words = words.rstrip(",; ")
        if not words:
            raise Fault(start, "a step")
        if key in STEPS:
            words = words[len(key) :].lstrip().rstrip(".,; ")
            if not words:
                raise Fault(self.at, "what is given, done or expected")
            return Step(key, words, Place(start))
        return Line(words, Place(start))

    # Methods

    def method(self, name: str, at: int) -> Method:
        """A method behind its name; `at` is where its generics or parameters begin."""
        text, start = self.text, self.at
        self.at = at
        method = self.signature(name, start)
        after = self.patterns.gap(text, self.at).end()
        if text[after] == "{":
            self.at = after
            return structs.replace(method, body=self.block(Mode.METHOD))
        if method.returns is None and text[after] not in ",;}]\0" and "\n" not in text[self.at : after]:
            raise Fault(after, "`->`")
        return method

    # Statements

    def statement(self) -> Statement:
        start = self.at
        words = self.balanced(",;", lines=True)
        if UNFINISHED.search(words):
            raise Fault(self.at, "a value")
        return Statement(words, Place(start))

    def flow(self, key: str, head: re.Match[str]) -> Member | None:
        """Flow control, where the word says so."""
        patterns, start = self.patterns, head.start()
        if key == "return" or (key in ("break", "continue") and self.text[head.end(1)] in "\r\n;}, "):
            return Statement(self.balanced(",;", lines=True), Place(start))
        if key in ("if", "while") and head[4] == "(":
            self.at = head.end() - 1
            words = self.parenthesised()
        elif (
            key in ("for", "function")
            and not head[4]
            and not head[3]
            and patterns.name(self.text, head.end(1))
        ):
            self.at = head.end(1)
            words = self.balanced("{", lines=True)
            if key == "for" and not patterns.in_(words):
                raise Fault(start, "`for … in …`")
            if key == "function" and "(" not in words:
                raise Fault(self.at, "`(`")
        else:
            return None
        return Flow(key, words, self.code(), *self.branches(key == "if"), Place(start))

    def branches(self, is_if: bool) -> tuple[tuple[Branch, ...], tuple[Member, ...] | None]:
        """What follows an `if`: any number of `else if`, then perhaps `else`."""
        text, patterns = self.text, self.patterns
        found: list[Branch] = []
        while is_if:
            other = patterns.else_(text, patterns.gap(text, self.at).end())
            if other is None:
                break
            self.at = patterns.gap(text, other.end()).end()
            again = patterns.head(text, self.at)
            if again is None or again[1] != "if":
                return tuple(found), self.code()
            if again[4] != "(":
                raise Fault(again.end(1), "`(`")
            self.at = again.end() - 1
            found.append(Branch(self.parenthesised(), self.code()))
        return tuple(found), None

    def code(self) -> tuple[Member, ...]:
        self.to_brace()
        return self.block(Mode.SCRIPT)

    def parenthesised(self) -> str:
        self.enter()
        self.at += 1
        words = self.balanced(")", lines=False)
        if not words:
            raise Fault(self.at, "a condition")
        self.leave(")")
        return words
