"""Checkpoints on the disk: whole or absent, few, and never those of another run.

    models/checkpoints/S/RUN/step-000120/     checkpoint.json and what the trainer saved
    models/checkpoints/S/RUN/.writing.tmp/    one that is being written, or was when the process was killed

RUN is a hash of whatever decides the result: dataset, base, parameters, seed, code and library versions. So a
run with other data looks into another folder and cannot go on from a stale state; what lies beside it is
named. A checkpoint is written aside, brought to the disk and renamed; its own file list tells a whole one from
one that was damaged later. The folder is ignored by Git and DVC and removed when the run has succeeded.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec

import bluebook
from bluebook.artifacts import sha256, write_json
from bluebook.params import TrainParams

ROOT = Path("models/checkpoints")
MANIFEST = "checkpoint.json"
WRITING = ".writing.tmp"
KEPT = 2  # the newest, and one older in case the newest turns out to be damaged
OTHERS_KEPT = 1  # folders of other runs; each may be as large as a model
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate")


class Identity(msgspec.Struct, kw_only=True, frozen=True):
    """What decides the result of a training."""

    dataset: str
    base: str
    parameters: str
    seed: int
    code: str
    versions: dict[str, str]

    @property
    def name(self) -> str:
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:12]


class Manifest(msgspec.Struct, kw_only=True):
    """`checkpoint.json`: which run's state this is, after which step of how many, and its files' sizes."""

    identity: Identity
    step: int
    steps: int
    files: dict[str, int]


class Checkpoint(NamedTuple):
    folder: Path
    manifest: Manifest


def identify(dataset: Path, base: Path, settings: TrainParams, seed: int) -> Identity:
    """The identity of a run on these inputs, with the code as it is now."""
    package = Path(bluebook.__file__).parent
    files = [
        *package.glob("training/*.py"),
        *package.glob("families/*"),
        package / "models.py",
        package / "generation.py",
    ]
    code = "".join(
        f"{file.relative_to(package).as_posix()}\0{sha256(file)}\n"
        for file in sorted(files)
        if file.is_file()
    )
    return Identity(
        dataset=sha256(dataset),
        base=sha256(base),
        parameters=msgspec.json.encode(settings, order="sorted").decode(),
        seed=seed,
        code=hashlib.sha256(code.encode()).hexdigest(),
        versions={name: version(name) for name in PACKAGES},
    )


class Store:
    """The checkpoints of one run below a subject's folder."""

    def __init__(self, root: Path, identity: Identity) -> None:
        self.root = root
        self.identity = identity
        self.folder = root / identity.name

    @property
    def staging(self) -> Path:
        """Where the trainer writes; what a killed process left there is worth nothing."""
        return self.folder / WRITING

    def open(self) -> Checkpoint | None:
        """The newest whole checkpoint of this run. Clears what was half written and tells of what is left aside."""
        shutil.rmtree(self.staging, ignore_errors=True)
        self.staging.mkdir(parents=True)
        self._name_others()
        for folder in self.written():
            try:
                return Checkpoint(folder, read_manifest(folder))
            except ValueError as damage:
                aside = folder.with_name(f"damaged-{folder.name}")
                shutil.rmtree(aside, ignore_errors=True)
                folder.rename(aside)
                _say(f"{folder}: damaged ({damage}); set aside as {aside.name}, an older one is used")
        return None

    def publish(self, written: Path, step: int, steps: int) -> Checkpoint:
        """Make a finished checkpoint of the folder `written`, durably, and drop the oldest beyond two."""
        files = {
            file.relative_to(written).as_posix(): file.stat().st_size
            for file in sorted(written.rglob("*"))
            if file.is_file()
        }
        manifest = Manifest(identity=self.identity, step=step, steps=steps, files=files)
        write_json(written / MANIFEST, manifest)
        for path in sorted(written.rglob("*")):
            _to_disk(path)
        _to_disk(written)
        final = self.folder / f"step-{step:06d}"
        if final.exists():
            shutil.rmtree(final)
        written.rename(final)
        _to_disk(self.folder)
        for old in self.written()[KEPT:]:
            shutil.rmtree(old)
        return Checkpoint(final, manifest)

    def discard(self) -> None:
        """Remove this run's folder: it has succeeded and its outputs are written."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.root.is_dir() and not any(self.root.iterdir()):
            self.root.rmdir()

    def written(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"), reverse=True)

    def _name_others(self) -> None:
        others = [path for path in self.root.iterdir() if path.is_dir() and path != self.folder]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for folder in others[:OTHERS_KEPT]:
            _say(
                f"{folder}: checkpoints of another run ({_difference(folder, self.identity)}); this run does not go "
                f"on from them. They stay until you delete them"
            )
        for folder in others[OTHERS_KEPT:]:
            _say(f"{folder}: checkpoints of an older run ({_difference(folder, self.identity)}), removed")
            shutil.rmtree(folder)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a whole checkpoint. Raises ValueError that says what is damaged."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise ValueError(f"{MANIFEST}: {error}") from error
    for name, size in manifest.files.items():
        file = folder / name
        found = file.stat().st_size if file.is_file() else None
        if found != size:
            raise ValueError(f"{name}: expected {size} bytes, found {'none' if found is None else found}")
    return manifest


def newest(root: Path, since: float = 0.0) -> Manifest | None:
    """The latest whole checkpoint below a subject's folder, of whichever run wrote last, `since` a time in seconds;
    for telling people."""
    found = sorted(root.glob("*/step-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in found:
        if folder.stat().st_mtime < since:
            break
        try:
            return read_manifest(folder)
        except ValueError:
            continue
    return None


def _difference(folder: Path, identity: Identity) -> str:
    for checkpoint in sorted(folder.glob("*step-*"), reverse=True):
        try:
            other = read_manifest(checkpoint).identity
        except ValueError:
            continue
        names = [
            name for name in Identity.__struct_fields__ if getattr(other, name) != getattr(identity, name)
        ]
        return f"other {', '.join(names)}"
    return "no whole one"


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
