"""Files that a stage leaves behind: written atomically, each with a sidecar that says where it came from.

The sidecar holds what decides the artifact (inputs' hashes, parameters, counts, versions) and nothing that changes
from run to run (clock, path of the checkout, machine), so that two clean clones write the same bytes.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from bluebook.errors import BluebookError


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears at `path` whole or not at all."""
    _clear_rubbish(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        temporary.chmod(0o644)  # mkstemp makes it private; outputs are ordinary files
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder that appears at `path` whole or not at all; what stood there before is replaced."""
    _clear_rubbish(path)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    temporary.chmod(0o755)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                file.chmod(0o644)  # some libraries write private files
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _clear_rubbish(path: Path) -> None:
    """Make the parent, and remove what a writer of `path` that was killed has left there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def disk_full(error: BaseException) -> bool:
    """Whether a write failed because the disk, or the quota on it, is full.

    Libraries written in C++ and Rust say so in words only: torch's writer reports that its position did not
    move, safetensors repeats the system's message.
    """
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    told = f"{error} {error.__context__}"
    words = ("No space left on device", "Disk quota exceeded", "iostream error", "PytorchStreamWriter failed")
    return not isinstance(error, OSError) and any(word in told for word in words)


def full_disk(path: Path, needed: int | None = None) -> BluebookError:
    """The error to raise where `path` cannot be written for want of room; `needed` in bytes, where known."""
    place = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    room = "" if needed is None else f"; about {_size(needed)} are needed"
    return BluebookError(
        f"{path}: the disk is full, or its quota is used up: {_size(free)} free{room}. Free some space, then "
        f"run the same command again"
    )


def require_space(path: Path, needed: int) -> None:
    """Raise BluebookError unless the disk of `path` has `needed` bytes free."""
    path.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(path).free < needed:
        raise full_disk(path, needed)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def write_json(path: Path, value: object) -> None:
    """Indented JSON with sorted keys and a newline at the end."""
    with atomic_writer(path) as out:
        out.write(msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2))
        out.write(b"\n")


def sha256(path: Path) -> str:
    """Hash of a file, or of a folder's relative names and contents (sidecars and hidden files left out)."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        name = file.relative_to(path)
        if not any(part.startswith(".") for part in name.parts):
            whole.update(f"{name.as_posix()}\0{sha256(file)}\n".encode())
    return whole.hexdigest()


def sidecar_path(output: Path) -> Path:
    """`out/` keeps its sidecar inside as `.artifact.json`; `out.jsonl` beside it as `out.jsonl.artifact.json`."""
    return output / ".artifact.json" if output.is_dir() else output.with_name(f"{output.name}.artifact.json")


def write_sidecar(
    output: Path,
    *,
    stage: str,
    inputs: Iterable[Path],
    parameters: object,
    counts: Mapping[str, Any],
    packages: Iterable[str] = (),
) -> None:
    """Record what `output` was made from."""
    from importlib.metadata import version  # slow to import, and only stages come here

    write_json(
        sidecar_path(output),
        {
            "stage": stage,
            "sha256": sha256(output),
            "inputs": {path.as_posix(): sha256(path) for path in inputs if path.exists()},
            "parameters": parameters,
            "counts": dict(counts),
            "versions": {name: version(name) for name in ("bluebook", *packages)},
        },
    )
