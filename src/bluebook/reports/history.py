"""Results at earlier revisions, read from Git: history lives in commits and tags, one live version in the
work tree."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import msgspec

from bluebook.errors import BluebookError, DataError
from bluebook.reports.inputs import Mastery, decode, read_optional

MOST_REVISIONS = 24  # as many as a page shows side by side; the newest are kept


class Revision(msgspec.Struct, kw_only=True, frozen=True):
    """One commit that changed a subject's mastery, with the tags under which it is the live one."""

    commit: str
    tags: tuple[str, ...]
    subject_line: str
    mastery: Mastery


def git(root: Path, *arguments: str) -> bytes | None:
    """Git's output, or None where it has no answer: no repository, no commit, no such file."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _mastery_path(subject: str) -> str:
    return f"metrics/{subject}/mastery.json"


def resolve(root: Path, revision: str) -> str:
    """The full hash of a revision, or of an experiment by its name. Raises BluebookError for one that Git does not
    know."""
    found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        # `dvc exp run` keeps its results below refs/exps, under a name that Git itself does not look for there.
        found = git(root, "for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{revision}") or None
    if found is None:
        raise BluebookError(
            f"Git knows no revision {revision!r} here; `git log --oneline`, `git tag` and `dvc exp list` name them"
        )
    return found.decode().strip()


def file_at(root: Path, commit: str, path: str) -> bytes | None:
    """A file as a commit holds it, or None where it has none."""
    # `./` makes the path relative to root, which need not be the top of its repository.
    return git(root, "show", f"{commit}:./{path}")


def mastery_at(root: Path, commit: str, subject: str) -> Mastery | None:
    """The subject's mastery as of a commit, or None where the commit holds none."""
    path = _mastery_path(subject)
    raw = file_at(root, commit, path)
    return None if raw is None else decode(raw, Mastery, Path(f"{commit[:8]}:{path}"))


def subjects_at(root: Path, commit: str) -> list[str]:
    """The subjects that have a mastery file in a commit, sorted."""
    listed = git(root, "ls-tree", "-r", "-z", "--name-only", commit, "metrics/") or b""
    files = [Path(name) for name in listed.decode("utf-8", "replace").split("\0") if name]
    return sorted(file.parts[1] for file in files if len(file.parts) == 3 and file.name == "mastery.json")


def mastery_here(root: Path, subject: str) -> Mastery | None:
    """The subject's mastery in the work tree."""
    return read_optional(root / _mastery_path(subject), Mastery)


def subjects_here(root: Path) -> list[str]:
    """The subjects that have a mastery file in the work tree, sorted."""
    return sorted(file.parent.name for file in root.glob("metrics/*/mastery.json"))


class Version(NamedTuple):
    """A file as one commit left it."""

    commit: str
    subject_line: str
    raw: bytes


def versions(root: Path, path: str) -> list[Version]:
    """The commits that changed the file at `path` below `root`, oldest first, the newest few of them; empty
    where there is no Git history of it."""
    log = git(root, "log", f"-{MOST_REVISIONS}", "--format=%H%x09%s", "--", path) or b""
    found = []
    for line in reversed(log.decode("utf-8", "replace").splitlines()):
        commit, _, subject_line = line.partition("\t")
        raw = file_at(root, commit, path)
        if raw is not None:  # a commit that removed the file has none
            found.append(Version(commit, subject_line, raw))
    return found


def masteries(root: Path, subject: str) -> list[Mastery]:
    """The subject's masteries that were committed, oldest first. One of an older shape tells nothing."""
    found = []
    for version in versions(root, _mastery_path(subject)):
        try:
            found.append(decode(version.raw, Mastery, Path(_mastery_path(subject))))
        except DataError:
            continue
    return found


def revisions(root: Path, subject: str) -> list[Revision]:
    """The commits that changed the subject's mastery, oldest first; empty where there is no Git history of
    it."""
    path = _mastery_path(subject)
    tags: dict[str, list[str]] = {}
    # A release of a subject is tagged SUBJECT@VERSION, on its own commit or a later one.
    for tag in (git(root, "tag", "--list", f"{subject}@*") or b"").decode("utf-8", "replace").split():
        changed = git(root, "log", "-1", "--format=%H", f"refs/tags/{tag}", "--", path)
        if changed:
            tags.setdefault(changed.decode().strip(), []).append(tag)
    return [
        Revision(
            commit=commit,
            tags=tuple(tags.get(commit, ())),
            subject_line=subject_line,
            mastery=decode(raw, Mastery, Path(f"{commit[:8]}:{path}")),
        )
        for commit, subject_line, raw in versions(root, path)
    ]


def trailers(root: Path, key: str) -> list[tuple[str, str]]:
    """Every commit behind HEAD whose message has a line `key: …`, with its trailers, oldest first."""
    form = "--format=%H%n%(trailers:only,unfold)%x00"
    log = git(root, "log", "--reverse", "--topo-order", f"--grep=^{key}: ", form) or b""
    entries = [entry.strip() for entry in log.decode("utf-8", "replace").split("\0")]
    found = [entry.partition("\n") for entry in entries if entry]
    return [(commit, text) for commit, _, text in found]
