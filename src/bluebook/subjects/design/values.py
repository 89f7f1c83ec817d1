"""The part of the reader that reads types, values and lists."""

from __future__ import annotations

import re
from abc import abstractmethod

from msgspec import structs

from bluebook.subjects.design.program import (
    MAX_DEPTH,
    Array,
    Element,
    Expression,
    Found,
    Group,
    Item,
    List,
    Literal,
    Member,
    Method,
    Named,
    Object,
    Optional,
    Parameter,
    Place,
    Prose,
    Shaped,
    Text,
    Type,
    Union,
    Value,
)
from bluebook.subjects.design.scanning import (
    CLOSERS,
    LEADING,
    OPERATORS,
    Fault,
    Mode,
    Scanner,
    too_deep,
    unclosed,
)

LITERALS = frozenset({"true", "false", "null"})
UNFINISHED = re.compile(r"\s[|&+*<>^%/=-]+$")  # `A +`, but not `C++`
_ARRAYS = frozenset({"array", "list"})


class Values(Scanner):
    """Reads what stands behind a colon or an arrow and between brackets."""

    @abstractmethod
    def block(self, mode: Mode) -> tuple[Member, ...]:
        """`{…}`, from its opening brace."""

    @abstractmethod
    def element(self, kind: str, at: int, start: int) -> Element:
        """An element behind its kind, which ends at `at`."""

    # Types

    def type(self) -> Type:
        """A type, its options included."""
        return self.options(self.type_atom())

    def options(self, first: Type) -> Type:
        """A type behind its first option."""
        text = self.text
        found = [first]
        while True:
            after = self.patterns.gap(text, self.at).end()
            if text[after] != "|" or text[after + 1] == "|":
                return Union(tuple(found)) if len(found) > 1 else first
            self.at = after + 1
            found.append(self.type_atom())

    def type_atom(self) -> Type:
        text = self.text
        start = self.at = self.patterns.gap(text, self.at).end()
        name = self.patterns.dotted(text, start)
        if name is not None:
            self.at = name.end()
            return self.suffixes(self.named(name[0], start))
        sign = text[start]
        if sign == "{":
            return self.suffixes(Object(self.block(Mode.OBJECT)))
        if sign == "(":
            return self.suffixes(Group(self.type_list("(")))
        if sign == '"':
            return self.suffixes(self.text_literal())
        raise Fault(start, "a type")

    def named(self, name: str, start: int) -> Type:
        """A type behind its name, with its arguments."""
        text = self.text
        after = self.patterns.blank(text, self.at).end()
        if text[after] == "<":
            self.at = after
            return Named(name, self.type_list("<"), Place(start))
        if text[after] == "[" and text[after + 1] != "]":
            self.at = after
            arguments = self.type_list("[")
            self.extension("array[T]", start)
            if name.lower() in _ARRAYS and len(arguments) == 1:
                return Array(arguments[0])
            return Named(name, arguments, Place(start))
        return Named(name, (), Place(start))

    def suffixes(self, found: Type) -> Type:
        """A type with what is hung on to it: `[]`, `?`."""
        text = self.text
        for _ in range(MAX_DEPTH):
            after = self.patterns.blank(text, self.at).end()
            if text.startswith("[]", after):
                found, self.at = Array(found), after + 2
            elif text[after] == "?":
                self.extension("optional type", after)
                found, self.at = Optional(found), after + 1
            else:
                return found
        raise too_deep(self.at)

    def text_literal(self) -> Text:
        string = self.patterns.string(self.text, self.at)
        if string is None:
            raise unclosed(self.at)
        self.at = string.end()
        return Text(string[0][1:-1])

    def type_list(self, opener: str) -> tuple[Type, ...]:
        """Types in brackets, from the opening one."""
        self.enter()
        self.at += 1
        found = [self.type()]
        while True:
            self.at = self.patterns.gap(self.text, self.at).end()
            if self.text[self.at] != ",":
                break
            self.at += 1
            found.append(self.type())
        if self.text[self.at] != CLOSERS[opener]:
            raise Fault(self.at, f"`,` or `{CLOSERS[opener]}`")
        self.leave(CLOSERS[opener])
        return tuple(found)

    # Values

    def value(self) -> Value:
        """The value behind a colon."""
        text, patterns = self.text, self.patterns
        start = patterns.gap(text, self.at).end()
        sign = text[start]
        if "\n" in text[self.at : start] and not (sign in '"[{-' or sign.isdigit()):
            raise Fault(self.at, "a value")
        self.at = start
        if sign == "[":
            return self.items()
        if sign == "{":
            return self.options(self.suffixes(Object(self.block(Mode.OBJECT))))
        if sign == "`":
            path = self.reference(start, None, start)
            if self.ended():
                return path
        elif sign.isalpha() or sign in '"_(':
            kind = self.typed()
            if kind is not None:
                return kind
        self.at = start
        return self.expression()

    def typed(self) -> Value | None:
        """A type, a file reference or a type and its shape; None where the value is something else."""
        text, start, known = self.text, self.at, len(self.extensions)
        depth = self.depth
        try:
            kind: Value = self.type()
        except Fault as fault:
            if fault.final:
                raise
        else:
            if isinstance(kind, Named) and kind.name in LITERALS and not kind.arguments:
                kind = Literal(kind.name)
            if self.ended():
                return kind
            found = self.patterns.found(text, self.at)
            if found is not None:
                return self.reference(found.end(), " ".join(text[start : self.at].split()), start)
            after = self.patterns.blank(text, self.at).end()
            if text[after] == "{" and not isinstance(kind, Literal):
                self.at = after
                return Shaped(kind, Object(self.block(Mode.OBJECT)), Place(start))  # type: ignore[arg-type]
        self.depth = depth
        self.forget(known)
        return None

    def ended(self) -> bool:
        """Whether a value ends here."""
        text = self.text
        after = self.patterns.blank(text, self.at).end()
        sign = text[after]
        if sign in ",;}]\0":
            return True
        if sign == "/":
            after = self.patterns.gap(text, after).end()
            return text[after] not in OPERATORS and ("\n" in text[self.at : after] or text[after] in ",;}]\0")
        return sign == "\n" and text[self.patterns.gap(text, after).end()] not in LEADING

    def expression(self) -> Value:
        start = self.at
        words = self.balanced(",;", lines=True, braces=False)
        if not words or UNFINISHED.search(words):
            raise Fault(start if not words else self.at, "a value")
        return Literal(words) if self.patterns.number(words) else Expression(words)

    def reference(self, at: int, name: str | None, start: int) -> Found:
        path = self.patterns.path(self.text, at)
        if path is None:
            raise Fault(at, "a path in `backquotes`")
        self.at = path.end()
        return Found(path[0][1:-1], name, Place(start))

    # Lists

    def items(self) -> List:
        """`[…]`, from its opening bracket."""
        text, plain = self.text, self.patterns.item
        self.enter()
        self.at += 1
        found: list[Item] = []
        while True:
            item = plain(text, self.at)
            if item is not None:
                string, words = item.groups()
                found.append(Text(string[1:-1]) if string is not None else self.words(words, item.start(2)))
                self.at = item.end()
                continue
            self.at = self.patterns.gap(text, self.at).end()
            if text[self.at] == "]":
                break
            found.append(self.item())
            self.at = self.patterns.gap(text, self.at).end()
            if text[self.at] == ",":
                self.at += 1
            elif text[self.at] != "]":
                raise Fault(self.at, "`,` or `]`")
        self.leave("]")
        return List(tuple(found))

    def words(self, words: str, start: int) -> Item:
        words = words.rstrip(" ")
        if words in LITERALS or (words[0] in "0123456789+-" and self.patterns.number(words)):
            return Literal(words)
        if "  " in words:
            words = " ".join(words.split())
        return Prose(words, Place(start))

    def item(self) -> Item:
        text, start = self.text, self.at
        sign = text[start]
        if sign == "{":
            return Object(self.block(Mode.OBJECT))
        if sign == "[":
            return self.items()
        if sign == '"':
            string = self.text_literal()
            if text[self.patterns.gap(text, self.at).end()] in ",]":
                return string
        else:
            shape = self.patterns.shape(text, start)
            if shape is not None:
                shaped = self.shaped(shape)
                if shaped is not None:
                    return shaped
            inner = self.patterns.scene(text, start) or self.patterns.inner(text, start)
            if inner is not None:
                return self.element(inner[1], inner.end(1), start)
        self.at = start
        words = self.balanced(",]", lines=False, colons=True)
        if not words:
            raise Fault(self.at, "an item")
        return self.words(words, start)

    def shaped(self, shape: re.Match[str]) -> Item | None:
        """A method, or a type and its shape; None where the item is prose that has brackets in it."""
        text, start = self.text, self.at
        name, _, brace = shape.groups()
        if brace:
            if not name[0].isupper():
                return None
            self.at = shape.end() - 1
            return Shaped(Named(name, (), Place(start)), Object(self.block(Mode.OBJECT)), Place(start))
        depth, known = self.depth, len(self.extensions)
        self.at = shape.end() - 1
        try:
            method = self.signature(name, start)
        except Fault as fault:
            if fault.final:
                raise
        else:
            after = self.patterns.gap(text, self.at).end()
            typed = method.returns is not None or any(each.type is not None for each in method.parameters)
            if text[after] == "{":
                self.at = after
                return structs.replace(method, body=self.block(Mode.METHOD))
            if typed and text[after] in ",]":
                return method
            if method.returns is None and self.patterns.unmarked(text, after):
                raise Fault(after, "`->`")
        self.depth, self.at = depth, start
        self.forget(known)
        return None

    # Methods

    def signature(self, name: str, start: int) -> Method:
        """A method behind its name, up to its result."""
        text = self.text
        generics = self.type_list("<") if text[self.at] == "<" else ()
        self.at = self.patterns.blank(text, self.at).end()
        if text[self.at] != "(":
            raise Fault(self.at, "`(`")
        parameters = self.parameters()
        returns = None
        after = self.patterns.gap(text, self.at).end()
        if text.startswith("->", after):
            self.at = after + 2
            returns = self.type()
        return Method(name, parameters, returns, None, generics, Place(start))

    def parameters(self) -> tuple[Parameter, ...]:
        """`(…)`, from its opening bracket."""
        text, patterns = self.text, self.patterns
        self.enter()
        self.at = patterns.gap(text, self.at + 1).end()
        found: list[Parameter] = []
        while text[self.at] != ")" or found:
            found.append(self.parameter())
            if text[self.at] != ",":
                break
            self.at = patterns.gap(text, self.at + 1).end()
        if text[self.at] != ")":
            raise Fault(self.at, "`,` or `)`" if found[-1].type is not None else "`:`, `,` or `)`")
        self.leave(")")
        return tuple(found)

    def parameter(self) -> Parameter:
        """One of them, and the blank behind it."""
        text, patterns = self.text, self.patterns
        name = patterns.name(text, self.at)
        if name is None:
            raise Fault(self.at, "the name of a parameter")
        start = self.at
        self.at = patterns.gap(text, name.end()).end()
        optional = text[self.at] == "?"
        if optional:
            self.extension("optional key", start)
            self.at = patterns.gap(text, self.at + 1).end()
        kind = default = None
        if text[self.at] == ":":
            self.at += 1
            kind = self.type()
            self.at = patterns.gap(text, self.at).end()
        else:
            self.extension("parameter without type", start)
        if text[self.at] == "=":
            self.at += 1
            default = self.balanced(",)", lines=False)
            if not default:
                raise Fault(self.at, "a value")
        return Parameter(name[1], kind, default, optional)
