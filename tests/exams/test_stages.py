"""The two stages as DVC runs them, on a small repository with the toy subject and a tiny base."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model

from bluebook import subjects
from bluebook.errors import BluebookError
from bluebook.exams.mastery import Mastery
from bluebook.families import chat_template, family_named
from bluebook.models import BaseManifest, adapter_manifest, weights_sha256, write_manifest
from bluebook.records import Answer, DraftRow, Grade, read_jsonl, write_jsonl
from tests.exams.conftest import exam, examples, written
from tests.exams.test_answer import candidate

ROOT = Path(__file__).parents[2]


def stage(name: str) -> Callable[[str], None]:
    main: Callable[[str], None] = runpy.run_path(str(ROOT / "stages" / f"{name}.py"))["main"]
    return main


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Params, exams and examples of the subject `prefix`; the working folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(subjects.SUBJECTS, "prefix", "tests.toy")
    settings: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings["subjects"] = {"prefix": settings["subjects"]["persona"]}
    settings["subjects"]["prefix"]["exam"] = {
        "mode": "free",
        "max_new_tokens": 12,
        "max_seconds": 60,
        "max_items": 30,
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    write_jsonl(tmp_path / "data/holdout/prefix.jsonl", exam(40))
    train = examples(50, seed=3)
    for place, example in enumerate(train):
        example.split = "train" if place else "validation"
    write_jsonl(tmp_path / "data/examples/prefix.jsonl", train)
    return tmp_path


def add_practice(repository: Path) -> None:
    items = exam(25, seed=4, name="toy-practice", version="0.3")
    for item in items:
        item.kind = "practice"
    write_jsonl(repository / "data/exams/prefix/practice.jsonl", items)


def add_models(repository: Path, method: str) -> None:
    sitting = candidate("qwen3")
    base, adapter = repository / "models/base", repository / "models/adapters/prefix"
    sitting.tokenizer.chat_template = chat_template(family_named("qwen"))
    sitting.model.save_pretrained(base)
    sitting.tokenizer.save_pretrained(base)
    write_manifest(
        base,
        BaseManifest(
            source="embedded",
            location=".",
            revision=None,
            family="qwen",
            model_type="qwen3",
            parameters=1,
            weights_sha256=weights_sha256(base),
        ),
    )
    if method == "lora":
        torch.manual_seed(3)
        lora = get_peft_model(
            sitting.model, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
        )
        lora.save_pretrained(adapter)
    else:
        candidate("qwen3", seed=2).model.save_pretrained(adapter)
    write_manifest(adapter, adapter_manifest(base, "lora" if method == "lora" else "full"))


def mastery_of(repository: Path, name: str) -> Mastery:
    return msgspec.json.decode((repository / f"metrics/prefix/{name}.json").read_bytes(), type=Mastery)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_answer_then_grade(repository: Path, method: str) -> None:
    add_practice(repository)
    add_models(repository, method)
    stage("answer")("prefix")
    file = repository / "data/answers/prefix.jsonl"
    answers = list(read_jsonl(file, Answer))
    assert len(answers) == 55
    assert {answer.model.partition("@")[0] for answer in answers} == {"prefix"}
    for answer in answers:
        assert answer.reference_loss is not None
        assert answer.reference_loss.adapter != answer.reference_loss.base
    assert not list((repository / "logs").rglob("prefix.jsonl")), "nothing is left to go on with"
    before = file.read_bytes()
    stage("answer")("prefix")
    assert file.read_bytes() == before

    stage("grade")("prefix")
    holdout, practice = mastery_of(repository, "mastery"), mastery_of(repository, "practice")
    assert (holdout.exam, holdout.n, holdout.unanswered) == ("toy-holdout", 30, 0)
    assert (practice.exam, practice.version, practice.n) == ("toy-practice", "0.3", 25)
    assert set(holdout.baselines) == {"retrieval", "constant"}
    assert set(holdout.loss) == {"all", *holdout.constructs}
    assert len(list(read_jsonl(repository / "data/grades/prefix.jsonl", Grade))) == 55
    drafted = list(read_jsonl(repository / "data/drafts/prefix.jsonl", DraftRow))
    weak = {name for name, one in practice.constructs.items() if one.accuracy < 0.85}
    assert drafted and {row.target for row in drafted if row.aim == "weak"} <= weak


def test_grade_without_a_practice_exam(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = exam(40)
    write_jsonl(repository / "data/answers/prefix.jsonl", [written(item, item.reference) for item in items])
    with pytest.raises(BluebookError):  # ten answers too many: the exam is 30 items
        stage("grade")("prefix")
    settings = (repository / "params.yaml").read_text().replace("max_items: 30", "max_items: 0")
    (repository / "params.yaml").write_text(settings)
    stage("grade")("prefix")
    assert (mastery_of(repository, "mastery").n, mastery_of(repository, "mastery").score) == (40, 1.0)
    assert (mastery_of(repository, "practice").n, mastery_of(repository, "practice").exam) == (0, "")
    assert "retrieval" in capsys.readouterr().out


def use_server(repository: Path, **settings: Any) -> None:
    (repository / "local.yaml").write_text(yaml.safe_dump({"answer_with": settings}))


def test_an_exam_at_a_server(repository: Path) -> None:
    """The same stage; what only decides how it is run leaves the graph alone."""
    from tests.exams.servers import serving

    add_models(repository, "full")
    with serving() as fake:
        fake.answers = {"prefix": lambda prompt: "add(1, 2)", "base": lambda prompt: "the base"}
        use_server(repository, server=fake.url, base_model="base")
        stage("answer")("prefix")
        answers = list(read_jsonl(repository / "data/answers/prefix.jsonl", Answer))
        assert len(answers) == 30
        assert {found.text for found in answers} == {"add(1, 2)"}
        assert {found.reference_loss for found in answers} == {None}
        assert all(found.model.endswith("as prefix on a server") for found in answers)
        stage("grade")("prefix")
        assert mastery_of(repository, "mastery").n == 30

        fake.answers["base"] = fake.answers["prefix"]
        with pytest.raises(BluebookError, match="does not apply the adapter"):
            stage("answer")("prefix")

        settings = (repository / "params.yaml").read_text().replace("mode: free", "mode: constrained")
        (repository / "params.yaml").write_text(settings)
        with pytest.raises(BluebookError, match=r"exam\.mode"):
            stage("answer")("prefix")
