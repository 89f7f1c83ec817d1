"""`bluebook train …`: stop a training that runs, and go on with one that was stopped."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

app = typer.Typer(help="Stop a training, go on with it, watch it.", no_args_is_help=True)


def known_subject(name: str) -> str:
    from bluebook import params

    params.load().subject(name)
    return name


SubjectName = Annotated[
    str, typer.Argument(metavar="SUBJECT", callback=known_subject, help="Such as persona.")
]


@app.command()
def stop(subject: SubjectName) -> None:
    """Let the training finish its step, save its state and end. Exit 1 when none runs.

    bluebook train stop persona
    """
    from bluebook.training.checkpoints import ROOT, newest
    from bluebook.training.control import request_stop, wait_until_ended

    process = request_stop(subject)
    if process is None:
        print(f"{subject} is not being trained", file=sys.stderr)
        raise typer.Exit(1)
    print(f"asked process {process} to stop; waiting for its step to end", file=sys.stderr)
    wait_until_ended(subject)
    if (saved := newest(ROOT / subject)) is None:
        print(f"{subject}: ended; there is nothing to go on from")
    else:
        print(
            f"{subject}: saved after step {saved.step} of {saved.steps}; `bluebook train resume {subject}` goes on"
        )


@app.command()
def resume(subject: SubjectName) -> None:
    """Go on with a stopped or killed training, from its last checkpoint; stages before it run where stale.

    bluebook train resume persona
    """
    from bluebook.training.checkpoints import ROOT, newest

    if (saved := newest(ROOT / subject)) is None:
        print(f"{subject}: no checkpoint; what is not up to date begins anew", file=sys.stderr)
    else:
        print(f"{subject}: last saved after step {saved.step} of {saved.steps}", file=sys.stderr)
    done = subprocess.run([sys.executable, "-m", "dvc", "repro", f"train@{subject}"], check=False)
    raise typer.Exit(0 if done.returncode == 0 else 1)
