"""Rows that come and go in one cache write what each would write alone."""

from __future__ import annotations

from random import Random

import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3NextConfig,
    Qwen3NextForCausalLM,
)

from bluebook.errors import BluebookError
from bluebook.generation import greedy
from bluebook.kvcache import ROOM, roomy_cache

SHAPE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 1024,
}


def llama() -> PreTrainedModel:
    torch.manual_seed(3)
    return LlamaForCausalLM(LlamaConfig(**SHAPE)).eval()


def windowed() -> PreTrainedModel:
    """A layer that sees eight tokens back, and one that sees all."""
    torch.manual_seed(3)
    layers = ["sliding_attention", "full_attention"]
    return Gemma3ForCausalLM(Gemma3TextConfig(**SHAPE, layer_types=layers, sliding_window=8)).eval()


@pytest.mark.parametrize("make", [llama, windowed])
def test_rows_write_in_company_what_they_write_alone(make: type) -> None:
    """Short prompts first, so that later ones are longer than what is there; lengths that end at every moment."""
    model, rng = make(), Random(5)
    prompts = [[rng.randrange(3, 61) for _ in range(4 + 3 * row)] for row in range(14)]
    limits = [1 + rng.randrange(50) for _ in prompts]
    limits[2] = ROOM + 20  # longer than the room that is made at once
    for at_once in (3, 5, 14):
        written = greedy(model, prompts, limits, stop=2, at_once=at_once)
        for prompt, limit, tokens in zip(prompts, limits, written, strict=True):
            alone = model.generate(
                torch.tensor([prompt]), max_new_tokens=limit, do_sample=False, eos_token_id=2, pad_token_id=0
            )
            assert tokens == alone[0, len(prompt) :].tolist()


def test_a_model_that_keeps_states_is_refused_by_name() -> None:
    layers = ["linear_attention", "full_attention"]
    model = Qwen3NextForCausalLM(Qwen3NextConfig(**SHAPE, layer_types=layers, num_experts=0))
    with pytest.raises(BluebookError, match="qwen3_next"):
        roomy_cache(model)
