"""Where a bracket is missing or wrong, as the layout of a text tells.

A parser notices a missing `}` when the text ends, and one too many when the next has nothing left to close. People
indent what is inside brackets; so the first line that does not stand where the open brackets say is where the fault
is. Looked at only when a text did not parse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from bluebook.subjects.design.program import line_starts

_CLOSERS = {"(": ")", "[": "]", "{": "}"}


class Misfit(msgspec.Struct, frozen=True):
    """A place, as an offset, and what was expected there."""

    offset: int
    expected: str
    surplus: bool = False  # a bracket closes what nothing opened


class _Open(msgspec.Struct):
    sign: str
    offset: int
    line: int  # from 0
    indent: int
    last: bool = False  # whether nothing follows it in its line


class _Line(msgspec.Struct):
    start: int
    indent: int
    brackets: list[tuple[str, int]]  # sign, offset
    first: int  # offset of the first letter of code
    end: int  # offset behind the last letter of code


def misfit(text: str, token: re.Pattern[str]) -> Misfit | None:
    """The first bracket that does not fit; None where all do. `token` matches what brackets do not count in
    (strings, comments), or else one bracket, as its group `bracket`."""
    lines = _lines(text, token)
    if _balanced(sign for line in lines for sign, _ in line.brackets):
        return None
    open_: list[_Open] = []
    before = -1  # number of the last line of code
    early: Misfit | None = None  # where a block ends within a line, as one does that lost the brace it began with
    for number, line in enumerate(lines):
        if line.first < 0:
            continue
        brackets = line.brackets
        closes = bool(brackets) and brackets[0][1] == line.first and brackets[0][0] in ")]}"
        while open_ and not closes and _left(open_[-1], line):
            return _unclosed(lines, open_[-1], before)
        if closes:
            found = _closed(lines, open_, number, before)
            if found is not None:
                return early if found.surplus and early is not None else found
        for sign, offset in brackets[closes:]:
            if sign in _CLOSERS:
                last = offset + 1 == line.end
                open_.append(_Open(sign, offset, number, line.indent, last))
            elif not open_:
                return early or Misfit(offset, "no closing bracket, for none is open")
            elif _CLOSERS[open_[-1].sign] == sign:
                top = open_.pop()
                if early is None and top.last and top.line < number:
                    early = Misfit(offset, f"`{top.sign}` before this `{sign}`")
            elif open_[-1].line < number and not open_[-1].last:
                return _unclosed(lines, open_[-1], before)
            else:
                return Misfit(offset, _closing(lines, open_[-1]))
        before = number
    if not open_:
        return None
    if open_[-1].sign == "(" and not open_[-1].last:
        return _unclosed(lines, open_[-1], before)
    return Misfit(len(text), _closing(lines, open_[-1]))


def _balanced(signs: Iterable[str]) -> bool:
    open_: list[str] = []
    for sign in signs:
        if sign in _CLOSERS:
            open_.append(_CLOSERS[sign])
        elif not open_ or open_.pop() != sign:
            return False
    return not open_


def _left(opened: _Open, line: _Line) -> bool:
    """Whether a line that begins with no closing bracket stands where what was opened should be over."""
    return line.indent <= opened.indent


def _closed(lines: list[_Line], open_: list[_Open], number: int, before: int) -> Misfit | None:
    """The bracket that a line begins with; takes off what it closes."""
    line = lines[number]
    sign, offset = line.brackets[0]
    if not open_:
        return _unopened(lines, number)
    top = open_[-1]
    fits = _CLOSERS[top.sign] == sign
    if top.indent > line.indent or (not fits and not top.last and top.indent == line.indent):
        return _unclosed(lines, top, before)
    if top.indent < line.indent and top.last:
        return _unopened(lines, number)
    if not fits:
        return Misfit(offset, _closing(lines, top))
    open_.pop()
    return None


def _unclosed(lines: list[_Line], opened: _Open, before: int) -> Misfit:
    """Where what was opened should have been closed: behind the last line that belongs to it."""
    expected = _closing(lines, opened)
    if before == opened.line or (opened.sign == "(" and not opened.last):
        return Misfit(lines[opened.line].end, expected)
    if opened.last and before + 1 < len(lines):
        after = lines[before + 1]
        return Misfit(after.first if after.first >= 0 else after.start, expected)
    return Misfit(lines[before].end, expected)


def _unopened(lines: list[_Line], number: int) -> Misfit:
    """Where what line `number` closes should have been opened: at the head of the lines above that stand deeper."""
    line = lines[number]
    sign = {")": "(", "]": "[", "}": "{"}[line.brackets[0][0]]
    expected = f"`{sign}`, for line {number + 1} closes it"
    above = number - 1
    while above >= 0 and (lines[above].first < 0 or lines[above].indent > line.indent):
        above -= 1
    if above >= 0 and lines[above].indent == line.indent and lines[above].first >= 0:
        return Misfit(lines[above].end, expected, True)
    if above + 1 < number:
        after = lines[above + 1]
        return Misfit(after.first if after.first >= 0 else after.start, expected, True)
    return Misfit(line.first, "no closing bracket, for none is open", True)


def _closing(lines: list[_Line], opened: _Open) -> str:
    return f"`{_CLOSERS[opened.sign]}` to close `{opened.sign}` of line {opened.line + 1}"


def _lines(text: str, token: re.Pattern[str]) -> list[_Line]:
    starts = line_starts(text)
    lines = [_Line(start, 0, [], -1, start) for start in starts]
    ends = [*(start - 1 for start in starts[1:]), len(text)]
    skipped: list[tuple[int, int]] = []  # comments
    number = 0
    for found in token.finditer(text):
        while number + 1 < len(starts) and starts[number + 1] <= found.start():
            number += 1
        if found["bracket"]:
            lines[number].brackets.append((found[0], found.start()))
        elif found[0].startswith(("//", "/*")):
            skipped.append(found.span())
    code = text
    for start, end in reversed(skipped):
        blank = re.sub(r"[^\n]", " ", code[start:end])
        code = code[:start] + blank + code[end:]
    for line, end in zip(lines, ends, strict=True):
        written = code[line.start : end]
        stripped = written.strip()
        if stripped:
            line.indent = len(written) - len(written.lstrip())
            line.first = line.start + line.indent
            line.end = line.start + len(written.rstrip())
        else:
            line.end = line.start
    return lines
