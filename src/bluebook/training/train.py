"""Training: a gated dataset and a base in, an adapter and its loss curve out.

TRL's SFTTrainer runs the loop. It is given token ids and labels that are already made, with
`skip_prepare_dataset`, so that it neither renders, cuts nor drops a row; what it would otherwise do with
masks changes between its versions. Nothing is reported to any tracker.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback
from trl import SFTConfig

from bluebook import artifacts
from bluebook.errors import BluebookError, GateError
from bluebook.families import Family, family_named
from bluebook.models import (
    adapter_manifest,
    base_manifest,
    load_tokenizer,
    place,
    write_manifest,
)
from bluebook.params import Local, TrainParams
from bluebook.runs import Watch
from bluebook.steps import Step, step
from bluebook.training import optimizers, preflight, processes, survival
from bluebook.training.batching import Collator
from bluebook.training.checkpoints import Store, identify
from bluebook.training.control import StopRequest
from bluebook.training.curriculum import Plan, StageOutcome, outcomes, read_plan
from bluebook.training.curve import DIGITS, LOG_EVERY, LossPoint, Recorder, validated
from bluebook.training.losses import Policy
from bluebook.training.methods import packs, prepare_model, recomputes
from bluebook.training.practice import Practice, StopEarly, exam_for
from bluebook.training.progress import Reporter
from bluebook.training.regions import RegionLoss, region_names, weights
from bluebook.training.rows import Row, features, read_rows, region_tokens
from bluebook.training.survival import Keeper, Passed
from bluebook.training.syntax import read_masks
from bluebook.training.trackers import Tracker
from bluebook.training.trainer import Trainer

CONFIG_FILES = ("config.json", "generation_config.json")
CLIP = 1.0  # gradient norm
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
)


class TrainMetrics(msgspec.Struct, kw_only=True):
    """`metrics/S/train.json`. Nothing here depends on the clock.

    What is said of the validation rows is said of the weights that were kept.
    """

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
    validation_accuracy: float | None
    validation_penalty: float | None  # nats a token that the grammar's rules cost; 0 where it is not asked
    regions: dict[str, RegionLoss]  # of the validation rows, after the last step
    preflight: preflight.Findings
    stages: list[StageOutcome]  # of the curriculum
    stop_early: StopEarly | None  # null where no practice exam was asked for


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


def watched(recorder: Recorder, watch: Watch, trackers: Sequence[Tracker]) -> Recorder:
    """The recorder, after its trainer has been told to report to those who watch."""
    recorder.trainer.add_callback(Reporter(recorder.trainer, watch, recorder.eval_loss, trackers))
    return recorder


def build_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    settings: TrainParams,
    *,
    seed: int,
    local: Local,
    scratch: Path,
    policy: Policy | None = None,
    plan: Plan | None = None,
) -> Trainer:
    """A trainer on rows that are already encoded; it has not started."""
    size, portions = processes.share(settings.batch, local)
    placement = place(local)
    packed = packs(model, local)
    arguments = SFTConfig(
        output_dir=str(scratch),
        per_device_train_batch_size=size,
        per_device_eval_batch_size=size,
        gradient_accumulation_steps=portions,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_share,  # below 1 it is a share of all steps
        max_grad_norm=CLIP,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,  # regions and states are the loss's, not the model's
        router_aux_loss_coef=0.0,  # the loss is what `losses.py` says; routers of experts stay balanced as they are
        max_length=None,
        packing=False,
        activation_checkpointing=recomputes(model, local),  # its default is to do so always
        bf16=placement.mixed,
        use_cpu=placement.device.type == "cpu",
        dataloader_pin_memory=placement.device.type == "cuda",
        ddp_find_unused_parameters=False,
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
        train_dataset=features(rows),
        processing_class=tokenizer,
        policy=policy,
        plan=plan,
    )
    trainer.optimizer = make_optimizer(model, settings)  # given to the constructor, FSDP refuses it
    trainer.remove_callback(PrinterCallback)
    held = trainer.train_dataset["input_ids"]
    untouched = len(held) == len(rows) and all(
        ids == row.prompt + row.completion for ids, row in zip(held, rows, strict=True)
    )
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


def train(
    dataset: Path,
    base: Path,
    out: Path,
    settings: TrainParams,
    *,
    seed: int,
    local: Local,
    checkpoints: Path | None = None,
    stop: StopRequest | None = None,
    watch: Watch | None = None,
    trackers: Sequence[Tracker] = (),
) -> Trained:
    """Train on `dataset/train.jsonl` and leave weights, tokenizer and `adapter.json` in the folder `out`.

    Goes on from the last checkpoint of the same run below `checkpoints`; None keeps nothing beyond this process.
    Raises PreflightError before any epoch when training could not work, and Stopped when `stop` was asked for.
    """
    stop = stop or StopRequest()
    stop.at_once = True
    watch = watch or Watch(None, "")
    family, tokenizer = family_named(base_manifest(base).family), load_tokenizer(base)
    with step("2.1", f"Read {dataset}") as running:
        data = read_data(dataset, tokenizer, family, settings, seed)
        running.note(f"{len(data.rows)} rows, {len(data.validation)} for validation")
        if data.plan is not None and data.plan.left_out:
            running.say("NOTE", data.plan.left_out)
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(checkpoints or Path(scratch), identify(dataset, base, settings, seed))
        resumed = store.open()
        with step("4.1", "Preflight") as running:
            model = prepare_model(base, settings, seed=seed, local=local)
            if settings.syntax_weight:
                data = masked(
                    data,
                    dataset,
                    model=model,
                    tokenizer=tokenizer,
                    family=family,
                    weight=settings.syntax_weight,
                )
            build = partial(
                build_trainer,
                tokenizer=tokenizer,
                rows=data.rows,
                settings=settings,
                seed=seed,
                scratch=store.staging,
                policy=data.policy,
                plan=data.plan,
            )
            survival.require_space(model, store, local)
            trainer = build(model, local=survival.fitting(local, resumed))
            exam = exam_for(trainer, data.validation, family, settings.stop_early, local.answer_batch)
            passed = (
                survival.read_progress(resumed).passed
                if resumed
                else measure(trainer, data, tokenizer=tokenizer, family=family, settings=settings)
            )
            running.note(passed.summary if resumed is None else f"passed before {resumed.folder} was written")
        with step("4.2", f"Train: {settings.method}") as running:

            def keeper_for(of: Trainer) -> Keeper:
                recorder = watched(Recorder(of, data.validation, running), watch, trackers)
                practice = Practice(of, recorder, exam, settings.stop_early, watch) if exam else None
                return Keeper(
                    of, recorder, store=store, passed=passed, stop=stop, local=local, practice=practice
                )

            keeper = survival.train_to_end(
                trainer,
                with_size=lambda size: build(
                    model, local=msgspec.structs.replace(local, per_device_batch=size)
                ),
                keeper_for=keeper_for,
                resumed=resumed,
                batch=settings.batch,
                running=running,
            )
            metrics = summarised(keeper, data, passed, settings, running)
    with step("5.1", "Save weights, tokenizer and manifest"):
        gathered = processes.whole_weights(keeper.trainer)
        if processes.is_first():
            save(model, base, out, settings, gathered)
    return Trained(metrics=metrics, curve=keeper.recorder.curve())


class Data(NamedTuple):
    """What a run learns from, and how: the order of its rows, and what its loss is made of."""

    rows: Sequence[Row]
    validation: Sequence[Row]
    plan: Plan | None
    policy: Policy


def read_data(
    dataset: Path, tokenizer: PreTrainedTokenizerBase, family: Family, settings: TrainParams, seed: int
) -> Data:
    names = region_names(dataset)
    rows = read_rows(dataset / "train.jsonl", tokenizer, family, names)
    return Data(
        rows=rows,
        validation=read_rows(dataset / "validation.jsonl", tokenizer, family, names),
        plan=read_plan(dataset / "train.jsonl", settings, seed) if settings.curriculum else None,
        policy=Policy(
            names,
            weights(settings.regions, names, region_tokens(rows, len(names))),
            input_noise=settings.input_noise,
        ),
    )


def masked(
    data: Data,
    dataset: Path,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    family: Family,
    weight: float,
) -> Data:
    """The same with what the subject's grammar allows at each position, and the weight of what it forbids."""
    masks = read_masks(dataset, tokenizer, family, model.get_input_embeddings().num_embeddings)
    return data._replace(
        rows=masks.annotated(data.rows),
        validation=masks.annotated(data.validation),
        policy=replace(data.policy, syntax_weight=weight, allowed=masks.table()),
    )


def summarised(
    keeper: Keeper, data: Data, passed: Passed, settings: TrainParams, running: Step
) -> TrainMetrics:
    """What the run came to, with the best weights of its practice exams in place where there were any."""
    recorder, model = keeper.recorder, keeper.trainer.model
    curve = recorder.curve()
    stopped = None if keeper.practice is None else keeper.practice.end()
    if stopped is not None and stopped.best_step < curve[-1].step:
        recorder.measure()
        running.say("NOTE", f"kept: {stopped.summary}")
    measured = recorder.measured
    after = None if measured is None else round(measured.loss, DIGITS)
    running.note(f"loss {curve[-1].loss}, validation {passed.validation_loss} -> {after}")
    return TrainMetrics(
        method=settings.method,
        rows=len(data.rows),
        validation_rows=len(data.validation),
        supervised_tokens=passed.findings.supervised_tokens,
        parameters_trained=sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        steps=curve[-1].step,
        epochs=curve[-1].epoch if data.plan or stopped else settings.epochs,
        train_loss=curve[-1].loss,
        validation_loss=after,
        base_validation_loss=passed.validation_loss,
        validation_accuracy=None if measured is None else round(measured.accuracy, DIGITS),
        validation_penalty=None if measured is None else round(measured.penalty, DIGITS),
        regions={} if measured is None else measured.rounded(DIGITS),
        preflight=passed.findings,
        stages=[]
        if data.plan is None
        else outcomes(data.plan, [(point.step, point.loss) for point in curve]),
        stop_early=stopped,
    )


def measure(
    trainer: Trainer,
    data: Data,
    *,
    tokenizer: PreTrainedTokenizerBase,
    family: Family,
    settings: TrainParams,
) -> Passed:
    """What is known before the first step: the preflight's findings, and the base's own validation loss."""
    optimizer = partial(make_optimizer, settings=settings)
    return Passed(
        findings=preflight.run(trainer, data.rows, tokenizer, family, optimizer),
        validation_loss=None
        if (found := validated(trainer, data.validation)) is None
        else round(found.loss, DIGITS),
    )


def save(
    model: PreTrainedModel,
    base: Path,
    out: Path,
    settings: TrainParams,
    gathered: dict[str, torch.Tensor] | None = None,
) -> None:
    """Weights (the model's own, or `gathered` from several processes) as safetensors, the base's tokenizer files,
    and the manifest that ties them to the base."""
    if settings.method != "full":
        config = model.peft_config["default"]
        config.base_model_name_or_path = base_manifest(base).location  # a path of this machine helps nobody
        config.target_modules = sorted(config.target_modules)  # peft makes a set of them, in no fixed order
    model.save_pretrained(out, state_dict=gathered)
    (out / "README.md").unlink(missing_ok=True)  # peft's empty form
    # Of a whole model the config is the base's own: the trainer has switched its cache off and changed its
    # pad token.
    for name in (*TOKENIZER_FILES, *(CONFIG_FILES if settings.method == "full" else ())):
        if (base / name).exists():
            shutil.copyfile(base / name, out / name)
    write_manifest(out, adapter_manifest(base, settings.method, settings.quantisation))
