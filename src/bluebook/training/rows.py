"""Dataset rows as the trainer sees them: token ids, and labels that supervise the completion only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedTokenizerBase

from bluebook.errors import DataError
from bluebook.families import Family, encode_row
from bluebook.records import DatasetRow, read_jsonl

IGNORED = -100  # the label that torch's and TRL's losses leave out


class Row(NamedTuple):
    """One example, encoded. `content` is the answer's text before any wrapping, for comparing against."""

    id: str
    prompt: list[int]
    completion: list[int]
    content: str

    @property
    def features(self) -> dict[str, list[int]]:
        """What the trainer's collator takes: the whole sequence, and labels of the same length."""
        return {
            "input_ids": self.prompt + self.completion,
            "labels": [IGNORED] * len(self.prompt) + self.completion,
        }


def read_rows(path: Path, tokenizer: PreTrainedTokenizerBase, family: Family) -> list[Row]:
    """The rows of a dataset file, encoded. Raises DataError where the file's own token counts differ."""
    rows = []
    for number, row in enumerate(read_jsonl(path, DatasetRow), 1):
        if len(row.completion) != 1:
            raise DataError(
                path, number, f"row {row.id}: expected one assistant message, found {len(row.completion)}"
            )
        content = row.completion[0].content
        encoded = encode_row(tokenizer, family, row.prompt, content)
        counts = (len(encoded.prompt), len(encoded.completion))
        if counts != (row.tokens.prompt, row.tokens.completion):
            raise DataError(
                path,
                number,
                f"row {row.id} was exported as {row.tokens.prompt} + {row.tokens.completion} tokens and is "
                f"{counts[0]} + {counts[1]} with this base's tokenizer; export it again for this base",
            )
        rows.append(Row(row.id, *encoded, content))
    return rows


def length_batches(rows: Sequence[Row], size: int) -> list[list[Row]]:
    """All rows, longest first (what does not fit a device fails at once), `size` to a batch."""
    ordered = sorted(rows, key=lambda row: (-len(row.prompt) - len(row.completion), row.id))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def batch_loss(trainer: Any, rows: Sequence[Row]) -> tuple[torch.Tensor, int]:
    """The trainer's loss on `rows` through its collator: mean nats a supervised token, and their number."""
    return collated_loss(trainer, trainer.data_collator([row.features for row in rows]))


def collated_loss(trainer: Any, batch: dict[str, Any]) -> tuple[torch.Tensor, int]:
    """The trainer's own loss on a collated batch. Computed in the type that training computes in."""
    inputs = {
        name: value.to(trainer.args.device) if isinstance(value, torch.Tensor) else value
        for name, value in batch.items()
    }
    tokens = int((inputs["labels"][:, 1:] != IGNORED).sum())
    with torch.autocast(trainer.args.device.type, dtype=torch.bfloat16, enabled=trainer.args.bf16):
        return trainer.compute_loss(trainer.model, inputs), tokens


def mean_loss(trainer: Any, rows: Sequence[Row], size: int) -> float | None:
    """Mean nats a supervised token over all `rows`, each token counted once, to six digits; None without rows.

    The trainer's own `evaluate` averages batch means, which weighs the tokens of short answers more.
    """
    if not rows:
        return None
    was_training = trainer.model.training
    trainer.model.eval()
    total, tokens = 0.0, 0
    with torch.no_grad():
        for batch in length_batches(rows, size):
            loss, count = batch_loss(trainer, batch)
            total, tokens = total + loss.item() * count, tokens + count
    trainer.model.train(was_training)
    return round(total / max(tokens, 1), 6)
