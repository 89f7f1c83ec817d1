"""Two revisions of every subject, read and compared.

Git holds each revision's mastery, DVC's cache the grades behind it: `dvc.lock` of a commit names their hash.
Where both sides' grades are there, the same items are compared one by one. Where they are not, the accuracies
are, and the result says why. Different exams, or versions of one, are never compared: the difference could lie
in the questions.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import yaml

from bluebook.errors import BluebookError, DataError
from bluebook.records import ExamItem, Grade, read_jsonl
from bluebook.reports.comparison import Change, ScoreChange, compare, compare_items
from bluebook.reports.history import (
    file_at,
    git,
    mastery_at,
    mastery_here,
    resolve,
    subjects_at,
    subjects_here,
)
from bluebook.reports.inputs import Mastery

WORK_TREE = "the work tree"


class SubjectChanges(msgspec.Struct, kw_only=True):
    """A subject's changes on one exam in one mode of decoding.

    `refused` says why the sides cannot be compared; there are no changes then. `unpaired` says why the items were
    not compared one by one; `score` is None then."""

    subject: str
    before: str | None  # exam, version and mode; None where there was no result
    after: str | None
    refused: str | None = None
    unpaired: str | None = None
    score: ScoreChange | None = None
    changes: list[Change] = []


class Side(NamedTuple):
    """A revision; `commit` None stands for the work tree."""

    root: Path
    name: str
    commit: str | None

    @property
    def subjects(self) -> list[str]:
        return subjects_here(self.root) if self.commit is None else subjects_at(self.root, self.commit)

    def mastery(self, subject: str) -> Mastery | None:
        if self.commit is None:
            return mastery_here(self.root, subject)
        return mastery_at(self.root, self.commit, subject)


def subject_changes(root: Path, revision: str, other: str | None) -> list[SubjectChanges]:
    """Every subject that either side has a result of, compared; `other` None stands for the work tree.

    Raises BluebookError for an unknown revision, or where neither side has any result.
    """
    before = Side(root, revision, resolve(root, revision))
    after = Side(root, other or WORK_TREE, None if other is None else resolve(root, other))
    names = sorted({*before.subjects, *after.subjects})
    if not names:
        raise BluebookError(
            f"no mastery in {before.name} or {after.name}: metrics/SUBJECT/mastery.json is written by `dvc repro`"
        )
    return [_subject(name, before, after) for name in names]


def _subject(name: str, before: Side, after: Side) -> SubjectChanges:
    then, now = before.mastery(name), after.mastery(name)
    found = SubjectChanges(subject=name, before=_sat(then), after=_sat(now))
    if then is None or now is None:
        found.unpaired = f"{(before if then is None else after).name} has no result"
        found.changes = compare(then.constructs if then else {}, now.constructs if now else {})
        return found
    if (then.exam, then.version) != (now.exam, now.version):
        found.refused = (
            f"{before.name} sat {then.exam or 'no exam'} version {then.version}, {after.name} "
            f"{now.exam or 'no exam'} version {now.version}: a difference could lie in the questions"
        )
        return found
    try:
        sides = _common([holdout_grades(before, name), holdout_grades(after, name)], [now.mode, then.mode])
    except Missing as missing:
        found.unpaired = str(missing)
    else:
        if sides:
            found.changes, found.score = compare_items(*sides)
            found.before, found.after = (
                f"{result.exam} {result.version} ({side[0].mode})"
                for result, side in zip((then, now), sides, strict=True)
            )
            return found
    if then.mode != now.mode:
        found.refused = (
            f"{before.name} counts {then.mode} answers and {after.name} {now.mode} ones, and there are no grades of "
            "one mode on both sides"
        )
        found.unpaired = None
    else:
        found.changes = compare(then.constructs, now.constructs)
    return found


def _sat(found: Mastery | None) -> str | None:
    return None if found is None else f"{found.exam} {found.version} ({found.mode})"


def _common(sides: list[list[Grade]], modes: Iterable[str]) -> list[list[Grade]]:
    """The grades of the first of `modes` that both sides have; none where there is no such mode."""
    for mode in modes:
        found = [[grade for grade in side if grade.mode == mode] for side in sides]
        if all(found):
            return found
    return []


class Missing(BluebookError):
    """The grades of a revision are not on this machine."""


def holdout_grades(side: Side, subject: str) -> list[Grade]:
    """The grades of the holdout exams, of every mode. Raises Missing where they are not here."""
    path = f"data/grades/{subject}.jsonl"
    file = side.root / path if side.commit is None else _cached(side, path)
    if not file.exists():
        raise Missing(
            f"the grades of {side.name} ({path}) are not on this machine; `dvc fetch --all-commits` gets what a "
            "remote has, `dvc repro` makes them anew"
        )
    practice = _practice(side, subject)
    return [grade for grade in read_jsonl(file, Grade) if grade.item not in practice]


def _cached(side: Side, path: str) -> Path:
    """Where DVC's cache has, or would have, an output of a commit."""
    from dvc.repo import Repo  # 0.6 s

    lock = yaml.safe_load(file_at(side.root, side.commit or "", "dvc.lock") or b"") or {}
    outs = (out for stage in lock.get("stages", {}).values() for out in stage.get("outs", []))
    md5 = next((out["md5"] for out in outs if out["path"] == path), None)
    if md5 is None:
        raise Missing(f"dvc.lock of {side.name} names no {path}")
    with Repo(str(side.root)) as repo:
        cache = Path(str(repo.cache.local.path))
    return cache / str(md5)[:2] / str(md5)[2:]


def _practice(side: Side, subject: str) -> set[str]:
    """Ids of the practice items: they lie in Git, and the grades do not tell them from the others."""
    folder = f"data/exams/{subject}"
    if side.commit is None:
        raw = [file.read_bytes() for file in sorted((side.root / folder).glob("*.jsonl"))]
    else:
        listed = git(side.root, "ls-tree", "-z", "--name-only", side.commit, f"{folder}/") or b""
        names = [name for name in listed.decode("utf-8", "replace").split("\0") if name.endswith(".jsonl")]
        raw = [file_at(side.root, side.commit, name) or b"" for name in names]
    return {item.id for item in _items(raw, folder) if item.kind == "practice"}


def _items(files: Iterable[bytes], folder: str) -> Iterable[ExamItem]:
    for file in files:
        for number, line in enumerate(file.splitlines(), 1):
            if line.strip():
                try:
                    yield msgspec.json.decode(line, type=ExamItem)
                except msgspec.DecodeError as error:
                    raise DataError(
                        Path(folder), number, f"expected one ExamItem as JSON: {error}"
                    ) from error
