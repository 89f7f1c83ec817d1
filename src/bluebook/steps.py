"""The numbered step log: what a long run is doing, how far it is and how long it still takes.

    [14:30:05] [STEP 1.2] STARTING: Curate memories
    [14:30:07] [STEP 1.2] PROGRESS: 2000/4191 47.7 % elapsed 0:00:02 remaining 0:00:02
    [14:30:09] [STEP 1.2] COMPLETE: Curate memories (0:00:04) 4523 pairs

The log is for people and for `logs/steps.jsonl`; nothing of it enters an output.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from bluebook.errors import Stopped

if TYPE_CHECKING:
    from rich.progress import Progress

LOG = Path("logs/steps.jsonl")
PROGRESS_SECONDS = 2.0  # often enough to see life, seldom enough to read
RETRY_SECONDS = (30.0, 60.0, 120.0)  # a router that restarts is back within the sum of them

T = TypeVar("T")

# Called with number, word and text of every line, and of every retry (which has no number).
listeners: list[Callable[[str, str, str], None]] = []


def _span(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _speaks() -> bool:
    """Of several processes that take the same steps, the first tells about them."""
    return os.environ.get("RANK", "0") == "0"


class Step:
    """One running step. `note` adds a closing remark; `progress` says how far it is."""

    def __init__(self, number: str, title: str) -> None:
        self.number = number
        self.title = title
        self.started = time.monotonic()
        self.closing = ""
        self.begun_at = 0  # what an earlier process had done already, and cost no time here
        self._reported = self.started
        self._bar: Progress | None = None

    def say(self, word: str, text: str) -> None:
        if not _speaks():
            return
        for listener in listeners:
            listener(self.number, word, text)
        print(f"[{datetime.now():%H:%M:%S}] [STEP {self.number}] {word}: {text}", file=sys.stderr, flush=True)

    def progress(self, done: int, total: int, loss: float | None = None) -> None:
        """How far the step is: a bar on a terminal, else a line every two seconds."""
        if sys.stderr.isatty():
            self._draw(done, total, loss)
            return
        now = time.monotonic()
        if now - self._reported < PROGRESS_SECONDS and done < total:
            return
        self._reported = now
        elapsed = now - self.started
        here = done - self.begun_at
        remaining = elapsed / here * (total - done) if here > 0 else 0.0
        share = 100 * done / total if total else 100.0
        text = f"{done}/{total} {share:.1f} % elapsed {_span(elapsed)} remaining {_span(remaining)}"
        self.say("PROGRESS", text if loss is None else f"{text} loss {loss:.4f}")

    def _draw(self, done: int, total: int, loss: float | None) -> None:
        from rich.console import Console  # only people's terminals wait for it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._bar is None:
            told, left = TextColumn("{task.description}{task.fields[loss]}"), TimeRemainingColumn()
            self._bar = Progress(BarColumn(), MofNCompleteColumn(), left, told, console=Console(stderr=True))
            self._bar.add_task(self.title, total=total, completed=self.begun_at, loss="")
            self._bar.start()
        text = "" if loss is None else f", loss {loss:.4f}"
        self._bar.update(self._bar.task_ids[0], total=total, completed=done, loss=text)

    def close(self) -> None:
        """End the bar, if one was drawn, so that what is printed next stands below it."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def note(self, text: str) -> None:
        self.closing = text


@contextmanager
def step(number: str, title: str) -> Iterator[Step]:
    """Announce a step, run it, and announce how it ended and how long it took."""
    running = Step(number, title)
    running.say("STARTING", title)
    outcome = "FAILED"
    try:
        yield running
        outcome = "COMPLETE"
    except Stopped:
        outcome = "STOPPED"
        raise
    finally:
        seconds = time.monotonic() - running.started
        running.close()
        running.say(outcome, f"{title} ({_span(seconds)}) {running.closing}".rstrip())
        if _speaks():
            _append(number, title, outcome, seconds, running.closing)


def _append(number: str, title: str, outcome: str, seconds: float, closing: str) -> None:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    row = {
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "step": number,
        "title": title,
        "outcome": outcome,
        "seconds": round(seconds, 3),
        "note": closing,
    }
    with LOG.open("ab") as log:
        log.write(msgspec.json.encode(row) + b"\n")


def retry(
    what: str,
    work: Callable[[], T],
    worth: Callable[[Exception], bool],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """What `work` returns, tried again after 30, 60 and 120 seconds while its error is `worth` it.

    Each failure is told on stderr; the last error, or the first that is not worth another try, is raised.
    """
    for pause in RETRY_SECONDS:
        try:
            return work()
        except Exception as error:
            if not worth(error):
                raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            told = f"{what} failed: {reason}; again in {pause:.0f} s"
            print(told, file=sys.stderr, flush=True)
            for listener in listeners:
                listener("", "RETRY", told)
        sleep(pause)
    return work()
