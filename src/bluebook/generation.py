"""What a model writes: tokens out of prompts, greedily, and the text that they are.

Each token is the most probable one, so what is written is a fact about the weights and not about a die. Prompts
are padded on the left with positions counted from their first real token. A row leaves its batch when it writes
the family's stop token or has no tokens left, and the next prompt takes its place, so that short answers never
wait for long ones.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import torch
from transformers import Cache, PreTrainedModel, PreTrainedTokenizerBase

from bluebook.errors import BluebookError
from bluebook.families import Family, read_completion
from bluebook.kvcache import regroup, roomy_cache


class Guide(Protocol):
    """What may be written, token by token. Rows are numbered as their prompts are."""

    def restrict(self, rows: Sequence[int], logits: torch.Tensor) -> torch.Tensor:
        """The logits of these rows, those of tokens that may not follow at minus infinity. A GPU may still be computing
        them when it is called."""

    def take(self, row: int, token: int) -> None:
        """Go on with a token."""


def greedy(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    *,
    stop: int,
    at_once: int,
    guide: Guide | None = None,
    seconds: float = math.inf,
) -> list[list[int]]:
    """The tokens that `model` writes after each prompt, up to and with `stop`, at most `limits` of them, at
    least one. Rows that are not done `seconds` after they began are left as they are.

    Raises BluebookError when `at_once` rows do not fit the device's memory.
    """
    written: list[list[int]] = [[] for _ in prompts]
    for step in steps(model, prompts, limits, stop=stop, at_once=at_once, guide=guide, seconds=seconds):
        for row, token in step:
            written[row].append(token)
    return written


def steps(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    *,
    stop: int,
    at_once: int,
    guide: Guide | None = None,
    seconds: float = math.inf,
) -> Iterator[list[tuple[int, int]]]:
    """What `greedy` writes as it is written: at each step the rows that go on, each with its next token."""
    batch, waiting = _Batch(model), deque(range(len(prompts)))
    written, until = [0] * len(prompts), [math.inf] * len(prompts)
    while waiting or batch.rows:
        idle = at_once - len(batch.rows)
        # New rows begin together, a quarter of the batch: one alone would cost nearly as much.
        begins = waiting and idle >= max(1, at_once // 4)
        rows = [waiting.popleft() for _ in range(min(idle, len(waiting)))] if begins else batch.rows
        for row in rows if begins else ():
            until[row] = time.monotonic() + seconds
        logits = batch.join(rows, [prompts[row] for row in rows]) if begins else batch.go_on()
        if guide is not None:
            logits = guide.restrict(rows, logits)
        step = list(zip(rows, logits.argmax(-1).tolist(), strict=True))
        for row, token in step:
            written[row] += 1
            if guide is not None:
                guide.take(row, token)
        yield step
        now = time.monotonic()
        batch.take(
            {
                row: token
                for row, token in step
                if token != stop and written[row] < limits[row] and now <= until[row]
            },
            among=rows,
        )


class _Batch:
    """Rows that are written side by side. `rows` are those that go on; one that has ended keeps its place, and costs
    what the others cost, until a quarter has."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._cache = roomy_cache(model)
        self._places: dict[int, int] = {}  # of the rows that go on
        self._next = torch.empty(0, dtype=torch.long, device=model.device)  # token of each place
        self._begins = torch.empty(0, dtype=torch.long, device=model.device)  # each place's first column
        self._columns = 0

    @property
    def rows(self) -> list[int]:
        return list(self._places)

    def join(self, rows: Sequence[int], prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Begin rows; their logits after the prompts."""
        ids, mask = padded(prompts, self._model.device, left=True)
        cache = roomy_cache(self._model)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        logits = self._forward(ids, mask, positions, cache)
        lengths = mask.sum(-1)
        if self._columns == 0:
            self._cache, self._columns, self._begins = cache, ids.shape[1], ids.shape[1] - lengths
        else:
            self._regroup(joined=(cache, lengths))
        self._next = torch.cat([self._next, self._next.new_zeros(len(rows))])
        self._places |= {row: len(self._places) + place for place, row in enumerate(rows)}
        return logits

    def go_on(self) -> torch.Tensor:
        """The logits of all rows after their last tokens."""
        self._columns += 1
        columns = torch.arange(self._columns, device=self._begins.device)
        mask = (columns >= self._begins[:, None]).long()
        logits = self._forward(
            self._next[:, None], mask, (self._columns - 1 - self._begins)[:, None], self._cache
        )
        places = list(self._places.values())
        return logits if len(places) == len(logits) else logits[places]

    def take(self, going: Mapping[int, int], *, among: Iterable[int]) -> None:
        """What rows go on with; those of `among` that do not have ended."""
        for row in among:
            if row not in going:
                del self._places[row]
        self._next[[self._places[row] for row in going]] = torch.tensor(
            list(going.values()), dtype=torch.long, device=self._next.device
        )
        if len(self._places) <= len(self._begins) * 3 // 4:
            self._regroup()

    def _regroup(self, joined: tuple[Cache, torch.Tensor] | None = None) -> None:
        """Close ranks: only the rows that go on, and those of `joined` (their cache and their lengths)."""
        places = list(self._places.values())
        lengths = (self._columns - self._begins)[places]
        if joined is not None:
            lengths = torch.cat([lengths, joined[1]])
        if not len(lengths):
            self._columns, self._begins, self._next = 0, self._begins[:0], self._next[:0]
            return
        self._columns = int(lengths.max())
        regroup(self._cache, places, self._columns, None if joined is None else joined[0])
        self._begins, self._next = self._columns - lengths, self._next[places]
        self._places = {row: place for place, row in enumerate(self._places)}

    def _forward(
        self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Cache
    ) -> torch.Tensor:
        seen = forward(
            self._model,
            ids,
            mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = seen.logits[:, -1]
        return logits


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
