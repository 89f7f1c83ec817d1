"""`bluebook lessons` and `bluebook exams` as people type them, and the row-by-row dialogue."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import yaml
from typer.testing import CliRunner, Result

from bluebook import subjects
from bluebook.artifacts import write_json
from bluebook.cli import app
from bluebook.errors import BluebookError
from bluebook.lessons.dialogue import go_through
from bluebook.lessons.judge import Judge
from bluebook.lessons.review import read_decisions, read_draft
from bluebook.records import DraftRow, Example, read_jsonl, write_jsonl
from tests.lessons.material import Language, evidence, example

ROOT = Path(__file__).parents[2]
NOW = Path("data/drafts/prefix.now.jsonl")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `grade` leaves behind for the subject `prefix`; the working folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(subjects.SUBJECTS, "prefix", "tests.toy")
    settings: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings["subjects"] = {"prefix": settings["subjects"]["persona"]}
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    rng = Random(1)
    given = evidence([example([rng.choice(["add", "mul"])], rng) for _ in range(100)], {"add": 9}, {"mul": 9})
    write_jsonl(Path("data/examples/prefix.jsonl"), given.train)
    write_jsonl(Path("data/grades/prefix.jsonl"), given.grades)
    for kind, file in (("practice", "exams/prefix/practice"), ("holdout", "holdout/prefix")):
        write_jsonl(Path(f"data/{file}.jsonl"), [item for item in given.exams if item.kind == kind])
    write_json(Path("metrics/prefix/practice.json"), given.practice)
    return tmp_path


def bluebook(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_draft_look_decide_promote(repository: Path) -> None:
    made = msgspec.json.decode(bluebook("lessons", "draft", "prefix", "--size", "12", "--json").stdout)
    rows = read_draft(NOW)
    assert [row["id"] for row in made["rows"]] == [row.id for row in rows] and len(rows) > 4
    draft = ["--draft", str(NOW)]
    assert isinstance(
        bluebook("lessons", "promote", "prefix", *draft).exception, BluebookError
    )  # none approved
    assert (
        bluebook("lessons", "show", "prefix", *draft, "--reject", rows[2].id, "--approve", "all").exit_code
        == 0
    )
    told = msgspec.json.decode(bluebook("lessons", "show", "prefix", *draft, "--json").stdout)
    assert {one["row"]["id"] for one in told["rows"] if one["decision"]["verdict"] == "rejected"} == {
        rows[2].id
    }
    assert bluebook("lessons", "promote", "prefix", *draft, "--name", "products").exit_code == 0
    lesson = list(read_jsonl(Path("data/lessons/prefix/001-products.jsonl"), Example))
    assert {one.prompt for one in lesson} == {row.prompt for row in rows} - {rows[2].prompt}


def test_the_stage_drafts_what_the_command_drafts(repository: Path) -> None:
    from bluebook import params
    from bluebook.lessons.stored import draft_path, write_draft

    write_draft(Language(), params.load(), draft_path("prefix"))
    bluebook("lessons", "draft", "prefix")
    assert draft_path("prefix").read_bytes() == NOW.read_bytes() != b""
    bluebook("lessons", "draft", "prefix", "--seed", "12")
    assert draft_path("prefix").read_bytes() != NOW.read_bytes()


def test_wrong_use(repository: Path) -> None:
    bluebook("lessons", "draft", "prefix")
    draft = ["prefix", "--draft", str(NOW)]
    assert bluebook("lessons", "show", *draft, "--approve", "no-such-row").exit_code == 2
    assert bluebook("lessons", "show", *draft, "--approve", "all", "--reject", "all").exit_code == 2
    missing = bluebook("lessons", "show", "prefix").exception
    assert isinstance(missing, BluebookError) and "data/drafts/prefix.jsonl" in str(missing)


def test_rotate_names_the_next_version(repository: Path) -> None:
    [told] = msgspec.json.decode(bluebook("exams", "rotate", "prefix", "--json").stdout)
    assert told["version"] is None and Path(told["retired"]).exists()
    assert yaml.safe_load(Path("params.yaml").read_text())["subjects"]["prefix"]["compose"]["rotation"] == 1


def draft_rows(count: int) -> list[DraftRow]:
    bluebook("lessons", "draft", "prefix", "--size", str(2 * count))
    return read_draft(NOW)[:count]


def talk(rows: list[DraftRow], keys: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{key}\n" for key in keys)))
    kept = Path("data/drafts/prefix.decisions.jsonl")
    go_through(rows, kept, Judge(Language(), [], [], 0.85), Language())
    return {id: one.verdict for id, one in read_decisions(kept).items()}


def test_a_review_stops_and_goes_on(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = draft_rows(4)
    ids = [row.id for row in rows]
    assert talk(rows, "aq", monkeypatch) == {ids[0]: "approved"}
    found = talk(rows, "xrar", monkeypatch)  # x is no answer: asked again
    assert found == dict(zip(ids, ["approved", "rejected", "approved", "rejected"], strict=True))
    assert talk(rows, "", monkeypatch) == found


def test_what_is_edited_is_judged_again(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = draft_rows(1)
    response = rows[0].response
    editor = repository / "editor.py"
    monkeypatch.setenv("VISUAL", f"{sys.executable} {editor}")
    script = (
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "file.write_text(file.read_text().replace({!r}, {!r}))\n"
    )
    editor.write_text(script.format(response, "add(1, "))
    assert talk(rows, "eq", monkeypatch) == {}  # it does not parse any more
    editor.write_text(script.format("\n-----", "\nplease\n-----"))
    assert talk(rows, "e", monkeypatch) == {rows[0].id: "edited"}
    [one] = read_decisions(Path("data/drafts/prefix.decisions.jsonl")).values()
    assert one.prompt == f"{rows[0].prompt}\nplease" and one.response == response
