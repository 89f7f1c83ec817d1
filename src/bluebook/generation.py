"""What a model writes: tokens out of prompts, greedily, and the text that they are.

Each token is the most probable one, so what is written is a fact about the weights and not about a die. Prompts
are padded on the left with positions counted from their first real token. A row leaves its batch when it writes
the family's stop token or has no tokens left; the others go on without it. On two cores that is about twice as
fast as the library's own loop, which computes finished rows to the end of the longest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bluebook.errors import BluebookError
from bluebook.families import Family, read_completion


class Guide(Protocol):
    """What may be written, token by token. Rows are numbered as their prompts are."""

    def prepare(self, rows: Sequence[int]) -> None:
        """Begin to find out what these rows may go on with. Returns at once; the model computes meanwhile."""

    def restrict(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits of the prepared rows, those of tokens that may not follow at minus infinity."""

    def take(self, row: int, token: int) -> None:
        """Go on with a token."""


def greedy(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    *,
    stop: int,
    guide: Guide | None = None,
    seconds: float = math.inf,
) -> list[list[int]]:
    """The tokens that `model` writes after each prompt, up to and with `stop`, at most `limits` of them, at
    least one. Rows that are not done after `seconds` are left as they are.

    Raises BluebookError when the batch does not fit the device's memory.
    """
    written: list[list[int]] = [[] for _ in prompts]
    for step in steps(model, prompts, limits, stop=stop, guide=guide, seconds=seconds):
        for row, token in step:
            written[row].append(token)
    return written


def steps(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    *,
    stop: int,
    guide: Guide | None = None,
    seconds: float = math.inf,
) -> Iterator[list[tuple[int, int]]]:
    """What `greedy` writes as it is written: at each step the rows that go on, each with its next token."""
    until = time.monotonic() + seconds
    ids, mask = padded(prompts, model.device, left=True)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    alive = list(range(len(prompts)))
    cache, count = None, 0
    while True:
        if guide is not None:
            guide.prepare(alive)
        seen = forward(
            model,
            ids,
            mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache, logits, count = seen.past_key_values, seen.logits[:, -1], count + 1
        if guide is not None:
            logits = guide.restrict(logits)
        chosen = logits.argmax(-1)
        step = list(zip(alive, chosen.tolist(), strict=True))
        if guide is not None:
            for row, token in step:
                guide.take(row, token)
        yield step
        going = [place for place, (row, token) in enumerate(step) if token != stop and count < limits[row]]
        if not going or time.monotonic() > until:
            return
        if len(going) < len(alive):
            alive = [alive[place] for place in going]
            kept = torch.tensor(going, device=model.device)
            cache.batch_select_indices(kept)
            chosen, mask, positions = chosen[kept], mask[kept], positions[kept]
        ids, positions = chosen[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)


def content(tokenizer: PreTrainedTokenizerBase, family: Family, tokens: Sequence[int]) -> str:
    """The text of what was generated, without the family's markers and any other special token."""
    # Cleaning up would close the gap before a full stop that the model did leave; some tokenizers do it by
    # default.
    whole = tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    text = read_completion(family, whole)
    for token in tokenizer.all_special_tokens:
        text = text.replace(token, "")
    return text


def stop_id(tokenizer: PreTrainedTokenizerBase, family: Family) -> int:
    """The id of the family's stop token. Raises BluebookError where the tokenizer has no such token."""
    token = family.stop_token
    found = tokenizer.convert_tokens_to_ids(token)
    # A tokenizer answers an unknown token with None or with its token for unknown ones.
    if found is None or tokenizer.convert_ids_to_tokens(found) != token:
        raise BluebookError(
            f"family {family.name} ends an answer with {token!r}, which is no token of this model's "
            "tokenizer; set base.family in params.yaml to the family of the base"
        )
    return int(found)


def context(model: PreTrainedModel) -> int:
    """Tokens that the model can hold, prompt and answer together."""
    length: int = model.config.get_text_config().max_position_embeddings
    return length


def forward(model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor, **more: Any) -> Any:
    """The model's output without gradients. Raises BluebookError when the batch does not fit the device's memory."""
    try:
        with torch.no_grad():
            return model(input_ids=ids, attention_mask=mask, **more)
    except torch.OutOfMemoryError as error:
        raise BluebookError(
            f"{len(ids)} exam items at once do not fit the device's memory; "
            "set answer_batch in local.yaml lower"
        ) from error


def padded(
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


def batches(rows: Sequence[T], size: int) -> list[Sequence[T]]:
    """`rows` in order, `size` at a time."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
