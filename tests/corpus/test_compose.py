"""Composing: sides that never move, exams that stay unseen, and accounts that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.corpus.compose import Composed, compose, exam_of, side_of
from bluebook.corpus.duplicates import fingerprint, near, normalise
from bluebook.errors import BluebookError
from bluebook.params import ComposeParams
from bluebook.records import ExamItem, Example, Origin, Record
from tests import toy

SETTINGS = ComposeParams(
    validation_share=0.15, holdout_share=0.2, near_duplicate=0.85, rotation=0, generated=0, without=[]
)


class Language(toy.Prefix):
    """The toy with its grammar declared, so that programs are compared as programs."""

    grammar = "start: INT | WORD"

    def format(self, record: Record) -> Iterator[Example]:
        """Ids are the records', so that two records may hold the same program."""
        for example in super().format(record):
            yield msgspec.structs.replace(example, id=record.id)


def program(rng: Random) -> str:
    node = str(rng.randint(0, 99))
    for _ in range(rng.randint(1, 3)):
        node = f"{rng.choice(['add', 'mul', 'sub'])}({node}, {rng.randint(0, 99)})"
    return node


def records(count: int, seed: int = 1) -> list[toy.ToyRecord]:
    rng = Random(seed)
    return [toy.ToyRecord(id=f"r{seed}-{number}", program=program(rng)) for number in range(count)]


def lesson(id: str, prompt: str, response: str) -> Example:
    return Example(
        id=id,
        subject="prefix",
        prompt=prompt,
        response=response,
        constructs=["add"],
        origin=Origin(kind="lesson", ref="lessons/a.jsonl", group=id),
    )


def item(id: str, prompt: str, reference: str) -> ExamItem:
    return ExamItem(
        id=id,
        exam="drill",
        version="1",
        kind="practice",
        prompt=prompt,
        reference=reference,
        constructs=["add"],
    )


def composed(
    rows: list[toy.ToyRecord],
    lessons: tuple[Example, ...] = (),
    exams: tuple[ExamItem, ...] = (),
    generated: tuple[Example, ...] = (),
    **changes: Any,
) -> Composed:
    policy = msgspec.structs.replace(SETTINGS, **changes)
    return compose(Language(), rows, lessons, generated, exams, settings=policy, seed=7)


def reasons(result: Composed) -> dict[str, str]:
    return {drop.id: drop.reason for drop in result.dropped}


def sides(result: Composed) -> dict[str, str]:
    found: dict[str, str] = {example.id: example.split for example in result.examples}
    return found | {held.id: "holdout" for held in result.holdout}


@settings(max_examples=20, deadline=None)
@given(st.integers(40, 120), st.integers(1, 120), st.integers(0, 3))
def test_more_data_moves_nothing(count: int, more: int, seed: int) -> None:
    before = sides(composed(records(count)))
    after = sides(composed(records(count) + records(more, seed=100 + seed)))
    assert {id: side for id, side in after.items() if id in before}.items() <= before.items()


def test_a_group_has_one_side_and_shares_come_out() -> None:
    found = Counter(side_of(f"group {number}", SETTINGS, 7) for number in range(20_000))
    assert found["holdout"] / 20_000 == pytest.approx(0.2, abs=0.01)
    assert found["validation"] / 20_000 == pytest.approx(0.15, abs=0.01)


def test_a_smaller_share_only_shrinks_its_side() -> None:
    smaller = msgspec.structs.replace(SETTINGS, validation_share=0.05)
    for number in range(2_000):
        group = f"group {number}"
        if side_of(group, smaller, 7) != "train":
            assert side_of(group, smaller, 7) == side_of(group, SETTINGS, 7)


def test_another_seed_splits_otherwise() -> None:
    groups = [f"group {number}" for number in range(100)]
    assert [side_of(g, SETTINGS, 1) for g in groups] != [side_of(g, SETTINGS, 2) for g in groups]


def test_nothing_of_an_exam_is_taught() -> None:
    """The statement of the whole module, checked pair by pair on a corpus full of repetition."""
    rows = records(400) + [msgspec.structs.replace(r, id=f"again-{r.id}") for r in records(60)]
    result = composed(rows, exams=tuple(item(f"x{i}", f"({i} + 1)", f"add(1, {i})") for i in range(20)))
    exams = [(i.prompt, i.reference) for i in result.holdout] + [
        (f"({i} + 1)", f"add(1, {i})") for i in range(20)
    ]
    train = [(e.prompt, e.response) for e in result.examples if e.split == "train"]
    validation = [(e.prompt, e.response) for e in result.examples if e.split == "validation"]
    assert train and validation and result.holdout
    for left, right in ((exams, train), (exams, validation), (train, validation)):
        assert not {normalise(p) for p, _ in left} & {normalise(p) for p, _ in right}
        assert not {toy.canonical(Language().parse(r)) for _, r in left} & {
            toy.canonical(Language().parse(r)) for _, r in right
        }
        prints = [fingerprint(*pair) for pair in left]
        assert not any(near(one, fingerprint(*pair), 0.85) for pair in right for one in prints)


def test_each_leak_has_its_name() -> None:
    rows = records(60)
    words = "take the sum of the first number and of the other number which the teacher wrote down for us"
    exam = (
        item("same-prompt", "What is one and two?", "add(1, 2)"),
        item("near", words, "add(3, sub(4, 5))"),
    )
    lessons = (
        lesson("l-prompt", "what is ONE  and two?", "sub(9, 9)"),
        lesson("l-program", "Put two and one together.", "add(2, 1)"),
        lesson("l-near", f"{words}!", "add( 3, sub(4, 5) )"),
        lesson("l-fine", "Take two from one.", "sub(1, 2)"),
    )
    result = composed(rows, lessons, exam)
    found = reasons(result)
    assert found["l-prompt"] == "exam_prompt"
    assert found["l-program"] == "exam_program"
    assert found["l-near"] == "exam_program"
    assert sides(result)["l-fine"] == "train"
    free = compose(toy.Prefix(), rows, lessons, [], exam, settings=SETTINGS, seed=7)
    assert "l-program" not in reasons(free)  # without a grammar equal replies give nothing away
    assert reasons(free)["l-near"] == "exam_near_duplicate"


def test_a_quoted_item_is_a_leak_by_name() -> None:
    words = "the keeper of the lock adds up what the boats have paid since the ice went out in spring"
    story = " ".join(f"and then came boat {name} with coal" for name in ("Ada", "Bea", "Cleo", "Dot", "Eva"))
    told = lesson("l-quote", f"{story}; {words}, {story}", "sub(7, 8)")
    assert (
        reasons(composed(records(60), (told,), (item("x", words, "add(3, sub(4, 5))"),)))["l-quote"]
        == "exam_quote"
    )


def test_another_rotation_sets_other_groups_aside() -> None:
    first = {i.id for i in composed(records(200)).holdout}
    second = {i.id for i in composed(records(200), rotation=1).holdout}
    assert second and len(first & second) < len(first) / 2


def test_the_validation_copy_is_dropped_and_the_training_copy_stays() -> None:
    plain = composed(records(200))
    copied = next(e for e in plain.examples if e.split == "validation")
    taught = lesson("l1", f"Again: {copied.prompt}", copied.response)
    result = composed(records(200), (taught,))
    assert sides(result)["l1"] == "train"
    assert reasons(result)[copied.id] == "train_program"
    same = lesson("l2", copied.prompt, copied.response)
    assert reasons(composed(records(200), (same,)))[copied.id] == "train_prompt"


def test_a_lesson_wins_over_a_record_that_repeats_it() -> None:
    first = next(e for e in composed(records(50)).examples if e.split == "train")
    result = composed(records(50), (lesson("l1", first.prompt, first.response),))
    assert reasons(result)[first.id] == "duplicate"
    assert sides(result)["l1"] == "train"
    assert result.counts["lesson_share"] == pytest.approx(1 / result.counts["examples"]["train"], abs=1e-4)


def test_a_holdout_item_that_a_practice_exam_asks_is_dropped() -> None:
    held = composed(records(100)).holdout[0]
    result = composed(records(100), exams=(item("x", held.prompt, held.reference),))
    assert reasons(result)[held.id] == "exam_prompt"


def test_accounts_add_up() -> None:
    rows = records(300) + [msgspec.structs.replace(r, id=f"again-{r.id}") for r in records(40)]
    counts = composed(rows, (lesson("l1", "Zero", "add(0, 0)"),)).counts
    assert counts["records"] == 340
    out = sum(counts["examples"].values()) + counts["holdout"] + sum(counts["dropped"].values())
    assert counts["formatted"] + counts["lessons"] == out
    assert set(counts["constructs"]) == {"train", "validation", "holdout"}
    assert counts["constructs"]["train"]["add"] > 0


def test_order_of_the_records_changes_nothing() -> None:
    rows = records(150)
    backwards = list(reversed(rows))
    assert msgspec.json.encode(composed(rows)) == msgspec.json.encode(composed(backwards))


def test_the_version_is_the_content() -> None:
    first = composed(records(100)).holdout
    assert len({i.version for i in first}) == 1
    assert first[0].version == composed(records(100)).counts["holdout_version"]
    made = [lesson("a", "One", "add(1, 1)"), lesson("b", "Two", "add(2, 2)")]
    changed = [made[0], msgspec.structs.replace(made[1], response="add(2, 3)")]
    assert exam_of("prefix", made)[0].version == exam_of("prefix", made[::-1])[0].version
    assert exam_of("prefix", made)[0].version != exam_of("prefix", changed)[0].version


def test_an_id_used_twice_is_named() -> None:
    twice = (lesson("l1", "One", "add(1, 1)"), lesson("l1", "Two", "add(2, 2)"))
    with pytest.raises(BluebookError, match="'l1'"):
        composed(records(20), twice)


@pytest.mark.parametrize(
    ("count", "changes", "named"),
    [
        (0, {}, "train on"),
        (50, {"validation_share": 1e-9}, "validation"),
        (50, {"holdout_share": 1e-9, "validation_share": 0.2}, "holdout"),
    ],
)
def test_an_empty_side_says_what_to_do(count: int, changes: dict[str, float], named: str) -> None:
    with pytest.raises(BluebookError, match=named) as caught:
        composed(records(count), **changes)
    assert "add raw data" in str(caught.value)


def test_sides_can_be_left_out_on_purpose() -> None:
    result = composed(records(50), validation_share=0.0, holdout_share=0.0)
    assert result.holdout == []
    assert result.counts["holdout_version"] is None
    assert {example.split for example in result.examples} == {"train"}


def test_generated_examples_train_or_validate_and_are_never_an_exam() -> None:
    rng = Random(3)
    made = tuple(
        msgspec.structs.replace(toy.Prefix().generate((), rng), id=f"g{number}") for number in range(60)
    )
    made = tuple(
        msgspec.structs.replace(one, origin=Origin(kind="generated", ref="toy", group=one.id)) for one in made
    )
    without, result = composed(records(50)), composed(records(50), generated=made)
    ids = {example.id for example in made}
    assert result.holdout == without.holdout
    assert {example.split for example in result.examples if example.id in ids} == {"train", "validation"}
    assert len(result.examples) + len(result.dropped) + len(result.holdout) == 110


def test_a_generated_example_that_gives_an_exam_item_away_is_dropped_by_name() -> None:
    leak = msgspec.structs.replace(lesson("g1", "Add one and two.", "add(1, 2)"))
    result = composed(records(50), exams=(item("e1", "Something else.", "add(1, 2)"),), generated=(leak,))
    assert ("g1", "exam_program", "e1") in [(drop.id, drop.reason, drop.like) for drop in result.dropped]


def test_what_is_left_out_comes_in_by_lessons_alone_and_is_still_asked_for() -> None:
    whole = composed(records(80))
    rare = min(whole.counts["constructs"]["train"].items(), key=lambda pair: (pair[1], pair[0]))[0]
    taught = lesson("l1", "Add eight and nine.", "add(8, 9)")
    result = composed(
        records(80), lessons=(msgspec.structs.replace(taught, constructs=[rare]),), without=[rare]
    )
    assert [example.id for example in result.examples if rare in example.constructs] == ["l1"]
    assert result.holdout == whole.holdout
    left_out = {drop.id for drop in result.dropped if drop.reason == "left_out"}
    assert left_out == {example.id for example in whole.examples if rare in example.constructs} and left_out
