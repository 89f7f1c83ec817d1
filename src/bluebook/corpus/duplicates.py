"""When two prompt/response pairs count as one: equal after normalising, or nearly equal.

Nearness is the Jaccard similarity of word trigrams: those of the prompt and those of the response, together.
MinHash with locality-sensitive hashing proposes candidates; the true similarity decides, so a hash collision
never drops a row. Traps of such measures, and how they are closed:

- A template filled with other numbers is another fact. The numbers of a pair are part of each of its
  trigrams, so pairs with different numbers share none.
- A long prompt drowns a short response: `… Yes.` and `… No.` are alike as a whole. So the responses alone
  must be as near as the pairs are; of fewer than three words they must be equal.
- Punctuation tells programs apart and says nothing between sentences: it counts in responses, not in
  prompts.

Corpus composition and the gate both judge by this module, so what one lets through the other passes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from rensa import RMinHash, RMinHashLSH

PERMUTATIONS = 128
SEED = 1  # any will do: candidates are verified
# Chance that a pair exactly at the threshold is proposed at all; nearer pairs are almost certain.
RECALL = 0.99

_WORD = re.compile(r"\w+")
_WORD_OR_MARK = re.compile(r"\w+|[^\w\s]")
_NUMBER = re.compile(r"\d+")


def normalise(text: str) -> str:
    """`text` as it counts for equality: compatible characters, case and white space made one."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def jaccard(left: set[str], right: set[str]) -> float:
    """Shared members over all members; 1.0 for two empty sets."""
    return len(left & right) / len(left | right) if left or right else 1.0


def _trigrams(words: list[str], label: str) -> set[str]:
    if len(words) < 3:
        return {f"{label} {' '.join(words)}"}
    return {f"{label} {a} {b} {c}" for a, b, c in zip(words, words[1:], words[2:], strict=False)}


@dataclass(frozen=True)
class Fingerprint:
    """A pair as it is compared; `prompt` and `response` are normalised."""

    prompt: str
    response: str

    @property
    def trigrams(self) -> set[str]:
        """Those of the pair, each with all its numbers. Made anew: kept, they would outweigh the texts."""
        numbers = " ".join(_NUMBER.findall(f"{self.prompt}\n{self.response}"))
        asked = _trigrams(_WORD.findall(self.prompt), f"{numbers}|")
        return asked | _trigrams(_WORD_OR_MARK.findall(self.response), f"{numbers}||")

    @property
    def response_trigrams(self) -> set[str]:
        return _trigrams(_WORD_OR_MARK.findall(self.response), "")

    @cached_property
    def signature(self) -> RMinHash:
        made = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
        made.update(list(self.trigrams))
        return made


def fingerprint(prompt: str, response: str) -> Fingerprint:
    return Fingerprint(normalise(prompt), normalise(response))


def near(left: Fingerprint, right: Fingerprint, threshold: float) -> bool:
    """Whether the pairs, and their responses alone, have at least the similarity `threshold`."""
    if jaccard(left.trigrams, right.trigrams) < threshold:
        return False
    return (
        left.response == right.response
        or jaccard(left.response_trigrams, right.response_trigrams) >= threshold
    )


def bands(threshold: float) -> int:
    """The fewest bands of the signature with which a pair at `threshold` is proposed with a chance of RECALL.

    b bands of r rows propose a pair of similarity s with the chance 1 - (1 - s^r)^b (Leskovec, Rajaraman and
    Ullman, Mining of Massive Datasets, 3.4.2). Fewer bands propose fewer pairs in vain.
    """
    for count in (8, 16, 32, 64):
        if 1 - (1 - threshold ** (PERMUTATIONS // count)) ** count >= RECALL:
            return count
    return PERMUTATIONS


class NearIndex:
    """Pairs seen so far, and whether another one is nearly one of them."""

    def __init__(self, threshold: float) -> None:
        """`threshold`: Jaccard similarity in (0, 1] from which two pairs count as one."""
        self.threshold = threshold
        self._proposals = RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=bands(threshold))
        self._added: list[tuple[str, Fingerprint]] = []

    def add(self, key: str, pair: Fingerprint) -> None:
        self._proposals.insert(len(self._added), pair.signature)
        self._added.append((key, Fingerprint(pair.prompt, pair.response)))  # the copy holds no signature

    def find(self, pair: Fingerprint) -> str | None:
        """The key of the first pair added that `pair` is nearly equal to; None when there is none."""
        proposed: list[int] = self._proposals.query(pair.signature)
        for index in sorted(proposed):
            key, other = self._added[index]
            if near(pair, other, self.threshold):
                return key
        return None
