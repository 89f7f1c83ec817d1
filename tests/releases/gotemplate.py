"""Go's `text/template`, as much of it as a Modelfile of ours uses, and what Ollama does before it: written from the
language's description. `test_deploy_modelfile.py` holds it against the real thing where Go is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bluebook.records import Message

ACTION = re.compile(r"\{\{ (.*?) \}\}", re.S)
WORD = re.compile(r'\(|\)|"(?:[^"\\]|\\.)*"|[^\s()]+')


class Branch(NamedTuple):
    """`if` with its alternatives, each a condition and what it holds; the condition of `else` is empty."""

    arms: list[tuple[str, list[Any]]]


class Loop(NamedTuple):
    index: str
    turn: str
    over: str
    body: list[Any]


def parse(template: str) -> list[Any]:
    parts = ACTION.split(template)
    pieces = iter([("text" if place % 2 == 0 else "action", part) for place, part in enumerate(parts)])
    body, end = _block(pieces)
    assert end == ""
    return body


def _block(pieces: Iterator[tuple[str, str]]) -> tuple[list[Any], str]:
    """Nodes up to `end`, `else …` or the end of all; with the word that ended them."""
    nodes: list[Any] = []
    for kind, part in pieces:
        if kind == "text":
            assert "{{" not in part and "}}" not in part, part
            nodes.append(("text", part))
        elif part == "end" or part.startswith("else"):
            return nodes, part
        elif part.startswith("if "):
            nodes.append(_branch(part.removeprefix("if "), pieces))
        elif part.startswith("range "):
            names, _, over = part.removeprefix("range ").partition(" := ")
            index, turn = names.split(", ")
            body, end = _block(pieces)
            assert end == "end"
            nodes.append(Loop(index, turn, over, body))
        else:
            nodes.append(("action", part))
    return nodes, ""


def _branch(condition: str, pieces: Iterator[tuple[str, str]]) -> Branch:
    arms = []
    while True:
        body, end = _block(pieces)
        arms.append((condition, body))
        if end == "end":
            return Branch(arms)
        condition = end.removeprefix("else").strip().removeprefix("if ").strip()


def _write(nodes: Sequence[Any], names: dict[str, Any], out: list[str]) -> None:
    for node in nodes:
        if isinstance(node, Branch):
            for condition, body in node.arms:
                if condition == "" or _value(condition, names):
                    _write(body, names, out)
                    break
        elif isinstance(node, Loop):
            for place, turn in enumerate(_value(node.over, names)):
                names[node.index], names[node.turn] = place, turn
                _write(node.body, names, out)
        elif node[0] == "text":
            out.append(node[1])
        elif declared := re.fullmatch(r"(\$\w+) (:?=) (.+)", node[1]):
            assert (declared[2] == ":=") != (declared[1] in names), "declared twice, or never"
            names[declared[1]] = _value(declared[3], names)
        else:
            out.append(_value(node[1], names))


def _value(expression: str, names: dict[str, Any]) -> Any:
    words = WORD.findall(expression)
    value, rest = _call(words, names)
    assert not rest, expression
    return value


def _call(words: list[str], names: dict[str, Any]) -> tuple[Any, list[str]]:
    """A function with its arguments, or a value alone, up to a closing bracket."""
    values: list[Any] = []
    while words and words[0] != ")":
        if words[0] == "(":
            value, words = _call(words[1:], names)
            assert words[0] == ")"
        else:
            value = _operand(words[0], names)
        values.append(value)
        words = words[1:]
    if callable(values[0]):
        return values[0](*values[1:]), words
    assert len(values) == 1
    return values[0], words


FUNCTIONS = {
    "eq": lambda left, right: left == right,
    "not": lambda value: not value,
    "len": len,
    "slice": lambda whole, start: whole[start:],
}


def _operand(word: str, names: dict[str, Any]) -> Any:
    if word in FUNCTIONS:
        return FUNCTIONS[word]
    if word in {"true", "false"}:
        return word == "true"
    if word.startswith('"'):
        return word[1:-1]
    if word.isdigit():
        return int(word)
    # The dot alone is used outside of loops only, where it is `$`.
    found = re.fullmatch(r"(\$\w*)?(?:\.(\w+))?", word)
    assert found, word
    value = names[found[1] or "$"]
    if found[2] is None:
        return value
    return value[found[2]] if isinstance(value, dict) else getattr(value, found[2].lower())


def collate(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """What Ollama makes of a conversation: all system texts joined, and neighbours of one role joined."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role:
            joined[-1] = Message(role=message.role, content=f"{joined[-1].content}\n\n{message.content}")
        else:
            joined.append(message)
    return "\n\n".join(message.content for message in messages if message.role == "system"), joined


def render(template: str, messages: Sequence[Message]) -> str:
    system, turns = collate(messages)
    out: list[str] = []
    _write(parse(template), {"$": {"System": system, "Messages": turns}}, out)
    return "".join(out)


def read_modelfile(text: str) -> list[tuple[str, str]]:
    """Commands and their values as Ollama's parser reads them: three quotation marks hold any text, one any line, and
    what cannot be printed is lost."""
    text = "".join(char for char in text if char.isprintable() or char in "\n\r\t")
    found = re.compile(r'(\w+)[ \t]+(?:(\w+)[ \t]+)?(?:"""(.*?)"""|"([^"\n]*)"|(\S+))[ \t]*\n', re.S)
    commands, at = [], 0
    while at < len(text):
        match = found.match(text, at)
        assert match, text[at : at + 60]
        name = match[2] if match[1] == "PARAMETER" else match[1]
        commands.append((name, next(value for value in match.groups()[2:] if value is not None)))
        at = match.end()
    return commands
