"""Free space, and how DVC's cache can give files to the work tree: as shared blocks, as links or as copies."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bluebook.doctor.findings import Finding, blocks, fine, gib, note, warning

LEAST = 1 << 30  # bytes; the sample run with its environment writes about as much
LITTLE = 10 << 30  # bytes; one base of a hub with its adapters and their earlier versions
FICLONE = 0x40049409  # the ioctl that shares a file's blocks (Linux: btrfs, XFS, bcachefs, ZFS)


def places(root: Path, cache: Path) -> dict[str, Path]:
    return {"repository": root, "DVC cache": cache, "temporary files": Path(tempfile.gettempdir())}


def space(
    where: Mapping[str, Path], statvfs: Callable[[Path], os.statvfs_result] = os.statvfs
) -> list[Finding]:
    """Free space of each named place; places on one file system are told together."""
    devices: dict[int, list[str]] = {}
    for name, path in where.items():
        devices.setdefault(existing(path).stat().st_dev, []).append(name)
    findings = []
    for names in devices.values():
        found = statvfs(existing(where[names[0]]))
        free = found.f_bavail * found.f_frsize
        said = f"{gib(free)} free for {', '.join(names)}"
        if free < LEAST:
            advice = "make room: `dvc gc --workspace` removes cached outputs that no commit here needs"
            findings.append(blocks("disk", said, advice))
        elif found.f_files and not found.f_favail:
            findings.append(
                blocks("disk", f"{said}, and no inode left", "remove some of the many small files")
            )
        elif free < LITTLE:
            findings.append(
                warning(
                    "disk",
                    said,
                    "a base from a hub needs tens of GiB; point `dvc cache dir` to a larger disk",
                )
            )
        else:
            findings.append(fine("disk", said))
    return findings


def writable(where: Mapping[str, Path]) -> list[Finding]:
    """A file is really written into each place: rights, read-only mounts and quotas show only then."""
    findings = []
    for name, path in where.items():
        try:
            with tempfile.TemporaryFile(dir=existing(path)) as file:
                file.write(b"x" * 4096)
                file.flush()
        except OSError as error:
            advice = f"make it writable for you: {path}"
            findings.append(blocks("disk", f"{name}: cannot write: {error.strerror}", advice))
    return findings


def links(
    root: Path, cache: Path, makers: Mapping[str, Callable[[Path, Path], None]] | None = None
) -> list[Finding]:
    """The cheapest way that a file of the cache gets into the work tree, found by trying."""
    makers = {"reflink": reflink, "hardlink": os.link} if makers is None else makers
    with (
        tempfile.TemporaryDirectory(dir=existing(cache), prefix=".doctor-") as there,
        tempfile.TemporaryDirectory(dir=root, prefix=".doctor-") as here,
    ):
        source = Path(there, "file")
        source.write_bytes(b"x" * 4096)
        for kind, make in makers.items():
            try:
                make(source, Path(here, kind))
            except OSError:
                continue
            if kind == "reflink":
                return [fine("disk", "the cache gives files by reflink: nothing is stored twice")]
            return [
                note(
                    "disk",
                    "the cache gives files by copy: each output is stored twice",
                    f"`dvc config --local cache.type {kind}` stores it once; files of the work tree are then read-only",
                )
            ]
    return [
        note(
            "disk",
            "the cache gives files by copy, and cannot otherwise: each output is stored twice",
            "put the cache on the repository's file system (`dvc cache dir`) to store it once",
        )
    ]


def reflink(source: Path, target: Path) -> None:
    """Share the blocks of `source`. Raises OSError where the file system cannot."""
    if sys.platform != "linux":
        raise OSError("reflinks are tried on Linux only")
    import fcntl

    with source.open("rb") as old, target.open("wb") as new:
        fcntl.ioctl(new.fileno(), FICLONE, old.fileno())


def shared_memory(
    path: Path = Path("/dev/shm"), usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage
) -> list[Finding]:
    """Processes that hand tensors to each other do it through /dev/shm; containers often have 64 MiB of it."""
    if not path.exists():
        return []
    total = usage(path)[0]
    if total < 256 << 20:
        return [
            warning(
                "disk",
                f"shared memory of {total >> 20} MiB: several processes or workers die with a bus error",
                "start the container with `--shm-size 8g` or `--ipc host`",
            )
        ]
    return []


def existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())
