"""What must hold before a version is released. Each thing that does not is a refusal with a name, and all are told at
once: nobody should run a release five times to hear five reasons."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from bluebook.errors import BluebookError, DataError
from bluebook.releases import versions
from bluebook.releases.outputs import LOCK, Lock, outputs, read_lock, upstream, verify
from bluebook.reports.history import file_at
from bluebook.reports.inputs import GateResult, Mastery, read_optional
from bluebook.reports.status import staleness
from bluebook.teaching.repository import Repository

Name = Literal[
    "dirty tree",
    "red gate",
    "stale lock",
    "ungraded commit",
    "version exists",
    "version does not increase",
]
SHOWN = 5


class Refusal(msgspec.Struct, kw_only=True, frozen=True):
    """Why a version is not released, and what to do about it."""

    name: Name
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}. {self.remedy}"


class Refused(BluebookError):
    """The version is not released. `refusals` are all the reasons."""

    def __init__(self, what: str, refusals: Sequence[Refusal]) -> None:
        self.refusals = list(refusals)
        super().__init__(
            f"{what} is not released:\n" + "\n".join(f"  {refusal}" for refusal in self.refusals)
        )


def last_stage(subject: str) -> str:
    """The stage behind which everything of a subject lies."""
    return f"health@{subject}"


def refusals(repository: Repository, version: str, dirt: Sequence[str]) -> list[Refusal]:
    """All reasons against releasing what HEAD and the work tree hold. `dirt` are changed paths that the release itself
    did not write."""
    waiting = _start_dvc(repository.root, last_stage(repository.subject))  # slow, so it runs beside the rest
    try:
        found = [
            *_version(repository, version),
            *_dirt(dirt),
            *_gate(repository),
            *_graded(repository),
        ]
        stale = staleness(waiting)
        if stale.error is not None and _drop_damaged(repository.root / ".dvc/tmp/rwlock"):
            waiting = _start_dvc(repository.root, last_stage(repository.subject))
            stale = staleness(waiting)
    finally:
        waiting.kill()
    return [*found, *_stale(repository, stale.stages, stale.error)]


def _start_dvc(root: Path, target: str) -> subprocess.Popen[bytes]:
    """`dvc status` of a stage and all before it, under way; `staleness` waits for it."""
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", "status", "--json", "--with-deps", target],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _drop_damaged(locks: Path) -> bool:
    """Remove DVC's note of who reads and writes what where it is no JSON; whether it was none. A DVC that is killed
    while it writes the note leaves an empty file, at which every later one stops."""
    try:
        msgspec.json.decode(locks.read_bytes())
    except FileNotFoundError:
        return False
    except msgspec.DecodeError:
        locks.unlink(missing_ok=True)
        return True
    return False


def _version(repository: Repository, version: str) -> Iterator[Refusal]:
    subject, known = repository.subject, versions.released(repository)
    for one in known:
        if one.version == version:
            yield Refusal(
                name="version exists",
                why=f"{one.tag} is at {one.commit[:8]}",
                remedy=f"A version never changes: take a higher one. For its stage: `gto assign {subject} --version "
                f"{version} --stage STAGE`",
            )
            return
    if highest := versions.increases(version, known):
        yield Refusal(
            name="version does not increase",
            why=f"{version} is not above {highest}",
            remedy=f"Take one above {known[-1].version}",
        )


def _dirt(dirt: Sequence[str]) -> Iterator[Refusal]:
    if dirt:
        yield Refusal(
            name="dirty tree",
            why=f"not committed: {_few(dirt)}",
            remedy="Commit them or undo them; a release is a commit and nothing else",
        )


def _gate(repository: Repository) -> Iterator[Refusal]:
    subject = repository.subject
    remedy = f"`dvc repro gate@{subject}` says which rows and what to do"
    path = Path(f"metrics/{subject}/gate.json")
    gate = read_optional(repository.root / path, GateResult)
    if gate is None:
        yield Refusal(name="red gate", why=f"there is no {path}: the gate has not run", remedy=remedy)
    elif not gate.passed:
        broken = [rule.name for rule in gate.rules if not rule.passed and rule.severity == "failure"]
        yield Refusal(name="red gate", why=f"{path}: {_few(broken)} failed", remedy=remedy)


def _graded(repository: Repository) -> Iterator[Refusal]:
    """Whether the holdout exam was graded, and HEAD holds the very result that `dvc.lock` names."""
    subject = repository.subject
    path = f"metrics/{subject}/mastery.json"
    remedy = f"`dvc repro {last_stage(subject)}`, then commit metrics/ and {LOCK}"
    raw = file_at(repository.root, "HEAD", path)
    if raw is None:
        yield Refusal(name="ungraded commit", why=f"HEAD holds no {path}", remedy=remedy)
        return
    try:
        found = read_optional(repository.root / path, Mastery)
        lock = committed_lock(repository)
    except DataError as error:
        yield Refusal(name="ungraded commit", why=str(error), remedy=remedy)
        return
    if found is None or not found.n:
        yield Refusal(name="ungraded commit", why=f"{path} grades no item", remedy=remedy)
    elif found.unanswered:
        why = f"{found.unanswered} items of {found.exam} are unanswered"
        yield Refusal(name="ungraded commit", why=why, remedy=remedy)
    named = [out.md5 for stage in lock.stages.values() for out in stage.outs if out.path == path]
    if named != [hashlib.md5(raw, usedforsecurity=False).hexdigest()]:
        why = f"{LOCK} of HEAD does not name the {path} of HEAD"
        yield Refusal(name="ungraded commit", why=why, remedy=remedy)


def committed_lock(repository: Repository) -> Lock:
    """`dvc.lock` of HEAD; an empty one where there is none."""
    return read_lock(file_at(repository.root, "HEAD", LOCK) or b"", f"{LOCK} of HEAD")


def _stale(
    repository: Repository, stages: dict[str, list[str]] | None, error: str | None
) -> Iterator[Refusal]:
    last = last_stage(repository.subject)
    remedy = f"`dvc repro {last}`, then commit {LOCK}"
    if stages is None:
        yield Refusal(name="stale lock", why=f"DVC cannot tell: {error}", remedy=remedy)
        return
    if stages:
        told = [f"{name} ({', '.join(changes[:2])})" for name, changes in stages.items()]
        yield Refusal(name="stale lock", why=f"not up to date: {_few(told)}", remedy=remedy)
        return
    try:
        wanted = outputs(upstream(committed_lock(repository), last).values())
    except BluebookError as broken:
        yield Refusal(name="stale lock", why=str(broken), remedy=remedy)
        return
    if damaged := verify(repository.root, wanted):
        why = f"{_few([str(damage) for damage in damaged])}"
        yield Refusal(name="stale lock", why=why, remedy=f"`dvc checkout --force`, else {remedy}")


def _few(names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
