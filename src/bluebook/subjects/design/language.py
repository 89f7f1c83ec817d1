"""The language of designs: `parse` reads a response or a bare blueprint; `printing.py` writes the canonical text.

`dsl.lark` is the grammar, and its words are used here as they stand there (`terminals`). Lark itself does not read
designs: where the notation leaves words to prose (an item of a list may be a method or a sentence with brackets in it)
one token ahead is not enough, and its Earley parser, which needs none, reads some 5 kB/s. So this module reads by
recursive descent, a construct rather than a token at a time, and tests hold the two to the same language: what is
derived from the grammar, printed or damaged, both take or both refuse. Constrained decoding reads the Lark file.

Three kinds of line ends: inside brackets of an expression they are blanks; between members they separate, as `,` and
`;` do; after a key, before `"`, a bracket or a digit, they are blanks too.

Where brackets do not match, the place of the error is where the layout says that one is missing (`balance.py`); a
parser alone would notice at the end of the text.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Literal as OneOf

import msgspec

from bluebook.records import Region
from bluebook.subjects.design import balance
from bluebook.subjects.design.program import Element, Found, Place, Program, Section, Source
from bluebook.subjects.design.reading import Reader
from bluebook.subjects.design.scanning import Fault, Patterns
from bluebook.subjects.subject import ParseError

Profile = OneOf["core", "extended", "script", "defective"]

_SHOWN = 40  # letters of an unexpected text that a message quotes
_TERMINAL = re.compile(r"^([A-Z_]+)(?:\.\d+)?: /(.*)/$", re.MULTILINE)


def grammar() -> str:
    """The grammar as Lark text."""
    return (files(__package__) / "dsl.lark").read_text(encoding="utf-8")


@cache
def terminals() -> dict[str, str]:
    """The patterns of the grammar's terminals, by name."""
    return {name: pattern.replace(r"\/", "/") for name, pattern in _TERMINAL.findall(grammar())}


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """What a text is: within the written specification, within its extensions (named), a script without elements, or
    not in the language (`error` says why)."""

    profile: Profile
    extensions: tuple[str, ...] = ()
    error: ParseError | None = None


def classify(text: str) -> Classification:
    try:
        program = parse(text)
    except ParseError as error:
        return Classification(profile="defective", error=error)
    extensions = tuple(sorted(program.source.extensions))
    if not any(isinstance(item, Element | Found) for item in program.items):
        return Classification(profile="script", extensions=extensions)
    return Classification(profile="extended" if extensions else "core", extensions=extensions)


def parse(text: str) -> Program:
    """The design that `text` denotes: a response in its two parts, or a bare blueprint. Raises ParseError with line
    and column, both from 1."""
    start, end, thinking = thinking_and_body(text)
    body = text if end == len(text) else text[:end]
    reader = Reader(body, _patterns(), start)
    try:
        items = reader.document()
    except Fault as fault:
        raise _error(text, body, start, fault) from None
    return Program(items, thinking, Source(text, reader.extensions))


@cache
def _patterns() -> Patterns:
    return Patterns(terminals())


@cache
def _brackets() -> re.Pattern[str]:
    """What brackets do not count in, or a bracket."""
    words = terminals()
    skipped = "|".join(words[name] for name in ("STRING", "PATH", "BLOCK_COMMENT"))
    return re.compile(
        rf"{skipped}|(?<!:){words['LINE_COMMENT']}|(?<!\w){words['QUOTED']}|(?P<bracket>[()\[\]{{}}])"
    )


def _error(text: str, body: str, start: int, fault: Fault) -> ParseError:
    """What is said of a fault. Layout is asked where brackets do not match, and believed where it points at or before
    the place that the parser came to: what a parser has read may be the start of something right."""
    offset, expected = fault.offset, fault.expected
    if not fault.final:
        blank = " " * start if "\n" not in body[:start] else re.sub(r"[^\n]", " ", body[:start])
        found = balance.misfit(blank + body[start:], _brackets())
        if found is not None and found.offset <= offset:
            offset, expected = found.offset, found.expected
    return error_at(text, len(body), offset, expected)


def error_at(text: str, end: int, offset: int, expected: str) -> ParseError:
    """An error at `offset` of `text`, of which only what comes before `end` was read."""
    offset = min(offset, end)
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    found = "the end of the text" if offset == len(text) else "the end of the blueprint"
    return ParseError(line, column, expected, found if offset >= end else _shown(text[offset:end]))


def _shown(text: str) -> str:
    line = text.split("\n", 1)[0].rstrip()
    if not line:
        return "the end of the line"
    return repr(line if len(line) <= _SHOWN else line[:_SHOWN] + "…")


# The two parts of a response

_TAG = re.compile(r"</?(?:thinking|blueprint)>")
_HEADING = re.compile(r"[ \t]*([A-Z][A-Z &/-]*[A-Z])[ \t]*:[ \t]*$")
_POINT = re.compile(r"[ \t]*(?:[-*•]|\d+[.)])[ \t]+")


def thinking_and_body(text: str) -> tuple[int, int, tuple[Section, ...] | None]:
    """Where the blueprint begins and ends, and the thinking; None without tags, () without thinking. Raises
    ParseError."""
    blank = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    opening = _TAG.match(text, blank)
    if opening is None:
        return 0 if blank == 0 or not text.startswith("\ufeff") else 1, len(text), None
    sections: tuple[Section, ...] = ()
    if opening[0] == "<thinking>":
        closing = _TAG.search(text, opening.end())
        if closing is None or closing[0] != "</thinking>":
            raise error_at(text, len(text), closing.start() if closing else len(text), "`</thinking>`")
        sections = read_thinking(text, opening.end(), closing.start())
        blank = closing.end()
        blank += len(text) - blank - len(text[blank:].lstrip())
        opening = _TAG.match(text, blank)
    if opening is None or opening[0] != "<blueprint>":
        raise error_at(text, len(text), blank, "`<blueprint>`")
    end = text.rfind("</blueprint>", opening.end())  # a string may hold tags
    if end < 0:
        raise error_at(text, len(text), len(text), "`</blueprint>`")
    rest = end + len("</blueprint>")
    rest += len(text) - rest - len(text[rest:].lstrip())
    if rest < len(text):
        raise error_at(text, len(text), rest, "nothing behind `</blueprint>`")
    return opening.end(), end, sections


def read_thinking(text: str, start: int, end: int) -> tuple[Section, ...]:
    """The sections between two offsets. A line of capitals with a colon is a heading, every other line a point, or
    more of the one above where it begins with no dash; lines before any heading belong to a section named ""."""
    found: list[tuple[str, list[str], int]] = []
    offset = start
    for line in text[start:end].split("\n"):
        heading = _HEADING.match(line)
        if heading is not None:
            found.append((heading[1], [], offset + heading.start(1)))
        elif line.strip():
            if not found:
                found.append(("", [], offset))
            point = _POINT.match(line)
            points = found[-1][1]
            if point is not None or not points:
                points.append(" ".join(line[point.end() if point else 0 :].split()))
            else:
                points[-1] += " " + " ".join(line.split())
        offset += len(line) + 1
    return tuple(Section(name, tuple(points), Place(at)) for name, points, at in found)


def regions(text: str) -> list[Region]:
    """`thinking` and `blueprint`: the parts of a response, each with its tags and the blank before it. A text without
    tags is all `blueprint`."""
    closing = text.find("</thinking>")
    if closing < 0:
        return [Region(name="blueprint", start=0, end=len(text))] if text else []
    end = closing + len("</thinking>")
    parts = [Region(name="thinking", start=0, end=end)]
    if end < len(text):
        parts.append(Region(name="blueprint", start=end, end=len(text)))
    return parts
