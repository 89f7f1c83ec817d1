"""What answering an exam costs: batched, and beside it one prompt at a time, with the same model and the same
prompts.

python benchmarks/answering.py [--items 256] [--batch 64] [--runs 3]

The model has the shape of the embedded base in params.yaml and random weights. Lengths are about those of
curated memories at 3.4 bytes a token: prompts of 31 tokens in the middle and 44 on average, replies of 30 on
average and 96 at most. Two ways are measured one at a time: the library's `generate`, and the exam's own loop
with one row at once. The library in batches shows what the own loop is for. The best of the runs counts, because
whatever else the machine does only slows them.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from bluebook import params
from bluebook.generation import greedy

STOP, PAD = 2, 0
LIMIT = 96
ENDS = 1 / 30

Writer = Callable[[Sequence[list[int]]], int]  # prompts -> tokens written


def _end_at_random(head: Any, inputs: tuple[torch.Tensor], logits: torch.Tensor) -> torch.Tensor:
    """Random weights would never write the stop token. The hidden state's digits decide, so company changes
    nothing much."""
    chance = (inputs[0].double().sum(-1) * 1000) % 1.0
    logits[..., STOP] = torch.where(chance < ENDS, 1e4, -1e4).to(logits)
    return logits


def _model(shape: params.EmbeddedParams) -> Qwen3ForCausalLM:
    torch.manual_seed(7)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=shape.vocabulary,
            hidden_size=shape.hidden,
            intermediate_size=shape.intermediate,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.key_value_heads,
            head_dim=shape.hidden // shape.heads,
            max_position_embeddings=shape.context,
            tie_word_embeddings=True,
        )
    ).eval()
    model.lm_head.register_forward_hook(_end_at_random)
    return model


def _own(model: Qwen3ForCausalLM, prompts: Sequence[list[int]], at_once: int) -> int:
    return sum(map(len, greedy(model, prompts, [LIMIT] * len(prompts), stop=STOP, at_once=at_once)))


def _library(model: Qwen3ForCausalLM, prompts: Sequence[list[int]]) -> int:
    width = max(map(len, prompts))
    ids = torch.tensor([[PAD] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    written = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=LIMIT,
        do_sample=False,
        eos_token_id=STOP,
        pad_token_id=PAD,
    )
    return int((written[:, width:] != PAD).sum())


def _seconds(write: Writer, prompts: Sequence[list[int]], batch: int) -> tuple[float, int]:
    started, tokens = time.perf_counter(), 0
    for start in range(0, len(prompts), batch):
        tokens += write(prompts[start : start + batch])
    return time.perf_counter() - started, tokens


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=256)
    parser.add_argument("--batch", type=int, default=params.Local().answer_batch)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    shape = params.load().base.embedded
    model = _model(shape)
    rng = random.Random(1)
    prompts = [
        [rng.randrange(3, shape.vocabulary) for _ in range(15 + min(400, int(rng.lognormvariate(2.77, 1.1))))]
        for _ in range(options.items)
    ]
    prompts.sort(key=len, reverse=True)
    few = prompts[:: max(1, len(prompts) // 32)]  # one at a time is slow and even; every eighth will do
    ways: dict[str, tuple[Writer, Sequence[list[int]], int]] = {
        "library, one at a time": (lambda rows: _library(model, rows), few, 1),
        "own loop, one at a time": (lambda rows: _own(model, rows, 1), few, len(few)),
        f"library, batches of {options.batch}": (
            lambda rows: _library(model, rows),
            prompts,
            options.batch,
        ),
        f"own loop, {options.batch} at once": (
            lambda rows: _own(model, rows, options.batch),
            prompts,
            len(prompts),
        ),
    }
    rates: dict[str, float] = {}
    for _ in range(options.runs):
        for name, (write, rows, batch) in ways.items():
            seconds, _tokens = _seconds(write, rows, batch)
            rates[name] = max(rates.get(name, 0.0), len(rows) / seconds)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {torch.get_num_threads()} threads")
    slowest = min(rates.values())
    for name, rate in rates.items():
        print(f"{name:28} {rate:7.1f} items/s  {rate / slowest:5.1f} x")


if __name__ == "__main__":
    main()
