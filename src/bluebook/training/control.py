"""Who trains a subject now, and how that process is told to stop.

A training holds a lock on `logs/train-S.lock`, with its process id in the file. The kernel drops the lock when
the process ends, however it ends: no file left by a killed run can claim that one is running, and no signal
goes to a stranger that was given the same process id. It also keeps two trainings of one subject apart.

SIGTERM and a first Ctrl-C ask for a stop. Between optimiser steps the training itself looks for it; before the
first step there is nothing to save and it ends where it is. A second Ctrl-C ends the process at once, which
costs the steps since the last checkpoint, as any kill does.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from bluebook.errors import BluebookError, Stopped

LOGS = Path("logs")


class StopRequest:
    """Whether someone asked for a stop. With `at_once` the asking itself ends the run, by raising Stopped."""

    def __init__(self) -> None:
        self.requested = False
        self.at_once = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        self.requested = True
        if self.at_once:
            raise Stopped("stopped before the first step; there is nothing to go on from")
        # Not print: the signal may have come in the middle of one, which Python refuses.
        os.write(2, b"stopping after this step; a second Ctrl-C ends at once and loses what is not saved\n")


def lock_path(subject: str) -> Path:
    return LOGS / f"train-{subject}.lock"


@contextmanager
def controlled(subject: str) -> Iterator[StopRequest]:
    """Hold the subject's lock and turn signals into a request, in the main thread of the training process.

    Raises BluebookError where another process trains this subject.
    """
    stop = StopRequest()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, stop.ask) for number in numbers]
    try:
        with _opened(lock_path(subject)) as lock:
            if not _taken(lock):
                raise BluebookError(
                    f"{subject} is being trained already, by process {_holder(lock)}; watch it, or stop it with "
                    f"`bluebook train stop {subject}`"
                )
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def request_stop(subject: str) -> int | None:
    """Ask the training of `subject` to stop; its process id, or None where none runs."""
    with _opened(lock_path(subject)) as lock:
        if _taken(lock):
            return None
        holder = _holder(lock)
    try:
        os.kill(holder, signal.SIGTERM)
    except ProcessLookupError:  # it has ended in this very moment
        return None
    return holder


def wait_until_ended(subject: str) -> None:
    """Return when no process trains `subject` any more."""
    with _opened(lock_path(subject)) as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)


def _opened(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+")


def _taken(lock: IO[str]) -> bool:
    """Whether the lock is ours now. lockf, not flock: a data loader's forked workers must not inherit it."""
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder(lock: IO[str]) -> int:
    lock.seek(0)
    text = lock.read().strip()
    if not text.isdigit():
        raise BluebookError(f"{lock.name}: the training has only just started; try again")
    return int(text)
