"""Tiny bases with a tiny language, and trainers on them: real models, real trainer, seconds each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from bluebook.families import Family, encode_row, family_named
from bluebook.models import base_manifest, load_tokenizer
from bluebook.params import BaseParams, EmbeddedParams, Local, LoraParams, StopEarlyParams, TrainParams
from bluebook.records import DatasetRow, Example, Message, Origin, TokenCount, write_jsonl
from bluebook.steps import step
from bluebook.training.base import build, train_language, turns
from bluebook.training.copying import Text
from bluebook.training.losses import Policy
from bluebook.training.methods import prepare_model
from bluebook.training.rows import Row, Rows, read_rows
from bluebook.training.train import build_trainer
from bluebook.training.trainer import Trainer

THINGS = ("lamp", "kettle", "ladder", "drum", "basket", "violin", "anchor", "blanket")
PLACES = ("cellar", "attic", "harbour", "garden", "library", "kitchen")
LOCAL = Local(device="cpu", dtype="float32", threads=1, packing=False)  # padded: one row, one example
SETTINGS = TrainParams(
    method="full",
    quantisation="nf4",
    optimizer="muon",
    epochs=3,
    batch=8,
    learning_rate=0.01,
    matrix_learning_rate=0.02,
    warmup_share=0.1,
    weight_decay=0.01,
    lora=LoraParams(rank=8, alpha=16, dropout=0.0, targets="all-linear"),
    regions={},
    input_noise=0.0,
    syntax_weight=0.0,
    curriculum=[],
    stop_early=StopEarlyParams(every=0, items=32, patience=3, target=1.0),
)
LORA = {"method": "lora", "optimizer": "adamw", "learning_rate": 0.01}
EMBEDDED = EmbeddedParams(
    vocabulary=400,
    hidden=32,
    intermediate=64,
    layers=2,
    heads=2,
    key_value_heads=1,
    context=128,
    samples=0,
    steps=30,
    batch=16,
    learning_rate=0.01,
    matrix_learning_rate=0.02,
)


@pytest.fixture(scope="session", autouse=True)
def offline() -> Iterator[None]:
    """No test may reach the hub, and one thread gives the same sums everywhere."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)
    yield


def example(index: int) -> Example:
    rng = Random(index)
    thing, place = rng.choice(THINGS), rng.choice(PLACES)
    return Example(
        id=f"e{index:04d}",
        subject="toy",
        prompt=f"Where is the {thing}? Look in the {place}, number {index}.",
        response=f"The {thing} is in the {place}.",
        constructs=["where"],
        origin=Origin(kind="generated", ref="toy", group=str(index)),
    )


def examples(count: int = 160) -> list[Example]:
    return [example(index) for index in range(count)]


def base_params(source: str, revision: str | None = None) -> BaseParams:
    return BaseParams(source=source, revision=revision, family="auto", embedded=EMBEDDED)


def checkpoint(kind: str, folder: Path, *, schooled: bool = True) -> Path:
    """A tiny checkpoint as a hub would hold it: config, tokenizer without a chat template, weights.

    Muon orthogonalises in bfloat16, whose last bits differ between processors; weights that were never `schooled`
    are the same everywhere.
    """
    begin, stop = {"qwen3": ("<|im_start|>", "<|im_end|>"), "llama": ("<|begin_of_text|>", "<|eot_id|>")}[
        kind
    ]
    markers = [begin, stop] + (["<|start_header_id|>", "<|end_header_id|>"] if kind == "llama" else [])
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=[*markers, "<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator((text for e in examples() for text in (e.prompt, e.response)), trainer)
    # No pad token of its own, as with Llama: the end token pads, which must not mask the end that is learned.
    PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=stop).save_pretrained(folder)
    shape: dict[str, Any] = {
        "vocab_size": bpe.get_vocab_size(),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 128,
        "eos_token_id": bpe.token_to_id(stop),
        "bos_token_id": None,
    }
    torch.manual_seed(3)
    if kind == "qwen3":
        model: Any = Qwen3ForCausalLM(Qwen3Config(head_dim=32, tie_word_embeddings=True, **shape))
    else:
        model = LlamaForCausalLM(LlamaConfig(tie_word_embeddings=False, **shape))
    # Some schooling and a final norm that lets logits grow, as every real checkpoint has: LoRA moves neither
    # the head nor that norm, and as they are drawn no hidden state can give one token most of the
    # probability.
    with torch.no_grad():
        model.model.norm.weight.fill_(6.0)
    family = family_named("qwen" if kind == "qwen3" else "llama3")
    texts = [Text(ids, ids) for ids in (bpe.encode(text).ids for text in turns(examples(), family))]
    model.config.pad_token_id = bpe.token_to_id("<|endoftext|>")
    if schooled:
        with step("0", "School a checkpoint") as running:
            train_language(model, texts, EMBEDDED, seed=1, local=LOCAL, running=running)
    model.config.pad_token_id = None
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session", params=["qwen3", "llama"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`models/base` folders that point at a local checkpoint, one for each architecture."""
    made: dict[str, Path] = {}

    def base(kind: str) -> Path:
        if kind not in made:
            root = tmp_path_factory.mktemp(kind)
            made[kind] = root / "base"
            build(
                base_params(str(checkpoint(kind, root / "checkpoint"))), [], made[kind], seed=7, local=LOCAL
            )
        return made[kind]

    return base


@pytest.fixture(scope="session")
def base(bases: Callable[[str], Path]) -> Path:
    return bases("qwen3")


def dataset(base: Path, folder: Path, rows: int = 48, validation: int = 12) -> Path:
    """A dataset folder as `export` writes it."""
    tokenizer, family = load_tokenizer(base), family_named(base_manifest(base).family)

    def row(e: Example) -> DatasetRow:
        prompt = [Message(role="user", content=e.prompt)]
        encoded = encode_row(tokenizer, family, prompt, e.response)
        return DatasetRow(
            id=e.id,
            prompt=prompt,
            completion=[Message(role="assistant", content=e.response)],
            tokens=TokenCount(prompt=len(encoded.prompt), completion=len(encoded.completion)),
            origin=e.origin.kind,
            constructs=e.constructs,
        )

    made = [row(e) for e in examples(rows + validation)]
    write_jsonl(folder / "train.jsonl", made[:rows])
    write_jsonl(folder / "validation.jsonl", made[rows:])
    return folder


class Ready:
    """A trainer that has not started, with what the preflight needs."""

    def __init__(
        self,
        base: Path,
        folder: Path,
        settings: TrainParams = SETTINGS,
        *,
        rows: int = 48,
        policy: Policy | None = None,
        change: Callable[[Sequence[Row]], Sequence[Row]] = list,
    ) -> None:
        self.family: Family = family_named(base_manifest(base).family)
        self.tokenizer = load_tokenizer(base)
        self.settings = settings
        found = read_rows(dataset(base, folder, rows=rows) / "train.jsonl", self.tokenizer, self.family)
        self.rows = Rows(change(found))
        self.trainer: Trainer = build_trainer(
            prepare_model(base, settings, seed=7, local=LOCAL),
            self.tokenizer,
            self.rows,
            settings,
            seed=7,
            local=LOCAL,
            scratch=folder,
            policy=policy,
        )


@pytest.fixture
def ready(base: Path, tmp_path: Path) -> Ready:
    return Ready(base, tmp_path)
