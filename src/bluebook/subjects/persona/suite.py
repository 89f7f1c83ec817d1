"""What the persona demands of a dataset before anything is trained on it.

The rules read the rows that the trainer will read, not the records they came from. JSON integrity, token budget,
duplicates, overlap and the number of samples are the same for every subject and live in the generic gate.
"""

from __future__ import annotations

from bluebook.params import Struct
from bluebook.records import DatasetRow
from bluebook.subjects.persona.control import neutralise
from bluebook.subjects.persona.filler import has_filler
from bluebook.subjects.persona.grading import word_count
from bluebook.subjects.persona.notation import MODES, TAGS, Mode, parse, tags_in_place
from bluebook.subjects.persona.redaction import redact
from bluebook.subjects.subject import ParseError, RowRule, ShareRule, Suite


class ExpectPolicy(Struct):
    """`subjects.persona.expect` in params.yaml."""

    mode_share: float  # each mode's share of the rows, at least
    short_share: float  # share of replies of at most short_words, at least
    short_words: int


def expectations(policy: ExpectPolicy) -> Suite:
    """The persona's part of the gate."""
    return Suite(
        rows=(
            RowRule("own_tags", "prompt and reply open with the two tags of one mode, and neither is empty", _own_tags),
        )
    )
