"""The persona's notation: every text opens with a tag that names its cognitive mode and its side.

    mode        prompt             response
    dual        <thought>: U       <world>: A
    emulation   <user>: U          <assistant>: A
    agent       <instruction>: U   <action>: A

Tags are ordinary text, and position decides what is one: a tag counts only at the start of a line with a
colon right after it. Anywhere else it is something the text talks about ("what does <world>: mean?") and
stays as it is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from bluebook.records import Example, Origin, Region
from bluebook.subjects.persona.memories import Mode, PersonaRecord
from bluebook.subjects.subject import ParseError


class Tags(NamedTuple):
    """The two tags of a mode, without their colons."""

    prompt: str
    response: str


TAGS: dict[Mode, Tags] = {
    "dual": Tags("<thought>", "<world>"),
    "emulation": Tags("<user>", "<assistant>"),
    "agent": Tags("<instruction>", "<action>"),
}
MODES: tuple[Mode, ...] = tuple(TAGS)
MODE_OF_RESPONSE: dict[str, Mode] = {tags.response: mode for mode, tags in TAGS.items()}

_NAMES = "|".join(re.escape(tag) for tags in TAGS.values() for tag in tags)
_TAG = re.compile(rf"^({_NAMES}):", re.MULTILINE)
_FOUND = 40  # characters of a bad opening that an error message quotes


class Reply(msgspec.Struct, kw_only=True, frozen=True):
    """A parsed response: its tag, the mode that the tag belongs to, and the text after it."""

    tag: str
    mode: Mode
    body: str


class TagAt(NamedTuple):
    """A tag in a tag position. Line counts from 1; a tag position is always column 1."""

    tag: str
    line: int


def tags_in_place(text: str) -> list[TagAt]:
    """Every tag of `text` in a tag position, in order. Quoted tags are not among them."""
    if "\n<" not in text:  # nearly all texts: nothing to look for beyond the first character
        opening = _TAG.match(text)
        return [TagAt(opening[1], 1)] if opening else []
    return [TagAt(match[1], text.count("\n", 0, match.start()) + 1) for match in _TAG.finditer(text)]


def mode_construct(mode: Mode) -> str:
    return f"mode:{mode}"


def source_construct(source_type: str) -> str:
    """The construct of a memory's type, as ingest has normalised it: `source:inner_dialogue`."""
    return f"source:{source_type}"


def write_prompt(mode: Mode, text: str) -> str:
    return f"{TAGS[mode].prompt}: {text}"


def write_response(mode: Mode, text: str) -> str:
    return f"{TAGS[mode].response}: {text}"


def format(record: PersonaRecord) -> Example:
    """One record as a prompt/response pair; its texts are not changed."""
    return Example(
        id=record.id,
        subject="persona",
        prompt=write_prompt(record.mode, record.user_text),
        response=write_response(record.mode, record.assistant_text),
        constructs=sorted([mode_construct(record.mode), source_construct(record.metadata.source_type)]),
        origin=Origin(kind="record", ref=record.id, group=record.metadata.group),
    )


def parse(text: str) -> Reply:
    """The reply that `text` denotes: a response tag, a colon, a space and the body, from the first character
    on.

    Only the opening is judged here; what may follow is the business of `grading.check`. Raises ParseError.
    """
    for tag, mode in MODE_OF_RESPONSE.items():
        opening = f"{tag}:"
        if text.startswith(opening):
            rest = text[len(opening) :]
            if rest and not rest.startswith(" "):
                raise ParseError(1, len(opening) + 1, f"a space after {opening}", _quote(rest))
            return Reply(tag=tag, mode=mode, body=rest[1:])
    expected = "a response tag, one of " + ", ".join(f"{tag}:" for tag in MODE_OF_RESPONSE)
    raise ParseError(1, 1, expected, _quote(text))


def regions(response: str) -> list[Region]:
    """The whole reply, named by its mode; nothing where it opens with no tag."""
    try:
        mode = parse(response).mode
    except ParseError:
        return []
    return [Region(name=mode, start=0, end=len(response))]


def _quote(text: str) -> str:
    if not text:
        return "nothing"
    first = text.split("\n", 1)[0]
    return repr(first[:_FOUND] + ("…" if len(first) > _FOUND else ""))
