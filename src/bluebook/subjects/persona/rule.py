"""A rule of redaction: one shape of secret, how to find it, and what to write in its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from bluebook.subjects.persona.substrings import holds_any


class Rule(NamedTuple):
    """Matches of `pattern` become `[kind]`, or what `judge` makes of them; None from `judge` leaves a match
    alone.

    `needs`: one of these substrings is in every match. Looking for them costs a tenth of the regular
    expression. `digits`: every match that counts holds so many."""

    kind: str
    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    judge: Callable[[re.Match[str]], str | None] | None = None
    digits: int = 0

    def apply(self, text: str, kinds: set[str], where: str | None = None) -> str:
        """`text` after this rule; the kinds found are added to `kinds`. `where`: the part of `text` that holds
        every match, to look for `needs` in."""
        if self.needs and not holds_any(text if where is None else where, self.needs):
            return text

        def replacement(match: re.Match[str]) -> str:
            new = self.judge(match) if self.judge else f"[{self.kind}]"
            if new is None:
                return match[0]
            kinds.add(self.kind)
            return new

        return self.pattern.sub(replacement, text)
