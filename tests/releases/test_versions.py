"""Versions, their order, and their tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.errors import BluebookError
from bluebook.releases.versions import Released, check_stage, increases, next_stage_tag, parse, released
from bluebook.teaching.repository import Repository

from .conftest import SUBJECT, World


@pytest.mark.parametrize("good", ["1.2.0", "v1.2.0", "0.0.1", "1.0.0-rc.1", "10.20.30+build.5"])
def test_a_semantic_version_is_written_as_gto_writes_it(good: str) -> None:
    assert parse(good) == f"v{good.removeprefix('v')}"


@pytest.mark.parametrize(
    "bad", ["", "1", "1.2", "1.2.0.0", "01.2.0", "1.2.x", "latest", "V1.0.0", "1.0.0-", " 1.0.0"]
)
def test_anything_else_is_refused_by_name(bad: str) -> None:
    with pytest.raises(BluebookError, match="not a version"):
        parse(bad)


@pytest.mark.parametrize("bad", ["", "-x", "a b", "production#1", "prod!"])
def test_a_stage_that_gto_would_not_read_is_refused(bad: str) -> None:
    with pytest.raises(BluebookError, match="not a stage"):
        check_stage(bad)


numbers = st.tuples(*[st.integers(0, 30)] * 3)


@given(numbers, st.lists(numbers, max_size=5))
def test_a_version_increases_where_it_is_above_all_others(
    new: tuple[int, ...], old: list[tuple[int, ...]]
) -> None:
    def written(parts: tuple[int, ...]) -> str:
        return "v" + ".".join(map(str, parts))

    earlier = [Released(written(parts), "", "") for parts in sorted(old)]
    highest = increases(written(new), earlier)
    assert (highest is None) == all(new > parts for parts in old)
    assert highest is None or highest == written(max(old))


def test_a_release_candidate_comes_before_its_version() -> None:
    assert increases("v1.0.0", [Released("v1.0.0-rc.1", "", "")]) is None
    assert increases("v1.0.0-rc.2", [Released("v1.0.0", "", "")]) == "v1.0.0"


def test_versions_are_read_from_tags_in_their_order_and_others_are_left_out(world: World) -> None:
    for tag in ("v1.10.0", "v1.9.0", "vnext", "v1.0.0!"):
        world.git("tag", "--annotate", f"{SUBJECT}@{tag}", "--message", "x")
    world.git("tag", f"{SUBJECT}@v0.1.0")  # not annotated
    world.git("tag", "--annotate", "persona2@v7.0.0", "--message", "x")
    found = released(Repository(world.root, SUBJECT))
    assert [one.version for one in found] == ["v0.1.0", "v1.9.0", "v1.10.0"]
    assert {one.commit for one in found} == {world.git("rev-parse", "HEAD").strip()}


def test_stages_are_numbered_as_gto_numbers_them(world: World) -> None:
    repository = Repository(world.root, SUBJECT)
    assert next_stage_tag(repository, "production") == f"{SUBJECT}#production#1"
    for number in (1, 2, 10):
        world.git("tag", "--annotate", f"{SUBJECT}#staging#{number}", "--message", "x")
    world.git("tag", "--annotate", "persona2#staging#99", "--message", "x")
    assert next_stage_tag(repository, "production") == f"{SUBJECT}#production#11"
