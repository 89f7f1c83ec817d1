"""A draft: examples from the subject's own generator, aimed at what the practice exam shows to be weak.

What is generated is guided by the differences between answers and references (which constructs were missing or wrong,
and beside which others), never by the items' texts: an item and its near copies are refused like any exam's.

The size is capped, so that lessons, old and new, stay within CAP of the training set. What was asked for and is not in
the draft is counted by reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from random import Random

import msgspec

from bluebook.errors import BluebookError
from bluebook.exams.mastery import Mastery
from bluebook.lessons.aims import UNASKED, Aim, aims, share_out
from bluebook.lessons.judge import Judge
from bluebook.params import LessonParams
from bluebook.records import DraftRow, ExamItem, Example, Grade, Origin
from bluebook.subjects.subject import Subject

CAP = 0.40
TOGETHER = 0.5  # share of the rows for a weak construct that also ask for one that failed beside it
TRIES = 10  # for each row that is wanted


class Evidence(msgspec.Struct, kw_only=True, frozen=True):
    """What a draft is made from. `practice` and `grades` are of practice exams alone; `exams` is all that no lesson
    may give away: practice, holdout and retired items."""

    practice: Mastery
    grades: Sequence[Grade]
    train: Sequence[Example]
    exams: Sequence[ExamItem]


class Draft(msgspec.Struct, kw_only=True, frozen=True):
    """`rows` are sorted by id. `dropped` counts by reason: candidates that were refused (the reasons of `judge.Fault`,
    and `not_generated`), and rows of the size asked for that are missing, which is `over_share` (the cap), `not_needed`
    (little is weak) and `not_found` (no further example after many tries)."""

    rows: list[DraftRow]
    aims: list[Aim]
    dropped: dict[str, int]


def draft(
    subject: Subject, evidence: Evidence, settings: LessonParams, *, near_duplicate: float, seed: int
) -> Draft:
    """Lessons for what `evidence` shows to be weak or absent, and some replay; no row where nothing is."""
    grades = [grade for grade in evidence.grades if grade.mode == evidence.practice.mode]
    found = aims(
        evidence.practice.constructs,
        grades,
        evidence.train,
        subject.teachable(),
        weak_below=settings.weak_below,
    )
    dropped: Counter[str] = Counter()
    if all(aim.kind == "replay" for aim in found):
        return Draft(rows=[], aims=found, dropped={})
    places = min(settings.size, room(evidence.train))
    dropped["over_share"] = settings.size - places
    shares = allot(found, places, settings.replay)
    dropped["not_needed"] = places - sum(shares.values())
    judge = Judge(subject, evidence.exams, evidence.train, near_duplicate)
    rows: list[DraftRow] = []
    for aim in found:
        wanted = shares[aim.construct]
        # Training grows by each lesson, so the next draft draws others.
        rng = Random(f"{seed}:{subject.name}:{len(evidence.train)}:{aim.construct}")
        made, refused = _rows(subject, aim, wanted, rng, judge)
        rows += made
        dropped += refused
        dropped["not_found"] += wanted - len(made)
    rows.sort(key=lambda row: row.id)
    return Draft(
        rows=rows, aims=found, dropped={name: dropped[name] for name in sorted(dropped) if dropped[name]}
    )


def room(train: Sequence[Example]) -> int:
    """How many lessons may join `train` before lessons are more than CAP of it."""
    lessons = sum(example.origin.kind == "lesson" for example in train)
    return max(0, int((CAP * len(train) - lessons) / (1 - CAP) + 1e-9))


def allot(found: Sequence[Aim], places: int, replay: float) -> dict[str, int]:
    """Rows by construct. Replay has its share as far as what practice asks is mastered; what is not asked has at most
    UNASKED of the rest. No construct has a larger share of the rest than its deficit is, however few are weak."""
    fresh = {aim.construct: aim.weight for aim in found if aim.kind == "replay"}
    asked = {aim.construct: aim.weight for aim in found if aim.kind != "replay" and aim.asked}
    unasked = {aim.construct: aim.weight for aim in found if aim.kind != "replay" and not aim.asked}
    replayed = round(replay * places * len(fresh) / (len(fresh) + len(asked))) if fresh else 0
    rest = places - replayed
    exploring = rest if unasked else 0
    if asked and unasked:
        total = sum(asked.values()) + sum(unasked.values())
        exploring = round(min(UNASKED, sum(unasked.values()) / total) * rest)
    shares = share_out(unasked, exploring) | share_out(asked, rest - exploring)
    most = {aim.construct: math.ceil(aim.deficit * rest) for aim in found}
    return {name: min(count, most[name]) for name, count in shares.items()} | share_out(fresh, replayed)


def _rows(
    subject: Subject, aim: Aim, wanted: int, rng: Random, judge: Judge
) -> tuple[list[DraftRow], Counter[str]]:
    """`wanted` new examples for one aim, or as many as TRIES give; and the reasons for which others were refused."""
    rows: list[DraftRow] = []
    refused: Counter[str] = Counter()
    for _ in range(TRIES * wanted):
        if len(rows) == wanted:
            break
        partner = _partner(aim, rng)
        try:
            example = subject.generate([aim.construct, *partner], rng)
        except BluebookError:
            refused["not_generated"] += 1  # these constructs never go together
            continue
        if (fault := judge.take(example)) is not None:
            refused[fault.reason] += 1
            continue
        beside = f"; beside {partner[0]}, wrong together {aim.partners[partner[0]]} times" if partner else ""
        rows.append(row_of(example, aim, aim.why + beside))
    return rows, refused


def _partner(aim: Aim, rng: Random) -> list[str]:
    if aim.kind == "replay" or not aim.partners or rng.random() >= TOGETHER:
        return []
    return rng.choices(list(aim.partners), list(aim.partners.values()))


def row_of(example: Example, aim: Aim, why: str) -> DraftRow:
    """The example as a row of a draft."""
    return DraftRow(
        id=example.id,
        subject=example.subject,
        prompt=example.prompt,
        response=example.response,
        constructs=example.constructs,
        origin=Origin(kind="lesson", ref="draft", group=example.origin.group),
        system=example.system,
        aim=aim.kind,
        target=aim.construct,
        why=why,
    )
