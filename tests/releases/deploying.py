"""A whole small project to deploy from: the embedded base, a trained adapter, answers, grades, a commit."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path
from random import Random
from unittest.mock import patch

import msgspec
import torch

from bluebook.artifacts import sha256, sidecar_path, write_json
from bluebook.exams.engine import Asked
from bluebook.exams.grade import grade_exam
from bluebook.exams.inprocess import InProcess, load_candidate
from bluebook.families import encode_row, family_named
from bluebook.models import base_manifest, load_tokenizer
from bluebook.params import BaseParams, EmbeddedParams, ExamParams, LoraParams
from bluebook.records import Answer, DatasetRow, ExamItem, Example, Message, TokenCount, write_jsonl
from bluebook.training.base import WORDS, build
from bluebook.training.train import train
from tests.toy import Prefix
from tests.training.conftest import LOCAL, SETTINGS

EXAM = ExamParams(mode="free", max_new_tokens=32, max_seconds=60, max_items=0)
EMBEDDED = EmbeddedParams(
    vocabulary=320, hidden=64, intermediate=128, layers=2, heads=2, key_value_heads=1, context=160, samples=0,
    steps=120, batch=16, learning_rate=0.01, matrix_learning_rate=0.02,
)  # fmt: skip
LORA = LoraParams(rank=16, alpha=32, dropout=0.0, targets="all-linear")


def spoken(count: int) -> list[Example]:
    """Different examples of one operation on small numbers, with letters of two bytes in their prompts."""
    rng, subject = Random(5), Prefix()
    found: dict[str, Example] = {}
    while len(found) < count:
        example = subject.generate([rng.choice(["add", "mul", "sub"])], rng)
        example.prompt = f"Zähle n1: {example.prompt}"
        found[example.prompt] = example
    return list(found.values())


def base_and_adapter(root: Path, method: str = "full", words: str = WORDS) -> tuple[Path, Path]:
    """`models/base`, whose tokenizer cuts text into `words`, and `models/adapters/prefix`: really built and trained."""
    torch.set_num_threads(1)
    base, adapter = root / "models/base", root / "models/adapters/prefix"
    examples = spoken(400)
    settings = BaseParams(source="embedded", revision=None, family="auto", embedded=EMBEDDED)
    base.mkdir(parents=True)
    with patch("bluebook.training.base.WORDS", words):
        build(settings, examples, base, seed=3, local=LOCAL)
    tokenizer, family = load_tokenizer(base), family_named(base_manifest(base).family)

    def row(example: Example) -> DatasetRow:
        prompt = [Message(role="user", content=example.prompt)]
        encoded = encode_row(tokenizer, family, prompt, example.response)
        return DatasetRow(
            id=example.id,
            prompt=prompt,
            completion=[Message(role="assistant", content=example.response)],
            tokens=TokenCount(prompt=len(encoded.prompt), completion=len(encoded.completion)),
            origin=example.origin.kind,
            constructs=example.constructs,
        )

    rows = [row(example) for example in examples]
    data = root / "data/datasets/prefix"
    write_jsonl(data / "train.jsonl", rows[:320])
    write_jsonl(data / "validation.jsonl", rows[320:])
    changes = {"method": method, "lora": LORA, "epochs": 3, "batch": 8}
    if method == "lora":
        changes |= {"optimizer": "adamw", "learning_rate": 0.01}
    adapter.mkdir(parents=True)
    train(data, base, adapter, msgspec.structs.replace(SETTINGS, **changes), seed=3, local=LOCAL)
    return base, adapter


def items(count: int) -> list[ExamItem]:
    return [
        ExamItem(
            id=f"i{number:03d}", exam="toy-holdout", version="1.0", kind="holdout",
            prompt=example.prompt, reference=example.response, constructs=example.constructs,
        )
        for number, example in enumerate(spoken(400 + count)[400:])
    ]  # fmt: skip


def asked_here(base: Path, adapter: Path, asked: list[ExamItem]) -> list[Answer]:
    """What transformers writes, each item by itself."""
    engine = InProcess(
        load_candidate("toy", base, adapter, LOCAL), tokens=EXAM.max_new_tokens, seconds=math.inf
    )
    given = [Asked(item, "free") for item in asked]
    found = [answer for group in engine.write(engine.plan(given)) for answer in group]
    return sorted(found, key=lambda answer: answer.item)


def project(root: Path, method: str = "full", words: str = WORDS, count: int = 40) -> Path:
    """A repository whose adapter was trained, asked and graded at its one commit."""
    base, adapter = base_and_adapter(root, method, words)
    asked = items(count)
    answers = asked_here(base, adapter, asked)
    write_jsonl(root / "data/exams/prefix/holdout.jsonl", asked)
    out = root / "data/answers/prefix.jsonl"
    write_jsonl(out, answers)
    write_json(sidecar_path(out), {"inputs": {"models/adapters/prefix": sha256(adapter)}})
    write_jsonl(root / "data/grades/prefix.jsonl", grade_exam(Prefix(), asked, answers).grades)
    for command in (
        "git init --quiet",
        "git -c user.name=t -c user.email=t@example.com commit --quiet --allow-empty -m trained",
    ):
        subprocess.run(command.split(), cwd=root, check=True)
    return root
