"""Muon for hidden matrices, AdamW for everything else, as one optimiser that a trainer can schedule and save.

Muon replaces the gradient of a matrix by the nearest orthogonal matrix, so every direction of a layer moves
by the same amount; on small models it needs about half of AdamW's steps. It has no meaning for embeddings
(their rows are looked up, not multiplied), for the output head or for vectors; those stay with AdamW.

`torch.optim.Muon` takes one matrix after another. Here all of one shape are taken together: a small model has many
small matrices, and on a CPU the calls cost more than the sums.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import nn

ADAM_BETAS = (0.9, 0.95)  # usual for language models; 0.999 averages over more steps than a short run has
MUON_MOMENTUM = 0.95
NEWTON_SCHULZ = (
    3.4445,
    -4.7750,
    2.0315,
)  # coefficients and number of iterations: K. Jordan et al., "Muon", 2024
NEWTON_SCHULZ_STEPS = 5


class MuonAdamW(torch.optim.Optimizer):  # type: ignore[misc]
    """Muon on `matrices` and `torch.optim.AdamW` on the other groups, behind one state dict.

    Schedulers scale each group's own learning rate, so both parts follow one curve.
    """

    def __init__(
        self, matrices: list[nn.Parameter], others: list[dict[str, Any]], matrix_rate: float
    ) -> None:
        self._adamw = torch.optim.AdamW(others, betas=ADAM_BETAS)
        # AdamW's groups come first: a trainer logs the rate of the first group.
        super().__init__([*self._adamw.param_groups, {"params": matrices, "lr": matrix_rate}], {})

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # Groups and state live here and AdamW borrows them: loading a state dict replaces both objects, so the
        # loan is renewed at each step.
        self._adamw.param_groups, self._adamw.state = self.param_groups[:-1], self.state
        self._adamw.step()
        self._step_matrices(self.param_groups[-1])
        return loss

    def _step_matrices(self, group: dict[str, Any]) -> None:
        alike: dict[tuple[int, int], list[nn.Parameter]] = defaultdict(list)
        for weight in group["params"]:
            if weight.grad is not None:
                alike[weight.shape].append(weight)
        for (rows, columns), weights in alike.items():
            updates = []
            for weight in weights:
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight.grad)
                kept = state["momentum_buffer"]
                kept.lerp_(weight.grad, 1 - MUON_MOMENTUM)
                updates.append(weight.grad.lerp(kept, MUON_MOMENTUM))  # Nesterov's look ahead
            rate = group["lr"] * math.sqrt(max(1, rows / columns))
            for weight, update in zip(weights, orthogonal(updates), strict=True):
                weight.add_(update.to(weight.dtype), alpha=-rate)


def orthogonal(matrices: Sequence[torch.Tensor]) -> torch.Tensor:
    """About the nearest orthogonal matrix to each of some matrices of one shape, by Newton-Schulz in bfloat16.

    Singular values end between 0.7 and 1.2, which serves an update as well as 1 would.
    """
    stacked = torch.stack(list(matrices)).bfloat16()
    is_tall = stacked.shape[1] > stacked.shape[2]
    found = stacked.transpose(1, 2) if is_tall else stacked
    found = found / found.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = found @ found.transpose(1, 2)
        found = torch.baddbmm(found, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), found, beta=a)
    return found.transpose(1, 2) if is_tall else found


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
