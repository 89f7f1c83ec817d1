"""`bluebook release` and `bluebook restore`: versions of a subject, made and brought back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bluebook.cli_input import Json, SubjectName
from bluebook.errors import BluebookError

ROOT = Path()
Version = Annotated[str, typer.Argument(metavar="VERSION", help="Such as 1.2.0.")]


def release(
    subject: SubjectName,
    version: Version,
    stage: Annotated[str | None, typer.Option(help="A stage for the version, such as production.")] = None,
    json: Json = False,
) -> None:
    """Make the commit at HEAD a version: model card, artifact entry and an annotated tag that GTO reads.

    Refused by name: a red gate, an ungraded commit, a dirty tree, a stale lock, a version that exists or does not
    increase. Exit 1 then, and where the second drive is set and cannot be used; the release stays.

    bluebook release persona 1.2.0 --stage production
    """
    from bluebook.records import encode
    from bluebook.releases.publish import licence_warning
    from bluebook.releases.publish import release as make

    made = make(ROOT, subject, version, stage, _tell)
    if made.unlicensed:
        _tell(f"warning: {licence_warning(made.unlicensed)}")
    backup, problem = _backed_up()
    if json:
        print(encode({"release": made, "backup": backup, "backup_error": problem}).decode())
    else:
        print(f"{made.tag} is released at {made.commit[:8]}; its card is {made.card}")
        if made.stage_tag:
            print(f"{made.stage_tag} says its stage")
        if backup:
            print(f"backed up as {backup}")
        print("`git push --follow-tags` sends it to a Git remote")
    if problem is not None:
        _tell(
            f"error: {made.tag} is released, BUT IT IS ON THIS DRIVE ONLY: {problem}\n"
            f"`bluebook backup run` catches up"
        )
        raise typer.Exit(1)


def _backed_up() -> tuple[str | None, str | None]:
    """The backup's label, None where no drive is set; and what stood in its way. A release is never undone for it."""
    from bluebook.backups.backup import milestone

    try:
        done = milestone(ROOT, _tell)
    except BluebookError as error:
        return None, str(error)
    return (None if done is None else done.label), None


def restore(subject: SubjectName, version: Version, json: Json = False) -> None:
    """Bring a version back, every byte of it checked: here, or in a work tree of its own where this one is not clean.

    bluebook restore persona 1.2.0
    """
    from bluebook.records import encode
    from bluebook.releases.restore import restore as bring

    back = bring(ROOT, subject, version, _tell)
    if json:
        print(encode(back).decode())
        return
    if back.own:
        print(f"{back.why}; so {back.tag} has a work tree of its own")
    print(
        f"{back.tag} ({back.commit[:8]}) is in {back.place}: {back.checked} outputs, {back.bytes:,} bytes, all verified"
    )
    if back.absent:
        print(f"not on this machine, and not needed for {subject}: {', '.join(back.absent)}")
    if back.left:
        print(f"`git checkout {back.left}`, then `dvc checkout`, goes back")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
