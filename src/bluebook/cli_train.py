"""`bluebook train …`: stop a training that runs, go on with one that was stopped, watch it; settings to start from."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Stop a training, go on with it, watch it.", no_args_is_help=True)


def known_subject(name: str) -> str:
    from bluebook import params

    known = params.load().subjects
    if name not in known:
        raise typer.BadParameter(f"no subject {name!r}; there is {', '.join(sorted(known))}")
    return name


def known_preset(name: str | None) -> str | None:
    from bluebook.training import presets

    if name is not None and name not in presets.names():
        raise typer.BadParameter(f"no preset {name!r}; there is {', '.join(presets.names())}")
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

    asked = time.time()
    process = request_stop(subject)
    if process is None:
        print(f"{subject} is not being trained", file=sys.stderr)
        raise typer.Exit(1)
    print(f"asked process {process} to stop; waiting for its step to end", file=sys.stderr)
    wait_until_ended(subject)
    if (saved := newest(ROOT / subject, since=asked)) is None:
        print(f"{subject}: ended before its first step or at its very end; nothing is left to go on from")
    else:
        print(
            f"{subject}: saved after step {saved.step} of {saved.steps}; `bluebook train resume {subject}` goes on"
        )


@app.command()
def resume(subject: SubjectName) -> None:
    """Go on with a stopped or killed training, from its last checkpoint; stages before it run where stale.

    What was trained then goes to the second drive, if one is set.

    bluebook train resume persona
    """
    from bluebook.cli_backups import saved as backed_up
    from bluebook.training.checkpoints import ROOT, newest
    from bluebook.training.control import request_stop

    if (saved := newest(ROOT / subject)) is None:
        print(f"{subject}: no checkpoint; what is not up to date begins anew", file=sys.stderr)
    else:
        print(
            f"{subject}: last saved after step {saved.step} of {saved.steps}; used if nothing that decides the result "
            f"has changed",
            file=sys.stderr,
        )
    running = subprocess.Popen([sys.executable, "-m", "dvc", "repro", f"train@{subject}"])
    signal.signal(signal.SIGTERM, lambda *_: request_stop(subject))
    while running.poll() is None:
        with suppress(KeyboardInterrupt):  # the training got it as well, and is saving
            running.wait()
    raise typer.Exit(0 if running.returncode == 0 and backed_up() else 1)


@app.command()
def watch(
    subject: SubjectName,
    json: Annotated[
        bool, typer.Option("--json", help="For programs: the run's account once, as JSON.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Look once instead of following the run.")] = False,
) -> None:
    """What the training is doing, live; without one, how the last one ended. Looking never disturbs it.

    Exit 1 when it failed, was killed, or stands still.

    bluebook train watch persona
    """
    from bluebook.records import encode
    from bluebook.reports.watch import follow, look
    from bluebook.runs import run_path

    found = look(run_path(subject))
    if found is None:
        if json:
            print(encode({"standing": "none", "run": None}).decode())
        print(f"{subject}: no training yet; `dvc repro train@{subject}` starts one", file=sys.stderr)
        raise typer.Exit(1)
    if json:
        print(encode({"standing": found.standing, "run": found.run}).decode())
    else:
        found = follow(run_path(subject), found, once=once)
    raise typer.Exit(0 if found.standing in {"running", "completed", "stopped"} else 1)


@app.command()
def elsewhere(
    subject: SubjectName,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, run and paid; do nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")] = False,
) -> None:
    """Train on the machine that `train_on` in local.yaml names. What comes back stands here as if trained here.

    The same command goes on after a cut connection or a kill. Ctrl-C ends the run there, too.

    bluebook train elsewhere persona --dry-run
    """
    from bluebook import params
    from bluebook.elsewhere import train as far
    from bluebook.errors import ParamsError
    from bluebook.records import encode

    settings = params.load_local().train_on
    if settings is None:
        raise ParamsError(
            "local.yaml: there is no `train_on`, which names the machine to train on; see README"
        )
    root = Path()
    if dry_run:
        plan = far.plan(root, subject, settings)
        if json:
            print(encode(plan).decode())
        else:
            print(f"{plan.stage} as run {plan.run} at {plan.where}: {plan.reached or 'it can be reached'}")
            print(f"  inputs   {plan.files:,} files, {plan.bytes:,} bytes, of which it is sent what it lacks")
            print(f"  command  {plan.command}")
            print(f"  outputs  {', '.join(plan.outputs)}")
            print(
                f"  ends by itself after {plan.hours:g} hours, {plan.cost:g} at most"
                if plan.hours
                else "  no limit"
            )
        raise typer.Exit(1 if plan.reached else 0)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the run is ended there first
    spent = far.train(root, subject, settings, lambda text: print(text, file=sys.stderr, flush=True))
    if json:
        print(encode(spent).decode())
    elif spent is None:
        print(f"{subject}: its adapter is up to date")
    else:
        print(
            f"{subject}: trained by run {spent.run} in {spent.seconds:.0f} s, cost {spent.cost:g}; {spent.sent:,} "
            f"bytes sent, {spent.fetched:,} fetched; `dvc repro health@{subject}` examines it"
        )


@app.command()
def preset(
    name: Annotated[
        str | None,
        typer.Argument(callback=known_preset, help="Such as card-16gb; without it, all are named."),
    ] = None,
) -> None:
    """Print the settings for a kind of machine, to be copied into params.yaml and local.yaml.

    bluebook train preset card-16gb
    """
    from bluebook.training import presets

    if name is None:
        width = max(map(len, presets.names()))
        for known in presets.names():
            print(f"{known:{width}}  {presets.load(known).about}")
    else:
        print(presets.lines(name), end="")
