"""`bluebook ue5 …`: Unreal Blueprints, from exports to the language and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bluebook.cli_input import File, read_bytes, read_text, refuse_same
from bluebook.errors import BluebookError

app = typer.Typer(help="Unreal Blueprints: exports, the language, pictures.", no_args_is_help=True)

Out = Annotated[
    Path | None, typer.Option("-o", "--out", dir_okay=False, help="The text is written here; else to stdout.")
]


@app.command("stats")
def ue5_stats(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", exists=True, help="Exports, or folders of them (all files below)."),
    ],
) -> None:
    """Count what exports hold, a JSON line each; warnings alone exit 0.

    Exit 1 when one is refused, or a folder has no file.

    bluebook ue5 stats graph.txt

    bluebook ue5 stats exports/ > stats.jsonl
    """
    from bluebook.records import encode
    from bluebook.subjects.ue5.stats import files_below, stats

    refused = False
    for given in paths:
        found = list(files_below([given]))
        if not found:
            print(f"no file below {given}", file=sys.stderr)
            refused = True
        for path in found:
            line = stats(path)
            refused |= "error" in line
            print(encode(line).decode(), flush=True)
    raise typer.Exit(1 if refused else 0)


@app.command("to-dsl")
def to_dsl(
    file: File,
    out: Out = None,
    layout: Annotated[bool, typer.Option("--layout", help="Keep positions and comments too.")] = False,
) -> None:
    """Write an Unreal export in the Blueprint language.

    What the language cannot say is listed on stderr by name, with exit 1; the rest is written all the same.

    bluebook ue5 to-dsl graph.txt -o graph.bp
    """
    from bluebook.subjects.ue5.catalogue import shipped
    from bluebook.subjects.ue5.from_export import to_program
    from bluebook.subjects.ue5.printing import print_program
    from bluebook.subjects.ue5.reading import parse_export

    refuse_same(file, out)
    export = parse_export(read_bytes(file), file)
    found = to_program(export, shipped(), layout=layout)
    for warning in export.warnings:
        print(f"{file}:{warning.line}: {warning.text}", file=sys.stderr)
    _translated(print_program(found.program) + "\n", out, file, found.unexpressed)
    raise typer.Exit(1 if found.unexpressed else 0)


@app.command("to-clipboard")
def to_clipboard(file: File, out: Out = None) -> None:
    """Write a text in the Blueprint language as what Unreal's editor pastes.

    What a paste cannot hold is listed on stderr by name, with exit 1; the rest is written all the same. What
    the Blueprint must have already, such as variables, is told on stderr too.

    bluebook ue5 to-clipboard graph.bp -o paste.txt
    """
    refuse_same(file, out)
    raise typer.Exit(1 if translate(read_text(file), file, out) else 0)


def translate(text: str, file: Path, out: Path | None) -> list[str]:
    """Write a text in the Blueprint language, from `file`, as what Unreal pastes; returns what a paste cannot hold,
    which is told too. Raises BluebookError for a text that is not in the language."""
    from bluebook.subjects.subject import ParseError
    from bluebook.subjects.ue5.catalogue import shipped
    from bluebook.subjects.ue5.language import parse
    from bluebook.subjects.ue5.to_clipboard import to_clipboard

    try:
        program = parse(text)
    except ParseError as error:
        raise BluebookError(f"{file}: {error}") from error
    found = to_clipboard(program, shipped())
    for note in found.notes:
        print(f"{file}: note: {note}", file=sys.stderr)
    _translated(found.text, out, file, found.unexpressed)
    return found.unexpressed


@app.command()
def picture(
    file: File,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", dir_okay=False, help="The page; else FILE with .html.")
    ] = None,
) -> None:
    """Draw an export, or a text in the Blueprint language, as Unreal's editor does: one page, no network.

    What it cannot show is listed on stderr by name, with exit 1; the rest is drawn all the same.

    bluebook ue5 picture graph.bp -o graph.html
    """
    page = out or (Path("picture.html") if str(file) == "-" else file.with_suffix(".html"))
    refuse_same(file, page)
    raise typer.Exit(1 if draw(read_bytes(file), file, page) else 0)


def draw(raw: bytes, file: Path, page: Path) -> list[str]:
    """Draw `raw`, an export or a text in the Blueprint language from `file`; returns what cannot be shown, which is
    told too. Raises BluebookError for anything else."""
    from bluebook.artifacts import atomic_writer
    from bluebook.reports.pictures import picture_page
    from bluebook.subjects.subject import ParseError
    from bluebook.subjects.ue5.catalogue import shipped
    from bluebook.subjects.ue5.pictures import gallery

    try:
        found = gallery(raw, file, shipped())
    except BluebookError as error:
        if _no_text(raw):
            raise BluebookError(f"{file}: neither an export nor a text in the Blueprint language") from error
        if isinstance(error.__cause__, ParseError):  # which tells its place itself
            raise BluebookError(f"{file}: {error.__cause__}") from error
        raise
    with atomic_writer(page) as stream:
        stream.write(picture_page(found.title, found.pictures).encode("utf-8", "replace"))
    for warning in found.warnings:
        print(warning, file=sys.stderr)
    for what in found.unexpressed:
        print(f"{file}: not shown: {what}", file=sys.stderr)
    return found.unexpressed


def _no_text(raw: bytes) -> bool:
    """Whether it is empty or binary. UTF-16 has zero bytes too, and is text that can be saved as UTF-8."""
    return not raw.strip() or (b"\0" in raw and not raw.startswith((b"\xff\xfe", b"\xfe\xff")))


def _translated(text: str, out: Path | None, file: Path, unexpressed: list[str]) -> None:
    """Write a translation and name what it lacks."""
    from bluebook.artifacts import atomic_writer

    raw = text.encode("utf-8", "replace")
    if out is None:
        sys.stdout.buffer.write(raw)
    else:
        with atomic_writer(out) as stream:
            stream.write(raw)
    for what in unexpressed:
        print(f"{file}: not expressed: {what}", file=sys.stderr)
