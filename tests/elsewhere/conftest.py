"""A repository whose train stage takes no time, and two machines to train it on: a folder here, and a real sshd with
its own keys on a port of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bluebook import steps
from bluebook.elsewhere import train as far
from bluebook.params import TrainOn

ROOT = Path(__file__).parents[2]
SUBJECT = "persona"
STAGE = f"train@{SUBJECT}"
TRAIN = """
import hashlib, json, os, sys, time
from pathlib import Path

print("training begins", flush=True)
wait = Path("data/wait.txt").read_text().strip()
if wait == "fail":
    sys.exit("nothing to train on")
until = time.time() + float(wait)
while time.time() < until:
    time.sleep(0.05)
folder = Path("models/adapters/persona")
folder.mkdir(parents=True, exist_ok=True)
(folder / "weights.bin").write_bytes(hashlib.sha256(Path("data/set.bin").read_bytes()).digest() * 100_000)
(folder / "adapter.json").write_text(json.dumps({"settings": Path("local.yaml").exists()}))
Path("metrics/persona").mkdir(parents=True, exist_ok=True)
Path("metrics/persona/train.json").write_text('{"loss": 1.5}')
print("training ends", flush=True)
"""
GRAPH = {
    "stages": {
        "prepare": {
            "cmd": "cp data/raw.bin data/set.bin",
            "deps": ["data/raw.bin"],
            "outs": ["data/set.bin"],
        },
        "train": {
            "foreach": {SUBJECT: None},
            "do": {
                "cmd": "python stages/train.py ${key}",
                "deps": ["data/set.bin", "data/wait.txt", "stages/train.py"],
                "outs": ["models/adapters/${key}", {"metrics/${key}/train.json": {"cache": False}}],
            },
        },
    }
}


class World:
    """The repository, and how the tests look at it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[str] = []

    def run(self, *command: str) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wait(self, seconds: str) -> None:
        (self.root / "data/wait.txt").write_text(seconds)

    def train(self, settings: TrainOn) -> far.Spent | None:
        return far.train(self.root, SUBJECT, settings, self.said.append)

    def status(self) -> str:
        return self.run("dvc", "status", "--json").strip()

    @property
    def adapter(self) -> Path:
        return self.root / "models/adapters/persona"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything but the training is up to date. Not to be changed."""
    root = tmp_path_factory.mktemp("elsewhere") / "world"
    for folder in ("data", "stages", "src"):
        (root / folder).mkdir(parents=True)
    (root / "stages/train.py").write_text(TRAIN)
    (root / "src/used.py").touch()
    (root / "data/raw.bin").write_bytes(os.urandom(3_000_000))
    (root / "data/wait.txt").write_text("0")
    (root / "dvc.yaml").write_text(yaml.safe_dump(GRAPH))
    (root / ".gitignore").write_text("/logs/\n/local.yaml\n.*.tmp\n__pycache__/\n")
    (root / "local.yaml").write_text("device: cpu\n")
    world = World(root)
    world.run("git", "init", "--quiet")
    world.run("dvc", "init", "--quiet")
    world.run("dvc", "config", "core.analytics", "false")
    world.run("dvc", "repro", "--quiet", "prepare")
    return root


@pytest.fixture
def world(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(far, "POLL", 0.5)
    monkeypatch.setattr(steps, "RETRY_SECONDS", (0.1, 0.1, 0.1))
    shutil.copytree(prepared, tmp_path / "world", symlinks=True)
    return World(tmp_path / "world")


class Sshd:
    """A real sshd for this user alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        for name in ("host", "mine"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(command, check=True)
        shutil.copy2(folder / "mine.pub", folder / "allowed")
        (folder / "allowed").chmod(0o600)
        public = (folder / "host.pub").read_text()
        (folder / "known").write_text(f"[127.0.0.1]:{self.port} {public}")
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
            f"AuthorizedKeysFile {folder}/allowed\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "MaxStartups 100\nPermitRootLogin prohibit-password\n"
        )

    def start(self) -> None:
        sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        assert sshd is not None
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        command = [sshd, "-D", "-f", str(self.folder / "config"), "-E", str(self.folder / "log")]
        self.running = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.running.poll() is None, (self.folder / "log").read_text()
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        self.running.terminate()
        self.running.wait()

    @property
    def options(self) -> list[str]:
        named = f"UserKnownHostsFile={self.folder}/known"
        return ["-F", "none", "-p", str(self.port), "-i", str(self.folder / "mine"), "-o", named]


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if (
        shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None
        or shutil.which("ssh") is None
    ):
        pytest.skip("no sshd here; `apt-get install openssh-server`")
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


def _machine(kind: str, request: pytest.FixtureRequest, folder: str) -> TrainOn:
    if kind == "local":
        return TrainOn(kind="local", folder=folder, python=sys.executable)
    server: Sshd = request.getfixturevalue("sshd")
    return TrainOn(kind="ssh", host="127.0.0.1", options=server.options, folder=folder, python=sys.executable)


@pytest.fixture(params=["local", "ssh"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> TrainOn:
    """The machine to train on, both ways."""
    return _machine(request.param, request, str(tmp_path / "machine"))


@pytest.fixture(params=["local", pytest.param("ssh", marks=pytest.mark.slow)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> TrainOn:
    """Both ways, by ssh where there is time: connections take most of it."""
    return _machine(request.param, request, str(tmp_path / "machine"))


@pytest.fixture
def here(tmp_path: Path) -> TrainOn:
    return TrainOn(kind="local", folder=str(tmp_path / "machine"), python=sys.executable)
