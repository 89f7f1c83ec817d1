"""`bluebook backup restore`: the whole project from the second drive alone.

It is built beside its place, in `.NAME.restoring`: Git's history from the bundle, DVC's objects into a cache of its
own, the files that neither holds, then `dvc checkout`. Each file is hashed on its way and must be what the manifest
says. Only a project that is whole is renamed into place, and what stood there is kept under another name. An
interrupted restore goes on with what it has, after hashing it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from bluebook.artifacts import disk_full, full_disk, require_space
from bluebook.backups import copying, history, manifest, store
from bluebook.backups.copying import Item
from bluebook.backups.drive import REMOTE, Drive, Tell, say
from bluebook.backups.manifest import Manifest
from bluebook.backups.remote import checkout
from bluebook.backups.rest import DVC_LOCAL
from bluebook.errors import BluebookError


class Restored(msgspec.Struct, kw_only=True):
    """A project that was rebuilt. `replaced` is where what stood in its place is now, `left_out` what was not backed up
    and why, such as secrets, `lacking` what DVC could not check out, because the cache did not hold it then either."""

    project: str
    label: str
    files: int
    bytes: int
    replaced: str = ""
    left_out: dict[str, str] = {}
    lacking: str = ""


def restore(drive: Drive, target: Path, label: str | None = None, tell: Tell = say) -> Restored:
    """Rebuild the project at `target` as it was at a backup, the newest without `label`.

    Raises BluebookError where the drive holds no such backup or a file of it is missing or rotten; then nothing at
    `target` has changed.
    """
    target = target.absolute()
    drive.mark()
    if target.is_relative_to(drive.path.resolve()) or drive.path.resolve().is_relative_to(target):
        raise BluebookError(f"{target}: name a folder that is not on the second drive's own")
    if target.exists() and not target.is_dir():
        raise BluebookError(f"{target}: a file is where a folder is needed")
    building = target.parent / f".{target.name}.restoring"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with drive.reading(), _alone(building) as lock:
            backup = _chosen(drive, label)
            with drive.failing():
                _require_space(building, backup)
            _git(drive, backup, building, lock)
            files, size = _files(drive, backup, building, tell)
            lacking = _check_out(drive, building, lock)
            replaced = _into_place(building, target)
    except OSError as error:
        raise full_disk(target) if disk_full(error) else error from error
    return Restored(
        project=str(target),
        label=backup.label,
        files=files,
        bytes=size,
        replaced=replaced,
        left_out=backup.left_out,
        lacking=lacking,
    )


def _chosen(drive: Drive, label: str | None) -> Manifest:
    found = manifest.listed(drive)
    newest = max([*found.damaged, *(backup.label for backup in found.good)], default=None)
    label = newest if label is None else label
    for backup in found.good:
        if backup.label == label:
            return backup
    if label in found.damaged:
        raise BluebookError(found.damaged[label])
    there = ", ".join(backup.label for backup in found.good) or "none"
    asked = "no backup" if label is None else f"no backup {label}"
    damaged = f"; damaged: {', '.join(found.damaged)}" if found.damaged else ""
    raise BluebookError(f"{drive.path}: {asked} on this drive; there is {there}{damaged}")


def _require_space(building: Path, backup: Manifest) -> None:
    """Objects and Git's history twice, as they are kept and in the work tree; the rest once."""
    objects = sum(backup.files[name].size for name in backup.here)
    others = sum(backup.files[manifest.rest_name(one.sha256)].size for one in backup.rest.values())
    needed = 2 * (objects + backup.files[backup.bundle].size) + others
    there = sum(file.stat().st_size for file in building.rglob("*") if file.is_file())
    require_space(building, max(0, needed - there))


@contextmanager
def _alone(building: Path) -> Iterator[int]:
    """The folder to build in, held so that no second restore builds there. Git and DVC hold it, too: where this process
    is killed they may go on for a while."""
    building.mkdir(exist_ok=True)
    handle = os.open(building, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield handle
    except BlockingIOError:
        raise BluebookError(
            f"another process restores to this place, in {building}; wait until it has ended"
        ) from None
    finally:
        os.close(handle)


def _git(drive: Drive, backup: Manifest, building: Path, lock: int) -> None:
    bundle = drive.path / backup.bundle
    with ThreadPoolExecutor(1) as hashers:
        try:
            found = copying.read(bundle, False, hashers, lambda count: None)
        except FileNotFoundError:
            found = None
    if found is None or found.entry != backup.files[backup.bundle]:
        raise _damaged(drive, backup, [backup.bundle])
    shutil.rmtree(building / ".git", ignore_errors=True)  # of an interrupted restore; quickly made again
    history.rebuild(building, bundle, backup, lock)
    if said := history.broken(building):
        raise BluebookError(f"{bundle}: Git finds its content damaged: {said[0]}")


def _files(drive: Drive, backup: Manifest, building: Path, tell: Tell) -> tuple[int, int]:
    """The cache and what neither Git nor DVC holds, hashed. Files and bytes."""
    shutil.rmtree(building / ".incoming", ignore_errors=True)  # of an interrupted restore
    cache = building / ".dvc/cache"
    wanted = {name: cache / name for name in backup.here}
    have = _resumed(backup, wanted)
    items = [store.item(name, drive.path, cache, backup.files[name]) for name in wanted if name not in have]
    for path, one in backup.rest.items():
        name = manifest.rest_name(one.sha256)
        items.append(Item(path, drive.path / name, building / path, sha256=one.sha256))
    total = sum(item.source.stat().st_size for item in items if item.source.exists())
    copied = copying.copy(
        items, building / ".incoming", copying.Progress("from the second drive", total, tell).add
    )
    if wrong := [*copied.gone, *copied.rotten]:
        raise _damaged(drive, backup, wrong)
    for path, one in backup.rest.items():
        (building / path).chmod(one.mode)
        os.utime(building / path, ns=(one.stamp, one.stamp))
    return len(wanted) + len(backup.rest), sum(backup.files[name].size for name in backup.here) + sum(
        backup.files[manifest.rest_name(one.sha256)].size for one in backup.rest.values()
    )


def _resumed(backup: Manifest, wanted: dict[str, Path]) -> set[str]:
    """What an interrupted restore has copied already, hashed again."""
    have = set()
    with ThreadPoolExecutor(2) as hashers:
        for name, place in wanted.items():
            if place.exists():
                found = copying.read(place, False, hashers, lambda count: None)
                if found is not None and found.entry == backup.files[name]:
                    have.add(name)
    return have


def _damaged(drive: Drive, backup: Manifest, names: list[str]) -> BluebookError:
    shown = ", ".join(sorted(names)[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    return BluebookError(
        f"{drive.path}: {len(names)} of the files of backup {backup.label} are missing or rotten: {shown}. Where the "
        f"project is still there `bluebook backup verify` mends them; otherwise restore an earlier backup "
        f"(`bluebook backup list`). Nothing was replaced"
    )


def _check_out(drive: Drive, building: Path, lock: int) -> str:
    """The work tree's outputs from the cache, with the drive as remote. What is lacking, in DVC's words."""
    from dvc.config import Config
    from dvc.config_schema import RelPath

    if not (building / ".dvc").is_dir() or not (building / ".dvc/config").exists():
        return ""
    config_file = building / DVC_LOCAL
    if config_file.exists():
        config_file.chmod(0o644)
    with Config(str(building / ".dvc")).edit("local") as config:
        config["cache"]["dir"] = RelPath(str(building / ".dvc/cache"))  # one of its own, whatever it had
        config["remote"][REMOTE] = {"url": str(drive.path.absolute())}
        config["core"]["remote"] = REMOTE
    try:
        checkout(building, lock)
    except BluebookError as error:
        return str(error)
    return ""


def _into_place(building: Path, target: Path) -> str:
    """Rename what was built into place. Returns where what stood there is now."""
    kept = ""
    if target.exists() and any(target.iterdir()):
        aside = target.parent / f"{target.name}.before-{datetime.now():%Y%m%d-%H%M%S}"
        target.rename(aside)
        kept = str(aside)
    building.replace(target)  # an empty folder in its place is replaced by this
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return kept
