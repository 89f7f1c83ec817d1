"""Fields inside a line of an export: `(Key=value,Key="va,(l)ue",Key=(nested,…),)`.

Strings hide brackets, commas and equals signs, and a backslash hides a quote, so nothing here splits a line
before it knows where the strings are. No function recurses: nesting is as deep as the input says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# A string with its closing quote, or without it as far as the text goes.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.S)
_REST_OF_STRING = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.S)
_MARK = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[(),"]', re.S)
_BRACKET = re.compile(r"[(),]")
_ESCAPE = re.compile(r"\\(.)", re.S)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_PARTNER = {'"': '"', "(": ")"}
_REFERENCE = re.compile(r"""(?P<kind>[\w/.\-]*)'"?(?P<path>[^'"]*)"?'""")
_ENDS = frozenset(",)")
_TRIES = 5  # each costs a look at all before it
_TEXT = ("NSLOCTEXT(", "LOCTEXT(", "INVTEXT(")


class ObjectReference(NamedTuple):
    """`Class'"/Game/A.B"'` or `"/Script/M.Class'/Game/A.B'"`: the class as written, and the path."""

    kind: str
    path: str


def continues(part: str, quoted: bool, depth: int) -> tuple[bool, int]:
    """Whether a string, and how many brackets, are open after `part`, given what was open before it."""
    start = 0
    if quoted:
        closing = _REST_OF_STRING.match(part)
        if closing is None:
            return True, depth
        start = closing.end()
    endings: list[str] = _STRING.findall(part, start)
    bare = _STRING.sub("", part[start:])
    return bool(endings) and not endings[-1], depth + bare.count("(") - bare.count(")")


def split(text: str) -> tuple[list[str], bool]:
    """The parts of the first bracket in `text`, cut at its own commas, and whether that bracket closes."""
    parts: list[str] = []
    depth = start = 0
    for mark in _marks(text):
        sign = mark.group()
        if sign == "(":
            depth += 1
            if depth == 1:
                start = mark.end()
        elif depth and sign == ")":
            depth -= 1
            if not depth:
                parts.append(text[start : mark.start()])
                return parts, True
        elif depth == 1:
            parts.append(text[start : mark.start()])
            start = mark.end()
    parts.append(text[start:])
    return parts, False


def fields(text: str) -> dict[str, str]:
    """The raw values of `(Key=value,…)` by key, in order. Of a key given twice, the first one counts."""
    found: dict[str, str] = {}
    for part in split(text)[0]:
        key, equals, value = part.partition("=")
        if equals:
            found.setdefault(key.strip(), value)
    return found


def peek(text: str, key: str) -> str | None:
    """What stands inside the quotes or brackets of the field `key` of one `(Key=value,…)`, uncut.

    `key` ends in its equals sign. An empty string where there is no such field; None where only `fields` can
    tell. Ten times as fast as `fields`, and most pins are asked for one or two fields only."""
    at = text.find(key)
    tries = 0
    while at >= 0:
        quoted, depth = _state(text, at)
        if not quoted:
            return _inside(text, at + len(key)) if depth == 1 and text[at - 1] in ",(" else None
        tries += 1
        # A quote without a partner hides nothing, whatever `_state` says.
        if tries == _TRIES or (tries == 1 and continues(text, False, 0)[0]):
            return None
        at = text.find(key, at + 1)
    return ""


def _state(text: str, at: int) -> tuple[bool, int]:
    """Whether `at` is inside a string, and inside how many brackets."""
    if text.find("\\", 0, at) < 0:
        depth = text.count("(", 0, at) - text.count(")", 0, at)
        if depth == 1:  # else there may be brackets in strings
            return text.count('"', 0, at) % 2 == 1, depth
    return continues(text[:at], False, 0)


def _inside(text: str, start: int) -> str | None:
    """A plain string or a bracket that holds neither, at `start`."""
    partner = _PARTNER.get(text[start : start + 1])
    stop = text.find(partner, start + 1) if partner else -1
    inside = text[start + 1 : stop]
    if stop < 0 or "\\" in inside or (partner == ")" and ("(" in inside or '"' in inside)):
        return None
    return inside if text[stop + 1 : stop + 2] in _ENDS else None


def unquote(value: str) -> str:
    """The text of a quoted value, escapes resolved; any other value without the blanks around it."""
    value = value.strip()
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    if "\\" not in value:
        return value[1:-1]
    return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), value[1:-1])


def quote(text: str) -> str:
    """`text` as a quoted value, the inverse of `unquote`."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def reference(value: str) -> ObjectReference | None:
    """The object that a value names, in either spelling or by its path alone; None for `None` and nothing."""
    value = unquote(value)
    found = _REFERENCE.fullmatch(value)
    if found:
        return ObjectReference(found["kind"], found["path"])
    return ObjectReference("", value) if value and value != "None" else None


def localised(value: str) -> str:
    """The text that people see: the last string of `NSLOCTEXT("space", "key", "text")` and its relatives."""
    value = value.strip()
    return unquote(split(value)[0][-1] if value.startswith(_TEXT) else value)


def _marks(text: str) -> Iterator[re.Match[str]]:
    """Brackets and commas outside strings. A quote without a partner hides nothing: it is damage."""
    for mark in _MARK.finditer(text):
        if mark.group() == '"':
            # Every later quote is escaped and would be tried in vain, each time to the end of the text.
            yield from _BRACKET.finditer(text, mark.end())
            return
        if text[mark.start()] != '"':
            yield mark
