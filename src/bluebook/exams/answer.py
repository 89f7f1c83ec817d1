"""What a model writes when it is asked exam items. Nothing is judged here.

Decoding is greedy (`generation.py`). Items are asked in batches of similar length, the longest first, so that
a batch too large for the memory fails at once and not after an hour.

The batches follow from the whole exam and not from what is left of it, so a killed run that goes on asks in
the same company as before. Company matters in the last bit only: a kernel may sum in another order for
another shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bluebook.exams.partial import Partial
from bluebook.families import Encoded, Family, encode_prompt, encode_row, family_named
from bluebook.generation import content, context, forward, greedy, padded, stop_id
from bluebook.models import base_manifest, load_model, load_tokenizer
from bluebook.params import Local
from bluebook.records import Answer, ExamItem, Message
from bluebook.steps import Step

LOSS_DIGITS = 6  # of a loss in nats; what follows depends on the batch's shape


@dataclass(frozen=True)
class Candidate:
    """Who sits the exam. `name` says which weights these are."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    family: Family

    @property
    def context(self) -> int:
        """Tokens that the model can hold, prompt and answer together."""
        return context(self.model)

    @property
    def stop(self) -> int:
        """The id of the family's stop token. Raises BluebookError where the tokenizer has no such token."""
        return stop_id(self.tokenizer, self.family)


def load_candidate(name: str, base: Path, adapter: Path | None, local: Local) -> Candidate:
    """The model of `adapter` on `base`, or the base alone, ready to be asked."""
    return Candidate(
        name=name,
        model=load_model(base, adapter, local),
        tokenizer=load_tokenizer(base),
        family=family_named(base_manifest(base).family),
    )


class Loss(NamedTuple):
    """Mean negative log-likelihood, in nats a token, over `tokens` tokens."""

    mean: float
    tokens: int


class _Asked(NamedTuple):
    item: ExamItem
    prompt: list[int]
    limit: int  # tokens that may be generated


def messages(item: ExamItem) -> list[Message]:
    """What an item shows the model."""
    system = [] if item.system is None else [Message(role="system", content=item.system)]
    return [*system, Message(role="user", content=item.prompt)]


def answer(
    candidate: Candidate,
    items: Sequence[ExamItem],
    *,
    max_new_tokens: int,
    batch: int,
    partial: Partial,
    running: Step,
) -> list[Answer]:
    """Answers to all items, sorted by item id.

    `batch` rows are computed at once. A prompt that leaves no room in the model's context is answered with
    the finish `error`; one that leaves less than `max_new_tokens` is cut off there, with the finish `length`.
    """
    room = candidate.context
    asked, answers = [], []
    for item in items:
        prompt = encode_prompt(candidate.tokenizer, candidate.family, messages(item))
        limit = min(max_new_tokens, room - len(prompt))
        if limit > 0:
            asked.append(_Asked(item, prompt, limit))
        else:
            answers.append(_answer(candidate, item, [], "error"))
    asked.sort(key=lambda row: (-len(row.prompt), row.item.id))
    for rows in _batches(asked, batch):
        known = [partial.get(row.item) for row in rows]
        # A batch is taken from the partial file whole or not at all: see the module's last paragraph.
        taken = [found for found in known if found is not None]
        if len(taken) < len(rows):
            taken = _answer_batch(candidate, rows)
            partial.keep({found.item: found for found in taken}, {row.item.id: row.item for row in rows})
        answers += taken
        running.progress(len(answers), len(items))
    return sorted(answers, key=lambda found: found.item)


def _answer_batch(candidate: Candidate, rows: Sequence[_Asked]) -> list[Answer]:
    written = greedy(
        candidate.model, [row.prompt for row in rows], [row.limit for row in rows], stop=candidate.stop
    )
    return [
        _answer(candidate, row.item, tokens, "stop" if tokens[-1] == candidate.stop else "length")
        for row, tokens in zip(rows, written, strict=True)
    ]


def _answer(candidate: Candidate, item: ExamItem, tokens: Sequence[int], finish: Any) -> Answer:
    return Answer(
        item=item.id,
        model=candidate.name,
        mode="free",
        text=content(candidate.tokenizer, candidate.family, tokens),
        tokens=len(tokens),
        finish=finish,
    )


def reference_losses(
    candidate: Candidate, items: Sequence[ExamItem], *, batch: int, running: Step
) -> dict[str, Loss]:
    """How improbable each item's reference is to the model, by item id, stop token included.

    A row longer than the model's context has no loss and is left out of the result.
    """
    rows = [
        (item.id, encode_row(candidate.tokenizer, candidate.family, messages(item), item.reference))
        for item in items
    ]
    fitting = [
        (name, row) for name, row in rows if len(row.prompt) + len(row.completion) <= candidate.context
    ]
    fitting.sort(key=lambda pair: (-len(pair[1].prompt) - len(pair[1].completion), pair[0]))
    losses: dict[str, Loss] = {}
    for chosen in _batches(fitting, batch):
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


def _overall(losses: Any) -> float:
    tokens = sum(loss.tokens for loss in losses)
    return float(sum(loss.mean * loss.tokens for loss in losses) / tokens)


T = TypeVar("T")


def _batches(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
