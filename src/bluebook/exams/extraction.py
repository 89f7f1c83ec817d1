"""The program inside an answer that is not one as a whole.

Strictly, an answer is its program: that is what a deployment without a clean-up step gets, and what the score
counts. Models also wrap what they know: in a code fence, in a sentence before or behind, after a block of
thinking. Read leniently, such an answer is the program within. Both rates side by side tell a model that does
not know from one that does not keep to the form.

Only wrapping is taken off, so that what is left of a program with a broken line is no program, and neither is
one of two. A line that is cut off must not begin with a word that a line of the program begins with, and one
behind it must not go on with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from bluebook.subjects.subject import ParseError

_FENCED = re.compile(r"^```[^\n]*\n(.*?)\n```[^\S\n]*$", re.DOTALL | re.MULTILINE)
_THINKING = re.compile(r"\s*<(think|thinking|reasoning)>.*?</\1>\s*", re.DOTALL)

Program = TypeVar("Program")


def program_within(text: str, parse: Callable[[str], Program]) -> Program | None:
    """The program that stands in `text` on lines of its own; None where there is none.

    The one fenced block of a text is taken whole: where a language ends in free text, nothing else tells its end.
    Otherwise the program begins at the first line from which something parses. It ends at the end of the text, or
    before the line at which the parser fails. Thinking is taken off, unless a program holds it: some languages write it
    down. A text of n lines is parsed about 3 n times at most.
    """
    thinking = _THINKING.search(text)
    if thinking is None:
        return _within(text.strip(), parse)
    program = _within(text.strip(), parse, holding=thinking[0].strip())
    return program or _within((text[: thinking.start()] + text[thinking.end() :]).strip(), parse)


def _within(said: str, parse: Callable[[str], Program], holding: str = "") -> Program | None:
    """The program in a text; with `holding`, only one that has these lines."""
    fenced = _FENCED.findall(said)
    if len(fenced) == 1 and holding in fenced[0] and _parses(fenced[0], parse):
        return parse(fenced[0])
    lines = said.split("\n")
    for start in range(len(lines)):
        end = len(lines)
        if holding not in "\n".join(lines[start:]):
            return None
        while end > start:
            try:
                program = parse("\n".join(lines[start:end]))
            except ParseError as error:
                # An error at the end of a text names the line after it: nothing can be cut off there.
                failed = start + max(error.line, 1) - 1
                if end < len(lines) or failed >= end:
                    break
                end = failed
            else:
                whole = holding in "\n".join(lines[start:end])
                return program if whole and _is_wrapped(lines, start, end, parse) else None
    return None


def _is_wrapped(lines: list[str], start: int, end: int, parse: Callable[[str], object]) -> bool:
    kept = {_first_word(line) for line in lines[start:end]}
    behind = [line for line in lines[end:] if line.strip()]
    if any(_first_word(line) in kept for line in [*lines[:start], *behind]):
        return False
    return not any(_parses("\n".join([*lines[start:end], line]), parse) for line in behind)


def _parses(text: str, parse: Callable[[str], object]) -> bool:
    try:
        parse(text)
    except ParseError:
        return False
    return True


def _first_word(line: str) -> str:
    return next(iter(line.split(maxsplit=1)), "")
