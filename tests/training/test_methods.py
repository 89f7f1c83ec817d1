from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
import yaml
from safetensors import safe_open
from typer.testing import CliRunner

from bluebook import artifacts
from bluebook.cli import app
from bluebook.errors import BluebookError, ParamsError, Stopped
from bluebook.families import family_named
from bluebook.models import base_manifest, check_adapter, load_base, load_model, load_tokenizer
from bluebook.params import Local, TrainParams, convert
from bluebook.training import presets, quantisation
from bluebook.training.base import build
from bluebook.training.control import StopRequest
from bluebook.training.methods import prepare_model, recomputes
from bluebook.training.quantisation import Trial, trial
from bluebook.training.rows import mean_loss, read_rows
from bluebook.training.train import build_trainer, train
from tests.training.conftest import LOCAL, LORA, SETTINGS, base_params, dataset
from tests.training.test_survival import StopAfter

PACKED = {"packing": True}
PADDED = {"packing": False}
CUDA = Local(device="cuda")
PIN = {"optimizer": "adamw", "learning_rate": 0.003, "epochs": 3, "batch": 8}
# Loss of the first step and of the last one, in nats a token, from weights drawn with a fixed seed.
PINNED: dict[str, tuple[float, float]] = {"full": (5.987909, 3.263995), "lora": (5.987909, 4.911132)}


@pytest.fixture(scope="module")
def drawn(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base whose weights come from a seed alone: schooled ones differ by the processor that schooled them."""
    root = tmp_path_factory.mktemp("drawn")
    model = load_base(base, LOCAL)
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.copy_(torch.randn(weight.shape, generator=generator) * 0.05)
            else:
                weight.fill_(1.0)
    model.save_pretrained(root / "weights")
    load_tokenizer(base).save_pretrained(root / "weights")
    build(base_params(str(root / "weights")), [], root / "base", seed=7, local=LOCAL)
    return root / "base"


@pytest.mark.parametrize("layout", [PADDED, PACKED], ids=["padded", "packed"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_loss_is_what_it_was(drawn: Path, tmp_path: Path, method: str, layout: dict[str, bool]) -> None:
    settings = msgspec.structs.replace(SETTINGS, method=method, **PIN)
    local = msgspec.structs.replace(LOCAL, **layout)
    tokenizer, family = load_tokenizer(drawn), family_named(base_manifest(drawn).family)
    rows = read_rows(dataset(drawn, tmp_path, rows=24) / "train.jsonl", tokenizer, family)
    model = prepare_model(drawn, settings, seed=7, local=local)
    trainer = build_trainer(model, tokenizer, rows, settings, seed=7, local=local, scratch=tmp_path)
    before = mean_loss(trainer, rows, 8)
    trainer.train()
    assert (before, mean_loss(trainer, rows, 8)) == pytest.approx(PINNED[method], abs=1e-4)


def test_full_trains_every_weight_and_lora_none_of_the_base(base: Path) -> None:
    full = prepare_model(base, SETTINGS, seed=7, local=LOCAL)
    assert all(weight.requires_grad and weight.dtype == torch.float32 for weight in full.parameters())
    lora = prepare_model(base, msgspec.structs.replace(SETTINGS, **LORA), seed=7, local=LOCAL)
    assert {"lora_" in name for name, weight in lora.named_parameters() if weight.requires_grad} == {True}


class TestQlora:
    @pytest.mark.parametrize("kind", ["nf4", "int8"])
    def test_learns_and_its_adapter_answers_on_the_same_quantised_base(
        self, base: Path, tmp_path: Path, kind: str
    ) -> None:
        learns_and_comes_back(base, tmp_path, kind, LOCAL)

    @pytest.mark.gpu
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA or ROCm device")
    @pytest.mark.parametrize("kind", ["nf4", "int8"])
    def test_learns_on_a_card(self, base: Path, tmp_path: Path, kind: str) -> None:
        learns_and_comes_back(base, tmp_path, kind, CUDA)

    def test_is_refused_where_it_does_not_work(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(quantisation, "trial", lambda kind, device: Trial(False, "killed by signal 11"))
        settings = msgspec.structs.replace(SETTINGS, **{**LORA, "method": "qlora"})
        with pytest.raises(BluebookError, match="nf4 does not work on this cpu device: killed by signal 11"):
            prepare_model(base, settings, seed=7, local=LOCAL)


def learns_and_comes_back(base: Path, folder: Path, kind: str, local: Local) -> None:
    settings = msgspec.structs.replace(SETTINGS, **{**LORA, "method": "qlora", "quantisation": kind})
    data, out = dataset(base, folder / "data"), folder / "out"
    out.mkdir()
    metrics = train(data, base, out, settings, seed=7, local=local).metrics
    assert metrics.base_validation_loss is not None and metrics.validation_loss is not None
    assert metrics.validation_loss < 0.75 * metrics.base_validation_loss
    with safe_open(out / "adapter_model.safetensors", framework="pt") as adapter:
        # In bfloat16, as TRL would have it, a step of 1e-4 on a weight of 0.1 changes nothing.
        assert {str(adapter.get_tensor(name).dtype) for name in adapter.keys()} == {"torch.float32"}  # noqa: SIM118
    manifest = check_adapter(base, out)
    assert (manifest.method, manifest.quantisation) == ("qlora", kind)

    model, tokenizer = load_model(base, out, local), load_tokenizer(base)
    held = {"nf4": torch.uint8, "int8": torch.int8}[kind]
    assert held in {weight.dtype for weight in model.parameters()}
    total, tokens = 0.0, 0
    for row in read_rows(data / "validation.jsonl", tokenizer, family_named(base_manifest(base).family)):
        ids = torch.tensor([row.prompt + row.completion], device=model.device)
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, len(row.prompt) - 1 : -1].float().cpu()
        total += float(
            torch.nn.functional.cross_entropy(logits, torch.tensor(row.completion), reduction="sum")
        )
        tokens += len(row.completion)
    # int8 quantises activations row by row, so company in a batch changes nothing, but rounding does
    assert total / tokens == pytest.approx(metrics.validation_loss, abs=1e-3 if local is LOCAL else 2e-2)


class TestTrial:
    @pytest.mark.parametrize("kind", ["nf4", "int8"])
    def test_finds_that_it_works_here(self, kind: Any) -> None:
        found = trial(kind, "cpu")
        assert found.works and found.detail.startswith("results within 0.")

    def test_takes_a_crash_for_a_finding(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        package = tmp_path / "bitsandbytes"
        package.mkdir()
        (package / "__init__.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(artifacts.__file__).parents[1]}")
        assert trial("nf4", "cpu") == Trial(False, "the process was killed by signal 11")

    def test_takes_nonsense_for_a_finding(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        package = tmp_path / "bitsandbytes"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "nn.py").write_text(
            "import torch\n"
            "class Int8Params(torch.nn.Parameter):\n"
            "    def __new__(cls, data, requires_grad, has_fp16_weights):\n"
            "        return super().__new__(cls, data.flip(0), requires_grad)\n"
            "class Linear8bitLt(torch.nn.Linear):\n"
            "    def __init__(self, *size, bias, has_fp16_weights):\n"
            "        super().__init__(*size, bias=bias)\n"
        )
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(artifacts.__file__).parents[1]}")
        found = trial("int8", "cpu")
        assert not found.works and found.detail.startswith("results are off by 1.")

    def test_takes_a_hang_for_a_finding(self) -> None:
        assert trial("nf4", "cpu", seconds=0.01) == Trial(False, "no answer in 0.01 seconds")

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
    def test_says_what_is_missing(self) -> None:
        found = trial("nf4", "cuda")
        assert not found.works and found.detail


def test_activations_are_kept_where_there_is_room(base: Path) -> None:
    model = load_base(base, LOCAL)
    assert not recomputes(model, LOCAL)
    assert recomputes(model, msgspec.structs.replace(LOCAL, gradient_checkpointing=True))


class TestPresets:
    @pytest.mark.parametrize("name", presets.names())
    def test_trains(self, base: Path, tmp_path: Path, name: str) -> None:
        """With the preset's method, quantisation and optimiser, on what this machine has."""
        preset = presets.load(name)
        settings = msgspec.structs.replace(preset.params, batch=8, epochs=1, learning_rate=0.01)
        local = msgspec.structs.replace(
            preset.local,
            device="cpu",
            threads=1,
            dtype="float32",
            per_device_batch=min(8, preset.local.per_device_batch),
        )
        out = tmp_path / "out"
        out.mkdir()
        metrics = train(dataset(base, tmp_path / "data"), base, out, settings, seed=7, local=local).metrics
        assert metrics.validation_loss is not None and metrics.base_validation_loss is not None
        assert metrics.validation_loss < metrics.base_validation_loss
        assert check_adapter(base, out).method == preset.params.method

    def test_cover_the_machines(self) -> None:
        assert set(presets.names()) >= {"cpu", "card-16gb", "card-96gb-70b", "rocm-gfx906"}

    def test_are_printed_as_lines_to_copy(self) -> None:
        runner = CliRunner()
        listed = runner.invoke(app, ["train", "preset"]).stdout
        assert all(name in listed for name in presets.names())
        shown = yaml.safe_load(runner.invoke(app, ["train", "preset", "card-16gb"]).stdout)
        preset = presets.load("card-16gb")
        assert convert(shown["params"], TrainParams, "shown") == preset.params
        assert convert(shown["local"], Local, "shown") == preset.local

    def test_are_told_by_name(self) -> None:
        with pytest.raises(ParamsError, match=r"no preset 'laptop'; there is card-16gb, .*cpu"):
            presets.lines("laptop")
        assert "# params.yaml" in presets.lines("cpu") and "# local.yaml" in presets.lines("cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA or ROCm device")
class TestCard:
    def test_trains_in_bfloat16_packed_and_padded_alike(self, base: Path, tmp_path: Path) -> None:
        losses = []
        for packing in (False, True):
            out, local = tmp_path / str(packing), msgspec.structs.replace(CUDA, packing=packing)
            out.mkdir()
            settings = msgspec.structs.replace(SETTINGS, **LORA)
            trained = train(
                dataset(base, tmp_path / f"data{packing}"), base, out, settings, seed=7, local=local
            )
            losses.append(trained.metrics.validation_loss)
        assert losses[0] == pytest.approx(losses[1], rel=0.05)

    @pytest.mark.parametrize("method", ["lora", "nf4", "int8"])
    def test_goes_on_after_a_stop(
        self, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
    ) -> None:
        stopped_and_gone_on(base, tmp_path, method, CUDA, monkeypatch, within=1e-2)


def test_a_quantised_run_goes_on_after_a_stop(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_and_gone_on(base, tmp_path, "nf4", LOCAL, monkeypatch, within=1e-6)


def stopped_and_gone_on(
    base: Path, folder: Path, method: str, local: Local, monkeypatch: pytest.MonkeyPatch, *, within: float
) -> None:
    """A run that was stopped half-way and resumed has the losses of one that nobody disturbed."""
    changes = LORA if method == "lora" else {**LORA, "method": "qlora", "quantisation": method}
    settings = msgspec.structs.replace(SETTINGS, **{**changes, "epochs": 2})
    data = dataset(base, folder / "data", rows=24)

    def run(name: str, stop: StopRequest | None = None) -> list[float]:
        out = folder / f"{name}-out"
        out.mkdir(exist_ok=True)
        done = train(data, base, out, settings, seed=7, local=local, checkpoints=folder / name, stop=stop)
        return [done.metrics.train_loss, done.metrics.validation_loss or 0.0]

    with monkeypatch.context() as patched, pytest.raises(Stopped, match="after step 4 of 6"):
        run("stopped", StopAfter(patched, 4))
    assert run("stopped") == pytest.approx(run("straight"), abs=within)
