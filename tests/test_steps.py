"""The step log: numbered lines for people, rows for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bluebook import steps
from bluebook.steps import step


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_step_announces_itself_and_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with step("2.1", "Validate dataset") as running:
        running.progress(5, 5, loss=1.25)
        running.note("5 rows")
    started, progress, complete = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\[\d\d:\d\d:\d\d\] \[STEP 2\.1\] STARTING: Validate dataset", started)
    assert re.search(r"PROGRESS: 5/5 100\.0 % elapsed 0:00:00 remaining 0:00:00 loss 1\.2500$", progress)
    assert re.search(r"COMPLETE: Validate dataset \(0:00:00\) 5 rows$", complete)
    row = json.loads(steps.LOG.read_text())
    assert (row["step"], row["outcome"], row["note"]) == ("2.1", "COMPLETE", "5 rows")


def test_progress_is_throttled(capsys: pytest.CaptureFixture[str]) -> None:
    with step("1.1", "Many") as running:
        for done in range(1, 1001):
            running.progress(done, 1000)
    assert capsys.readouterr().err.count("PROGRESS") < 10


def test_a_failed_step_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), step("1.1", "Break"):
        raise ValueError("no")
    assert "FAILED: Break" in capsys.readouterr().err
    assert json.loads(steps.LOG.read_text())["outcome"] == "FAILED"
