"""`bluebook deploy`: an adapter as a GGUF file behind Ollama or an OpenAI-compatible server."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bluebook.cli_input import Json, SubjectName, load_subject
from bluebook.errors import BluebookError

if TYPE_CHECKING:
    from bluebook.releases.deployment_record import Deployment


def deploy(
    subject: SubjectName,
    to: Annotated[
        Literal["ollama", "gguf"],
        typer.Option(
            help="Ollama, or a file with a server (llama-cpp-python's) that speaks as OpenAI's does."
        ),
    ],
    quantisation: Annotated[
        Literal["F16", "Q8_0", "Q6_K", "Q4_K_M"],
        typer.Option(help="The file that is served. All are made and examined."),
    ] = "Q8_0",
    json: Json = False,
) -> None:
    """Merge, convert, quantise and serve the graded adapter; deployed once a canary exam of the endpoint says so.

    Exit 1 when the served score lies outside the graded score's interval.

    bluebook deploy persona --to gguf

    bluebook deploy persona --to ollama --quantisation Q4_K_M
    """
    if importlib.util.find_spec("gguf") is None:
        raise BluebookError("the package gguf is not installed; pip install 'bluebook[deploy]'")
    from bluebook import params
    from bluebook.records import encode
    from bluebook.releases.deployment import deploy as deploy_subject

    settings = params.load().subject(subject).exam
    made = deploy_subject(Path(), load_subject(subject), settings, to, quantisation)
    if json:
        print(encode(made).decode())
    else:
        _tell(made)


def _tell(made: Deployment) -> None:
    from rich.console import Console
    from rich.table import Table

    before = made.graded
    table = Table(title=f"{made.model}: {before.n} items of {before.exam}, asked free")
    for heading in ("file", "MB", "held in", "score", "loss", "answers as graded"):
        table.add_column(heading, justify="left" if heading in {"file", "held in"} else "right")
    table.add_row("graded", "", "", f"{before.score:.3f}", "", str(before.n))
    for found in made.files:
        held = ", ".join(f"{count} {name}" for name, count in found.tensors.items())
        score, loss = f"{found.served.score:.3f}", f"{found.served.loss:+.3f}"
        table.add_row(found.kind, f"{found.bytes / 1e6:.1f}", held, score, loss, str(found.served.same))
    console = Console()
    console.print(table)
    console.print(
        f"deployed as {made.quantisation}: {made.endpoint.score:.3f} lies within {before.low:.3f} to {before.high:.3f}"
    )
    print(f"llama.cpp's own tokenizer: {made.tokens.same} of {made.tokens.prompts} prompts as in training")
    print(shlex.join(made.start))
