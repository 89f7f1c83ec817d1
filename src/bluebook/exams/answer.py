"""What a model writes when it is asked exam items. Nothing is judged here.

Decoding is greedy: each token is the most probable one, so an answer is a fact about the weights and not
about a die. Items are asked in batches of similar length, the longest first, so that a batch too large for
the memory fails at once and not after an hour. Prompts are padded on the left with positions counted from
their first real token. A row leaves its batch when it writes the family's stop token or has no tokens left;
the others go on without it. On two cores that is about twice as fast as the library's own loop, which
computes finished rows to the end of the longest.

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

from bluebook.errors import BluebookError
from bluebook.exams.partial import Partial
from bluebook.families import Encoded, Family, encode_prompt, encode_row, family_named, read_completion
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
        length: int = self.model.config.get_text_config().max_position_embeddings
        return length

    @property
    def stop(self) -> int:
        """The id of the family's stop token. Raises BluebookError where the tokenizer has no such token."""
        token = self.family.stop_token
        found = self.tokenizer.convert_tokens_to_ids(token)
        # A tokenizer answers an unknown token with None or with its token for unknown ones.
        if found is None or self.tokenizer.convert_ids_to_tokens(found) != token:
            raise BluebookError(
                f"family {self.family.name} ends an answer with {token!r}, which is no token of this model's "
                "tokenizer; set base.family in params.yaml to the family of the base"
            )
        return int(found)


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
        text=_text(candidate, tokens),
        tokens=len(tokens),
        finish=finish,
    )


def _text(candidate: Candidate, tokens: Sequence[int]) -> str:
    """The content of what was generated, without the family's markers and any other special token."""
    # Cleaning up would close the gap before a full stop that the model did leave; some tokenizers do it by
    # default.
    whole = candidate.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    text = read_completion(candidate.family, whole)
    for token in candidate.tokenizer.all_special_tokens:
        text = text.replace(token, "")
    return text


def greedy(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], limits: Sequence[int], *, stop: int
) -> list[list[int]]:
    """The tokens that `model` writes after each prompt, up to and with `stop`, at most `limits` of them, at
    least one.

    Raises BluebookError when the batch does not fit the device's memory.
    """
    ids, mask = _pad(prompts, model.device, left=True)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    written: list[list[int]] = [[] for _ in prompts]
    alive = list(range(len(prompts)))
    cache = None
    while True:
        seen = _forward(
            model,
            ids,
            mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache, chosen = seen.past_key_values, seen.logits[:, -1].argmax(-1)
        for row, token in zip(alive, chosen.tolist(), strict=True):
            written[row].append(token)
        going = [
            place
            for place, row in enumerate(alive)
            if written[row][-1] != stop and len(written[row]) < limits[row]
        ]
        if not going:
            return written
        if len(going) < len(alive):
            alive = [alive[place] for place in going]
            kept = torch.tensor(going, device=model.device)
            cache.batch_select_indices(kept)
            chosen, mask, positions = chosen[kept], mask[kept], positions[kept]
        ids, positions = chosen[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)


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
    ids, mask = _pad([[*row.prompt, *row.completion] for row in rows], model.device, left=False)
    # The token at a place is predicted one place earlier. A large vocabulary's logits for every prompt token
    # would fill the memory, so only those from the shortest prompt's end on are computed.
    first = min(len(row.prompt) for row in rows) - 1
    logits = _forward(model, ids, mask, use_cache=False, logits_to_keep=ids.shape[1] - first).logits
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


def _forward(model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor, **more: Any) -> Any:
    try:
        with torch.no_grad():
            return model(input_ids=ids, attention_mask=mask, **more)
    except torch.OutOfMemoryError as error:
        raise BluebookError(
            f"{len(ids)} exam items at once do not fit the device's memory; "
            "set answer_batch in local.yaml lower"
        ) from error


def _pad(
    rows: Sequence[Sequence[int]], device: torch.device, *, left: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask of the rows; what is padded is masked, so any id will do."""
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        span = slice(width - len(row), width) if left else slice(0, len(row))
        ids[place, span] = torch.tensor(row)
        mask[place, span] = 1
    return ids.to(device), mask.to(device)


T = TypeVar("T")


def _batches(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
