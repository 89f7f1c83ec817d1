"""What is generated: valid, complete, in four stages, over many domains, and never what is kept for exams."""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from string import Formatter

import pytest

from bluebook.errors import BluebookError
from bluebook.records import Example
from bluebook.subjects.design import wordings
from bluebook.subjects.design.checker import check
from bluebook.subjects.design.domains import domains
from bluebook.subjects.design.generator import LONGEST, Generator, careless, combination, reserved_for
from bluebook.subjects.design.language import classify, parse
from bluebook.subjects.design.printing import print_program
from bluebook.subjects.design.program import elements
from bluebook.subjects.design.references import resolution
from bluebook.subjects.design.stages import STAGES
from bluebook.subjects.design.thinking import agreement, prepared

KINDS = (
    "Algorithm", "Behavior", "Component", "Database", "Migration", "Module", "Operation", "Relationships",
    "Scenario", "Schema", "Service", "Table", "Test", "Transaction", "Type", "Validation",
)  # fmt: skip
PARTS = (
    "preconditions", "postconditions", "errors", "invariants", "error_paths", "steps", "flow", "generics", "found_in",
)  # fmt: skip
GENERATOR = Generator()


def drawn(stage: str, count: int) -> list[Example]:
    rng = Random(f"test/{stage}")
    return [GENERATOR.generate([f"stage:{stage}"], rng) for _ in range(count)]


@pytest.fixture(scope="module")
def made() -> dict[str, list[Example]]:
    return {stage: drawn(stage, 150) for stage in STAGES}


def test_every_design_is_valid_resolved_and_prepared(made: dict[str, list[Example]]) -> None:
    for example in (one for some in made.values() for one in some):
        program = parse(example.response)
        assert check(program) == [], example.response
        found = resolution(program)
        assert found.rate == 1.0
        assert agreement(program) == 1.0 and prepared(program.thinking or ())
        assert print_program(program) == example.response
        assert len(example.prompt) + len(example.response) <= LONGEST


def test_the_notation_of_what_is_generated_is_within_the_specification(
    made: dict[str, list[Example]],
) -> None:
    found = Counter(classify(one.response).profile for some in made.values() for one in some)
    assert set(found) == {"core"}


def test_every_kind_of_element_and_part_of_a_contract_comes(made: dict[str, list[Example]]) -> None:
    shown = Counter(name for some in made.values() for one in some for name in one.constructs)
    assert not [name for name in (*KINDS, *PARTS) if not shown[name]]


def test_stages_grow(made: dict[str, list[Example]]) -> None:
    sizes = {
        stage: sum(sum(1 for _ in elements(parse(one.response))) for one in some) / len(some)
        for stage, some in made.items()
    }
    assert sizes["simple"] < 2 < sizes["structured"] < 5 < sizes["complex"]
    for stage, some in made.items():
        assert all(f"stage:{stage}" in one.constructs for one in some)


def test_domains_are_many_and_the_unseen_ones_never_come(made: dict[str, list[Example]]) -> None:
    places = {
        name
        for some in made.values()
        for one in some
        for name in one.constructs
        if name.startswith("domain:")
    }
    unseen = {f"domain:{name}" for name in GENERATOR.unseen}
    assert len(places) >= 20 and len(unseen) >= 5 and not places & unseen
    words = {name.removeprefix("domain:") for name in unseen}
    about = [domains()[name].about for name in words]
    texts = " ".join(one.prompt + one.response for some in made.values() for one in some)
    assert not [place for place in about if place in texts]


def test_novel_designs_join_domains_or_ask_what_no_domain_has(made: dict[str, list[Example]]) -> None:
    joined = [one for one in made["novel"] if sum(name.startswith("domain:") for name in one.constructs) == 2]
    assert 20 < len(joined) < 130


@pytest.mark.parametrize("name", GENERATOR.names)
def test_whatever_is_teachable_can_be_asked_for(name: str) -> None:
    assert name in GENERATOR.generate([name], Random(name)).constructs


def test_several_constructs_come_together() -> None:
    wanted = ["Transaction", "domain:library"]
    assert set(wanted) <= set(GENERATOR.generate(wanted, Random(1)).constructs)


@pytest.mark.parametrize(
    "wanted",
    [
        ["domain:ferry"],
        ["stage:hard"],
        ["Servise"],
        ["stage:simple", "stage:novel"],
        ["stage:simple", "Migration"],
    ],
)
def test_what_cannot_be_generated_is_refused(wanted: list[str]) -> None:
    with pytest.raises(BluebookError, match=r"designs? for training"):
        GENERATOR.generate(wanted, Random(1))


def test_the_same_seed_gives_the_same_example() -> None:
    first, second = (GENERATOR.generate((), Random(4)) for _ in range(2))
    assert first == second and Generator().generate((), Random(4)) == first


def test_what_is_kept_for_exams_is_never_generated() -> None:
    """Some of what recipes draw is kept for each kind of exam, and nothing of that is generated."""
    rng = Random(9)
    places = [one for one in domains().values() if not one.unseen]
    sketches = [
        GENERATOR.sketch(rng.choice(STAGES), rng.choice(places), rng, unseen=False) for _ in range(600)
    ]
    kept = Counter(reserved_for(sketch) for sketch in sketches)
    assert kept["practice"] > 10 and kept["holdout"] > 10 and kept[None] > 400
    reserved = {tuple(combination(sketch)) for sketch in sketches if reserved_for(sketch)}
    free = {tuple(combination(sketch)) for sketch in sketches if not reserved_for(sketch)}
    assert not reserved & free


def test_no_way_of_asking_is_shared_between_training_and_exams() -> None:
    for pools in (
        wordings.PROMPTS.values(),
        wordings.WANTS.values(),
        [wordings.UNDERSTANDING, wordings.KNOWN],
    ):
        for pool in pools:
            sides = [set(pool.of(purpose)) for purpose in wordings.PURPOSES]
            assert all(sides) and sum(map(len, sides)) == len(set().union(*sides))


def test_everything_asked_for_can_be_thought_about_and_takes_known_words() -> None:
    assert (
        wordings.WANTS.keys()
        == wordings.GISTS.keys()
        == wordings.APPROACHES.keys()
        == wordings.CONSTRAINTS.keys()
    )
    place = {"wants", "about", "a_about", "A_about", "gists", "known"}
    for pool in (*wordings.PROMPTS.values(), wordings.UNDERSTANDING, wordings.KNOWN):
        for purpose in wordings.PURPOSES:
            for pattern in pool.of(purpose):
                assert {name for _, name, _, _ in Formatter().parse(pattern) if name} <= place


def test_prompts_come_in_every_register_and_differ() -> None:
    made = drawn("simple", 200)
    registers = Counter(one.origin.ref.rsplit("/", 1)[1] for one in made)
    assert set(registers) == set(wordings.REGISTERS)
    assert len({one.prompt for one in made}) > 180


def test_a_careless_prompt_keeps_what_it_names() -> None:
    rng = Random(5)
    pattern = "a service called {Name} ({methods}) that knows the errors {errors}"
    told = [careless(pattern, 0.7, rng) for _ in range(200)]
    for text in told:
        assert re.findall(r"\{\w+\}", text) == ["{Name}", "{methods}", "{errors}"]
    assert len({*told}) > 100
    assert any("service" not in text for text in told) and any("service" in text for text in told)
    assert careless(pattern, 0.0, rng) == pattern


def test_the_primer_has_designs_of_all_stages_without_a_fault() -> None:
    rng = Random(6)
    made = [GENERATOR.generate(["stage:primer"], rng) for _ in range(100)]
    for example in made:
        assert check(parse(example.response)) == []
        assert "stage:primer" in example.constructs
        assert not {*example.constructs} & {f"stage:{stage}" for stage in STAGES}
    asked = [example.origin.ref.split("/")[1] for example in made]
    assert {*asked} == {*STAGES}
    assert 40 < asked.count("simple") + asked.count("structured") < 80
