"""A training that goes on after a stop, a kill or a full device, to the same result.

transformers' Trainer saves weights, optimiser, schedule and random numbers, and on resuming skips the batches
that were seen. Three things it leaves out decide whether the result is the same, and are kept here beside its
files:

- The order of an epoch's rows is drawn from the global generator when the epoch begins; resumed in the middle,
  it would draw another. So the random state of the epoch's begin is saved and put back before the draw.
- The loss since the last point of the curve, and the curve itself.
- What the preflight measured: it passed for this very run, and is not repeated.

After loading, a sum over the trainable weights is compared with the saved one: the Trainer only warns where names
in a checkpoint do not fit, and would go on with weights that were never loaded.
"""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import torch
from accelerate.utils.memory import should_reduce_batch_size
from safetensors import SafetensorError
from transformers import TrainerCallback

from bluebook import artifacts
from bluebook.errors import BluebookError, Stopped
from bluebook.params import Local
from bluebook.steps import Step
from bluebook.training import processes
from bluebook.training.checkpoints import KEPT, Checkpoint, Store
from bluebook.training.control import StopRequest
from bluebook.training.practice import Practice
from bluebook.training.preflight import Findings

PROGRESS = "progress.json"
EPOCH = "epoch"  # the folder with the random state of the epoch's begin
SAFE_MODULUS = (1 << 61) - 1


class Passed(msgspec.Struct, kw_only=True, frozen=True):
    """What was measured before the first step. Loss in nats a supervised token."""

    findings: Findings
    validation_loss: float | None

    @property
    def summary(self) -> str:
        return f"first loss {self.findings.first_loss}, {self.findings.supervised_tokens} supervised tokens"


class Progress(msgspec.Struct, kw_only=True):
    """`progress.json`: what the trainer's own files do not hold."""

    passed: Passed
    recorder: dict[str, Any]
    loss_since_point: float  # summed over the steps since the last point of the curve
    last_point: int
    weights: int
    fitted: int | None  # rows on the device at once, where that was found by running out of memory


class Recorder(Protocol):
    """What collects along the way. Everything that a later log point needs must be in `remember`."""

    measured: Any  # on the validation rows, last

    def measure(self) -> None: ...

    def remember(self) -> dict[str, Any]: ...

    def recall(self, remembered: dict[str, Any]) -> None: ...

    def curve(self) -> list[Any]: ...


class RandomState(NamedTuple):
    """Python's, numpy's and torch's generators, on every device."""

    python: Any
    numpy: Any
    cpu: torch.Tensor
    cuda: list[torch.Tensor]

    @classmethod
    def now(cls) -> RandomState:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return cls(random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda)

    def restore(self) -> None:
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.cpu)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)


class Keeper(TrainerCallback):  # type: ignore[misc]
    """Saves checkpoints when it is time, and puts back on resuming what the Trainer does not.

    Must come after the recorder among the callbacks: what that adds at an epoch's end belongs into a checkpoint
    of the epoch's end. On a stop it saves and raises Stopped.
    """

    def __init__(
        self,
        trainer: Any,
        recorder: Recorder,
        *,
        store: Store,
        passed: Passed,
        stop: StopRequest,
        local: Local,
        practice: Practice | None = None,
    ) -> None:
        self.trainer = trainer
        self.recorder = recorder
        self.store = store
        self.passed = passed
        self.stop = stop
        self.local = local
        self.practice = practice
        self.resumed: Checkpoint | None = None
        self.fitted: int | None = None
        self.saved_at = (0, time.monotonic())
        self.within_optimizer = False
        self.loss_before = torch.tensor(0.0)
        self.tally_before = trainer.tally.sums.clone()
        self.epoch_began = self.step_ended = RandomState.now()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.stop.at_once = False
        self.saved_at = (state.global_step, time.monotonic())
        if self.resumed is None:
            return
        progress = read_progress(self.resumed)
        if weights_sum(self.trainer.model) != progress.weights:
            raise BluebookError(
                f"{self.resumed.folder}: the weights were not loaded as they were saved; this model cannot be gone "
                f"on with. Delete {self.store.folder} and start again"
            )
        self.recorder.recall(progress.recorder)
        if self.practice is not None:
            self.practice.load(self.resumed.folder)
        self.trainer._tr_loss.fill_(progress.loss_since_point)
        self.trainer._globalstep_last_logged = progress.last_point

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.resumed is not None:
            between_epochs = float(state.epoch).is_integer()
            folder = self.resumed.folder if between_epochs else self.resumed.folder / EPOCH
            self.trainer._load_rng_state(str(folder))
            self.resumed = None
        self.epoch_began = self.step_ended = RandomState.now()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not float(state.epoch).is_integer():
            # Of the first step after going on within an epoch: the Trainer has only now put its state back.
            self.step_ended = RandomState.now()
        self.loss_before = self.trainer._tr_loss.clone()
        self.tally_before = self.trainer.tally.sums.clone()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.within_optimizer = True

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.within_optimizer = False

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.step_ended = RandomState.now()
        if not float(state.epoch).is_integer():  # else at the epoch's end, with what is measured there
            control.should_save = self._due(state, control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.step_ended = RandomState.now()
        control.should_save = self._due(state, control)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._publish(state)
        if self.stop.requested:
            raise Stopped(f"stopped after step {state.global_step} of {state.max_steps}; it is saved")

    def save_now(self) -> Checkpoint:
        """A checkpoint of the last whole step, from outside the loop, after a later step has failed."""
        if self.within_optimizer:
            raise BluebookError(
                "out of memory while the optimiser made its step, which a smaller batch on the device does not "
                "change. Use method lora, a smaller base, or a device with more memory"
            )
        # The failed step may have got through some of its batches: neither their loss nor their draws count.
        self.trainer._tr_loss.copy_(self.loss_before)
        self.trainer.tally.sums.copy_(self.tally_before)
        self.step_ended.restore()
        self.trainer._save_checkpoint(self.trainer.model, None)
        return self._publish(self.trainer.state)

    def _due(self, state: Any, control: Any) -> bool:
        # The result itself comes next.
        if state.global_step >= state.max_steps or control.should_training_stop:
            return False
        step, at = self.saved_at
        steps, seconds = self.local.checkpoint_steps, 60 * self.local.checkpoint_minutes
        due = (
            self.stop.requested
            or (steps > 0 and state.global_step - step >= steps)
            or (seconds > 0 and time.monotonic() - at >= seconds)
        )
        # After a loss that is not a number there is nothing worth going on from. Asked last: it waits for the device.
        return due and math.isfinite(self.trainer._tr_loss.item())

    def _publish(self, state: Any) -> Checkpoint:
        written = self.store.staging / f"checkpoint-{state.global_step}"
        (written / EPOCH).mkdir()
        self.epoch_began.restore()
        self.trainer._save_rng_state(str(written / EPOCH))
        self.step_ended.restore()
        progress = Progress(
            passed=self.passed,
            recorder=self.recorder.remember(),
            loss_since_point=self.trainer._tr_loss.item(),
            last_point=self.trainer._globalstep_last_logged,
            weights=weights_sum(self.trainer.model),
            fitted=self.fitted,
        )
        artifacts.write_json(written / PROGRESS, progress)
        if self.practice is not None:
            self.practice.save(written)
        made = self.store.publish(written, state.global_step, state.max_steps)
        self.saved_at = (state.global_step, time.monotonic())
        return made


def read_progress(checkpoint: Checkpoint) -> Progress:
    return msgspec.json.decode((checkpoint.folder / PROGRESS).read_bytes(), type=Progress)


def weights_sum(model: torch.nn.Module) -> int:
    """A sum over the bits of all trainable weights, exact on any device, that differs where they do."""
    total = 0
    for weight in model.parameters():
        if weight.requires_grad:
            kind = {2: torch.int16, 4: torch.int32, 8: torch.int64}.get(weight.element_size(), torch.uint8)
            bits = weight.detach().contiguous().view(kind).sum(dtype=torch.int64).item()
            total = (total * 1_000_003 + int(bits)) % SAFE_MODULUS
    return total


def checkpoint_bytes(model: torch.nn.Module) -> int:
    """About what one checkpoint takes: trained weights and two values of the optimiser for each."""
    return sum(3 * w.numel() * w.element_size() for w in model.parameters() if w.requires_grad)


def require_space(model: torch.nn.Module, store: Store, local: Local) -> None:
    """Raise BluebookError now rather than at the first checkpoint of a long run. What is there already is paid for."""
    if local.checkpoint_minutes or local.checkpoint_steps:
        more = KEPT + 1 - min(KEPT, len(store.written()))
        artifacts.require_space(store.folder, more * checkpoint_bytes(model))


def out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the CPU's allocator, had no room for a batch."""
    return isinstance(error, torch.OutOfMemoryError) or should_reduce_batch_size(error)


def fitting(local: Local, resumed: Checkpoint | None) -> Local:
    """`local` with no more rows on the device at once than an earlier process of this run found to fit."""
    fitted = read_progress(resumed).fitted if resumed else None
    if fitted is None or 0 < local.per_device_batch <= fitted:
        return local
    return msgspec.structs.replace(local, per_device_batch=fitted)


def smaller(size: int, batch: int) -> int | None:
    """The largest divisor of `batch` up to half of `size`; None below one row."""
    return next((half for half in range(size // 2, 0, -1) if batch % half == 0), None)


@contextmanager
def told_when_full(path: Path, needed: int) -> Iterator[None]:
    """A full disk as a BluebookError that names the path and the bytes needed."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if artifacts.disk_full(error):
            raise artifacts.full_disk(path, needed) from error
        raise


def train_to_end(
    trainer: Any,
    *,
    with_size: Callable[[int], Any],
    keeper_for: Callable[[Any], Keeper],
    resumed: Checkpoint | None,
    batch: int,
    running: Step,
) -> Keeper:
    """Run the training to its last step, from a checkpoint where there is one; the keeper of the trainer that did.

    Where a batch does not fit the device, goes on from the last whole step with half the rows at once. With one
    row that is a BluebookError. `with_size` makes a trainer of the same model with so many rows at once.
    """
    fitted = read_progress(resumed).fitted if resumed else None
    while True:
        keeper = keeper_for(trainer)
        keeper.resumed, keeper.fitted = resumed, fitted
        trainer.add_callback(keeper.recorder)
        if keeper.practice is not None:
            trainer.add_callback(keeper.practice)
        trainer.add_callback(keeper)
        size = trainer.args.per_device_train_batch_size
        try:
            with told_when_full(keeper.store.folder, checkpoint_bytes(trainer.model)):
                trainer.train(resume_from_checkpoint=str(resumed.folder) if resumed else None)
            break
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            if processes.count() > 1:
                raise BluebookError(
                    f"out of memory in one of {processes.count()} processes with {size} rows on its device. Set "
                    f"per_device_batch in local.yaml to less"
                ) from error
            fitted = smaller(size, batch)
            if fitted is None:
                raise BluebookError(
                    "out of memory with one row on the device. Use method lora, a smaller base, a smaller "
                    "export.max_tokens, or a device with more memory"
                ) from error
        # Outside of `except`, whose traceback holds what filled the device.
        keeper.fitted = fitted
        with told_when_full(keeper.store.folder, checkpoint_bytes(trainer.model)):
            resumed = keeper.save_now()
        running.say(
            "RETRY",
            f"out of memory with {size} rows on the device at once; on from step {resumed.manifest.step} with "
            f"{fitted} and {batch // fitted} such batches a step",
        )
        release(trainer)
        trainer = with_size(fitted)
    if fitted is not None:
        running.say(
            "NOTE", f"to begin with what fits this device, put `per_device_batch: {fitted}` into local.yaml"
        )
    return keeper


def release(trainer: Any) -> None:
    """Free what a trainer holds on the device beside the model; it cannot be used afterwards."""
    trainer.model.zero_grad(set_to_none=True)
    trainer.optimizer.state.clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
