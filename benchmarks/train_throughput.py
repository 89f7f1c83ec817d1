"""What a training step costs: this trainer beside TRL's SFTTrainer with its defaults, same model, same rows.

python benchmarks/train_throughput.py                                   the built graph's persona dataset and base
python benchmarks/train_throughput.py --shape qwen3-0.6b --method lora  random weights, invented rows

Three ways, each in a process of its own, in turn, several times over: `bluebook`; `trl`, SFTTrainer as it comes;
and `trl, same batch`, SFTTrainer with this trainer's batch on the device and without computing activations twice.
TRL gets the rows as prompt and completion messages and finds out by itself that the completion is what counts.

The first epoch warms up and is not counted. Tokens are those of the rows, without pads, so they are the same for
every way. Peak memory is the process's on a CPU and the allocator's on a card. Processor time stands beside wall
time, because on a machine with other work only the former says what a step costs. MFU is 6 operations a token
and parameter (4 where the base is frozen) and those of attention, by what the card's matrix units promise.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import torch
import yaml
from datasets import Dataset
from peft import LoraConfig
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    PretrainedConfig,
    PrinterCallback,
    Qwen3Config,
    TrainerCallback,
)
from trl import SFTConfig, SFTTrainer

from bluebook import params
from bluebook.families import encode_row, family_named
from bluebook.models import base_manifest, load_tokenizer, place
from bluebook.records import DatasetRow, Message, TokenCount, read_jsonl
from bluebook.training.methods import prepare_model
from bluebook.training.rows import Row
from bluebook.training.train import build_trainer

WAYS = ("bluebook", "trl", "trl, same batch")
PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L4": 121e12, "4090": 165e12}  # dense bfloat16
SHAPES: dict[str, PretrainedConfig] = {
    "qwen3-0.6b": Qwen3Config(
        vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28,
        num_attention_heads=16, num_key_value_heads=8, head_dim=128, tie_word_embeddings=True,
        max_position_embeddings=4096,
    ),
    "llama3-8b": LlamaConfig(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32,
        num_attention_heads=32, num_key_value_heads=8, tie_word_embeddings=False, max_position_embeddings=4096,
        bos_token_id=None, eos_token_id=None,
    ),
}  # fmt: skip


class Clock(TrainerCallback):  # type: ignore[misc]
    """Wall and processor time from the end of the first epoch on."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float]] = []

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.marks.append((time.perf_counter(), time.process_time()))


def _invented_rows(count: int, longest: int, base: Path) -> list[DatasetRow]:
    """Rows of 50 to `longest` tokens, short ones more often, a third of each the prompt."""
    tokenizer, family = load_tokenizer(base), family_named(base_manifest(base).family)
    rng = random.Random(11)
    words = [tokenizer.decode([token]).strip() for token in range(300, len(tokenizer))]
    words = [word for word in words if word.isascii() and word.isalpha()]
    rows = []
    for number in range(count):
        length = round(math.exp(rng.uniform(math.log(40), math.log(longest * 0.9))))
        text = [rng.choice(words) for _ in range(length)]
        prompt, answer = " ".join(text[: length // 3]), " ".join(text[length // 3 :])
        while True:
            messages = [Message(role="user", content=prompt)]
            encoded = encode_row(tokenizer, family, messages, answer)
            if len(encoded.prompt) + len(encoded.completion) <= longest:
                break
            prompt, answer = prompt[: len(prompt) * 9 // 10], answer[: len(answer) * 9 // 10]
        rows.append(
            DatasetRow(
                id=f"r{number}",
                prompt=messages,
                completion=[Message(role="assistant", content=answer)],
                tokens=TokenCount(prompt=len(encoded.prompt), completion=len(encoded.completion)),
            )
        )
    return rows


def _rows(options: argparse.Namespace) -> list[DatasetRow]:
    if options.shape or not options.dataset.exists():
        return _invented_rows(options.rows, options.longest, options.base)
    return list(read_jsonl(options.dataset, DatasetRow))[: options.rows]


def _settings(options: argparse.Namespace) -> params.TrainParams:
    subjects = yaml.safe_load(params.PARAMS.read_text())["subjects"]
    settings = params.convert(next(iter(subjects.values()))["train"], params.TrainParams, params.PARAMS)
    changes: dict[str, Any] = {"epochs": options.epochs, "method": options.method}
    if options.method == "lora":
        changes |= {"optimizer": "adamw", "learning_rate": 2e-4}
    return msgspec.structs.replace(settings, **changes)


def _bluebook(rows: list[DatasetRow], base: Path, options: argparse.Namespace, scratch: Path) -> Any:
    tokenizer, family = load_tokenizer(base), family_named(base_manifest(base).family)
    encoded = [
        Row(row.id, *encode_row(tokenizer, family, row.prompt, row.completion[0].content), "") for row in rows
    ]
    settings = _settings(options)
    local = params.load_local()
    if options.device_batch:
        local = msgspec.structs.replace(local, per_device_batch=options.device_batch)
    model = prepare_model(base, settings, seed=7, local=local)
    return build_trainer(model, tokenizer, encoded, settings, seed=7, local=local, scratch=scratch)


def _trl(
    rows: list[DatasetRow], base: Path, options: argparse.Namespace, scratch: Path, same_batch: bool
) -> Any:
    settings = _settings(options)
    changed: dict[str, Any] = {}
    if same_batch:
        size = options.device_batch or settings.batch
        changed = {
            "per_device_train_batch_size": size,
            "gradient_accumulation_steps": settings.batch // size,
            "activation_checkpointing": False,
        }
    lora = LoraConfig(
        task_type="CAUSAL_LM", r=settings.lora.rank, lora_alpha=settings.lora.alpha,
        target_modules=settings.lora.targets,
    )  # fmt: skip
    placement = place(params.load_local())
    dtype = placement.dtype if options.method == "lora" else torch.float32
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(base, dtype=dtype).to(placement.device),
        args=SFTConfig(
            output_dir=str(scratch),
            num_train_epochs=options.epochs,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=placement.device.type == "cpu",
            **changed,
        ),
        train_dataset=Dataset.from_list(
            [
                {
                    "prompt": [{"role": m.role, "content": m.content} for m in row.prompt],
                    "completion": [{"role": m.role, "content": m.content} for m in row.completion],
                }
                for row in rows
            ]
        ),
        processing_class=load_tokenizer(base),
        peft_config=lora if options.method == "lora" else None,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _operations(model: Any, rows: list[DatasetRow]) -> float:
    """Floating-point operations of an epoch without pads, forwards and backwards."""
    config = model.config.get_text_config()
    frozen = sum(
        w.numel() for n, w in model.named_parameters() if not w.requires_grad and "embed_tokens" not in n
    )
    if config.tie_word_embeddings and frozen:
        frozen += config.vocab_size * config.hidden_size  # the embedding is the head too
    trained = sum(w.numel() for w in model.parameters() if w.requires_grad)
    lengths = [row.tokens.prompt + row.tokens.completion for row in rows]
    width = config.num_attention_heads * getattr(
        config, "head_dim", config.hidden_size // config.num_attention_heads
    )
    seen = sum(length * length for length in lengths) / 2
    attention = 12 * config.num_hidden_layers * width * seen
    return sum(lengths) * (4 * frozen + 6 * trained) + attention


def _measure(way: str, options: argparse.Namespace) -> dict[str, Any]:
    if options.threads:
        torch.set_num_threads(options.threads)
    rows = _rows(options)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        base = _random_base(options, folder / "base") if options.shape else options.base
        if way == "bluebook":
            trainer = _bluebook(rows, base, options, folder)
        else:
            trainer = _trl(rows, base, options, folder, same_batch=way != "trl")
        clock = Clock()
        trainer.add_callback(clock)
        cuda = trainer.args.device.type == "cuda"
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        trainer.train()
    (wall_start, cpu_start), (wall_end, cpu_end) = clock.marks[0], clock.marks[-1]
    epochs = len(clock.marks) - 1
    supervised = sum(row.tokens.completion for row in rows) * epochs
    total = supervised + sum(row.tokens.prompt for row in rows) * epochs
    peak = (
        torch.cuda.max_memory_allocated()
        if cuda
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    found = {
        "wall": wall_end - wall_start,
        "cpu": cpu_end - cpu_start,
        "supervised": supervised,
        "total": total,
        "peak": peak,
        "before": torch.cuda.memory_allocated() if cuda else held,
        "load": os.getloadavg()[0],
        "loss": trainer.state.log_history[-1]["train_loss"],
    }
    name = torch.cuda.get_device_name() if cuda else ""
    promised = next((flops for card, flops in PEAK_FLOPS.items() if card in name), None)
    if promised:
        found["mfu"] = _operations(trainer.model, rows) * epochs / found["wall"] / promised
    return found


def _random_base(options: argparse.Namespace, folder: Path) -> Path:
    """A base of the shape with random weights, and the tokenizer of the built one."""
    from bluebook.models import weights_sha256, write_manifest

    config = SHAPES[options.shape]
    tokenizer = load_tokenizer(options.base)
    config.pad_token_id, config.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id
    torch.manual_seed(3)
    device = place(params.load_local()).device
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    known = base_manifest(options.base)
    write_manifest(
        folder,
        msgspec.structs.replace(
            known,
            model_type=config.model_type,
            parameters=model.num_parameters(),
            weights_sha256=weights_sha256(folder),
        ),
    )
    return folder


def _child(way: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--way", way], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, default=Path("data/datasets/persona/train.jsonl"))
    parser.add_argument("--base", type=Path, default=Path("models/base"))
    parser.add_argument("--shape", choices=sorted(SHAPES), help="random weights of this shape, invented rows")
    parser.add_argument("--method", choices=("full", "lora"), default="full")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--longest", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--device-batch", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not (options.base / "base.json").exists():
        sys.exit(f"{options.base}: no base there; run `dvc repro base` first, or name one with --base")
    if options.way:
        print(json.dumps(_measure(options.way, options)))
        return
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(options.runs):
        for way in WAYS:
            found[way].append(_child(way))
    print(
        f"{options.runs} runs each, median; {torch.get_num_threads()} threads, {options.method}, load {os.getloadavg()}"
    )
    header = ("supervised/s", "tokens/s", "tokens a cpu-s", "peak MB", "of it in training", "MFU", "load")
    print(f"{'':16}" + "".join(f"{name:>19}" for name in header))
    for way, runs in reversed(found.items()):
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        columns = (
            f"{middle['supervised'] / middle['wall']:.0f}",
            f"{middle['total'] / middle['wall']:.0f}",
            f"{middle['total'] / middle['cpu']:.0f}",
            f"{middle['peak'] / 1e6:.0f}",
            f"{(middle['peak'] - middle['before']) / 1e6:.0f}",
            f"{middle['mfu']:.3f}" if "mfu" in middle else "-",
            f"{middle['load']:.1f}",
        )
        print(f"{way:16}" + "".join(f"{column:>19}" for column in columns))
    ours = found["bluebook"]
    for way in WAYS[1:]:
        for what in ("wall", "cpu"):
            times = statistics.median(
                theirs[what] / own[what] for own, theirs in zip(ours, found[way], strict=True)
            )
            print(f"{times:.2f} x {way}, by {what} time")


if __name__ == "__main__":
    main()
