"""Training: a gated dataset and a base in, an adapter and its loss curve out.

TRL's SFTTrainer runs the loop. It is given token ids and labels that are already made, with
`skip_prepare_dataset`, so that it neither renders, cuts nor drops a row; what it would otherwise do with
masks changes between its versions. Nothing is reported to any tracker.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback, TrainerCallback
from trl import SFTConfig

from bluebook import artifacts
from bluebook.errors import BluebookError, GateError, ParamsError
from bluebook.families import family_named
from bluebook.models import (
    adapter_manifest,
    base_manifest,
    load_tokenizer,
    place,
    write_manifest,
)
from bluebook.params import Local, TrainParams
from bluebook.steps import Step, step
from bluebook.training import optimizers, preflight
from bluebook.training.batching import Collator
from bluebook.training.methods import packs, prepare_model, recomputes
from bluebook.training.rows import Row, mean_loss, read_rows
from bluebook.training.trainer import Trainer

CONFIG_FILES = ("config.json", "generation_config.json")
LOG_EVERY = 10  # steps to a point of the loss curve
CLIP = 1.0  # gradient norm
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
)


class LossPoint(msgspec.Struct, kw_only=True):
    """A point of the loss curve, in nats a supervised token; `loss` is the mean since the last point.

    A point without a validation loss says null: `dvc plots` draws only points that all have the same keys.
    """

    step: int
    epoch: float
    loss: float
    learning_rate: float
    eval_loss: float | None = None


class TrainMetrics(msgspec.Struct, kw_only=True):
    """`metrics/S/train.json`. Nothing here depends on the clock."""

    method: str
    rows: int
    validation_rows: int
    supervised_tokens: int
    parameters_trained: int
    steps: int
    epochs: float
    train_loss: float
    validation_loss: float | None
    base_validation_loss: float | None
    preflight: preflight.Findings


class Trained(msgspec.Struct, kw_only=True):
    metrics: TrainMetrics
    curve: list[LossPoint]


class PassFile(msgspec.Struct):
    """The part of a pass-file that training needs."""

    subject: str
    passed: bool
    dataset_sha256: str


def require_pass(pass_file: Path, subject: str, dataset: Path) -> None:
    """Raise GateError unless the gate has passed this very dataset."""
    try:
        found = msgspec.json.decode(pass_file.read_bytes(), type=PassFile)
    except FileNotFoundError:
        raise GateError(
            f"{pass_file}: not found; no training without the gate. Run `dvc repro gate@{subject}`"
        ) from None
    except msgspec.DecodeError as error:
        raise GateError(f"{pass_file}: not a pass-file: {error}") from error
    if not found.passed or found.subject != subject:
        raise GateError(f"{pass_file}: the gate did not pass {subject}; its report says which rows and why")
    actual = artifacts.sha256(dataset)
    if found.dataset_sha256 != actual:
        raise GateError(
            f"{pass_file}: the gate passed another dataset ({found.dataset_sha256[:12]}) than {dataset} "
            f"holds now ({actual[:12]}). Run `dvc repro gate@{subject}`"
        )


class Recorder(TrainerCallback):  # type: ignore[misc]
    """Keeps the loss curve, measures the validation loss after each epoch, and tells how far the run is."""

    def __init__(self, trainer: Trainer, validation: Sequence[Row], running: Step) -> None:
        self.trainer = trainer
        self.validation = validation
        self.running = running
        self.points: dict[int, dict[str, float]] = {}
        self.last: float | None = None

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.running.progress(state.global_step, state.max_steps, self.last)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_log = True  # so that the validation loss has a training loss beside it
        loss = mean_loss(self.trainer, self.validation, args.per_device_eval_batch_size)
        if loss is not None:
            self.points.setdefault(state.global_step, {})["eval_loss"] = loss

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
        self.last = logs["loss"]
        self.points.setdefault(state.global_step, {}).update(
            epoch=round(state.epoch, 4), loss=round(logs["loss"], 6), learning_rate=logs["learning_rate"]
        )

    def curve(self) -> list[LossPoint]:
        return [
            msgspec.convert({"step": at, **point}, LossPoint)
            for at, point in sorted(self.points.items())
            if "loss" in point
        ]


def build_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    settings: TrainParams,
    *,
    seed: int,
    local: Local,
    scratch: Path,
) -> Trainer:
    """A trainer on rows that are already encoded; it has not started."""
    size = min(local.per_device_batch or settings.batch, settings.batch)
    if settings.batch % size:
        raise ParamsError(
            f"local.yaml: per_device_batch {size} does not divide the batch of {settings.batch} examples"
        )
    placement = place(local)
    packed = packs(model, local)
    arguments = SFTConfig(
        output_dir=str(scratch),
        per_device_train_batch_size=size,
        per_device_eval_batch_size=size,
        gradient_accumulation_steps=settings.batch // size,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_share,  # below 1 it is a share of all steps
        max_grad_norm=CLIP,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        packing=False,
        activation_checkpointing=recomputes(model, local),  # its default is to do so always
        bf16=placement.mixed,
        use_cpu=placement.device.type == "cpu",
        dataloader_pin_memory=placement.device.type == "cuda",
        seed=seed,
        data_seed=seed,
        logging_steps=LOG_EVERY,
        logging_nan_inf_filter=False,  # its default writes 0 where the loss is NaN
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        data_collator=Collator(tokenizer.pad_token_id, packed),
        train_dataset=Dataset.from_list([row.features for row in rows]),
        processing_class=tokenizer,
        optimizers=(make_optimizer(model, settings), None),
    )
    trainer.remove_callback(PrinterCallback)
    untouched = [list(ids) for ids in trainer.train_dataset["input_ids"]] == [
        row.prompt + row.completion for row in rows
    ]
    if not untouched:
        raise BluebookError(
            "the trainer changed or dropped rows before training; this version of trl is not supported"
        )
    return trainer


def make_optimizer(model: torch.nn.Module, settings: TrainParams) -> torch.optim.Optimizer:
    return optimizers.build(
        model,
        settings.optimizer,
        learning_rate=settings.learning_rate,
        matrix_learning_rate=settings.matrix_learning_rate,
        weight_decay=settings.weight_decay,
    )


def train(dataset: Path, base: Path, out: Path, settings: TrainParams, *, seed: int, local: Local) -> Trained:
    """Train on `dataset/train.jsonl` and leave weights, tokenizer and `adapter.json` in the folder `out`.

    Raises PreflightError before any epoch when training could not work.
    """
    manifest = base_manifest(base)
    family, tokenizer = family_named(manifest.family), load_tokenizer(base)
    with step("2.1", f"Read {dataset}") as running:
        rows = read_rows(dataset / "train.jsonl", tokenizer, family)
        validation = read_rows(dataset / "validation.jsonl", tokenizer, family)
        running.note(f"{len(rows)} rows, {len(validation)} for validation")
    with tempfile.TemporaryDirectory() as scratch:
        with step("4.1", "Preflight") as running:
            model = prepare_model(base, settings, seed=seed, local=local)
            trainer = build_trainer(
                model, tokenizer, rows, settings, seed=seed, local=local, scratch=Path(scratch)
            )
            optimizer = partial(make_optimizer, settings=settings)
            findings = preflight.run(trainer, rows, tokenizer, family, optimizer)
            before = mean_loss(trainer, validation, trainer.args.per_device_eval_batch_size)
            running.note(f"first loss {findings.first_loss}, {findings.supervised_tokens} supervised tokens")
        with step("4.2", f"Train: {settings.method}") as running:
            recorder = Recorder(trainer, validation, running)
            trainer.add_callback(recorder)
            trainer.train()
            curve = recorder.curve()
            running.note(f"loss {curve[-1].loss}, validation {before} -> {curve[-1].eval_loss}")
    with step("5.1", "Save weights, tokenizer and manifest"):
        save(model, base, out, settings)
    metrics = TrainMetrics(
        method=settings.method,
        rows=len(rows),
        validation_rows=len(validation),
        supervised_tokens=findings.supervised_tokens,
        parameters_trained=sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        steps=trainer.state.global_step,
        epochs=settings.epochs,
        train_loss=curve[-1].loss,
        validation_loss=curve[-1].eval_loss,
        base_validation_loss=before,
        preflight=findings,
    )
    return Trained(metrics=metrics, curve=curve)


def save(model: PreTrainedModel, base: Path, out: Path, settings: TrainParams) -> None:
    """Weights as safetensors, the base's tokenizer files, and the manifest that ties them to the base."""
    if settings.method != "full":
        config = model.peft_config["default"]
        config.base_model_name_or_path = base_manifest(base).location  # a path of this machine helps nobody
        config.target_modules = sorted(config.target_modules)  # peft makes a set of them, in no fixed order
    model.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)  # peft's empty form
    # Of a whole model the config is the base's own: the trainer has switched its cache off and changed its
    # pad token.
    for name in (*TOKENIZER_FILES, *(CONFIG_FILES if settings.method == "full" else ())):
        if (base / name).exists():
            shutil.copyfile(base / name, out / name)
    write_manifest(out, adapter_manifest(base, settings.method, settings.quantisation))
