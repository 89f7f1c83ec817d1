"""A conversation inside one string: who said what.

Two kinds. A *transcript* opens with a speaker's label (`User: … Assistant: …`, `Q: … A: …`); a label counts only at the
start of a line and only next to the label it belongs with, so a reply that lists `A: first` stays whole. A *chat
export* has one message a line, each with a time, an arrow or both (`[Mar 3, 08:10] ← Jonas: …`); there the persona is
the one who exported it, and nobody else's words may become its voice.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Role = Literal["user", "assistant", "other"]


class Turn(NamedTuple):
    """`other` is neither side: a system prompt, a tool's output."""

    role: Role
    text: str


# Labels that belong together: who asks, who replies, and who is neither.
_FAMILIES: tuple[tuple[str, str, str], ...] = (
    (
        "user|human|me|you|customer",
        "assistant|ai|ai assistant|bot|chatbot|model|persona|agent|gpt|chatgpt|claude",
        "system|tool|function|tool result|tool output|context",
    ),
    ("question|q", "answer|a", ""),
    ("prompt|input", "response|reply|completion|output", ""),
)
_BOLD = r"(?:\*\*|__)?"


def _pattern(names: str, *, start: str) -> re.Pattern[str]:
    return re.compile(rf"{start}[ \t]*{_BOLD}({names}){_BOLD}[ \t]*:{_BOLD}[ \t]?", re.IGNORECASE)


def _joined(*names: str) -> str:
    return "|".join(sorted("|".join(filter(None, names)).split("|"), key=len, reverse=True))


class _Labels(NamedTuple):
    asks: frozenset[str]
    replies: frozenset[str]
    anywhere: re.Pattern[str]


_OF_LABEL: dict[str, _Labels] = {}
for _family in _FAMILIES:
    _labels = _Labels(
        frozenset(_family[0].split("|")), frozenset(_family[1].split("|")), _pattern(_joined(*_family), start="(?m:^)")
    )
    _OF_LABEL.update({name: _labels for name in _joined(*_family).split("|")})
_OPENING = _pattern(_joined(*(name for family in _FAMILIES for name in family)), start=r"\s*")
_ASKING = _pattern(_joined(*(family[0] for family in _FAMILIES)), start=r"\s*")
_QUOTES = {'"': '"', "\u201c": "\u201d", "\u00ab": "\u00bb", "\u201e": "\u201c"}


def turns_of_transcript(text: str) -> list[Turn]:
    """The turns of a transcript; none where `text` does not open with a speaker's label."""
    opening = _OPENING.match(text)
    if opening is None:
        return []
    labels = _OF_LABEL[opening[1].lower()]
    found = list(labels.anywhere.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [
        Turn(_role(match[1].lower(), labels), text[match.end() : end].strip("\r\n"))
        for match, end in zip(found, ends, strict=True)
    ]


def _role(label: str, labels: _Labels) -> Role:
    if label in labels.asks:
        return "user"
    return "assistant" if label in labels.replies else "other"


def without_label(text: str) -> str:
    """One side's text without the label that an old writer put before it: `Me: "call Ana"` is `call Ana`."""
    label = _ASKING.match(text)
    if label is None:
        return text
    said = text[label.end() :].strip()
    if len(said) > 1 and _QUOTES.get(said[0]) == said[-1] and said[0] not in said[1:-1]:
        said = said[1:-1]
    return said or text


_TIME = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[\s\u202f]?[ap]\.?m\.?)?"
_DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
_STAMP = rf"(?:\[[^\]\n]{{0,30}}{_TIME}[^\]\n]{{0,12}}\]|{_DATE},?[ T\u202f]{_TIME}|{_TIME})"
_ARROW = r"[\u2190\u2192\u21d0\u21d2\u2b05\u27a1]\ufe0f?|<-+|-+>|<<|>>"
_MESSAGE = re.compile(
    rf"(?mi)^[\u200e\u200f]?(?:(?P<stamp>{_STAMP})[ \t]*(?:[-\u2013\u2014][ \t]+)?(?P<arrow>{_ARROW})?|(?P<bare>{_ARROW}))"
    r"[ \t]*(?P<name>[^:\n]{1,40}?)[ \t]*:[ \t]"
)
_OUTGOING = frozenset("\u2192\u21d2\u27a1")
_SELF = frozenset({"me", "myself", "you", "i"})
_ASSISTANTS = frozenset(_FAMILIES[0][1].split("|"))
_NO_WORDS = re.compile(
    r"(?i)^[\u200e<\[(]*(?:media|image|video|audio|voice message|sticker|gif|document|photo|contact card|attachment)"
    r"s? (?:omitted|attached|not included)[>\])]*$|^(?:this message was|you) deleted(?: this message)?\.?$"
    r"|^messages and calls are end-to-end encrypted|^missed (?:voice|video) call"
)


def turns_of_chat_export(text: str) -> list[Turn] | None:
    """The messages of a chat export, the exporter's own as `assistant`; None where `text` is no chat export.

    An empty list means that nobody in it is the exporter."""
    found = list(_MESSAGE.finditer(text))
    if len(found) < 2:
        return None
    ends = [match.start() for match in found[1:]] + [len(text)]
    own = list(map(_is_own, found))
    if not any(own):  # the log of a talk with an assistant, its times included
        own = [_name(match) in _ASSISTANTS for match in found]
    if not any(own):
        return []
    said: list[Turn] = []
    for match, end, mine in zip(found, ends, own, strict=True):
        words = text[match.end() : end].strip("\r\n")
        if not _NO_WORDS.match(words):
            said.append(Turn("assistant" if mine else "user", words))
    return said


def _is_own(message: re.Match[str]) -> bool:
    arrow = message["arrow"] or message["bare"]
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
