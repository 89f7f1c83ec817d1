"""A toy repository's evidence: what is trained, what is asked, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from msgspec.structs import replace

from bluebook.exams.grade import grade_exam
from bluebook.exams.mastery import Mastery
from bluebook.lessons.draft import Evidence
from bluebook.records import Answer, ExamItem, Example
from tests import toy


class Language(toy.Prefix):
    """The toy with its grammar declared, so that programs are compared as programs."""

    grammar = "start: INT | WORD"


def example(words: list[str], rng: Random, kind: str = "record") -> Example:
    made = Language().generate(words, rng)
    return replace(made, origin=replace(made.origin, kind=kind), split="train")


def item(number: int, words: list[str], rng: Random, kind: str = "practice") -> ExamItem:
    made = Language().generate(words, rng)
    return ExamItem(
        id=f"{kind}-{number}",
        exam=f"prefix-{kind}",
        version="1",
        kind=kind,
        prompt=made.prompt,
        reference=made.response,
        constructs=made.constructs,
    )


def evidence(
    train: list[Example], right: Mapping[str, int], wrong: Mapping[str, int], holdout: int = 5
) -> Evidence:
    """Practice items of one operation each, so many of them answered right and so many wrong."""
    rng = Random(5)
    items, answers = [], []
    for answered, counts in ((True, right), (False, wrong)):
        for word, count in sorted(counts.items()):
            for _ in range(count):
                one = item(len(items), [word], rng)
                items.append(one)
                text = one.reference if answered else "1"
                answers.append(
                    Answer(item=one.id, model="m", mode="free", text=text, tokens=1, finish="stop")
                )
    graded = grade_exam(Language(), items, answers)
    held = [item(number, ["add", "mul", "sub"], rng, "holdout") for number in range(holdout)]
    return Evidence(practice=graded.mastery, grades=graded.grades, train=train, exams=[*items, *held])


def nothing_practised() -> Mastery:
    return grade_exam(Language(), [], []).mastery
