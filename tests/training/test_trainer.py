from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from trl import SFTTrainer

from bluebook.training.batching import IGNORED
from bluebook.training.losses import Policy
from tests.training.conftest import LORA, SETTINGS, Ready


def gradients(
    ready: Ready, compute_loss: Callable[..., torch.Tensor], items: int | None
) -> tuple[float, Any]:
    batch = ready.trainer.data_collator([row.features for row in ready.rows[:8]])
    model = ready.trainer.model.train()
    loss = compute_loss(model, batch, num_items_in_batch=None if items is None else torch.tensor(items))
    loss.backward()
    found = {
        name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None
    }
    model.zero_grad()
    return loss.item(), found


@pytest.mark.parametrize("items", [None, 500])
@pytest.mark.parametrize("method", [{}, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("architecture", ["qwen3", "llama"])
def test_loss_and_gradients_are_those_of_trl(
    bases: Callable[[str], Path], tmp_path: Path, architecture: str, method: dict[str, Any], items: int | None
) -> None:
    ready = Ready(bases(architecture), tmp_path, msgspec.structs.replace(SETTINGS, **method))
    ours, our_gradients = gradients(ready, ready.trainer.compute_loss, items)
    theirs, their_gradients = gradients(
        ready, lambda *a, **k: SFTTrainer.compute_loss(ready.trainer, *a, **k), items
    )
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert our_gradients.keys() == their_gradients.keys()
    for name, gradient in our_gradients.items():
        assert torch.allclose(gradient, their_gradients[name], atol=1e-5), name


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_training_misreads_completions_and_is_told_what_is_right(
    bases: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noise: float
) -> None:
    once = msgspec.structs.replace(SETTINGS, epochs=1)
    ready = Ready(bases("qwen3"), tmp_path, once, policy=Policy(input_noise=noise))
    wrong = supervised = 0
    compute_loss = ready.trainer.compute_loss

    def counted(model: Any, inputs: dict[str, Any], *more: Any, **named: Any) -> torch.Tensor:
        nonlocal wrong, supervised
        ids, labels = inputs["input_ids"], inputs["labels"]
        wrong += int(((ids != labels) & (labels != IGNORED)).sum())
        supervised += int((labels != IGNORED).sum())
        return compute_loss(model, inputs, *more, **named)

    monkeypatch.setattr(ready.trainer, "compute_loss", counted)
    ready.trainer.train()
    assert supervised and (0.2 < wrong / supervised < 0.6 if noise else wrong == 0)
