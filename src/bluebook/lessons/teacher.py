"""What a teacher model proposes: lessons for weak constructs, and other wordings of lessons that there are.

A teacher is optional, and what it says is trusted no more than anything else: every proposal goes through the judge
that drafts and a person's edits go through. It is told the language's grammar, the constructs to aim at and examples
from the training set. It is never told anything of an exam: examples that hold an item's text are left out, and the
finished question is searched once more for every item, present and retired, before it is sent.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from bluebook.corpus.duplicates import fingerprint, normalise
from bluebook.corpus.quotes import Quotes
from bluebook.errors import BluebookError
from bluebook.lessons.endpoint import Reply, Teacher, TeacherGarbage
from bluebook.lessons.judge import Judge
from bluebook.records import DraftRow, ExamItem, Example, Origin
from bluebook.subjects.subject import ParseError, Subject

SHOWN = 8  # examples in a question
BATCH = 12  # proposals asked for in one question
_WORDS = 5  # of an exam text that must recur together; shorter texts are everyday words
_T = TypeVar("_T")
_QUOTED = 120  # characters of a reply that an error quotes


class ExamInPrompt(BluebookError):
    """A question to a teacher held an exam's text. It was not sent."""


class Weak(NamedTuple):
    """A construct to aim at, and why in numbers: no item's text."""

    construct: str
    why: str


class Proposed(msgspec.Struct):
    """One row of a teacher's reply."""

    prompt: str
    response: str


class Reworded(msgspec.Struct):
    """Another wording of the lesson with the number `of`, counted from 1."""

    of: int
    prompt: str


class Proposals(NamedTuple):
    """Rows that the judge let through, how many were refused by reason, and what it cost."""

    rows: list[DraftRow]
    refused: Counter[str]
    cost: float


class Secrets:
    """Texts that a question must not hold: the prompts and references of exams."""

    def __init__(self, items: Iterable[ExamItem]) -> None:
        self._texts: dict[str, str] = {}
        self._quotes = Quotes()
        for item in items:
            self._quotes.add(item.id, fingerprint(item.prompt, item.reference), formal=True)
            for text in (item.prompt, item.reference):
                words = normalise(text)
                if len(words.split()) >= _WORDS:
                    self._texts.setdefault(words, item.id)

    def found_in(self, text: str) -> str | None:
        """The id of an item whose prompt or reference stands in `text`; None where none does."""
        normal = normalise(text)
        return next((item for words, item in self._texts.items() if words in normal), None)

    def open(self, example: Example) -> bool:
        """Whether an example may be shown: it holds no item's text, and no prompt by the half. Only of one example
        does the half say anything; many of them share as much with some item together."""
        whole = self.found_in(f"{example.prompt}\n{example.response}")
        return whole is None and self._quotes.find(fingerprint(example.prompt, example.response)) is None


def propose(
    teacher: Teacher,
    subject: Subject,
    judge: Judge,
    secrets: Secrets,
    *,
    weak: Sequence[Weak],
    examples: Sequence[Example],
    wanted: int,
) -> Proposals:
    """At most `wanted` new lessons for the `weak` constructs.

    Raises ExamInPrompt, and a TeacherError where the teacher gives nothing that can be used."""
    system = _language(subject)
    shown = _examples([one for one in examples if secrets.open(one)], [one.construct for one in weak])
    rows: list[DraftRow] = []
    refused: Counter[str] = Counter()
    cost = 0.0
    for start in range(0, wanted, BATCH):
        count = min(BATCH, wanted - start)
        question = (
            f"Write {count} new training examples, all different from each other and from those below. Together they "
            f"must exercise these constructs, each at least once:\n{_listed(weak)}\n\n"
            f"Examples:\n{shown}\n\n"
            f"This is batch {1 + start // BATCH}. Answer with nothing but a JSON array of objects with the keys "
            f'"prompt" (what a person asks for) and "response" (in the language, exactly).'
        )
        said = _asked(teacher, system, question, secrets)
        cost += said.cost
        for one in _rows(said.text, Proposed):
            _keep(_row(subject, one, weak), judge, rows, refused)
    return Proposals(rows, refused, cost)


def reword(teacher: Teacher, judge: Judge, secrets: Secrets, *, lessons: Sequence[DraftRow]) -> Proposals:
    """Another wording of each lesson's instruction; the response stays. Raises like `propose`."""
    open_ones = [lesson for lesson in lessons if secrets.open(lesson)]
    rows: list[DraftRow] = []
    refused: Counter[str] = Counter()
    cost = 0.0
    for start in range(0, len(open_ones), BATCH):
        batch = open_ones[start : start + BATCH]
        listed = "\n".join(f"{number}. {json.dumps(one.prompt)}" for number, one in enumerate(batch, 1))
        question = (
            f"Say each of these instructions in other words, as another person would, with the same names, numbers and "
            f"quoted texts:\n{listed}\n\nAnswer with nothing but a JSON array of objects with the keys "
            f'"of" (the number) and "prompt" (the other wording).'
        )
        said = _asked(
            teacher, "You reword instructions. You add nothing and leave nothing out.", question, secrets
        )
        cost += said.cost
        for one in _rows(said.text, Reworded):
            if not 1 <= one.of <= len(batch):
                refused["unknown_number"] += 1
                continue
            source = batch[one.of - 1]
            again = replace(
                source,
                id=_id(one.prompt, source.response),
                prompt=one.prompt,
                why=f"{source.why}; reworded by the teacher",
            )
            _keep(again, judge, rows, refused)
    return Proposals(rows, refused, cost)


def _asked(teacher: Teacher, system: str, question: str, secrets: Secrets) -> Reply:
    """The reply to a question that holds no exam's text."""
    if (item := secrets.found_in(f"{system}\n{question}")) is not None:
        raise ExamInPrompt(
            f"the question to the teacher holds the text of exam item {item!r}; it was not sent"
        )
    return teacher.ask(system, question)


def _language(subject: Subject) -> str:
    told = f"You write training examples for a small model that learns the language of {subject.name!r}."
    if subject.grammar is None:
        return f"{told} Keep to the form of the examples that you are shown."
    return f"{told} Every response must be in this language, given as a Lark grammar:\n{subject.grammar}"


def _listed(weak: Sequence[Weak]) -> str:
    return "\n".join(f"- {one.construct}: {one.why}" for one in weak)


def _examples(examples: Sequence[Example], constructs: Sequence[str]) -> str:
    """The few examples that show most of the constructs, by id where they show as many."""
    wanted = set(constructs)
    ranked = sorted(examples, key=lambda one: (-len(wanted & set(one.constructs)), one.id))
    return "\n".join(
        json.dumps({"prompt": one.prompt, "response": one.response}, ensure_ascii=False)
        for one in ranked[:SHOWN]
    )


def _rows(text: str, kind: type[_T]) -> list[_T]:
    """The JSON array in a reply, whatever stands around it. Raises TeacherGarbage."""
    start = text.find("[")
    try:
        found = json.JSONDecoder().raw_decode(text[start:])[0] if start >= 0 else None
        return msgspec.convert(found, list[kind])  # type: ignore[valid-type]
    except (ValueError, RecursionError) as error:  # msgspec's ValidationError is a ValueError
        raise TeacherGarbage(
            f"expected a JSON array of {kind.__name__}: {error}; the teacher says {text[:_QUOTED]!r}"
        ) from None


def _row(subject: Subject, one: Proposed, weak: Sequence[Weak]) -> DraftRow:
    """The proposal as a row of a draft. One that does not parse has no constructs; the judge refuses it."""
    try:
        constructs = sorted(subject.constructs(subject.parse(one.response)))
    except ParseError:
        constructs = []
    aimed = next((one for one in weak if one.construct in constructs), weak[0])
    name = _id(one.prompt, one.response)
    return DraftRow(
        id=name,
        subject=subject.name,
        prompt=one.prompt,
        response=one.response,
        constructs=constructs,
        origin=Origin(kind="lesson", ref="teacher", group=name),
        aim="weak",
        target=aimed.construct,
        why=f"{aimed.why}; proposed by the teacher",
    )


def _id(prompt: str, response: str) -> str:
    return f"teacher-{sha256(json.dumps([prompt, response]).encode()).hexdigest()[:12]}"


def _keep(row: DraftRow, judge: Judge, rows: list[DraftRow], refused: Counter[str]) -> None:
    """Judge the row as every lesson is judged."""
    if (fault := judge.take(row)) is not None:
        refused[fault.reason] += 1
    else:
        rows.append(row)
