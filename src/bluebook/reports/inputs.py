"""What the reports read: metrics, rows and the outcome of a gate, each of them optional.

A report is looked at most when something failed half-way, so a file that is not there yet is None or empty
and the page says so. A file that is there and malformed is a DataError that names it. Keys that a report does
not know are left to whoever wrote them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from bluebook.errors import DataError
from bluebook.records import read_jsonl


class Construct(msgspec.Struct, kw_only=True):
    """Accuracy of one construct over its n items, with the Wilson 95 % interval."""

    n: int
    accuracy: float
    low: float
    high: float
    status: str
    firm: bool = False


class Part(msgspec.Struct, kw_only=True):
    """One kind of thing that a subject counts, over all answers together."""

    f1: float


class Baseline(msgspec.Struct, kw_only=True):
    """What a model without training scores on the same items."""

    n: int
    score: float
    low: float
    high: float
    parts: dict[str, Part] = {}


class Reading(msgspec.Struct, kw_only=True):
    """What answers are worth if the programs inside them count."""

    parse_rate: float
    valid_rate: float
    score: float


class ModeTotals(Baseline, kw_only=True):
    """One mode's answers as they stand, and read leniently; `outcomes` add up to n."""

    parse_rate: float
    valid_rate: float
    outcomes: dict[str, int]
    lenient: Reading


class LossMean(msgspec.Struct, kw_only=True):
    """Mean negative log-likelihood of the references in nats a token: the adapter's and the untrained
    base's."""

    n: int
    adapter: float
    base: float


class Mastery(msgspec.Struct, kw_only=True):
    """One exam's result: `metrics/S/mastery.json` for the holdout, `practice.json` for the practice exam."""

    subject: str
    exam: str
    version: str
    n: int
    valid_rate: float
    score: float
    low: float
    high: float
    mode: str = "free"
    unanswered: int = 0
    constructs: dict[str, Construct] = {}
    parts: dict[str, Part] = {}
    baselines: dict[str, Baseline] = {}
    errors: dict[str, int] = {}  # by category
    loss: dict[str, LossMean] = {}  # by construct, and `all`
    modes: dict[str, ModeTotals] = {}  # free | constrained


class FailingRow(msgspec.Struct, kw_only=True):
    id: str
    where: str = ""
    detail: str = ""


class RuleResult(msgspec.Struct, kw_only=True):
    """One rule's verdict. `severity` says what breaking it means: failure, warning or waived."""

    name: str
    kind: str  # rows | share | count
    passed: bool
    severity: Literal["failure", "warning", "waived"]
    why: str = ""
    remedy: str = ""
    failing: list[FailingRow] = []  # the first few; GateResult.failing_rows counts all
    value: float | None = None
    threshold: float | None = None
    waiver: str | None = None


class GateResult(msgspec.Struct, kw_only=True):
    """A gate's verdict on a dataset."""

    passed: bool
    rows: dict[str, int] = {}  # by split
    rules: list[RuleResult] = []
    failing_rows: dict[str, int] = {}  # by rule


class Finding(msgspec.Struct, kw_only=True):
    """What one health rule found."""

    rule: str
    level: Literal["INFO", "SUGGESTION", "WARNING", "CRITICAL"]
    value: float
    threshold: float
    detail: str
    advice: str = ""


class Health(msgspec.Struct, kw_only=True):
    """A cycle's findings, worst first."""

    findings: list[Finding]


class LossRow(msgspec.Struct, kw_only=True):
    """One point of `loss.json`; losses in nats a supervised token."""

    step: int
    epoch: float | None = None
    loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None


class Training(msgspec.Struct, kw_only=True):
    """The parts of `train.json` that a page shows."""

    method: str
    rows: int
    steps: int
    epochs: float
    parameters_trained: int
    validation_loss: float | None = None
    base_validation_loss: float | None = None  # the same rows before the first step


T = TypeVar("T")


def read_optional(path: Path, kind: type[T]) -> T | None:
    """The JSON file as `kind`, or None where there is no file yet. Raises DataError where it does not fit."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    return decode(raw, kind, path)


def read_metric(path: Path, kind: type[T]) -> T:
    """The JSON file as `kind`. Raises DataError where there is none yet, or where it does not fit."""
    found = read_optional(path, kind)
    if found is None:
        raise DataError(path, None, "not found; run `dvc repro`, which writes it")
    return found


def decode(raw: bytes, kind: type[T], where: Path) -> T:
    """`raw` as `kind`. Raises DataError that names `where` and the key."""
    try:
        # Not strict: metrics hold truth values as 0 and 1, because `dvc metrics diff` compares numbers only.
        return msgspec.json.decode(raw, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(where, None, f"not what a report can read: {error}; run its stage again") from error


def rows_if_any(path: Path, kind: type[T]) -> Iterator[T]:
    """The rows of a JSONL file; none where there is no file yet."""
    if path.exists():
        yield from read_jsonl(path, kind)
