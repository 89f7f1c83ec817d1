"""A promotion judges again, numbers on, and writes all or nothing."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from bluebook.errors import BluebookError, DataError
from bluebook.lessons.judge import Judge
from bluebook.lessons.promote import promote
from bluebook.lessons.reading import read_lessons
from bluebook.lessons.review import Decision, decide, decided, decisions_path, read_decisions
from bluebook.records import DraftRow, ExamItem, write_jsonl
from tests.lessons.material import Language, example, item

RNG = Random(3)
TRAIN = [example(["add"], RNG) for _ in range(100)]
EXAM = item(1, ["add", "mul", "sub"], RNG, "holdout")


def rows(count: int, seed: int = 4) -> list[DraftRow]:
    rng = Random(seed)
    made = [Language().generate(["mul", "sub", "mul"], rng) for _ in range(count)]
    return [
        DraftRow(
            id=one.id,
            subject=one.subject,
            prompt=one.prompt,
            response=one.response,
            constructs=one.constructs,
            origin=one.origin,
            aim="weak",
            target="mul",
            why="mul: weak",
        )
        for one in made
    ]


def promoted(folder: Path, given: list[DraftRow], exams: list[ExamItem] | None = None) -> Path:
    return promote(
        Language(), given, folder, "more-products", exams=exams or [EXAM], train=TRAIN, near_duplicate=0.85
    )


def test_a_lesson_is_plain_examples_under_the_next_number(tmp_path: Path) -> None:
    (tmp_path / "002-core.jsonl").write_bytes(b"")
    (tmp_path / "009-later.jsonl").write_bytes(b"")
    path = promoted(tmp_path, rows(3))
    assert path.name == "010-more-products.jsonl"
    lessons = list(read_lessons(tmp_path, Language()))
    assert [one.id for one in lessons] == [f"lesson-010-more-products-{n:03}" for n in (1, 2, 3)]
    assert {one.origin.kind for one in lessons} == {"lesson"} and {one.split for one in lessons} == {""}
    assert b"why" not in path.read_bytes()
    assert promoted(tmp_path, rows(2, seed=8)).name == "011-more-products.jsonl"


@pytest.mark.parametrize("reason", ["exam_prompt", "exam_program", "duplicate", "invalid"])
def test_each_fault_stops_it_by_name_and_nothing_is_written(reason: str, tmp_path: Path) -> None:
    given = rows(3)
    bad = {
        "exam_prompt": replace(given[1], prompt=EXAM.prompt.upper()),
        "exam_program": replace(given[1], prompt="Another wording.", response=EXAM.reference),
        "duplicate": replace(given[1], prompt=TRAIN[5].prompt, response=TRAIN[5].response),
        "invalid": replace(given[1], response="mul(1, "),
    }[reason]
    with pytest.raises(BluebookError, match=rf"1 of 3 rows.*\n  {bad.id}: {reason}"):
        promoted(tmp_path, [given[0], bad, given[2]])
    assert list(tmp_path.iterdir()) == []


def test_an_exam_that_came_after_the_draft_stops_it(tmp_path: Path) -> None:
    given = rows(2)
    later = replace(EXAM, prompt=given[0].prompt, reference=given[0].response)
    with pytest.raises(BluebookError, match=given[0].id):
        promoted(tmp_path, given, [later])


def test_more_than_the_share_of_lessons_and_nothing_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BluebookError, match="66 fit"):
        promoted(tmp_path, rows(67))
    with pytest.raises(BluebookError, match="no row"):
        promoted(tmp_path, [])


def test_a_name_is_a_file_name(tmp_path: Path) -> None:
    with pytest.raises(BluebookError, match=r"\.\./out"):
        promote(Language(), rows(1), tmp_path, "../out", exams=[], train=TRAIN, near_duplicate=0.85)


def test_a_lesson_at_fault_is_named_by_file_and_line(tmp_path: Path) -> None:
    fine = example(["add"], Random(9), "lesson")
    write_jsonl(tmp_path / "001-a.jsonl", [fine, replace(fine, id="x", response="add(100, 1)")])
    with pytest.raises(DataError, match=r"001-a\.jsonl:2: lesson x: .*too_large"):
        list(read_lessons(tmp_path, Language()))


def test_a_judge_wants_each_lesson_once() -> None:
    judge = Judge(Language(), [], [], 0.85)
    [one] = rows(1)
    assert judge.take(one) is None
    again = judge.take(replace(one, id="again"))
    assert again is not None and again.reason == "duplicate" and one.id in again.detail


def test_decisions_survive_and_the_last_one_counts(tmp_path: Path) -> None:
    given = rows(4)
    kept = decisions_path(tmp_path / "prefix.jsonl")
    decide(
        kept, [Decision(row=given[0].id, verdict="approved"), Decision(row=given[1].id, verdict="approved")]
    )
    decide(kept, [Decision(row=given[1].id, verdict="rejected")])
    decide(
        kept,
        [
            Decision(
                row=given[2].id, verdict="edited", prompt="(1 + 1)", response="add(1, 1)", constructs=["add"]
            )
        ],
    )
    found = decided(given, read_decisions(kept))
    assert [row.id for row in found] == [given[0].id, given[2].id]
    assert (found[1].prompt, found[1].response, found[1].constructs) == ("(1 + 1)", "add(1, 1)", ["add"])
