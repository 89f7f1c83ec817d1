"""Texts that quote another one: what near-duplicates miss, an exam item hidden in a longer text.

A quote is counted in runs of 13 words, the measure by which language models' test sets are usually held against their
training text (Brown et al., "Language models are few-shot learners", 2020, appendix C). There one common run is
enough. Here it is not: instructions come from templates, people repeat phrases, and systems repeat notices. A text
quotes another when it holds at least HALF of that one's runs and all of its numbers, for a template filled with other
numbers is another fact. README and LOG of the project say what was measured on the sample data.

Prompts are held against prompts and, in free text, replies against replies. Of replies only those of at least LONG
words: people give the same short reply to many prompts, but a long one is remembered under any. The responses of a
formal language are left out. Every second program shares 13 words with some exam's, because wires are all spelled
alike; what programs mean is compared instead. A text of fewer than 13 words has no runs; whether it comes again is for
equality and nearness to say.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from bluebook.corpus.duplicates import Fingerprint

WORDS = 13
HALF = 0.5
LONG = 26  # words: twice a run

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")


def runs(normalised: str) -> set[str]:
    """Every run of WORDS words in a text that `duplicates.normalise` made."""
    words = _WORD.findall(normalised)
    return {" ".join(words[start : start + WORDS]) for start in range(len(words) - WORDS + 1)}


class _Texts:
    """Texts seen so far, by their runs."""

    def __init__(self) -> None:
        self._holders: dict[str, list[int]] = defaultdict(list)
        self._texts: list[tuple[str, int, set[str]]] = []  # id, number of runs, numbers

    def add(self, id: str, text: str) -> None:
        found = runs(text)
        for run in found:
            self._holders[run].append(len(self._texts))
        self._texts.append((id, len(found), set(_NUMBER.findall(text))))

    def find(self, text: str) -> str | None:
        """The id of the first text that is quoted; None when there is none."""
        shared = Counter(index for run in runs(text) if run in self._holders for index in self._holders[run])
        numbers = set(_NUMBER.findall(text)) if shared else set()
        for index in sorted(shared):
            id, total, own_numbers = self._texts[index]
            if shared[index] >= HALF * total and own_numbers <= numbers:
                return id
        return None


class Quotes:
    """The items of exams, and which of them an example quotes."""

    def __init__(self) -> None:
        self._prompts, self._replies = _Texts(), _Texts()

    def add(self, id: str, pair: Fingerprint, *, formal: bool) -> None:
        """`formal`: the response is a program, and compared as one."""
        self._prompts.add(id, pair.prompt)
        if not formal and len(_WORD.findall(pair.response)) >= LONG:
            self._replies.add(id, pair.response)

    def find(self, pair: Fingerprint) -> str | None:
        """The id of an item that is quoted, None where there is none."""
        return self._prompts.find(pair.prompt) or self._replies.find(pair.response)
