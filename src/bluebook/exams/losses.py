"""How improbable the references of an exam are to a model: what it knows, whatever it writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from bluebook.exams.engine import Asked
from bluebook.exams.inprocess import Candidate
from bluebook.families import Encoded, encode_row
from bluebook.generation import batches, forward, padded
from bluebook.records import ExamItem
from bluebook.steps import Step

LOSS_DIGITS = 6  # of a loss in nats; what follows depends on the batch's shape


class Loss(NamedTuple):
    """Mean negative log-likelihood, in nats a token, over `tokens` tokens."""

    mean: float
    tokens: int


def reference_losses(
    candidate: Candidate, items: Sequence[ExamItem], *, batch: int, running: Step
) -> dict[str, Loss]:
    """How improbable each item's reference is to the model, by item id, stop token included.

    A row longer than the model's context has no loss and is left out of the result.
    """
    rows = [
        (
            item.id,
            encode_row(candidate.tokenizer, candidate.family, Asked(item, "free").messages, item.reference),
        )
        for item in items
    ]
    fitting = [
        (name, row) for name, row in rows if len(row.prompt) + len(row.completion) <= candidate.context
    ]
    fitting.sort(key=lambda pair: (-len(pair[1].prompt) - len(pair[1].completion), pair[0]))
    losses: dict[str, Loss] = {}
    for chosen in batches(fitting, batch):
        means = _batch_losses(candidate.model, [row for _, row in chosen])
        losses.update(zip((name for name, _ in chosen), means, strict=True))
        running.progress(len(losses), len(fitting), loss=_overall(losses.values()))
    return losses


def _batch_losses(model: PreTrainedModel, rows: Sequence[Encoded]) -> list[Loss]:
    ids, mask = padded([[*row.prompt, *row.completion] for row in rows], model.device, left=False)
    # The token at a place is predicted one place earlier. A large vocabulary's logits for every prompt token
    # would fill the memory, so only those from the shortest prompt's end on are computed.
    first = min(len(row.prompt) for row in rows) - 1
    logits = forward(model, ids, mask, use_cache=False, logits_to_keep=ids.shape[1] - first).logits
    losses = []
    for place, row in enumerate(rows):
        start = len(row.prompt) - 1 - first
        predicted = logits[place, start : start + len(row.completion)].float()
        target = torch.tensor(row.completion, device=predicted.device)
        losses.append(Loss(round(cross_entropy(predicted, target).item(), LOSS_DIGITS), len(row.completion)))
    return losses


def _overall(losses: Iterable[Loss]) -> float:
    total, tokens = 0.0, 0
    for loss in losses:
        total, tokens = total + loss.mean * loss.tokens, tokens + loss.tokens
    return total / tokens
