"""Texts that quote another one: what near-duplicates miss, an exam item hidden in a longer text.

A quote is counted in runs of 13 words, the measure by which language models' test sets are usually held against their
training text (Brown et al., "Language models are few-shot learners", 2020, appendix C). There one common run is
enough. Here it is not, because instructions come from templates: on the sample data 7 % of the training prompts of
`ue5` share a run with an exam's prompt, and none gives it away. A text quotes another when it holds at least HALF of
that one's runs; the sample's training prompts stay below that.

The responses of a formal language are not compared: every second program shares 13 words with some exam's, as all
wires are spelled alike. What they mean is compared instead (their canonical program).
A text of fewer than 13 words has no runs; whether it is asked again is for equality and nearness to say.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

WORDS = 13
HALF = 0.5

_WORD = re.compile(r"\w+")


def runs(normalised: str) -> set[str]:
    """Every run of WORDS words in a text that `duplicates.normalise` made."""
    words = _WORD.findall(normalised)
    return {" ".join(words[start : start + WORDS]) for start in range(len(words) - WORDS + 1)}


class Quotes:
    """Texts seen so far, and which of them another text quotes."""

    def __init__(self) -> None:
        self._holders: dict[str, list[int]] = defaultdict(list)
        self._texts: list[tuple[str, int]] = []  # id, and how many runs

    def add(self, id: str, normalised: str) -> None:
        found = runs(normalised)
        for run in found:
            self._holders[run].append(len(self._texts))
        self._texts.append((id, len(found)))

    def find(self, normalised: str) -> str | None:
        """The id of the first text that is quoted by at least HALF; None when there is none."""
        shared = Counter(
            index for run in runs(normalised) if run in self._holders for index in self._holders[run]
        )
        quoted = [index for index, count in shared.items() if count >= HALF * self._texts[index][1]]
        return self._texts[min(quoted)][0] if quoted else None
