"""`bluebook remote`: DVC's objects to the second drive and back, and what is only on one side.

The drive is DVC's default remote, in DVC's own layout. The copying is not DVC's: `dvc push` takes what has the right
name for whole, copies without hashing, leaves it to the system when the bytes reach the disk, and copies the run cache
every time. Here each file is hashed on its way, and renamed into place when it is on the disk.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from bluebook.backups import copying, history, manifest, store
from bluebook.backups.copying import Copied, Entry
from bluebook.backups.drive import REMOTE, Drive, Tell, examine, require_room, required, say, write_mark
from bluebook.errors import BluebookError

README = """\
The second drive of a Bluebook project. To rebuild the project from this folder alone:

    git clone FOLDER/git/NAME.bundle bluebook     # any of the bundles; all hold the whole history up to their day
    cd bluebook && make .venv/.ready && . .venv/bin/activate
    bluebook backup restore ../rebuilt --from FOLDER

With plain tools: the same clone, then `dvc remote add --local --default drive FOLDER` and `dvc pull`.
"""


class PushReport(msgspec.Struct, kw_only=True):
    """What a push did. `there` files were on the drive before; `rotten` ones were not sent."""

    drive: str
    sent: int = 0
    bytes: int = 0
    there: int = 0
    rotten: list[str] = []


class PullReport(msgspec.Struct, kw_only=True):
    """What a pull did. `missing` maps paths to what is wrong with them on the drive."""

    drive: str
    fetched: int = 0
    bytes: int = 0
    missing: dict[str, str] = {}


class Standing(msgspec.Struct, kw_only=True):
    """What is only on one side: objects by name, with what they are for as far as that is known."""

    drive: str
    only_here: dict[str, str]
    only_there: dict[str, str]
    differing: dict[str, str]  # of another size on the other side
    nowhere: dict[str, str]  # the work tree's dvc.lock asks for it
    commits_only_here: int
    refs_only_there: list[str]
    newest: str  # label of the newest backup; empty where there is none


def set_drive(root: Path, folder: Path, tell: Tell = say) -> list[str]:
    """Make `folder` the second drive of the repository at `root`; what speaks against it is returned, in words.

    Raises DriveError where it cannot be used.
    """
    from dvc.config import Config

    folder = folder.absolute()
    project = history.project_of(root)
    cache = store.listed(store.cache_of(root))
    there = store.listed(folder)
    needed = sum(size for name, size in cache.items() if name not in there)
    findings = examine(folder, root, needed)
    if write_mark(folder, project):
        for copy in (root / manifest.COPIES).glob("*.json"):  # of backups on another drive
            copy.unlink()
    drive = Drive(folder)
    with drive.failing():
        (folder / "README.txt").write_text(README.replace("FOLDER", str(folder)))
    whole = Config(str(root / ".dvc"))
    former = whole["core"].get("remote")
    if former not in {None, REMOTE}:
        tell(
            f"DVC's default remote on this machine is now `{REMOTE}`; `dvc push --remote {former}` still has the former"
        )
    with whole.edit("local") as config:
        config["remote"][REMOTE] = {"url": str(folder)}
        config["core"]["remote"] = REMOTE
    tell(f"{folder} is the second drive; {needed / 1e9:.2f} GB are to be copied by `bluebook backup run`")
    return findings


def push(root: Path, tell: Tell = say) -> PushReport:
    """DVC's objects and run cache to the second drive. Raises DriveError."""
    drive = required(root)
    drive.require(history.project_of(root))
    with drive.alone():
        return send(root, drive, {}, tell)[0]


def send(
    root: Path, drive: Drive, known: Mapping[str, Entry], tell: Tell
) -> tuple[PushReport, dict[str, Entry], list[str]]:
    """Copy what the drive lacks. Returns the report, the entries of what was copied, and what the cache holds.

    What is there in another size than here is copied again; `known` entries of the drive settle which side is whole.
    """
    cache = store.cache_of(root)
    here = store.listed(cache)
    with drive.failing():
        there = store.listed(drive.path)
    lacking = sorted(name for name, size in here.items() if there.get(name) != size)
    total = sum(here[name] for name in lacking)
    with drive.failing():
        require_room(drive, total)
        items = [store.item(name, cache, drive.path, known.get(name)) for name in lacking]
        copied = store.copy_stored(
            items, drive.incoming, copying.Progress("to the second drive", total, tell).add
        )
    report = PushReport(
        drive=str(drive.path),
        sent=len(copied.files),
        bytes=sum(entry.size for entry in copied.files.values()),
        there=len(here) - len(lacking),
        rotten=_named(root, copied.rotten, (cache, drive.path)),
    )
    return report, copied.files, sorted(here.keys() - {*copied.rotten, *copied.gone, *copied.held})


def pull(root: Path, tell: Tell = say) -> PullReport:
    """What the work tree's `dvc.lock` needs, from the drive into the cache, then `dvc checkout`. Raises DriveError, and
    BluebookError where DVC cannot check out."""
    drive = required(root)
    drive.require(history.project_of(root))
    cache = store.cache_of(root)
    with drive.reading():
        wanted = _wanted(root, (cache, drive.path))
        copied, total = fetch(drive, cache, wanted, tell)
    absent = {wanted[name]: "not on the drive either" for name in copied.gone}
    rotten = {wanted[name]: "rotten on the drive" for name in copied.rotten if not store.whole(cache, name)}
    report = PullReport(
        drive=str(drive.path), fetched=len(copied.files), bytes=total, missing=absent | rotten
    )
    if not report.missing:
        checkout(root)
    return report


def fetch(drive: Drive, cache: Path, names: Iterable[str], tell: Tell) -> tuple[Copied, int]:
    """Copy those of the objects that the cache lacks, or holds in another size. Also the bytes copied."""
    cache.mkdir(parents=True, exist_ok=True)
    with drive.failing():
        there = store.listed(drive.path)
    here = store.listed(cache)
    lacking = sorted(name for name in names if name not in here or here[name] != there.get(name, here[name]))
    total = sum(there.get(name, 0) for name in lacking)
    items = [store.item(name, drive.path, cache) for name in lacking]
    copied = store.copy_stored(
        items, cache / ".incoming", copying.Progress("from the second drive", total, tell).add
    )
    return copied, sum(entry.size for entry in copied.files.values())


def checkout(root: Path, *hold: int) -> None:
    """`dvc checkout`, in a process that holds these file descriptors. Raises BluebookError with what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "checkout", "--force"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        pass_fds=hold,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())
        raise BluebookError(f"dvc checkout: {said.removeprefix('ERROR: ')}")


def status(root: Path) -> Standing:
    """What is only here and what only there. Raises DriveError."""
    drive = required(root)
    drive.require(history.project_of(root))
    cache = store.cache_of(root)
    tops = (cache, drive.path)
    with drive.reading():
        here, there = store.listed(cache), store.listed(drive.path)
        backups = manifest.listed(drive).good
        names = _wanted(root, tops)
    refs = backups[-1].refs if backups else {}
    both = here.keys() & there.keys()
    return Standing(
        drive=str(drive.path),
        only_here={name: names.get(name, "") for name in sorted(here.keys() - there.keys())},
        only_there={name: names.get(name, "") for name in sorted(there.keys() - here.keys())},
        differing={name: names.get(name, "") for name in sorted(both) if here[name] != there[name]},
        nowhere={
            name: path for name, path in sorted(names.items()) if name not in here and name not in there
        },
        commits_only_here=history.only_here(root, refs),
        refs_only_there=sorted(name for name, target in refs.items() if not history.has(root, target)),
        newest=backups[-1].label if backups else "",
    )


def _wanted(root: Path, tops: Iterable[Path]) -> dict[str, str]:
    """The objects that the work tree's `dvc.lock` needs, and what each is for."""
    return store.wanted(store.lock_of(root), history.in_git(root, "HEAD"), tops)


def _named(root: Path, names: Iterable[str], tops: Iterable[Path]) -> list[str]:
    """Objects as people know them."""
    known = _wanted(root, tops) if names else {}
    return [f"{name} ({known[name]})" if name in known else name for name in names]
