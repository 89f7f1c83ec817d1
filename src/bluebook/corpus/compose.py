"""Records, lessons and generated programs to examples: formatted, without duplicates, split, and apart from
every exam.

Each source group falls on one side by its hash alone, so new data never moves an old item. Lessons always
train, and what is generated never becomes an exam: exams from records stay real. Then the sides are filled one
after another, and whatever an earlier side would give away is dropped from the later one:

    exams  ->  holdout (exam items made from records)  ->  train (lessons first)  ->  validation

What is too like an exam item, or repeats an earlier example, is decided in `apart.py`. Each drop is counted by its
reason, and the counts add up or the stage fails.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from bluebook.corpus.apart import Compared, Exams, Seen, compared
from bluebook.errors import BluebookError
from bluebook.params import ComposeParams
from bluebook.records import ExamItem, Example, Record, encode
from bluebook.subjects.subject import Subject

Side = Literal["train", "validation", "holdout"]


class Dropped(msgspec.Struct, kw_only=True, frozen=True):
    """An example that was left out: why, and because of which other one (or of which construct)."""

    id: str
    reason: str
    like: str


class Composed(msgspec.Struct, kw_only=True):
    """Rows sorted by id; `counts` is what metrics show."""

    examples: list[Example]
    holdout: list[ExamItem]
    dropped: list[Dropped]
    counts: dict[str, Any]


def side_of(group: str, settings: ComposeParams, seed: int) -> Side:
    """The side of a source group: a point in [0, 1) from its hash, cut at the two shares."""
    digest = hashlib.sha256(f"{seed + settings.rotation}\0{group}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    if point < settings.holdout_share:
        return "holdout"
    return "validation" if point < settings.holdout_share + settings.validation_share else "train"


def compose(
    subject: Subject,
    records: Iterable[Record],
    lessons: Sequence[Example],
    generated: Sequence[Example],
    exam_items: Sequence[ExamItem],
    *,
    settings: ComposeParams,
    seed: int,
) -> Composed:
    """Every example that trains or validates, and the exam items set aside.

    Raises BluebookError for ids used twice, for counts that do not add up, and for a side that stays empty.
    """
    read, made = 0, []
    for record in records:
        read += 1
        made += list(subject.format(record))
    made.sort(key=lambda example: example.id)
    _ids_once([*lessons, *made, *generated])
    sides: dict[Side, list[Example]] = {"train": list(lessons), "validation": [], "holdout": []}
    dropped: list[Dropped] = []
    for example in made:
        side = side_of(example.origin.group, settings, seed)
        left_out = sorted(set(settings.without).intersection(example.constructs))
        if left_out and side != "holdout":
            dropped.append(Dropped(id=example.id, reason="left_out", like=left_out[0]))
        else:
            sides[side].append(example)
    for example in sorted(generated, key=lambda example: example.id):
        side = side_of(example.origin.group, settings, seed)
        sides["train" if side == "holdout" else side].append(example)

    exams = Exams(subject, exam_items, settings.near_duplicate)
    training, validating, setting_aside = (Seen(settings.near_duplicate) for _ in range(3))
    fill = partial(_fill, subject, dropped=dropped)
    held = fill(sides["holdout"], setting_aside, {"exam": exams})
    for example in held:
        exams.add(example.id, compared(subject, example.prompt, example.response))
    train = fill(sides["train"], training, {"exam": exams})
    validation = fill(sides["validation"], validating, {"exam": exams, "train": training})

    if len(made) + len(lessons) + len(generated) != len(train) + len(validation) + len(held) + len(dropped):
        raise BluebookError("compose lost examples: what went in is not what came out and what was dropped")
    _filled(settings, train, validation, held)
    holdout = exam_of(subject.name, held)
    lesson_ids = {lesson.id for lesson in lessons}
    examples = [replace(example, split="train") for example in train]
    examples += [replace(example, split="validation") for example in validation]
    return Composed(
        examples=sorted(examples, key=lambda example: example.id),
        holdout=holdout,
        dropped=sorted(dropped, key=lambda drop: drop.id),
        counts={
            "records": read,
            "lessons": len(lessons),
            "formatted": len(made),
            "generated": len(generated),
            "examples": {"train": len(train), "validation": len(validation)},
            "constructs": {"train": _tally(train), "validation": _tally(validation), "holdout": _tally(held)},
            "holdout": len(held),
            "holdout_version": holdout[0].version if holdout else None,
            "dropped": dict(sorted(Counter(drop.reason for drop in dropped).items())),
            "lesson_share": round(sum(example.id in lesson_ids for example in train) / len(train), 4),
        },
    )


def _fill(
    subject: Subject,
    candidates: Iterable[Example],
    own: Seen,
    earlier: Mapping[str, Seen],
    *,
    dropped: list[Dropped],
) -> list[Example]:
    """The candidates that neither give away one of an earlier side nor repeat one of their own."""
    kept = []
    for example in candidates:
        one = compared(subject, example.prompt, example.response)
        if (fault := _fault(one, own, earlier)) is not None:
            reason, like = fault
            dropped.append(Dropped(id=example.id, reason=reason, like=like))
            continue
        own.add(example.id, one)
        kept.append(example)
    return kept


def _fault(one: Compared, own: Seen, earlier: Mapping[str, Seen]) -> tuple[str, str] | None:
    for name, side in earlier.items():
        if (found := side.gives_away(one)) is not None:
            return f"{name}_{found[0]}", found[1]
    return own.repeats(one)


def exam_of(subject: str, examples: Sequence[Example]) -> list[ExamItem]:
    """The holdout exam. Its version is a hash of its content, so equal versions mean equal items."""
    items = [
        ExamItem(
            id=example.id,
            exam=f"{subject}-holdout",
            version="",
            kind="holdout",
            prompt=example.prompt,
            reference=example.response,
            constructs=example.constructs,
            system=example.system,
        )
        for example in sorted(examples, key=lambda example: example.id)
    ]
    version = hashlib.sha256(b"\n".join(encode(item) for item in items)).hexdigest()[:12]
    for item in items:
        item.version = version
    return items


def _ids_once(examples: Sequence[Example]) -> None:
    for id, count in Counter(example.id for example in examples).items():
        if count > 1:
            raise BluebookError(
                f"example id {id!r} is used {count} times; every lesson and record needs its own"
            )


def _filled(
    settings: ComposeParams, train: Sequence[Example], validation: Sequence[Example], held: Sequence[Example]
) -> None:
    """A side that should have examples has some. Raises BluebookError that says what to do."""
    if not train:
        raise BluebookError("no example is left to train on; add raw data or lessons")
    for name, share, side in (
        ("validation", settings.validation_share, validation),
        ("holdout", settings.holdout_share, held),
    ):
        if share > 0 and not side:
            raise BluebookError(
                f"no example is in {name}; add raw data, raise compose.{name}_share ({share}) or set it to 0"
            )


def _tally(examples: Iterable[Example]) -> dict[str, int]:
    """Examples by construct, sorted by name."""
    return dict(sorted(Counter(name for example in examples for name in set(example.constructs)).items()))
