"""What a training run tells of itself while it runs: `logs/train-S.json`, for whoever watches.

The run writes, others only read, so looking never disturbs it. Three clocks must not be mixed up:

- the *heartbeat* is written every minute by a thread of its own, however long a step takes: the process lives;
- *progress* is a step, a phase or an evaluation that ended: the work goes on. Without it for longer than its
  phase may take the run is stalled, which is told and, unless `local.yaml` says `kill_stalled: true`, no more:
  the first step of a large model has taken over an hour and a half, and was healthy;
- the *outcome* is written when everything is in its place, the adapter and its metrics too. A process that was
  killed cannot write one; it is known by its id and its start time, because ids are used again.

Nothing here enters an output.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Literal

import msgspec
import psutil

from bluebook import steps
from bluebook.artifacts import write_json
from bluebook.errors import DataError
from bluebook.params import Local

Phase = Literal["starting", "model loading", "first step", "training", "evaluation", "saving"]
Outcome = Literal["running", "completed", "failed", "stopped"]
Standing = Literal["running", "stalled", "silent", "killed", "completed", "failed", "stopped"]

BEAT = 60.0  # seconds between heartbeats
SILENT = 3 * BEAT  # without a heartbeat for so long the process is frozen, or its machine is off
WRITE = 1.0  # seconds between writes for mere steps
EVENTS = 20  # kept; the newest
TIMINGS = 10  # runs whose durations are kept for the next one's estimate
# Seconds without progress after which a phase is stalled. Loading and the first step of a 70B model from a slow
# disk have taken hours; a step of training has a measure of its own, see `patience`.
PATIENCE: dict[Phase, float] = {
    "starting": 3600,
    "model loading": 10800,
    "first step": 10800,
    "training": 600,
    "evaluation": 3600,
    "saving": 3600,
}
SLOW_STEPS = 20  # usual steps that one step may take
START_DRIFT = 5.0  # seconds by which two readings of a process's start may differ when clocks are set
# Which phase a numbered step is; the trainer's callbacks tell the phases within 4.2.
_PHASES: dict[str, Phase] = {"2": "starting", "3": "model loading", "4": "model loading", "5": "saving"}
_OPTIMISER_STEP = "optimiser step"
_TOLD = {"RETRY": "retry", "NOTE": "note"}


class Event(msgspec.Struct, kw_only=True):
    """Something a reader should know: an error, a retry, a stall, a note. `at` in seconds since 1970."""

    at: float
    kind: str
    text: str


class Numbered(msgspec.Struct, kw_only=True):
    """A step of the numbered step log; `seconds` and `outcome` once it has ended."""

    number: str
    title: str
    seconds: float | None = None
    outcome: str | None = None


class Run(msgspec.Struct, kw_only=True):
    """`logs/train-S.json`. Times are seconds since 1970, durations seconds, losses nats a supervised token."""

    subject: str
    pid: int
    process_started: float
    host: str
    started: float
    heartbeat: float
    progressed: float  # when something last ended
    phase: Phase = "starting"
    outcome: Outcome = "running"
    ended: float | None = None
    message: str = ""  # how it failed
    stalled: bool = False
    step: int = 0
    total: int = 0
    begun_at: int = 0  # the step that a resumed run went on from
    epoch: float = 0.0
    loss: float | None = None
    eval_loss: float | None = None
    regions: dict[str, float] = {}  # loss by region
    learning_rate: float | None = None
    grad_norm: float | None = None
    tokens_per_second: float | None = None
    supervised_per_second: float | None = None
    peak_memory: int | None = None  # bytes, of the device's allocator or of the process
    step_seconds: float | None = None  # the mean of this run, or of earlier ones before its second step
    remaining: float | None = None  # seconds, as of `progressed`
    steps: list[Numbered] = []
    coming: list[Numbered] = []  # with what they took before, on average
    events: list[Event] = []
    timings: dict[str, list[float]] = {}  # of earlier runs, by step


def run_path(subject: str) -> Path:
    return steps.LOG.parent / f"train-{subject}.json"


def read_run(path: Path) -> Run | None:
    """The run that last wrote here, or None. Raises DataError where the file is not one of these."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(raw, type=Run)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(path, None, f"not a run's own account: {error}; delete it") from error


def patience(run: Run) -> float:
    """Seconds that the run's phase may take without progress."""
    usual = PATIENCE[run.phase]
    return max(usual, SLOW_STEPS * (run.step_seconds or 0.0)) if run.phase == "training" else usual


def standing(run: Run, now: float, alive: bool | None) -> Standing:
    """How a run stands; `alive` is None where its process is on another machine and cannot be asked."""
    if run.outcome != "running":
        return run.outcome
    if alive is False:
        return "killed"
    if now - run.heartbeat > SILENT:
        return "silent"
    return "stalled" if run.stalled else "running"


def alive(run: Run) -> bool | None:
    """Whether the very process of the run still lives; None where it is another machine's."""
    if run.host != socket.gethostname():
        return None
    try:
        process = psutil.Process(run.pid)
        same = abs(process.create_time() - run.process_started) < START_DRIFT
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _earlier(file: Path) -> Run | None:
    """The last run's account, where it can be read: what another version wrote must not stop this run."""
    try:
        return read_run(file)
    except DataError as error:
        print(f"warning: {error}", file=sys.stderr)
        return None


class Watch:
    """Keeps a run's account. Made by `watching`; every method may be called from any thread."""

    def __init__(
        self,
        file: Path | None,
        subject: str,
        *,
        kill_stalled: bool = False,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        kill: Callable[[int], object] = os._exit,
    ) -> None:
        """`clock` tells the time, `timer` measures durations and stands still while a laptop sleeps."""
        self.file = file
        self.kill_stalled = kill_stalled
        self._clock, self._timer, self._kill = clock, timer, kill
        self._lock = threading.RLock()
        earlier = None if file is None else _earlier(file)
        now = clock()
        self.run = Run(
            subject=subject,
            pid=os.getpid(),
            process_started=psutil.Process().create_time(),
            host=socket.gethostname(),
            started=now,
            heartbeat=now,
            progressed=now,
            timings={} if earlier is None else earlier.timings,
            coming=[] if earlier is None else _expected(earlier),
        )
        self._written = self._progress = timer()
        self._step_began: dict[str, float] = {}
        self._first_step: tuple[int, float] | None = None
        self._write()

    def phase(self, phase: Phase) -> None:
        with self._lock:
            if phase != self.run.phase:
                self.run.phase = phase
                self._progressed(write=True)

    def heard(self, number: str, word: str, text: str) -> None:
        """A line of the step log."""
        with self._lock:
            if word == "STARTING":
                self._step_began[number] = self._timer()
                self.run.steps.append(Numbered(number=number, title=text))
                self.run.coming = [step for step in self.run.coming if step.number != number]
                self.phase(_PHASES.get(number[:1], self.run.phase))
            elif word in {"COMPLETE", "FAILED", "STOPPED"}:
                for step in self.run.steps:
                    if step.number == number and step.outcome is None:
                        step.seconds = round(self._timer() - self._step_began[number], 3)
                        step.outcome = word.lower()
            elif word in _TOLD:
                self.event(_TOLD[word], text)
            else:
                return
            self._progressed(write=True)

    def event(self, kind: str, text: str) -> None:
        with self._lock:
            self.run.events = [*self.run.events, Event(at=self._clock(), kind=kind, text=text)][-EVENTS:]
            self._write()

    def begin(self, step: int, total: int) -> None:
        """The training loop begins, or goes on from `step`."""
        with self._lock:
            self.run.step = self.run.begun_at = step
            self.run.total = total
            self.run.step_seconds = _mean(self.run.timings.get(_OPTIMISER_STEP))
            self._first_step = None
            self.run.phase = "first step"
            self._estimate()
            self._progressed(write=True)

    def stepped(self, step: int, epoch: float) -> None:
        """An optimiser step has ended."""
        with self._lock:
            self.run.step, self.run.epoch = step, round(epoch, 4)
            now = self._timer()
            if self._first_step is None:  # it warms caches up, so it is not what the others take
                self._first_step = (step, now)
            elif step > self._first_step[0]:
                self.run.step_seconds = (now - self._first_step[1]) / (step - self._first_step[0])
            changed = self.run.phase != "training"
            self.run.phase = "training"
            self._estimate()
            self._progressed(write=changed or now - self._written >= WRITE)

    def measured(self, **values: object) -> None:
        """New values of the run's fields, such as `loss` and `tokens_per_second`; None leaves one as it is."""
        with self._lock:
            for name, value in values.items():
                if value is not None:
                    setattr(self.run, name, value)
            self._progressed(write=True)

    def beat(self) -> None:
        """A sign of life; told, and where asked for killed, when the work stands still."""
        with self._lock:
            still = self._timer() - self._progress
            if still > patience(self.run) and not self.run.stalled and self.run.outcome == "running":
                self.run.stalled = True
                told = f"no progress for {still / 60:.0f} minutes in phase {self.run.phase!r}"
                print(f"STALLED: {told}", file=sys.stderr, flush=True)
                self.event("stall", told)
                if self.kill_stalled:
                    self.end("failed", f"{told}; killed, as local.yaml says (kill_stalled)")
                    self._kill(1)
            self._write()

    def end(self, outcome: Outcome, message: str = "") -> None:
        with self._lock:
            run = self.run
            run.outcome, run.message, run.ended = outcome, message, self._clock()
            if outcome == "completed":
                run.stalled, run.remaining, run.coming = False, None, []
                for step in run.steps:
                    if step.seconds is not None:
                        self._keep(step.number, step.seconds)
                if run.step > run.begun_at and run.step_seconds is not None:
                    self._keep(_OPTIMISER_STEP, run.step_seconds)
            self._write()

    def _keep(self, name: str, seconds: float) -> None:
        self.run.timings[name] = [*self.run.timings.get(name, []), seconds][-TIMINGS:]

    def _progressed(self, *, write: bool) -> None:
        write = write or self.run.stalled  # that it goes on again is news
        self.run.progressed, self.run.stalled = self._clock(), False
        self._progress = self._timer()
        if write:
            self._write()

    def _estimate(self) -> None:
        if self.run.step_seconds is not None:
            after = sum(step.seconds or 0.0 for step in self.run.coming)
            self.run.remaining = self.run.step_seconds * (self.run.total - self.run.step) + after

    def _write(self) -> None:
        self.run.heartbeat = self._clock()
        self._written = self._timer()
        if self.file is None:
            return
        try:
            write_json(self.file, self.run)
        except OSError as error:  # the account is not worth the run that it is about
            print(f"{self.file}: cannot be written any more: {error}", file=sys.stderr, flush=True)
            self.file = None


def _mean(seconds: list[float] | None) -> float | None:
    return fmean(seconds) if seconds else None


def _expected(earlier: Run) -> list[Numbered]:
    """The steps that the earlier run took or was still to take, with their mean durations."""
    plan = {step.number: step.title for step in [*earlier.steps, *earlier.coming]}
    return [
        Numbered(number=number, title=title, seconds=_mean(earlier.timings.get(number)))
        for number, title in plan.items()
    ]


@contextmanager
def watching(subject: str, local: Local) -> Iterator[Watch]:
    """Keep the account of the training that runs within: heartbeat, step log, and how it ends.

    Enclose everything, the writing of metrics too: what ends without an exception has completed. Of several
    processes only the first keeps it.
    """
    first = os.environ.get("RANK", "0") == "0"
    watch = Watch(run_path(subject) if first else None, subject, kill_stalled=local.kill_stalled)
    over = threading.Event()
    with beating(watch, over):
        try:
            yield watch
        except Exception as error:
            text = (str(error).strip() or type(error).__name__).splitlines()[0]
            watch.event("error", text)
            watch.end("failed", text)
            raise
        except BaseException as ending:  # a stop, an interrupt: somebody's wish, no failure
            watch.end("stopped", str(ending))
            raise
        watch.end("completed")


@contextmanager
def beating(watch: Watch, over: threading.Event, every: float = BEAT) -> Iterator[None]:
    """Heartbeats from a thread until the block ends, and the step log's lines for the watch."""

    def beat() -> None:
        while not over.wait(every):
            watch.beat()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    steps.listeners.append(watch.heard)
    thread.start()
    try:
        yield
    finally:
        steps.listeners.remove(watch.heard)
        over.set()
        thread.join()
