"""The step log: numbered lines for people, rows for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bluebook import steps
from bluebook.errors import Stopped
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


class TestRetry:
    """Pauses are counted, not slept."""

    @staticmethod
    def failing(times: int, error: Exception) -> Callable[[], str]:
        left = [error] * times

        def work() -> str:
            if left:
                raise left.pop()
            return "done"

        return work

    @pytest.mark.parametrize("times", [0, 1, 3])
    def test_what_passes_is_tried_again(self, times: int, capsys: pytest.CaptureFixture[str]) -> None:
        pauses: list[float] = []
        work = self.failing(times, ConnectionError("reset by peer"))
        assert steps.retry("loading", work, lambda _: True, pauses.append) == "done"
        assert pauses == [30, 60, 120][:times]
        assert capsys.readouterr().err.count("loading failed: reset by peer; again in") == times

    def test_the_fourth_failure_is_the_last(self) -> None:
        pauses: list[float] = []
        with pytest.raises(ConnectionError, match="reset"):
            steps.retry("loading", self.failing(4, ConnectionError("reset")), lambda _: True, pauses.append)
        assert pauses == [30, 60, 120]

    def test_what_does_not_pass_is_raised_at_once(self) -> None:
        pauses: list[float] = []
        with pytest.raises(KeyError):
            steps.retry("loading", self.failing(1, KeyError("name")), lambda _: False, pauses.append)
        assert pauses == []


def test_a_stopped_step_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stopped), step("4.2", "Train"):
        raise Stopped("after step 3")
    assert "STOPPED: Train" in capsys.readouterr().err
    assert json.loads(steps.LOG.read_text())["outcome"] == "STOPPED"


def test_remaining_time_counts_only_what_was_done_here(capsys: pytest.CaptureFixture[str]) -> None:
    with step("4.2", "Train") as running:
        running.begun_at = 90
        running.started -= 100  # seconds
        running.progress(100, 100)
        running._reported = 0
        running.progress(95, 100)
    assert "95/100 95.0 % elapsed 0:01:40 remaining 0:01:40" in capsys.readouterr().err
