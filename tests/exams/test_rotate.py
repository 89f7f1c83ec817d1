"""A rotation keeps the old set out of exams and training, and the next set is the same on every machine."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from bluebook.corpus.apart import read_kept_apart
from bluebook.errors import BluebookError, DataError
from bluebook.exams.items import read_items
from bluebook.exams.rotate import count_up, rotate
from bluebook.records import ExamItem, read_jsonl, write_jsonl
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.examining import Plan, draw, exam
from bluebook.subjects.ue5.generator import Generator
from tests.lessons.material import Language, example, item

PARAMS = "seed: 1\nsubjects:\n  prefix:\n    compose:\n      rotation: 0   # see there\n      generated: 3\n"


class Silent(Language):
    """A subject that generates no exams."""

    def examine(self, like: object, taken: object, seed: str) -> list[ExamItem]:
        return []


def repository(root: Path) -> None:
    rng = Random(2)
    practice = [item(n, ["add", "mul"], rng) for n in range(3)]
    holdout = [item(n, ["sub", "mul", "add"], rng, "holdout") for n in range(4)]
    write_jsonl(root / "data/exams/prefix/practice.jsonl", practice)
    write_jsonl(root / "data/exams/prefix/holdout.jsonl", holdout)
    write_jsonl(root / "data/examples/prefix.jsonl", [example(["add"], rng)])
    aside = replace(item(9, ["sub", "add"], rng, "holdout"), exam="prefix-records")
    write_jsonl(root / "data/holdout/prefix.jsonl", [aside])
    (root / "params.yaml").write_text(PARAMS)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_old_set_is_kept_apart_and_asked_no_more(here: Path) -> None:
    folder = Path("data/exams/prefix")
    before = (folder / "holdout.jsonl").read_bytes()
    old = list(read_jsonl(folder / "holdout.jsonl", ExamItem))
    [rotated] = rotate(Language())
    assert Path(rotated.retired).read_bytes() == before
    asked = read_items(folder, Path("data/holdout/prefix.jsonl"), 0)
    assert not {one.prompt for one in old} & {one.prompt for one in asked}
    assert {one.version for one in asked if one.exam == "prefix-holdout"} >= {rotated.version}
    assert rotated.version != old[0].version
    apart = {one.prompt for one in read_kept_apart(folder, Path("data/holdout/prefix.jsonl"))}
    assert apart == {one.prompt for one in [*old, *asked]}
    assert Path("params.yaml").read_text() == PARAMS


def test_every_machine_rotates_to_the_same_sets(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = []
    for _ in range(2):
        root = tmp_path_factory.mktemp("machine")
        repository(root)
        monkeypatch.chdir(root)
        rotate(Language())
        first = (root / "data/exams/prefix/holdout.jsonl").read_bytes()
        rotate(Language())
        sets.append((first, (root / "data/exams/prefix/holdout.jsonl").read_bytes()))
    assert sets[0] == sets[1] and sets[0][0] != sets[0][1]


def test_a_rotation_that_was_killed_half_way_gives_the_same_set(here: Path) -> None:
    file = Path("data/exams/prefix/holdout.jsonl")
    before = file.read_bytes()
    rotate(Language())
    after = file.read_bytes()
    file.write_bytes(before)  # retired already, not yet replaced
    rotate(Language())
    assert file.read_bytes() == after


def test_what_is_set_aside_from_records_rotates_by_one_number(here: Path) -> None:
    [rotated] = rotate(Language(), records=True)
    assert rotated.version is None
    assert Path(rotated.retired).read_bytes() == Path("data/holdout/prefix.jsonl").read_bytes()
    assert Path("params.yaml").read_text() == PARAMS.replace("rotation: 0", "rotation: 1")
    with pytest.raises(BluebookError, match="retired already"):
        rotate(Language(), records=True)


def test_without_a_generated_holdout_the_records_one_rotates(here: Path) -> None:
    Path("data/exams/prefix/holdout.jsonl").unlink()
    [rotated] = rotate(Silent())
    assert rotated.retired.startswith("data/exams/prefix/retired/prefix-")


def test_a_subject_that_generates_no_exams_says_so(here: Path) -> None:
    before = Path("data/exams/prefix/holdout.jsonl").read_bytes()
    with pytest.raises(BluebookError, match="generates no exams"):
        rotate(Silent())
    assert Path("data/exams/prefix/holdout.jsonl").read_bytes() == before
    assert not Path("data/exams/prefix/retired").exists()


def test_a_key_that_is_not_there_is_named(here: Path) -> None:
    with pytest.raises(DataError, match=r"subjects\.other\.rotation"):
        count_up(Path("params.yaml"), ("subjects", "other", "rotation"))


def test_ue5_draws_around_what_is_taken() -> None:
    generator = Generator(shipped())
    first = draw(generator, Plan("holdout", 8, "a", least=0))
    taken = {frozenset(one.constructs) for one in first}
    second = exam(generator, "ue5-x", Plan("holdout", 8, "a", least=0, taken=taken), prefix="ue5-x-r1")
    assert not taken & {frozenset(one.constructs) for one in second}
    assert second[0].id == "ue5-x-r1-001" and second[0].exam == "ue5-x"
