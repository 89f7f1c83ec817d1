"""Typed parameters: `params.yaml` decides results, `local.yaml` only how they are computed on this machine.

An unknown, missing or mistyped key is an error that names it. DVC tracks each key that a stage lists; nothing of
`local.yaml` ever reaches `dvc.lock`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import yaml
from msgspec import Meta

from bluebook.errors import ParamsError

Quantisation = Literal["nf4", "int8"]
PARAMS = Path("params.yaml")
LOCAL = Path("local.yaml")


class Struct(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of every parameter group: all keys named, none unknown."""


class EmbeddedParams(Struct, frozen=True):
    """The model that `base` builds where `source` is `embedded`."""

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_value_heads: int
    context: int
    samples: int
    steps: int
    batch: int
    learning_rate: float
    matrix_learning_rate: float


class BaseParams(Struct, frozen=True):
    source: str  # `embedded`, a hub name, or a local folder
    revision: str | None  # required for a hub name, so that the same name means the same weights
    family: str  # `auto` reads the model's config
    embedded: EmbeddedParams


class ExportParams(Struct, frozen=True):
    max_tokens: int


class ComposeParams(Struct, frozen=True):
    validation_share: float
    holdout_share: float
    near_duplicate: float  # Jaccard similarity at which two examples count as one
    rotation: int  # of the holdout that is set aside from records: the next number sets others aside
    # Examples from the subject's own generator that join records and lessons: so many, or so many of each construct.
    generated: Annotated[int, Meta(ge=0)] | dict[str, Annotated[int, Meta(ge=0)]]
    without: list[str]  # constructs that only lessons bring in


class GateParams(Struct, frozen=True):
    minimum_samples: int
    too_few: Literal["warn", "fail"]
    waivers: dict[str, str]  # rule name -> why it is waived; every report repeats it


class LoraParams(Struct, frozen=True):
    rank: int
    alpha: int
    dropout: float
    targets: str | list[str]  # `all-linear` or module names


class StageParams(Struct, frozen=True):
    """One stage of a curriculum. What it does not say of rows fits every row. A stage of 0 epochs is left out, and its
    rows with it."""

    name: str
    epochs: Annotated[int, Meta(ge=0)]
    origin: list[Literal["record", "lesson", "generated"]] | None = None
    constructs: list[str] | None = None  # all constructs of a row are among these
    any_of: list[str] | None = None  # a row has at least one of these constructs
    max_tokens: int | None = None  # of a row, prompt and completion together
    replay: Annotated[float, Meta(ge=0, le=1)] = (
        0.0  # share of the earlier stages' rows that comes into each epoch
    )


class StopEarlyParams(Struct, frozen=True):
    """A small exam on validation rows during training; the weights of the best one are kept."""

    every: Annotated[int, Meta(ge=0)]  # steps; 0: no exam
    items: Annotated[int, Meta(ge=1)]
    patience: Annotated[
        int, Meta(ge=1)
    ]  # exams in a row that are no better than the best, then training stops
    target: float  # quality at which training stops


class TrainParams(Struct, frozen=True):
    method: Literal["full", "lora", "qlora"]
    quantisation: Quantisation  # how qlora holds the frozen base; the other methods do not read it
    optimizer: Literal["muon", "adamw"]
    epochs: float
    batch: int  # examples an optimiser step, whatever the device holds at once
    learning_rate: float
    matrix_learning_rate: float  # Muon's, for hidden matrices
    warmup_share: float
    weight_decay: float
    lora: LoraParams
    regions: dict[str, float]  # weight of a region's tokens in the loss; 1.0 where it is not named
    input_noise: Annotated[
        float, Meta(ge=0, lt=1)
    ]  # share of a completion's tokens that training reads wrongly
    syntax_weight: float  # of the penalty on what the subject's grammar forbids; 0.0: none
    curriculum: list[StageParams]  # in this order; empty: all rows, `epochs` times
    stop_early: StopEarlyParams


class ExamParams(Struct, frozen=True):
    mode: Literal["constrained", "free"]  # whose answers decide mastery; the other mode is reported beside it
    max_new_tokens: int
    max_seconds: float  # of one answer; an answer that takes longer has the finish `timeout`
    max_items: int  # of each exam, chosen by item id; 0 takes all


class LessonParams(Struct, frozen=True):
    """What a draft of lessons holds."""

    size: Annotated[int, Meta(ge=0)]  # examples, fewer where lessons would be too large a share of training
    weak_below: Annotated[
        float, Meta(gt=0, le=1)
    ]  # accuracy on the practice exam below which a construct is weak
    replay: Annotated[float, Meta(ge=0, le=1)]  # share of the draft that keeps mastered constructs fresh


class SubjectParams(Struct, frozen=True):
    raw: str
    ingest: dict[str, Any]  # typed by the subject
    expect: dict[str, Any]  # typed by the subject
    compose: ComposeParams
    gate: GateParams
    train: TrainParams
    exam: ExamParams
    lessons: LessonParams


class CatalogueParams(Struct, frozen=True):
    exports: str  # a folder of Unreal exports


class Params(Struct, frozen=True):
    seed: int
    catalogue: CatalogueParams
    base: BaseParams
    export: ExportParams
    subjects: dict[str, SubjectParams]

    def subject(self, name: str) -> SubjectParams:
        if name not in self.subjects:
            known = ", ".join(sorted(self.subjects))
            raise ParamsError(f"{PARAMS}: no subject {name!r} under `subjects`; there is {known}")
        return self.subjects[name]


class TeacherSettings(Struct, frozen=True):
    """A model that may propose lessons. Prices and budget are in one currency; prices are for a million tokens."""

    url: str  # up to the version, such as https://host/v1
    model: str
    kind: Literal["openai", "anthropic"]
    key_variable: str | None  # the environment variable that holds the key; null where none is needed
    price_in: Annotated[float, Meta(ge=0)]
    price_out: Annotated[float, Meta(ge=0)]
    budget: Annotated[float, Meta(ge=0)]  # of all that the transcript holds
    seconds: Annotated[float, Meta(gt=0)] = 120.0  # for a whole reply
    max_tokens: Annotated[int, Meta(ge=1)] = 4096  # of a reply


class ServerParams(Struct, frozen=True):
    """An OpenAI-compatible server that answers instead of a model in this process."""

    server: str  # its address, as http://127.0.0.1:8000
    model: str = "{subject}"  # the adapter's name on it; {subject} stands for the subject's name
    base_model: str | None = (
        None  # the base's name on it, by which an adapter that is not applied is found out
    )
    key_variable: str | None = None  # the environment variable that holds the key; never the key itself
    at_once: Annotated[int, Meta(ge=1)] = 8  # items asked at a time


class TrainOn(Struct, frozen=True):
    """Where `bluebook train elsewhere` trains. Price and budget are in one currency."""

    kind: Literal["local", "ssh"]
    folder: str  # on that machine, relative to the user's home there; for `local` to the repository
    host: str = ""  # as ssh knows it
    options: list[str] = []  # of ssh, such as ["-p", "2222"]
    python: str = "python3"  # that machine's, with the packages of requirements.lock
    setup: str = ""  # a shell command in the run's folder before training, such as `make .venv/.ready`
    settings: dict[str, Any] = {}  # that machine's local.yaml
    per_hour: Annotated[float, Meta(ge=0)] = 0.0  # its price
    budget: Annotated[float, Meta(ge=0)] = 0.0  # of one run; 0: no limit, and then `per_hour` must be 0 too
    grace_minutes: Annotated[float, Meta(gt=0)] = 15.0  # without a sign from here, until it ends by itself
    after: str = ""  # a command there that gives the machine back, such as `sudo poweroff`
    teardown: str = ""  # a command here that does


class Local(Struct, frozen=True):
    """Run-only settings. Their defaults suit any machine; an empty or missing file is fine."""

    device: str = "auto"  # auto | cpu | cuda | cuda:1 …
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    per_device_batch: int = 0  # 0: as many as `batch` asks for
    gradient_checkpointing: bool | Literal["auto"] = "auto"  # activations computed twice instead of kept
    packing: bool | Literal["auto"] = "auto"  # a device batch as one row without pads
    answer_batch: int = 32
    answer_with: Literal["transformers", "vllm"] | ServerParams = (
        "transformers"  # who answers exams and `ask`
    )
    threads: int = 0  # 0: torch's own choice
    checkpoint_minutes: float = 10.0  # of training between checkpoints; 0: none, but for a stop
    checkpoint_steps: int = 0  # optimiser steps between checkpoints; 0: by the clock alone
    kill_stalled: bool = False  # end a training whose phase takes longer than it may, instead of only telling
    # Where else the loss curve goes; all of it stays on this machine.
    track: tuple[Literal["dvclive", "wandb"], ...] = ()
    teacher: TeacherSettings | None = None  # nothing leaves the machine without one
    train_on: TrainOn | None = None  # another machine for `bluebook train elsewhere`
    launch: list[str] = []  # the command that starts training in several processes; empty: one


T = TypeVar("T")


def _load(path: Path, kind: type[T], empty: dict[str, Any] | None = None) -> T:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        if empty is None:
            raise ParamsError(f"{path}: not found; run this in the root of a Bluebook repository") from None
        return convert(empty, kind, path)
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from error
    return convert({} if loaded is None else loaded, kind, path)


def convert(value: object, kind: type[T], where: object) -> T:
    """`value` as `kind`; ParamsError names the key that is unknown, missing or of the wrong type."""
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ParamsError(f"{where}: {error}") from error


def load(path: Path = PARAMS) -> Params:
    return _load(path, Params)


def load_local(path: Path = LOCAL) -> Local:
    return _load(path, Local, empty={})
