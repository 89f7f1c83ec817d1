"""One pair as it was said to one pair as it is taught. Pure: the same pair and policy give the same result.

    user        injected context out, secrets and control tokens replaced; else byte for byte
    assistant   secrets and control tokens replaced, filler out, trimmed at sentence ends

A reply has up to two forms. The `short` one is what an ordinary record holds: at most `max_sentences` sentences within
`short_words`. Where even the first sentence is longer, the reply is long by necessity (`forced`) and may go up to
`max_words`. The `long` form, up to `long_words`, is for records that the long-form quota chooses.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from enum import StrEnum

import msgspec

from bluebook.subjects.persona.context import strip_injected
from bluebook.subjects.persona.control import neutralise
from bluebook.subjects.persona.filler import strip_filler
from bluebook.subjects.persona.memories import IngestPolicy, Reason
from bluebook.subjects.persona.noise import rejection
from bluebook.subjects.persona.redaction import redact
from bluebook.subjects.persona.sentences import trim

MAX_CHARACTERS = 50_000  # no writer stores a longer text; beyond it something went wrong


class Change(StrEnum):
    """What curation did to a pair; people see it beside a record."""

    CONTEXT_STRIPPED = "context_stripped"
    CONTEXT_MERGED = "context_merged"
    SECRETS_REPLACED = "secrets_replaced"
    TOKENS_NEUTRALISED = "tokens_neutralised"
    FILLER_REMOVED = "filler_removed"
    TRIMMED = "trimmed"


class Curated(msgspec.Struct, kw_only=True):
    """A pair ready for a record. `before_*` are the raw texts, secrets replaced, where they differ from the result."""

    user: str
    reply: str
    forced: bool
    long: str | None
    redactions: list[str]
    neutralised: list[str]
    changes: list[str]
    before_user: str | None
    before_reply: str | None


def clean_user(text: str) -> str:
    """The user's own words: without the blocks that a program put before them."""
    return strip_injected(text)


def curate(raw_user: str, user: str, assistant: str, policy: IngestPolicy) -> Curated | Reason:
    """The pair as it is taught, or why it must not be. `user` is `raw_user` after `clean_user` and merging."""
    if len(user) > MAX_CHARACTERS or len(assistant) > MAX_CHARACTERS:
        return Reason.TOO_LARGE
    if not user.strip():
        return Reason.NOTHING_LEFT
    rejected = rejection(user, assistant)
    if rejected is not None:
        return Reason(rejected)
    redacted_user, user_secrets = redact(user)
    safe_user, user_tokens = neutralise(redacted_user)
    redacted_reply, reply_secrets = redact(assistant)
    safe_reply, reply_tokens = neutralise(redacted_reply)
    spoken = strip_filler(safe_reply)
    if not spoken.strip():
        return Reason.NOTHING_LEFT
    forms = _forms(spoken, policy)
    if forms is None:
        return Reason.REPLY_TOO_LONG
    reply, forced, long = forms
    changes: list[str] = []
    if user is not raw_user:
        changes.append(Change.CONTEXT_STRIPPED)
    if user_secrets or reply_secrets:
        changes.append(Change.SECRETS_REPLACED)
    if user_tokens or reply_tokens:
        changes.append(Change.TOKENS_NEUTRALISED)
    if spoken != safe_reply:
        changes.append(Change.FILLER_REMOVED)
    if len(reply) != len(spoken):
        changes.append(Change.TRIMMED)
    return Curated(
        user=safe_user,
        reply=reply,
        forced=forced,
        long=long,
        redactions=sorted({*user_secrets, *reply_secrets}) if user_secrets or reply_secrets else [],
        neutralised=sorted({*user_tokens, *reply_tokens}) if user_tokens or reply_tokens else [],
        changes=changes,
        before_user=neutralise(redact(raw_user).text).text if user is not raw_user else None,
        before_reply=safe_reply if reply is not safe_reply and reply != safe_reply else None,
    )


def words(text: str) -> int:
    return len(text.split())


def _forms(spoken: str, policy: IngestPolicy) -> tuple[str, bool, str | None] | None:
    """The ordinary reply, whether it is long by necessity, and the long form where that is another text."""
    if len(spoken) < 2 * policy.short_words or words(spoken) <= policy.short_words:
        return spoken, False, None
    short = trim(spoken, policy.max_sentences, policy.short_words)
    forced = words(short) > policy.short_words
    if forced:
        short = trim(spoken, policy.max_sentences, policy.max_words)
        return (short, True, None) if words(short) <= policy.long_words else None
    long = trim(spoken, len(spoken), policy.long_words)
    return short, False, long if words(long) > policy.short_words else None


# --- Identity -----------------------------------------------------------------------------------------------------

_ASCII_PUNCTUATION = bytes(c for c in range(128) if chr(c) in "!\"#&'()*,-./:;?@[\\]_`{|}~")
_FIGURES = re.compile(r"\d[^\w\s]\d")


def identify(user: str, reply: str) -> str:
    """The record's id: a hash of both texts with case, punctuation and space folded. Equal ids are duplicates."""
    pair = f"{normalise(user)}\n{normalise(reply)}"
    return "m-" + hashlib.blake2b(pair.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def normalise(text: str) -> str:
    """Lower case, words parted by one space, no punctuation; `3.5` stays apart from `35`. A text of nothing but
    punctuation or symbols keeps them, so that such texts do not all become one."""
    if text.isascii() and not _FIGURES.search(text):
        plain = text.lower().encode().translate(None, _ASCII_PUNCTUATION).decode()
    else:
        folded = unicodedata.normalize("NFKC", text).casefold()
        plain = "".join(
            c
            for i, c in enumerate(folded)
            if not unicodedata.category(c).startswith(("P", "C"))
            or c.isspace()
            or (folded[i - 1 : i].isdigit() and folded[i + 1 : i + 2].isdigit())
        )
    return " ".join(plain.split()) or " ".join(text.split())
