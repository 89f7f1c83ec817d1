"""Exams of designs: what they ask about, and that nothing that trains gives them away."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from benchmarks.design_material import material
from bluebook.records import ExamItem, encode, read_jsonl
from bluebook.subjects.design.checker import check
from bluebook.subjects.design.examining import SEEN, UNSEEN, Plan, draw, exam
from bluebook.subjects.design.generator import Generator
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.stages import STAGES

DATA = Path(__file__).parents[3] / "data"
EXAMS = {
    kind: list(read_jsonl(DATA / f"exams/design/{kind}.jsonl", ExamItem)) for kind in ("practice", "holdout")
}
GENERATOR = Generator()


def test_the_files_are_what_is_drawn() -> None:
    """Where this fails after a change to the generator: `python benchmarks/design_material.py --write` draws new
    ones."""
    for file, items in material().items():
        assert file.read_bytes() == b"".join(encode(item) + b"\n" for item in items), file


@pytest.mark.parametrize("kind", EXAMS)
def test_references_are_right_and_no_item_comes_twice(kind: str) -> None:
    items = EXAMS[kind]
    assert {item.kind for item in items} == {kind}
    assert len({item.id for item in items}) == len({item.prompt for item in items}) == len(items)
    assert len({item.reference for item in items}) == len(items)
    for item in items:
        program = parse(item.reference)
        assert program.thinking and program.items and check(program) == []


def test_every_stage_and_kind_is_asked() -> None:
    for items in EXAMS.values():
        counts = Counter(name for item in items for name in item.constructs)
        assert all(counts[f"stage:{stage}"] >= 10 for stage in STAGES)
        kinds = {name for name in GENERATOR.names if name[0].isupper()}
        assert not kinds - counts.keys()
    holdout = Counter(name for item in EXAMS["holdout"] for name in item.constructs)
    assert all(holdout[f"stage:{stage}"] >= 20 for stage in STAGES)


def test_unseen_domains_are_asked_in_the_holdout_alone_and_told_apart() -> None:
    unseen = {f"domain:{name}" for name in GENERATOR.unseen}
    assert not [item for item in EXAMS["practice"] if unseen.intersection(item.constructs)]
    for item in EXAMS["holdout"]:
        places = {name for name in item.constructs if name.startswith("domain:")}
        assert places and (places <= unseen if UNSEEN in item.constructs else not places & unseen)
        assert (UNSEEN in item.constructs) != (SEEN in item.constructs)
    counts = Counter(name for item in EXAMS["holdout"] for name in item.constructs)
    assert counts[UNSEEN] >= 60 and all(counts[name] >= 10 for name in unseen)


def test_exams_and_training_share_no_design() -> None:
    rng = Random("training")
    trained = {parse_body(GENERATOR.generate((), rng).response) for _ in range(1500)}
    asked = {kind: {parse_body(item.reference) for item in items} for kind, items in EXAMS.items()}
    assert not trained & asked["practice"] and not trained & asked["holdout"]
    assert not asked["practice"] & asked["holdout"]


def parse_body(response: str) -> str:
    return response.partition("<blueprint>")[2]


def test_the_next_edition_has_other_items() -> None:
    like = EXAMS["holdout"]
    plan = Plan("holdout", 15, "next", taken={item.reference for item in like})
    made = exam(GENERATOR, like[0].exam, plan, prefix="next")
    assert made == exam(GENERATOR, like[0].exam, plan, prefix="next")
    assert not {item.reference for item in made} & {item.reference for item in like}
    assert made[0].version != like[0].version and all(item.id.startswith("next-") for item in made)


def test_a_holdout_has_its_share_of_unseen_domains_whatever_its_size() -> None:
    made = draw(GENERATOR, Plan("holdout", 20, "small"))
    assert sum(UNSEEN in one.constructs for one in made) == 8
