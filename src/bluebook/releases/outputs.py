"""What `dvc.lock` says of a result, file by file, and whether a work tree holds it.

Everything is hashed anew: DVC itself trusts a file whose time and size it has seen before, and a flipped bit changes
neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from bluebook.errors import BluebookError, DataError

LOCK = "dvc.lock"


class Output(msgspec.Struct, kw_only=True, frozen=True):
    """A file, or a folder where `md5` ends in `.dir`; `size` in bytes."""

    path: str
    md5: str
    size: int = 0


class Dependency(msgspec.Struct, kw_only=True, frozen=True):
    """What a stage has read, with its hash and, of a folder, the number of its files."""

    path: str
    md5: str = ""
    size: int = 0
    nfiles: int | None = None


class Stage(msgspec.Struct, kw_only=True, frozen=True):
    cmd: Any = ""
    deps: list[Dependency] = []
    outs: list[Output] = []
    params: dict[str, dict[str, Any]] = {}


class Lock(msgspec.Struct, kw_only=True, frozen=True):
    stages: dict[str, Stage] = {}


class Damage(msgspec.Struct, kw_only=True, frozen=True):
    """An output that is not what `dvc.lock` says."""

    path: str
    found: str  # missing, or the hash that it has
    expected: str

    def __str__(self) -> str:
        found = "is missing" if self.found == "missing" else f"has md5 {self.found}"
        return f"{self.path} {found}; dvc.lock says {self.expected}"


def read_lock(raw: bytes, where: str = LOCK) -> Lock:
    """Raises DataError for what is no `dvc.lock`."""
    import yaml

    try:
        loaded = yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return msgspec.convert(loaded or {}, Lock)
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise DataError(Path(where), None, f"expected what `dvc repro` writes: {error}") from error


def upstream(lock: Lock, target: str) -> dict[str, Stage]:
    """The stage `target` and all it is made from, by name. Raises BluebookError for one that is not in the lock."""
    if target not in lock.stages:
        raise BluebookError(f"{LOCK} knows no stage {target}; run `dvc repro {target}` and commit {LOCK}")
    found: dict[str, Stage] = {}
    queue = [target]
    while queue:
        name = queue.pop()
        if name in found:
            continue
        found[name] = lock.stages[name]
        read = [dep.path for dep in lock.stages[name].deps]
        queue += [
            other
            for other, stage in lock.stages.items()
            if other not in found and any(_share(out.path, path) for out in stage.outs for path in read)
        ]
    return dict(sorted(found.items()))


def _share(one: str, other: str) -> bool:
    """Whether one path is the other, or lies in it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def outputs(stages: Iterable[Stage]) -> list[Output]:
    return sorted((out for stage in stages for out in stage.outs), key=lambda out: out.path)


def verify(root: Path, wanted: Iterable[Output]) -> list[Damage]:
    """Every output of `wanted` that `root` does not hold as it should, each hashed anew."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:

        def files(folder: Path) -> Iterator[Path]:
            for place, _, names in repo.dvcignore.walk(repo.fs, str(folder)):
                yield from (Path(place) / name for name in names)

        found = []
        for out in wanted:
            path = root.absolute() / out.path
            actual = _actual(path, files, folder=out.md5.endswith(".dir"))
            if actual != out.md5:
                found.append(Damage(path=out.path, found=actual, expected=out.md5))
        return found


def _actual(path: Path, files: Any, *, folder: bool) -> str:
    if not (path.is_dir() if folder else path.is_file()):
        return "missing"
    if not folder:
        return md5(path)
    listed = [{"md5": md5(file), "relpath": file.relative_to(path).as_posix()} for file in files(path)]
    return listing_md5(listed)


def listing_md5(listed: Iterable[dict[str, str]]) -> str:
    """The hash by which DVC knows a folder: of its files' hashes and names, as JSON."""
    ordered = sorted(listed, key=lambda entry: entry["relpath"])
    text = json.dumps(ordered, sort_keys=True)
    return f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.dir"


def md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
