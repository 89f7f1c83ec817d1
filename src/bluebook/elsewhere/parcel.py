"""What goes to the other machine: a stage's inputs and the code of this repository, by hash; and what it is to run
there, which is the stage's own command.

Nothing else goes: no Git history, no `local.yaml`, no raw data that the stage does not read.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bluebook.artifacts import sha256
from bluebook.errors import BluebookError
from bluebook.params import TrainOn

# A stage imports more than its `deps` name, which leave out what carries every stage.
CODE = ("src", "stages", "params.yaml", "pyproject.toml", "requirements.lock", "Makefile")
LOCKED = "requirements.lock"
ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PYTHONUNBUFFERED": "1",
}


class Parcel(msgspec.Struct, kw_only=True, frozen=True):
    """`files`: sha256 by path, `sizes`: bytes by sha256. `outs` are the stage's outputs."""

    stage: str
    command: str
    files: dict[str, str]
    sizes: dict[str, int]
    outs: list[str]

    @property
    def run(self) -> str:
        """The run's name: a hash of all that decides its result."""
        content = msgspec.json.encode([self.stage, self.command, self.files], order="sorted")
        return hashlib.sha256(content).hexdigest()[:16]


class Order(msgspec.Struct, kw_only=True):
    """What `host.py start` is told."""

    files: dict[str, str]
    script: str
    python: str
    environment: dict[str, str]
    settings: dict[str, object]
    seconds: float  # until the run ends by itself; 0: no limit
    grace: float  # seconds
    after: str


def pack(root: Path, stage: str) -> Parcel:
    """Raises BluebookError where an input is not there or not up to date."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            loaded = repo.stage.load_one(path=str(root.absolute() / "dvc.yaml"), name=stage)
            command = str(loaded.cmd)
            deps = [str(dep.def_path) for dep in loaded.deps if not dep.def_path.endswith("params.yaml")]
            outs = sorted(str(out.def_path) for out in loaded.outs)
    except DvcException as error:
        raise BluebookError(f"DVC cannot read the stage {stage}: {error}") from error
    files: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for path in sorted({*_code(root), *_inputs(root, deps)} - {*_files(root, outs)}):
        name = sha256(root / path)
        files[path] = name
        sizes[name] = (root / path).stat().st_size
    return Parcel(stage=stage, command=command, files=files, sizes=sizes, outs=outs)


def _code(root: Path) -> list[str]:
    """Tracked and new files of the code; what Git ignores is no code."""
    command = [
        "git",
        "-C",
        str(root),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        *CODE,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BluebookError(f"git ls-files: {done.stderr.strip()}")
    return [name for name in done.stdout.split("\0") if name and (root / name).is_file()]


def _inputs(root: Path, deps: list[str]) -> list[str]:
    for dep in deps:
        if not (root / dep).exists():
            raise BluebookError(f"{dep} is not here; `dvc repro` makes it, or `dvc pull` fetches it")
    return list(_files(root, deps))


def _files(root: Path, paths: list[str]) -> Iterator[str]:
    for name in paths:
        path = root / name
        found = path.rglob("*") if path.is_dir() else [path]
        for file in found:
            if file.is_file() and "__pycache__" not in file.parts and not file.name.endswith(".tmp"):
                yield file.relative_to(root).as_posix()


def order(parcel: Parcel, settings: TrainOn, seconds: float) -> Order:
    """The run as the other machine is told it: its own setup, a look at its packages, then the stage's command."""
    checked = (
        f"python {shlex.quote('../../../host.py')} same . {LOCKED}" if LOCKED in parcel.files else "true"
    )
    script = " && ".join(filter(None, [settings.setup, checked, f"exec {parcel.command}"]))
    return Order(
        files=parcel.files,
        script=script,
        python=settings.python,
        environment=ENVIRONMENT,
        settings=settings.settings,
        seconds=seconds,
        grace=60 * settings.grace_minutes,
        after=settings.after,
    )
