"""Stages of a curriculum: which rows come when, and that a trainer takes them so."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook import artifacts, params
from bluebook.errors import DataError, ParamsError, Stopped
from bluebook.params import StageParams
from bluebook.records import DatasetRow, read_jsonl, write_jsonl
from bluebook.training.batching import epoch_order, split
from bluebook.training.control import StopRequest
from bluebook.training.curriculum import Known, Plan, StageBatches, make_plan, outcomes, read_plan
from bluebook.training.train import Trained, train
from bluebook.training.trainer import Trainer
from tests.training.conftest import LOCAL, SETTINGS, dataset

ORIGINS = ("record", "lesson", "generated")
CONSTRUCTS = ("loop", "branch", "event")


def stage(name: str, epochs: int = 1, **more: Any) -> StageParams:
    return StageParams(name=name, epochs=epochs, **more)


ALL = stage("all")
ROWS = [
    Known("a", "lesson", frozenset({"loop"}), 10),
    Known("b", "record", frozenset({"loop", "branch"}), 20),
    Known("c", "record", frozenset(), 30),
]

knowns = st.lists(
    st.builds(
        Known,
        st.uuids().map(str),
        st.sampled_from(ORIGINS),
        st.frozensets(st.sampled_from(CONSTRUCTS)),
        st.integers(1, 300),
    ),
    min_size=1,
    max_size=60,
)
choices: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    origin=st.none() | st.lists(st.sampled_from(ORIGINS), min_size=1),
    max_tokens=st.none() | st.integers(1, 300),
    epochs=st.integers(1, 3),
    replay=st.floats(0, 1),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    rows = draw(knowns)
    stages = [stage(f"s{at}", **choice) for at, choice in enumerate(draw(st.lists(choices, max_size=3)))]
    taking = [
        s
        for s in stages
        if any((not s.origin or r.origin in s.origin) and r.tokens <= (s.max_tokens or 999) for r in rows)
    ]
    last = stage("all", draw(st.integers(1, 2)))
    batch, seed = draw(st.integers(1, 9)), draw(st.integers(0, 3))
    return make_plan(rows, [*taking, last], batch=batch, seed=seed)


class TestOrder:
    @given(plans())
    def test_an_epoch_has_every_row_of_its_stage_once_and_the_share_of_earlier_ones(self, plan: Plan) -> None:
        before: set[int] = set()
        epoch = 0
        for part in plan.stages:
            assert set(part.earlier) == before - set(part.own)
            for _ in range(part.epochs):
                order = plan.order(epoch)
                assert plan.stage_of(epoch) is part and len(order) == part.rows == len(set(order))
                assert set(part.own) <= set(order)
                assert len(set(order) & set(part.earlier)) == part.replayed == len(order) - len(part.own)
                assert order == plan.order(epoch)
                epoch += 1
            before.update(part.own)
        assert epoch == plan.epochs and before == set(range(len(plan.lengths)))

    @given(plans())
    def test_every_step_has_its_place(self, plan: Plan) -> None:
        places = [(epoch, step) for epoch in range(plan.epochs) for step in range(plan.steps(epoch))]
        assert [plan.place(step) for step in range(len(places))] == places
        assert plan.place(len(places)) == (plan.epochs, 0)

    @given(knowns, st.integers(1, 9), st.integers(0, 5))
    def test_one_stage_of_all_rows_is_no_curriculum(self, rows: list[Known], batch: int, seed: int) -> None:
        plan = make_plan(rows, [stage("all", 3)], batch=batch, seed=seed)
        lengths = [row.tokens for row in rows]
        for epoch in range(3):
            assert plan.order(epoch) == epoch_order(lengths, batch, seed=seed, epoch=epoch)

    def test_other_rows_are_repeated_in_another_epoch(self) -> None:
        rows = [Known(str(at), ORIGINS[at % 2], frozenset(), 9) for at in range(80)]
        stages = [stage("one", origin=["record"]), stage("two", 2, origin=["lesson"], replay=0.25)]
        plan = make_plan(rows, stages, batch=8, seed=1)
        repeated = [set(plan.order(epoch)) - set(plan.stages[1].own) for epoch in (1, 2)]
        assert [len(rows) for rows in repeated] == [10, 10] and repeated[0] != repeated[1]

    def test_a_stage_takes_what_fits_all_that_it_says(self) -> None:
        def own(**says: Any) -> list[int]:
            return make_plan(ROWS, [stage("x", **says), ALL], batch=2, seed=1).stages[0].own

        assert own(origin=["record", "generated"]) == [1, 2]
        assert own(constructs=["loop"]) == [0, 2]  # a row without constructs has none beyond these
        assert own(any_of=["branch", "loop"]) == [0, 1]
        assert own(max_tokens=20) == [0, 1]
        assert own(max_tokens=20, origin=["record"]) == [1]

    def test_a_stage_without_epochs_is_left_out_and_so_are_its_rows(self) -> None:
        stages = [
            stage("looped", 2, any_of=["loop"]),
            stage("rest", 0),
            stage("again", any_of=["loop"], replay=1.0),
        ]
        plan = make_plan(ROWS, stages, batch=2, seed=1)
        assert plan.epochs == 3 and plan.steps(2) == 1
        assert [sorted(plan.order(epoch)) for epoch in range(3)] == [[0, 1]] * 3
        assert plan.place(3) == (3, 0)
        assert "rest" in plan.left_out and "(1 rows)" in plan.left_out and "looped" not in plan.left_out
        found = outcomes(plan, [(1, 3.0), (2, 2.0), (3, 1.0)])
        assert [(s.name, s.epochs, s.steps, s.loss) for s in found] == [
            ("looped", 2, 2, 2.0),
            ("rest", 0, 0, None),
            ("again", 1, 1, 1.0),
        ]

    def test_where_no_stage_is_left_out_nothing_is_said(self) -> None:
        assert make_plan(ROWS, [ALL], batch=2, seed=1).left_out == ""

    def test_the_sampler_knows_only_its_epoch(self) -> None:
        plan = make_plan(ROWS, [stage("x", max_tokens=20), ALL], batch=2, seed=1)
        batches = StageBatches(plan)
        batches.set_epoch(1)
        assert list(batches) == plan.order(1) and len(batches) == 3
        batches.set_epoch(0)
        assert list(batches) == plan.order(0) and len(batches) == 2


class TestErrors:
    def test_a_row_that_no_stage_takes(self) -> None:
        with pytest.raises(
            ParamsError, match=r"no stage takes 1 of the 3 training rows, such as c .*30 tokens"
        ):
            make_plan(ROWS, [stage("short", max_tokens=20)], batch=2, seed=1)

    def test_a_stage_that_takes_no_row(self) -> None:
        with pytest.raises(ParamsError, match="stage 'made': takes none of the 3"):
            make_plan(ROWS, [stage("made", origin=["generated"]), ALL], batch=2, seed=1)

    def test_a_curriculum_of_nothing_but_stages_that_are_left_out(self) -> None:
        with pytest.raises(ParamsError, match="0 epochs"):
            make_plan(ROWS, [stage("all", 0)], batch=2, seed=1)

    @pytest.mark.parametrize("key", ["constructs", "any_of"])
    def test_a_construct_that_no_row_has(self, key: str) -> None:
        with pytest.raises(
            ParamsError, match=rf"stage 'x'\.{key}: no row .* 'brunch'; did you mean 'branch'"
        ):
            make_plan(ROWS, [stage("x", **{key: ["loop", "brunch"]}), ALL], batch=2, seed=1)

    def test_two_stages_of_one_name(self) -> None:
        with pytest.raises(ParamsError, match="stage 'all': there are two"):
            make_plan(ROWS, [ALL, ALL], batch=2, seed=1)

    @pytest.mark.parametrize(
        "wrong", [{"epochs": -1}, {"replay": 1.5}, {"origin": ["lessons"]}, {"tokens": 9}]
    )
    def test_a_value_that_cannot_be(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ParamsError, match=next(iter(wrong))):
            params.convert({"name": "x", "epochs": 1, **wrong}, StageParams, "params.yaml")

    def test_a_dataset_that_does_not_say_where_its_rows_come_from(self, base: Path, tmp_path: Path) -> None:
        file = dataset(base, tmp_path, rows=2) / "train.jsonl"
        rows = list(read_jsonl(file, DatasetRow))
        rows[1].origin = None
        write_jsonl(file, rows)
        with pytest.raises(DataError, match=r"train.jsonl:2: row e0001 .* export it again"):
            read_plan(file, STAGED, 1)


def test_outcomes_are_those_of_the_steps_that_were_made() -> None:
    plan = make_plan(ROWS, [stage("short", 2, max_tokens=20), ALL, stage("again")], batch=2, seed=1)
    found = outcomes(plan, [(1, 3.0), (2, 2.0), (3, 1.0)])
    assert [(s.name, s.rows, s.steps, s.loss) for s in found] == [
        ("short", 2, 2, 2.0),
        ("all", 3, 1, 1.0),
        ("again", 3, 0, None),
    ]


# Runs of a toy

STAGES = [stage("lessons", 2, origin=["lesson"]), stage("rest", origin=["record"], replay=0.5)]
STAGED = msgspec.structs.replace(SETTINGS, curriculum=STAGES)
LESSONS, COUNT = 10, 36  # 2 epochs of 10 rows are 2 · 2 steps; 26 + 5 rows are 4


def staged(base: Path, folder: Path) -> Path:
    """A dataset whose first rows are lessons."""
    file = dataset(base, folder, rows=COUNT) / "train.jsonl"
    rows = list(read_jsonl(file, DatasetRow))
    for at, row in enumerate(rows):
        row.origin = "lesson" if at < LESSONS else "record"
    write_jsonl(file, rows)
    return folder


def run(base: Path, folder: Path, **changes: Any) -> Trained:
    """A run; with the same `folder`, the same run again."""
    data = folder / "data"
    if not data.exists():
        staged(base, data)
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    settings = changes.pop("settings", STAGED)
    return train(
        data,
        base,
        out,
        settings,
        seed=7,
        local=changes.pop("local", LOCAL),
        checkpoints=folder / "checkpoints",
        **changes,
    )


class Seen:
    """The rows of every step, as the trainer got them; asks for a stop within the given one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stop_within: int = 0) -> None:
        self.steps: dict[int, list[tuple[int, ...]]] = {}
        self.request = StopRequest()
        whole = Trainer.training_step

        def training_step(trainer: Trainer, model: Any, inputs: Any, *more: Any) -> Any:
            at = trainer.state.global_step + 1
            rows = [tuple(features["input_ids"].tolist()) for features, _ in split(inputs)]
            self.steps.setdefault(at, []).extend(rows)
            self.request.requested |= at == stop_within
            return whole(trainer, model, inputs, *more)

        monkeypatch.setattr(Trainer, "training_step", training_step)


def test_stages_are_trained_in_order_and_a_stop_changes_nothing(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        seen = Seen(patched)
        straight = run(base, tmp_path / "straight")
    plan = read_plan(tmp_path / "straight/data/train.jsonl", STAGED, 7)
    asked = [
        plan.order(epoch)[at : at + 8] for epoch in range(3) for at in range(0, len(plan.order(epoch)), 8)
    ]
    of_row: dict[tuple[int, ...], int] = {}
    for step, rows in zip(asked, seen.steps.values(), strict=True):
        of_row |= dict(zip(rows, step, strict=True))
    assert len(of_row) == COUNT  # each row of the plan is one text, and every row was seen
    assert [[of_row[row] for row in rows] for rows in seen.steps.values()] == asked

    metrics = straight.metrics
    assert (metrics.steps, metrics.epochs, metrics.stop_early) == (8, 3.0, None)
    assert [(s.name, s.rows, s.replayed, s.epochs, s.steps) for s in metrics.stages] == [
        ("lessons", 10, 0, 2, 4),
        ("rest", 26, 5, 1, 4),
    ]
    by_step = {point.step: point for point in straight.curve}
    assert [s.loss for s in metrics.stages] == [by_step[4].loss, by_step[8].loss]
    assert [by_step[at].epoch for at in (2, 4, 8)] == [1.0, 2.0, 3.0]
    assert by_step[8].learning_rate < 0.1 * by_step[2].learning_rate  # one schedule over all stages

    for at in (3, 4, 6):  # within an epoch of the first stage, between the two, within the second
        folder = tmp_path / str(at)
        with monkeypatch.context() as patched, pytest.raises(Stopped):
            run(base, folder, stop=Seen(patched, at).request)
        with monkeypatch.context() as patched:
            rest = Seen(patched)
            assert run(base, folder) == straight
        assert rest.steps == {step: rows for step, rows in seen.steps.items() if step > at}
        assert artifacts.sha256(folder / "out") == artifacts.sha256(tmp_path / "straight/out")


def test_what_a_device_holds_at_once_changes_no_step(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    for size in (8, 4):
        with monkeypatch.context() as patched:
            seen = Seen(patched)
            made = run(base, tmp_path, local=msgspec.structs.replace(LOCAL, per_device_batch=size))
        assert made.metrics.steps == 8
        steps.append({at: Counter(rows) for at, rows in seen.steps.items()})
    assert steps[0] == steps[1]


def test_one_stage_of_all_rows_trains_the_same_bytes_as_none(base: Path, tmp_path: Path) -> None:
    whole = msgspec.structs.replace(SETTINGS, curriculum=[stage("all", int(SETTINGS.epochs))])
    found = [run(base, tmp_path / name, settings=s) for name, s in (("none", SETTINGS), ("one", whole))]
    assert found[0].curve == found[1].curve
    assert artifacts.sha256(tmp_path / "none/out") == artifacts.sha256(tmp_path / "one/out")
