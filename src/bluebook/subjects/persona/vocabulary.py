"""Everyday words for the generator, read from `vocabulary.txt`, and the English inflection that they need."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

_VOWELS = "aeiou"
_PLURALS = {
    "calf": "calves",
    "child": "children",
    "fish": "fish",
    "foot": "feet",
    "goose": "geese",
    "knife": "knives",
    "leaf": "leaves",
    "loaf": "loaves",
    "man": "men",
    "mouse": "mice",
    "potato": "potatoes",
    "scarf": "scarves",
    "sheep": "sheep",
    "shelf": "shelves",
    "tomato": "tomatoes",
    "tooth": "teeth",
    "trout": "trout",
    "woman": "women",
}


class Verb(NamedTuple):
    """mend, mended, mended, mending, mends"""

    base: str
    past: str
    done: str
    ing: str
    third: str


def inflect(entry: str) -> Verb:
    """The forms of a verb as `vocabulary.txt` writes it: `mend`, `find/found`, `write/wrote/written`."""
    base, *irregular = entry.split("/")
    stem = base + base[-1] if base in _LISTS["doubling"] else base
    if base.endswith("e"):
        regular, ing = f"{base}d", base if base.endswith("ee") else base[:-1]
    else:
        regular, ing = f"{stem}ed", stem
    third = f"{base}es" if base.endswith(("s", "sh", "ch", "x", "z", "o")) else f"{base}s"
    if base.endswith("y") and base[-2] not in _VOWELS:
        regular, third = f"{base[:-1]}ied", f"{base[:-1]}ies"
    past = irregular[0] if irregular else regular
    return Verb(
        base, past, irregular[-1] if irregular else regular, f"{'ty' if base == 'tie' else ing}ing", third
    )


def plural(noun: str) -> str:
    """Of the last word, or of the first where an `of` follows: plum cakes, pairs of pliers."""
    if " of " in noun:
        head, _, rest = noun.partition(" ")
        return f"{plural(head)} {rest}"
    before, blank, last = noun.rpartition(" ")
    if last in _PLURALS:
        return before + blank + _PLURALS[last]
    if last.endswith("y") and last[-2] not in _VOWELS:
        return f"{noun[:-1]}ies"
    return f"{noun}es" if last.endswith(("s", "sh", "ch", "x", "z")) else f"{noun}s"


def with_article(noun: str) -> str:
    """`a` or `an` by sound, as far as the words of `vocabulary.txt` go."""
    silent = noun.startswith(("honest", "hour"))
    sounded = noun.startswith(("use", "uni", "one"))
    return f"an {noun}" if silent or (noun[0] in _VOWELS and not sounded) else f"a {noun}"


def _lists() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    text = files(__package__).joinpath("vocabulary.txt").read_text("utf-8")
    for block in text.split("\n\n"):
        name, colon, words = block.partition(":")
        if colon and not name.startswith("#"):
            found[name] = tuple(" ".join(word.split()) for word in words.split(","))
    return found


# Declared last: inflection itself needs the list `doubling`.
_VERBS = ("handle", "order", "cook", "go", "rest", "speak", "beast")
_LISTS = _lists()
WORDS: dict[str, tuple[str, ...]] = {
    name: words for name, words in _LISTS.items() if name not in (*_VERBS, "doubling")
}
VERBS: dict[str, tuple[Verb, ...]] = {name: tuple(map(inflect, _LISTS[name])) for name in _VERBS}
