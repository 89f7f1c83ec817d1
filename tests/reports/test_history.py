from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bluebook.errors import BluebookError
from bluebook.reports.comparison import subject_changes
from bluebook.reports.history import revisions
from bluebook.reports.page import page
from bluebook.reports.view import gather
from tests.reports.conftest import SUBJECT, construct, mastery, write_json

IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        env=os.environ | IDENTITY,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def record(root: Path, result: dict[str, object], message: str) -> None:
    write_json(root / f"metrics/{SUBJECT}/mastery.json", result)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Three commits: two results, the first of them released, and one commit that changes nothing."""
    git(tmp_path, "init", "-q", "-b", "main")
    record(tmp_path, mastery(0.4, calm=construct(0.9, 100), gale=construct(0.5, 100)), "first")
    git(tmp_path, "tag", "-a", f"{SUBJECT}@v1.0.0", "-m", "first")
    git(tmp_path, "tag", "rowing@v9.0.0")
    (tmp_path / "other.txt").write_text("x")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "nothing new")
    git(tmp_path, "tag", f"{SUBJECT}@v1.0.1")
    record(tmp_path, mastery(0.6, calm=construct(0.3, 100), gale=construct(0.9, 100)), "second <b>")
    return tmp_path


def test_revisions_come_oldest_first_with_their_tags(history: Path) -> None:
    found = revisions(history, SUBJECT)
    assert [(entry.mastery.score, entry.tags, entry.subject_line) for entry in found] == [
        (0.4, (f"{SUBJECT}@v1.0.0", f"{SUBJECT}@v1.0.1"), "first"),
        (0.6, (), "second <b>"),
    ]


def test_no_repository_means_no_history(tmp_path: Path) -> None:
    assert revisions(tmp_path, SUBJECT) == []


def test_the_page_is_the_same_before_and_after_the_commit_of_its_results(history: Path) -> None:
    write_json(history / f"metrics/{SUBJECT}/mastery.json", mastery(0.9, calm=construct(0.99, 100)))
    before = page([gather(history, SUBJECT, "embedded")])
    git(history, "commit", "-q", "-a", "-m", "third")
    assert page([gather(history, SUBJECT, "embedded")]) == before
    assert f"{SUBJECT}@v1.0.0" in before
    assert "40.0" in before


def test_differences_between_two_revisions(history: Path) -> None:
    [found] = subject_changes(history, f"{SUBJECT}@v1.0.0", "HEAD")
    assert found.same_exam
    assert [(change.construct, change.verdict) for change in found.changes] == [
        ("calm", "forgotten"),
        ("gale", "learned"),
    ]


def test_without_a_second_revision_the_work_tree_counts(history: Path) -> None:
    write_json(history / f"metrics/{SUBJECT}/mastery.json", mastery(0.9, "2.0.0", calm=construct(0.99, 100)))
    [found] = subject_changes(history, "HEAD", None)
    assert not found.same_exam
    assert {change.construct: change.verdict for change in found.changes} == {
        "calm": "learned",
        "gale": "gone",
    }


@pytest.mark.parametrize("revision", ["nowhere", "--help", "", "HEAD:other.txt"])
def test_an_unknown_revision_is_named(history: Path, revision: str) -> None:
    with pytest.raises(BluebookError, match="git log"):
        subject_changes(history, revision, None)


def test_no_result_on_either_side(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "empty")
    with pytest.raises(BluebookError, match="dvc repro"):
        subject_changes(tmp_path, "HEAD", None)
