"""Keys and values of a batch whose rows come and go.

The library's own cache copies itself whole for each token that is written, and its rows are those that it began with.
Here a token is written in place, into room that was made for many of them, and rows that have ended make way for new
ones. Rows stand side by side with their newest token in the last column, so those that began later are padded on the
left; the mask says where each begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import Cache, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from bluebook.errors import BluebookError

ROOM = 128  # tokens; the cache is copied once for so many


class Layer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values, each of shape (rows, heads, columns, width), with columns to spare behind them."""

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        self._roomy_keys, self._roomy_values = self.keys, self.values
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add columns; the keys and values of all columns."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        begin = self.keys.shape[2]
        end = begin + key_states.shape[2]
        if end > self._roomy_keys.shape[2]:
            self._roomy_keys = _roomy([self.keys], begin, end + ROOM)
            self._roomy_values = _roomy([self.values], begin, end + ROOM)
        self._roomy_keys[:, :, begin:end] = key_states
        self._roomy_values[:, :, begin:end] = value_states
        self._cut(end)
        return self.keys, self.values

    def regroup(self, rows: torch.Tensor, columns: int, joined: Layer | None) -> None:
        """Keep `rows`, followed by those of `joined`, in the newest `columns` columns."""
        for name in ("keys", "values"):
            kept = getattr(self, name)[rows.to(self.device), :, -columns:]
            parts = [kept] if joined is None else [kept, getattr(joined, name)[:, :, -columns:]]
            setattr(self, f"_roomy_{name}", _roomy(parts, columns, columns + ROOM))
        self._cut(columns)

    def _cut(self, columns: int) -> None:
        self.keys, self.values = self._roomy_keys[:, :, :columns], self._roomy_values[:, :, :columns]


def roomy_cache(model: PreTrainedModel) -> Cache:
    """An empty cache for `model`.

    Raises BluebookError for a model whose layers keep anything but keys and values: a state cannot be cut and joined.
    """
    if not all(isinstance(layer, DynamicLayer) for layer in DynamicCache(config=model.config).layers):
        raise BluebookError(
            f"{model.config.model_type} has layers without keys and values, which are not asked in process; "
            "set answer_with in local.yaml to vllm or to a server"
        )
    # Layers with a sliding window keep every column too; the mask hides what lies before the window.
    return Cache(layer_class_to_replicate=Layer)


def regroup(cache: Cache, rows: Sequence[int], columns: int, joined: Cache | None = None) -> None:
    """Keep `rows` of a cache, followed by all of `joined`, in the newest `columns` columns."""
    kept = torch.tensor(rows, dtype=torch.long)
    for number, layer in enumerate(cache.layers):
        layer.regroup(kept, columns, None if joined is None else joined.layers[number])


def _roomy(parts: Sequence[torch.Tensor], columns: int, room: int) -> torch.Tensor:
    """The rows of all parts, each ending at column `columns` of `room`."""
    _, heads, _, width = parts[0].shape
    # Zeros: what is masked still counts nothing times whatever stands there.
    made = parts[0].new_zeros(sum(len(part) for part in parts), heads, room, width)
    row = 0
    for part in parts:
        made[row : row + len(part), :, columns - part.shape[2] : columns] = part
        row += len(part)
    return made
