"""A run's own account: alive, stalled, killed or ended, and never more than that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bluebook import runs, steps
from bluebook.errors import BluebookError, DataError, Stopped
from bluebook.params import Local
from bluebook.runs import (
    BEAT,
    PATIENCE,
    SILENT,
    SLOW_STEPS,
    Run,
    Watch,
    alive,
    beating,
    read_run,
    run_path,
    standing,
    watching,
)
from bluebook.steps import Step, step


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RANK", raising=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[..., Watch]


@pytest.fixture
def make(clock: Clock) -> Make:
    def watch(**more: object) -> Watch:
        return Watch(run_path("toy"), "toy", clock=clock, timer=clock, **more)  # type: ignore[arg-type]

    return watch


def account() -> Run:
    run = read_run(run_path("toy"))
    assert run is not None
    return run


def test_the_file_follows_the_run(make: Make, clock: Clock) -> None:
    watch = make()
    assert (account().phase, account().outcome, account().pid) == ("starting", "running", os.getpid())
    watch.heard("4.1", "STARTING", "Preflight")
    assert account().phase == "model loading"
    watch.begin(0, 10)
    assert (account().phase, account().total, account().remaining) == ("first step", 10, None)
    clock.pass_(50)
    watch.stepped(1, 0.1)
    assert (account().phase, account().step, account().step_seconds) == ("training", 1, None)
    for at in (2, 3, 4):
        clock.pass_(4)
        watch.stepped(at, at / 10)
    assert account().step_seconds == 4  # the first step, which warmed up, does not count
    assert account().remaining == 24
    watch.measured(loss=1.5, eval_loss=None, regions={"thought": 2.0})
    watch.measured(loss=1.25, regions=None)
    assert (account().loss, account().eval_loss, account().regions) == (1.25, None, {"thought": 2.0})


def test_a_resumed_run_is_timed_by_its_own_steps(make: Make, clock: Clock) -> None:
    watch = make()
    watch.begin(60, 100)
    watch.stepped(61, 0.0)
    clock.pass_(20)
    watch.stepped(71, 0.0)
    assert (account().begun_at, account().step_seconds, account().remaining) == (60, 2, 58)


def test_steps_are_written_at_most_once_a_second(make: Make, clock: Clock) -> None:
    watch = make()
    watch.begin(0, 1000)
    watch.stepped(1, 0.0)
    for at in range(2, 100):
        clock.pass_(0.01)
        watch.stepped(at, 0.0)
    assert account().step == 1
    clock.pass_(1)
    watch.stepped(100, 0.0)
    assert account().step == 100


def test_the_next_run_expects_what_the_last_one_took(make: Make, clock: Clock) -> None:
    for seconds in (30, 50):
        watch = make()
        for number, title, took in (("2.1", "Read", 1), ("4.2", "Train", seconds), ("5.1", "Save", 4)):
            watch.heard(number, "STARTING", title)
            if number == "4.2":
                watch.begin(0, 2)
                watch.stepped(1, 0.0)
            clock.pass_(took)
            if number == "4.2":
                watch.stepped(2, 0.0)
            watch.heard(number, "COMPLETE", f"{title} (0:00:01)")
        watch.end("completed")
        assert account().coming == []
    watch = make()
    assert [(one.number, one.seconds) for one in account().coming] == [("2.1", 1), ("4.2", 40), ("5.1", 4)]
    watch.heard("4.2", "STARTING", "Train")
    watch.begin(0, 10)
    assert account().remaining == 10 * 40 + 1 + 4  # before its own first step: what earlier ones took
    assert [one.number for one in account().coming] == ["2.1", "5.1"]


def test_a_failed_run_teaches_no_durations(make: Make, clock: Clock) -> None:
    watch = make()
    watch.heard("2.1", "STARTING", "Read")
    clock.pass_(5)
    watch.heard("2.1", "COMPLETE", "Read")
    watch.end("failed", "no")
    assert account().timings == {}


@pytest.mark.parametrize("phase", list(PATIENCE))
def test_a_phase_is_stalled_after_its_own_time_and_only_told(
    make: Make, clock: Clock, capsys: pytest.CaptureFixture[str], phase: runs.Phase
) -> None:
    def never(code: int) -> None:
        raise AssertionError(f"killed with {code}")

    watch = make(kill=never)
    watch.phase(phase)
    clock.pass_(PATIENCE[phase])
    watch.beat()
    assert not account().stalled
    clock.pass_(1)
    for _ in range(3):
        watch.beat()
    assert account().stalled
    assert [event.kind for event in account().events] == ["stall"]  # once, not every minute
    assert capsys.readouterr().err.count("STALLED") == 1
    assert standing(account(), clock(), True) == "stalled"
    watch.stepped(5, 0.0)
    assert not account().stalled


def test_a_slow_machine_gets_more_patience(make: Make, clock: Clock) -> None:
    """Steps of a minute and a half: ten minutes without one is nothing yet."""
    watch = make()
    watch.begin(0, 100)
    watch.stepped(1, 0.0)
    clock.pass_(90)
    watch.stepped(2, 0.0)
    clock.pass_(90 * SLOW_STEPS)
    watch.beat()
    assert not account().stalled
    clock.pass_(1)
    watch.beat()
    assert account().stalled


def test_a_stalled_run_is_killed_where_asked_for(make: Make, clock: Clock) -> None:
    killed: list[int] = []
    watch = make(kill=killed.append, kill_stalled=True)
    clock.pass_(PATIENCE["starting"] + 1)
    watch.beat()
    assert killed == [1]
    assert account().outcome == "failed"
    assert "kill_stalled" in account().message


def test_a_laptop_that_slept_has_not_stalled(clock: Clock) -> None:
    timer = Clock()
    watch = Watch(run_path("toy"), "toy", clock=clock, timer=timer)
    clock.pass_(10 * 3600)
    watch.beat()
    assert not account().stalled


def test_heartbeats_come_from_a_thread_while_the_main_one_is_busy(clock: Clock) -> None:
    watch, over, beaten = Watch(run_path("toy"), "toy", clock=clock), threading.Event(), threading.Event()
    told = watch.beat

    def beat() -> None:
        clock.pass_(BEAT)
        told()
        beaten.set()

    watch.beat = beat  # type: ignore[method-assign]
    before = account().heartbeat
    with beating(watch, over, every=0.001):
        assert beaten.wait(20)
    assert account().heartbeat > before
    assert over.is_set() and threading.active_count() == len(
        [thread for thread in threading.enumerate() if thread.name != "heartbeat"]
    )


class TestStanding:
    run = Run(subject="toy", pid=1, process_started=0, host="h", started=0, heartbeat=1000, progressed=1000)

    @pytest.mark.parametrize(
        ("changes", "now", "lives", "expected"),
        [
            ({}, 1010, True, "running"),
            ({}, 1010, None, "running"),
            ({}, 1010, False, "killed"),
            ({"stalled": True}, 1010, True, "stalled"),
            ({"stalled": True}, 1010, False, "killed"),
            ({}, 1000 + SILENT + 1, True, "silent"),
            ({}, 1000 + SILENT + 1, None, "silent"),
            ({"outcome": "completed"}, 9999, False, "completed"),
            ({"outcome": "failed"}, 9999, False, "failed"),
            ({"outcome": "stopped"}, 9999, True, "stopped"),
        ],
    )
    def test_of_what_is_known(
        self, changes: dict[str, object], now: float, lives: bool | None, expected: str
    ) -> None:
        assert standing(replace(self.run, **changes), now, lives) == expected


def test_a_process_is_known_by_its_id_and_its_start(make: Make) -> None:
    run = make().run
    assert alive(run) is True
    assert alive(replace(run, process_started=run.process_started - 3600)) is False  # the id, used again
    assert alive(replace(run, host="another machine")) is None


def test_a_killed_process_is_told_apart_from_one_that_ended(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom bluebook.params import Local\nfrom bluebook.runs import watching\n"
        "with watching('toy', Local()):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert done.returncode < 0
    run = account()
    assert (run.outcome, alive(run)) == ("running", False)
    assert standing(run, run.heartbeat, alive(run)) == "killed"


@pytest.mark.parametrize(
    ("raised", "outcome", "message"),
    [
        (None, "completed", ""),
        (BluebookError("no room\nmore"), "failed", "no room"),
        (ValueError(), "failed", "ValueError"),
        (Stopped("stopped after step 3 of 9"), "stopped", "stopped after step 3 of 9"),
        (KeyboardInterrupt(), "stopped", ""),
    ],
)
def test_the_end_is_told_as_it_was(raised: BaseException | None, outcome: str, message: str) -> None:
    try:
        with watching("toy", Local()):
            assert account().outcome == "running"
            if raised is not None:
                raise raised
    except BaseException as error:
        assert error is raised
    run = account()
    assert (run.outcome, run.message) == (outcome, message)
    assert [event.text for event in run.events if event.kind == "error"] == [message] * (outcome == "failed")
    assert steps.listeners == []


def test_the_step_log_is_heard_with_retries_and_failures() -> None:
    with pytest.raises(ValueError, match="no"), watching("toy", Local()):
        with step("2.1", "Read"):
            pass
        tries = iter([OSError("the hub is away"), None])

        def work() -> None:
            if (error := next(tries)) is not None:
                raise error

        steps.retry("loading", work, worth=lambda error: True, sleep=lambda seconds: None)
        with step("4.2", "Train") as running:
            running.say("RETRY", "out of memory; on from step 3")
            raise ValueError("no")
    run = account()
    assert [(one.number, one.outcome) for one in run.steps] == [("2.1", "complete"), ("4.2", "failed")]
    assert [event.kind for event in run.events] == ["retry", "retry", "error"]
    assert "hub is away" in run.events[0].text


def test_only_the_first_of_several_processes_keeps_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with watching("toy", Local()) as watch:
        watch.stepped(1, 0.0)
    assert read_run(run_path("toy")) is None


def test_a_disk_without_room_does_not_end_the_run(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    watch = make()
    run_path("toy").unlink()
    run_path("toy").parent.rmdir()
    run_path("toy").parent.write_text("a file where the folder was")
    for number in range(3):
        watch.event("note", str(number))
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_a_file_that_is_no_account_is_named() -> None:
    run_path("toy").parent.mkdir()
    run_path("toy").write_text(json.dumps({"pid": "x"}))
    with pytest.raises(DataError, match="train-toy"):
        read_run(run_path("toy"))


def test_a_watch_without_a_file_writes_none(tmp_path: Path) -> None:
    watch = Watch(None, "")
    watch.begin(0, 3)
    watch.stepped(1, 0.5)
    watch.beat()
    watch.end("completed")
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_gets_a_bar_and_a_pipe_gets_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with step("4.2", "Train") as running:
        running.progress(3, 3, 1.5)
    assert "PROGRESS: 3/3" in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with step("4.2", "Train") as running:
        running.progress(1, 3, 1.5)
        running.progress(3, 3, 1.25)
    told = capsys.readouterr().err
    assert "PROGRESS" not in told
    assert "3/3" in told and "loss 1.25" in told
    assert told.rstrip().splitlines()[-1].endswith("COMPLETE: Train (0:00:00)")
    assert isinstance(running, Step)


def test_an_account_that_cannot_be_read_stops_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run_path("ship").parent.mkdir(parents=True)
    run_path("ship").write_text('{"subject": "ship"}')
    with watching("ship", Local()):
        pass
    assert "ship" in capsys.readouterr().err
    found = read_run(run_path("ship"))
    assert found is not None and found.subject == "ship"
