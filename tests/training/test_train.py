from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from bluebook import artifacts
from bluebook.errors import BluebookError, DataError, GateError, ParamsError
from bluebook.families import family_named
from bluebook.models import base_manifest, load_model, load_tokenizer
from bluebook.training.rows import length_batches, mean_loss, read_rows
from bluebook.training.train import require_pass, train
from tests.training.conftest import LOCAL, LORA, SETTINGS, Ready, dataset

FULL: dict[str, Any] = {}


@pytest.mark.parametrize("architecture", ["qwen3", "llama"])
@pytest.mark.parametrize("method", [FULL, LORA], ids=["full", "lora"])
def test_training_learns_and_the_adapter_comes_back_exactly(
    bases: Callable[[str], Path], tmp_path: Path, architecture: str, method: dict[str, Any]
) -> None:
    base, data, out = bases(architecture), dataset(bases(architecture), tmp_path / "data"), tmp_path / "out"
    settings = msgspec.structs.replace(SETTINGS, **method)
    out.mkdir()
    trained = train(data, base, out, settings, seed=7, local=LOCAL)
    metrics = trained.metrics
    assert metrics.base_validation_loss is not None and metrics.validation_loss is not None
    assert metrics.validation_loss < 0.75 * metrics.base_validation_loss
    assert metrics.steps == 3 * 48 // settings.batch == trained.curve[-1].step
    assert [point.epoch for point in trained.curve if point.eval_loss is not None] == [1.0, 2.0, 3.0]
    assert trained.curve[-1].loss < trained.curve[0].loss

    # Loaded again, it has the very loss that was measured in memory.
    model, tokenizer = load_model(base, out, LOCAL), load_tokenizer(base)
    total, tokens = 0.0, 0
    for row in read_rows(data / "validation.jsonl", tokenizer, family_named(base_manifest(base).family)):
        ids = torch.tensor([row.prompt + row.completion])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, len(row.prompt) - 1 : -1].float()
        total += float(
            torch.nn.functional.cross_entropy(logits, torch.tensor(row.completion), reduction="sum")
        )
        tokens += len(row.completion)
    assert total / tokens == pytest.approx(metrics.validation_loss, abs=1e-4)
    assert (out / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    assert str(tmp_path) not in "".join(file.read_text("utf-8", "replace") for file in out.glob("*.json"))


def test_two_runs_are_the_same_bytes(base: Path, tmp_path: Path) -> None:
    data = dataset(base, tmp_path / "data", rows=24)
    settings = msgspec.structs.replace(SETTINGS, epochs=1)
    outs = [tmp_path / "one", tmp_path / "two"]
    for out in outs:
        out.mkdir()
    one, two = (train(data, base, out, settings, seed=7, local=LOCAL) for out in outs)
    assert artifacts.sha256(outs[0]) == artifacts.sha256(outs[1])
    assert one == two


def test_the_device_batch_does_not_change_the_result(base: Path, tmp_path: Path) -> None:
    """Accumulated gradients weigh tokens, not micro-batches, so what fits a device decides nothing."""
    data = dataset(base, tmp_path / "data", rows=32)
    settings = msgspec.structs.replace(SETTINGS, epochs=2, optimizer="adamw", learning_rate=0.003)
    losses = []
    for size in (8, 2):
        out = tmp_path / str(size)
        out.mkdir()
        local = msgspec.structs.replace(LOCAL, per_device_batch=size)
        losses.append([point.loss for point in train(data, base, out, settings, seed=7, local=local).curve])
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_a_device_batch_that_does_not_divide_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="per_device_batch 3 does not divide"):
        train(
            dataset(base, tmp_path / "data"),
            base,
            tmp_path,
            SETTINGS,
            seed=7,
            local=msgspec.structs.replace(LOCAL, per_device_batch=3),
        )


def test_rows_reach_the_trainer_whole_and_in_order(ready: Ready) -> None:
    assert [f["input_ids"] for f in ready.trainer.train_dataset] == [
        r.prompt + r.completion for r in ready.rows
    ]
    batch = ready.trainer.data_collator([row.features for row in ready.rows])
    supervised = [labels[labels != -100].tolist() for labels in batch["labels"]]
    assert supervised == [row.completion for row in ready.rows]


def test_mean_loss_counts_each_token_once(ready: Ready) -> None:
    one_by_one = mean_loss(ready.trainer, ready.rows, 1)
    assert mean_loss(ready.trainer, ready.rows, 16) == pytest.approx(one_by_one, abs=1e-5)
    assert mean_loss(ready.trainer, [], 4) is None


def test_length_batches_hold_every_row_once(ready: Ready) -> None:
    batches = list(length_batches(ready.rows, 5))
    assert sorted(row.id for batch in batches for row in batch) == sorted(row.id for row in ready.rows)
    assert all(len(batch) <= 5 for batch in batches)


def test_a_dataset_of_another_tokenizer_is_refused(bases: Callable[[str], Path], tmp_path: Path) -> None:
    data = dataset(bases("llama"), tmp_path / "data")
    with pytest.raises(DataError, match=r"train.jsonl:1: row e0000 .* export it again"):
        train(data, bases("qwen3"), tmp_path, SETTINGS, seed=7, local=LOCAL)


def test_a_run_that_diverges_stops_and_says_so(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = Ready(base, tmp_path, SETTINGS)
    from bluebook.steps import step
    from bluebook.training.curve import Recorder

    with step("0", "Diverge") as running:
        ready.trainer.add_callback(Recorder(ready.trainer, [], running))
        healthy = ready.trainer.compute_loss
        monkeypatch.setattr(ready.trainer, "compute_loss", lambda *a, **k: healthy(*a, **k) * float("nan"))
        with pytest.raises(BluebookError, match="diverged: the loss is nan at step"):
            ready.trainer.train()


class TestPassFile:
    def write(self, folder: Path, **changes: Any) -> tuple[Path, Path]:
        data = folder / "data"
        data.mkdir()
        (data / "train.jsonl").write_text("{}\n")
        pass_file = folder / "toy.json"
        found = {"subject": "toy", "passed": True, "dataset_sha256": artifacts.sha256(data), **changes}
        artifacts.write_json(pass_file, found)
        return pass_file, data

    def test_that_fits_is_accepted(self, tmp_path: Path) -> None:
        require_pass(*self.order(*self.write(tmp_path)))

    @staticmethod
    def order(pass_file: Path, data: Path) -> tuple[Path, str, Path]:
        return pass_file, "toy", data

    def test_that_is_missing(self, tmp_path: Path) -> None:
        pass_file, data = self.write(tmp_path)
        pass_file.unlink()
        with pytest.raises(GateError, match="no training without the gate"):
            require_pass(pass_file, "toy", data)

    @pytest.mark.parametrize("changes", [{"passed": False}, {"subject": "other"}])
    def test_that_did_not_pass(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        with pytest.raises(GateError, match="did not pass"):
            require_pass(*self.order(*self.write(tmp_path, **changes)))

    def test_of_a_dataset_that_changed_since(self, tmp_path: Path) -> None:
        pass_file, data = self.write(tmp_path)
        (data / "train.jsonl").write_text("{}\n{}\n")
        with pytest.raises(GateError, match="another dataset"):
            require_pass(pass_file, "toy", data)

    def test_that_is_no_pass_file(self, tmp_path: Path) -> None:
        pass_file, data = self.write(tmp_path)
        pass_file.write_text("[]")
        with pytest.raises(GateError, match="not a pass-file"):
            require_pass(pass_file, "toy", data)
