"""One pair as it was said to one pair as it is taught. Pure: the same pair and policy give the same result.

    user        secrets and control tokens replaced; else byte for byte
    assistant   secrets and control tokens replaced, filler out, trimmed at sentence ends

A reply has up to two forms. The `short` one is what an ordinary record holds: at most `max_sentences`
sentences within `short_words`. Where even the first sentence is longer, the reply is long by necessity
(`forced`) and may go up to `max_words`. The `long` form, up to `long_words`, is for records that the
long-form quota chooses.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from enum import StrEnum
from typing import NamedTuple

import msgspec
from bluebook.subjects.persona.noise import rejection

from bluebook.subjects.persona.control import neutralise
from bluebook.subjects.persona.filler import strip_filler
from bluebook.subjects.persona.memories import IngestPolicy, Mode, Reason
from bluebook.subjects.persona.pairs import Pair
from bluebook.subjects.persona.quota import Form
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
    LONG_FORM = "long_form"


class Curated(msgspec.Struct, array_like=True):
    """A pair ready for a record. `long_changes` are the changes of the long form. `before_*` are the raw
    texts, secrets replaced, where curation changed more than that."""

    user: str
    reply: str
    form: Form
    long: str | None
    redactions: list[str]
    neutralised: list[str]
    changes: list[str]
    long_changes: list[str]
    before_user: str | None
    before_reply: str | None


class _Forms(NamedTuple):
    reply: str
    form: Form
    long: str | None = None


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
    if not spoken.strip():
        return Reason.NOTHING_LEFT
    forms = _forms(spoken, policy)
    if forms is None:
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
    long_changes = [*changes, Change.LONG_FORM] if forms.long is not None or forms.form is Form.FORCED else []
    if forms.long is not None and len(forms.long) != len(spoken):
        long_changes.append(Change.TRIMMED)
    if len(forms.reply) != len(spoken):
        changes.append(Change.TRIMMED)
    return Curated(
        user,
        forms.reply,
        forms.form,
        forms.long,
        sorted({*user_secrets, *reply_secrets}) if user_secrets or reply_secrets else [],
        sorted({*map(_token_name, user_tokens), *map(_token_name, reply_tokens)}),
        changes,
        long_changes,
        _safe(pair.said)[0] if stripped else None,
        before if forms.reply != before else None,
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


def _forms(spoken: str, policy: IngestPolicy) -> _Forms | None:
    """The ordinary reply and, where there is one, the long form; None where no sentence end comes in time."""
    count = 0 if len(spoken) < 2 * policy.short_words else words(spoken)
    if count <= policy.short_words:
        return _Forms(spoken, Form.SHORT)
    short = _trim(spoken, policy, policy.short_words)
    if words(short) > policy.short_words:
        forced = _trim(spoken, policy, policy.max_words)
        return _Forms(forced, Form.FORCED) if words(forced) <= policy.long_words else None
    long = trim(spoken, max_sentences=count, max_words=policy.long_words, prefer_words=policy.long_words)
    if words(long) <= policy.short_words:
        return _Forms(short, Form.SHORT)
    return _Forms(short, Form.REALLY_LONG if count > policy.max_words else Form.LONGISH, long)


def _trim(text: str, policy: IngestPolicy, prefer: int) -> str:
    return trim(text, max_sentences=policy.max_sentences, max_words=policy.max_words, prefer_words=prefer)


# --- Identity -----------------------------------------------------------------------------------------------

_PUNCTUATION = "!\"#&'()*,-./:;?@[\\]_`{|}~"
_BLANKS = bytes(c for c in range(128) if chr(c).isspace())
_FOLDED = bytes.maketrans(bytes(range(65, 91)) + _BLANKS, bytes(range(97, 123)) + b" " * len(_BLANKS))
_NO_DIGITS = bytes(c for c in range(128) if not chr(c).isdigit())
# What most often keeps an English text from being plain ASCII.
_TYPOGRAPHIC = tuple(mark.encode() for mark in "’‘“”—–…⸺·«»")
_WORD = re.compile(r"\w+")
_FIGURE = re.compile(rf"\d[{re.escape(_PUNCTUATION)}]\d".encode())
_LOOSE = re.compile(rf"(?<!\d)[{re.escape(_PUNCTUATION)}]+|[{re.escape(_PUNCTUATION)}]+(?!\d)")


def identify(user: str, reply: str) -> str:
    """The record's id: a hash of both texts with case, punctuation and space folded. Equal ids are duplicates."""
    pair = b"%s\n%s" % (normalise(user), normalise(reply))
    return "m-" + hashlib.blake2b(pair, digest_size=10).hexdigest()


def normalise(text: str) -> bytes:
    """Lower case, words parted by one space, no punctuation; `3.5` stays apart from `35`. A text of nothing but
    punctuation keeps it, so that such texts do not all become one."""
    plain = text.encode("utf-8", "surrogatepass")
    if not plain.isascii():
        for mark in _TYPOGRAPHIC:
            plain = plain.replace(mark, b"")
        if not plain.isascii():
            return _other_scripts(text)
    if len(plain.translate(None, _NO_DIGITS)) > 1 and _FIGURE.search(plain):
        plain = _LOOSE.sub("", plain.decode()).encode().translate(_FOLDED)
    else:
        plain = plain.translate(_FOLDED, _PUNCTUATION.encode())
    while b"  " in plain:
        plain = plain.replace(b"  ", b" ")
    return plain.strip() or " ".join(text.split()).encode()


class _Spoken(dict[int, int | None]):
    """For `str.translate`: without punctuation, control and format characters. Fills up with what it meets."""

    def __missing__(self, code: int) -> int | None:
        c = chr(code)
        spoken = c.isspace() or c in _PUNCTUATION or unicodedata.category(c)[0] not in {"P", "C"}
        self[code] = code if spoken else None
        return self[code]


_SPOKEN = _Spoken()


def _other_scripts(text: str) -> bytes:
    """The same for any script. Marks belong to their letters; symbols and emoji count as what they are."""
    spoken = unicodedata.normalize("NFKC", text).casefold().translate(_SPOKEN)
    plain = " ".join(_LOOSE.sub("", spoken).split())
    return (plain or " ".join(text.split())).encode("utf-8", "surrogatepass")
