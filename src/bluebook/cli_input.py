"""Files that a command reads: a path, or `-` for stdin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bluebook.errors import BluebookError


def readable(file: Path) -> Path:
    if str(file) != "-" and not file.is_file():
        raise typer.BadParameter(f"{str(file)!r} is not a file")
    return file


File = Annotated[Path, typer.Argument(callback=readable, help="A file, or - for stdin.")]


def refuse_same(file: Path, out: Path | None) -> None:
    """Raise BadParameter where writing `out` would replace the input."""
    if out is not None and file.exists() and out.exists() and out.samefile(file):
        raise typer.BadParameter(f"{out} is the input; give another file", param_hint="--out")


def read_bytes(file: Path) -> bytes:
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()


def read_text(file: Path) -> str:
    """A text file, or stdin for `-`, as UTF-8, its last newline left out."""
    raw = read_bytes(file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BluebookError(
            f"{file}:{line}: not UTF-8 at byte {error.start}; save the text as UTF-8"
        ) from error
    return text.removesuffix("\n").removesuffix("\r")
