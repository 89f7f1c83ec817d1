"""The model card: a function of its facts, readable whatever they hold."""

from __future__ import annotations

import msgspec
import pytest

from bluebook.errors import DataError
from bluebook.releases.card import card
from bluebook.releases.facts import Facts, Source, Terms, gather, read_sources
from bluebook.teaching.repository import Repository

from .conftest import SUBJECT, World


@pytest.fixture
def facts(built: World) -> Facts:
    return gather(Repository(built.root, SUBJECT), "v1.0.0")


def changed(facts: Facts, **parts: object) -> str:
    return card(msgspec.structs.replace(facts, **parts))


def test_the_same_commit_gives_the_same_card(built: World, facts: Facts) -> None:
    assert card(facts) == card(gather(Repository(built.root, SUBJECT), "v1.0.0"))
    assert str(built.root) not in card(facts)


def test_every_score_has_its_n_its_interval_and_two_baselines(facts: Facts) -> None:
    rows = [line.split(" | ") for line in card(facts).splitlines() if line.startswith("| holdout")]
    assert [row[1] for row in rows] == [
        "the model, free (counts)",
        "baseline: constant",
        "baseline: retrieval",
    ]
    assert all(row[2].isdigit() and " to " in row[5] for row in rows)


def test_an_adapter_is_loaded_on_its_base_at_its_revision(facts: Facts) -> None:
    base = msgspec.structs.replace(facts.base, source="hub", location="some/model", revision="abc123")
    told = changed(
        facts,
        base=base,
        base_terms=Terms(licence="MIT"),
        trained=msgspec.structs.replace(facts.trained, method="lora"),
    )
    assert 'from_pretrained("some/model", revision="abc123")' in told and "PeftModel" in told
    assert "- base: `some/model` at revision `abc123`" in told and "- base licence: MIT" in told


def test_what_people_write_does_not_break_a_table(facts: Facts) -> None:
    odd = Source(name="data/x", terms=Terms(what="a | b\nc", licence="own\nwords"))
    [line] = [line for line in changed(facts, sources=[odd]).splitlines() if "data/x" in line]
    assert line == "| `data/x` | a \\| b c | own words |  |  |  |"


def test_a_waiver_is_repeated_with_its_reason(facts: Facts) -> None:
    assert "| few | waived | a rule | small on purpose |" in card(facts)


def test_terms_that_are_written_otherwise_are_named(
    built: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("sources") / "sources.yaml"
    assert read_sources(file) == {}
    for wrong in ("- a", "data/x: {license: MIT}", "data/x: MIT", "a: ["):
        file.write_text(wrong)
        with pytest.raises(DataError, match=r"sources\.yaml"):
            read_sources(file)
