"""Compose and export as DVC runs them, on a small repository with the toy subject and a tiny tokenizer."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest
import yaml

from bluebook import subjects
from bluebook.artifacts import sha256
from bluebook.corpus.compose import Dropped
from bluebook.errors import BluebookError, DataError
from bluebook.families import chat_template, family_named
from bluebook.models import BaseManifest, write_manifest
from bluebook.records import (
    GRAMMAR_FILE,
    REGIONS_FILE,
    DatasetRow,
    ExamItem,
    Example,
    Origin,
    read_jsonl,
    write_jsonl,
)
from tests import toy
from tests.families.speakers import byte_level

ROOT = Path(__file__).parents[2]
LESSONS = Path("data/lessons/prefix")
OUTPUTS = [
    Path(path)
    for path in (
        "data/examples/prefix.jsonl",
        "data/examples/prefix.jsonl.artifact.json",
        "data/holdout/prefix.jsonl",
        "data/holdout/prefix.jsonl.artifact.json",
        "data/examples/prefix.dropped.jsonl",
        "metrics/prefix/compose.json",
        "data/datasets/prefix/train.jsonl",
        "data/datasets/prefix/validation.jsonl",
        "data/datasets/prefix/rejected.jsonl",
        "data/datasets/prefix/regions.json",
        "data/datasets/prefix/plain/train.jsonl",
        "data/datasets/prefix/plain/validation.jsonl",
        "data/datasets/prefix/.artifact.json",
        "metrics/prefix/export.json",
    )
]

COUNTS = Path("metrics/prefix/compose.json")


def stage(name: str) -> Callable[[str], None]:
    main: Callable[[str], None] = runpy.run_path(str(ROOT / "stages" / f"{name}.py"))["main"]
    return main


def lesson(id: str, response: str) -> Example:
    return Example(
        id=id,
        subject="prefix",
        prompt=f"As text: {response}",
        response=response,
        constructs=["add"],
        origin=Origin(kind="lesson", ref="a", group=id),
    )


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records, lessons, an empty folder of exams and a tokenizer; the working folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(subjects.SUBJECTS, "prefix", "tests.toy")
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings["subjects"] = {"prefix": settings["subjects"]["persona"]}
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    rng = Random(5)
    numbers = [(rng.randint(0, 99), rng.randint(0, 99)) for _ in range(120)]
    programs = sorted({f"sub(add({a}, {b}), mul({b}, {a}))" for a, b in numbers})
    records = [toy.ToyRecord(id=f"r{i:03}", program=program) for i, program in enumerate(programs)]
    write_jsonl(Path("data/records/prefix.jsonl"), records)
    write_jsonl(LESSONS / "a.jsonl", [lesson("l1", "add(1, 2)"), lesson("l2", "mul(3, 4)")])
    Path("data/exams/prefix").mkdir(parents=True)
    family = family_named("qwen")
    byte_level(family, chat_template(family)).save_pretrained("models/base")
    write_manifest(
        Path("models/base"),
        BaseManifest(
            source="embedded",
            location=".",
            revision=None,
            family="qwen",
            model_type="qwen3",
            parameters=1,
            weights_sha256="",
        ),
    )
    return tmp_path


def test_rows_reach_the_dataset_and_runs_are_equal(repository: Path) -> None:
    stage("compose")("prefix")
    stage("export")("prefix")
    first = [sha256(path) for path in OUTPUTS]
    examples = list(read_jsonl(OUTPUTS[0], Example))
    held = list(read_jsonl(OUTPUTS[2], ExamItem))
    counts = msgspec.json.decode(COUNTS.read_bytes())
    assert [e.id for e in examples] == sorted(e.id for e in examples)
    assert counts["lessons"] == 2
    assert len(examples) + len(held) + sum(counts["dropped"].values()) == counts["formatted"] + 2
    rows = {
        split: [row.id for row in read_jsonl(Path(f"data/datasets/prefix/{split}.jsonl"), DatasetRow)]
        for split in ("train", "validation")
    }
    assert rows == {s: [e.id for e in examples if e.split == s] for s in ("train", "validation")}
    assert {"l1", "l2"} <= set(rows["train"])
    stage("compose")("prefix")
    stage("export")("prefix")
    assert [sha256(path) for path in OUTPUTS] == first


def test_the_dataset_holds_what_training_needs_of_the_subject(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage("compose")("prefix")
    stage("export")("prefix")
    folder = Path("data/datasets/prefix")
    assert msgspec.json.decode((folder / REGIONS_FILE).read_bytes()) == ["numbers", "words"]
    for row in read_jsonl(folder / "train.jsonl", DatasetRow):
        parts = [(r.name, row.completion[0].content[r.start : r.end]) for r in row.regions]
        assert "".join(text for _, text in parts) == row.completion[0].content
        assert all(text.isdigit() == (name == "numbers") for name, text in parts)
    assert not (folder / GRAMMAR_FILE).exists()
    monkeypatch.setattr(toy.Prefix, "grammar", "start: /[a-z0-9(), ]+/")
    stage("export")("prefix")
    assert (folder / GRAMMAR_FILE).read_text() == toy.Prefix.grammar


def generating(wanted: object) -> dict[str, int]:
    """Compose with so many generated examples; how many of each construct train or validate."""
    settings = yaml.safe_load(Path("params.yaml").read_text())
    settings["subjects"]["prefix"]["compose"].update(generated=wanted, near_duplicate=1.0)
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    stage("compose")("prefix")
    made = [e for e in read_jsonl(OUTPUTS[0], Example) if e.origin.kind == "generated"]
    return {name: sum(e.constructs == [name] for e in made) for name in ("add", "mul")}


def test_examples_may_be_wanted_by_construct(repository: Path) -> None:
    assert generating({"add": 30, "mul": 20}) == {"add": 30, "mul": 20}
    assert msgspec.json.decode(COUNTS.read_bytes())["generated"] == 50


def test_one_construct_more_changes_nothing_of_the_others(repository: Path) -> None:
    def added() -> set[str]:
        return {e.id for e in read_jsonl(OUTPUTS[0], Example) if e.constructs == ["add"]}

    generating({"add": 25})
    first = added()
    generating({"mul": 12, "add": 25})
    assert added() == first


def test_more_of_a_construct_than_there_are_is_an_error(repository: Path) -> None:
    with pytest.raises(BluebookError, match="different examples of add"):
        generating({"add": 20_000})


def test_a_draft_is_not_taught(repository: Path) -> None:
    write_jsonl(LESSONS / "b.draft.jsonl", [lesson("draft", "add(1, 2")])
    stage("compose")("prefix")
    assert "draft" not in {example.id for example in read_jsonl(OUTPUTS[0], Example)}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (lesson("x", "add(1, 2"), r"b\.jsonl:2: lesson x: response line 1, column 9: expected \)"),
        (lesson("x", "add(1, 200)"), r"b\.jsonl:2: lesson x: .*200"),
        (msgspec.structs.replace(lesson("x", "add(1, 2)"), subject="other"), r"b\.jsonl:2: .*'other'"),
        ({"id": "x"}, r"b\.jsonl:2: expected one Example"),
    ],
)
def test_a_bad_lesson_is_named_by_file_and_line(repository: Path, line: object, expected: str) -> None:
    write_jsonl(LESSONS / "b.jsonl", [lesson("fine", "add(5, 6)"), line])
    with pytest.raises(DataError, match=expected):
        stage("compose")("prefix")
    assert not OUTPUTS[0].exists()


def test_an_exam_item_is_never_taught(repository: Path) -> None:
    asked = lesson("l1", "add(1, 2)")
    write_jsonl(
        Path("data/exams/prefix/drill.jsonl"),
        [
            ExamItem(
                id="x1",
                exam="drill",
                version="1",
                kind="practice",
                prompt=asked.prompt,
                reference=asked.response,
                constructs=["add"],
            )
        ],
    )
    stage("compose")("prefix")
    assert "l1" not in {example.id for example in read_jsonl(OUTPUTS[0], Example)}
    assert msgspec.json.decode(COUNTS.read_bytes())["dropped"]["exam_prompt"] == 1


def test_a_failing_export_leaves_the_old_dataset(repository: Path) -> None:
    stage("compose")("prefix")
    stage("export")("prefix")
    before = sha256(Path("data/datasets/prefix"))
    settings = yaml.safe_load(Path("params.yaml").read_text())
    settings["export"]["max_tokens"] = 3
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(BluebookError, match="max_tokens"):
        stage("export")("prefix")
    assert sha256(Path("data/datasets/prefix")) == before
    assert [p.name for p in Path("data/datasets").iterdir()] == ["prefix"]


def test_retired_items_are_never_trained_on(repository: Path) -> None:
    stage("compose")("prefix")
    trained = next(e for e in read_jsonl(OUTPUTS[0], Example) if e.split == "train")
    old = ExamItem(
        id="old",
        exam="drill",
        version="1",
        kind="holdout",
        prompt=trained.prompt,
        reference=trained.response,
        constructs=[],
    )
    write_jsonl(Path("data/exams/prefix/retired/drill-1.jsonl"), [old])
    stage("compose")("prefix")
    assert trained.id not in {e.id for e in read_jsonl(OUTPUTS[0], Example)}
    [drop] = [d for d in read_jsonl(OUTPUTS[4], Dropped) if d.id == trained.id]
    assert (drop.reason, drop.like) == ("exam_prompt", "old")
