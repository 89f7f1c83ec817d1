"""What the gate judges: the bytes that the trainer will read, beside what they must agree with.

A line that is no dataset row is kept as a line with a fault and without a row. Every other rule passes over
it, so one broken line is one finding and never hides the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import msgspec

from bluebook.corpus.apart import read_kept_apart
from bluebook.corpus.duplicates import Fingerprint, fingerprint
from bluebook.errors import DataError
from bluebook.records import DatasetRow, ExamItem, Example, read_jsonl

Split = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = get_args(Split)


class Line(msgspec.Struct, kw_only=True, gc=False):
    """One line of a split's file. `number` counts from 1; `row` is None where `fault` says why it cannot be
    read."""

    split: Split
    number: int
    row: DatasetRow | None
    fault: str = ""

    @property
    def where(self) -> str:
        return f"{self.split}.jsonl:{self.number}"

    @property
    def id(self) -> str:
        """The row's id; the place of a line that has none."""
        return self.where if self.row is None else self.row.id


@dataclass(frozen=True, eq=False)
class Dataset:
    """The lines of both splits in file order, train first, and what they are held against."""

    lines: Sequence[Line]
    examples: dict[str, Example]
    exam_items: Sequence[ExamItem]  # of every exam and of the holdout
    max_tokens: int
    near_duplicate: float  # Jaccard similarity at which two pairs count as one
    program: Callable[[str], str | None]  # a response's canonical program; None where it has none

    def rows(self) -> Iterator[tuple[int, Line, DatasetRow]]:
        """Every readable row with its index in `lines`."""
        for index, line in enumerate(self.lines):
            if line.row is not None:
                yield index, line, line.row

    @cached_property
    def pairs(self) -> dict[int, Fingerprint]:
        """Each readable row as it is compared, by its index in `lines`."""
        return {index: fingerprint(asked(row), replied(row)) for index, _, row in self.rows()}

    @cached_property
    def programs(self) -> dict[int, str]:
        """The canonical program of each row that has one, by its index in `lines`."""
        return {
            index: told for index, _, row in self.rows() if (told := self.program(replied(row))) is not None
        }


def asked(row: DatasetRow) -> str:
    """What a row asks. A system text is left out: many rows share it and it asks nothing."""
    return "\n".join(message.content for message in row.prompt if message.role != "system")


def replied(row: DatasetRow) -> str:
    """What a row's completion says."""
    return "\n".join(message.content for message in row.completion)


def read_dataset(
    folder: Path,
    examples: Path,
    exams: Path,
    holdout: Path,
    *,
    max_tokens: int,
    near_duplicate: float,
    program: Callable[[str], str | None],
) -> Dataset:
    """Read `folder`'s two splits, `examples`, every `*.jsonl` in `exams`, retired ones too, and `holdout`.

    Raises DataError where a file is missing, or where anything but a dataset line cannot be read: those files
    are not what is being judged.
    """
    for path in (*(folder / f"{split}.jsonl" for split in SPLITS), examples, holdout):
        if not path.is_file():
            raise DataError(path, None, "not found; run `dvc repro` for the stage that writes it")
    return Dataset(
        lines=[line for split in SPLITS for line in _read_split(folder / f"{split}.jsonl", split)],
        examples={example.id: example for example in read_jsonl(examples, Example)},
        exam_items=list(read_kept_apart(exams, holdout)),
        max_tokens=max_tokens,
        near_duplicate=near_duplicate,
        program=program,
    )


def _read_split(path: Path, split: Split) -> Iterator[Line]:
    decode = msgspec.json.Decoder(DatasetRow).decode
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            row, fault = None, ""
            try:
                row = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                fault = f"expected one dataset row as JSON: {error}"
            if row is not None and not line.endswith(b"\n"):  # what a copy that was cut short leaves behind
                row, fault = None, "the last line has no newline; the file may be cut short"
            yield Line(split=split, number=number, row=row, fault=fault)
