"""Versions, and the tags that say them as GTO reads them: `S@v1.2.0` is a version of the subject S, `S#production#3`
gives the version at its commit the stage `production`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from bluebook.errors import BluebookError
from bluebook.teaching.repository import Repository


class Released(NamedTuple):
    """A version that a tag says, such as `v1.2.0`, and its commit."""

    version: str
    tag: str
    commit: str


def parse(version: str) -> str:
    """`1.2.0` or `v1.2.0` as GTO writes it, `v1.2.0`. Raises BluebookError for what is no semantic version."""
    from gto.versions import SemVer  # pydantic comes with it

    written = version if version.startswith("v") else f"v{version}"
    if not SemVer.is_valid(written):
        raise BluebookError(
            f"not a version: {version!r}; expected MAJOR.MINOR.PATCH such as 1.2.0 or 1.2.0-rc.1 (semver.org)"
        )
    return written


def tag_of(subject: str, version: str) -> str:
    return f"{subject}@{version}"


def released(repository: Repository) -> list[Released]:
    """The subject's versions, lowest first."""
    from gto.versions import SemVer

    form = "--format=%(refname:strip=2) %(objectname) %(*objectname)"
    listed = repository.git("for-each-ref", form, f"refs/tags/{repository.subject}@v*")
    found = []
    for line in listed.splitlines():
        tag, *objects = line.split()  # of an annotated tag: the tag's own, then the commit
        version = tag.partition("@")[2]
        if SemVer.is_valid(version):
            found.append(Released(version, tag, objects[-1]))
    return sorted(found, key=lambda one: SemVer(one.version))


def increases(version: str, earlier: Iterable[Released]) -> str | None:
    """The highest of `earlier` that `version` does not exceed; None where it exceeds them all."""
    from gto.versions import SemVer

    above = [one.version for one in earlier if not SemVer(one.version) < SemVer(version)]
    return above[-1] if above else None


def find(repository: Repository, version: str) -> Released:
    """The version of that name. Raises BluebookError that names what there is."""
    known = released(repository)
    for one in known:
        if one.version == version:
            return one
    there = ", ".join(one.version for one in known) or "none yet"
    raise BluebookError(
        f"no tag {tag_of(repository.subject, version)}; versions of {repository.subject}: {there}. `git fetch --tags` "
        f"gets those of a remote"
    )


def check_stage(stage: str) -> str:
    """Raises BluebookError for what GTO does not take as a stage's name."""
    from gto.constants import check_string_is_valid

    if not check_string_is_valid(stage):
        raise BluebookError(f"not a stage: {stage!r}; expected letters, digits, - and _, such as production")
    return stage


def next_stage_tag(repository: Repository, stage: str) -> str:
    """The tag that gives a stage, numbered after all of the subject's, as GTO numbers them."""
    listed = repository.git("tag", "--list", f"{repository.subject}[@#]*").split()
    numbers = [int(found[1]) for tag in listed if (found := re.search(r"#(\d+)$", tag))]
    return f"{repository.subject}#{stage}#{max(numbers, default=0) + 1}"
