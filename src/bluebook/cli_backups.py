"""`bluebook remote …` and `bluebook backup …`: a second drive that holds everything, and proof that it does."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bluebook.cli_input import Json

if TYPE_CHECKING:
    from bluebook.backups.copying import Entry

ROOT = Path()
SHOWN = 20  # lines of a list that people read; --json has all

remote_app = typer.Typer(
    help="A second drive for what DVC keeps: set it, push, pull, compare.", no_args_is_help=True
)
backup_app = typer.Typer(
    help="Everything to the second drive, verified there, and back.", no_args_is_help=True
)


@remote_app.command("set")
def set_remote(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder on another drive.")],
) -> None:
    """Make DIR the second drive. Exit 1 when something speaks against it: the same drive, too little room.

    The path is kept in .dvc/config.local, which Git ignores.

    bluebook remote set /mnt/second/bluebook
    """
    from bluebook.backups.remote import set_drive

    findings = set_drive(ROOT, folder)
    for finding in findings:
        print(f"warning: {finding}", file=sys.stderr)
    raise typer.Exit(1 if findings else 0)


@remote_app.command("push")
def push_objects(json: Json = False) -> None:
    """What DVC keeps here and the drive lacks, hashed on its way. Exit 1 when the cache holds something rotten.

    bluebook remote push
    """
    from bluebook.backups.remote import push
    from bluebook.records import encode

    report = push(ROOT)
    if json:
        print(encode(report).decode())
    else:
        print(f"{report.sent:,} files, {_size(report.bytes)} sent; {report.there:,} were there")
        _list("rotten here, not sent (`bluebook backup verify` mends)", report.rotten)
    raise typer.Exit(1 if report.rotten else 0)


@remote_app.command("pull")
def pull_objects(json: Json = False) -> None:
    """What this work tree's dvc.lock needs, from the drive, hashed on its way; then `dvc checkout`.

    Exit 1 when something is not on the drive either, or rotten there.

    bluebook remote pull
    """
    from bluebook.backups.remote import pull
    from bluebook.records import encode

    report = pull(ROOT)
    if json:
        print(encode(report).decode())
    else:
        print(f"{report.fetched:,} files, {_size(report.bytes)} fetched")
        _list("lacking", [f"{path}: {why}" for path, why in report.missing.items()])
    raise typer.Exit(1 if report.missing else 0)


@remote_app.command("status")
def compare(json: Json = False) -> None:
    """What is only here and what is only there. Exit 1 when something is only here.

    bluebook remote status
    """
    from bluebook.backups.remote import status
    from bluebook.records import encode

    found = status(ROOT)
    if json:
        print(encode(found).decode())
    else:
        print(f"{found.drive}, newest backup: {found.newest or 'none'}")
        for title, names in (
            ("only here", found.only_here),
            ("only there", found.only_there),
            ("of another size on the other side (`bluebook backup verify`)", found.differing),
            ("needed, and on neither side (`dvc repro` makes it again)", found.nowhere),
        ):
            _list(title, [f"{name}  {meant}".rstrip() for name, meant in names.items()])
        if found.commits_only_here:
            print(f"commits only here: {found.commits_only_here:,}")
        _list("branches and tags only there", found.refs_only_there)
    lacking = found.only_here or found.differing or found.nowhere or found.commits_only_here
    raise typer.Exit(1 if lacking else 0)


@backup_app.command()
def run(
    kind: Annotated[
        Literal["scheduled", "pre-training", "milestone"],
        typer.Option(
            help="How long it is kept: milestones for ever, three pre-training, five scheduled. Any is a "
            "milestone where something was trained, graded or released since the last."
        ),
    ] = "scheduled",
    json: Json = False,
) -> None:
    """Everything to the second drive: DVC's objects, Git's history, and what neither holds, secrets left out.

    Exit 1 when the cache holds something rotten, which is not copied.

    bluebook backup run
    """
    from bluebook.backups.backup import backup
    from bluebook.records import encode

    done = backup(ROOT, kind)
    if json:
        print(encode(done).decode())
    else:
        made = f"{done.label}: {done.files:,} files, {_size(done.bytes)} copied to {done.drive}"
        print(made if done.new else f"nothing new since {done.label}")
        _list("since the last backup", done.reached)
        _list("left here", [f"{path}: {why}" for path, why in done.left_out.items()])
        _list("no longer kept", done.removed)
        _list("rotten here, not copied (`bluebook backup verify` mends)", done.rotten)
        _list("backups with a damaged manifest (`bluebook backup verify` mends)", done.damaged)
    raise typer.Exit(1 if done.rotten or done.damaged else 0)


@backup_app.command("milestone")
def save_milestone() -> None:
    """A backup if a drive is set and something was trained, graded or released since the last; `make run` ends so.

    Exit 1 when the drive cannot be used: nothing is lost, the next backup catches up.

    bluebook backup milestone
    """
    raise typer.Exit(0 if saved() else 1)


def saved(kind: Literal["milestone", "pre-training"] = "milestone") -> bool:
    """Back up after a milestone, or before training, if a drive is set. False, and told loudly, where it failed."""
    from bluebook.backups import backup, drive
    from bluebook.errors import BluebookError

    try:
        if kind == "milestone":
            done = backup.milestone(ROOT)
        else:
            done = backup.backup(ROOT, kind) if drive.configured(ROOT) else None
    except (BluebookError, OSError) as error:
        typer.secho(f"NOT BACKED UP: {error}", fg="red", bold=True, err=True)
        typer.secho("What was made is whole, here; the next backup catches up.", fg="red", err=True)
        return False
    if done is not None and done.new:
        drive.say(f"backed up as {done.label}: {', '.join(done.reached) or kind}")
    return True


@backup_app.command("list")
def list_backups(json: Json = False) -> None:
    """The backups on the drive, oldest first. Exit 1 when the manifest of one is damaged.

    bluebook backup list
    """
    from bluebook.backups import manifest
    from bluebook.backups.drive import required
    from bluebook.records import encode

    drive = required(ROOT)
    drive.mark()
    found = manifest.listed(drive)
    if json:
        keys = ("label", "kind", "at", "reached", "head")
        rows = [{key: getattr(one, key) for key in keys} | _totals(one.files.values()) for one in found.good]
        print(encode({"backups": rows, "damaged": found.damaged}).decode())
    else:
        for one in found.good:
            total = _totals(one.files.values())
            told = f"{one.label:36} {total['files']:>8,} files {_size(total['bytes']):>9}"
            print(f"{told}  {', '.join(one.reached)}".rstrip())
        _list("damaged (`bluebook backup verify` mends)", list(found.damaged.values()))
    raise typer.Exit(1 if found.damaged else 0)


@backup_app.command()
def verify(json: Json = False) -> None:
    """Hash everything on both sides again, name what is missing or rotten, mend each side from the other.

    Exit 1 when something was wrong, mended or not.

    bluebook backup verify
    """
    from bluebook.backups.verify import verify as check
    from bluebook.records import encode

    found = check(ROOT)
    if json:
        print(encode(found).decode())
    else:
        print(
            f"{found.files_here:,} files here, {found.files_there:,} on {found.drive}, {_size(found.bytes)} read"
        )
        for fault in found.faults:
            meant = f" ({fault.meant})" if fault.meant else ""
            print(
                f"{fault.side}: {fault.what}: {fault.path}{meant}: {'mended' if fault.mended else 'NOT MENDED'}"
            )
        if any(not fault.mended for fault in found.faults):
            print(
                found.why_not
                or "what is whole on neither side, `dvc repro` makes again where a stage makes it"
            )
    raise typer.Exit(1 if found.faults else 0)


@backup_app.command()
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the project is rebuilt.")],
    label: Annotated[
        str | None, typer.Argument(metavar="[BACKUP]", help="See `backup list`; without it the newest.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="DRIVE", help="The second drive; without it the one that is set here."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Rebuild the whole project in DIR from the second drive alone, every file verified first.

    What stands in DIR is kept beside it. Exit 1 when the drive lacks something; then DIR is as it was.

    bluebook backup restore ~/rebuilt --from /mnt/second/bluebook
    """
    from bluebook.backups.drive import Drive, required
    from bluebook.backups.restore import restore as rebuild
    from bluebook.records import encode

    done = rebuild(Drive(source.absolute()) if source else required(ROOT), folder, label)
    if json:
        print(encode(done).decode())
    else:
        print(f"{done.project}: backup {done.label}, {done.files:,} files, {_size(done.bytes)}, all verified")
        if done.replaced:
            print(f"what stood there is in {done.replaced}")
        _list("never backed up", [f"{path}: {why}" for path, why in done.left_out.items()])
        if done.lacking:
            print(f"not in that backup: {done.lacking}")
    raise typer.Exit(1 if done.lacking else 0)


@backup_app.command()
def watchdog() -> None:
    """Lines for systemd or cron that make a backup every six hours. They are printed, nothing is installed.

    bluebook backup watchdog
    """
    from bluebook.backups.watchdog import lines

    print(lines(ROOT.absolute(), Path(sys.executable).parent / "bluebook"), end="")


def _totals(files: Collection[Entry]) -> dict[str, int]:
    return {"files": len(files), "bytes": sum(entry.size for entry in files)}


def _list(title: str, rows: list[str]) -> None:
    if not rows:
        return
    print(f"{title}: {len(rows):,}")
    for row in rows[:SHOWN]:
        print(f"  {row}")
    if len(rows) > SHOWN:
        print(f"  and {len(rows) - SHOWN:,} more; --json names all")


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.2f} MB"
