"""The exams and lessons of the sample: what they cover, and that nothing that trains gives them away."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from benchmarks.ue5_material import material, sample_combinations
from bluebook.errors import BluebookError
from bluebook.records import DatasetRow, ExamItem, Example, Message, TokenCount, encode, read_jsonl
from bluebook.subjects.ue5.arranging import canonical
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.examining import Plan, combination, draw, exam
from bluebook.subjects.ue5.generator import CORE, Generator, reserved_for
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.suite import expectations

DATA = Path(__file__).parents[3] / "data"
EXAMS = {
    kind: list(read_jsonl(DATA / f"exams/ue5/{kind}.jsonl", ExamItem)) for kind in ("practice", "holdout")
}
LESSONS = [
    lesson for file in sorted((DATA / "lessons/ue5").glob("*.jsonl")) for lesson in read_jsonl(file, Example)
]
GENERATOR = Generator(shipped())


def test_the_files_are_what_is_drawn() -> None:
    """Where this fails after a change to the generator: `python benchmarks/ue5_material.py --write` draws new ones."""
    for file, rows in material().items():
        assert file.read_bytes() == b"".join(encode(row) + b"\n" for row in rows), file


@pytest.mark.parametrize("kind", EXAMS)
def test_an_exam_can_judge_every_core_node_type_and_is_small(kind: str) -> None:
    items = EXAMS[kind]
    counts = Counter(name for item in items for name in item.constructs)
    assert all(counts[name] >= 20 for name in CORE)
    assert {item.kind for item in items} == {kind}
    assert len({item.id for item in items}) == len({item.prompt for item in items}) == len(items)
    sizes = [len(item.reference.encode()) for item in items]
    assert sum(sizes) / len(sizes) < 450 and max(sizes) < 600
    assert len({canonical(parse(item.reference), shipped()) for item in items}) == len(items)
    for item in items:
        assert item.constructs == sorted(combination(item.reference))


def test_exams_ask_in_every_register() -> None:
    for items in EXAMS.values():
        numbered = sum("\n1. " in item.prompt for item in items)
        spoken = sum("event" not in item.prompt.lower() and "\n" not in item.prompt for item in items)
        assert numbered > 10 and spoken > 20 and len(items) - numbered - spoken > 10


def test_no_combination_of_an_exam_is_in_the_other_or_in_what_is_trained_on() -> None:
    practice, holdout = ({combination(item.reference) for item in items} for items in EXAMS.values())
    assert not practice & holdout
    trained = {combination(lesson.response) for lesson in LESSONS} | sample_combinations(GENERATOR)
    trained |= {combination(GENERATOR.generate((), Random(seed)).response) for seed in range(500)}
    assert not (practice | holdout) & trained


def test_reserved_combinations_are_for_exams_of_one_kind() -> None:
    for kind, items in EXAMS.items():
        assert {reserved_for(parse(item.reference)) for item in items} == {kind}
    assert {reserved_for(parse(lesson.response)) for lesson in LESSONS} == {None}


def test_every_reference_and_lesson_keeps_the_rules_of_the_gate() -> None:
    references = [item.reference for items in EXAMS.values() for item in items]
    for response in references + [lesson.response for lesson in LESSONS]:
        said = Message(role="assistant", content=response)
        row = DatasetRow(id="r", prompt=[], completion=[said], tokens=TokenCount(prompt=1, completion=1))
        assert all(rule.holds(row) for rule in expectations(shipped()).rows), response


def test_the_lessons_name_nearly_every_node_type_and_the_core_often() -> None:
    counts = Counter(name for lesson in LESSONS for name in lesson.constructs)
    assert len(counts) > 230
    assert all(counts[name] >= 20 for name in CORE)


def test_a_draw_is_seeded_and_leaves_out_what_is_taken() -> None:
    plan = Plan("practice", 6, "one", least=0)
    first = draw(GENERATOR, plan)
    assert first == draw(GENERATOR, plan) != draw(GENERATOR, plan._replace(seed="two"))
    taken = {combination(one.response) for one in first}
    again = {combination(one.response) for one in draw(GENERATOR, plan._replace(taken=taken))}
    assert not taken & again


def test_too_few_of_a_node_type_is_refused_by_name() -> None:
    with pytest.raises(BluebookError, match="fewer than 20 of AddInt"):
        draw(GENERATOR, Plan("holdout", 5, "short"))


def test_the_version_of_an_exam_is_its_content() -> None:
    plan = Plan("practice", 3, "one", least=0)
    one, other = exam(GENERATOR, "e", plan), exam(GENERATOR, "e", plan._replace(seed="two"))
    assert len({item.version for item in one}) == 1
    assert one[0].version != other[0].version


def test_a_family_of_node_types_is_never_taken_for_one() -> None:
    rng = Random(4)
    made = [GENERATOR.generate((), rng) for _ in range(600)]
    assert not [one.id for one in made if any("*" in name for name in one.constructs)]
