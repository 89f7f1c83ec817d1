"""A small project that real Git and real DVC hold, and a folder that stands for the second drive.

The project was made once by `dvc repro`: an adapter of several files and a metric, two commits, both released. Every
test has a copy of its own.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from bluebook.backups.backup import Done, backup
from bluebook.backups.drive import Drive
from bluebook.backups.remote import set_drive
from bluebook.backups.restore import Restored, restore

TRAIN = """
import hashlib, pathlib
seed = pathlib.Path("seed.txt").read_text()
folder = pathlib.Path("models/adapters/toy")
folder.mkdir(parents=True, exist_ok=True)
for number in range(12):
    block = hashlib.sha256(f"{seed} {number}".encode()).digest()
    (folder / f"part-{number}.bin").write_bytes(block * (400 if number else 40000))
"""
GRADE = """
import pathlib
size = sum(file.stat().st_size for file in pathlib.Path("models/adapters/toy").iterdir())
seed = pathlib.Path("seed.txt").read_text().strip()
for path in ("metrics/toy/mastery.json", "data/grades/toy.jsonl"):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(f'{{"score": "{seed}", "size": {size}}}\\n')
"""
GRAPH = {
    "stages": {
        "train": {
            "foreach": ["toy"],
            "do": {
                "cmd": "python train.py",
                "deps": ["train.py", "seed.txt"],
                "outs": ["models/adapters/${item}"],
            },
        },
        "grade": {
            "foreach": ["toy"],
            "do": {
                "cmd": "python grade.py",
                "deps": ["grade.py", "seed.txt", "models/adapters/${item}"],
                "outs": ["data/grades/${item}.jsonl"],
                "metrics": [{"metrics/${item}/mastery.json": {"cache": False}}],
            },
        },
    }
}
IGNORED = "/logs/\nlocal.yaml\n/models/checkpoints/\n.*.tmp\n"


class World:
    """The project at `root` and the folder `second`, its drive."""

    def __init__(self, root: Path, second: Path) -> None:
        self.root = root
        self.drive = Drive(second)
        self.said: list[str] = []

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.root), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.root,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def set(self) -> list[str]:
        return set_drive(self.root, self.drive.path, self.said.append)

    def backup(self, **settings: object) -> Done:
        return backup(self.root, tell=self.said.append, **settings)  # type: ignore[arg-type]

    def restore(self, target: Path, label: str | None = None) -> Restored:
        return restore(self.drive, target, label, self.said.append)

    def retrain(self, seed: str) -> None:
        """Another adapter, through DVC and committed, without the time that `dvc repro` takes."""
        (self.root / "seed.txt").write_text(f"{seed}\n")
        self.dvc("repro", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"seed {seed}")


def make_project(root: Path) -> World:
    world = World(root, root.parent / "second")
    root.mkdir(parents=True)
    world.git("init", "--quiet", "--initial-branch=main")
    world.git("config", "user.name", "Test")
    world.git("config", "user.email", "test@example.com")
    (root / ".dvc").mkdir()
    (root / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (root / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (root / "train.py").write_text(TRAIN)
    (root / "grade.py").write_text(GRADE)
    (root / "dvc.yaml").write_text(yaml.safe_dump(GRAPH))
    (root / ".gitignore").write_text(IGNORED)
    world.retrain("one")
    world.git("tag", "--annotate", "toy@v1.0.0", "--message", "the first")
    world.retrain("two")
    world.git("tag", "--annotate", "toy@v1.1.0", "--message", "the second")
    return world


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("template") / "project").root


@pytest.fixture
def bare(template: Path, tmp_path: Path) -> World:
    """No drive is set."""
    world = World(tmp_path / "project", tmp_path / "second")
    shutil.copytree(template, world.root, symlinks=True)
    logs = world.root / "logs"
    logs.mkdir()
    (logs / "steps.jsonl").write_text('{"step": "1.1"}\n')
    (world.root / "local.yaml").write_text("threads: 1\n")
    (world.root / "notes.txt").write_text("not committed\n")
    return world


@pytest.fixture
def world(bare: World) -> World:
    """The drive is set, and empty."""
    bare.set()
    return bare


@pytest.fixture
def held(world: World) -> World:
    """Everything is on the drive."""
    assert world.backup().new
    return world


def bytes_below(folder: Path, *left_out: str) -> dict[str, str]:
    """sha256 of every file below, by relative path."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not any(part in left_out for part in file.relative_to(folder).parts)
    }


MADE_HERE = (".git", "tmp", "logs", "config.local", "README.txt", ".lock", "log.jsonl")


def project_bytes(root: Path) -> dict[str, str]:
    """What a restored project must have in common with the one that was backed up: work tree and cache."""
    return bytes_below(root, *MADE_HERE)


def damage(file: Path, how: str, rng: random.Random) -> None:
    """Flip a bit, cut the file short, or delete it."""
    content = bytearray(file.read_bytes())
    file.chmod(0o644)
    if how == "flipped":
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
    elif how == "truncated":
        file.write_bytes(content[: rng.randrange(len(content))])
    else:
        file.unlink()


DAMAGES = ("flipped", "truncated", "deleted")


def in_child(work: Callable[[], object], killed_at: int | None = None) -> int:
    """Run `work` in a forked process that kills itself with SIGKILL before its `killed_at`-th call into C, such as a
    write, a rename, an update of a hash. Returns how many calls there were, or -9 where it was killed."""
    counted, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(counted)
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 1)
            os.dup2(devnull, 2)
            calls = 0

            def watch(frame: object, event: str, argument: object) -> None:
                nonlocal calls
                if event == "c_call":
                    calls += 1
                    if calls == killed_at:
                        os.kill(os.getpid(), signal.SIGKILL)

            threading.setprofile(watch)
            sys.setprofile(watch)
            work()
            sys.setprofile(None)
            os.write(told, str(calls).encode())
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.close(told)
    with os.fdopen(counted, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return -os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) == 0, "the work failed"
    return int(said)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system in memory, with these options. Skips where that is not allowed."""
    places: list[Path] = []

    def mount(options: str) -> Path:
        place = tmp_path / f"mounted-{len(places)}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip("mounting a small file system needs root")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
