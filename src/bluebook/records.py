"""The rows that stages hand to each other: JSONL, one typed struct a line.

A row has one shape everywhere. Reading is typed, so a malformed line is reported by file and line; writing sorts
keys and is atomic, so the same rows give the same bytes and a killed process leaves the old file or the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from bluebook.artifacts import atomic_writer
from bluebook.errors import DataError


class Record(msgspec.Struct, kw_only=True):
    """One item read from raw material. Each subject adds its own fields; only `id` is shared."""

    id: str


class Outcome(msgspec.Struct, kw_only=True):
    """The ledger's line for one input file: what became of it."""

    path: str
    original_id: str | None
    outcome: Literal["kept", "dropped", "duplicate", "unpaired", "quarantined"]
    reason: str | None
    pairs: int


class Sample(msgspec.Struct, kw_only=True):
    """One record before and after curation, for people to look at. Secrets are already replaced in both texts."""

    id: str
    construct: str
    before: dict[str, str]
    after: dict[str, str]
    changes: list[str]


OriginKind = Literal["record", "lesson", "generated"]


class Origin(msgspec.Struct, kw_only=True, frozen=True):
    """Where an example came from. Examples of one `group` never end on two sides of a split."""

    kind: OriginKind
    ref: str
    group: str


class Example(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One prompt/response pair in the subject's own notation."""

    id: str
    subject: str
    prompt: str
    response: str
    constructs: list[str]
    origin: Origin
    split: Literal["train", "validation", ""] = ""
    system: str | None = None


class Message(msgspec.Struct, kw_only=True):
    role: Literal["system", "user", "assistant"]
    content: str


class TokenCount(msgspec.Struct, kw_only=True):
    """Tokens of the rendered row: what the trainer will see, markers and stop token included."""

    prompt: int
    completion: int


INJECTED = "injected"  # the region of text that a tool put into a response: read, never learned
REGIONS_FILE = "regions.json"  # of a dataset: the names of its rows' regions
GRAMMAR_FILE = "grammar.lark"  # of a dataset: the subject's grammar, where it has one


class Region(msgspec.Struct, kw_only=True, frozen=True):
    """A part of a response, from the character `start` to before `end`."""

    name: str
    start: int
    end: int


class DatasetRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`regions` are those of the completion's text, in order, none within another. `origin` (of which kind the example
    is) and `constructs` are the example's; null and empty in a file of an earlier version."""

    id: str
    prompt: list[Message]
    completion: list[Message]
    tokens: TokenCount
    regions: list[Region] = []
    origin: OriginKind | None = None
    constructs: list[str] = []


class ExamItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: str
    exam: str
    version: str
    kind: Literal["practice", "holdout"]
    prompt: str
    reference: str
    constructs: list[str]
    system: str | None = None


class ReferenceLoss(msgspec.Struct, kw_only=True):
    """Mean negative log-likelihood of the reference, in nats a token, over `tokens` tokens, stop token included."""

    adapter: float
    base: float
    tokens: int


Mode = Literal["free", "constrained"]  # constrained: only what the subject's grammar allows could be written
Finish = Literal["stop", "length", "timeout", "error"]


class Answer(msgspec.Struct, kw_only=True, omit_defaults=True):
    item: str
    model: str
    mode: Mode
    text: str
    tokens: int
    finish: Finish
    reference_loss: ReferenceLoss | None = None


class GradeError(msgspec.Struct, kw_only=True, frozen=True):
    category: str
    construct: str
    detail: str


class Share(msgspec.Struct, frozen=True):
    """How many things of one kind are right, of those that the reference and the answer say. Of nothing, everything
    is right."""

    right: int = 0
    expected: int = 0
    actual: int = 0

    @property
    def recall(self) -> float:
        return self.right / self.expected if self.expected else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.actual if self.actual else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.expected + self.actual) if self.expected + self.actual else 1.0

    def __add__(self, other: Share) -> Share:
        return Share(self.right + other.right, self.expected + other.expected, self.actual + other.actual)


class Grade(msgspec.Struct, kw_only=True):
    """What the grader found. `per_construct` holds 1.0 where the item shows the construct right, else 0.0. `parts`
    counts what a subject compares, also of an answer that breaks its rules; one that does not parse says nothing."""

    item: str
    mode: Mode
    valid: bool
    score: float
    errors: list[GradeError]
    per_construct: dict[str, float]
    parts: dict[str, Share] = {}


T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="sorted")


def encode(row: object) -> bytes:
    """One JSON line without its newline, keys sorted."""
    return _encoder.encode(row)


def read_jsonl(path: Path, kind: type[T]) -> Iterator[T]:
    """Yield the rows of `path`. Raises DataError that names the file, the line and what was expected."""
    return (row for _, row in read_numbered(path, kind))


def read_numbered(path: Path, kind: type[T]) -> Iterator[tuple[int, T]]:
    """`read_jsonl` with each row's line number, counted from 1."""
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.isspace():
                continue
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DataError(path, number, f"expected one {kind.__name__} as JSON: {error}") from error
            yield number, row


def write_jsonl(path: Path, rows: Iterable[object]) -> int:
    """Write `rows` atomically and return how many there were."""
    count = 0
    with atomic_writer(path) as out:
        for row in rows:
            out.write(_encoder.encode(row))
            out.write(b"\n")
            count += 1
    return count
