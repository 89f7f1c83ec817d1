"""One pair as it was said to one pair as it is taught. Pure: the same pair and policy give the same result.

    user        secrets and control tokens replaced; else byte for byte
    assistant   secrets and control tokens replaced, filler out, trimmed at sentence ends

A reply within `short_words` stays as it is. A longer one is cut to `max_sentences` within `short_words`;
where even its first sentence is longer, it is long by necessity (`FORCED`), up to `max_words`. Where
the long-form quota chooses a reply, it may have `long_words`, again up to a sentence's end.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from bluebook.subjects.persona.control import neutralise
from bluebook.subjects.persona.filler import strip_filler
from bluebook.subjects.persona.memories import IngestPolicy, Mode, Reason
from bluebook.subjects.persona.noise import rejection
from bluebook.subjects.persona.pairs import MAX_CHARACTERS, Pair
from bluebook.subjects.persona.quota import Form
from bluebook.subjects.persona.redaction import redact
from bluebook.subjects.persona.sentences import trim

_WORD = re.compile(r"\w+")


class Change(StrEnum):
    """What curation did to a pair; people see it beside a record."""

    CONTEXT_STRIPPED = "context_stripped"
    CONTEXT_MERGED = "context_merged"
    SECRETS_REPLACED = "secrets_replaced"
    TOKENS_NEUTRALISED = "tokens_neutralised"
    FILLER_REMOVED = "filler_removed"
    TRIMMED = "trimmed"
    LONG_FORM = "long_form"


class Curated(msgspec.Struct, array_like=True, gc=False):
    """A pair ready for a record. `whole` is the reply before trimming, where it may become a long one.
    `before_*` are the raw texts, secrets replaced, where curation changed more than that."""

    user: str
    reply: str
    form: Form
    whole: str | None
    redactions: list[str]
    neutralised: list[str]
    changes: list[str]
    before_user: str | None
    before_reply: str | None


def curate(pair: Pair, mode: Mode, policy: IngestPolicy) -> Curated | Reason:
    """The pair as it is taught, or why it must not be."""
    user, assistant = pair.user, pair.assistant
    if len(user) > MAX_CHARACTERS or len(assistant) > MAX_CHARACTERS:
        return Reason.TOO_LARGE
    if not user.strip():
        return Reason.NOTHING_LEFT
    rejected = rejection(user, assistant, mode)
    if rejected is not None:
        return Reason(rejected)
    user, user_secrets, user_tokens = _safe(user)
    before, reply_secrets, reply_tokens = _safe(assistant)
    spoken = strip_filler(before)
    if spoken != before:
        spoken = neutralise(spoken).text  # what stood between two halves of a token may be gone
    if not spoken.strip():
        return Reason.NOTHING_LEFT
    reply, form = shortened(spoken, policy)
    if words(reply) > policy.long_words:
        return Reason.REPLY_TOO_LONG
    changes: list[str] = []
    stripped = pair.user != pair.said
    if stripped:
        changes.append(Change.CONTEXT_STRIPPED)
    if pair.leaning:
        changes.append(Change.CONTEXT_MERGED)
    if user_secrets or reply_secrets:
        changes.append(Change.SECRETS_REPLACED)
    if user_tokens or reply_tokens:
        changes.append(Change.TOKENS_NEUTRALISED)
    if spoken != before:
        changes.append(Change.FILLER_REMOVED)
    if len(reply) != len(spoken):
        changes.append(Change.TRIMMED)
    return Curated(
        user,
        reply,
        form,
        spoken if form is Form.REALLY_LONG or form is Form.LONGISH else None,
        sorted({*user_secrets, *reply_secrets}) if user_secrets or reply_secrets else [],
        sorted(set(map(_token_name, (*user_tokens, *reply_tokens)))) if user_tokens or reply_tokens else [],
        changes,
        _safe(pair.said)[0] if stripped else None,
        before if reply != before else None,
    )


def _safe(text: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Without secrets, then without control tokens: replacing a secret could put the halves of a token
    together."""
    redacted = redact(text)
    neutralised = neutralise(redacted.text)
    return neutralised.text, redacted.kinds, neutralised.tokens


def _token_name(token: str) -> str:
    """A control token's name without its brackets: the token itself must not be in a record's metadata
    either."""
    return "_".join(_WORD.findall(token)).lower() or "token"


def words(text: str) -> int:
    return len(text.split())


def shortened(spoken: str, policy: IngestPolicy) -> tuple[str, Form]:
    """The ordinary reply. One within `short_words` stays as it is."""
    count = 0 if len(spoken) < 2 * policy.short_words else words(spoken)
    if count <= policy.short_words:
        return spoken, Form.SHORT
    reply = _trim(spoken, policy, policy.short_words)
    if words(reply) > policy.short_words:
        return _trim(spoken, policy, policy.max_words), Form.FORCED
    return reply, Form.REALLY_LONG if count > policy.max_words else Form.LONGISH


def lengthen(curated: Curated, policy: IngestPolicy) -> None:
    """Give a pair that the quota chose the long form of its reply."""
    if curated.whole is None:
        return
    limit = policy.long_words
    reply = trim(curated.whole, max_sentences=limit, max_words=limit, prefer_words=limit)
    if words(reply) > policy.short_words:
        whole = len(reply) == len(curated.whole)
        kept = [change for change in curated.changes if change != Change.TRIMMED or not whole]
        curated.reply, curated.changes = reply, [*kept, Change.LONG_FORM]


def _trim(text: str, policy: IngestPolicy, prefer: int) -> str:
    return trim(text, max_sentences=policy.max_sentences, max_words=policy.max_words, prefer_words=prefer)
