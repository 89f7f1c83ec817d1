"""`bluebook lessons …`: draft lessons, look at them one by one, and make those that are approved part of training."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bluebook.cli_train import SubjectName

if TYPE_CHECKING:
    from bluebook.lessons.judge import Judge
    from bluebook.lessons.review import Decision, Verdict
    from bluebook.params import Params
    from bluebook.records import DraftRow
    from bluebook.subjects.subject import Subject

app = typer.Typer(help="Draft lessons, approve them, and make them part of training.", no_args_is_help=True)

DraftFile = Annotated[
    Path | None, typer.Option("--draft", dir_okay=False, help="Default: what the stage grade drafted.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]


@app.command()
def draft(
    subject: SubjectName,
    size: Annotated[int | None, typer.Option(min=0, help="Rows; default: params.yaml.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Another seed gives other rows; default: params.yaml.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Default: data/drafts/SUBJECT.now.jsonl.")
    ] = None,
    json: Json = False,
) -> None:
    """Draft lessons now, from the last grading. The stage grade drafts by itself; this is for another size or seed.

    bluebook lessons draft ue5 --size 50 --seed 3
    """
    from bluebook.lessons.stored import draft_path, write_draft
    from bluebook.records import encode

    judge, settings = _load(subject)
    path = out or draft_path(subject).with_suffix(".now.jsonl")
    made = write_draft(judge, settings, path, size=size, seed=seed)
    if json:
        print(
            encode(
                {"draft": str(path), "rows": made.rows, "aims": made.aims, "dropped": made.dropped}
            ).decode()
        )
        return
    dropped = ", ".join(f"{reason} {count}" for reason, count in made.dropped.items()) or "nothing"
    print(f"{path}: {len(made.rows)} rows; dropped or missing: {dropped}")
    print(f"look at them with `bluebook lessons show {subject} --draft {path}`")


@app.command()
def show(
    subject: SubjectName,
    file: DraftFile = None,
    approve: Annotated[
        list[str], typer.Option(metavar="ID|all", help="Approve a row, or all still undecided.")
    ] = [],  # noqa: B006 typer copies it
    reject: Annotated[
        list[str], typer.Option(metavar="ID|all", help="Reject a row, or all still undecided.")
    ] = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Show a draft, and on a terminal go through it: approve, edit or reject each row. Stop and go on as you like.

    bluebook lessons show ue5

    bluebook lessons show ue5 --reject g-0123 --approve all
    """
    from bluebook.lessons import review
    from bluebook.lessons.stored import draft_path
    from bluebook.records import encode

    path = file or draft_path(subject)
    rows, kept = review.read_draft(path), review.decisions_path(path)
    review.decide(kept, _named(rows, review.read_decisions(kept), approve=approve, reject=reject))
    decisions = review.read_decisions(kept)
    if json:
        told = [{"row": row, "decision": decisions.get(row.id)} for row in rows]
        print(encode({"draft": str(path), "rows": told}).decode())
        return
    if not (approve or reject) and sys.stdin.isatty() and sys.stdout.isatty():
        from bluebook.lessons.dialogue import go_through

        judge, settings = _load(subject)
        go_through(rows, kept, _judge(judge, settings), judge)
        decisions = review.read_decisions(kept)
    from bluebook.lessons.dialogue import print_table

    print_table(rows, decisions)
    count = len(review.decided(rows, decisions))
    print(
        f"{count} of {len(rows)} rows approved; `bluebook lessons promote {subject} --name NAME` takes them"
    )


@app.command()
def promote(
    subject: SubjectName,
    name: Annotated[str, typer.Option(help="What the lesson is about, such as loops.")] = "draft",
    file: DraftFile = None,
) -> None:
    """Make the approved rows the next numbered lesson. Exit 1 when a row does not pass, and nothing is written.

    bluebook lessons promote ue5 --name loops
    """
    from bluebook.lessons import review
    from bluebook.lessons.promote import promote as write_lesson
    from bluebook.lessons.stored import draft_path, read_apart, read_train

    judge, settings = _load(subject)
    path = file or draft_path(subject)
    rows = review.decided(review.read_draft(path), review.read_decisions(review.decisions_path(path)))
    written = write_lesson(
        judge,
        rows,
        Path(f"data/lessons/{subject}"),
        name,
        exams=read_apart(subject),
        train=read_train(subject),
        near_duplicate=settings.subject(subject).compose.near_duplicate,
    )
    print(f"{written}: {len(rows)} rows; `dvc repro` trains on them")


def _load(name: str) -> tuple[Subject, Params]:
    from bluebook import params, subjects

    settings = params.load()
    return subjects.load(name, settings), settings


def _judge(subject: Subject, settings: Params) -> Judge:
    from bluebook.lessons.judge import Judge
    from bluebook.lessons.stored import read_apart, read_train

    mine = settings.subject(subject.name)
    return Judge(subject, read_apart(subject.name), read_train(subject.name), mine.compose.near_duplicate)


def _named(
    rows: list[DraftRow], decisions: dict[str, Decision], *, approve: list[str], reject: list[str]
) -> list[Decision]:
    """Decisions by the options' ids; a rejection goes before an `all`. Raises BadParameter for an unknown id."""
    from bluebook.lessons.review import Decision

    known = {row.id for row in rows}
    for option, ids in (("--approve", approve), ("--reject", reject)):
        for id in ids:
            if id not in known | {"all"}:
                raise typer.BadParameter(f"no row {id!r} in the draft", param_hint=option)
    if ("all" in approve and "all" in reject) or (set(approve) & set(reject)):
        raise typer.BadParameter("approved and rejected at once", param_hint="--approve")
    named: dict[str, Verdict] = {id: "rejected" for id in reject if id != "all"}
    named |= {id: "approved" for id in approve if id != "all"}
    if "all" in approve or "all" in reject:
        rest: Verdict = "approved" if "all" in approve else "rejected"
        for row in rows:
            if row.id not in decisions:
                named.setdefault(row.id, rest)
    return [Decision(row=id, verdict=verdict) for id, verdict in named.items()]
