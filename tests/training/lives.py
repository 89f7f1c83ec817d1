"""Trainings in processes of their own that kill themselves, as `kill -9` would, at a counted moment.

A moment is an optimiser step that has just been made, or anything that Python does to a file below the checkpoints:
opening, making, renaming, removing. So a kill may fall between any two files of a checkpoint, and the same number
is the same moment in every run.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from bluebook.artifacts import atomic_folder, write_json
from bluebook.params import Local, TrainParams
from bluebook.stage import run
from bluebook.training import control
from bluebook.training.train import train

FILE_EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}


class Life(msgspec.Struct, kw_only=True):
    """One training process. `moment` is when it ends; 0 lets it live, and writes how many there were."""

    dataset: str
    base: str
    checkpoints: str
    out: str
    settings: TrainParams
    local: Local
    moment: int = 0
    ending: int = signal.SIGKILL


class _Moments:
    def __init__(self, below: str, end: int, ending: int) -> None:
        self.below, self.end, self.ending, self.count = below, end, ending, 0

    def event(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in FILE_EVENTS and arguments and str(arguments[0]).startswith(self.below):
            self.tick()

    def tick(self, *_: Any) -> None:
        self.count += 1
        if self.count == self.end:
            os.kill(os.getpid(), self.ending)


def live(life: Life) -> None:
    torch.set_num_threads(1)
    control.LOGS = Path(
        life.out
    ).parent  # bases name their weights relative to the working folder, so that stays
    moments = _Moments(life.checkpoints, life.moment, life.ending)
    sys.addaudithook(moments.event)
    register_optimizer_step_post_hook(moments.tick)
    sys.argv = ["train.py"]  # the frame of every stage, which reads them
    run(partial(_train, life))
    (Path(life.out).parent / "moments").write_text(str(moments.count))


def _train(life: Life) -> None:
    with control.controlled("toy") as stop, atomic_folder(Path(life.out)) as out:
        trained = train(
            Path(life.dataset),
            Path(life.base),
            out,
            life.settings,
            seed=7,
            local=life.local,
            checkpoints=Path(life.checkpoints),
            stop=stop,
        )
        write_json(out / "loss.json", trained.curve)
        write_json(out / "train.json", trained.metrics)


def process(life: Life) -> multiprocessing.process.BaseProcess:
    """A started process that leads this life. All are forked from one that has imported everything and run nothing:
    torch cannot go on in the fork of a process that has trained."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.lives"])
    started = context.Process(target=live, args=(life,))
    started.start()
    return started
