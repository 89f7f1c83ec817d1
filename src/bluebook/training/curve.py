"""The loss curve of a run: what its points hold, and the callback that draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from transformers import TrainerCallback

from bluebook.errors import BluebookError
from bluebook.steps import Step
from bluebook.training import survival
from bluebook.training.regions import Measured
from bluebook.training.rows import Row, measure
from bluebook.training.trainer import Trainer

LOG_EVERY = 10  # steps to a point
DIGITS = 6  # of a loss; what follows depends on the batch's shape


class LossPoint(msgspec.Struct, kw_only=True):
    """A point of the loss curve, in nats a supervised token; `loss` is the mean since the last point, and
    `grad_norm` the largest norm of a gradient since then, before clipping.

    `objective` is what the optimiser lowered: `loss` with the weights of regions, plus the weighted syntax
    `penalty`. `regions` has a loss and an accuracy for each region, null for one without a token since the last
    point. `quality` is that of the practice exam after this step.
    """

    step: int
    epoch: float
    loss: float
    objective: float
    accuracy: float
    penalty: float
    learning_rate: float
    regions: dict[str, float | None]
    grad_norm: float | None = None
    eval_loss: float | None = None
    quality: float | None = None

    def row(self) -> dict[str, Any]:
        """The point with its regions beside the rest and the same keys as every other: `dvc plots` draws only such
        points, so what was not measured says null."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {**found.pop("regions"), **found}


class Recorder(TrainerCallback):  # type: ignore[misc]
    """Keeps the loss curve, measures the validation loss after each epoch, and tells how far the run is."""

    def __init__(self, trainer: Trainer, validation: Sequence[Row], running: Step) -> None:
        self.trainer = trainer
        self.validation = validation
        self.running = running
        self.points: dict[int, dict[str, Any]] = {}
        self.last: float | None = None
        self.measured: Measured | None = None  # on the validation rows, last

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.running.begun_at = state.global_step  # of a run that goes on, what cost no time here

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.running.progress(state.global_step, state.max_steps, self.last)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_log = True  # so that the validation loss has a training loss beside it
        self.measure()
        if self.measured is not None:
            self.points.setdefault(state.global_step, {})["eval_loss"] = round(self.measured.loss, DIGITS)

    def measure(self) -> None:
        """Measure the weights as they are now."""
        self.measured = validated(self.trainer, self.validation)

    def note_quality(self, step: int, quality: float) -> None:
        self.points.setdefault(step, {})["quality"] = quality

    def qualities(self) -> list[tuple[int, float]]:
        """Steps and what a practice exam found after them."""
        return [(at, point["quality"]) for at, point in sorted(self.points.items()) if "quality" in point]

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        if logs is None or "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise BluebookError(
                f"training diverged: the loss is {logs['loss']} at step {state.global_step}. Lower "
                f"learning_rate and matrix_learning_rate, or lengthen warmup_share"
            )
        self.last = logs["token_loss"]
        told = {
            f"{kind}/{name}": logs.get(f"{key}/{name}")
            for name in self.trainer.policy.regions
            for kind, key in (("loss", "nll"), ("accuracy", "accuracy"))
        }
        self.points.setdefault(state.global_step, {}).update(
            epoch=round(state.epoch, 4),
            loss=round(logs["token_loss"], DIGITS),
            objective=round(logs["loss"], DIGITS),
            accuracy=round(logs["token_accuracy"], DIGITS),
            penalty=round(logs["penalty"], DIGITS),
            learning_rate=logs["learning_rate"],
            regions={name: None if value is None else round(value, DIGITS) for name, value in told.items()},
            grad_norm=self.trainer.take_norm(),
        )

    def remember(self) -> dict[str, Any]:
        """What a checkpoint must hold so that a resumed run draws the same curve."""
        return {
            "points": {str(at): point for at, point in self.points.items()},
            "last": self.last,
            "norm": float(self.trainer.largest_norm),
            "sums": self.trainer.tally.sums.tolist(),
            "measured": msgspec.to_builtins(self.measured),
        }

    def recall(self, remembered: dict[str, Any]) -> None:
        self.points = {int(at): point for at, point in remembered["points"].items()}
        self.last = remembered["last"]
        self.trainer.largest_norm = remembered["norm"]
        self.trainer.tally.load(remembered["sums"])
        self.measured = msgspec.convert(remembered["measured"], Measured | None)

    def eval_loss(self, step: int) -> float | None:
        return self.points.get(step, {}).get("eval_loss")

    def curve(self) -> list[LossPoint]:
        return [
            msgspec.convert({"step": at, **point}, LossPoint)
            for at, point in sorted(self.points.items())
            if "loss" in point
        ]


def validated(trainer: Trainer, rows: Sequence[Row]) -> Measured | None:
    """Losses on `rows`, with half the rows at once for as long as they do not fit the device."""
    while True:
        size = trainer.args.per_device_eval_batch_size
        try:
            return measure(trainer, rows, size)
        except RuntimeError as error:
            if size == 1 or not survival.out_of_memory(error):
                raise
        trainer.args.per_device_eval_batch_size = size // 2
