"""A conversation inside one string: who said what.

Two kinds. A *transcript* opens with a speaker's label (`User: … Assistant: …`, `**Q:** … **A:** …`); a label
counts only at the start of a line and only next to the label it belongs with, so a reply that lists answers
`A: …` stays whole. A *chat export* has one message a line, each with a time, an arrow or both
(`[Mar 3, 08:10] ← Jonas: …`); there the persona is the one who exported it, and nobody else's words may
become its voice.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import msgspec

Role = Literal["user", "assistant", "other"]


class Turn(msgspec.Struct, frozen=True, gc=False):  # a fifth of a named tuple's time
    """`other` is neither side: a system prompt, a tool's output."""

    role: Role
    text: str


class _Labels(NamedTuple):
    """Labels that belong together: who asks, who replies, and who is neither."""

    asks: tuple[str, ...]
    replies: tuple[str, ...]
    others: tuple[str, ...] = ()

    def role(self, label: str) -> Role:
        return "user" if label in self.asks else "assistant" if label in self.replies else "other"


_TALK = _Labels(
    ("user", "human", "me", "you", "customer"),
    ("assistant", "ai", "ai assistant", "bot", "chatbot", "model", "persona", "agent", "gpt", "chatgpt"),
    ("system", "tool", "function", "tool result", "tool output"),
)
_FAMILIES = (
    _TALK,
    _Labels(("question", "q"), ("answer", "a")),
    _Labels(("prompt", "input"), ("response", "reply", "completion", "output")),
)


def _label(names: tuple[str, ...], start: str) -> re.Pattern[str]:
    """`User:`, `**User:**`, `### User:`, `[User]:`, `User (10:02):` and the blank after it."""
    any_name = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.compile(
        rf"{start}[ \t]*(?:#{{1,6}}[ \t]+)?[*_]{{0,2}}[\[(]?({any_name})[\])]?(?:[ \t]*\([^)\n]{{1,30}}\))?"
        r"[*_]{0,2}[ \t]*[:：][*_]{0,2}[ \t]?",
        re.IGNORECASE,
    )


# A line starts with a newline, in a text that is given one in front; `(?m)^` would be tried everywhere.
_LINE = r"\n"
_OF_LABEL = {
    name: (family, _label(family.asks + family.replies + family.others, _LINE))
    for family in _FAMILIES
    for name in family.asks + family.replies + family.others
}
_OPENING = _label(tuple(_OF_LABEL), r"\s*")
_ASKING = _label(tuple(name for family in _FAMILIES for name in family.asks), r"\s*")
_NAMED = re.compile(r"\n[ \t]*([A-Z][\w'’.-]{1,19}(?: [A-Z][\w'’.-]{1,19})?)[ \t]*:[ \t]+")
_REPLYING = _label(("assistant", "ai"), _LINE)
_INLINE = re.compile(r"\s(Assistant|AI):[ \t]")
_QUOTES = {'"': '"', "\u201c": "\u201d", "\u00ab": "\u00bb", "\u201e": "\u201c"}
_STRAIGHT = re.compile(r'(?P<opens>(?<![^\s(\[])"(?=\S))|"')


def turns_of_transcript(text: str) -> list[Turn]:
    """The turns of a transcript; none where `text` has not two sides."""
    if not _has_colon(text):  # a tenth of the time of the patterns, and true of most texts
        return []
    opening = _OPENING.match(text)
    lines = f"\n{text.lstrip()}"
    if opening is None:
        named = _NAMED.match(lines) if ":" in text[:60] else None
        return _with_named_user(lines, named[1]) if named and _REPLYING.search(lines) else []
    name = opening[1].lower()
    family, anywhere = _OF_LABEL[name]
    marks = [
        (match.start(), match.end(), family.role(match[1].lower())) for match in anywhere.finditer(lines)
    ]
    if name in {"user", "human"} and "assistant" not in {role for _, _, role in marks}:
        marks = _with_named_reply(lines, marks)
    return _cut(lines, marks)


_Mark = tuple[int, int, Role]


def _cut(lines: str, marks: list[_Mark]) -> list[Turn]:
    if not {"user", "assistant"} <= {role for _, _, role in marks}:
        return []
    ends = [start for start, _, _ in marks[1:]] + [len(lines)]
    return [
        Turn(role, lines[start:end].strip("\r\n")) for (_, start, role), end in zip(marks, ends, strict=True)
    ]


def _with_named_user(lines: str, name: str) -> list[Turn]:
    """`Ana: … Assistant: …`: the one who is not the assistant asks."""
    marks: list[_Mark] = [
        (match.start(), match.end(), "user") for match in _label((name,), _LINE).finditer(lines)
    ]
    marks += [(match.start(), match.end(), "assistant") for match in _REPLYING.finditer(lines)]
    return _cut(lines, sorted(marks))


def _with_named_reply(lines: str, marks: list[_Mark]) -> list[_Mark]:
    """`User: … Nova: …`: a user's label and one other name; or both labels on one line."""
    known = {start for start, _, _ in marks}
    named = [match for match in _NAMED.finditer(lines) if match.start() not in known]
    if len({match[1] for match in named}) == 1:
        return sorted([*marks, *((match.start(), match.end(), "assistant") for match in named)])
    inline = _INLINE.search(lines)
    return [*marks, (inline.start(), inline.end(), "assistant")] if inline and len(marks) == 1 else marks


def without_label(text: str) -> str:
    """One side's text without the label that an old writer put before it: `Me: "call Ana"` is `call Ana`."""
    label = _ASKING.match(text) if _has_colon(text) else None
    if label is None:
        return text
    said = text[label.end() :].strip()
    return (said[1:-1] if _is_quoted(said) else said) or text


def _has_colon(text: str) -> bool:
    return ":" in text or "：" in text


def _is_quoted(said: str) -> bool:
    """Do the first and the last mark quote the whole? In `"yes" and "no"` they do not."""
    if len(said) < 3 or _QUOTES.get(said[0]) != said[-1]:
        return False
    if said[0] != '"':
        return said[0] not in said[1:-1]
    depth = 0
    for mark in _STRAIGHT.finditer(said, 1, len(said) - 1):
        depth += 1 if mark["opens"] else -1
        if depth < 0:
            return False
    return depth == 0


# --- Chat exports -------------------------------------------------------------------------------------------

_TIME = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:Z|[\s\u202f]?[ap]\.?m\.?)?"
_DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
_STAMP = rf"[\[(][^\])\n]{{0,30}}{_TIME}[^\])\n]{{0,12}}[\])]|{_DATE}(?:,?[ \u202f]|T){_TIME}|{_TIME}"
_ARROW = r"[\u2190\u2192\u21d0\u21d2\u2b05\u27a1]\ufe0f?|<-+|-+>|<<|>>"
_SPEAKER = r"[ \t]*(?P<name>[^:\n]{1,40}?)[ \t]*:[ \t]"
_DASH = r"(?:[-\u2013\u2014][ \t]+)?"
_MESSAGE = re.compile(
    rf"(?i)\n[\u200e\u200f]?(?:(?:{_STAMP})[ \t]*{_DASH}(?P<arrow>{_ARROW})?|(?P<bare>{_ARROW})){_SPEAKER}"
)
_PLAIN_MESSAGE = re.compile(rf"\n{_SPEAKER}")
_BEGINS = re.compile(r"(?i)\n[-=*# \t]*(?:conversation|messages|chat)[-=*# \t]*(?=\n)")
_OUTGOING = frozenset("\u2192\u21d2\u27a1")
_SELF = frozenset({"me", "myself", "you", "i"})
_NO_WORDS = re.compile(
    r"(?i)^[\u200e<\[(]*(?:media|image|video|audio|voice message|sticker|gif|document|photo|contact card)"
    r"s? (?:omitted|attached|not included)[>\])]*$|^(?:this message was|you) deleted(?: this message)?\.?$"
    r"|^messages and calls are end-to-end encrypted|^missed (?:voice|video) call"
)


def turns_of_chat_export(text: str, *, declared: bool) -> list[Turn] | None:
    """The messages of a chat export, the exporter's own as `assistant`; None where `text` is no chat export.

    `declared` says that the metadata call it one; then a bare `Jonas: …` is a message too. An empty list
    means that nobody in it is the exporter."""
    lines = f"\n{text}"
    found = list(_MESSAGE.finditer(lines))
    if len(found) < 2:
        begins = _BEGINS.search(lines)
        if not declared and begins is None:
            return None
        found = list(_PLAIN_MESSAGE.finditer(lines, begins.end() if begins else 0))
    own = list(map(_is_own, found))
    if not any(own):  # the log of a talk with an assistant, its times included
        own = [_name(match) in _TALK.replies for match in found]
    if not any(own):
        return []
    ends = [match.start() for match in found[1:]] + [len(lines)]
    said: list[Turn] = []
    for match, end, mine in zip(found, ends, own, strict=True):
        words = lines[match.end() : end].strip("\r\n")
        if not _NO_WORDS.match(words):
            said.append(Turn("assistant" if mine else "user", words))
    return said


def _is_own(message: re.Match[str]) -> bool:
    groups = message.groupdict()
    arrow = groups.get("arrow") or groups.get("bare")
    if arrow:
        return arrow[0] in _OUTGOING or arrow.endswith(">")
    return _name(message) in _SELF


def _name(message: re.Match[str]) -> str:
    return message["name"].strip(" *_~").lower()


def joined(turns: list[Turn]) -> list[Turn]:
    """Neighbours of one role as one turn, their texts on lines of their own."""
    result: list[Turn] = []
    for turn in turns:
        if result and result[-1].role == turn.role:
            result[-1] = Turn(turn.role, f"{result[-1].text}\n{turn.text}")
        else:
            result.append(turn)
    return result
