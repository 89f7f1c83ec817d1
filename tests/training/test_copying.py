from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Qwen3Config, Qwen3ForCausalLM

from bluebook.training.batching import IGNORED
from bluebook.training.copying import ROPE_BASE, exercise, start_copying

LENGTH = 40


def drawn(heads: int = 3, shared: int = 1) -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=500,
            hidden_size=192,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=heads,
            num_key_value_heads=heads // shared,
            head_dim=64,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": ROPE_BASE},
        )
    )
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=0.05)
    return model.eval()


def repeated(model: Qwen3ForCausalLM) -> float:
    """Share of the tokens of a random text that the model foretells when it reads the text again."""
    texts = torch.stack([torch.randperm(500, generator=torch.Generator().manual_seed(i)) for i in range(8)])
    texts = texts[:, :LENGTH]
    with torch.no_grad():
        foretold = model(input_ids=texts.repeat(1, 2)).logits[:, LENGTH:-1].argmax(-1)
    return float((foretold == texts[:, 1:]).float().mean())


@pytest.mark.parametrize(("heads", "shared"), [(3, 1), (4, 2)])
def test_what_was_read_once_is_foretold_without_a_step(heads: int, shared: int) -> None:
    model = drawn(heads, shared)
    assert repeated(model) < 0.05
    start_copying(model)
    assert repeated(model) > 0.5


def test_a_model_with_small_heads_still_starts() -> None:
    model = drawn()
    config = Qwen3Config(**{**model.config.to_dict(), "hidden_size": 32, "head_dim": 16})
    small = Qwen3ForCausalLM(config).eval()
    start_copying(small)
    with torch.no_grad():
        assert small(input_ids=torch.arange(20)[None]).logits.isfinite().all()


@given(length=st.integers(1, 300), seed=st.integers(0, 99))
def test_an_exercise_asks_only_for_what_was_read(length: int, seed: int) -> None:
    made = exercise(range(5, 400), length, Random(seed))
    assert len(made.ids) == len(made.labels) == length
    for at, label in enumerate(made.labels):
        if label != IGNORED:
            read = list(pairwise(made.ids[:at]))
            assert label == made.ids[at] and (made.ids[at - 1], label) in read
