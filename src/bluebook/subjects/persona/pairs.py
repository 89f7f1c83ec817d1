"""A memory to its pairs: each a prompt and the reply to it, that stand on their own.

A talk of several turns is split into its pairs, unless `metadata.multi_turn` asks for one block. A pair that
makes no sense without what was said before ("why?", "the second one, as I said") is given the earlier turns,
written as `User: …` and `Assistant: …` lines; it becomes a block too. Turns that no one answered, and those
of neither side, belong to no pair.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec

from bluebook.subjects.persona.context import leans_on_context, strip_injected
from bluebook.subjects.persona.memories import Reason
from bluebook.subjects.persona.noise import is_self_notification
from bluebook.subjects.persona.reading import Memory, Metadata
from bluebook.subjects.persona.shapes import turns
from bluebook.subjects.persona.transcripts import Turn, joined

MAX_CHARACTERS = 50_000  # no writer stores a longer text; beyond it something went wrong
_NO_METADATA = Metadata()


class Pair(msgspec.Struct, frozen=True, gc=False):
    """`said` is what the user side holds in the raw memory, `user` the same without injected context. `block`
    is true where earlier turns are part of both; `leaning` where they were added because the pair needs
    them."""

    said: str
    user: str
    assistant: str
    block: bool = False
    leaning: bool = False


def unwanted(memory: Memory) -> Reason | None:
    """What the memory's own metadata say against teaching it."""
    metadata = memory.metadata or _NO_METADATA
    if _true(metadata.discard) or memory.suitableForTraining is False:
        return Reason.DISCARDED
    if metadata.curator is not None:
        return Reason.SELF_NOTIFICATION
    tagged = memory.tags is not None and "feedback" in memory.tags
    if tagged or metadata.feedbackType or (memory.content or "").startswith("[Feedback"):
        return Reason.FEEDBACK
    if metadata.reinforcementSignal is not None and metadata.reinforcementSignal < 0:
        return Reason.NEGATIVE_FEEDBACK
    return None


def pairs(memory: Memory) -> list[Pair] | Reason:
    """The memory's pairs in order; or why there are none."""
    said = turns(memory)
    if isinstance(said, Reason):
        return _monologue(memory, said)
    if len(said) == 2 and said[0].role == "user" and said[1].role == "assistant":  # by far the most
        return [_pair(said[0].text, said[1].text)]
    exchanges = _exchanges(said)
    if not exchanges:
        return Reason.NO_REPLY
    if len(exchanges) > 1 and memory.metadata is not None and _true(memory.metadata.multi_turn):
        return [_block(exchanges)]
    return [
        _block(exchanges[: n + 1], leaning=True)
        if n and leans_on_context(pair.user, pair.assistant)
        else pair
        for n, pair in enumerate(exchanges)
    ]


def _monologue(memory: Memory, reason: Reason) -> Reason:
    """A text without a reply may still be a program's own note, which is dropped and not merely unpaired."""
    if reason is not Reason.MONOLOGUE or memory.content is None:
        return reason
    if len(memory.content) > MAX_CHARACTERS:
        return Reason.TOO_LARGE
    own_note = memory.tags is not None and "background-task" in memory.tags
    return Reason.SELF_NOTIFICATION if own_note or is_self_notification(memory.content) else reason


def _exchanges(said: list[Turn]) -> list[Pair]:
    talk = joined([turn for turn in said if turn.role != "other"])
    return [
        _pair(user.text, assistant.text)
        for user, assistant in pairwise(talk)
        if user.role == "user" and user.text.strip() and assistant.text.strip()
    ]


def _pair(user: str, assistant: str) -> Pair:
    return Pair(user, strip_injected(user), assistant)


def _block(exchanges: list[Pair], *, leaning: bool = False) -> Pair:
    *earlier, last = exchanges
    return Pair(
        _written([(pair.said, pair.assistant) for pair in earlier], last.said),
        _written([(pair.user, pair.assistant) for pair in earlier], last.user),
        last.assistant,
        block=True,
        leaning=leaning,
    )


def _written(earlier: list[tuple[str, str]], last: str) -> str:
    lines = [f"User: {user}\nAssistant: {assistant}" for user, assistant in earlier]
    return "\n".join([*lines, f"User: {last}"])


def wants_long(memory: Memory) -> bool:
    """Does the memory ask for the long form of its reply?"""
    return memory.metadata is not None and _true(memory.metadata.long_output)


def _true(flag: bool | int | str | None) -> bool:
    return flag is not None and str(flag).strip().lower() in {"true", "yes", "1", "allowed"}
