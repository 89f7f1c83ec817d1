"""The loss against what it stands for: the model's own logits, torch's cross-entropy, and figures that never move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
    TrainerCallback,
)

from bluebook.params import TrainParams
from bluebook.training import losses
from bluebook.training.base import build
from bluebook.training.batching import IGNORED
from bluebook.training.losses import Policy, Supervised
from bluebook.training.regions import OTHER, weights
from bluebook.training.rows import Row, measure, region_tokens
from tests.training.conftest import LOCAL, LORA, SETTINGS, Ready, base_params, checkpoint

SHAPE: dict[str, Any] = {
    "vocab_size": 61,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}
NAMES = (OTHER, "first", "rest")


def tiny(kind: str) -> PreTrainedModel:
    torch.manual_seed(5)
    made: dict[str, Callable[[], PreTrainedModel]] = {
        "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(head_dim=8, **SHAPE)),
        "gemma2": lambda: Gemma2ForCausalLM(Gemma2Config(head_dim=8, final_logit_softcapping=3.0, **SHAPE)),
        "granite": lambda: GraniteForCausalLM(GraniteConfig(logits_scaling=4.0, **SHAPE)),
        "cohere": lambda: CohereForCausalLM(CohereConfig(logit_scale=0.1, **SHAPE)),
    }
    model = made[kind]().eval()
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(20)  # logits that differ enough to be changed
    return model


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Three rows with a prompt, an answer of which one token is masked, and pads on the right."""
    rng = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, 61, (3, 12), generator=rng)
    labels = ids.clone()
    for row, (prompt, end) in enumerate([(4, 12), (2, 9), (6, 8)]):
        labels[row, :prompt] = IGNORED
        labels[row, end:] = IGNORED
    labels[0, 7] = IGNORED
    return ids, labels


def own(model: PreTrainedModel, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Nats of each supervised token by the model's own logits."""
    logits, targets = model(input_ids=ids).logits[:, :-1], labels[:, 1:]
    return cross_entropy(logits[targets != IGNORED], targets[targets != IGNORED], reduction="none")


@pytest.mark.parametrize("kind", ["qwen3", "gemma2", "granite", "cohere"])
def test_the_loss_is_that_of_the_models_own_logits(kind: str) -> None:
    model, (ids, labels) = tiny(kind), batch()
    expected = own(model, ids, labels)
    losses.attach(model)
    found = model(input_ids=ids, supervised=Supervised(labels))
    assert torch.allclose(found.nll, expected, atol=1e-5)
    logits = model(input_ids=ids).logits[:, :-1]
    targets = labels[:, 1:]
    right = logits.argmax(-1)[targets != IGNORED] == targets[targets != IGNORED]
    assert found.correct.tolist() == right.tolist()
    assert not found.penalty.any()


def test_what_does_not_ask_for_losses_is_answered_as_before() -> None:
    model, (ids, labels) = tiny("qwen3"), batch()
    before = model(input_ids=ids, labels=labels)
    losses.attach(model)
    after = model(input_ids=ids, labels=labels)
    assert torch.equal(before.logits, after.logits) and torch.equal(before.loss, after.loss)
    written = model.generate(input_ids=ids[:1], max_new_tokens=3, do_sample=False)
    assert written.shape == (1, 15)


def total(
    model: PreTrainedModel,
    ids: torch.Tensor,
    supervised: Supervised,
    chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    monkeypatch.setattr(losses, "CHUNK_BYTES", chunk * 4 * 61)
    model.zero_grad()
    found = model(input_ids=ids, supervised=supervised)
    loss = losses.objective(found, torch.linspace(0.5, 2, len(found.nll)), 0.3, 7)
    loss.backward()
    return loss.detach(), [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_chunks_change_neither_loss_nor_gradients(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, (ids, labels) = tiny("qwen3"), batch()
    losses.attach(model)
    allowed = torch.ones(3, 61, dtype=torch.bool)
    allowed[1, ::3], allowed[2, 30:] = False, False
    states = torch.zeros_like(ids)
    states[:, 5], states[:, 8] = 1, 2
    supervised = Supervised(labels, states, allowed)
    whole, expected = total(model, ids, supervised, 1000, monkeypatch)
    parts, found = total(model, ids, supervised, chunk, monkeypatch)
    assert parts.item() == pytest.approx(whole.item(), abs=1e-6)
    assert len(found) == len(expected)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, expected, strict=True))


def test_the_peak_is_one_chunks_logits() -> None:
    """What autograd keeps between the passes is no logits at all."""
    hidden, labels = torch.randn(1, 65, 8, requires_grad=True), torch.randint(0, 5000, (1, 66))
    head = torch.nn.Linear(8, 5000)
    kept: list[int] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.numel())
        return tensor

    for chunk, logits in ((65, True), (8, False)):
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            losses.token_losses(hidden, Supervised(labels), head, chunk).nll.sum()
        assert (max(kept) >= 5000) == logits


def test_a_batch_without_a_supervised_token_is_a_zero_with_a_gradient() -> None:
    model, (ids, labels) = tiny("qwen3"), batch()
    losses.attach(model)
    found = model(input_ids=ids, supervised=Supervised(torch.full_like(labels, IGNORED)))
    loss = losses.objective(found, torch.ones(0), 0.0, None)
    loss.backward()
    assert loss == 0 and not model.model.layers[0].mlp.up_proj.weight.grad.any()


def regioned(rows: list[Row]) -> list[Row]:
    """The first two tokens of each answer are `first`, the others but the stop token `rest`."""
    return [row._replace(regions=[1, 1, *[2] * (len(row.completion) - 3), 0]) for row in rows]


def ready(base: Path, folder: Path, method: dict[str, Any], asked: dict[str, float]) -> Ready:
    settings: TrainParams = msgspec.structs.replace(SETTINGS, **method)
    made = Ready(base, folder, settings, rows=16)
    made.rows = regioned(list(made.rows))
    policy = Policy(NAMES, weights(asked, NAMES, region_tokens(made.rows, len(NAMES))))
    return Ready(base, folder, settings, rows=16, policy=policy, change=regioned)


WEIGHTED = {"first": 3.0, "rest": 0.5}
# AdamW computes in float32; see `checkpoint` on Muon.
METHODS: dict[str, dict[str, Any]] = {"full": {"optimizer": "adamw", "learning_rate": 0.003}, "lora": LORA}
# Objective before the first step, and after four steps of the trainer's own loop.
PINNED = {
    ("full", "unweighted"): (7.10632, 2.06642),
    ("full", "weighted"): (7.15904, 2.40016),
    ("lora", "unweighted"): (7.10632, 3.67490),
    ("lora", "weighted"): (7.15904, 3.67237),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with weights as they are drawn."""
    root = tmp_path_factory.mktemp("drawn")
    pointed = base_params(str(checkpoint("qwen3", root / "checkpoint", schooled=False)))
    build(pointed, [], root / "base", seed=7, local=LOCAL)
    return root / "base"


@pytest.mark.parametrize("weighting", ["unweighted", "weighted"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_pinned_losses(drawn: Path, tmp_path: Path, method: str, weighting: str) -> None:
    made = ready(drawn, tmp_path, METHODS[method], WEIGHTED if weighting == "weighted" else {})
    trainer = made.trainer
    inputs = trainer.data_collator([row.features for row in made.rows])
    found = []
    for steps in (0, 4):
        if steps:
            trainer.args.max_steps = steps
            trainer.train()
        trainer.model.eval()
        with torch.no_grad():
            found.append(trainer.compute_loss(trainer.model, inputs).item())
    assert found == pytest.approx(PINNED[method, weighting], abs=1e-4)


def test_equal_weights_are_no_weights(base: Path, tmp_path: Path) -> None:
    found = []
    for asked in ({}, {OTHER: 1.0, "first": 1.0, "rest": 1.0}, {OTHER: 3.0, "first": 3.0, "rest": 3.0}):
        made = ready(base, tmp_path, {}, asked)
        inputs = made.trainer.data_collator([row.features for row in made.rows])
        found.append(made.trainer.compute_loss(made.trainer.model, inputs).item())
    plain = Ready(base, tmp_path, rows=16)
    inputs = plain.trainer.data_collator([row.features for row in plain.rows])
    assert found[0] == found[1] == plain.trainer.compute_loss(plain.trainer.model, inputs).item()
    assert found[2] == pytest.approx(found[0], rel=1e-6)


def test_a_weight_moves_its_own_region_only(base: Path, tmp_path: Path) -> None:
    made = ready(base, tmp_path, {}, WEIGHTED)
    measured = measure(made.trainer, made.rows, 4)
    assert measured is not None
    assert {name: region.tokens for name, region in measured.regions.items()} == dict(
        zip(NAMES, region_tokens(made.rows, 3), strict=True)
    )
    inputs = made.trainer.data_collator([row.features for row in made.rows])
    made.trainer.model.eval()
    objective = made.trainer.compute_loss(made.trainer.model, inputs).item()
    by_hand = sum(
        weight * measured.regions[name].loss * measured.regions[name].tokens
        for name, weight in zip(NAMES, made.trainer.policy.weights, strict=True)
    )
    assert objective == pytest.approx(by_hand / measured.tokens, abs=1e-5)
    assert measured.loss == pytest.approx(
        sum(region.loss * region.tokens for region in measured.regions.values()) / measured.tokens
    )


def test_what_is_logged_counts_each_token_of_the_window_once(base: Path, tmp_path: Path) -> None:
    made = ready(base, tmp_path, {"learning_rate": 0.0, "matrix_learning_rate": 0.0, "epochs": 1}, {})
    logged: list[dict[str, float]] = []
    made.trainer.args.logging_steps = 2  # all of an epoch of 16 rows in batches of 8
    made.trainer.add_callback(_Logs(logged))
    made.trainer.train()
    expected = measure(made.trainer, made.rows, 4)
    assert expected is not None
    assert logged[0]["token_loss"] == pytest.approx(expected.loss, abs=1e-5)
    for name, region in expected.regions.items():
        assert logged[0][f"nll/{name}"] == pytest.approx(region.loss, abs=1e-5)
        assert logged[0][f"accuracy/{name}"] == pytest.approx(region.accuracy)


class _Logs(TrainerCallback):  # type: ignore[misc]
    def __init__(self, found: list[dict[str, float]]) -> None:
        self.found = found

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self.found.append(dict(logs))
