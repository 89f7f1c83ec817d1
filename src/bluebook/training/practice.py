"""A small exam every few steps of a training: when to stop, and which weights to keep, by what the model writes.

The loss says how surprised the model is by each right token after all the right ones before it. What people get is
what it writes by itself, and that can get better while the loss stands still, or worse while it falls. So every
`every` steps the model answers some validation rows, which it never trains on, and its answers are held against the
references. No subject judges here, or a change to a grader would make every training stale: `quality` compares words.

The weights kept are those of the best measurement, the earliest of equals. A model that cannot write anything yet is
not one that has stopped improving, so patience begins with the first quality above zero.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from bluebook.errors import BluebookError, ParamsError
from bluebook.families import Family
from bluebook.generation import content, context, greedy, stop_id
from bluebook.params import StopEarlyParams
from bluebook.runs import Watch
from bluebook.training.rows import Row

BEST = "best.safetensors"  # of a checkpoint: the trained weights at the best measurement
DIGITS = 6
LEAST = 16  # tokens that an answer may have, however short its reference
WORDS = re.compile(r"\w+|[^\w\s]|\n")

Why = Literal["target", "patience", "end"]


class StopEarly(msgspec.Struct, kw_only=True, frozen=True):
    """In `train.json`: the best measurement, whose weights are the result, and why training ended when it did."""

    measurements: int
    best_step: int
    quality: float
    why: Why

    @property
    def summary(self) -> str:
        return f"the weights of step {self.best_step}, quality {self.quality}, of {self.measurements} measurements"


def quality(reference: str, text: str) -> float:
    """How near `text` comes to `reference`, between 0 and 1 (the same text).

    The share of words, signs and line ends that both have in the same order: twice their number over the number in
    both texts, with the blocks of Ratcliff and Obershelp as Python's difflib finds them.
    """
    if text == reference:
        return 1.0
    matcher = SequenceMatcher(None, WORDS.findall(reference), WORDS.findall(text), autojunk=False)
    return matcher.ratio()


class Item(NamedTuple):
    """A row as a question. `limit`: tokens that the answer may have; one of twice the reference's is never near it."""

    prompt: list[int]
    reference: str
    limit: int


class Exam(NamedTuple):
    items: list[Item]
    tokenizer: PreTrainedTokenizerBase
    family: Family
    batch: int  # items answered at once

    def measure(self, model: PreTrainedModel) -> float:
        """The mean quality of the model's answers; an answer that does not end counts as 0.

        Draws no random number and leaves the model in the mode it was in. Asks half as many at once for as long as
        they do not fit the device.
        """
        batch = self.batch
        while True:
            try:
                return self._replace(batch=batch)._measure(model)
            except (RuntimeError, BluebookError) as error:
                if batch == 1 or not isinstance(error.__cause__ or error, torch.OutOfMemoryError):
                    raise
            batch = -(-batch // 2)

    def _measure(self, model: PreTrainedModel) -> float:
        was_training, stop = model.training, stop_id(self.tokenizer, self.family)
        model.eval()
        prompts, limits = [item.prompt for item in self.items], [item.limit for item in self.items]
        written = greedy(model, prompts, limits, stop=stop, at_once=self.batch)
        total = sum(
            quality(item.reference, content(self.tokenizer, self.family, tokens))
            for item, tokens in zip(self.items, written, strict=True)
            if tokens[-1] == stop
        )
        model.train(was_training)
        return round(total / len(self.items), DIGITS)


def choose(rows: Sequence[Row], count: int, room: int) -> list[Item]:
    """Up to `count` rows as items, the same ones whatever else there is, longest prompt first.

    `room` is how many tokens the model holds. Raises ParamsError where no row leaves room for its own answer.
    """
    order = sorted((hashlib.sha256(row.id.encode()).digest(), at) for at, row in enumerate(rows))
    items: list[Item] = []
    for _, at in order:
        row = rows[at]
        limit = min(max(2 * len(row.completion), LEAST), room - len(row.prompt))
        if limit >= len(row.completion) and len(items) < count:
            items.append(Item(row.prompt, row.content, limit))
    if not items:
        raise ParamsError(
            "train.stop_early: there is no validation row to ask; raise compose.validation_share, or set every: 0"
        )
    return sorted(items, key=lambda item: -len(item.prompt))


def best(history: Sequence[tuple[int, float]]) -> tuple[int, float]:
    """The step and quality of the best of at least one measurement, the earliest of equals."""
    return max(history, key=lambda measured: (measured[1], -measured[0]))


def finished(history: Sequence[tuple[int, float]], settings: StopEarlyParams) -> Why | None:
    """Why a training with these measurements (step, quality) is to stop, if it is."""
    step, found = best(history)
    if found >= settings.target:
        return "target"
    since = sum(at > step for at, _ in history)
    return "patience" if found > 0 and since >= settings.patience else None


class Recorder(Protocol):
    """Where the measurements are kept, in checkpoints too."""

    def note_quality(self, step: int, quality: float) -> None: ...

    def qualities(self) -> list[tuple[int, float]]: ...


class Practice(TrainerCallback):  # type: ignore[misc]
    """Measures, keeps the best weights, and ends the training when it is `finished`.

    Must come after the recorder among the callbacks and before what saves checkpoints. Measures after the last step
    too, so that the last weights are among those to choose from.
    """

    def __init__(
        self, trainer: Any, recorder: Recorder, exam: Exam, settings: StopEarlyParams, watch: Watch
    ) -> None:
        self.trainer = trainer
        self.recorder = recorder
        self.exam = exam
        self.settings = settings
        self.watch = watch
        self.kept: dict[str, torch.Tensor] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % self.settings.every and state.global_step < state.max_steps:
            return
        self.watch.phase("evaluation")
        with torch.autocast(args.device.type, dtype=torch.bfloat16, enabled=args.bf16):
            found = self.exam.measure(self.trainer.model)
        self.recorder.note_quality(state.global_step, found)
        self.watch.phase("training")
        history = self.recorder.qualities()
        if best(history)[0] == state.global_step:
            self.kept = {
                name: weight.detach().to("cpu", copy=True)
                for name, weight in trained(self.trainer.model).items()
            }
        control.should_log = True  # so that the quality has a loss beside it
        control.should_training_stop |= finished(history, self.settings) is not None

    def save(self, folder: Path) -> None:
        """Put the best weights so far into a checkpoint's folder."""
        if self.kept:
            save_file(self.kept, folder / BEST)

    def load(self, folder: Path) -> None:
        self.kept = load_file(folder / BEST) if (folder / BEST).exists() else {}

    def end(self) -> StopEarly:
        """Give the model the best weights, after training; which they are."""
        with torch.no_grad():
            for name, weight in trained(self.trainer.model).items():
                weight.copy_(self.kept[name])
        history = self.recorder.qualities()
        step, found = best(history)
        return StopEarly(
            measurements=len(history),
            best_step=step,
            quality=found,
            why=finished(history, self.settings) or "end",
        )


def trained(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights that training changes, by name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def exam_for(
    trainer: Any, validation: Sequence[Row], family: Family, settings: StopEarlyParams, batch: int
) -> Exam | None:
    """The exam for a trainer's model, where one is asked for; `batch` items are answered at once.

    Raises BluebookError where the processes each hold a part of the model.
    """
    if not settings.every:
        return None
    if str(trainer.accelerator.distributed_type) in {"DistributedType.FSDP", "DistributedType.DEEPSPEED"}:
        raise BluebookError(
            "train.stop_early: a model that is spread over processes cannot be asked during training; set every: 0"
        )
    items = choose(validation, settings.items, context(trainer.model))
    return Exam(items, trainer.processing_class, family, batch)
