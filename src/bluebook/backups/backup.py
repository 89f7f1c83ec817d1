"""`bluebook backup run`: everything to the second drive, with a manifest of what that is."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bluebook.artifacts import write_json
from bluebook.backups import copying, history, manifest, rest, store
from bluebook.backups.copying import Entry, Item
from bluebook.backups.drive import Drive, Tell, configured, require_room, required, say
from bluebook.backups.manifest import Kind, Manifest, Rest
from bluebook.backups.remote import send
from bluebook.errors import BluebookError

LOCAL_LOG = manifest.COPIES / "log.jsonl"
STAMP = "%Y%m%d-%H%M%S"
LABEL = re.compile(r"\d{8}-\d{6}")
# Stages by what a person calls their end.
REACHED = {"train": "trained", "grade": "graded"}


class Done(msgspec.Struct, kw_only=True):
    """A backup that was made, or the newest one where it holds the same. `bytes` and `files` are what was copied."""

    drive: str
    label: str
    kind: Kind
    reached: list[str]
    new: bool
    files: int
    bytes: int
    rotten: list[str]  # objects of the cache that are not what their names say, and were not copied
    left_out: dict[str, str]
    damaged: list[str]  # labels of earlier backups whose manifest is damaged
    removed: list[str]  # labels of earlier backups that are no longer kept


def backup(root: Path, kind: Kind = "scheduled", tell: Tell = say) -> Done:
    """Back up the repository at `root`. Whatever was asked for, it is a milestone where something was trained, graded
    or released since the backup before.

    Raises DriveError where the drive cannot be used: what is on it is as it was, or more, and whole.
    """
    began = time.monotonic()
    drive = required(root)
    try:
        drive.require(history.project_of(root))
        with drive.alone():
            done = _backup(root, drive, kind, tell)
            log(root, drive, "backup", began, done)
    except BluebookError as error:
        log(root, None, "backup", began, {"outcome": "failed", "message": str(error)})
        raise
    return done


def milestone(root: Path, tell: Tell = say) -> Done | None:
    """`backup`, if a drive is set and something was trained, graded or released since the last backup; else None.

    Raises DriveError where the drive cannot be used. Nothing is lost by that: the next backup catches up.
    """
    drive = configured(root)
    if drive is None:
        return None
    drive.require(history.project_of(root))
    state = state_of(root)
    if not reached(state, manifest.listed(drive).good):
        return None
    return backup(root, "milestone", tell)


def _backup(root: Path, drive: Drive, kind: Kind, tell: Tell) -> Done:
    with drive.failing():
        drive.backups.mkdir(exist_ok=True)
        earlier = manifest.listed(drive)
        lay_there = store.listed(drive.path)
    before = earlier.good[-1] if earlier.good else None
    known = {name: entry for one in earlier.good for name, entry in one.files.items()}
    # `dvc.lock` and Git before the objects: DVC writes it last, so that it never asks for what is copied only later.
    state = state_of(root)
    since = reached(state, earlier.good)
    with drive.failing():
        refs, bundle, bundled = _bundle(root, drive, known)
        others = _rest(root, drive, before, tell)
    pushed, sent, here = send(root, drive, known, tell)
    with drive.failing():
        files = _objects(drive, {**known, **sent}, tell) | others.files | {bundle: bundled}
    kind = "milestone" if since else kind
    made = Manifest(
        label=_label(drive, kind),
        kind=kind,
        reached=since,
        at=datetime.now().astimezone().isoformat(timespec="seconds"),
        project=history.project_of(root),
        head=history.head_of(root),
        refs=refs,
        bundle=bundle,
        files=files,
        here=[name for name in here if name in files],
        rest=others.kept,
        left_out=others.left_out,
        settings=history.settings_of(root),
        state=state,
    )
    removed: list[str] = []
    if before is not None and _holds(before, made):
        told = before
    else:
        told = made
        with drive.failing():
            manifest.write(manifest.path_of(drive, made.label), made)
        _copy_here(root, made)
        with drive.failing():
            removed = _retire(root, drive, [*earlier.good, made], bool(earlier.damaged))
    copied = [entry for name, entry in files.items() if name not in known and name not in lay_there]
    return Done(
        drive=str(drive.path),
        label=told.label,
        kind=told.kind,
        reached=since,
        new=told is made,
        files=len(copied),
        bytes=sum(entry.size for entry in copied),
        rotten=pushed.rotten,
        left_out=others.left_out,
        damaged=sorted(earlier.damaged),
        removed=removed,
    )


def _holds(before: Manifest, made: Manifest) -> bool:
    """Whether the backup before holds the same, and is kept at least as long."""
    return before.content() == made.content() and manifest.RANK[before.kind] >= manifest.RANK[made.kind]


def _label(drive: Drive, kind: Kind) -> str:
    """A label that sorts behind all that are there, whatever became of the clock: labels are the backups' order."""
    moment = datetime.now()
    stamps = (LABEL.match(folder.name) for folder in drive.backups.glob("*/"))
    newest = max((stamp[0] for stamp in stamps if stamp), default="")
    if newest >= f"{moment:{STAMP}}":
        moment = datetime.strptime(newest, STAMP) + timedelta(seconds=1)
    return f"{moment:{STAMP}}-{kind}"


# What was trained, graded, released.


def state_of(root: Path) -> dict[str, str]:
    """`trained ue5` -> a digest of what came out, and so on; a release -> its commit. What a fresh clone's `dvc.lock`
    tells of, and the cache does not hold, was reached elsewhere."""
    state = {}
    cache = store.cache_of(root)
    for name, stage in store.lock_of(root).stages.items():
        what, _, subject = name.partition("@")
        held = any((cache / store.name_of(out.md5)).exists() for out in stage.outs if out.md5)
        if what in REACHED and subject and held:
            outs = "".join(f"{out.path} {out.md5}\n" for out in stage.outs)
            state[f"{REACHED[what]} {subject}"] = hashlib.sha256(outs.encode()).hexdigest()
    for ref, target in history.refs_of(root).items():
        if match := history.RELEASE.fullmatch(ref):
            state[f"released {match[1]}"] = target
    return state


def reached(state: Mapping[str, str], earlier: Sequence[Manifest]) -> list[str]:
    """What of `state` no earlier backup knows in this form."""
    seen = {(what, value) for one in earlier for what, value in one.state.items()}
    return sorted(what for what, value in state.items() if (what, value) not in seen)


# The parts.


def _bundle(root: Path, drive: Drive, known: Mapping[str, Entry]) -> tuple[dict[str, str], str, Entry]:
    refs = history.refs_of(root)
    name = history.bundle_name(refs)
    entry = known.get(name)
    if entry is not None and _size(drive.path / name) == entry.size:
        return refs, name, entry
    return history.write_bundle(root, drive)


def _objects(drive: Drive, known: Mapping[str, Entry], tell: Tell) -> dict[str, Entry]:
    """Every object and run on the drive. What came there by `dvc push` is read once; what is rotten is left out, and
    `verify` names it."""
    there = store.listed(drive.path)
    files = {name: known[name] for name, size in there.items() if name in known and known[name].size == size}
    unknown = [name for name in there if name not in known]
    progress = copying.Progress("reading what else is there", sum(there[name] for name in unknown), tell)
    with ThreadPoolExecutor(2) as hashers:
        for name in unknown:
            found = copying.read(drive.path / name, True, hashers, progress.add)
            if found is not None and found.md5 == (store.md5_of(name) or found.md5):
                files[name] = found.entry
    return files


class _RestSent(NamedTuple):
    """What neither Git nor DVC holds: its account, the files on the drive, and what stays here."""

    kept: dict[str, Rest]
    files: dict[str, Entry]
    left_out: dict[str, str]


def _rest(root: Path, drive: Drive, before: Manifest | None, tell: Tell) -> _RestSent:
    found, left_out = rest.found(root)
    old = before.rest if before else {}
    sent = _RestSent({}, {}, left_out)
    items: list[Item] = []
    stats: dict[str, os.stat_result] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, one in enumerate(found):
            source = root / one.path
            try:
                stats[one.path] = now = source.stat()
            except FileNotFoundError:
                continue  # a log or a checkpoint that was removed meanwhile
            was = old.get(one.path)
            if before and was and one.text is None and _unchanged(was, before, now, drive):
                sent.kept[one.path] = was
                sent.files[manifest.rest_name(was.sha256)] = before.files[manifest.rest_name(was.sha256)]
                continue
            if one.text is not None:
                source = Path(scratch, str(number))
                source.write_bytes(one.text)
            items.append(Item(one.path, source, None, drive.path / "rest"))
        total = sum(stats[item.name].st_size for item in items)
        require_room(drive, total)
        copied = copying.copy(
            items, drive.incoming, copying.Progress("what DVC does not hold", total, tell).add
        )
    for path, entry in copied.files.items():
        sent.kept[path] = Rest(
            sha256=entry.sha256, mode=stat.S_IMODE(stats[path].st_mode), stamp=stats[path].st_mtime_ns
        )
        sent.files[manifest.rest_name(entry.sha256)] = entry
    left_out.update(dict.fromkeys(copied.rotten, "it cannot be read"))
    return sent


def _unchanged(was: Rest, before: Manifest, now: os.stat_result, drive: Drive) -> bool:
    """Whether a file is what it was at the backup before, and the drive still has it."""
    name = manifest.rest_name(was.sha256)
    size = before.files[name].size
    return was.stamp == now.st_mtime_ns and size == now.st_size == _size(drive.path / name)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


# Afterwards.


def _retire(root: Path, drive: Drive, backups: list[Manifest], damaged: bool) -> list[str]:
    """Remove what is no longer kept. Returns the labels.

    A backup whose bundle a newer one contains is told to use that one, so that bundles do not pile up; the two newest
    bundles stay in any case. Beside a damaged manifest nothing is removed: it may need it.
    """
    if damaged:
        return []
    gone = [one.label for one in manifest.outlived(backups)]
    manifest.remove(drive, gone, root)
    kept = [one for one in backups if one.label not in gone]
    newest = kept[-1]
    spare = next((one.bundle for one in reversed(kept) if one.bundle != newest.bundle), newest.bundle)
    for one in kept:
        if one.bundle not in {newest.bundle, spare} and history.covers(root, newest.refs, one.refs):
            del one.files[one.bundle]
            one.bundle = newest.bundle
            one.files[one.bundle] = newest.files[newest.bundle]
            manifest.write(manifest.path_of(drive, one.label), one)
            _copy_here(root, one)
    manifest.sweep(drive, kept)
    return gone


def _copy_here(root: Path, one: Manifest) -> None:
    write_json(root / manifest.COPIES / f"{one.label}.json", one)


def log(root: Path, drive: Drive | None, what: str, began: float, told: Any) -> None:
    """A line for what was done, here and on the drive. A log that cannot be written stops nothing."""
    row: dict[str, Any] = {
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "what": what,
        "seconds": round(time.monotonic() - began, 3),
        **msgspec.to_builtins(told),
    }
    for path in _logs(root, drive):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as out:
                out.write(msgspec.json.encode(row) + b"\n")
        except OSError as error:
            say(f"{path}: cannot be written: {error.strerror}")


def _logs(root: Path, drive: Drive | None) -> Iterable[Path]:
    return [root / LOCAL_LOG, *([drive.log] if drive else [])]
