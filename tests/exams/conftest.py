"""Exam items of the toy subject, and tiny models that are asked them."""

from __future__ import annotations

from random import Random

import pytest

from bluebook.records import Answer, ExamItem, Example
from tests.toy import SIGNS, Prefix


def examples(count: int, seed: int) -> list[Example]:
    """Different examples of one to three operations."""
    rng, subject = Random(seed), Prefix()
    found: dict[str, Example] = {}
    while len(found) < count:
        words = rng.sample(sorted(SIGNS), rng.randint(1, 3))
        example = subject.generate(words, rng)
        found[example.id] = example
    return list(found.values())


def exam(count: int, seed: int = 1, *, name: str = "toy-holdout", version: str = "1.0") -> list[ExamItem]:
    return [
        ExamItem(
            id=example.id,
            exam=name,
            version=version,
            kind="holdout",
            prompt=example.prompt,
            reference=example.response,
            constructs=example.constructs,
        )
        for example in examples(count, seed)
    ]


def written(item: ExamItem, text: str, finish: str = "stop") -> Answer:
    return Answer(item=item.id, model="test", mode="free", text=text, tokens=9, finish=finish)  # type: ignore[arg-type]


@pytest.fixture
def subject() -> Prefix:
    return Prefix()


@pytest.fixture
def items() -> list[ExamItem]:
    return exam(60)


@pytest.fixture
def train() -> list[Example]:
    return examples(200, seed=99)
