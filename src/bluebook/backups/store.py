"""What DVC keeps: objects named by the md5 of their content, and the run cache, here and on the drive alike.

    files/md5/ab/cdef…        a file; `….dir` is the list of a folder
    runs/ab/KEY/VALUE         what a stage made of what, a small text

A name is the path below the cache, or below the drive; it says the same on both sides.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

from bluebook.backups.copying import Copied, Entry, Item, copy, read
from bluebook.backups.history import git, run
from bluebook.errors import BluebookError

T = TypeVar("T")

OBJECT = re.compile(r"files/md5/([0-9a-f]{2})/([0-9a-f]{30})(\.dir)?")
RUN = re.compile(r"runs/[0-9a-f]{2}/[0-9a-f]{64}/[0-9a-f]{64}")


class Out(msgspec.Struct, frozen=True):
    """What a `dvc.lock` says of an output."""

    path: str
    md5: str | None = None


class Stage(msgspec.Struct, frozen=True):
    outs: list[Out] = []


class Listed(msgspec.Struct, frozen=True):
    """A file in the list of a folder."""

    md5: str
    relpath: str


class LockFile(msgspec.Struct, frozen=True):
    stages: dict[str, Stage] = {}


def cache_of(root: Path) -> Path:
    """DVC's cache folder of the repository at `root`; it need not be there yet."""
    from dvc.config import Config, ConfigError

    try:
        named = Config(str(root / ".dvc"))["cache"].get("dir")
    except ConfigError as error:
        raise BluebookError(f"DVC's configuration cannot be read: {error}") from error
    return Path(named) if named else root / ".dvc/cache"


def listed(top: Path) -> dict[str, int]:
    """Every object and run below `top`, by name, with its size in bytes. Other files are nobody's business here."""
    found = {}
    for kind, depth in (("files/md5", 1), ("runs", 2)):
        pattern = OBJECT if depth == 1 else RUN
        for entry in _files(top / kind, depth):
            name = f"{kind}/{Path(entry.path).relative_to(top / kind).as_posix()}"
            if pattern.fullmatch(name):
                found[name] = entry.stat().st_size
    return found


def _files(folder: Path, depth: int) -> Iterator[os.DirEntry[str]]:
    """The files `depth` folders below `folder`."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if depth and entry.is_dir():
            yield from _files(Path(entry.path), depth - 1)
        elif not depth and entry.is_file():
            yield entry


def md5_of(name: str) -> str | None:
    """The md5 that an object's name gives; None for a run."""
    match = OBJECT.fullmatch(name)
    return match[1] + match[2] if match else None


def name_of(md5: str) -> str:
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def item(name: str, source: Path, target: Path, entry: Entry | None = None) -> Item:
    """An object or run to copy from one side to the other."""
    sha256 = entry.sha256 if entry else None
    return Item(name, source / name, target / name, md5=md5_of(name), sha256=sha256)


def copy_stored(
    items: Iterable[Item],
    incoming: Path,
    add: Callable[[int], None] = lambda count: None,
) -> Copied:
    """Copy objects and runs; the list of a folder only after all of its files, and not at all where one of them could
    not be copied: to DVC a list that is there means that its files are, too."""
    lists = {}
    files = []
    for item in items:
        if item.name.endswith(".dir"):
            lists[item.name] = item
        else:
            files.append(item)
    copied = copy(files, incoming, add)
    bad = {*copied.rotten, *copied.gone}
    held = [name for name, item in lists.items() if bad and bad & set(_members(item.source, name))]
    listed = copy([item for name, item in lists.items() if name not in held], incoming, add)
    return Copied(copied.files | listed.files, copied.rotten + listed.rotten, copied.gone + listed.gone, held)


def _members(file: Path, name: str) -> list[str]:
    top = file.parents[len(Path(name).parts) - 1]
    return [name_of(row.md5) for row in _listing(name, [top])]


def whole(top: Path, name: str) -> bool:
    """Whether an object is there and is what its name says."""
    with ThreadPoolExecutor(1) as hashers:
        try:
            found = read(top / name, True, hashers, lambda count: None)
        except FileNotFoundError:
            return False
    return found is not None and found.md5 == md5_of(name)


# What a `dvc.lock` asks for.


def read_lock(text: str, where: str) -> LockFile:
    """Raises BluebookError for what is no lock file."""
    return _read(text, where, LockFile)


def read_added(text: str, where: str) -> Stage:
    """What `dvc add` wrote."""
    return _read(text, where, Stage)


def _read(text: str, where: str, kind: type[T]) -> T:
    try:
        loaded = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return msgspec.convert(loaded or {}, kind)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise BluebookError(f"{where}: not what DVC writes: {error}") from error


def lock_of(root: Path) -> LockFile:
    """The work tree's, what was added by `dvc add` included."""
    file = root / "dvc.lock"
    lock = read_lock(file.read_text("utf-8"), "dvc.lock") if file.exists() else LockFile()
    added = {}
    for path in git(root, "ls-files", "-z", "--", "*.dvc").split("\0"):
        if path and (root / path).exists():
            outs = read_added((root / path).read_text("utf-8"), path).outs
            added[path] = Stage([Out((Path(path).parent / out.path).as_posix(), out.md5) for out in outs])
    return LockFile(lock.stages | added)


def lock_at(root: Path, revision: str) -> LockFile:
    """That of a commit; empty where it has none."""
    shown = run(root, "show", f"{revision}:./dvc.lock")
    return read_lock(shown.stdout, f"{revision}:dvc.lock") if shown.returncode == 0 else LockFile()


def wanted(lock: LockFile, in_git: Iterable[str], tops: Iterable[Path]) -> dict[str, str]:
    """The objects that a lock file needs and what each is for, a path in the project; outputs that Git holds left out.

    What a folder consists of is read from its list, wherever below `tops` that is; where it is nowhere, the list
    itself is all that can be named.
    """
    git = set(in_git)
    found = {}
    for out in (out for stage in lock.stages.values() for out in stage.outs):
        if out.md5 is None or out.path in git:
            continue
        name = name_of(out.md5)
        found[name] = out.path
        if name.endswith(".dir"):
            for row in _listing(name, tops):
                found[name_of(row.md5)] = f"{out.path}/{row.relpath}"
    return found


def _listing(name: str, tops: Iterable[Path]) -> list[Listed]:
    """The first list of a folder's files that is what its name says."""
    for top in tops:
        try:
            content = (top / name).read_bytes()
        except OSError:
            continue
        if hashlib.md5(content, usedforsecurity=False).hexdigest() == md5_of(name):
            return msgspec.json.decode(content, type=list[Listed])
    return []
