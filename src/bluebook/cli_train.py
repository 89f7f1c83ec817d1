"""`bluebook train …`: stop a training that runs, and go on with one that was stopped."""

from __future__ import annotations

import typer

app = typer.Typer(help="Stop a training, go on with it, watch it.", no_args_is_help=True)
