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
    expression."""

    kind: str
    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    judge: Callable[[re.Match[str]], str | None] | None = None

    def apply(self, text: str, kinds: set[str]) -> str:
        if self.needs and not holds_any(text, self.needs):
            return text

        def replacement(match: re.Match[str]) -> str:
            new = self.judge(match) if self.judge else f"[{self.kind}]"
            if new is None:
                return match[0]
            kinds.add(self.kind)
            return new

        return self.pattern.sub(replacement, text)
