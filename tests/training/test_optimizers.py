from __future__ import annotations

import copy

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM, get_cosine_schedule_with_warmup

from bluebook.training.optimizers import build, hidden_matrices

RATES = {"learning_rate": 0.01, "matrix_learning_rate": 0.02, "weight_decay": 0.1}


@pytest.fixture
def model() -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=50,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            tie_word_embeddings=False,
        )
    )


def learn(model: Qwen3ForCausalLM, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
    ids = torch.arange(24).view(2, 12)
    losses = []
    for _ in range(steps):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def test_muon_takes_exactly_the_projections(model: Qwen3ForCausalLM) -> None:
    chosen = {id(weight) for weight in hidden_matrices(model)}
    names = {name for name, weight in model.named_parameters() if id(weight) in chosen}
    assert names == {name for name, _ in model.named_parameters() if name.endswith("_proj.weight")}
    assert len(names) == 2 * 7


def test_every_trainable_weight_is_in_one_group_and_vectors_do_not_decay(model: Qwen3ForCausalLM) -> None:
    model.model.layers[0].requires_grad_(False)
    for kind in ("muon", "adamw"):
        optimizer = build(model, kind, **RATES)  # type: ignore[arg-type]
        held = [weight for group in optimizer.param_groups for weight in group["params"]]
        assert sorted(map(id, held)) == sorted(id(w) for w in model.parameters() if w.requires_grad)
        for group in optimizer.param_groups:
            if any(weight.ndim < 2 for weight in group["params"]):
                assert group["weight_decay"] == 0
                assert all(weight.ndim < 2 for weight in group["params"])


def test_each_part_steps_as_torch_alone_would(model: Qwen3ForCausalLM) -> None:
    twin = copy.deepcopy(model)
    learn(model, build(model, "muon", **RATES), 1)
    matrices = hidden_matrices(twin)
    alone = torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.0)
    learn(twin, alone, 1)
    for ours, theirs in zip(hidden_matrices(model), matrices, strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(model.lm_head.weight, twin.lm_head.weight)


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_saved_state_continues_exactly(model: Qwen3ForCausalLM, kind: str) -> None:
    optimizer = build(model, kind, **RATES)  # type: ignore[arg-type]
    learn(model, optimizer, 3)
    twin = copy.deepcopy(model)
    resumed = build(twin, kind, **RATES)  # type: ignore[arg-type]
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert learn(model, optimizer, 3) == learn(twin, resumed, 3)


def test_a_schedule_scales_both_rates_alike(model: Qwen3ForCausalLM) -> None:
    optimizer = build(model, "muon", **RATES)
    schedule = get_cosine_schedule_with_warmup(optimizer, 4, 20)
    seen = []
    for _ in range(20):
        rates = schedule.get_last_lr()
        assert rates[-1] == pytest.approx(2 * rates[0])
        seen.append(rates[0])
        optimizer.step()
        schedule.step()
    assert seen[0] == 0 and max(seen) == 0.01 and seen.index(0.01) == 4 and seen[-1] < 0.001


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_it_learns(model: Qwen3ForCausalLM, kind: str) -> None:
    losses = learn(model, build(model, kind, **RATES), 40)  # type: ignore[arg-type]
    assert losses[-1] < losses[0] / 4
