"""Muon for hidden matrices, AdamW for everything else, as one optimiser that a trainer can schedule and save.

Muon replaces the gradient of a matrix by the nearest orthogonal matrix, so every direction of a layer moves
by the same amount; on small models it needs about half of AdamW's steps. It has no meaning for embeddings
(their rows are looked up, not multiplied), for the output head or for vectors; those stay with AdamW.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn

ADAM_BETAS = (0.9, 0.95)  # usual for language models; 0.999 averages over more steps than a short run has
MUON_MOMENTUM = 0.95
MUON_DECAY = 0.0  # it would be multiplied by Muon's own rate, some ten times AdamW's


class MuonAdamW(torch.optim.Optimizer):  # type: ignore[misc]
    """`torch.optim.Muon` on `matrices` and `torch.optim.AdamW` on the other groups, behind one state dict.

    Schedulers scale each group's own learning rate, so both parts follow one curve.
    """

    def __init__(
        self, matrices: list[nn.Parameter], others: list[dict[str, Any]], matrix_rate: float
    ) -> None:
        self._muon = torch.optim.Muon(
            matrices, lr=matrix_rate, momentum=MUON_MOMENTUM, weight_decay=MUON_DECAY
        )
        self._adamw = torch.optim.AdamW(others, betas=ADAM_BETAS)
        # AdamW's groups come first: a trainer logs the rate of the first group.
        super().__init__([*self._adamw.param_groups, *self._muon.param_groups], {})

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # Groups and state live here and the two parts borrow them: loading a state dict replaces both
        # objects, so the loan is renewed at each step.
        self._adamw.param_groups, self._muon.param_groups = self.param_groups[:-1], self.param_groups[-1:]
        self._muon.state = self._adamw.state = self.state
        self._muon.step()
        self._adamw.step()
        return loss


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """Trainable two-dimensional weights between the embedding and the output head."""
    outside = {
        id(weight)
        for part in model.modules()
        if isinstance(part, nn.Embedding)
        for weight in part.parameters()
    }
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if head is not None:
        outside |= {id(weight) for weight in head.parameters()}
    return [w for w in model.parameters() if w.requires_grad and w.ndim == 2 and id(w) not in outside]


def build(
    model: nn.Module,
    kind: Literal["muon", "adamw"],
    *,
    learning_rate: float,
    matrix_learning_rate: float,
    weight_decay: float,
) -> torch.optim.Optimizer:
    """The optimiser for the trainable weights of `model`. Vectors (norms, biases) are never decayed."""
    matrices = hidden_matrices(model) if kind == "muon" else []
    taken = {id(weight) for weight in matrices}
    rest = [w for w in model.parameters() if w.requires_grad and id(w) not in taken]
    groups = [
        {"params": [w for w in rest if w.ndim > 1], "lr": learning_rate, "weight_decay": weight_decay},
        {"params": [w for w in rest if w.ndim <= 1], "lr": learning_rate, "weight_decay": 0.0},
    ]
    if not matrices:
        return torch.optim.AdamW(groups, lr=learning_rate, betas=ADAM_BETAS)
    return MuonAdamW(matrices, groups, matrix_learning_rate)
