"""What can be wrong with an answer, in one place.

An error has a kind, which is the same for every subject, and a category, which a subject may name. An answer
has one outcome: `no_error`, or the worst kind among its errors. The outcomes of an exam's answers therefore add
up to their number.
"""

from __future__ import annotations

from collections.abc import Iterable

from bluebook.records import ErrorKind, Grade

CLEAN = "no_error"  # no more than that: in a subject of free text much can be wrong that no rule finds

# Worst first. The categories of the last two are the subject's own.
KINDS: dict[ErrorKind, str] = {
    "unfinished": "the model did not stop by itself; such a text is not judged further",
    "format": "the text as a whole is not in the subject's language",
    "rule": "the text parses and breaks the subject's rules; its categories are the codes of `bluebook check`",
    "content": "the text says something else than the reference; its categories are those of the subject's comparison",
}


def outcome(grade: Grade) -> str:
    """`no_error`, or the worst kind of the grade's errors."""
    kinds = {error.kind for error in grade.errors}
    return next((kind for kind in KINDS if kind in kinds), CLEAN)


def outcomes(grades: Iterable[Grade]) -> dict[str, int]:
    """How many grades have each outcome, those without any included."""
    counts = dict.fromkeys((CLEAN, *KINDS), 0)
    for grade in grades:
        counts[outcome(grade)] += 1
    return counts


def in_language(grade: Grade) -> bool:
    """Whether the answer, finished and taken as a whole, is in the subject's language."""
    return outcome(grade) not in ("unfinished", "format")
