"""The second drive: which one it is, what can be wrong with it, and who is at work on it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from bluebook.artifacts import disk_full, write_json
from bluebook.errors import BluebookError

REMOTE = "drive"  # what DVC calls it
MARK = "bluebook.json"
FORMAT = 1
LOCK = ".lock"
SYS = Path("/sys/dev/block")

Tell = Callable[[str], None]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class DriveError(BluebookError):
    """The second drive is missing, another one, read-only, full, broken or in use. What is here is as it was."""


class Mark(msgspec.Struct, kw_only=True, frozen=True):
    """`bluebook.json` on the drive. `project` is the first commit of the repository whose drive it is."""

    project: str
    format: int = FORMAT


class Holder(msgspec.Struct, kw_only=True, frozen=True):
    """Who holds the lock."""

    pid: int
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} (`{self.command}`, since {self.since})"


class Drive:
    """The folder on the second drive that belongs to this project."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.backups = path / "backups"
        self.log = self.backups / "log.jsonl"
        self.incoming = path / ".incoming"

    def mark(self) -> Mark:
        """Whose drive it is. Raises DriveError where there is no mark: then the drive is not there."""
        try:
            return msgspec.json.decode((self.path / MARK).read_bytes(), type=Mark)
        except FileNotFoundError:
            empty = self.path.is_dir()
            found = "there, without its file bluebook.json" if empty else "not there"
            raise DriveError(
                f"the second drive is missing: {self.path} is {found}. Mount it and run the same command again; if "
                f"it is gone for good, `bluebook remote set DIR` names another"
            ) from None
        except msgspec.DecodeError as error:
            raise DriveError(
                f'{self.path / MARK}: damaged ({error}); write {{"project": …}} into it again with '
                f"`bluebook remote set {self.path}`"
            ) from error
        except OSError as error:
            raise self.failed(error) from error

    def require(self, project: str) -> None:
        """Raise DriveError unless this is the drive of `project`."""
        mark = self.mark()
        if mark.format > FORMAT:
            raise DriveError(f"{self.path}: written by a newer Bluebook (format {mark.format}); use that one")
        if mark.project != project:
            raise DriveError(
                f"{self.path} holds another project (its first commit is {mark.project[:12]}, this one's "
                f"{project[:12]}); give each a folder of its own"
            )

    def failed(self, error: OSError) -> DriveError:
        """What a failed reading or writing means."""
        if disk_full(error):
            free = shutil.disk_usage(self.path).free / 1e9 if self.path.exists() else 0.0
            why = f"is full: {free:.1f} GB free. Make room on it"
        elif error.errno == errno.EFBIG:
            why = "takes no file of that size (FAT: 4 GB at most). Format it as ext4, XFS, exFAT or NTFS"
        elif error.errno == errno.EROFS:
            why = "is mounted read-only. Mount it for writing"
        elif error.errno in {errno.EACCES, errno.EPERM}:
            why = f"may not be written ({error.filename}). Give yourself the right to write there"
        elif error.errno in {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE}:
            why = f"does not answer ({error.strerror}). Look at its cable and its health"
        else:
            why = f"failed: {error.filename}: {error.strerror}. Look whether it is still mounted"
        return DriveError(
            f"the second drive {self.path} {why}, then run the same command again: it goes on from here"
        )

    @contextmanager
    def failing(self) -> Iterator[None]:
        """What the system says of the drive as a DriveError."""
        try:
            yield
        except OSError as error:
            raise self.failed(error) from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the drive for writing. Raises DriveError that names who holds it."""
        with self.failing(), (self.path / LOCK).open("a+b") as lock:
            self._take(lock.fileno(), fcntl.LOCK_EX)
            with suppress(OSError):  # on a full drive: only the name of the holder is missing
                lock.truncate(0)
                lock.write(msgspec.json.encode(_myself()))
                lock.flush()
            if self.incoming.exists():  # of a process that was killed
                shutil.rmtree(self.incoming)
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the drive for reading, which works on a read-only one: nobody removes anything meanwhile."""
        with self.failing():
            try:
                handle = os.open(self.path / LOCK, os.O_RDONLY)
            except FileNotFoundError:
                yield
                return
            try:
                self._take(handle, fcntl.LOCK_SH)
                yield
            finally:
                os.close(handle)

    def _take(self, handle: int, kind: int) -> None:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                who = str(msgspec.json.decode((self.path / LOCK).read_bytes(), type=Holder))
            except msgspec.DecodeError:
                who = "another process"
            raise DriveError(
                f"{who} is at work on the second drive {self.path}; run the same command when it has ended"
            ) from None


def _myself() -> Holder:
    words = [Path(sys.argv[0]).name, *sys.argv[1:]]
    since = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
    return Holder(pid=os.getpid(), host=socket.gethostname(), command=" ".join(words), since=since)


def configured(root: Path) -> Drive | None:
    """The drive that is set for the repository at `root`: DVC's default remote, where that is a folder."""
    from dvc.config import ConfigError

    from bluebook.doctor.remote import configured as default_remote

    try:
        found = default_remote(root)
    except ConfigError as error:
        raise BluebookError(f"DVC's configuration cannot be read: {error}") from error
    if found is None or found.local is None or found.name != REMOTE:
        return None
    return Drive(found.local)


def required(root: Path) -> Drive:
    """The drive that is set; raises BluebookError where none is."""
    drive = configured(root)
    if drive is None:
        raise BluebookError("no second drive is set; `bluebook remote set DIR` names a folder on one")
    return drive


def require_room(drive: Drive, needed: int) -> None:
    """Raise DriveError unless `needed` bytes are free."""
    free = shutil.disk_usage(drive.path).free
    if free < needed:
        raise DriveError(
            f"the second drive {drive.path} is too full: {needed / 1e9:.2f} GB are to be copied, and {free / 1e9:.2f} "
            f"GB are free. Make room on it, then run the same command again; nothing on it has changed"
        )


# Looking at a folder before it becomes the drive.


def examine(folder: Path, root: Path, needed: int, sys_block: Path = SYS) -> list[str]:
    """What speaks against `folder` as the second drive of the repository at `root`, in words; empty if nothing does.

    `needed` is the size in bytes of what would be copied. Raises DriveError where it cannot be used at all.
    """
    if folder.resolve().is_relative_to(root.resolve()):
        raise DriveError(f"{folder} lies in the repository itself; name a folder on another drive")
    try:
        folder.mkdir(exist_ok=True)  # only itself: a mount point that is missing shall not be made
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe-") as probe:
            probe.write(b"x" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except FileNotFoundError:
        raise DriveError(f"{folder.parent} is not there; mount the drive, or make the folder") from None
    except OSError as error:
        raise Drive(folder).failed(error) from error
    found = []
    if disk_of(folder, sys_block) == disk_of(root, sys_block):
        found.append(
            f"{folder} lies on the same drive as the repository: one dead drive takes both. Use a folder on another"
        )
    free = shutil.disk_usage(folder).free
    if free < needed:
        found.append(
            f"{folder} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are to be copied: make room"
        )
    return found


def disk_of(path: Path, sys_block: Path = SYS) -> frozenset[str]:
    """The disks that `path` lies on, by the kernel's names: two partitions, or volumes, of one disk are one drive.

    Where the kernel does not tell (network, memory, another system), the file system's number stands for it.
    """
    device = path.stat().st_dev
    block = sys_block / f"{os.major(device)}:{os.minor(device)}"
    if not block.exists():
        return frozenset({f"device {device}"})
    return _disks(block.resolve())


def _disks(block: Path) -> frozenset[str]:
    if (block / "partition").exists():
        return _disks(block.parent)
    below = list((block / "slaves").iterdir()) if (block / "slaves").is_dir() else []
    if not below:
        return frozenset({block.name})
    return frozenset[str]().union(*(_disks(part.resolve()) for part in below))


def write_mark(folder: Path, project: str) -> bool:
    """Make `folder` the drive of `project`; whether it was not yet. Raises DriveError where it is another's."""
    drive = Drive(folder)
    if (folder / MARK).exists():
        with suppress(msgspec.DecodeError):
            msgspec.json.decode((folder / MARK).read_bytes(), type=Mark)
            drive.require(project)
            return False
    with drive.failing():
        write_json(folder / MARK, Mark(project=project))
    return True
