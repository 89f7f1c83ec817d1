"""The verbs that people type. Each imports what it needs when it runs: `bluebook --help` must not wait for
torch.

Exit codes: 0 success, 1 a finding (or what the message says went wrong), 2 wrong use. With --json a program
can read the answer from stdout; messages for people go to stderr.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from bluebook import (
    cli_ask,
    cli_backups,
    cli_deploy,
    cli_exams,
    cli_lessons,
    cli_releases,
    cli_teach,
    cli_train,
    cli_ue5,
)
from bluebook.cli_input import File, Json, SubjectName, known_subject, load_subject, read_text
from bluebook.errors import BluebookError

ROOT = Path()

app = typer.Typer(
    help="Teach a language model your structured language, and prove what it has learned.\n\n"
    "Run it in the root of a Bluebook repository. `dvc repro` builds everything; these verbs look at it "
    "and use it.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich would double the time that --help takes
    pretty_exceptions_enable=False,
)
app.add_typer(cli_ue5.app, name="ue5")
app.add_typer(cli_train.app, name="train")
app.add_typer(cli_lessons.app, name="lessons")
app.add_typer(cli_exams.app, name="exams")
app.add_typer(cli_backups.remote_app, name="remote")
app.add_typer(cli_backups.backup_app, name="backup")
app.command()(cli_teach.teach)
app.command()(cli_releases.release)
app.command()(cli_releases.restore)


Existing = typer.Option(exists=True, dir_okay=False)


@app.command()
def ingest(
    subject: SubjectName,
    raw: Annotated[Path, typer.Option(exists=True, help="A folder of raw material, or a JSONL pack.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="Records are written here.")],
    ledger: Annotated[Path, typer.Option(dir_okay=False, help="One line per input file is written here.")],
) -> None:
    """Read raw material into records and a ledger; RAW is never changed.

    bluebook ingest persona --raw ~/memories --out records.jsonl --ledger ledger.jsonl
    """
    import tempfile

    from bluebook.corpus import ingest as corpus

    _refuse_mixed(raw, out, ledger)
    with tempfile.TemporaryDirectory() as scratch:
        # The stage's samples for the report; nobody asked for them here.
        counts = corpus.ingest(load_subject(subject), raw, out, ledger, Path(scratch) / "samples.jsonl")
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in counts["outcomes"].items())
    print(f"{counts['files']:,} files: {outcomes}; {counts['records']:,} records")


@app.command()
def check(subject: SubjectName, file: File, json: Json = False) -> None:
    """Parse and check a text in the subject's notation. Exit 1 when there is a finding.

    bluebook check persona reply.txt

    echo '<world>: Rain at noon.' | bluebook check persona -
    """
    from bluebook.records import encode
    from bluebook.subjects.subject import examined

    judge = load_subject(subject)
    text = read_text(file)
    findings, constructs = examined(judge, text)
    if json:
        told = {
            "file": str(file),
            "subject": subject,
            "valid": not findings,
            "constructs": constructs,
            "diagnostics": findings,
        }
        print(encode(told).decode())
    else:
        for found in findings:
            print(f"{file}:{found}")
        if not findings:
            print(
                f"{file}: valid; "
                + ", ".join(f"{name} {count}" for name, count in sorted(constructs.items()))
            )
    raise typer.Exit(1 if findings else 0)


@app.command()
def grade(
    subject: SubjectName,
    exam: Annotated[Path, Existing],
    answers: Annotated[Path, Existing],
    mode: Annotated[
        Literal["free", "constrained"] | None,
        typer.Option(help="Whose answers mastery counts, where there are both; without it params.yaml says."),
    ] = None,
    json: Json = False,
) -> None:
    """Grade any answers, from any model, against an exam (both JSONL). Nothing is generated.

    bluebook grade persona --exam data/holdout/persona.jsonl --answers data/answers/persona.jsonl
    """
    from bluebook import params
    from bluebook.exams.grade import grade_exam
    from bluebook.records import Answer, ExamItem, Example, encode, read_jsonl

    given = list(read_jsonl(answers, Answer))
    if not given:
        raise BluebookError(f"there are no answers in {answers}; each line of it should be one, as JSON")
    # The baselines answer from what a model was trained on; without examples here there are none.
    examples = Path(f"data/examples/{subject}.jsonl")
    train = [e for e in read_jsonl(examples, Example) if e.split == "train"] if examples.exists() else []
    if mode is None and len({answer.mode for answer in given}) > 1:
        mode = params.load().subject(subject).exam.mode
    graded = grade_exam(load_subject(subject), list(read_jsonl(exam, ExamItem)), given, train, mode)
    if json:
        print(encode({"mastery": graded.mastery, "grades": graded.grades}).decode())
        return
    from rich.console import Console

    from bluebook.exams.table import mastery_table

    Console().print(mastery_table(graded.mastery))


app.command()(cli_ask.ask)
app.command()(cli_deploy.deploy)


@app.command()
def status(
    subject: Annotated[
        str | None, typer.Argument(metavar="[SUBJECT]", callback=lambda name: name and known_subject(name))
    ] = None,
    json: Json = False,
) -> None:
    """Mastery, gates and what is stale.

    bluebook status persona
    """
    from bluebook import params
    from bluebook.records import encode
    from bluebook.reports.status import staleness, start_dvc, subject_status

    names = [subject] if subject else sorted(params.load().subjects)
    waiting = start_dvc(ROOT)  # slow to start, so it runs while the rest is read and shown
    try:
        statuses = {name: subject_status(ROOT, name) for name in names}
        if not json:
            from bluebook.reports.terminal import print_status

            print_status(statuses)
        stale = staleness(waiting)
    finally:
        waiting.kill()
    if json:
        print(encode({"subjects": statuses, "stale": stale.stages, "stale_error": stale.error}).decode())
    else:
        from bluebook.reports.terminal import print_staleness

        print_staleness(stale)


@app.command()
def diff(
    revision: Annotated[str, typer.Argument(metavar="REV", help="A commit, branch or tag.")],
    other: Annotated[str | None, typer.Argument(metavar="[REV]", help="Without it: the work tree.")] = None,
    json: Json = False,
) -> None:
    """Mastery per construct between two revisions, tested on the same items; forgotten constructs first.

    Exit 1 when a construct was forgotten, and when the two sides sat different exams, which are not compared.
    A revision is a commit, branch, tag or the name of a DVC experiment.

    bluebook diff HEAD~1

    bluebook diff persona@v1.0.0 persona@v1.1.0
    """
    from bluebook.records import encode
    from bluebook.reports.sides import subject_changes

    found = subject_changes(ROOT, revision, other)
    if json:
        print(encode(found).decode())
    else:
        from bluebook.reports.terminal import print_changes

        print_changes(found)
    forgotten = any(change.verdict == "forgotten" for one in found for change in one.changes)
    refused = [f"{one.subject}: {one.refused}" for one in found if one.refused is not None]
    if refused:
        raise BluebookError(f"not compared: {'; '.join(refused)}")
    raise typer.Exit(1 if forgotten else 0)


@app.command()
def doctor(json: Json = False) -> None:
    """What works on this machine, found by trying, with advice for each problem. Exit 1 when something blocks.

    bluebook doctor

    bluebook doctor --json > machine.json
    """
    from bluebook.doctor.examine import examine
    from bluebook.records import encode

    colours = {"fine": "green", "note": "blue", "warning": "yellow", "blocks": "red"}
    findings = []
    for finding in examine(ROOT):  # takes seconds, so each is shown as it comes
        findings.append(finding)
        if not json:
            typer.secho(f"{finding.level:8}", fg=colours[finding.level], nl=False)
            typer.echo(f"{finding.probe:10} {finding.found}")
            if finding.advice:
                typer.echo(f"{'':18} {finding.advice}")
    blocked = any(finding.level == "blocks" for finding in findings)
    if json:
        print(encode({"blocks": blocked, "findings": findings}).decode())
    raise typer.Exit(1 if blocked else 0)


def _refuse_mixed(raw: Path, out: Path, ledger: Path) -> None:
    """Raise BadParameter unless both outputs lie outside RAW, where they would be read as input, and apart."""
    for option, path in (("--out", out), ("--ledger", ledger)):
        if path.resolve().is_relative_to(raw.resolve()):
            raise typer.BadParameter(f"{path} lies in {raw}, which is only read", param_hint=option)
    if out.resolve() == ledger.resolve():
        raise typer.BadParameter(f"{ledger} is where the records are written", param_hint="--ledger")


def main() -> None:
    """The console entry point."""
    try:
        app(prog_name="bluebook")
    except BluebookError as error:
        _fail(str(error))
    except OSError as error:
        from bluebook.artifacts import disk_full, full_disk

        path = _meant(error)
        if disk_full(error):
            _fail(str(full_disk(path or ROOT)))
        if path is None:
            raise
        # Of all that Bluebook does, only making the folders of an output ends so.
        in_the_way = isinstance(error, FileExistsError)
        _fail(f"{path}: {'a file is where a folder is needed' if in_the_way else error.strerror}")


def _meant(error: OSError) -> Path | None:
    """The file that an error of the system is about, by the name that people know it by."""
    if not isinstance(error.filename, str):
        return None
    path = Path(error.filename)
    temporary = re.fullmatch(
        r"\.(.+)\.[^.]+\.tmp", path.name
    )  # what atomic_writer names it until it is whole
    return path.with_name(temporary[1]) if temporary else path


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(1) from None


if __name__ == "__main__":
    main()
