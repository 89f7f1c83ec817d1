"""`kill -9` at any moment, then the same command again: the result is that of a run nobody disturbed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from .conftest import Checkout, make_checkout
from .test_repro import DATA

KILLS = 12
LONGEST = 7.0  # seconds until a kill; about what the slowest stage of the small graph takes


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_result(built: Checkout, tmp_path: Path) -> None:
    victim = make_checkout(tmp_path / "victim")
    moments = random.Random(11)
    killed = 0
    for _ in range(KILLS):
        run = subprocess.Popen(
            ["dvc", "repro"],
            cwd=victim.path,
            env=victim.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            run.wait(timeout=moments.uniform(0.5, LONGEST))
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            killed += 1
    assert killed >= KILLS // 2
    victim.run("dvc", "repro")
    assert "up to date" in victim.run("dvc", "repro").stdout
    assert victim.bytes_below(*DATA) == built.bytes_below(*DATA)
    for folder in ("data", "models", "metrics"):
        assert not list((victim.path / folder).rglob(".*.tmp")), "a killed stage left rubbish"
