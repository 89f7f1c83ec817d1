"""Examples that are valid by construction: every mode, every type of memory, everyday English.

Two uses. The embedded base learns from many thousands of them what English is made of before it sees a
memory, so they draw on many words and many ways to build a sentence; and lessons begin as drafts made here.
No text of any memory, lesson or exam goes into them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import NamedTuple

from bluebook.errors import BluebookError
from bluebook.records import Example, Origin
from bluebook.subjects.persona import modes, patterns
from bluebook.subjects.persona.calls import CALLS, REMARKS
from bluebook.subjects.persona.memories import Mode
from bluebook.subjects.persona.notation import (
    MODES,
    mode_construct,
    source_construct,
    write_prompt,
    write_response,
)
from bluebook.subjects.persona.vocabulary import VERBS, WORDS, Verb, plural, with_article

MAX_WORDS = 40  # of a reply
TAIL = 0.2  # share of statements that go on after a comma
REMARK = 0.4  # share of tool calls that say something afterwards


class Source(NamedTuple):
    """What a memory of one type says on either side, and how many sentences its replies have at most."""

    prompts: tuple[str, ...]
    replies: tuple[str, ...]
    sentences: int


# The first of each mode stands in for the types that have no patterns of their own.
SOURCES: dict[Mode, dict[str, Source]] = {
    "dual": {
        "inner_dialogue": Source(patterns.THOUGHTS + patterns.QUESTIONS_TO_ONESELF, patterns.WORLD, 3),
        "dream": Source(patterns.DREAMS, patterns.WORLD, 3),
        "reflection": Source(patterns.REFLECTIONS, patterns.WORLD, 3),
        "curiosity_question": Source(patterns.QUESTIONS_TO_ONESELF, patterns.WORLD, 2),
    },
    "emulation": {
        "conversation": Source(patterns.TALK, patterns.ANSWERS, 3),
        "chat": Source(patterns.CHAT, patterns.ANSWERS, 2),
        "journal": Source(patterns.DIARY_PROMPTS, patterns.DIARY + patterns.ANSWERS, 3),
        "observation": Source(patterns.DIARY_PROMPTS, patterns.DIARY, 2),
    },
    "agent": {
        "action": Source(patterns.ORDERS, patterns.DONE, 3),
        "task": Source(patterns.TASKS, patterns.DONE, 2),
        "tool_use": Source((), (), 0),  # CALLS
    },
}


def names() -> list[str]:
    """Every mode, and every source that has patterns of its own."""
    return sorted(
        {
            *map(mode_construct, MODES),
            *(source_construct(source) for known in SOURCES.values() for source in known),
        }
    )


def generate(constructs: Sequence[str], rng: Random) -> Example:
    """An example of one of the named modes and one of the named sources; what is not named, `rng` picks.

    Raises BluebookError for a construct that the persona does not have, and for a mode and a source that
    never go together (a dream is always dual)."""
    mode, source = _pick(constructs, rng)
    draw = _Draw(rng)
    known = SOURCES[mode]
    if source == "tool_use" or (mode == "agent" and modes.is_tool(source)):
        prompt, response = _call(draw)
    else:
        prompt, response = _talk(known.get(source) or next(iter(known.values())), draw)
    prompt, response = write_prompt(mode, prompt), write_response(mode, response)
    digest = hashlib.blake2b(f"{prompt}\n{response}".encode(), digest_size=10).hexdigest()
    return Example(
        id=f"g-{digest}",
        subject="persona",
        prompt=prompt,
        response=response,
        constructs=sorted([mode_construct(mode), source_construct(source)]),
        origin=Origin(kind="generated", ref=f"persona/{mode}/{source}", group=f"g-{digest}"),
    )


def _pick(constructs: Sequence[str], rng: Random) -> tuple[Mode, str]:
    known_modes = {mode_construct(mode): mode for mode in MODES}
    named_modes = [known_modes[name] for name in constructs if name in known_modes]
    named_sources = [name.removeprefix("source:") for name in constructs if name.startswith("source:")]
    for name in constructs:
        source = name.removeprefix("source:")
        if name not in known_modes and (
            source == name or modes.choose(source, None).source not in {source, "none"}
        ):
            raise BluebookError(
                f"the persona has no construct {name!r}; there are {', '.join(known_modes)} and source:TYPE, "
                f"TYPE one of {', '.join(sorted({*modes.FIXED, *modes.DEFAULTS, *modes.ALIASES}))}"
            )
    if not named_sources:
        mode = rng.choice(named_modes or MODES)
        return mode, rng.choice(list(SOURCES[mode]))
    allowed = named_modes or [modes.choose(source, None).mode for source in named_sources]
    pairs = [(m, s) for s in named_sources for m in allowed if modes.choose(s, m).mode == m]
    if not pairs:
        raise BluebookError(f"no memory is of {' and '.join(sorted(constructs))} at once; name others")
    return rng.choice(pairs)


def _talk(source: Source, draw: _Draw) -> tuple[str, str]:
    prompt = draw.sentence(draw.rng.choice(source.prompts))
    replies = draw.rng.sample(source.replies, draw.rng.randint(1, source.sentences))
    response = ""
    for pattern in replies:
        longer = f"{response} {draw.statement(pattern)}".lstrip()
        if response and len(longer.split()) > MAX_WORDS:
            break
        response = longer
    return prompt, response


def _call(draw: _Draw) -> tuple[str, str]:
    call = draw.rng.choice(CALLS)
    arguments = {name: draw.argument(value) for name, value in call.arguments.items()}
    remark = draw.fill(draw.rng.choice(REMARKS)) if draw.rng.random() < REMARK else ""
    return draw.sentence(call.request), f"{call.tool}({json.dumps(arguments, ensure_ascii=False)}){remark}"


# --- Filling a pattern --------------------------------------------------------------------------------------

_SLOT = re.compile(r"\{(?:(a|many):)?([a-z]+)(\d?)(?:\.([a-z]+))?\}")


class _Slot(NamedTuple):
    name: str  # with its digit: the same name is the same word
    kind: str
    shape: Callable[[str], str] | None
    form: str


@cache
def _compiled(pattern: str) -> tuple[str | _Slot, ...]:
    """Literal texts and slots, in order. Raises KeyError for a slot that is no list of words."""
    parts: list[str | _Slot] = []
    start = 0
    for match in _SLOT.finditer(pattern):
        modifier, kind, digit, form = match.groups()
        if kind not in WORDS and kind not in VERBS:
            raise KeyError(f"{pattern!r}: no words for {kind!r}")
        shape = {"a": with_article, "many": plural}.get(modifier)
        parts += pattern[start : match.start()], _Slot(kind + digit, kind, shape, form or "base")
        start = match.end()
    return (*parts, pattern[start:])


class _Draw:
    """The words of one example: each slot is drawn once and then stays."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._words: dict[str, str] = {}
        self._verbs: dict[str, Verb] = {}

    def _word(self, slot: _Slot) -> str:
        if slot.kind in VERBS:
            verb = self._verbs.get(slot.name)
            if verb is None:
                verb = self._verbs[slot.name] = self.rng.choice(VERBS[slot.kind])
            word: str = getattr(verb, slot.form)
            return word
        word = self._words.get(slot.name, "")
        if not word:
            word = self._words[slot.name] = self.rng.choice(WORDS[slot.kind])
        return slot.shape(word) if slot.shape else word

    def fill(self, pattern: str) -> str:
        return "".join(part if isinstance(part, str) else self._word(part) for part in _compiled(pattern))

    def sentence(self, pattern: str) -> str:
        """Filled, with a capital unless the pattern itself begins with a small letter, as chats do."""
        text = self.fill(pattern)
        return text if pattern[0].islower() else text[0].upper() + text[1:]

    def statement(self, pattern: str) -> str:
        """A sentence; one that ends in a full stop may go on after a comma."""
        text = self.sentence(pattern)
        if text.endswith(".") and self.rng.random() < TAIL:
            return f"{text[:-1]}, {self.fill(self.rng.choice(patterns.TAILS))}."
        return text

    def argument(self, value: str | range | tuple[str, ...]) -> str | int:
        if isinstance(value, range):
            return self.rng.choice(value)
        return self.fill(value) if isinstance(value, str) else self.rng.choice(value)
