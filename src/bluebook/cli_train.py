"""`bluebook train …`: stop a training that runs, and go on with one that was stopped."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Stop a training, go on with it, watch it.", no_args_is_help=True)


@app.command()
def preset(
    name: Annotated[str | None, typer.Argument(help="Such as card-16gb; without it, all are named.")] = None,
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
