"""What it takes to load and tokenise a dataset for training, at a thousand, ten and a hundred thousand examples.

python benchmarks/train_scaling.py [--rows 1000,10000,100000]

Each size is measured in a process of its own, from the dataset file to the features that the trainer's batches are
made of, and then through one epoch of batches. The text is made up: prompts and answers of 20 to 200 words. Memory is
what the process holds of its own (RssAnon) beyond what it held with its libraries loaded, looked at every 20 ms; pages
of mapped files do not count, because the system takes them back when it needs them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from bluebook.families import encode_row, family_named
from bluebook.records import DatasetRow, Message, TokenCount, write_jsonl
from bluebook.training.batching import Collator
from bluebook.training.rows import features, read_rows

LETTERS = "abcdefghijklmnopqrstuvwxyz"
BATCH = 32


def words(rng: Random, vocabulary: list[str]) -> str:
    return " ".join(rng.choices(vocabulary, k=rng.randint(20, 200)))


def make_tokenizer(vocabulary: list[str]) -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        special_tokens=["<|im_start|>", "<|im_end|>", "<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator([" ".join(vocabulary)], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")


def write_dataset(path: Path, count: int) -> PreTrainedTokenizerFast:
    rng = Random(7)
    vocabulary = ["".join(rng.choices(LETTERS, k=rng.randint(2, 9))) for _ in range(3000)]
    tokenizer, family = make_tokenizer(vocabulary), family_named("qwen")

    def row(number: int) -> DatasetRow:
        prompt = [Message(role="user", content=words(rng, vocabulary))]
        content = words(rng, vocabulary)
        encoded = encode_row(tokenizer, family, prompt, content)
        return DatasetRow(
            id=f"row-{number:07}",
            prompt=prompt,
            completion=[Message(role="assistant", content=content)],
            tokens=TokenCount(prompt=len(encoded.prompt), completion=len(encoded.completion)),
        )

    write_jsonl(path, (row(number) for number in range(count)))
    return tokenizer


class Watch(threading.Thread):
    """The most that this process has held of its own since it began to watch, in MiB beyond that beginning."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.first = self.held()
        self.most = self.first
        self.start()

    @staticmethod
    def held() -> float:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0]) / 1024

    def run(self) -> None:
        while True:
            self.most = max(self.most, self.held())
            time.sleep(0.02)


def measure(path: Path, tokenizer: Path) -> dict[str, Any]:
    """In the process of its own."""
    known, family = PreTrainedTokenizerFast.from_pretrained(tokenizer), family_named("qwen")
    watch = Watch()
    began = time.perf_counter()
    rows = read_rows(path, known, family)
    loaded = time.perf_counter()
    dataset = features(rows)
    ready = time.perf_counter()
    collate = Collator(known.pad_token_id)
    tokens = 0
    for start in range(0, len(dataset), BATCH):
        part = dataset[start : start + BATCH]
        examples = [dict(zip(part, values, strict=True)) for values in zip(*part.values(), strict=True)]
        tokens += int(collate(examples)["attention_mask"].sum())
    ended = time.perf_counter()
    return {
        "rows": len(rows),
        "tokens": tokens,
        "tokenise": loaded - began,
        "features": ready - loaded,
        "epoch": ended - ready,
        "memory": watch.most - watch.first,
    }


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", default="1000,10000,100000")
    arguments.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.measure:
        print(json.dumps(measure(*given.measure)))
        return
    print("     rows      tokens  tokenise  features   batches  rows/s  memory")
    for count in map(int, given.rows.split(",")):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "train.jsonl"
            write_dataset(path, count).save_pretrained(scratch)
            command = [sys.executable, __file__, "--measure", str(path), scratch]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        rate = count / (found["tokenise"] + found["features"])
        print(
            f"{count:9,} {found['tokens']:11,} {found['tokenise']:8.1f}s {found['features']:8.1f}s "
            f"{found['epoch']:8.1f}s {rate:7,.0f} {found['memory']:4.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
