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
    tight: bool = False  # whether it is closed in its own line where people write it: `f(…)`, `Book[]`


class _Line(msgspec.Struct):
    start: int
    indent: int
    brackets: list[tuple[str, int]]  # sign, offset
    first: int  # offset of the first letter of code
    end: int  # offset behind the last letter of code
    complete: bool = False  # whether it ends with a comma or only closes: nothing of it goes on below


def misfit(text: str, token: re.Pattern[str]) -> Misfit | None:
    """The first bracket that does not fit; None where all do. `token` matches what brackets do not count in
    (strings, comments), or else one bracket, as its group `bracket`."""
    lines = _lines(text, token)
    if _balanced(sign for line in lines for sign, _ in line.brackets):
        return None
    return _Layout(text, lines).misfit(len(text))


class _Layout:
    """The brackets that are open, line after line."""

    def __init__(self, text: str, lines: list[_Line]) -> None:
        self.text, self.lines = text, lines
        self.open: list[_Open] = []
        self.before = -1  # number of the last line of code
        # Where a block ends within a line, as one does whose last line lost the brace it began with.
        self.early: Misfit | None = None

    def misfit(self, end: int) -> Misfit | None:
        for number, line in enumerate(self.lines):
            if line.first < 0:
                continue
            brackets = line.brackets
            closes = bool(brackets) and brackets[0][1] == line.first and brackets[0][0] in ")]}"
            found = self.closed(number) if closes else self.left(line)
            if found is not None:
                return self.early if found.surplus and self.early is not None else found
            for sign, offset in brackets[closes:]:
                found = self.bracket(sign, offset, number)
                if found is not None:
                    return found
            self.before = number
        if not self.open:
            return None
        top = self.open[-1]
        if top.tight:
            return self.unclosed(top)
        return Misfit(end, self.closing(top))

    def bracket(self, sign: str, offset: int, number: int) -> Misfit | None:
        """A bracket that its line does not begin with."""
        line = self.lines[number]
        if sign in _CLOSERS:
            last = offset + 1 == line.end
            tight = sign == "(" or (sign == "[" and self.text[offset - 1 : offset].isalnum())
            self.open.append(_Open(sign, offset, number, line.indent, last, tight and not last))
            return None
        if not self.open:
            return self.early or Misfit(offset, "no closing bracket, for none is open")
        top = self.open[-1]
        if _CLOSERS[top.sign] == sign:
            self.open.pop()
            if self.early is None and top.last and top.line < number:
                self.early = Misfit(offset, f"`{top.sign}` before this `{sign}`")
            return None
        if top.line < number and not top.last:
            return self.unclosed(top)
        return Misfit(offset, self.closing(top))

    def left(self, line: _Line) -> Misfit | None:
        """A line that begins with no closing bracket may stand where what was opened should be over."""
        if self.open and line.indent <= self.open[-1].indent:
            return self.unclosed(self.open[-1])
        return None

    def closed(self, number: int) -> Misfit | None:
        """The bracket that a line begins with; takes off what it closes."""
        line = self.lines[number]
        sign, offset = line.brackets[0]
        if not self.open:
            return self.unopened(number)
        top = self.open[-1]
        fits = _CLOSERS[top.sign] == sign
        if top.indent > line.indent or (not fits and not top.last and top.indent == line.indent):
            return self.unclosed(top)
        if top.indent < line.indent and top.last:
            return self.unopened(number)
        if not fits:
            return Misfit(offset, self.closing(top))
        self.open.pop()
        return None

    def unclosed(self, opened: _Open) -> Misfit:
        """Where what was opened should have been closed: behind the last line that belongs to it."""
        expected = self.closing(opened)
        if self.before == opened.line or opened.tight:
            return Misfit(self.lines[opened.line].end, expected)
        if opened.last and self.before + 1 < len(self.lines):
            after = self.lines[self.before + 1]
            return Misfit(after.first if after.first >= 0 else after.start, expected)
        return Misfit(self.lines[self.before].end, expected)

    def unopened(self, number: int) -> Misfit:
        """Where what a line closes should have been opened: at the head of the lines above that stand deeper."""
        lines, line = self.lines, self.lines[number]
        sign = {")": "(", "]": "[", "}": "{"}[line.brackets[0][0]]
        expected = f"`{sign}`, for line {number + 1} closes it"
        above = number - 1
        while above >= 0 and (lines[above].first < 0 or lines[above].indent > line.indent):
            above -= 1
        if above >= 0 and lines[above].indent == line.indent and not lines[above].complete:
            return Misfit(lines[above].end, expected, True)
        if above + 1 < number:
            after = lines[above + 1]
            return Misfit(after.first if after.first >= 0 else after.start, expected, True)
        return Misfit(line.first, "no closing bracket, for none is open", True)

    def closing(self, opened: _Open) -> str:
        return f"`{_CLOSERS[opened.sign]}` to close `{opened.sign}` of line {opened.line + 1}"


def _balanced(signs: Iterable[str]) -> bool:
    open_: list[str] = []
    for sign in signs:
        if sign in _CLOSERS:
            open_.append(_CLOSERS[sign])
        elif not open_ or open_.pop() != sign:
            return False
    return not open_


def _lines(text: str, token: re.Pattern[str]) -> list[_Line]:
    starts = line_starts(text)
    lines = [_Line(start, 0, [], -1, start) for start in starts]
    ends = [*(start - 1 for start in starts[1:]), len(text)]
    code: list[str] = []  # the text, comments blank
    written_to = 0
    number = 0
    for found in token.finditer(text):
        while number + 1 < len(starts) and starts[number + 1] <= found.start():
            number += 1
        if found["bracket"]:
            lines[number].brackets.append((found[0], found.start()))
        elif found[0].startswith(("//", "/*")):
            code += (text[written_to : found.start()], re.sub(r"[^\n]", " ", found[0]))
            written_to = found.end()
    whole = "".join([*code, text[written_to:]])
    for line, end in zip(lines, ends, strict=True):
        written = whole[line.start : end].rstrip()
        line.end = line.start + len(written)
        if written:
            line.indent = len(written) - len(written.lstrip())
            line.first = line.start + line.indent
            closes = written.lstrip()[0] in ")]}" and written[-1] in ")]}"
            line.complete = closes or written.endswith(",")
    return lines
