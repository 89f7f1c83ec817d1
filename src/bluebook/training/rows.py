"""Dataset rows as the trainer sees them: token ids, labels that supervise the completion only, and what more is known
of each token (its region, its state in the subject's grammar)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, overload

import pyarrow as pa
import torch
from datasets import Dataset
from datasets.arrow_writer import ArrowWriter
from transformers import PreTrainedTokenizerBase

from bluebook.errors import BluebookError, DataError
from bluebook.families import Family, encode_row, render_completion, render_prompt
from bluebook.records import INJECTED, DatasetRow, Message, read_jsonl
from bluebook.training.batching import IGNORED
from bluebook.training.regions import OTHER, Measured, Tally, token_regions

PART = 1000  # rows that are read and written at once


class Row(NamedTuple):
    """One example, encoded. `content` is the answer's text before any wrapping, for comparing against.

    The last three have one value a token of the completion, or none at all: the number of its region, the number of
    the mask of what the grammar allows in its place (0: anything), and whether a tool put it in.
    """

    id: str
    prompt: list[int]
    completion: list[int]
    content: str
    regions: Sequence[int] = ()
    states: Sequence[int] = ()
    injected: Sequence[bool] = ()

    @property
    def labels(self) -> list[int]:
        """Of the completion: its tokens, but for what a tool put in."""
        if not any(self.injected):
            return self.completion
        return [
            IGNORED if given else token for token, given in zip(self.completion, self.injected, strict=True)
        ]

    @property
    def features(self) -> dict[str, list[int]]:
        """What the trainer's collator takes: the whole sequence, and lists of the same length beside it."""
        found = {
            "input_ids": self.prompt + self.completion,
            "labels": [IGNORED] * len(self.prompt) + self.labels,
        }
        for name in ("regions", "states"):
            if values := getattr(self, name):
                found[name] = [0] * len(self.prompt) + list(values)
        return found


SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "prompt": pa.list_(pa.int32()),
        "completion": pa.list_(pa.int32()),
        "content": pa.string(),
        "regions": pa.list_(pa.int32()),
        "states": pa.list_(pa.int32()),
        "injected": pa.list_(pa.bool_()),
    }
)


class Rows(Sequence[Row]):
    """Rows in a file that has no name, from which the system reads what is asked for and forgets it again.

    Training on a million rows takes the memory of training on a thousand. As Python lists a token takes up to forty
    bytes, twice: in the prompt or completion, and among the labels.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        with tempfile.NamedTemporaryFile(suffix=".arrow") as file:
            with pa.ipc.new_file(file, SCHEMA) as writer:
                waiting = iter(rows)
                while part := list(islice(waiting, PART)):
                    columns = zip(*part, strict=True)
                    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
                    writer.write_batch(pa.record_batch(arrays, schema=SCHEMA))
            file.flush()
            self._file = pa.ipc.open_file(pa.memory_map(file.name))  # the map outlives the name
        parts = self._file.num_record_batches
        self._count = PART * (parts - 1) + self._file.get_batch(parts - 1).num_rows if parts else 0

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(self._count))]
        at = range(self._count)[index]
        return self._read(at // PART, at % PART, 1)[0]

    def __iter__(self) -> Iterator[Row]:
        for part in range(self._file.num_record_batches):
            yield from self._read(part, 0, PART)

    def _read(self, part: int, start: int, count: int) -> list[Row]:
        return [Row(**values) for values in self._file.get_batch(part).slice(start, count).to_pylist()]


def features(rows: Iterable[Row]) -> Dataset:
    """What the trainer takes: `Row.features` of each row, in a file of the same kind as that of `Rows`."""
    with tempfile.NamedTemporaryFile(suffix=".arrow") as file:
        with ArrowWriter(path=file.name, writer_batch_size=PART) as writer:
            for row in rows:
                writer.write(row.features)
            writer.finalize()
        return Dataset.from_file(file.name)


def read_rows(
    path: Path, tokenizer: PreTrainedTokenizerBase, family: Family, regions: Sequence[str] = (OTHER,)
) -> Rows:
    """The rows of a dataset file, encoded; `regions` are the names that its rows may use.

    Raises DataError where the file's own token counts differ, and for a region of another name.
    """
    return Rows(_encoded(path, tokenizer, family, regions))


def _encoded(
    path: Path, tokenizer: PreTrainedTokenizerBase, family: Family, regions: Sequence[str]
) -> Iterator[Row]:
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
        made = Row(row.id, *encoded, content)
        if unknown := {region.name for region in row.regions} - set(regions):
            names = ", ".join(sorted(unknown))
            raise DataError(
                path,
                number,
                f"row {row.id} has regions that {path.parent} does not list: {names}; export it again",
            )
        if len(regions) > 1:
            spans = content_spans(made, row.prompt, tokenizer, family)
            numbers = token_regions(row.regions, spans, regions)
            given = [regions[number] == INJECTED for number in numbers]
            made = made._replace(regions=numbers, injected=given)
        yield made


def content_spans(
    row: Row, prompt: Sequence[Message], tokenizer: PreTrainedTokenizerBase, family: Family
) -> list[tuple[int, int]]:
    """The characters of the row's content that each token of its completion stands for.

    A token of the wrapping lies before 0 or behind the content's end.
    """
    opening, answer = render_prompt(family, prompt), render_completion(family, row.content)
    for before in (opening, ""):  # the two ways in which `encode_row` encodes a completion
        found = tokenizer(before + answer, add_special_tokens=False, return_offsets_mapping=True)
        skipped = len(row.prompt) if before else 0
        if found["input_ids"][skipped:] == row.completion:
            shift = len(before) + len(family.answer_prefix)
            return [(start - shift, end - shift) for start, end in found["offset_mapping"][skipped:]]
    raise BluebookError(
        f"row {row.id}: the tokenizer encodes the answer in another way when asked for characters; its regions "
        f"cannot be told"
    )


def length_batches(rows: Sequence[Row], size: int) -> Iterator[list[Row]]:
    """All rows, longest first (what does not fit a device fails at once), `size` to a batch."""
    order = sorted((-len(row.prompt) - len(row.completion), row.id, index) for index, row in enumerate(rows))
    for start in range(0, len(order), size):
        yield [rows[index] for *_, index in order[start : start + size]]


def batch_loss(trainer: Any, rows: Sequence[Row]) -> tuple[torch.Tensor, int]:
    """The trainer's objective on `rows` through its collator, and the number of supervised tokens."""
    return collated_loss(trainer, trainer.data_collator([row.features for row in rows]))


def collated_loss(trainer: Any, batch: dict[str, Any]) -> tuple[torch.Tensor, int]:
    """The trainer's objective on a collated batch, in the type that training computes in."""
    inputs = _on_device(trainer, batch)
    tokens = int((inputs["labels"][:, 1:] != IGNORED).sum())
    with torch.autocast(trainer.args.device.type, dtype=torch.bfloat16, enabled=trainer.args.bf16):
        return trainer.compute_loss(trainer.model, inputs), tokens


def _on_device(trainer: Any, batch: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.to(trainer.args.device) if isinstance(value, torch.Tensor) else value
        for name, value in batch.items()
    }


def region_tokens(rows: Sequence[Row], regions: int) -> list[int]:
    """How many supervised tokens each of so many regions has."""
    found = [0] * regions
    for row in rows:
        for number, label in zip(row.regions or [0] * len(row.completion), row.labels, strict=True):
            found[number] += label != IGNORED
    return found


def measure(trainer: Any, rows: Sequence[Row], size: int) -> Measured | None:
    """Losses over all `rows`, each token counted once, in evaluation mode; None without rows.

    The trainer's own `evaluate` averages batch means, which weighs the tokens of short answers more.
    """
    was_training = trainer.model.training
    trainer.model.eval()
    tally = Tally(trainer.policy.regions, trainer.args.device)
    with torch.no_grad():
        for part in length_batches(rows, size):
            batch = trainer.data_collator([row.features for row in part])
            inputs = _on_device(trainer, batch)
            with torch.autocast(trainer.args.device.type, dtype=torch.bfloat16, enabled=trainer.args.bf16):
                tally.add(*trainer.token_losses(trainer.model, inputs))
    trainer.model.train(was_training)
    return tally.read()


def mean_loss(trainer: Any, rows: Sequence[Row], size: int) -> float | None:
    """Mean nats a supervised token over all `rows`, to six digits; None without rows."""
    measured = measure(trainer, rows, size)
    return None if measured is None else round(measured.loss, 6)
