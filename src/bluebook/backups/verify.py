"""`bluebook backup verify`: every byte on both sides hashed again, what is wrong named, and mended from the other side.

    on the drive    every file of every backup, what else lies in DVC's remote, and the manifests themselves
    here            Git's objects, every object and run of the cache, and what should be there: what the newest backup
                    found here, what the work tree and the releases need

The two sides are read side by side. What mends a file is hashed on its way, and takes its place only when it is right.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from bluebook.artifacts import write_json
from bluebook.backups import copying, history, manifest, rest, store
from bluebook.backups.backup import log
from bluebook.backups.copying import Entry, Item
from bluebook.backups.drive import LOCK, Drive, Tell, required, say
from bluebook.backups.manifest import Manifest
from bluebook.errors import DataError

Side = Literal["here", "drive"]
What = Literal["missing", "rotten"]


class Fault(msgspec.Struct, kw_only=True):
    """A file that is missing, or is not what it should be. `path` is below the cache or the drive; `meant` is what it
    is for, as far as that is known."""

    side: Side
    path: str
    what: What
    meant: str = ""
    mended: bool = False


class Verified(msgspec.Struct, kw_only=True):
    """Files and bytes that were read, of both sides, and what was wrong."""

    drive: str
    files_here: int
    files_there: int
    bytes: int
    faults: list[Fault]
    why_not: str = ""  # why not everything that was wrong could be mended


class _Read(NamedTuple):
    """What one side turned out to hold: files, bytes, and what is wrong by name."""

    files: int
    bytes: int
    wrong: dict[str, What]


def verify(root: Path, tell: Tell = say) -> Verified:
    """Check both sides and mend them. Raises DriveError where the drive is not there, another's, or in use."""
    began = time.monotonic()
    drive = required(root)
    why_not = _why_not_written(drive)
    with drive.reading() if why_not else drive.alone():
        faults = _manifests(root, drive, mend=not why_not)
        backups = manifest.listed(drive).good
        faults += _git(root, drive, backups)
        # Only now: of a repository that cannot be read nobody knows which project it is.
        drive.require(history.project_of(root))
        here, there = _read_sides(root, drive, backups, tell)
        found, failed = _mended(root, drive, backups, (here.wrong, there.wrong), mend_drive=not why_not)
        faults += found
    done = Verified(
        drive=str(drive.path),
        files_here=here.files,
        files_there=there.files,
        bytes=here.bytes + there.bytes,
        faults=sorted(faults, key=lambda fault: (fault.side, fault.path)),
        why_not=why_not or failed,
    )
    log(root, None if why_not else drive, "verify", began, done)
    return done


def _why_not_written(drive: Drive) -> str:
    """Why the drive cannot be written, in words; empty where it can. Raises DriveError where it is not there."""
    drive.mark()
    try:
        (drive.path / LOCK).open("ab").close()
    except OSError as error:
        return str(drive.failed(error))
    return ""


# The manifests.


def _manifests(root: Path, drive: Drive, mend: bool) -> list[Fault]:
    """Damaged and missing manifests, mended from their copies here. A copy is made of each that has none here."""
    found = manifest.listed(drive)
    copies = _copies(root)
    for one in found.good:
        if one.label not in copies or copies[one.label].seal != one.seal:
            write_json(root / manifest.COPIES / f"{one.label}.json", one)
    faults = [_manifest_fault(label, "rotten") for label in found.damaged]
    for label in sorted(copies.keys() - {one.label for one in found.good} - found.damaged.keys()):
        everything = sorted([*found.good, copies[label]], key=lambda one: one.label)
        if copies[label] in manifest.outlived(everything):  # removed by another clone
            (root / manifest.COPIES / f"{label}.json").unlink()
        else:
            faults.append(_manifest_fault(label, "missing"))
    for fault in faults:
        label = Path(fault.path).parent.name
        if mend and label in copies:
            with drive.failing():
                manifest.write(manifest.path_of(drive, label), copies[label])
            fault.mended = True
    return faults


def _manifest_fault(label: str, what: What) -> Fault:
    return Fault(
        side="drive", path=f"backups/{label}/{manifest.MANIFEST}", what=what, meant=f"backup {label}"
    )


def _copies(root: Path) -> dict[str, Manifest]:
    found = {}
    for file in (root / manifest.COPIES).glob("*.json"):
        try:
            found[file.stem] = manifest.read(file)
        except DataError:
            file.unlink()  # the drive's is the original
    return found


# Git.


def _git(root: Path, drive: Drive, backups: list[Manifest]) -> list[Fault]:
    """What is wrong with Git here, mended from the newest bundle that can do it."""
    said = history.broken(root)
    if not said:
        return []
    faults = [Fault(side="here", path=".git", what="rotten", meant=line) for line in said[:20]]
    for backup in reversed(backups):
        if not _right(drive.path / backup.bundle, backup.files[backup.bundle]):
            continue
        history.mend(root, drive.path / backup.bundle, backup.refs)
        if not history.broken(root):
            for fault in faults:
                fault.mended = True
            break
    return faults


def _right(path: Path, entry: Entry) -> bool:
    with ThreadPoolExecutor(1) as hashers:
        try:
            found = copying.read(path, False, hashers, lambda count: None)
        except FileNotFoundError:
            return False
    return found is not None and found.entry == entry


# Both sides.


def _read_sides(root: Path, drive: Drive, backups: list[Manifest], tell: Tell) -> tuple[_Read, _Read]:
    cache = store.cache_of(root)
    here, there = store.listed(cache), store.listed(drive.path)
    known = {name: entry for backup in backups for name, entry in backup.files.items()}
    should_here = {*_needed(root, (cache, drive.path)), *(backups[-1].here if backups else ())}
    expect_here = {name: known.get(name) for name in {*here, *should_here}}
    expect_there = {name: known.get(name) for name in {*there, *known}}
    total = sum(here.values()) + sum(
        there.get(name, entry.size if entry else 0) for name, entry in expect_there.items()
    )
    progress = copying.Progress("reading both sides", total, tell)
    with ThreadPoolExecutor(2) as sides, ThreadPoolExecutor(2) as hashers:
        reading = [
            sides.submit(_read, top, expected, hashers, progress.add)
            for top, expected in ((cache, expect_here), (drive.path, expect_there))
        ]
        return reading[0].result(), reading[1].result()


def _read(
    top: Path,
    expected: Mapping[str, Entry | None],
    hashers: ThreadPoolExecutor,
    add: Callable[[int], None],
) -> _Read:
    """Read every expected file below `top` and compare it with its entry, or with its own name where there is none."""
    wrong: dict[str, What] = {}
    total = 0
    for name, entry in sorted(expected.items()):
        try:
            found = copying.read(top / name, entry is None, hashers, add)
        except FileNotFoundError:
            wrong[name] = "missing"
            continue
        if found is None or (
            found.entry != entry if entry else found.md5 != (store.md5_of(name) or found.md5)
        ):
            wrong[name] = "rotten"
        total += found.entry.size if found else 0
    return _Read(len(expected) - sum(what == "missing" for what in wrong.values()), total, wrong)


def _needed(root: Path, tops: Iterable[Path]) -> dict[str, str]:
    """The objects that the work tree and the releases need, and what each is for."""
    found: dict[str, str] = {}
    for ref in history.refs_of(root):
        if match := history.RELEASE.fullmatch(ref):
            wanted = store.wanted(store.lock_at(root, ref), history.in_git(root, ref), tops)
            found |= {name: f"{path} of {match[1]}" for name, path in wanted.items()}
    return found | store.wanted(store.lock_of(root), history.in_git(root, "HEAD"), tops)


# Mending.


def _mended(
    root: Path,
    drive: Drive,
    backups: list[Manifest],
    wrong: tuple[Mapping[str, What], Mapping[str, What]],
    mend_drive: bool,
) -> tuple[list[Fault], str]:
    """The faults of both sides, here and there, each mended if the other side can; and why mending broke off."""
    here, there = wrong
    cache = store.cache_of(root)
    names = _meanings(root, drive, backups)
    known = {name: entry for backup in backups for name, entry in backup.files.items()}
    mended_here: set[str] = set()
    mended_there: set[str] = set()
    failed = ""
    cache.mkdir(parents=True, exist_ok=True)
    try:
        provable = [name for name in here if name in known or store.md5_of(name)]
        items = [store.item(name, drive.path, cache, known.get(name)) for name in provable]
        mended_here |= store.copy_stored(items, cache / ".incoming").files.keys()
        if mend_drive and there:
            stored = [name for name in there if store.md5_of(name) or name.startswith("runs/")]
            items = [store.item(name, cache, drive.path, known.get(name)) for name in stored]
            mended_there |= store.copy_stored(items, drive.incoming).files.keys()
            mended_there |= _mend_rest(root, drive, backups, there)
            mended_there |= _mend_bundles(root, drive, backups, there)
    except OSError as error:
        failed = f"mending broke off: {error.filename or 'a disk'}: {error.strerror}"
    sides: list[tuple[Side, Mapping[str, What], set[str]]] = [
        ("here", here, mended_here),
        ("drive", there, mended_there),
    ]
    return [
        Fault(side=side, path=name, what=what, meant=names.get(name, ""), mended=name in mended)
        for side, wrong_there, mended in sides
        for name, what in wrong_there.items()
    ], failed


def _meanings(root: Path, drive: Drive, backups: Iterable[Manifest]) -> dict[str, str]:
    found = _needed(root, (store.cache_of(root), drive.path))
    for backup in backups:
        found[backup.bundle] = f"Git's history in backup {backup.label}"
        found |= {manifest.rest_name(one.sha256): path for path, one in backup.rest.items()}
    return found


def _mend_rest(root: Path, drive: Drive, backups: Iterable[Manifest], there: Mapping[str, What]) -> set[str]:
    """Those that could be copied once more, because the file here is still the same."""
    paths = {manifest.rest_name(one.sha256): path for backup in backups for path, one in backup.rest.items()}
    texts = {found.path: found.text for found in rest.found(root)[0]}
    items = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in there:
            if name not in paths or paths[name] not in texts:
                continue
            source, text = root / paths[name], texts[paths[name]]
            if text is not None:
                source = Path(scratch, name.rpartition("/")[2])
                source.write_bytes(text)
            items.append(Item(name, source, drive.path / name, sha256=name.rpartition("/")[2]))
        return set(copying.copy(items, drive.incoming).files)


def _mend_bundles(
    root: Path, drive: Drive, backups: Sequence[Manifest], there: Mapping[str, What]
) -> set[str]:
    """Those in whose place a new bundle of what Git holds here can stand, because all of it is here."""
    damaged = [backup for backup in backups if backup.bundle in there]
    here = history.refs_of(root)
    if not damaged or not any(history.covers(root, here, backup.refs) for backup in damaged):
        return set()
    mended = set()
    refs, name, entry = history.write_bundle(root, drive)
    for backup in damaged:
        if not history.covers(root, refs, backup.refs):
            continue
        mended.add(backup.bundle)
        del backup.files[backup.bundle]
        backup.bundle = name
        backup.files[name] = entry
        manifest.write(manifest.path_of(drive, backup.label), backup)
        write_json(root / manifest.COPIES / f"{backup.label}.json", backup)
    for bundle in mended - {backup.bundle for backup in backups}:
        (drive.path / bundle).unlink(missing_ok=True)
    return mended
