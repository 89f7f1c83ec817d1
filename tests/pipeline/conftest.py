"""Clean clones of this checkout, with a graph small enough to run in a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]

# The smallest settings at which every stage still does its real work.
SMALL = {
    "base": {
        "embedded": {
            "vocabulary": 1024,
            "hidden": 64,
            "intermediate": 128,
            "layers": 2,
            "heads": 2,
            "key_value_heads": 1,
            "samples": 600,
            "steps": 30,
        }
    },
    "compose": {"generated": 40},
    "train": {"epochs": 1, "curriculum": []},
    "exam": {"max_items": 8, "max_new_tokens": 24},
}


def _update(target: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict):
            _update(target[key], value)
        else:
            target[key] = value


class Checkout:
    """One clone: its folder, and the commands that people run in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def environment(self) -> dict[str, str]:
        interpreter = Path(sys.executable).parent
        return {
            **os.environ,
            "PATH": f"{interpreter}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.path / "src"),
            "DVC_NO_ANALYTICS": "1",
            "OMP_NUM_THREADS": "2",
        }

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.path, env=self.environment, capture_output=True, text=True, check=False
        )
        if check:
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done

    def edit_params(self, changes: dict[str, Any]) -> None:
        file = self.path / "params.yaml"
        params = yaml.safe_load(file.read_text())
        _update(params, changes)
        file.write_text(yaml.safe_dump(params))

    def bytes_below(self, *folders: str) -> dict[str, bytes]:
        """Contents of every file in `folders`, by path relative to the clone."""
        return {
            file.relative_to(self.path).as_posix(): file.read_bytes()
            for folder in folders
            for file in sorted((self.path / folder).rglob("*"))
            if file.is_file()
        }


def make_checkout(path: Path) -> Checkout:
    """A clone as Git would give it (tracked and new files, nothing ignored), with SMALL settings committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if name == "dvc.lock" or not source.is_file():
            continue
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    checkout = Checkout(path)
    subjects = yaml.safe_load((path / "params.yaml").read_text())["subjects"]
    each = {key: SMALL[key] for key in ("compose", "train", "exam")}
    checkout.edit_params({"base": SMALL["base"], "subjects": dict.fromkeys(subjects, each)})
    for command in (
        ("git", "init", "--quiet"),
        ("git", "config", "user.name", "Test"),
        ("git", "config", "user.email", "test@example.com"),
        ("git", "add", "--all"),
        ("git", "commit", "--quiet", "--message", "clone"),
    ):
        checkout.run(*command)
    return checkout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A clone in which the whole graph has run once."""
    checkout = make_checkout(tmp_path_factory.mktemp("built"))
    checkout.run("dvc", "repro")
    yield checkout
