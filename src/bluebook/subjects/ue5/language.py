r"""The Blueprint language: `parse` reads a text; `printing.py` writes the canonical one.

A text is a list of lines. `dsl.lark` is the grammar; this is what the lines mean:

    BLUEPRINT: BP_Door                     always the first line
    PARENT: Actor                          the parent class, by name or by its path in quotes
    CATEGORY: Gameplay
    VAR Open: Bool = false                 a member variable; before or after GRAPH
    GRAPH: EventGraph                      the lines below belong to it, until the next GRAPH
    NODE n1: Event_BeginPlay               a node type of the catalogue
    NODE n2: PrintString [InString="Hi"]   properties of the node and literals of its inputs
    EXEC n1.Then -> n2.Execute
    DATA n3.Value -> n2.InString [String]  the type in brackets may be left out
    DATA 2.5 -> n2.Duration [Float]        a literal on a line of its own

Names with other letters than A-Z, a-z, 0-9 and _ stand in double quotes: `n1."Current HP"`. Escapes are \" \\
\n \r \t. Values are numbers, "texts", bare words (true, false, None, a name) and structures, which nest:
`(Pitch=0,Yaw=90,Roll=0)`, `("a","b")`. `#` starts a comment and blank lines are ignored; neither is kept. The
order of lines within a graph carries no meaning, except that nodes keep theirs. Node ids are unique in their
graph.

What real graphs need beyond that:

    NODE n4: "/Script/AnimGraph.K2Node_PlayMontage" [ProxyClass="/Script/…"]
    PIN n4.Rate: in Float32 = 1.5
    PIN n4.Finished: out Exec
    PIN n1.Damage: out Float [User=true]
    PIN n5.Location_X: in Float [Parent=Location]
    NODE n6: Branch @(320,-16)
    COMMENT "Opens the door" @(0,0,400,200) [CommentColor=(R=1,G=0,B=0)]
    NODE n7: Collapsed [Graph="Fold out"]
    GRAPH: "Fold out" [Type=Collapsed]
    NODE n8: PrintString [Unreal=(EnabledState=Disabled)]

- A node of a class that no catalogue entry describes is generic: its type is the path of the class, in
  quotes; its parameters are Unreal properties by name, an indexed one (`PinNames(0)=…`) as a list; a text
  for translators is `(NSLOCTEXT=("space","key","text"))`.
- `Unreal` holds properties that a node's catalogue entry does not describe, `Objects` what is inside a node.
- A PIN line declares a pin that the node's type does not tell, with direction, type and, after `=`, its
  literal: all pins of a generic node, and on any node one that a person added (`User`) or that was split from
  a structure (`Parent`). `Name` is Unreal's name of a pin where it is another one; more of Unreal's fields of
  a pin go into its brackets.
- A type is a name of the catalogue's, or says its class, structure or enumeration by path:
  `Object<"/Game/BP_Door.BP_Door_C">`, `Array<Enum<"/Script/Engine.ECollisionChannel">>`, `Map<Name,Int>`.
- `@` gives the position of a node, and that and the size of a comment box, in pixels, where layout is kept.
- A collapsed graph is a GRAPH of its own; the node that stands for it names it.

Parsing takes time linear in the text and does not recurse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from bluebook.records import Region
from bluebook.subjects.subject import ParseError
from bluebook.subjects.ue5 import program as model
from bluebook.subjects.ue5.program import MAX_DEPTH, Place, Program, Value

_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"?|(#.*)')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_SHOWN = 40  # letters of an unexpected text that a message quotes

# What people call the terminals of dsl.lark. Those not listed are called by their own letters.
_TERMINALS = {
    "_NEWLINE": "a new line",
    "$END": "the end of the text",
    "IDENTIFIER": "a name",
    "DOTTED_NAME": "a name",
    "STRING": 'a text in "quotes"',
    "NUMBER": "a number",
    "INTEGER": "a whole number",
    "DIRECTION": "in or out",
    "EQUAL": "=",
    "COMMA": ",",
    "COLON": ":",
    "DOT": ".",
    "AT": "@",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "LESSTHAN": "<",
    "MORETHAN": ">",
    "__ANON_0": "->",
}


# Which part of a program a line belongs to, by its first word; all that is neither of these is its header.
_PARTS = {"NODE": "nodes", "PIN": "nodes", "COMMENT": "nodes", "EXEC": "links", "DATA": "links"}


def grammar() -> str:
    """The grammar as Lark text."""
    return (files(__package__) / "dsl.lark").read_text(encoding="utf-8")


def parse(text: str) -> Program:
    """The program that `text` denotes. Raises ParseError with line and column, both from 1."""
    built: Program = _read(text, "start")
    return built


def regions(text: str) -> list[Region]:
    """`header`, `nodes` and `links`: runs of lines of one kind, each with its line ends."""
    found: list[Region] = []
    start = 0
    for line in text.split("\n"):
        name = _PARTS.get(line.split(maxsplit=1)[0], "header") if line.strip() else "header"
        end = min(start + len(line) + 1, len(text))
        if found and found[-1].name == name:
            found[-1] = Region(name=name, start=found[-1].start, end=end)
        else:
            found.append(Region(name=name, start=start, end=end))
        start = end
    return found


@lru_cache(maxsize=4096)
def parse_type(text: str) -> model.Type:
    """The type that `text` denotes. Raises ParseError."""
    kind: model.Type = _read(text, "type")
    return kind


def _read(text: str, rule: str) -> Any:
    lines = _code_lines(text)
    if not lines:
        raise ParseError(1, 1, "BLUEPRINT" if rule == "start" else f"a {rule}", "the end of the text")
    numbers = [number for number, _ in lines]
    parser = _parser().parse_interactive("\n".join(line for _, line in lines), start=rule)
    depth = 0
    last: Token | None = None
    try:
        for token in parser.iter_parse():
            last = token
            line = token.line = numbers[(token.line or 1) - 1]
            depth += (token.type in ("LPAR", "LESSTHAN")) - (token.type in ("RPAR", "MORETHAN"))
            if depth > MAX_DEPTH:
                expected = f"at most {MAX_DEPTH} nested brackets"
                raise ParseError(line, token.column or 1, expected, "one more")
        return parser.feed_eof()  # type: ignore[no-untyped-call]
    except UnexpectedToken as error:
        token = error.token
        if token.type == "$END":
            line, column, found = numbers[-1], len(lines[-1][1]) + 1, "the end of the text"
        else:
            # What the lexer itself refuses never came through the loop above: its line is not yet the text's.
            line = error.line if token is last else numbers[error.line - 1]
            column, found = error.column, _shown(token)
        raise ParseError(line, column, _expected(parser), found) from None
    except UnexpectedCharacters as error:
        found = _shown(lines[error.line - 1][1][error.column - 1 :])
        raise ParseError(numbers[error.line - 1], error.column, _expected(parser), found) from None


def _code_lines(text: str) -> list[tuple[int, str]]:
    """The lines that say something, numbered from 1, without comments. Columns stay as they are."""
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        code = _COMMENT.sub(lambda part: "" if part[1] else part[0], line) if "#" in line else line
        if code.strip(" \t\r"):
            found.append((number, code))
    return found


@cache
def _parser() -> Lark:
    return Lark(grammar(), parser="lalr", lexer="contextual", start=["start", "type"], transformer=_Builder())


def _expected(parser: InteractiveParser) -> str:
    """What may come next. The parser is asked: an error's own list holds what other places allow too."""
    terminals: Iterable[str] = parser.accepts()  # type: ignore[no-untyped-call]
    return " or ".join(sorted({_TERMINALS.get(name, name) for name in terminals}))


def _shown(text: str) -> str:
    line = text.split("\n", 1)[0]
    if not line.strip():
        return "the end of the line"
    return repr(line if len(line) <= _SHOWN else line[:_SHOWN] + "…")


def _place(token: Token) -> Place:
    return Place(token.line or 0, token.column or 0)


def _plain(token: Token) -> str:
    return unquote(token) if token.type == "STRING" else str(token)


def unquote(text: str) -> str:
    """The text of a quoted string, escapes resolved."""
    if "\\" not in text:
        return text[1:-1]
    return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), text[1:-1])


class _Heading(NamedTuple):
    keyword: str
    name: Token


@v_args(inline=True)
class _Builder(Transformer[Token, Program]):
    """Builds the program while Lark reads: the method of a rule is called once the rule is complete."""

    def start(self, blueprint: str, *lines: Any) -> Program:
        built = Program(blueprint)
        for line in lines:
            match line:
                case model.Variable():
                    built.variables.append(line)
                case model.Graph():
                    built.graphs.append(line)
                case model.Node():
                    built.graphs[-1].nodes.append(line)
                case model.ExecWire():
                    built.graphs[-1].exec.append(line)
                case model.DataWire():
                    built.graphs[-1].data.append(line)
                case model.Literal():
                    built.graphs[-1].literals.append(line)
                case model.PinDeclaration():
                    built.graphs[-1].pins.append(line)
                case model.Comment():
                    built.graphs[-1].comments.append(line)
                case _Heading("PARENT"):
                    built.parent = _once(line, built.parent)
                case _Heading():
                    built.category = _once(line, built.category)
        return built

    def blueprint(self, name: Token) -> str:
        return _plain(name)

    def parent(self, name: Token) -> _Heading:
        return _Heading("PARENT", name)

    def category(self, name: Token) -> _Heading:
        return _Heading("CATEGORY", name)

    def variable(self, name: Token, kind: model.Type, default: Value | None) -> model.Variable:
        return model.Variable(_plain(name), kind, default, _place(name))

    def graph(self, name: Token, params: tuple[model.Param, ...] | None) -> model.Graph:
        return model.Graph(_plain(name), params or (), place=_place(name))

    def node(
        self,
        name: Token,
        kind: Token,
        params: tuple[model.Param, ...] | None,
        position: tuple[int, int] | None,
    ) -> model.Node:
        return model.Node(str(name), _plain(kind), params or (), position, _place(name))

    def pin(
        self,
        name: model.PinName,
        direction: Token,
        kind: model.Type,
        default: Value | None,
        params: tuple[model.Param, ...] | None,
    ) -> model.PinDeclaration:
        return model.PinDeclaration(name, direction == "out", kind, default, params or ())

    def exec(self, source: model.PinName, target: model.PinName) -> model.ExecWire:
        return model.ExecWire(source, target)

    def data(
        self, source: model.PinName | Value, target: model.PinName, kind: model.Type | None
    ) -> model.DataWire | model.Literal:
        if isinstance(source, model.PinName):
            return model.DataWire(source, target, kind)
        return model.Literal(source, target, kind)

    def comment(
        self,
        text: Token,
        box: tuple[int, int, int, int] | None,
        params: tuple[model.Param, ...] | None,
    ) -> model.Comment:
        return model.Comment(_plain(text), box, params or ())

    def params(self, *found: model.Param | None) -> tuple[model.Param, ...]:
        return tuple(param for param in found if param is not None)

    def param(self, key: Token, value: Value) -> model.Param:
        return model.Param(_plain(key), value, _place(key))

    def at(self, *numbers: Token) -> tuple[int, ...]:
        return tuple(map(int, numbers))

    box = at

    def pin_name(self, node: Token, pin: Token) -> model.PinName:
        return model.PinName(str(node), _plain(pin), _place(node))

    def type(self, name: Token, *arguments: model.Type | None) -> model.Type:
        return model.Type(_plain(name), tuple(kind for kind in arguments if kind is not None))

    def value(self, found: Token | model.Fields) -> Value:
        if isinstance(found, model.Fields):
            return found
        if found.type == "STRING":
            return model.Text(unquote(found))
        return model.Number(str(found)) if found.type == "NUMBER" else model.Word(str(found))

    def fields(self, *entries: model.Entry | None) -> model.Fields:
        return model.Fields(tuple(entry for entry in entries if entry is not None))

    def entry(self, *parts: Any) -> model.Entry:
        return model.Entry(None, parts[0]) if len(parts) == 1 else model.Entry(_plain(parts[0]), parts[1])


def _once(line: _Heading, before: str | None) -> str:
    if before is not None:
        raise ParseError(
            line.name.line or 0, line.name.column or 0, f"one {line.keyword} line", "a second one"
        )
    return _plain(line.name)
