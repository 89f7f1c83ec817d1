"""Copying files so that what stands in its place is whole: hashed on the way, brought to the disk, then renamed."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal, NamedTuple

import msgspec

CHUNK = 512 << 10  # bytes at a time; writes of 4 MiB cost the kernel five times as much (ext4)
INLINE = 256 << 10  # a smaller file is hashed where it is read: waking threads would cost more
READERS = 2  # files at a time: MD5 takes 1.5 s a GB, and a disk that turns has to seek between more
SETTLERS = 8  # that wait for the disk, which brings several files to rest in one go
TELL_SECONDS = 2.0


class Item(NamedTuple):
    """A file to copy. `name` is what it is called in the result; its hashes where they are known. Without a target it
    goes where its content belongs, below the folder `store`."""

    name: str
    source: Path
    target: Path | None
    store: Path | None = None
    md5: str | None = None
    sha256: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """A file as it was read: bytes and sha256."""

    size: int
    sha256: str


class Copied(NamedTuple):
    """What was copied; what was not because it is not what its hash says, or cannot be read; what is not there; and
    what was held back because it says that another of these is there."""

    files: dict[str, Entry]
    rotten: list[str]
    gone: list[str]
    held: list[str]


class Digest(NamedTuple):
    entry: Entry
    md5: str | None


class Progress:
    """Tells every two seconds how many of `total` bytes are done."""

    def __init__(self, what: str, total: int, tell: Callable[[str], None]) -> None:
        self.what, self.total, self.tell = what, total, tell
        self.done = 0
        self._told = time.monotonic()
        self._alone = threading.Lock()

    def add(self, count: int) -> None:
        with self._alone:
            self.done += count
            now = time.monotonic()
            if now - self._told < TELL_SECONDS:
                return
            self._told = now
            self.tell(f"{self.what}: {self.done / 1e9:.1f} of {self.total / 1e9:.1f} GB")


def copy(items: Iterable[Item], incoming: Path, add: Callable[[int], None] = lambda count: None) -> Copied:
    """Copy each item, by way of `incoming`, a folder beside or above the targets that this makes and removes. What it
    lies in must be there: a drive that is gone is not made anew in its empty mount point.

    Each file is written aside, brought to the disk, and renamed, so a kill at any moment leaves whole files and rubbish
    in `incoming`. Raises OSError where the target cannot be written.
    """
    wanted = list(items)
    asides = [incoming / f"{os.getpid()}-{number}" for number in range(len(wanted))]
    copied = Copied({}, [], [], [])
    folders: set[Path] = set()
    _clear_rubbish(incoming)
    with ThreadPoolExecutor(2 * READERS) as hashers:
        readers, settlers = ThreadPoolExecutor(READERS), ThreadPoolExecutor(SETTLERS)
        try:
            taken = readers.map(
                lambda item, aside: _take(item, aside, hashers, settlers, add), wanted, asides
            )
            for item, (outcome, settled) in zip(wanted, taken, strict=True):
                if settled is not None:
                    folders.add(settled.result())
                if isinstance(outcome, Entry):
                    copied.files[item.name] = outcome
                else:
                    (copied.gone if outcome == "gone" else copied.rotten).append(item.name)
        finally:
            readers.shutdown(cancel_futures=True)
            settlers.shutdown(cancel_futures=True)
            for left in incoming.glob(f"{os.getpid()}-*"):
                left.unlink()
            with suppress(OSError):  # another process may be copying here, too
                incoming.rmdir()
    for folder in folders:
        with suppress(OSError):  # some file systems cannot, and need not
            _sync(folder)
    return copied


def _clear_rubbish(incoming: Path) -> None:
    """Make the folder, and remove what processes that were killed have left there."""
    incoming.mkdir(exist_ok=True)
    for left in incoming.glob("*-*"):
        try:
            os.kill(int(left.name.partition("-")[0]), 0)
        except (ProcessLookupError, ValueError):
            left.unlink(missing_ok=True)


class _Taken(NamedTuple):
    """A file that is written aside, or why it is not; and what brings it into place, with the folder of that place."""

    outcome: Entry | Literal["rotten", "gone"]
    settled: Future[Path] | None = None


def _take(
    item: Item, aside: Path, hashers: Executor, settlers: Executor, add: Callable[[int], None]
) -> _Taken:
    try:
        source = item.source.open("rb", buffering=0)
    except FileNotFoundError:
        return _Taken("gone")
    except OSError:
        return _Taken("rotten")
    with source, aside.open("wb") as out:
        try:
            read = digest(_chunks(source, add), item.md5 is not None, hashers, out)
        except _Unreadable:
            read = None
    if (
        read is None
        or (item.md5 is not None and read.md5 != item.md5)
        or (item.sha256 is not None and read.entry.sha256 != item.sha256)
    ):
        aside.unlink()
        return _Taken("rotten")
    target = item.target or by_content(item.store or aside.parent, read.entry.sha256)
    if item.target is None and target.exists() and target.stat().st_size == read.entry.size:
        aside.unlink()
        return _Taken(read.entry)
    return _Taken(read.entry, settlers.submit(_settle, aside, target))


def _settle(aside: Path, target: Path) -> Path:
    """Bring a file to the disk and into its place; returns the folder of that."""
    _sync(aside)
    top = aside.parent.parent
    for folder in reversed([target.parent, *target.parent.parents]):
        if folder != top and folder.is_relative_to(top):
            folder.mkdir(exist_ok=True)
    with suppress(OSError):  # some file systems have no rights
        aside.chmod(0o444)  # as DVC protects what it keeps
    aside.replace(target)
    return target.parent


def by_content(store: Path, sha256: str) -> Path:
    return store / sha256[:2] / sha256


class _Unreadable(Exception):
    """The source's drive cannot give its bytes."""


_buffers = (
    threading.local()
)  # two for each thread that reads: new ones for each file would cost more than reading


def _chunks(source: IO[bytes], add: Callable[[int], None]) -> Iterator[memoryview]:
    """The file's bytes. A chunk is good until the next but one is asked for."""
    if not hasattr(_buffers, "pair"):
        _buffers.pair = memoryview(bytearray(CHUNK)), memoryview(bytearray(CHUNK))
    for buffer in itertools.cycle(_buffers.pair):
        try:
            count = source.readinto(buffer)  # type: ignore[attr-defined]
        except OSError as error:
            raise _Unreadable from error
        if not count:
            return
        add(count)
        yield buffer[:count]


def digest(
    chunks: Iterable[memoryview], with_md5: bool, hashers: Executor, out: IO[bytes] | None = None
) -> Digest:
    """The hashes of what is read, which is written to `out` as well; reading, writing and each hash side by side."""
    sha = hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
    size = 0
    running: list[Future[None]] = []
    for chunk in chunks:
        size += len(chunk)
        for earlier in running:
            earlier.result()
        hashes = [sha, md5] if md5 else [sha]
        if len(chunk) <= INLINE:
            running = []
            for one in hashes:
                one.update(chunk)
        else:
            running = [hashers.submit(one.update, chunk) for one in hashes]
        if out is not None:
            out.write(chunk)
    for earlier in running:
        earlier.result()
    return Digest(Entry(size, sha.hexdigest()), md5.hexdigest() if md5 else None)


def read(path: Path, with_md5: bool, hashers: Executor, add: Callable[[int], None]) -> Digest | None:
    """The hashes of a file; None where its drive cannot give its bytes. Raises FileNotFoundError."""
    try:
        with path.open("rb", buffering=0) as source:
            return digest(_chunks(source, add), with_md5, hashers)
    except _Unreadable:
        return None
    except OSError as error:
        if error.errno in {errno.EIO, errno.EACCES}:
            return None
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
