"""What `bluebook deploy` refuses before any work, what a canary exam says, and what the registry tells."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from bluebook.artifacts import write_json
from bluebook.errors import BluebookError, DataError
from bluebook.exams.client import Client
from bluebook.exams.doors import OtherBytes
from bluebook.exams.grade import grade_exam
from bluebook.exams.mastery import wilson
from bluebook.records import Answer, ExamItem
from bluebook.releases import deployment
from bluebook.releases.deployment_canary import (
    ITEMS,
    Canary,
    Graded,
    Served,
    canary,
    compared,
    graded,
    require_same_chat,
)
from bluebook.releases.deployment_record import Deployment, Examined, Tokens, registry
from bluebook.releases.deployment_server import Serving, command, configuration
from bluebook.releases.deployment_source import commit_of, require_answers_of
from tests.exams.conftest import exam, written
from tests.exams.servers import serving, voice
from tests.releases.deploying import EXAM
from tests.toy import Prefix


def asked(items: list[ExamItem], right: int) -> Canary:
    """The canary of a model that answered the first `right` items rightly and the others not at all."""
    answers = [
        written(item, item.reference if place < right else "what?") for place, item in enumerate(items)
    ]
    return canary(items, answers, grade_exam(Prefix(), items, answers).grades)


def served(items: list[ExamItem], right: int) -> list[Answer]:
    return [written(item, item.reference if place < right else "no") for place, item in enumerate(items)]


def test_a_served_score_is_held_against_the_interval_of_the_graded_one() -> None:
    items = exam(40)
    before = asked(items, 30)
    low, high = wilson(0.75, 40)
    assert (graded(before).score, graded(before).low, graded(before).high) == (0.75, low, high)
    found = {right: compared(before, served(items, right), Prefix()) for right in range(41)}
    assert [right for right in found if found[right].within] == [
        right for right in range(41) if low <= right / 40 <= high
    ]
    assert not found[0].within and not found[40].within  # also one that is too good is another model
    assert found[28].loss == pytest.approx(0.05) and found[28].same == 28


def test_the_canary_asks_a_part_of_the_holdout_that_was_graded_free() -> None:
    holdout, practice = exam(ITEMS + 30), exam(40, seed=2, name="toy-practice")
    for item in practice:
        item.kind = "practice"
    items = [*holdout, *practice]
    answers = [written(item, item.reference) for item in items]
    answers += [msgspec.structs.replace(answer, mode="constrained", text="no") for answer in answers]
    grades = grade_exam(Prefix(), items, answers, mode="free").grades
    found = canary(items, answers, grades)
    assert len(found.items) == ITEMS and {item.kind for item in found.items} == {"holdout"}
    assert graded(found).score == 1.0
    assert canary(items[::-1], answers, grades).items == found.items
    with pytest.raises(BluebookError, match="not graded"):
        canary(items, answers, [one for one in grades if one.item != found.items[0].id])
    with pytest.raises(BluebookError, match="answered free"):
        canary(items, [one for one in answers if one.mode == "constrained"], grades)


def test_a_server_that_renders_conversations_otherwise_is_found_out() -> None:
    with serving() as server:
        client = Client(server.url, seconds=10, pauses=())
        require_same_chat(client, "toy", voice())
        server.begin_tokens = 1
        with pytest.raises(OtherBytes, match="/v1/chat/completions"):
            require_same_chat(client, "toy", voice())


def test_a_servers_configuration_is_what_llama_cpp_reads() -> None:
    one = Serving(model="m.gguf", model_alias="toy", n_ctx=160)
    config = msgspec.json.decode(configuration(one, 8000))
    asked = config["models"][0]
    assert (asked["model"], asked["model_alias"], asked["n_ctx"]) == ("m.gguf", "toy", 160)
    assert asked["last_n_tokens_size"] == 0  # no penalty on repeating
    assert "hf_pretrained_model_name_or_path" not in asked
    own = msgspec.structs.replace(one, hf_pretrained_model_name_or_path="tokenizer")
    assert b'"hf_pretrained_model_name_or_path": "tokenizer"' in configuration(own, 8000)
    assert command(Path("deployments/toy/server.json"))[-1] == "deployments/toy/server.json"


def made(subject: str) -> Deployment:
    found = Served(score=0.9, loss=0.02, same=38, within=True)
    return Deployment(
        subject=subject,
        provider="ollama",
        model=f"{subject}:0123-q8_0",
        quantisation="Q8_0",
        method="lora",
        constructs=["add", "mul"],
        base="some/base",
        base_revision="f" * 40,
        adapter="0123",
        date="2026-01-02T03:04:05+00:00",
        commit="c" * 40,
        context=160,
        graded=Graded(exam="e", version="1", n=40, score=0.92, low=0.8, high=0.97),
        tokens=Tokens(prompts=40, same=40),
        files=[Examined(kind="Q8_0", file="f", sha256="s", bytes=1, tensors={"Q8_0": 1}, served=found)],
        endpoint=found,
        start=["ollama", "run", "x"],
    )


def test_the_registry_tells_what_people_expect_of_a_model(tmp_path: Path) -> None:
    for subject in ("persona", "ue5"):
        write_json(tmp_path / "deployments" / subject / "deployment.json", made(subject))
    models = registry(tmp_path)["models"]
    assert sorted(models) == ["persona:0123-q8_0", "ue5:0123-q8_0"]
    entry = models["ue5:0123-q8_0"]
    assert (entry["provider"], entry["model"]) == ("ollama", "ue5:0123-q8_0")
    facts = entry["metadata"]
    assert facts["trainingMethod"] == "lora" and facts["constructs"] == ["add", "mul"]
    assert facts["baseModel"] == "some/base" and facts["fineTunedAt"] == "2026-01-02T03:04:05+00:00"
    assert facts["gradedInterval"] == [0.8, 0.97] and facts["score"] == 0.9


def test_without_ollama_it_says_so_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BluebookError, match=r"Ollama is not installed.*--to gguf"):
        deployment.deploy(tmp_path, Prefix(), EXAM, "ollama", "Q8_0")
    assert list(tmp_path.iterdir()) == []


def test_without_the_binding_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(BluebookError, match=r"pip install 'bluebook\[deploy\]'"):
        deployment.deploy(tmp_path, Prefix(), EXAM, "gguf", "Q8_0")
    assert list(tmp_path.iterdir()) == []


def test_answers_of_another_adapter_are_refused(tmp_path: Path) -> None:
    answers = tmp_path / "prefix.jsonl"
    with pytest.raises(DataError, match="dvc repro"):
        require_answers_of("abc", answers, "prefix")
    answers.write_text("")
    write_json(tmp_path / "prefix.jsonl.artifact.json", {"inputs": {"models/adapters/prefix": "abc"}})
    require_answers_of("abc", answers, "prefix")
    with pytest.raises(DataError, match="not graded yet"):
        require_answers_of("abd", answers, "prefix")


def test_a_folder_without_a_commit_has_no_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(BluebookError, match="commit first"):
        commit_of(tmp_path)


def test_ollamas_own_variable_says_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    assert deployment._ollama_address() == "http://127.0.0.1:11434"
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:11500")
    assert deployment._ollama_address() == "http://127.0.0.1:11500"
    monkeypatch.setenv("OLLAMA_HOST", "https://models.example")
    assert deployment._ollama_address() == "https://models.example"


def test_two_deployments_of_one_subject_at_once_are_refused(tmp_path: Path) -> None:
    with deployment._alone(tmp_path / "toy"):
        with (
            pytest.raises(BluebookError, match="another `bluebook deploy`"),
            deployment._alone(tmp_path / "toy"),
        ):
            pass
        with deployment._alone(tmp_path / "other"):
            pass
    with deployment._alone(tmp_path / "toy"):
        pass
