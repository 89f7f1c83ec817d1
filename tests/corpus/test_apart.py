from __future__ import annotations

from pathlib import Path

import pytest

from bluebook.corpus.apart import read_kept_apart
from bluebook.errors import DataError
from bluebook.records import ExamItem, write_jsonl


def item(id: str, version: str, exam: str = "spring") -> ExamItem:
    return ExamItem(
        id=id, exam=exam, version=version, kind="holdout", prompt=id, reference="so", constructs=[]
    )


def test_two_versions_of_one_exam_are_found_before_anything_is_trained(tmp_path: Path) -> None:
    """A new exam file that takes the name of what is set aside from records, found when its answers were graded."""
    write_jsonl(tmp_path / "exams/a.jsonl", [item("a1", "one"), item("a2", "one")])
    write_jsonl(tmp_path / "holdout.jsonl", [item("b1", "two")])
    with pytest.raises(DataError, match=r"holdout\.jsonl: item 'b1' .*'spring'.*one.*a\.jsonl"):
        list(read_kept_apart(tmp_path / "exams", tmp_path / "holdout.jsonl"))
    write_jsonl(tmp_path / "exams/b.jsonl", [item("b1", "two")])
    with pytest.raises(DataError):
        list(read_kept_apart(tmp_path / "exams"))


def test_a_retired_exam_keeps_its_version(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "exams/a.jsonl", [item("a1", "two")])
    write_jsonl(tmp_path / "exams/retired/a.jsonl", [item("a0", "one")])
    assert [one.id for one in read_kept_apart(tmp_path / "exams")] == ["a1", "a0"]
