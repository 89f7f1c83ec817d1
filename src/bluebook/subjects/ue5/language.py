r"""The Blueprint language: `parse` reads a text, `print_program` writes the one canonical text of a program.

A text is a list of lines. `dsl.lark` is the grammar; this is what the lines mean:

    BLUEPRINT: BP_Door                      always the first line
    PARENT: Actor                           the parent class; a path in quotes where the name alone is not enough
    CATEGORY: Gameplay
    VAR Open: Bool = false                  a member variable; before or after GRAPH
    GRAPH: EventGraph                       the lines below belong to it, until the next GRAPH
    NODE n1: Event_BeginPlay                a node type of the catalogue
    NODE n2: PrintString [InString="Hi"]    parameters: properties of the node, literals of its input pins
    EXEC n1.Then -> n2.Execute
    DATA n3.Value -> n2.InString [String]   the type in brackets may be left out
    DATA 2.5 -> n2.Duration [Float]         a literal on a line of its own

Names with other letters than A-Z, a-z, 0-9 and _ stand in double quotes wherever a name may stand: `n1."Current HP"`.
Escapes are \" \\ \n \r \t. Values are numbers, "texts", bare words (true, false, None, a name) and structures, which
nest: `(Pitch=0,Yaw=90,Roll=0)`, `("a","b")`. `#` starts a comment and blank lines are ignored; neither is kept. The
order of lines within a graph carries no meaning, except that nodes keep theirs.

What real graphs need beyond that:

    GRAPH: "Open Door" [Type=Function]      parameters of a graph, as the translator needs them
    NODE n4: "/Script/BlueprintGraph.K2Node_Timeline" [TimelineName=Swing]
                                            a class that no catalogue entry describes: its path in quotes. Its
                                            parameters are Unreal properties, indexed ones as a list
    PIN n4.Alpha: out Float                 a pin that the type does not tell, with its type: all pins of such a node
    PIN n4.NewTime: in Float = 0.5          … and its literal
    PIN n1.Damage: out Float [User=true]    a pin that a person added to an event or a function
    PIN n5.Location_X: in Float [Parent=Location]      one that was split from a structure
    NODE n6: Branch @(320,-16)              the position, in pixels, where layout is kept
    COMMENT "Opens the door" @(0,0,400,200) [CommentColor=(R=1)]   a comment box: text, place and size, properties

Node ids are unique in their graph. Parsing and printing take time linear in the text and do not recurse on its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from bluebook.subjects.subject import ParseError
from bluebook.subjects.ue5 import program as model
from bluebook.subjects.ue5.program import DOTTED_NAME, IDENTIFIER, MAX_DEPTH, Place, Program, Value

_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"?|(#.*)')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_TO_ESCAPE = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_SHOWN = 40  # letters of an unexpected text that a message quotes

# What people call the terminals of dsl.lark. Those not listed are called by their own letters.
_TERMINALS = {
    "_NEWLINE": "the end of the line",
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


def grammar() -> str:
    """The grammar as Lark text."""
    return (files(__package__) / "dsl.lark").read_text(encoding="utf-8")


def parse(text: str) -> Program:
    """The program that `text` denotes. Raises ParseError with line and column, both from 1."""
    lines = _code_lines(text)
    if not lines:
        raise ParseError(1, 1, "BLUEPRINT", "the end of the text")
    numbers = [number for number, _ in lines]
    source = "\n".join(line for _, line in lines)
    end = Place(numbers[-1], len(lines[-1][1]) + 1)
    depth = 0
    parser = _parser().parse_interactive(source)
    try:
        for token in parser.iter_parse():
            token.line = numbers[token.line - 1]
            depth += (token.type in ("LPAR", "LESSTHAN")) - (token.type in ("RPAR", "MORETHAN"))
            if depth > MAX_DEPTH:
                raise ParseError(token.line, token.column, f"at most {MAX_DEPTH} nested brackets", "one more")
        built: Program = parser.feed_eof()
    except UnexpectedToken as error:
        at_end = error.token.type == "$END"
        place = end if at_end else Place(error.token.line, error.token.column)
        found = "the end of the text" if at_end else _shown(error.token)
        raise ParseError(place.line, place.column, _expected(error.accepts or error.expected), found) from None
    except UnexpectedCharacters as error:
        found = _shown(lines[error.line - 1][1][error.column - 1 :])
        raise ParseError(numbers[error.line - 1], error.column, _expected(error.allowed or ()), found) from None
    return built


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
    return Lark(grammar(), parser="lalr", lexer="contextual", transformer=_Builder())


def _expected(terminals: Iterable[str]) -> str:
    names = sorted({_TERMINALS.get(name, name) for name in terminals})
    return " or ".join(names) or "nothing more"


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


class _Builder(Transformer[Token, Program]):
    """Builds the program while Lark reads; each method is called once its rule is complete."""

    def start(self, parts: list[Any]) -> Program:
        built = Program(str(parts[0].text))
        graph = None
        for place, part in (part for part in parts[1:] if part is not None):
            match part:
                case model.Graph():
                    graph = part
                    built.graphs.append(part)
                case model.Variable():
                    built.variables.append(part)
                case ("PARENT" | "CATEGORY" as keyword, name):
                    attribute = keyword.lower()
                    if getattr(built, attribute) is not None:
                        raise ParseError(place.line, place.column, f"one {keyword} line", "a second one")
                    setattr(built, attribute, name)
                case _ if graph is not None:
                    _section(graph, part).append(part)
        return built

    def heading(self, parts: list[Any]) -> Any:
        return parts[0]

    statement = heading

    def blueprint(self, parts: list[Any]) -> Any:
        return model.Text(_plain(parts[0]))

    def parent(self, parts: list[Any]) -> Any:
        return _place(parts[0]), ("PARENT", _plain(parts[0]))

    def category(self, parts: list[Any]) -> Any:
        return _place(parts[0]), ("CATEGORY", _plain(parts[0]))

    def variable(self, parts: list[Any]) -> Any:
        label, kind, *default = parts
        return None, model.Variable(_plain(label), kind, default[0] if default else None, _place(label))

    def graph(self, parts: list[Any]) -> Any:
        name, *params = parts
        return None, model.Graph(_plain(name), params[0] if params else (), place=_place(name))

    def node(self, parts: list[Any]) -> Any:
        identifier, kind, *rest = parts
        params: tuple[model.Param, ...] = ()
        position = None
        for part in rest:
            if isinstance(part, _At):
                position = part.numbers
            else:
                params = part
        return None, model.Node(str(identifier), _plain(kind), params, position, _place(identifier))  # type: ignore[arg-type]
