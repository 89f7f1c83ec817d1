"""Each rule fires on what was planted for it, alone, and a healthy cycle has no findings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bluebook.health.evidence import (
    LEVELS,
    Corpus,
    Cycle,
    Evidence,
    ExamDigest,
    Export,
    Past,
    Point,
    Shown,
    Training,
    digest,
    distinct,
    past,
)
from bluebook.health.rules import RULES, judge
from bluebook.records import ExamItem, Grade, GradeError, encode

STEPS = 160


def curve(
    losses: list[float], norms: list[float] | None = None, evals: dict[int, float] | None = None
) -> Any:
    evals = evals or {}
    return [
        Point(step=10 * i, loss=loss, grad_norm=norms[i - 1] if norms else 1.0, eval_loss=evals.get(i))
        for i, loss in enumerate(losses, 1)
    ]


def falling(n: int = 16, start: float = 5.0, by: float = 0.2) -> list[float]:
    return [start - by * i for i in range(n)]


def exam(right: str, items: str = "a", score: float = 0.8, unfinished: int = 0, **more: Shown) -> ExamDigest:
    return ExamDigest(
        items=items,
        n=len(right),
        score=score,
        unfinished=unfinished,
        constructs={"knot:bowline": Shown(items=items, right=right), **more},
    )


def cycle(**exams: ExamDigest) -> Cycle:
    return Cycle(train_loss=2.0, validation_loss=2.4, exams=exams or {"holdout": exam("1" * 40)})


def healthy(**changes: Any) -> Evidence:
    evidence = Evidence(
        corpus=Corpus(
            formatted=900,
            lessons=100,
            lesson_share=0.1,
            dropped={"duplicate": 10, "near_duplicate": 5, "exam_prompt": 200},
            constructs={"train": {"knot:bowline": 400}},
        ),
        export=Export(examples=1000),
        training=Training(steps=STEPS, train_loss=2.0, validation_loss=2.4),
        curve=curve(falling(), evals={8: 3.0, 16: 2.4}),
        warmup=0.05,
        cycle=cycle(),
        earlier=[Past(commit="c" * 40, cycle=cycle(holdout=exam("1" * 38 + "00", score=0.7)))],
    )
    return replace(evidence, **changes)


def found(evidence: Evidence) -> list[tuple[str, str]]:
    return [(finding.rule, finding.level) for finding in judge(evidence).findings]


def test_a_healthy_cycle_has_no_findings() -> None:
    assert found(healthy()) == []


def test_a_first_cycle_without_validation_rows_and_with_a_short_curve_has_none_either() -> None:
    bare = healthy(
        training=Training(steps=3, train_loss=2.0), curve=[Point(step=3, loss=2.0)], earlier=(), warmup=0.05
    )
    assert found(bare) == []


def corpus(**changes: Any) -> Evidence:
    evidence = healthy()
    evidence.corpus = replace(evidence.corpus, **changes)
    return evidence


def training(**changes: Any) -> Evidence:
    evidence = healthy()
    evidence.training = replace(evidence.training, **changes)
    return evidence


def row(*scores: float, items: str = "a") -> Evidence:
    """Cycles with these scores on the same items, the last one being judged."""
    *before, now = [cycle(holdout=exam("1" * 40, items, score)) for score in scores]
    return healthy(cycle=now, earlier=[Past(commit=str(i) * 40, cycle=one) for i, one in enumerate(before)])


def since(now: ExamDigest, then: ExamDigest) -> Evidence:
    return healthy(cycle=cycle(holdout=now), earlier=[Past(commit="c" * 40, cycle=cycle(holdout=then))])


PLANTED: dict[str, tuple[Callable[[], Evidence], list[tuple[str, str]]]] = {
    "known by heart": (lambda: training(train_loss=0.049), [("memorising", "CRITICAL")]),
    "just not known by heart": (lambda: training(train_loss=0.05, validation_loss=0.1), []),
    "prompt and answer known by heart": (
        lambda: training(train_loss=0.0134, validation_loss=0.0134),
        [("memorising", "CRITICAL")],
    ),
    "far under the validation loss": (lambda: training(train_loss=1.1), [("memorising", "WARNING")]),
    "under the validation loss": (lambda: training(train_loss=1.21), []),
    "validation loss rises": (
        lambda: healthy(curve=curve(falling(), evals={4: 3.0, 8: 2.0, 16: 2.2})),
        [("overfitting", "WARNING")],
    ),
    "validation loss rises a little": (
        lambda: healthy(curve=curve(falling(), evals={4: 3.0, 8: 2.0, 16: 2.05})),
        [],
    ),
    "flat in the middle": (
        lambda: healthy(curve=curve([5.0, 4.8, 4.5, 4.2] + [4.0] * 8 + [3.9, 3.7, 3.5, 3.4])),
        [("plateau", "SUGGESTION")],
    ),
    "flat only where the schedule ends": (
        lambda: healthy(curve=curve([*falling(12), *[2.8] * 4])),
        [],
    ),
    "diverges": (
        lambda: healthy(curve=curve([*falling(12), 4.0, 5.0, 6.0, 7.0])),
        [("divergence", "CRITICAL")],
    ),
    "one noisy last point": (lambda: healthy(curve=curve([*falling(15), 2.8])), []),
    "one great gradient": (
        lambda: healthy(curve=curve(falling(), [1.0] * 9 + [10_944.0] + [1.0] * 6)),
        [("gradient_spikes", "WARNING")],
    ),
    "lively gradients": (lambda: healthy(curve=curve(falling(), [1.0, 9.0] * 8)), []),
    "no gradient norms in the curve": (
        lambda: healthy(curve=[Point(step=10 * i, loss=loss) for i, loss in enumerate(falling(), 1)]),
        [],
    ),
    "warm-up in steps, too many": (lambda: healthy(warmup=200), [("warmup", "CRITICAL")]),
    "warm-up as long as the run": (lambda: healthy(warmup=STEPS), [("warmup", "CRITICAL")]),
    "warm-up in steps": (lambda: healthy(warmup=20), []),
    "lessons": (lambda: corpus(lesson_share=0.41), [("lesson_share", "WARNING")]),
    "not too many lessons": (lambda: corpus(lesson_share=0.40), []),
    "duplicates": (
        lambda: corpus(dropped={"duplicate": 31, "near_duplicate": 20}),
        [("duplicates", "SUGGESTION")],
    ),
    "like an exam item, which is no duplicate": (lambda: corpus(dropped={"exam_prompt": 600}), []),
    "one too long": (
        lambda: healthy(export=Export(examples=1000, rejected={"too long": 1})),
        [("truncation", "SUGGESTION")],
    ),
    "many too long": (
        lambda: healthy(export=Export(examples=1000, rejected={"too long": 51})),
        [("truncation", "WARNING")],
    ),
    "rejected for another reason": (
        lambda: healthy(export=Export(examples=1000, rejected={"control tokens": 51})),
        [],
    ),
    "answers that do not end": (
        lambda: healthy(cycle=cycle(holdout=exam("1" * 40, unfinished=3)), earlier=()),
        [("unfinished", "WARNING")],
    ),
    "answers that mostly end": (
        lambda: healthy(cycle=cycle(holdout=exam("1" * 40, unfinished=2)), earlier=()),
        [],
    ),
    "asked and never taught": (
        lambda: corpus(constructs={"train": {"knot:clove hitch": 3}, "holdout": {"knot:bowline": 9}}),
        [("untaught", "WARNING")],
    ),
    "taught and never asked": (
        lambda: corpus(constructs={"train": {"knot:clove hitch": 3, "knot:bowline": 9}}),
        [],
    ),
    "forgot": (
        lambda: since(exam("1" * 30 + "0" * 10), exam("1" * 40)),
        [("regression", "CRITICAL")],
    ),
    "perhaps forgot": (
        lambda: since(exam("1" * 17 + "000"), exam("1" * 20)),
        [("regression", "WARNING")],
    ),
    "forgot and learned as much": (
        lambda: since(exam("1" * 10 + "0" * 10 + "1" * 20), exam("0" * 10 + "1" * 30)),
        [],
    ),
    "fell on too few items to tell": (lambda: since(exam("0" * 19), exam("1" * 19)), []),
    "other items": (
        lambda: since(exam("0" * 40, items="b"), exam("1" * 40, items="a")),
        [("exam_changed", "INFO")],
    ),
    "one cycle of the same": (lambda: row(0.70, 0.70), []),
    "three cycles of the same": (lambda: row(0.70, 0.705, 0.70), [("stagnation", "WARNING")]),
    "three cycles up": (lambda: row(0.70, 0.705, 0.72), []),
    "three cycles of the same after a rise": (
        lambda: row(0.5, 0.70, 0.70, 0.70),
        [("stagnation", "WARNING")],
    ),
    "three cycles at the top": (lambda: row(0.98, 0.98, 0.98), []),
}


@pytest.mark.parametrize(("plant", "expected"), PLANTED.values(), ids=PLANTED)
def test_each_rule_on_what_was_planted(
    plant: Callable[[], Evidence], expected: list[tuple[str, str]]
) -> None:
    assert found(plant()) == expected


def test_a_construct_that_kept_its_items_is_compared_in_an_exam_that_grew() -> None:
    kept, more = Shown(items="kept", right="1" * 30), Shown(items="new", right="1" * 5)
    then = exam("1" * 40, items="a", reef=kept)
    now = exam("0" * 40, items="b", reef=replace(kept, right="0" * 30), hitch=more)
    evidence = since(now, then)
    evidence.corpus.constructs["train"] |= {"reef": 1, "hitch": 1}
    [fell, changed] = judge(evidence).findings
    assert (fell.rule, fell.level, changed.rule) == ("regression", "CRITICAL", "exam_changed")
    assert "reef" in fell.detail and (changed.value, changed.threshold) == (1, 3)


def test_many_constructs_do_not_make_a_significant_fall_by_luck() -> None:
    """The same fall that is significant alone is not among forty that stood still."""
    fell = Shown(items="x", right="1" * 15 + "0" * 5)
    still = {f"k{i}": Shown(items=str(i), right="1" * 20) for i in range(40)}
    then = exam("1" * 20, x=replace(fell, right="1" * 20), **still)
    evidence = since(exam("1" * 20, x=fell, **still), then)
    evidence.corpus.constructs["train"] |= dict.fromkeys((*still, "x"), 1)
    assert found(evidence) == [("regression", "WARNING")]
    evidence = since(exam("1" * 20, x=fell), exam("1" * 20, x=replace(fell, right="1" * 20)))
    evidence.corpus.constructs["train"] |= {"x": 1}
    assert found(evidence) == [("regression", "WARNING")]  # p = 2 * 1/32 after Holm


def test_worst_comes_first_and_levels_are_counted() -> None:
    evidence = corpus(lesson_share=0.9, dropped={"duplicate": 500})
    evidence.warmup = 999
    health = judge(evidence)
    order = [LEVELS.index(finding.level) for finding in health.findings]
    assert order == sorted(order)
    assert health.levels == {"CRITICAL": 1, "WARNING": 1, "SUGGESTION": 1, "INFO": 0}
    assert all(finding.advice and finding.detail for finding in health.findings)


def item(id: str, reference: str = "over, under, through", kind: Any = "holdout") -> ExamItem:
    return ExamItem(
        id=id, exam="knots", version="1", kind=kind, prompt="?", reference=reference, constructs=["knot"]
    )


def grade(id: str, right: float = 1.0, category: str | None = None) -> Grade:
    errors = [GradeError(category=category, construct="", detail="")] if category else []
    return Grade(item=id, mode="free", valid=True, score=right, errors=errors, per_construct={"knot": right})


def test_a_digest_tells_the_very_items_in_their_order() -> None:
    items = [item("b"), item("a"), item("p", kind="practice"), item("unanswered")]
    grades = [grade("b", 0.0, "unfinished"), grade("a"), grade("p")]
    made = digest(items, grades)
    assert (made["holdout"].n, made["holdout"].score, made["holdout"].unfinished) == (2, 0.5, 1)
    assert made["holdout"].constructs["knot"].right == "10"
    assert made["practice"].n == 1
    assert digest(reversed(items), reversed(grades)) == made
    again = digest([replace(one, version="2") for one in items], grades)
    assert again == made
    changed = digest([item("b", "another reference"), *items[1:]], grades)
    assert changed["holdout"].items != made["holdout"].items
    assert changed["practice"] == made["practice"]


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3]), max_size=8), st.sampled_from([0.1, 0.2, 0.3]))
def test_earlier_cycles_come_once_each_and_never_the_present_one(scores: list[float], now: float) -> None:
    row = [Past(commit=str(i), cycle=cycle(holdout=exam("1", score=s))) for i, s in enumerate(scores)]
    present = cycle(holdout=exam("1", score=now))
    kept = [entry.cycle for entry in distinct(row, present)]
    assert present not in kept
    assert all(one != other for one, other in pairwise(kept))
    assert distinct([*row, Past(commit="new", cycle=present)], present) == distinct(row, present)


def test_what_is_written_is_read_again_as_the_past() -> None:
    written = cycle(holdout=exam("101", unfinished=1), practice=exam("0"))
    read = past("c", encode(written))
    assert read is not None and read.cycle == written
    assert past("c", b'{"exams": {}}') is None


def test_every_rule_has_a_case_that_fires_it() -> None:
    fired = {rule for plant, _ in PLANTED.values() for rule, _ in found(plant())}
    assert {rule.__name__ for rule in RULES} <= fired
