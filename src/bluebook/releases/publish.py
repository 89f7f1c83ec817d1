"""A release: a model card and an artifact entry, committed, and the tag that makes the commit a version.

What is written is a function of what is committed, and each step finds what an earlier, killed run has done. So the
same command goes on from anywhere, and until the tag is there nothing is released. The version's tag and its stage's
come in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from bluebook.artifacts import atomic_writer
from bluebook.errors import BluebookError
from bluebook.releases import versions
from bluebook.releases.card import card, card_path, summary
from bluebook.releases.checks import Refused, refusals
from bluebook.releases.entry import GRAPH, with_artifact
from bluebook.releases.facts import NOT_STATED, SOURCES, Facts, gather
from bluebook.reports.history import file_at
from bluebook.teaching.repository import Repository, Tell, alone

RELEASE_LOCK = Path("logs/release.lock")


class Release(msgspec.Struct, kw_only=True, frozen=True):
    """A version as it was tagged; `stage_tag` None where no stage was asked for."""

    subject: str
    version: str
    tag: str
    commit: str
    card: str
    stage_tag: str | None
    unlicensed: list[str]  # sources whose licence nobody has stated


def release(root: Path, subject: str, version: str, stage: str | None, tell: Tell) -> Release:
    """Release what HEAD holds of `subject` as `version`, with `stage` where one is given.

    Raises Refused with every reason against it, and BluebookError for what is no version or no stage."""
    repository = Repository(root, subject)
    version = versions.parse(version)
    if stage is not None:
        versions.check_stage(stage)
    repository.ready()
    with (
        alone(root, tell, RELEASE_LOCK, "another `release`"),
        alone(root, tell),  # teaching commits, and takes commits back
    ):
        if found := refusals(repository, version, _dirt(repository, version)):
            raise Refused(versions.tag_of(subject, version), found)
        facts = gather(repository, version)
        commit = _commit(repository, version, _files(repository, facts))
        return Release(
            subject=subject,
            version=version,
            tag=versions.tag_of(subject, version),
            commit=commit,
            card=card_path(subject).as_posix(),
            stage_tag=_tag(repository, facts, commit, stage),
            unlicensed=[source.name for source in facts.sources if source.terms.licence == NOT_STATED],
        )


def _files(repository: Repository, facts: Facts) -> dict[str, bytes]:
    """What the release's commit changes, by path."""
    graph = file_at(repository.root, "HEAD", GRAPH) or b""
    return {
        card_path(facts.subject).as_posix(): card(facts).encode(),
        GRAPH: with_artifact(graph, facts.subject),
    }


def _dirt(repository: Repository, version: str) -> list[str]:
    """Changed paths, but for what an interrupted release of this version has written."""
    changed = repository.changed()
    if not changed or not {*changed} <= {card_path(repository.subject).as_posix(), GRAPH}:
        return changed
    try:
        written = _files(repository, gather(repository, version))
    except BluebookError:  # it could not be released anyway, and why is for the checks to say
        return changed
    return [path for path in changed if _bytes(repository.root / path) != written[path]]


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _commit(repository: Repository, version: str, files: Mapping[str, bytes]) -> str:
    """HEAD, once it holds these files."""
    for path, raw in files.items():
        if _bytes(repository.root / path) != raw:
            with atomic_writer(repository.root / path) as out:
                out.write(raw)
    changed = [path for path in repository.changed() if path in files]
    if not changed:
        return repository.head()
    return repository.commit(changed, f"Release {repository.subject} {version}\n")


def _tag(repository: Repository, facts: Facts, commit: str, stage: str | None) -> str | None:
    """Annotated tags for the version and its stage, both or neither. Returns the stage's."""
    subject, version = facts.subject, facts.version
    messages = {versions.tag_of(subject, version): f"{subject} {version}: {summary(facts.holdout)}"}
    stage_tag = None if stage is None else versions.next_stage_tag(repository, stage)
    if stage_tag is not None:
        messages[stage_tag] = f"{subject} {version} is {stage}"
    tagger = repository.git("var", "GIT_COMMITTER_IDENT").strip()
    orders = []
    for name, message in messages.items():
        text = f"object {commit}\ntype commit\ntag {name}\ntagger {tagger}\n\n{message}\n"
        made = repository.git("mktag", text=text).strip()
        orders.append(f"create refs/tags/{name} {made}\n")
    repository.git("update-ref", "--stdin", text=f"start\n{''.join(orders)}prepare\ncommit\n")
    return stage_tag


def licence_warning(unlicensed: list[str]) -> str:
    return f"no licence is stated for {', '.join(unlicensed)}; the card says so. State it in {SOURCES}"
