"""What a model writes when it is asked exam items, by whatever engine. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Sequence

from bluebook.exams.engine import Asked, Engine
from bluebook.exams.partial import Partial
from bluebook.records import Answer, ExamItem
from bluebook.steps import Step


def answer(engine: Engine, items: Sequence[ExamItem], *, partial: Partial, running: Step) -> list[Answer]:
    """Answers to all items in all of the engine's modes, sorted by item and mode.

    Answers that `partial` holds are taken from there, whole groups at a time: what is written must have been written
    in the company that the engine planned.
    """
    asked = [Asked(item, mode) for item in items for mode in engine.modes]
    answers: list[Answer] = []
    left = []
    for group in engine.plan(asked):
        kept = [found for one in group if (found := partial.get(one)) is not None]
        if len(kept) == len(group):
            answers += kept
        else:
            left.append(group)
    questions = {(one.item.id, one.mode): one for one in asked}
    for written in engine.write(left):
        partial.keep((questions[found.item, found.mode], found) for found in written)
        answers += written
        running.progress(len(answers), len(asked))
    return sorted(answers, key=lambda found: (found.item, found.mode))
