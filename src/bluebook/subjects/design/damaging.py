"""Single faults planted in a design, for measuring whether they are found, and in the right line.

Each kind takes away or swaps one thing that the notation needs: not a comma between words of prose, which nobody can
miss, nor anything in a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from random import Random

from bluebook.subjects.design.language import terminals

KINDS = (
    "brace",
    "bracket",
    "parenthesis",
    "colon",
    "arrow",
    "comma",
    "quote",
    "name",
    "truncated",
    "wrong closer",
)
_COLON = re.compile(r"\w[ \t]*(:)[ \t]*[\w{\[\"]")
_COMMA = re.compile(r",(?=[ \t]*(?:[\"\[{]|\w+\??[ \t]*:))")
_NAME = re.compile(r"^[ \t]*[A-Z]\w*[ \t]+(\w+)[ \t]*\{", re.MULTILINE)
_WORD = re.compile(r"\w+")


def damaged(text: str, kind: str, rng: Random) -> tuple[str, int] | None:
    """The text with one fault of a kind, and the line, from 1, where it is; None where the text has no place for it."""
    places = _PLACES[kind](text)
    if not places:
        return None
    at = rng.choice(places)
    line = text.count("\n", 0, at) + 1
    if kind == "truncated":
        return text[:at], line
    end = at + 2 if kind == "arrow" else at + 1
    if kind == "name":
        word = _WORD.match(text, at)
        end = word.end() if word else end
    put = rng.choice([sign for sign in ")]}" if sign != text[at]]) if kind == "wrong closer" else ""
    return text[:at] + put + text[end:], line


@cache
def _skipped() -> re.Pattern[str]:
    words = terminals()
    return re.compile(
        rf"{words['STRING']}|(?<!:){words['LINE_COMMENT']}|{words['BLOCK_COMMENT']}|(?<!\w){words['QUOTED']}"
    )


def _code(pattern: str | re.Pattern[str], group: int = 0) -> Callable[[str], list[int]]:
    """Where a pattern stands outside of strings and comments."""
    compiled = re.compile(pattern)

    def places(text: str) -> list[int]:
        skipped = bytearray(len(text) + 1)
        for found in _skipped().finditer(text):
            skipped[found.start() : found.end()] = b"\1" * (found.end() - found.start())
        return [found.start(group) for found in compiled.finditer(text) if not skipped[found.start(group)]]

    return places


def _quotes(text: str) -> list[int]:
    strings = (found for found in _skipped().finditer(text) if found[0][0] == '"')
    return [at for found in strings for at in (found.start(), found.end() - 1)]


_PLACES: dict[str, Callable[[str], list[int]]] = {
    "brace": _code(r"[{}]"),
    "bracket": _code(r"[\[\]]"),
    "parenthesis": _code(r"[()]"),
    "colon": _code(_COLON, 1),
    "arrow": _code(r"\)[ \t]*(->)", 1),
    "comma": _code(_COMMA),
    "quote": _quotes,
    "name": _code(_NAME, 1),
    "truncated": lambda text: list(range(1, len(text))),
    "wrong closer": _code(r"[)\]}]"),
}
