"""`backup_manifest.json`: what a backup consists of, file by file, and which backups are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import msgspec

from bluebook.artifacts import write_json
from bluebook.backups.copying import Entry
from bluebook.backups.drive import FORMAT, Drive
from bluebook.errors import DataError

MANIFEST = "backup_manifest.json"
COPIES = Path("logs/backups")  # of the manifests, here, so that a rotten one on the drive is mended, too

Kind = Literal["milestone", "pre-training", "scheduled"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RANK: dict[Kind, int] = {"scheduled": 0, "pre-training": 1, "milestone": 2}  # what is kept longer is more
KEPT: dict[Kind, int | None] = {"milestone": None, "pre-training": 3, "scheduled": 5}  # None: for ever


class Rest(msgspec.Struct, frozen=True):
    """A file that neither Git nor DVC holds. `stamp` is its time of change, by which an unchanged file is known."""

    sha256: str
    mode: int
    stamp: int


class Manifest(msgspec.Struct, kw_only=True):
    """A backup. Paths in `files` are below the drive, those in `rest` and `left_out` in the project."""

    label: str
    kind: Kind
    reached: list[str]  # what was trained, graded or released since the backup before
    at: str
    project: str
    head: str
    refs: dict[str, str]
    bundle: str
    files: dict[str, Entry]
    here: list[str]  # those of the objects and runs that the local cache held, sorted
    rest: dict[str, Rest]
    left_out: dict[str, str]  # path -> why: secrets never leave
    settings: dict[str, str]  # of Git
    state: dict[str, str]  # what was trained, graded and released by then
    format: int = FORMAT
    seal: str = ""  # sha256 of all the rest of this file

    def sealed(self) -> str:
        bare = msgspec.structs.replace(self, seal="")
        return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()

    def content(self) -> bytes:
        """What two backups of the same have in common. A file that was only touched is the same."""
        rest = {path: msgspec.structs.replace(one, stamp=0) for path, one in self.rest.items()}
        same = msgspec.structs.replace(
            self, label="", kind="scheduled", reached=[], at="", seal="", rest=rest
        )
        return msgspec.json.encode(same, order="sorted")


def rest_name(sha256: str) -> str:
    return f"rest/{sha256[:2]}/{sha256}"


def path_of(drive: Drive, label: str) -> Path:
    return drive.backups / label / MANIFEST


def write(path: Path, manifest: Manifest) -> None:
    manifest.seal = manifest.sealed()
    write_json(path, manifest)


def read(path: Path) -> Manifest:
    """Raises DataError for a manifest that is damaged, and FileNotFoundError."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(path, None, f"damaged: {error}; `bluebook backup verify` mends it") from error
    if found.seal != found.sealed():
        raise DataError(path, None, "damaged: it is not what was written; `bluebook backup verify` mends it")
    return found


class Listed(NamedTuple):
    """The drive's backups, oldest first, and the labels of those whose manifest is damaged, with what is wrong."""

    good: list[Manifest]
    damaged: dict[str, str]


def listed(drive: Drive) -> Listed:
    """A folder without a manifest is a backup that was never finished, and none."""
    good, damaged = [], {}
    for folder in sorted(drive.backups.glob("*/")):
        try:
            good.append(read(folder / MANIFEST))
        except FileNotFoundError:
            continue
        except DataError as error:
            damaged[folder.name] = str(error)
        except OSError as error:
            damaged[folder.name] = f"{folder / MANIFEST}: cannot be read: {error.strerror}"
    return Listed(good, damaged)


def outlived(backups: Sequence[Manifest]) -> list[Manifest]:
    """Those of the backups, oldest first, that are no longer kept."""
    gone = []
    for kind, count in KEPT.items():
        of_kind = [backup for backup in backups if backup.kind == kind]
        if count is not None:
            gone += of_kind[:-count]
    return gone


def remove(drive: Drive, labels: Iterable[str], root: Path) -> None:
    """First the copy here, which would bring the manifest back, then the manifest: without it there is no backup."""
    for label in labels:
        (root / COPIES / f"{label}.json").unlink(missing_ok=True)
        path_of(drive, label).unlink(missing_ok=True)
        with suppress(OSError):
            path_of(drive, label).parent.rmdir()


def sweep(drive: Drive, kept: Sequence[Manifest]) -> None:
    """Remove files of `rest` and bundles that no kept backup needs. DVC's objects stay: old commits need them, too."""
    needed = {name for backup in kept for name in backup.files}
    for file in [*_below(drive.path / "rest", "*/*"), *_below(drive.path / "git", "*.bundle")]:
        if file.relative_to(drive.path).as_posix() not in needed:
            file.unlink()


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    return (path for path in folder.glob(pattern) if path.is_file())
