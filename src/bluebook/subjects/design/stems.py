"""Words of names and of prose, reduced so that `addBook`, `adding books` and `books_added` share theirs."""

from __future__ import annotations

import re
from functools import lru_cache

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_VOWEL = re.compile(r"[aeiouy]")

STOP = frozenset(
    """a an the and or but not no nor of in on at to from for with without by as is are was be been being it its this
    that these those there then than so such if else when where while which who whom whose what how all any each every
    both few more most other some only own same too very can could will would shall should may might must do does did
    done has have had having into over under up down out off again once per via i we you they he she them our your
    their his her my me us also etc eg ie""".split()  # noqa: SIM905
)


@lru_cache(65536)
def stem(word: str) -> str:
    """A word without its endings, so far as needs be to tell words apart: not a word itself."""
    word = word.lower()
    for ending, put in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return _trimmed(word[: -len(ending)] + put)
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) > 2 and _VOWEL.search(root):
            if root[-1] == root[-2] and root[-1] not in "lsz":
                root = root[:-1]
            return _trimmed(root)
    return _trimmed(word)


def _trimmed(word: str) -> str:
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


@lru_cache(65536)
def name_stems(name: str) -> tuple[str, ...]:
    """The stems of the words that a name is made of, in order."""
    return tuple(stem(part) for part in _PART.findall(name))


@lru_cache(65536)
def prose_stems(text: str) -> frozenset[str]:
    """The stems of the words of a text that say something; names in it are taken apart."""
    found = (part.lower() for part in _PART.findall(text))
    return frozenset(stem(part) for part in found if part not in STOP and (len(part) > 1 or part.isdigit()))


def overlap(left: frozenset[str], right: frozenset[str]) -> float:
    """F1 of two sets of stems; 1 where both are empty."""
    return 2 * len(left & right) / (len(left) + len(right)) if left or right else 1.0
