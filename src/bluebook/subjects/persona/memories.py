"""What goes in and what comes out when episodic memories are read: the policy, the record and the ledger's
reasons.

A memory is one file. It ends as exactly one line of the ledger and as none, one or several records, each of
them a pair of texts in one cognitive mode.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from bluebook.params import Struct
from bluebook.records import Record

Mode = Literal["dual", "emulation", "agent"]


class IngestPolicy(Struct, frozen=True):
    """`subjects.persona.ingest` of params.yaml. A word is what lies between spaces."""

    short_words: Annotated[int, msgspec.Meta(ge=1)]
    max_words: Annotated[int, msgspec.Meta(ge=1)]
    max_sentences: Annotated[int, msgspec.Meta(ge=1)]
    long_words: Annotated[int, msgspec.Meta(ge=1)]
    long_share: Annotated[float, msgspec.Meta(ge=0.0, le=0.10)]
    max_bytes: Annotated[int, msgspec.Meta(ge=1)]


class RecordMetadata(msgspec.Struct, kw_only=True):
    """Where a pair came from and what curation did to it.

    `group` names the conversation, so that its pairs end on one side of a split; it is a hash, because ids of
    real conversations hold names and telephone numbers. `position` counts the pairs of one file from 0.
    """

    original_id: str | None
    path: str
    position: int
    group: str
    source_type: str
    mode_source: str
    multi_turn: bool
    long_output: bool
    redactions: list[str]
    neutralised: list[str]
    changes: list[str]


class PersonaRecord(Record, kw_only=True):
    """One pair of texts. Its id is made from both texts, so that equal ids are exactly the duplicates."""

    mode: Mode
    user_text: str
    assistant_text: str
    metadata: RecordMetadata


class Reason(StrEnum):
    """Why a memory gave no record: the ledger's fixed word list, by outcome."""

    # quarantined: the file cannot be read
    EMPTY_FILE = "empty_file"
    ENCRYPTED = "encrypted"
    NOT_TEXT = "not_text"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    NESTED_TOO_DEEPLY = "nested_too_deeply"
    MALFORMED_PACK_LINE = "malformed_pack_line"
    LINK = "link"
    UNREADABLE = "unreadable"

    # dropped: it can be read and must not be taught
    NOT_A_MEMORY = "not_a_memory"
    TOO_LARGE = "too_large"
    EMPTY_FIELD = "empty_field"
    WRONG_TYPE = "wrong_type"
    DISCARDED = "discarded"
    FEEDBACK = "feedback"
    NEGATIVE_FEEDBACK = "negative_feedback"
    SELF_NOTIFICATION = "self_notification"
    SYSTEM_ARTIFACT = "system_artifact"
    REFUSAL = "refusal"
    GARBAGE = "garbage"
    ONE_WORD = "one_word"
    NOTHING_LEFT = "nothing_left"
    REPLY_TOO_LONG = "reply_too_long"
    LONG_FORM_QUOTA = "long_form_quota"

    # unpaired: one side is missing
    MONOLOGUE = "monologue"
    NO_REPLY = "no_reply"
    NO_PROMPT = "no_prompt"
    TOOL_EVENT = "tool_event"
    TASK = "task"
    NO_OWN_VOICE = "no_own_voice"

    # duplicate
    DUPLICATE = "duplicate"

    # kept, and yet worth a look
    UNKNOWN_TYPE = "unknown_type"
    REPEATED_PATH = "repeated_path"


Lost = Literal["dropped", "duplicate", "unpaired", "quarantined"]

_QUARANTINED = frozenset(
    {
        Reason.EMPTY_FILE,
        Reason.ENCRYPTED,
        Reason.NOT_TEXT,
        Reason.NOT_JSON,
        Reason.NOT_AN_OBJECT,
        Reason.NESTED_TOO_DEEPLY,
        Reason.MALFORMED_PACK_LINE,
        Reason.LINK,
        Reason.UNREADABLE,
    }
)
_UNPAIRED = frozenset(
    {
        Reason.MONOLOGUE,
        Reason.NO_REPLY,
        Reason.NO_PROMPT,
        Reason.TOOL_EVENT,
        Reason.TASK,
        Reason.NO_OWN_VOICE,
    }
)


def outcome_of(reason: Reason | None) -> Lost:
    """The outcome of a file that gave no record for this reason."""
    if reason in _QUARANTINED:
        return "quarantined"
    if reason in _UNPAIRED:
        return "unpaired"
    return "duplicate" if reason is Reason.DUPLICATE else "dropped"
