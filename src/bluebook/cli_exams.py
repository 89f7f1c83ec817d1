"""`bluebook exams …`: holdouts that were looked at too often make way for new ones."""

from __future__ import annotations

from typing import Annotated

import typer

from bluebook.cli_train import SubjectName

app = typer.Typer(help="Rotate exams.", no_args_is_help=True)


@app.callback()
def exams() -> None:
    """Rotate exams."""


@app.command()
def rotate(
    subject: SubjectName,
    records: Annotated[
        bool, typer.Option("--records", help="The holdout set aside from records, not the generated one.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")] = False,
) -> None:
    """Retire the holdout and make the next one. The old one is kept, and never asked or trained on again.

    bluebook exams rotate ue5
    """
    from bluebook import params, subjects
    from bluebook.exams.rotate import rotate as rotate_exams
    from bluebook.records import encode

    rotated = rotate_exams(subjects.load(subject, params.load()), records=records)
    if json:
        print(encode(rotated).decode())
        return
    for one in rotated:
        made = f"the next has version {one.version}" if one.version else "`dvc repro` sets the next aside"
        print(f"{one.exam}: retired as {one.retired}; {made}")
    print("`dvc repro` asks it")
