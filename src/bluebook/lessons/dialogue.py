"""A person goes through a draft on the terminal: one row at a time, four keys.

Each decision is on the disk before the next row is shown, so q, or a closed window, loses nothing.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bluebook.lessons.judge import Judge
from bluebook.lessons.review import Decision, decide, read_decisions
from bluebook.records import DraftRow
from bluebook.subjects.subject import Subject

CUT = "----- the response is below this line -----"
KEYS = {"a": "approve", "e": "edit", "r": "reject", "q": "quit"}


def print_table(rows: Sequence[DraftRow], decisions: Mapping[str, Decision]) -> None:
    table = Table("id", "target", "aim", "decision", "why")
    for row in rows:
        one = decisions.get(row.id)
        table.add_row(row.id, row.target, row.aim, "" if one is None else one.verdict, row.why)
    Console().print(table)


def go_through(rows: Sequence[DraftRow], kept: Path, judge: Judge, subject: Subject) -> None:
    """Ask about every row that `kept` has no decision on. `judge` is shown what was edited."""
    decisions = read_decisions(kept)
    waiting = [row for row in rows if row.id not in decisions]
    for number, row in enumerate(waiting, 1):
        typer.echo(f"\n{number} of {len(waiting)}: {row.id}\n{row.why}\n\n{row.prompt}\n\n{row.response}\n")
        decision = _ask(row, judge, subject)
        if decision is None:
            return
        decide(kept, [decision])


def _ask(row: DraftRow, judge: Judge, subject: Subject) -> Decision | None:
    """The decision on one row; None to stop here."""
    while True:
        key = (
            typer.prompt(", ".join(f"{key} {word}" for key, word in KEYS.items()), prompt_suffix=" > ")
            .strip()
            .lower()
        )
        match key:
            case "a":
                return Decision(row=row.id, verdict="approved")
            case "r":
                return Decision(row=row.id, verdict="rejected")
            case "q":
                return None
            case "e":
                edited = _edit(row)
                if edited is None:
                    typer.echo("not changed")
                elif (fault := judge.take(edited)) is not None:
                    typer.echo(f"{fault.reason}: {fault.detail}")
                else:
                    return Decision(
                        row=row.id,
                        verdict="edited",
                        prompt=edited.prompt,
                        response=edited.response,
                        constructs=sorted(subject.constructs(subject.parse(edited.response)))
                        or row.constructs,
                    )


def _edit(row: DraftRow) -> DraftRow | None:
    """The row as $EDITOR left it; None where nothing was changed."""
    before = f"{row.prompt}\n{CUT}\n{row.response}\n"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / f"{row.id}.txt"
        file.write_text(before, "utf-8")
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            typer.echo(f"the editor {editor!r} failed: {error}; set EDITOR to one that works here")
            return None
        after = file.read_text("utf-8")
    prompt, cut, response = after.partition(f"\n{CUT}\n")
    if not cut:
        typer.echo(f"the line {CUT!r} is gone; leave it between instruction and response")
    if not cut or after == before:
        return None
    return replace(row, prompt=prompt.strip("\n"), response=response.strip("\n"))
