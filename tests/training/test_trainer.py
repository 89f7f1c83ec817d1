from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from trl import SFTTrainer

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
