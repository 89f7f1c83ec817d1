"""The design subject as the spine sees it, and its sample: what trains, what is asked, what the gate demands."""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from bluebook import params, subjects
from bluebook.corpus.apart import read_kept_apart
from bluebook.corpus.compose import Composed, compose
from bluebook.errors import ParamsError
from bluebook.lessons.reading import read_lessons
from bluebook.records import DatasetRow, Message, Record, TokenCount
from bluebook.subjects.design.checker import check
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.references import resolution
from bluebook.subjects.design.stages import STAGES
from tests.subjects.design.designs import BOOK

ROOT = Path(__file__).parents[3]
SETTINGS = params.load(ROOT / "params.yaml")
DESIGN = subjects.load("design", SETTINGS)


@pytest.fixture(scope="module")
def composed() -> Composed:
    mine = SETTINGS.subject("design")
    generate = runpy.run_path(str(ROOT / "stages/compose.py"))["generate"]
    return compose(
        DESIGN,
        [row for row in DESIGN.ingest(ROOT / mine.raw) if isinstance(row, Record)],
        list(read_lessons(ROOT / "data/lessons/design", DESIGN)),
        list(generate(DESIGN, mine.compose, SETTINGS.seed)),
        list(read_kept_apart(ROOT / "data/exams/design")),
        settings=mine.compose,
        seed=SETTINGS.seed,
    )


def test_the_curriculum_has_its_four_stages_and_fifty_worked_designs(composed: Composed) -> None:
    counts = Counter(name for one in composed.examples for name in one.constructs)
    assert {stage: counts[f"stage:{stage}"] for stage in STAGES} == {
        "simple": 300,
        "structured": 400,
        "complex": 400,
        "novel": 200,
    }
    by_hand = [one for one in composed.examples if one.origin.kind != "generated"]
    assert len(by_hand) >= 50 and sum(one.split == "train" for one in by_hand) >= 50
    assert len({name for name in counts if name.startswith("domain:")}) >= 20


def test_nothing_that_trains_dangles_and_nothing_of_an_exam_trains(composed: Composed) -> None:
    for one in composed.examples:
        program = parse(one.response)
        assert not check(program) and not resolution(program).dangling
    # By chance a few of six thousand quote half an exam item, and are dropped; more would be a leak in the generator.
    assert sum(drop.reason.startswith("exam_") for drop in composed.dropped) < 6


def test_both_sides_and_the_holdout_have_some(composed: Composed) -> None:
    sides = Counter(one.split for one in composed.examples)
    assert sides["validation"] > 50 and sides["train"] > 1300 and composed.holdout


def test_every_stage_is_one_of_the_trainers_too() -> None:
    named = [name for stage in SETTINGS.subject("design").train.curriculum for name in stage.any_of or ()]
    assert sorted(named) == sorted(f"stage:{name}" for name in ("primer", *STAGES))


def test_an_answer_without_thinking_counts_for_nothing_and_is_told() -> None:
    whole = DESIGN.parse(BOOK)
    bare = DESIGN.parse(BOOK.partition("</thinking>\n")[2])
    same, without = DESIGN.compare(whole, whole), DESIGN.compare(whole, bare)
    assert (same.score, same.otherwise, same.errors) == (1.0, 1.0, [])
    assert same.parts["both_parts"].f1 == 1.0
    assert (without.score, without.otherwise) == (0.0, 0.0) and without.parts["both_parts"].f1 == 0.0
    assert [error.category for error in without.errors] == ["no_thinking"]
    assert DESIGN.compare(bare, bare).score == 1.0


def test_stages_and_domains_share_the_whole_answers_score() -> None:
    whole = DESIGN.parse(BOOK)
    other = DESIGN.parse(BOOK.replace("copies: int", "pages: float"))
    found = DESIGN.compare(whole, other)
    assert 0 < found.score < 1 and found.otherwise == found.score
    assert found.parts["references"].f1 == 1.0


def test_references_of_an_answer_are_counted() -> None:
    dangling = DESIGN.parse(BOOK.replace("copies: int", "shelf: Shelf"))
    found = DESIGN.compare(DESIGN.parse(BOOK), dangling).parts["references"]
    assert found.right < found.actual


def test_thinking_and_blueprint_are_regions_of_their_own() -> None:
    found = DESIGN.regions(BOOK)
    assert [region.name for region in found] == ["thinking", "blueprint"]
    assert BOOK[found[1].start : found[1].end].lstrip().startswith("<blueprint>")


@pytest.mark.parametrize(
    ("response", "broken"),
    [
        (BOOK, set()),
        (BOOK.partition("</thinking>\n")[2], {"both_parts", "checks"}),
        (BOOK.replace("copies: int", "shelf: Shelf"), {"checks"}),
        (BOOK.replace("  title", "    title"), {"canonical"}),
        (BOOK.replace("Type Book {", "Type Book"), {"parses", "both_parts", "checks", "canonical"}),
    ],
)
def test_the_gate_finds_what_it_is_there_for(response: str, broken: set[str]) -> None:
    row = DatasetRow(
        id="a",
        prompt=[Message(role="user", content="A type for a book.")],
        completion=[Message(role="assistant", content=response)],
        tokens=TokenCount(prompt=1, completion=1),
    )
    suite = DESIGN.expectations()
    assert {rule.name for rule in suite.rows if not rule.holds(row)} == broken
    measured = {share.name: share.counts(row) for share in suite.shares}
    assert measured["resolution"] == float("Shelf" not in response and "parses" not in broken)


@pytest.mark.parametrize("group", ["ingest", "expect"])
def test_an_unknown_key_is_named(group: str) -> None:
    mine = SETTINGS.subject("design")
    wrong = replace(mine, **{group: {**getattr(mine, group), "typo": 1}})
    with pytest.raises(ParamsError, match="typo"):
        subjects.load("design", replace(SETTINGS, subjects={**SETTINGS.subjects, "design": wrong}))
