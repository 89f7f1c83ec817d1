"""From the trainer's loop to the run's account and the trackers.

The Reporter only looks: it changes no state, draws no random number and keeps nothing that a result needs, so a
run with it and one without write the same bytes.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import TrainerCallback

from bluebook.runs import Watch
from bluebook.training.batching import IGNORED
from bluebook.training.trackers import Tracker

REGION = "nll/"  # of a log's keys: the loss of one region


class Metered:
    """What a trainer counts on its way; comes before the trainer among a class's bases.

    Counts stay on the device until somebody reads them: to read after each step would wait for the device.
    """

    tokens: torch.Tensor | int = 0  # that the model read; pads are none
    supervised: torch.Tensor | int = 0
    largest_norm: torch.Tensor | float = 0.0  # of the gradient before clipping, since the last `take_norm`

    def training_step(self, model: Any, inputs: dict[str, Any], *more: Any, **named: Any) -> Any:
        mask = inputs.get("attention_mask")
        self.tokens = self.tokens + (inputs["input_ids"].numel() if mask is None else (mask != 0).sum())
        self.supervised = self.supervised + (inputs["labels"] != IGNORED).sum()
        return super().training_step(model, inputs, *more, **named)  # type: ignore[misc]

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """The Trainer asks once a step, after clipping, for the norm before it."""
        norm = super()._get_grad_norm(model, grad_norm)  # type: ignore[misc]
        found = torch.as_tensor(norm)
        largest = torch.as_tensor(self.largest_norm, dtype=found.dtype, device=found.device)
        self.largest_norm = torch.maximum(found, largest)
        return norm

    def take_norm(self) -> float:
        """The largest gradient norm since the last call, to four digits."""
        found, self.largest_norm = float(self.largest_norm), 0.0
        return float(f"{found:.4g}")


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Tells a Watch how far the loop is. `eval_loss` gives the validation loss measured at a step, if any."""

    def __init__(
        self,
        trainer: Any,
        watch: Watch,
        eval_loss: Callable[[int], float | None],
        trackers: Sequence[Tracker] = (),
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trainer = trainer
        self.watch = watch
        self.eval_loss = eval_loss
        self.trackers = trackers
        self.timer = timer
        self._counted = (timer(), 0, 0)
        self._evaluated = -1  # the last step whose validation loss was told

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.watch.begin(state.global_step, state.max_steps)
        for tracker in self.trackers:
            tracker.begin(state.global_step)
        self._counted = (self.timer(), int(self.trainer.tokens), int(self.trainer.supervised))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.watch.stepped(state.global_step, state.epoch)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.watch.phase("evaluation")

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._tell_evaluation(state)
        if self.watch.run.phase == "evaluation":
            self.watch.phase("training")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._tell_evaluation(state)
        self.watch.phase("saving")

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        if not state.is_world_process_zero or logs is None or "loss" not in logs:
            return
        speed, supervised = self._speeds()
        regions = {
            name.removeprefix(REGION): value for name, value in logs.items() if name.startswith(REGION)
        }
        self.watch.measured(
            loss=logs.get(
                "token_loss", logs["loss"]
            ),  # plain nats a token; `loss` may hold weights and a penalty
            regions=regions or None,
            learning_rate=logs.get("learning_rate"),
            grad_norm=logs.get("grad_norm"),
            tokens_per_second=speed,
            supervised_per_second=supervised,
            peak_memory=peak_memory(args.device),
        )
        values = dict(logs)
        values |= {} if speed is None else {"tokens_per_second": speed}
        for tracker in self.trackers:
            tracker.log(state.global_step, values)
        self._tell_evaluation(state)

    def _tell_evaluation(self, state: Any) -> None:
        """The validation loss of this step, once. It comes after the step's log where both fall together."""
        loss = self.eval_loss(state.global_step)
        if loss is None or state.global_step == self._evaluated or not state.is_world_process_zero:
            return
        self._evaluated = state.global_step
        self.watch.measured(eval_loss=loss)
        for tracker in self.trackers:
            tracker.log(state.global_step, {"eval_loss": loss})

    def _speeds(self) -> tuple[float | None, float | None]:
        """Tokens and supervised tokens a second since the last point, evaluations included."""
        now, tokens, supervised = self.timer(), int(self.trainer.tokens), int(self.trainer.supervised)
        before, self._counted = self._counted, (now, tokens, supervised)
        seconds = now - before[0]
        if seconds <= 0:
            return None, None
        return round((tokens - before[1]) / seconds, 1), round((supervised - before[2]) / seconds, 1)


def peak_memory(device: torch.device) -> int:
    """Bytes: the most that torch has held on a card, or the process on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
