"""`bluebook teach`: cycles of lesson, rebuild, exam and judgement, each a commit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bluebook.cli_train import SubjectName

ROOT = Path()


def teach(
    subject: SubjectName,
    cycles: Annotated[int, typer.Option(min=0, help="At most so many lessons.")],
    until: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Accuracy on the holdout that counts as mastered.")
    ] = 0.85,
    target: Annotated[
        list[str] | None, typer.Option(help="A construct to master; again for more. All, without it.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="For programs: the history as JSON on stdout.")
    ] = False,
) -> None:
    """Teach until every target construct is mastered: draft, promote, rebuild, examine, keep or take back, commit.

    It commits each cycle on the present branch, needs a clean work tree, and goes on where it was interrupted. A
    lesson that makes the model forget is set aside in data/set_aside, with the reason. Each cycle goes to the second
    drive, if one is set. Exit 1 when it ended and some target is not mastered, or the last cycle is not on the drive.

    bluebook teach ue5 --cycles 3
    """
    from bluebook.cli_backups import saved
    from bluebook.records import encode
    from bluebook.teaching.loop import teach as run
    from bluebook.teaching.propose import propose

    saves: list[bool] = []
    history = run(
        ROOT,
        subject,
        cycles=cycles,
        until=until,
        wanted=target or (),
        propose=propose,
        save=lambda when: saves.append(saved(when)),
    )
    if json:
        print(encode(history).decode())
    else:
        from bluebook.reports.cycle_section import print_cycles

        print_cycles(history.cycles)
        print(f"{subject}: {history.reason}")
    raise typer.Exit(1 if history.open or not all(saves[-1:]) else 0)
