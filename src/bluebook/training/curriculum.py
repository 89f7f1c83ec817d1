"""What is learned first: stages in declared order, each with its own rows, epochs and repetition of what came before.

A stage takes the rows that fit what it says of them. A row may be in several stages; the last one usually takes them
all. Into each epoch of a later stage comes a share of the rows that only earlier stages had, drawn anew every time,
so that what was learned is not forgotten.

Which rows an epoch has, and in which order, follows from the plan, the seed and the number of the epoch and from
nothing else. So a run that goes on after a stop needs no more than its step to know where it is. The epochs of all
stages count on from one another, and the learning rate falls over all of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from torch.utils.data import Sampler

from bluebook.errors import DataError, ParamsError
from bluebook.params import StageParams, TrainParams
from bluebook.records import DatasetRow, read_numbered
from bluebook.training.batching import epoch_order


class Known(NamedTuple):
    """What a stage can ask of a row. `tokens`: prompt and completion."""

    id: str
    origin: str
    constructs: frozenset[str]
    tokens: int


class Stage(NamedTuple):
    """Rows by their place in the dataset: `own`, and the `earlier` ones of which each epoch repeats `replayed`."""

    name: str
    own: list[int]
    earlier: list[int]
    replayed: int
    epochs: int

    @property
    def rows(self) -> int:
        """How many rows each of its epochs has."""
        return len(self.own) + self.replayed


class Plan(NamedTuple):
    """The stages of a run and what decides the order of their rows. `lengths` are those of all rows, in tokens."""

    stages: list[Stage]
    lengths: list[int]
    batch: int
    seed: int

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    @property
    def left_out(self) -> str:
        """Which stages have no epoch, and how many rows are in them and nowhere else; "" where none is left out."""
        skipped = [stage for stage in self.stages if not stage.epochs]
        trained = {row for stage in self.stages if stage.epochs for row in stage.own}
        told = [f"{stage.name} ({len(set(stage.own) - trained)} rows)" for stage in skipped]
        return f"left out by the curriculum: {', '.join(told)}" if told else ""

    def stage_of(self, epoch: int) -> Stage:
        """The stage of an epoch, counted from 0 over the whole run."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage
            epoch -= stage.epochs
        raise IndexError(f"the plan has {self.epochs} epochs")

    def order(self, epoch: int) -> list[int]:
        """The rows of an epoch; each `batch` of them is a step's."""
        stage = self.stage_of(epoch)
        replayed = random.Random(f"{self.seed}/replay/{epoch}").sample(stage.earlier, stage.replayed)
        rows = [*stage.own, *sorted(replayed)]
        lengths = [self.lengths[row] for row in rows]
        return [rows[at] for at in epoch_order(lengths, self.batch, seed=self.seed, epoch=epoch)]

    def steps(self, epoch: int) -> int:
        return -(-self.stage_of(epoch).rows // self.batch)

    def place(self, step: int) -> tuple[int, int]:
        """The epoch that goes on after so many steps of the run, and how many of its own are made."""
        for epoch in range(self.epochs):
            if step < (steps := self.steps(epoch)):
                return epoch, step
            step -= steps
        return self.epochs, 0


class StageBatches(Sampler[int]):  # type: ignore[misc]
    """A plan as a trainer takes it. It keeps no state but the epoch."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.plan.stage_of(self.epoch).rows

    def __iter__(self) -> Iterator[int]:
        return iter(self.plan.order(self.epoch))


class Staged:
    """Epochs of different lengths; comes before the trainer among a class's bases. `batches` None: as ever.

    The Trainer works with one length for all epochs in three places: when it counts the steps, when it finds its place
    again from the number of the step, and when it runs an epoch.
    """

    args: Any
    state: Any
    batches: StageBatches | None = None

    def set_initial_training_values(self, args: Any, dataloader: Any) -> tuple[Any, ...]:
        found: tuple[Any, ...] = super().set_initial_training_values(args, dataloader)  # type: ignore[misc]
        if self.batches is None:
            return found
        _, per_epoch, examples, _, at_once, in_epoch, _ = found
        epochs = range(self.batches.plan.epochs)
        rows = sum(self.batches.plan.stage_of(epoch).rows for epoch in epochs)
        return (
            len(epochs),
            per_epoch,
            examples,
            rows,
            at_once,
            in_epoch,
            sum(self._portions(dataloader, epoch)[1] for epoch in epochs),
        )

    def _init_training_state(
        self, max_steps: int, per_epoch: int, epochs: int, resumed: Any, trial: Any
    ) -> tuple[int, int]:
        found: tuple[int, int] = super()._init_training_state(max_steps, per_epoch, epochs, resumed, trial)  # type: ignore[misc]
        if self.batches is None:
            return found
        epoch, steps = self.batches.plan.place(self.state.global_step)
        return epoch, steps * self.args.gradient_accumulation_steps

    def _run_epoch(self, **named: Any) -> Any:
        if self.batches is not None:
            portions, steps = self._portions(named["train_dataloader"], named["epoch"])
            named |= {"steps_in_epoch": portions, "num_update_steps_per_epoch": steps}
        return super()._run_epoch(**named)  # type: ignore[misc]

    def _portions(self, dataloader: Any, epoch: int) -> tuple[int, int]:
        """How many batches of the device an epoch has, and how many steps those are."""
        assert self.batches is not None
        self.batches.set_epoch(epoch)
        return len(dataloader), self.batches.plan.steps(epoch)


class StageOutcome(msgspec.Struct, kw_only=True):
    """In `train.json`: what a stage was and came to. `rows` and `replayed` are those of each of its epochs; `steps`
    those that were made, and `loss` that of the curve's last point among them, in nats a token (or null)."""

    name: str
    rows: int
    replayed: int
    epochs: int
    steps: int
    loss: float | None


def outcomes(plan: Plan, curve: Sequence[tuple[int, float]]) -> list[StageOutcome]:
    """What the stages came to in a run with this curve of (step, loss)."""
    made, begin, epoch, found = curve[-1][0], 0, 0, []
    for stage in plan.stages:
        end = begin + (stage.epochs * plan.steps(epoch) if stage.epochs else 0)
        losses = [loss for at, loss in curve if begin < at <= end]
        found.append(
            StageOutcome(
                name=stage.name,
                rows=len(stage.own),
                replayed=stage.replayed,
                epochs=stage.epochs,
                steps=max(0, min(made, end) - begin),
                loss=losses[-1] if losses else None,
            )
        )
        begin, epoch = end, epoch + stage.epochs
    return found


def read_plan(file: Path, settings: TrainParams, seed: int) -> Plan:
    """The plan for the rows of a dataset file. Raises DataError for a row that does not say where it comes from, and
    what `make_plan` raises."""
    rows = []
    for number, row in read_numbered(file, DatasetRow):
        if row.origin is None:
            raise DataError(
                file,
                number,
                f"row {row.id} does not say where it comes from, which a curriculum asks; export it again",
            )
        tokens = row.tokens.prompt + row.tokens.completion
        rows.append(Known(row.id, row.origin, frozenset(row.constructs), tokens))
    return make_plan(rows, settings.curriculum, batch=settings.batch, seed=seed)


def make_plan(rows: Sequence[Known], stages: Sequence[StageParams], *, batch: int, seed: int) -> Plan:
    """Raises ParamsError for stages that cannot be meant: two of one name, a construct that no row has, a stage that
    takes no row, a row that no stage takes."""
    _require_known(rows, stages)
    made: list[Stage] = []
    named: set[int] = set()  # rows that some stage takes, one that is left out too
    trained: set[int] = set()
    for stage in stages:
        own = [at for at, row in enumerate(rows) if takes(stage, row)]
        if not own:
            raise ParamsError(f"{_key(stage)}: takes none of the {len(rows)} training rows")
        earlier = sorted(trained.difference(own))
        made.append(Stage(stage.name, own, earlier, round(stage.replay * len(earlier)), stage.epochs))
        named.update(own)
        if stage.epochs:
            trained.update(own)
    if not trained:
        raise ParamsError("train.curriculum: every stage has 0 epochs, so nothing is trained")
    if left := [row for at, row in enumerate(rows) if at not in named]:
        first = left[0]
        raise ParamsError(
            f"train.curriculum: no stage takes {len(left)} of the {len(rows)} training rows, such as {first.id} "
            f"(origin {first.origin}, constructs {', '.join(sorted(first.constructs)) or 'none'}, "
            f"{first.tokens} tokens). Add a last stage that takes every row, or widen one"
        )
    return Plan(made, [row.tokens for row in rows], batch, seed)


def takes(stage: StageParams, row: Known) -> bool:
    """Whether a row fits all that a stage says; what it does not say fits every row."""
    return (
        (stage.origin is None or row.origin in stage.origin)
        and (stage.constructs is None or row.constructs <= set(stage.constructs))
        and (stage.any_of is None or not row.constructs.isdisjoint(stage.any_of))
        and (stage.max_tokens is None or row.tokens <= stage.max_tokens)
    )


def _require_known(rows: Iterable[Known], stages: Sequence[StageParams]) -> None:
    names: set[str] = set()
    known = {construct for row in rows for construct in row.constructs}
    for stage in stages:
        if stage.name in names:
            raise ParamsError(f"{_key(stage)}: there are two stages of this name")
        names.add(stage.name)
        for key, wanted in (("constructs", stage.constructs), ("any_of", stage.any_of)):
            for unknown in sorted(set(wanted or ()) - known):
                near = get_close_matches(unknown, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ParamsError(f"{_key(stage)}.{key}: no row of the dataset has {unknown!r}{hint}")


def _key(stage: StageParams) -> str:
    return f"train.curriculum: stage {stage.name!r}"
