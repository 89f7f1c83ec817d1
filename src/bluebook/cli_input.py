"""What commands are given: a subject, and files to read, a path or `-` for stdin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bluebook.errors import BluebookError

if TYPE_CHECKING:
    from bluebook.subjects.subject import Subject


def known_subject(name: str) -> str:
    from bluebook.subjects import SUBJECTS

    if name not in SUBJECTS:
        raise typer.BadParameter(f"no subject {name!r}; there is {', '.join(sorted(SUBJECTS))}")
    return name


SubjectName = Annotated[
    str, typer.Argument(metavar="SUBJECT", callback=known_subject, help="Such as persona.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]


def load_subject(name: str) -> Subject:
    from bluebook import params, subjects

    return subjects.load(name, params.load())


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
