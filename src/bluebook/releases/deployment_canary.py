"""The canary exam: what a served model scores beside what the same model scored when it was graded.

The same items, asked free, because servers of GGUF files know none of our grammars. The interval is that of the graded
score on these very items; a served score outside of it is no accident of which items were asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bluebook.errors import BluebookError
from bluebook.exams.answer import answer
from bluebook.exams.client import Client
from bluebook.exams.doors import PROBES, Line, OtherBytes, Voice
from bluebook.exams.engine import Engine
from bluebook.exams.grade import grade
from bluebook.exams.items import select
from bluebook.exams.mastery import exam_versions, totals
from bluebook.exams.partial import Partial
from bluebook.records import Answer, ExamItem, Grade
from bluebook.steps import Step
from bluebook.subjects.subject import Subject

ITEMS = (
    64  # of each holdout exam: half a minute for a small model, and an interval of about 0.24 at its widest
)


class Canary(msgspec.Struct, kw_only=True, frozen=True):
    """The items, with the graded answers to them and what those were worth."""

    items: list[ExamItem]
    answers: dict[str, Answer]
    grades: list[Grade]


class Graded(msgspec.Struct, kw_only=True, frozen=True):
    """The graded score on the canary's `n` items, with its interval."""

    exam: str
    version: str
    n: int
    score: float
    low: float
    high: float


class Served(msgspec.Struct, kw_only=True, frozen=True):
    """What a served model made of the same items. `same` of its answers are the graded ones, letter for letter."""

    score: float
    loss: float  # the graded score less this one
    same: int
    within: bool  # whether the score lies in the graded score's interval


def canary(items: Sequence[ExamItem], answers: Sequence[Answer], grades: Sequence[Grade]) -> Canary:
    """Chosen of the holdout items, or of all where there is no holdout, that were answered free and graded.

    Raises BluebookError where there are none, or an answer was not graded.
    """
    holdout = [item for item in items if item.kind == "holdout"] or list(items)
    written = {found.item: found for found in answers if found.mode == "free"}
    judged = {found.item: found for found in grades if found.mode == "free"}
    chosen = select([item for item in holdout if item.id in written], ITEMS)
    if not chosen:
        raise BluebookError(
            "no exam item was answered free, so a served model has nothing to be compared with"
        )
    missing = [item.id for item in chosen if item.id not in judged]
    if missing:
        raise BluebookError(
            f"{len(missing)} answers are not graded, {missing[0]} among them; `dvc repro` grades them"
        )
    return Canary(
        items=chosen,
        answers={item.id: written[item.id] for item in chosen},
        grades=[judged[item.id] for item in chosen],
    )


def graded(asked: Canary) -> Graded:
    found = totals(asked.grades)
    versions = exam_versions(asked.items)
    return Graded(
        exam="+".join(versions),
        version="+".join(versions.values()),
        n=found.n,
        score=found.score,
        low=found.low,
        high=found.high,
    )


def sit(engine: Engine, asked: Canary, subject: Subject, *, kept: Path, run: str, running: Step) -> Served:
    """Ask the engine the canary's items. `kept` holds the answers of a sitting that was killed, if it was of `run`."""
    partial = Partial(kept, run)
    answers = answer(engine, asked.items, partial=partial, running=running)
    partial.discard()
    return compared(asked, answers, subject)


def require_same_chat(client: Client, model: str, voice: Voice) -> None:
    """Raise OtherBytes where the server, given a conversation to render by itself, makes other tokens of it than
    training did, by the number of them. This is the door that people and their tools use."""
    counted = asyncio.run(_chat_counts(client, model, voice))
    ours = [len(voice.prompt(messages)) for messages in PROBES]
    if counted != ours:
        raise OtherBytes(
            f"{model}: asked through /v1/chat/completions the server shows the model {counted} tokens where training "
            f"would have shown {ours}; it renders conversations with another template than the file's own"
        )


async def _chat_counts(client: Client, model: str, voice: Voice) -> list[object]:
    async with client.session() as session:
        replies = [await session.post(*Line(model, voice, "chat").asking(messages, 1)) for messages in PROBES]
    return [(reply.get("usage") or {}).get("prompt_tokens") for reply in replies]


def compared(asked: Canary, answers: Sequence[Answer], subject: Subject) -> Served:
    """The served `answers`, one to each item, beside the graded ones."""
    items = {item.id: item for item in asked.items}
    score = totals([grade(items[found.item], found, subject) for found in answers]).score
    before = graded(asked)
    return Served(
        score=score,
        loss=before.score - score,
        same=sum(found.text == asked.answers[found.item].text for found in answers),
        within=before.low <= score <= before.high,
    )
