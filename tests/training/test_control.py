"""`bluebook train stop` and `resume`, and the lock that says who trains."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bluebook import cli
from bluebook.training import control

ROOT = Path(__file__).parents[2]

# A process that holds the lock as a training does, until it is asked to stop.
TRAINING = """
import signal, sys
from bluebook.training.control import controlled
with controlled("persona") as stop:
    print("ready", flush=True)
    while not stop.requested:
        signal.pause()
"""


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    return tmp_path


def training(folder: Path) -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, "-c", TRAINING],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return started


def ready(started: subprocess.Popen[str]) -> subprocess.Popen[str]:
    assert started.stdout is not None and started.stdout.readline() == "ready\n"
    return started


def bluebook(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bluebook", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_stop_asks_the_training_and_waits_for_its_end(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running = ready(training(repository))
    assert bluebook(monkeypatch, "train", "stop", "persona") == 0
    assert running.wait(timeout=30) == 0
    assert f"process {running.pid}" in capsys.readouterr().err


def test_nothing_is_stopped_where_nothing_runs(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bluebook(monkeypatch, "train", "stop", "persona") == 1
    killed = ready(training(repository))
    killed.kill()
    killed.wait()
    assert control.lock_path("persona").exists()
    assert bluebook(monkeypatch, "train", "stop", "persona") == 1
    assert "not being trained" in capsys.readouterr().err


def test_two_trainings_of_one_subject_are_kept_apart(repository: Path) -> None:
    first = ready(training(repository))
    try:
        second = training(repository)
        _, told = second.communicate(timeout=60)
        assert second.returncode != 0
        assert f"being trained already, by process {first.pid}" in told
    finally:
        first.terminate()
    assert first.wait(timeout=30) == 0


def test_an_unknown_subject_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bluebook(monkeypatch, "train", "stop", "nobody") == 2
    assert "nobody" in capsys.readouterr().err


def test_resume_runs_the_stage(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a repository DVC refuses, and so does this."""
    assert bluebook(monkeypatch, "train", "resume", "persona") == 1
