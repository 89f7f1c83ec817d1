from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bluebook.errors import BluebookError
from bluebook.records import ExamItem, Grade, Mode, write_jsonl
from bluebook.reports.history import resolve, revisions
from bluebook.reports.page import page
from bluebook.reports.sides import subject_changes
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
    assert found.refused is None
    assert "dvc.lock" in (found.unpaired or ""), "no grades: the fallback says so"
    assert found.score is None
    assert [(change.construct, change.verdict) for change in found.changes] == [
        ("calm", "forgotten"),
        ("gale", "learned"),
    ]


def test_without_a_second_revision_the_work_tree_counts(history: Path) -> None:
    write_json(history / f"metrics/{SUBJECT}/mastery.json", mastery(0.9, calm=construct(0.99, 100)))
    [found] = subject_changes(history, "HEAD", None)
    assert {change.construct: change.verdict for change in found.changes} == {
        "calm": "learned",
        "gale": "gone",
    }


@pytest.mark.parametrize("changed", [{"version": "2.0.0"}, {"exam": "others"}, {"mode": "constrained"}])
def test_different_exams_and_modes_are_refused_by_name(history: Path, changed: dict[str, str]) -> None:
    write_json(history / f"metrics/{SUBJECT}/mastery.json", mastery(0.9, calm=construct(0.99, 100)) | changed)
    [found] = subject_changes(history, "HEAD", None)
    assert found.changes == []
    assert next(iter(changed.values())) in (found.refused or "")
    assert "HEAD" in (found.refused or "") and "the work tree" in (found.refused or "")


@pytest.mark.parametrize("revision", ["nowhere", "--help", "", "HEAD:other.txt"])
def test_an_unknown_revision_is_named(history: Path, revision: str) -> None:
    with pytest.raises(BluebookError, match="git log"):
        subject_changes(history, revision, None)


def test_no_result_on_either_side(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "empty")
    with pytest.raises(BluebookError, match="dvc repro"):
        subject_changes(tmp_path, "HEAD", None)


def item(number: int, kind: str) -> ExamItem:
    return ExamItem(
        id=f"{kind}{number}",
        exam=kind,
        version="1",
        kind=kind,
        prompt="?",
        reference="!",
        constructs=["calm"],
    )  # type: ignore[arg-type]


def grades(right: int, modes: tuple[Mode, ...]) -> list[Grade]:
    """Forty holdout items, the first `right` of them right, and forty practice items, all of them wrong."""
    return [
        Grade(
            item=f"{kind}{number}",
            mode=mode,
            valid=True,
            score=value,
            errors=[],
            per_construct={"calm": value},
        )
        for kind in ("holdout", "practice")
        for number in range(40)
        for mode in modes
        for value in [float(kind == "holdout" and number < right)]
    ]


def store(root: Path, found: list[Grade]) -> None:
    """Grades as `dvc repro` leaves them: in the work tree, in the cache, and their hash in dvc.lock."""
    file = root / f"data/grades/{SUBJECT}.jsonl"
    write_jsonl(file, found)
    md5 = hashlib.md5(file.read_bytes()).hexdigest()
    write_jsonl(root / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}", found)
    outs = [{"path": f"data/grades/{SUBJECT}.jsonl", "hash": "md5", "md5": md5}]
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"grade": {"outs": outs}}}))


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """Two commits with grades: free ones of 36 right, then of both modes with 10 and with 40 right."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("")
    (tmp_path / ".gitignore").write_text("/data/grades\n/.dvc/cache\n/.dvc/tmp\n")
    write_jsonl(tmp_path / f"data/exams/{SUBJECT}/practice.jsonl", [item(n, "practice") for n in range(40)])
    store(tmp_path, grades(36, ("free",)))
    record(tmp_path, mastery(0.9, calm=construct(0.9, 40)), "first")
    store(tmp_path, grades(10, ("free",)) + grades(40, ("constrained",)))
    record(tmp_path, mastery(0.25, calm=construct(0.25, 40, status="learning")), "second")
    return tmp_path


def test_the_same_items_are_compared_from_the_cache_of_either_revision(graded: Path) -> None:
    for other in (None, "HEAD"):
        [found] = subject_changes(graded, "HEAD~1", other)
        assert (found.unpaired, found.refused) == (None, None)
        [change] = found.changes
        assert (change.verdict, change.lost, change.gained) == ("forgotten", 26, 0)
        assert found.score is not None
        assert (found.score.n, found.score.difference) == (40, pytest.approx(-0.65))


def test_a_new_mode_is_compared_by_the_mode_that_both_sides_have(graded: Path) -> None:
    write_json(
        graded / f"metrics/{SUBJECT}/mastery.json",
        mastery(1.0, calm=construct(1.0, 40)) | {"mode": "constrained"},
    )
    [found] = subject_changes(graded, "HEAD~1", None)
    assert found.before is not None and found.after is not None
    assert "free" in found.before and "free" in found.after
    assert found.changes[0].verdict == "forgotten"
    [found] = subject_changes(graded, "HEAD", None)
    assert found.after is not None and "constrained" in found.after
    assert found.changes[0].verdict == "same"


def test_grades_that_are_gone_are_named_and_the_test_is_called_unpaired(graded: Path) -> None:
    shutil.rmtree(graded / ".dvc/cache")
    [found] = subject_changes(graded, "HEAD~1", None)
    assert found.unpaired is not None and "HEAD~1" in found.unpaired and "dvc fetch" in found.unpaired
    assert found.score is None
    assert [(change.verdict, change.lost) for change in found.changes] == [("forgotten", None)]


def test_an_experiment_goes_by_its_name(graded: Path) -> None:
    commit = git(graded, "rev-parse", "HEAD")
    git(graded, "update-ref", f"refs/exps/ab/{commit}/wide-net", commit)
    assert resolve(graded, "wide-net") == commit
