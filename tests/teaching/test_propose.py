"""The next lesson, from a small repository: the stage's draft, another one after a failure, and a teacher's part."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from bluebook import params, subjects
from bluebook.artifacts import write_json
from bluebook.exams.grade import grade_exam
from bluebook.lessons.review import Decision, decide, decisions_path, read_draft
from bluebook.lessons.stored import draft_path, write_draft
from bluebook.records import ExamItem, write_jsonl
from bluebook.teaching.propose import propose
from tests.exams.conftest import written
from tests.lessons.teacher_server import Server, chat, send
from tests.toy import Prefix

ROOT = Path(__file__).parents[2]
SUBJECT = Prefix()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Training that lacks `mul`, a practice exam that asks for it, and the draft that `grade` makes of that."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.setitem(subjects.SUBJECTS, "prefix", "tests.toy")
    settings: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings["subjects"] = {"prefix": settings["subjects"]["persona"]}
    settings["subjects"]["prefix"]["lessons"]["size"] = 12
    (root / "params.yaml").write_text(yaml.safe_dump(settings))
    rng = Random(5)
    train = {one.id: one for one in (SUBJECT.generate(["add", "sub"], rng) for _ in range(80))}
    for example in train.values():
        example.split = "train"
    write_jsonl(root / "data/examples/prefix.jsonl", train.values())
    asked = {one.id: one for one in (SUBJECT.generate(["mul", "add"], rng) for _ in range(30))}
    items = [
        ExamItem(
            id=one.id, exam="toy", version="1", kind="practice",
            prompt=one.prompt, reference=one.response, constructs=one.constructs,
        )
        for one in asked.values()
    ]  # fmt: skip
    write_jsonl(root / "data/exams/prefix/practice.jsonl", items)
    graded = grade_exam(SUBJECT, items, [written(item, "add(1, 2)") for item in items], list(train.values()))
    write_jsonl(root / "data/grades/prefix.jsonl", graded.grades)
    write_json(root / "metrics/prefix/practice.json", graded.mastery)
    monkeypatch.chdir(root)
    write_draft(SUBJECT, params.load(), draft_path("prefix"))
    monkeypatch.chdir(tmp_path)  # a program may teach a repository from elsewhere
    return root


def test_the_first_lesson_is_the_stages_draft(repository: Path) -> None:
    found = propose(repository, "prefix", 1, 0)
    drafted = read_draft(repository / draft_path("prefix"))
    assert found.file == Path("data/lessons/prefix/001-cycle-1.jsonl")
    assert [row.response for row in found.rows] == [row.response for row in drafted]
    assert {row.origin.kind for row in found.rows} == {"lesson"}
    assert len(found.rows) == 12


def test_after_a_lesson_was_set_aside_another_seed_draws_another(repository: Path) -> None:
    first, second = (propose(repository, "prefix", 2, attempt) for attempt in (0, 1))
    assert {row.response for row in first.rows} != {row.response for row in second.rows}
    assert propose(repository, "prefix", 2, 1) == second


def test_a_row_that_a_person_rejected_is_not_taught(repository: Path) -> None:
    drafted = read_draft(repository / draft_path("prefix"))
    path = decisions_path(repository / draft_path("prefix"))
    decide(path, [Decision(row=drafted[0].id, verdict="rejected")])
    assert [row.prompt for row in propose(repository, "prefix", 1, 0).rows] == [
        row.prompt for row in drafted[1:]
    ]


def test_a_number_that_was_set_aside_is_not_used_again(repository: Path) -> None:
    write_jsonl(repository / "data/set_aside/prefix/004-cycle-2.jsonl", [])
    assert propose(repository, "prefix", 3, 1).file.name == "005-cycle-3.jsonl"


def name_teacher(repository: Path, url: str, **changes: object) -> None:
    settings = {
        "url": url,
        "model": "m",
        "kind": "openai",
        "key_variable": None,
        "price_in": 1.0,
        "price_out": 1.0,
    }
    local = {"teacher": {**settings, "budget": 1.0, "seconds": 5.0, **changes}}
    (repository / "local.yaml").write_text(yaml.safe_dump(local))


def test_a_teachers_rows_take_the_places_of_drafted_ones(repository: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        question = body["messages"][-1]["content"]
        if "other words" in question:
            send(handler, chat(json.dumps([{"of": 1, "prompt": "the same in other words"}])))
        else:
            rows = [
                {"prompt": "two times three", "response": "mul(2, 3)"},
                {"prompt": "bad", "response": "mul("},
            ]
            send(handler, chat(json.dumps(rows)))

    with Server(answer).running() as server:
        name_teacher(repository, server.url)
        found = propose(repository, "prefix", 1, 0)
        assert propose(repository, "prefix", 1, 0).rows == found.rows, (
            "asked once, answered from the transcript"
        )
    prompts = [row.prompt for row in found.rows]
    assert len(prompts) == 12
    assert {"two times three", "the same in other words"} <= set(prompts)
    assert found.teacher.startswith("2 rows taken, refused: 1 invalid; cost 0.0003")
    assert len(server.asked) == 2
    practice = (repository / "data/exams/prefix/practice.jsonl").read_text().splitlines()
    said = json.dumps([body for _, _, body in server.asked])
    assert not any(json.loads(line)["prompt"] in said for line in practice)


@pytest.mark.parametrize(("url", "told"), [("http://127.0.0.1:9/v1", "TeacherUnreachable")])
def test_a_teacher_that_fails_is_told_of_and_the_lesson_goes_without(
    repository: Path, url: str, told: str
) -> None:
    without = propose(repository, "prefix", 1, 0)
    name_teacher(repository, url)
    found = propose(repository, "prefix", 1, 0)
    assert found.rows == without.rows
    assert found.teacher.startswith(f"failed: {told}")
    name_teacher(repository, url, budget=0.0)
    assert propose(repository, "prefix", 1, 0).teacher.startswith("failed: TeacherOverBudget")
