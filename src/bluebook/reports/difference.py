"""What curation changed in a text, word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

_WORD = re.compile(r"\s+|\w+|[^\w\s]")


class Piece(NamedTuple):
    """A run of text that both sides share (`same`), or that one side alone has."""

    kind: Literal["same", "removed", "added"]
    text: str


def difference(before: str, after: str) -> list[Piece]:
    """The pieces in reading order: without `added` they spell `before`, without `removed` they spell `after`.

    Words, runs of white space and single signs are compared whole. Quadratic in the worst case, so it is
    meant for memories and replies, not for books.
    """
    old, new = _WORD.findall(before), _WORD.findall(after)
    pieces: list[Piece] = []
    # autojunk would call every frequent word of a long text junk and mark nearly everything as changed.
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(old[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(Piece("removed", "".join(old[i1:i2])))
        if j2 > j1:
            pieces.append(Piece("added", "".join(new[j1:j2])))
    return pieces
