from __future__ import annotations

from pathlib import Path

import pytest

from bluebook.errors import BluebookError
from bluebook.exams.items import read_items, select
from bluebook.records import write_jsonl
from tests.exams.conftest import exam


def test_items_come_from_exams_and_holdout(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "exams/b.jsonl", exam(5, 1, name="b"))
    write_jsonl(tmp_path / "exams/a.jsonl", exam(5, 2, name="a"))
    write_jsonl(tmp_path / "holdout.jsonl", exam(5, 3, name="c"))
    items = read_items(tmp_path / "exams", tmp_path / "holdout.jsonl", 0)
    assert [item.exam for item in items] == ["a"] * 5 + ["b"] * 5 + ["c"] * 5
    assert read_items(tmp_path / "absent", tmp_path / "holdout.jsonl", 0) == items[10:]
    assert read_items(tmp_path / "exams", tmp_path / "absent.jsonl", 0) == items[:10]


def test_no_item_at_all_and_a_repeated_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BluebookError):
        read_items(tmp_path, tmp_path / "absent.jsonl", 0)
    write_jsonl(tmp_path / "exams/a.jsonl", exam(5, 1))
    write_jsonl(tmp_path / "holdout.jsonl", exam(9, 1)[4:])
    with pytest.raises(BluebookError, match=exam(5, 1)[4].id):
        read_items(tmp_path / "exams", tmp_path / "holdout.jsonl", 0)


def test_the_choice_is_of_each_exam_and_survives_growth() -> None:
    first, second = exam(30, 1, name="a"), exam(30, 2, name="b")
    chosen = select([*first, *second], 10)
    assert [item.exam for item in chosen] == ["a"] * 10 + ["b"] * 10
    assert select([*reversed(second), *reversed(first)], 10) == chosen
    # Thirty more items to choose from: those that leave were pushed out, those that stay were there before.
    grown = {item.id for item in select([*first, *exam(30, 3, name="a")], 10)}
    kept = {item.id for item in chosen if item.exam == "a"} & grown
    assert grown - kept <= {item.id for item in exam(30, 3)}
    assert kept
