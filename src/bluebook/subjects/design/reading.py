"""The reader of blueprints: recursive descent over the text itself, one pattern for each construct.

Two patterns do most of the work: `_FIELD` takes a whole `key: value,` and `_ITEM` a whole item of a list, where
they are plain. Whatever they do not take whole goes the general way, which reads the plain forms just the same
(a test compares the two).
"""

from __future__ import annotations

import re
from enum import Enum

from msgspec import structs

from bluebook.subjects.design.printing import value_text
from bluebook.subjects.design.program import (
    MAX_DEPTH,
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
    Place,
    Prose,
    Shaped,
    Statement,
    Step,
    Text,
    Type,
    Union,
    Value,
)

END = "\0"  # what the reader finds behind the text and one more line end, which ends a comment
STEPS = ("Given", "When", "Then", "And", "But")
CONTRACT = frozenset({"preconditions", "postconditions", "errors", "throws", "invariants", "errorpaths"})
ARRAYS = frozenset({"array", "list"})
_CLOSERS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_OPERATORS = "|&+*=<>^%-/"
_UNFINISHED = re.compile(r"\s[|&+*<>^%/=-]+$")  # `A +`, but not `C++`
_LITERALS = frozenset({"true", "false", "null"})


class Fault(Exception):
    """A place where the text leaves the language. `final`: layout cannot tell the place better."""

    def __init__(self, offset: int, expected: str, final: bool = False) -> None:
        self.offset, self.expected, self.final = offset, expected, final


class Mode(Enum):
    """Where members stand, which decides what they may be."""

    DOCUMENT = "an element or a statement"
    SCRIPT = "a statement"
    ELEMENT = "a member"
    OBJECT = "a key"
    METHOD = "a part of the contract"
    SCENARIO = "a step"
    RELATIONSHIPS = "a relationship"


_FIELDLESS = (Mode.DOCUMENT, Mode.SCRIPT)
_WITH_STATEMENTS = (Mode.DOCUMENT, Mode.SCRIPT, Mode.METHOD, Mode.ELEMENT)
_BODIES = {"Scenario": Mode.SCENARIO, "Test": Mode.SCENARIO, "Relationships": Mode.RELATIONSHIPS}


class Patterns:
    """Compiled from the grammar's terminals; `match` methods, each from an offset."""

    def __init__(self, words: dict[str, str]) -> None:
        name, string, path = words["NAME"], words["STRING"].replace("(", "(?:"), words["PATH"]
        comment = f"{words['LINE_COMMENT']}|{words['BLOCK_COMMENT'].replace('(', '(?:')}"
        dotted = words["DOTTED"].replace("(", "(?:")
        more = r"(?=[ \t\r]*(?:\}|\n\s*[\w\"}]))"  # a field ends here, and no operator begins the next line

        def match(pattern: str):  # type: ignore[no-untyped-def]
            return re.compile(pattern).match

        self.gap = match(rf"\s*(?:(?:{comment})\s*)*")
        self.blank = match(rf"[ \t\r]*")
        self.field = match(
            rf"\s*({name})(?:[ \t]*:)[ \t]*(?:({string})|({dotted})(\[\])?(\?)?|({words['NUMBER'].replace('(', '(?:')}))"
            rf"(?:[ \t]*(,)|{more})"
        )
        self.item = match(rf"\s*(?:({string})|(\w[\w .<>=+*%!?&|^~@#$-]*))(?:,|(?=\s*\]))")
        self.head = match(rf"({name})((?:\.{name})*)[ \t]*(\?)?[ \t]*([:({{<]?)")
        self.name = match(rf"[ \t]*({name})")
        self.called = match(rf"[ \t]*(?:{words['CALLED'].replace('(', '(?:')})")
        self.words = match(r"[ \t]*([^\W_][^\n{}\[\]()\"';:,]*?)[ \t\r\n]*(?=\{)")
        self.dotted = match(dotted)
        self.string = match(string)
        self.quoted = match(words["QUOTED"])
        self.path = match(path)
        self.number = re.compile(words["NUMBER"]).fullmatch
        self.comment = match(comment)
        self.plain = match(r"(?:[^\[\](){}\"'/:;,\n`\0]+|(?<=\w)')+")
        self.found = match(rf"[ \t]*found[ \t]+in[ \t]*(?={path})")
        self.statement = match(rf"{dotted}(?:[ \t]*\(|[ \t]*[-+*/%^|&]?=(?!=))")
        self.word = match(r"\w*")
        self.shape = match(rf"({name})\s*(?:(?:{comment})\s*)*(?:([(<])|(\{{))")
        self.scene = match(rf"(Scenario|Test)[ \t]+(?:[^\W\d][\w \t]*|{words['CALLED'].replace('(', '(?:')})\s*\{{")
        self.unmarked = match(r"[A-Z][^,\]\n]*\{")
        self.in_ = re.compile(r"\bin\b").search
        self.else_ = match(r"else\b")
        self.if_ = match(r"if\b[ \t]*(?=\()")


class Reader:
    """Reads one text, a blueprint that begins at `start`. Methods leave `at` behind what they read."""

    def __init__(self, text: str, patterns: Patterns, start: int = 0) -> None:
        self.text = text + "\n" + END
        self.at = start
        self.depth = 0
        self.patterns = patterns
        self.extensions: dict[str, int] = {}

    def document(self) -> tuple[Member, ...]:
        """The whole text. Raises Fault."""
        found = self.members(Mode.DOCUMENT)
        if self.text[self.at] != END or self.at + 1 < len(self.text):
            raise Fault(self.at, "an element or a statement")
        if not found:
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
        elif name in _LITERALS and array is None and optional is None:
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
        if sign == "," or sign == ";":
            if sign == ";":
                self.extension("semicolon", self.at)
            self.at += 1
        elif sign not in "}\0" and "\n" not in text[start : self.at]:
            if not (mode is Mode.DOCUMENT and isinstance(member, Element)):
                raise Fault(self.at, "`,` or a new line")

    def member(self, mode: Mode) -> Member:
        """One member, whatever it is; `at` stands on its first letter."""
        text, start = self.text, self.at
        head = self.patterns.head(text, start)
        if head is None:
            return self.nameless(mode)
        key, dots, question, sign = head.groups()
        if mode is Mode.SCENARIO and sign != ":":
            return self.scene_line(key)
        if sign == ":" and mode not in _FIELDLESS:
            return self.field(key + dots, bool(question), head)
        if mode is Mode.ELEMENT and not dots and not sign and self.continues(head.end(), start):
            self.extension("several values", start)
            self.at = head.end(1)
            return Line(key, Place(start))
        if mode in _WITH_STATEMENTS and not (mode is Mode.ELEMENT and sign == "(" and key == "return"):
            flow = self.flow(key, head)
            if flow is not None:
                return flow
        if sign == "(" or sign == "<":
            if mode in (Mode.DOCUMENT, Mode.SCRIPT, Mode.METHOD) and sign == "(":
                return self.statement()
            if mode in _FIELDLESS:
                raise Fault(start, mode.value)
            return self.method(key + dots, head.end() - 1)
        if sign == "{" and not dots:
            if mode is Mode.RELATIONSHIPS:
                self.at = head.end() - 1
                return Element("", key, self.block(Mode.OBJECT), place=Place(start))
        self.at = head.end(2)
        if key in ("Relationships", "Schema") and not dots and text[self.patterns.gap(text, self.at).end()] == "{":
            self.at = self.patterns.gap(text, self.at).end()
            if key == "Schema":
                self.extension("anonymous schema", start)
            return Element(key, "", self.block(_BODIES.get(key, Mode.ELEMENT)), place=Place(start))
        found = self.patterns.found(text, self.at)
        if found is not None:
            return self.reference(found.end(), key + dots, start)
        indexed = mode in _FIELDLESS and text[self.patterns.blank(text, self.at).end()] == "["
        if indexed or (mode in _WITH_STATEMENTS and self.patterns.statement(text, start) is not None):
            self.at = start
            return self.statement()
        if key[0].isupper() and not dots and not question:
            return self.element(key, head.end(1), start)
        expected = "`:`" if mode not in _FIELDLESS else "`=` or `(`"
        raise Fault(self.at, expected)

    def continues(self, at: int, start: int) -> bool:
        """Whether the word at `start` stands by itself behind a comma in the same line: `input: list, target`."""
        after = self.patterns.gap(self.text, at).end()
        if self.text[after] == "{" or self.text[after] not in ",;}" and "\n" not in self.text[at:after]:
            return False
        line = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        return line.rstrip().endswith(",") and not line.rstrip(", \t").isspace() and bool(line.rstrip(", \t"))

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
        generics: tuple[Type, ...] = ()
        base = None
        quoted = patterns.called(text, at)
        if quoted is not None:
            self.extension("quoted name", at)
            name = quoted[0].strip()[1:-1]
            self.at = quoted.end()
        else:
            found = patterns.name(text, at)
            if found is None:
                raise Fault(patterns.blank(text, at).end(), "a name")
            name = found[1]
            self.at = found.end()
            if kind in ("Scenario", "Test"):
                words = patterns.words(text, at)
                if words is not None and " " in words[1]:
                    name = " ".join(words[1].split())
                    self.at = words.end(1)
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
        after = patterns.gap(text, self.at).end()
        if text[after] != "{":
            raise Fault(self.at if "\n" in text[self.at : after] else after, "`{`")
        self.at = after
        members = self.block(_BODIES.get(kind, Mode.ELEMENT))
        return Element(kind, name, members, base, generics, Place(start))

    def block(self, mode: Mode) -> tuple[Member, ...]:
        """`{…}`, from its opening brace."""
        self.enter()
        self.at += 1
        found = self.members(mode)
        self.leave("}")
        return found

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Fault(self.at, f"at most {MAX_DEPTH} brackets within one another", final=True)

    def leave(self, closer: str) -> None:
        if self.text[self.at] != closer:
            raise Fault(self.at, f"`{closer}`")
        self.at += 1
        self.depth -= 1

    def reference(self, at: int, name: str | None, start: int) -> Found:
        path = self.patterns.path(self.text, at)
        if path is None:
            raise Fault(at, "a path in `backquotes`")
        self.at = path.end()
        return Found(path[0][1:-1], name, Place(start))

    # Scenarios

    def scene_line(self, key: str) -> Member:
        """A step, an element, or a line of prose."""
        start = self.at
        if key.lower() in CONTRACT and self.text[self.patterns.blank(self.text, start + len(key)).end()] == "[":
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
        text = self.text
        start = self.at
        self.at = at
        generics = self.type_list("<") if text[at] == "<" else ()
        self.at = self.patterns.blank(text, self.at).end()
        if text[self.at] != "(":
            raise Fault(self.at, "`(`")
        parameters = self.parameters()
        returns = self.returns()
        body = None
        after = self.patterns.gap(text, self.at).end()
        if text[after] == "{":
            self.at = after
            body = self.block(Mode.METHOD)
        return Method(name, parameters, returns, body, generics, Place(start))

    def returns(self) -> Type | None:
        """The type behind `->`, if there is one."""
        text = self.text
        after = self.patterns.gap(text, self.at).end()
        if text.startswith("->", after):
            self.at = after + 2
            return self.type()
        if text[after] not in ",;{}]\0" and "\n" not in text[self.at : after]:
            raise Fault(after, "`->`")
        return None

    def parameters(self) -> tuple[Parameter, ...]:
        text, patterns = self.text, self.patterns
        self.enter()
        self.at += 1
        found: list[Parameter] = []
        while True:
            self.at = patterns.gap(text, self.at).end()
            if text[self.at] == ")" and not found:
                break
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
            found.append(Parameter(name[1], kind, default, optional))
            if text[self.at] != ",":
                break
            self.at += 1
        if text[self.at] != ")":
            raise Fault(self.at, "`,` or `)`" if found[-1].type is not None else "`:`, `,` or `)`")
        self.leave(")")
        return tuple(found)

    # Types

    def type(self) -> Type:
        """A type, its options included."""
        first = self.type_atom()
        options = [first]
        text = self.text
        while True:
            after = self.patterns.gap(text, self.at).end()
            if text[after] != "|" or text[after + 1] == "|":
                return Union(tuple(options)) if len(options) > 1 else first
            self.at = after + 1
            options.append(self.type_atom())

    def type_atom(self) -> Type:
        text, patterns = self.text, self.patterns
        start = self.at = patterns.gap(text, self.at).end()
        found: Type
        name = patterns.dotted(text, start)
        if name is not None:
            self.at = name.end()
            after = patterns.blank(text, self.at).end()
            if text[after] in "<[" and text[after + 1] != "]":
                self.at = after
            if text[self.at] == "<":
                found = Named(name[0], self.type_list("<"), Place(start))
            elif text[self.at] == "[" and text[self.at + 1] != "]":
                arguments = self.type_list("[")
                self.extension("array[T]", start)
                if name[0].lower() in ARRAYS and len(arguments) == 1:
                    found = Array(arguments[0])
                else:
                    found = Named(name[0], arguments, Place(start))
            else:
                found = Named(name[0], (), Place(start))
        elif text[start] == "{":
            found = Object(self.block(Mode.OBJECT))
        elif text[start] == "(":
            found = Group(self.type_list("("))
        elif text[start] == '"':
            found = self.text_literal()
        else:
            raise Fault(start, "a type")
        while True:
            after = patterns.blank(text, self.at).end()
            if text.startswith("[]", after):
                found, self.at = Array(found), after + 2
            elif text[after] == "?":
                self.extension("optional type", after)
                found, self.at = Optional(found), after + 1
            else:
                return found

    def text_literal(self) -> Text:
        string = self.patterns.string(self.text, self.at)
        if string is None:
            raise Fault(self.at, 'a closing `"` in the same line', final=True)
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
        if self.text[self.at] != _CLOSERS[opener]:
            raise Fault(self.at, f"`,` or `{_CLOSERS[opener]}`")
        self.leave(_CLOSERS[opener])
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
        value: Value
        if sign == "[":
            return self.items()
        if sign == "{":
            value = Object(self.block(Mode.OBJECT))
            after = patterns.blank(text, self.at).end()
            if text[after] not in "?[" and text[patterns.gap(text, after).end()] != "|":
                return value
            return self.again(start)
        if sign == "`":
            return self.reference(start, None, start)
        if sign.isalpha() or sign in '"_(':
            kind = self.typed()
            if kind is not None:
                return kind
        self.at = start
        return self.expression()

    def again(self, start: int) -> Type:
        """What began as an object is a type that begins with one."""
        self.at = start
        return self.type()

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
            if isinstance(kind, Named) and kind.name in _LITERALS and not kind.arguments:
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
        for name in list(self.extensions)[known:]:
            del self.extensions[name]
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
            return text[after] not in _OPERATORS and (
                "\n" in text[self.at : after] or text[after] in ",;}]\0"
            )
        return sign == "\n" and text[self.patterns.gap(text, after).end()] not in "|&+*=<>^%?"

    def expression(self) -> Value:
        start = self.at
        words = self.balanced(",;", lines=True, braces=False)
        if not words or _UNFINISHED.search(words):
            raise Fault(start if not words else self.at, "a value")
        return Literal(words) if self.patterns.number(words) else Expression(words)

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
        if words in _LITERALS or (words[0] in "0123456789+-" and self.patterns.number(words)):
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
            scene = self.patterns.scene(text, start)
            if scene is not None:
                return self.element(scene[1], scene.end(1), start)
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
        try:
            self.at = shape.end() - 1
            generics = self.type_list("<") if text[self.at] == "<" else ()
            if text[self.at] != "(":
                raise Fault(self.at, "`(`")
            parameters = self.parameters()
            after = self.patterns.gap(text, self.at).end()
            returns = None
            if text.startswith("->", after):
                self.at = after + 2
                returns = self.type()
                after = self.patterns.gap(text, self.at).end()
        except Fault as fault:
            if fault.final:
                raise
        else:
            typed = returns is not None or any(each.type is not None for each in parameters)
            if text[after] == "{":
                self.at = after
                body = self.block(Mode.METHOD)
                return Method(name, parameters, returns, body, generics, Place(start))
            if typed and text[after] in ",]":
                return Method(name, parameters, returns, None, generics, Place(start))
            if typed and returns is None and self.patterns.unmarked(text, after):
                raise Fault(after, "`->`")
        self.depth, self.at = depth, start
        for each in list(self.extensions)[known:]:
            del self.extensions[each]
        return None

    # Statements

    def statement(self) -> Statement:
        start = self.at
        words = self.balanced(",;", lines=True)
        if _UNFINISHED.search(words):
            raise Fault(self.at, "a value")
        return Statement(words, Place(start))

    def flow(self, key: str, head: re.Match[str]) -> Member | None:
        """Flow control, where the word says so."""
        text, patterns, start = self.text, self.patterns, head.start()
        if key == "return" or (key in ("break", "continue") and self.text[head.end(1)] in "\r\n;}, "):
            return Statement(self.balanced(",;", lines=True), Place(start))
        if key in ("if", "while") and head[4] == "(":
            self.at = head.end() - 1
            words = self.parenthesised()
        elif key in ("for", "function") and not head[4] and not head[3] and patterns.name(text, head.end(1)):
            self.at = head.end(1)
            words = self.balanced("{", lines=True)
            if key == "for" and not patterns.in_(words):
                raise Fault(start, "`for … in …`")
            if key == "function" and "(" not in words:
                raise Fault(self.at, "`(`")
        else:
            return None
        body = self.flow_body()
        otherwise: tuple[Member, ...] | None = None
        after = patterns.gap(text, self.at).end()
        other = patterns.else_(text, after) if key == "if" else None
        if other is not None:
            self.at = patterns.gap(text, other.end()).end()
            again = patterns.head(text, self.at)
            if again is not None and again[1] == "if":
                inner = self.flow("if", again)
                if inner is None:
                    raise Fault(again.end(1), "`(`")
                otherwise = (inner,)
            else:
                otherwise = self.flow_body()
        return Flow(key, words, body, otherwise, Place(start))

    def flow_body(self) -> tuple[Member, ...]:
        after = self.patterns.gap(self.text, self.at).end()
        if self.text[after] != "{":
            raise Fault(self.at if "\n" in self.text[self.at : after] else after, "`{`")
        self.at = after
        return self.block(Mode.SCRIPT)

    def parenthesised(self) -> str:
        self.enter()
        self.at += 1
        words = self.balanced(")", lines=False)
        if not words:
            raise Fault(self.at, "a condition")
        self.leave(")")
        return words

    # Words

    def balanced(self, stops: str, *, lines: bool, colons: bool = False, braces: bool = True) -> str:
        """Words up to one of `stops` or a closing bracket, both outside of brackets, and up to the end of the line
        where `lines`. White space between words becomes one blank, comments go. A colon is refused outside of
        brackets unless `colons`, or where every sign is taken (`stops` is empty)."""
        text, patterns = self.text, self.patterns
        parts: list[str] = []
        open_: list[str] = []
        at = self.at
        string = False  # whether the last thing was a string
        while True:
            plain = patterns.plain(text, at)
            if plain is not None:
                at = plain.end()
                parts.append(plain[0])
                if string and not plain[0].isspace():
                    string = False
            sign = text[at]
            if not open_ and sign in stops:
                break
            if sign == '"':
                found = patterns.string(text, at)
                if found is None:
                    raise Fault(at, 'a closing `"` in the same line', final=True)
                if string:
                    raise Fault(at, "`,`")
                string = True
                parts.append("\0" + found[0])
                at = found.end()
                continue
            if sign == "\n":
                if lines and not open_ and not self.goes_on(parts, at, bool(stops)):
                    break
                parts.append(" ")
                at += 1
                continue
            if sign == "/":
                comment = patterns.comment(text, at)
                if comment is not None and text[at - 1] != ":":
                    at = comment.end()
                    parts.append(" ")
                    continue
            string = False
            if sign in "([{":
                if sign == "{" and not braces and not open_:
                    raise Fault(at, "`,`")
                open_.append(_CLOSERS[sign])
                if self.depth + len(open_) > MAX_DEPTH:
                    raise Fault(at, f"at most {MAX_DEPTH} brackets within one another", final=True)
            elif sign in ")]}":
                if not open_:
                    break
                if open_.pop() != sign:
                    raise Fault(at, "another bracket")
            elif sign == END:
                if open_:
                    raise Fault(at, f"`{open_[-1]}`")
                break
            elif sign == "'":
                found = patterns.quoted(text, at)
                if found is not None:
                    parts.append("\0" + found[0])
                    at = found.end()
                    continue
            elif sign == "`":
                found = patterns.path(text, at)
                if found is not None:
                    parts.append("\0" + found[0])
                    at = found.end()
                    continue
            elif sign == ":" and not open_ and stops and not colons and text[at + 1] != "/":
                raise Fault(self.before_colon(at), "`,`")
            parts.append(sign)
            at += 1
        self.at = at
        return _joined(parts)

    def before_colon(self, at: int) -> int:
        """Where the word before a colon begins: the comma is missing before it."""
        end = len(self.text[:at].rstrip())
        start = end
        while start > self.at and (self.text[start - 1].isalnum() or self.text[start - 1] == "_"):
            start -= 1
        return start

    def goes_on(self, parts: list[str], at: int, code: bool) -> bool:
        """Whether an expression goes on behind the end of a line: an operator stands on either side of it."""
        if not code:
            return False
        last = next((part for part in reversed(parts) if not part.isspace()), "")
        if last and last.rstrip()[-1] in _OPERATORS and not last.startswith("\0"):
            return True
        return self.text[self.patterns.gap(self.text, at).end()] in "|&+*=<>^%?"

    def extension(self, name: str, offset: int) -> None:
        self.extensions.setdefault(name, offset)


def _joined(parts: list[str]) -> str:
    """Strings as they are, white space between other words one blank."""
    if len(parts) == 1:
        return " ".join(parts[0].split()) if not parts[0].startswith("\0") else parts[0][1:]
    if not any(part.startswith("\0") for part in parts):
        return " ".join("".join(parts).split())
    strings: list[str] = []
    for index, part in enumerate(parts):
        if part.startswith("\0"):
            strings.append(part[1:])
            parts[index] = "\0"
    pieces = " ".join("".join(parts).split()).split("\0")
    out = [pieces[0]]
    for string, piece in zip(strings, pieces[1:], strict=True):
        out += (string, piece)
    return "".join(out)
