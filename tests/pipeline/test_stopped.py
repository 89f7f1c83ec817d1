"""`bluebook train stop` under `dvc repro`, then `bluebook train resume`: the result of a run nobody disturbed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import make_checkout

RESULT = ("models/adapters/persona", "metrics/persona")


@pytest.mark.slow
def test_a_stopped_training_is_no_result_and_goes_on_to_one(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path / "stopped")
    checkout.edit_params(
        {"subjects": {"persona": {"train": {"epochs": 20}}}}
    )  # still under way when it is asked
    running = subprocess.Popen(
        ["dvc", "repro", "train@persona"],
        cwd=checkout.path,
        env=checkout.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    told, stopped = [], None
    for line in running.stderr:
        told.append(line)
        if (
            "[STEP 4.2] PROGRESS" in line and stopped is None
        ):  # before its first step there is nothing to save
            stopped = checkout.run("bluebook", "train", "stop", "persona")
            assert "saved after step" in stopped.stdout
    running.wait()
    assert running.returncode != 0
    assert "Go on with `bluebook train resume persona`" in "".join(told)
    assert not (checkout.path / "models/adapters/persona").exists()
    assert checkout.run("git", "status", "--porcelain", "models/checkpoints").stdout == ""

    resumed = checkout.run("bluebook", "train", "resume", "persona")
    assert "passed before models/checkpoints/persona" in resumed.stderr
    assert not (checkout.path / "models/checkpoints/persona").exists()
    result = checkout.bytes_below(*RESULT)
    checkout.run("dvc", "repro", "--force", "--single-item", "train@persona")
    assert checkout.bytes_below(*RESULT) == result
