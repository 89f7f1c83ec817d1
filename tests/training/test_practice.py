"""A practice exam during training: what it measures, when it ends a training, and which weights it keeps."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bluebook import artifacts
from bluebook.errors import ParamsError, Stopped
from bluebook.families import family_named
from bluebook.models import base_manifest, load_model, load_tokenizer
from bluebook.params import StopEarlyParams
from bluebook.training.practice import BEST, Exam, best, choose, finished, quality
from bluebook.training.rows import Row, read_rows
from bluebook.training.train import Trained, train
from tests.training.conftest import LOCAL, LORA, SETTINGS, Ready, dataset
from tests.training.lives import Life
from tests.training.test_curriculum import STAGES, Seen, staged
from tests.training.test_survival import Undisturbed, kill_and_go_on

texts = st.text("ab ().\n", max_size=30)


class TestQuality:
    @given(texts, texts)
    def test_lies_between_nothing_in_common_and_the_same_text(self, one: str, other: str) -> None:
        assert 0.0 <= quality(one, other) <= 1.0
        assert quality(one, one) == 1.0

    def test_counts_what_both_have_in_the_same_order(self) -> None:
        assert quality("the lamp is here", "the lamp is there") == pytest.approx(0.75)
        assert quality("a b c d", "d c b a") == pytest.approx(0.25)
        assert quality("one\ntwo", "one two") == pytest.approx(0.8)
        assert quality("the lamp", "") == quality("the lamp", "kettle") == 0.0


def settings(**changes: Any) -> StopEarlyParams:
    return msgspec.structs.replace(StopEarlyParams(every=2, items=8, patience=2, target=1.0), **changes)


class TestFinished:
    @pytest.mark.parametrize(
        ("qualities", "why"),
        [
            ([0.1], None),
            ([0.1, 1.0], "target"),
            ([0.3, 0.3], None),
            ([0.3, 0.3, 0.3], "patience"),
            ([0.3, 0.2, 0.4, 0.4], None),
            ([0.3, 0.2, 0.4, 0.4, 0.1], "patience"),
            ([0.0] * 9, None),  # it cannot write yet, which is no plateau
            ([0.0] * 9 + [0.1, 0.1, 0.1], "patience"),
        ],
    )
    def test_after(self, qualities: list[float], why: str | None) -> None:
        assert finished(list(enumerate(qualities, 1)), settings()) == why

    def test_a_target_below_one(self) -> None:
        assert finished([(5, 0.6)], settings(target=0.6)) == "target"

    def test_of_equals_the_earliest_is_the_best(self) -> None:
        assert best([(2, 0.1), (4, 0.7), (6, 0.7)]) == (4, 0.7)


CHOICE = [Row(f"r{at}", [1] * (at % 7 + 1), [2] * 5, f"text {at}") for at in range(40)]


class TestChoice:
    def test_does_not_hang_on_order_or_company(self) -> None:
        some = choose(CHOICE, 8, 100)
        assert choose(CHOICE[::-1], 8, 100) == some and len(some) == 8
        lengths = [len(item.prompt) for item in some]
        assert lengths == sorted(lengths, reverse=True)
        others = choose([row for row in CHOICE if row.content != some[0].reference], 8, 100)
        assert len({item.reference for item in some} - {item.reference for item in others}) == 1

    def test_leaves_out_what_the_model_cannot_hold(self) -> None:
        assert all(len(item.prompt) <= 3 for item in choose(CHOICE, 40, 8))
        with pytest.raises(ParamsError, match="no validation row to ask"):
            choose(CHOICE, 8, 5)
        with pytest.raises(ParamsError, match="validation_share"):
            choose([], 8, 100)


class TestExam:
    def test_disturbs_nothing(self, ready: Ready) -> None:
        exam = Exam(choose(ready.rows, 6, 128), ready.tokenizer, ready.family, 4)
        model = ready.trainer.model.train()
        states = (random.getstate(), torch.get_rng_state())
        assert 0.0 <= exam.measure(model) <= 1.0
        assert model.training and states[0] == random.getstate()
        assert torch.equal(states[1], torch.get_rng_state())

    def test_an_answer_that_does_not_end_counts_nothing(self, ready: Ready) -> None:
        whole = Exam(choose(ready.rows, 6, 128), ready.tokenizer, ready.family, 4)
        cut = whole._replace(items=[item._replace(limit=1) for item in whole.items])
        assert cut.measure(ready.trainer.model) == 0.0 < whole.measure(ready.trainer.model)

    def test_items_that_do_not_fit_are_asked_fewer_at_once(
        self, ready: Ready, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        exam = Exam(choose(ready.rows, 6, 128), ready.tokenizer, ready.family, 6)
        model = ready.trainer.model
        plain, ordinary = exam._replace(batch=1).measure(model), model.forward

        def small(*args: Any, input_ids: torch.Tensor, **more: Any) -> Any:
            if len(input_ids) > 2:
                raise torch.OutOfMemoryError("planted")
            return ordinary(*args, input_ids=input_ids, **more)

        monkeypatch.setattr(model, "forward", small)
        assert exam.measure(model) == pytest.approx(plain, abs=1e-3)


ROWS = 36
PRACTISED = msgspec.structs.replace(SETTINGS, stop_early=settings())


def run(base: Path, folder: Path, **changes: Any) -> Trained:
    """A run of 15 steps; with the same `folder`, the same run again."""
    data = folder / "data"
    if not data.exists():
        dataset(base, data, rows=ROWS)
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    return train(
        data,
        base,
        out,
        changes.pop("settings", PRACTISED),
        seed=7,
        local=changes.pop("local", LOCAL),
        checkpoints=folder / "checkpoints",
        **changes,
    )


class Planted:
    """Qualities that are said to have been measured, and the weights that the model had then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, qualities: list[float]) -> None:
        self.weights: list[torch.Tensor] = []
        coming: Iterator[float] = iter(qualities)

        def measure(_: Exam, model: Any) -> float:
            self.weights.append(model.model.norm.weight.detach().clone())
            return next(coming)

        monkeypatch.setattr(Exam, "measure", measure)


def kept(base: Path, folder: Path) -> torch.Tensor:
    weight: torch.Tensor = load_model(base, folder / "out", LOCAL).model.norm.weight
    return weight


def test_a_plateau_ends_the_training_and_the_best_weights_are_kept(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = Planted(monkeypatch, [0.0, 0.2, 0.5, 0.4, 0.5])
    trained = run(base, tmp_path)
    found = trained.metrics.stop_early
    assert found is not None
    assert (found.best_step, found.quality, found.measurements, found.why) == (6, 0.5, 5, "patience")
    assert trained.metrics.steps == trained.curve[-1].step == 10  # of 15
    assert trained.metrics.epochs == 2.0
    assert torch.equal(kept(base, tmp_path), planted.weights[2])
    assert not torch.equal(planted.weights[2], planted.weights[4])
    assert [(p.step, p.quality) for p in trained.curve if p.quality is not None] == [
        (2, 0.0), (4, 0.2), (6, 0.5), (8, 0.4), (10, 0.5),
    ]  # fmt: skip
    assert len({tuple(point.row()) for point in trained.curve}) == 1
    # What is said of the validation rows is said of the weights that were kept.
    assert trained.metrics.validation_loss != trained.curve[-1].eval_loss


def test_the_target_ends_it_and_the_last_step_is_measured_too(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        Planted(patched, [0.3, 1.0])
        found = run(base, tmp_path / "target").metrics
        assert found.stop_early is not None
        assert (found.stop_early.why, found.stop_early.best_step, found.steps) == ("target", 4, 4)
    with monkeypatch.context() as patched:
        Planted(patched, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
        found = run(base, tmp_path / "end").metrics
        assert found.stop_early is not None
        assert (found.stop_early.why, found.stop_early.best_step, found.steps) == ("end", 15, 15)
    off = run(base, tmp_path / "off", settings=SETTINGS)
    assert off.metrics.stop_early is None and all(point.quality is None for point in off.curve)
    assert artifacts.sha256(tmp_path / "off/out") == artifacts.sha256(tmp_path / "end/out")


@pytest.mark.parametrize("method", [{}, LORA], ids=["full", "lora"])
def test_the_kept_weights_have_the_quality_that_was_measured_and_a_stop_changes_nothing(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: dict[str, Any]
) -> None:
    mine = msgspec.structs.replace(PRACTISED, **method)
    straight = run(base, tmp_path / "straight", settings=mine)
    found = straight.metrics.stop_early
    assert found is not None
    tokenizer, family = load_tokenizer(base), family_named(base_manifest(base).family)
    validation = read_rows(tmp_path / "straight/data/validation.jsonl", tokenizer, family)
    exam = Exam(choose(validation, 8, 128), tokenizer, family, LOCAL.answer_batch)
    assert exam.measure(load_model(base, tmp_path / "straight/out", LOCAL)) == pytest.approx(
        found.quality, abs=0.02
    )

    with monkeypatch.context() as patched, pytest.raises(Stopped):
        run(base, tmp_path / "again", settings=mine, stop=Seen(patched, 5).request)
    assert list((tmp_path / "again/checkpoints").glob(f"*/step-000005/{BEST}"))
    assert run(base, tmp_path / "again", settings=mine) == straight
    assert artifacts.sha256(tmp_path / "again/out") == artifacts.sha256(tmp_path / "straight/out")


def test_two_kills_change_nothing(base: Path, tmp_path: Path) -> None:
    """With a curriculum and a practice exam, whose best weights come before the last ones."""
    stop_early = settings(every=1, patience=3)
    life = Life(
        dataset=str(staged(base, tmp_path / "data")),
        base=str(base),
        checkpoints=str(tmp_path / "once/checkpoints"),
        out=str(tmp_path / "once/out"),
        settings=msgspec.structs.replace(SETTINGS, curriculum=STAGES, stop_early=stop_early),
        local=msgspec.structs.replace(LOCAL, checkpoint_steps=2),
    )
    kill_and_go_on(Undisturbed(life), tmp_path / "killed", kills=2, seed=3)
