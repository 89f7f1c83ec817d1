"""What a subject is: the training set's author and the exam's judge, in one object.

A subject knows its language and nothing of models, pipelines or gates: it imports neither torch, transformers, DVC nor
Great Expectations. Its rules for the gate are plain functions; the gate turns them into a suite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Protocol

import msgspec

from bluebook.errors import BluebookError
from bluebook.records import DatasetRow, ExamItem, Example, GradeError, Outcome, Record, Region, Sample, Share


class ParseError(BluebookError):
    """A text that is not in the subject's language."""

    def __init__(self, line: int, column: int, expected: str, found: str) -> None:
        self.line, self.column, self.expected, self.found = line, column, expected, found
        super().__init__(f"line {line}, column {column}: expected {expected}, found {found}")


class Diagnostic(msgspec.Struct, kw_only=True, frozen=True):
    """A fault beyond the grammar. Line and column count from 1; `construct` is what the fault concerns."""

    line: int
    column: int
    code: str
    message: str
    construct: str = ""

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.code}: {self.message}"


class Comparison(msgspec.Struct, kw_only=True):
    """How near `actual` is to `expected`. `score` lies in [0, 1]; `per_construct` holds 1.0 for each construct of
    `expected` that `actual` shows right, else 0.0; `parts` may count kinds of things (nodes, edges) for their own
    precision and recall. `otherwise` is what it says of a construct that it does not know (which stage of a curriculum
    an item belongs to, say); None: right when nothing at all is wrong."""

    score: float
    errors: list[GradeError]
    per_construct: dict[str, float]
    parts: dict[str, Share] = {}
    otherwise: float | None = None


class Continuation(msgspec.Struct, kw_only=True, frozen=True):
    """What may follow a text that ends with a whole line: one of `texts`, a line that matches one of `patterns`, or,
    where `end` is true, nothing. A pattern is the body of a terminal in Lark, as `/a+/` or `/[a-z]+/ & ~/if|else/`;
    one that was used before costs nothing. Line ends are not part of either.

    `headed` are patterns behind a text of their own, which ends where a token does, as before a space: what differs in
    the text alone, such as a number, is one pattern."""

    texts: Sequence[str] = ()
    patterns: Sequence[str] = ()
    headed: Sequence[tuple[str, str]] = ()
    end: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether a line may follow."""
        return bool(self.texts or self.patterns or self.headed)


class Picture(msgspec.Struct, kw_only=True, frozen=True):
    """A graph to be drawn: `text` is what Unreal's editor puts into the clipboard, which a script of the page draws;
    the counts are those of what it holds. A subject that draws for itself gives `svg`, a whole element without
    scripts whose words are escaped, and no text; what is odd then has the class `odd` in it.

    The `odd_` fields are what the graph on the other side of a comparison does not have: nodes by their names
    in `text`, wires as (output's node, its pin's id, input's node, its pin's id), and for nodes that are there
    on both sides what this one says of itself that the other does not."""

    title: str
    text: str = ""
    svg: str = ""
    nodes: int
    pins: int
    wires: int
    odd_nodes: Sequence[str] = ()
    odd_wires: Sequence[tuple[str, str, str, str]] = ()
    odd_values: Mapping[str, str] = msgspec.field(default_factory=dict)


class PicturePair(msgspec.Struct, kw_only=True, frozen=True):
    """A graph of a reference beside that of an answer; None where one of them has no such graph."""

    expected: Picture | None
    actual: Picture | None


class RowRule(msgspec.Struct, kw_only=True, frozen=True):
    """A rule that every dataset row must keep. Rows that break it are named by id."""

    name: str
    why: str
    holds: Callable[[DatasetRow], bool]


class ShareRule(msgspec.Struct, kw_only=True, frozen=True):
    """A rule on the whole dataset: the share of rows for which `counts` is true is at least `at_least`; where `counts`
    measures each row from 0 to 1, their mean."""

    name: str
    why: str
    counts: Callable[[DatasetRow], float]
    at_least: float


class Suite(msgspec.Struct, kw_only=True, frozen=True):
    """A subject's part of the gate."""

    rows: Sequence[RowRule] = ()
    shares: Sequence[ShareRule] = ()


class Subject(Protocol):
    """One structured language. `Program` is whatever the subject's own parser returns."""

    name: str
    grammar: str | None
    record_type: type[Record]

    def ingest(self, raw: Path) -> Iterator[Record | Sample | Outcome]:
        """Every record, sorted by id; a few samples a construct; one Outcome per input file, sorted by path.

        Never writes below `raw`."""

    def format(self, record: Any) -> Iterator[Example]:
        """The record, one of `record_type`, in the subject's notation; nothing model-specific, no split."""

    def parse(self, text: str) -> Any:
        """The program that `text` (a response) denotes. Raises ParseError."""

    def continuation(self, text: str, room: int) -> Continuation | None:
        """What may follow `text`, a whole number of lines without a line end after the last, or nothing at all; None
        where the grammar alone says it. `text` was itself written so. `room` is the number of tokens that may still
        be written: where little is left, only what leads to the end is offered, so that an answer is whole."""

    def check(self, program: Any) -> list[Diagnostic]:
        """Faults beyond the grammar; an empty list when there are none."""

    def constructs(self, program: Any) -> Counter[str]:
        """Which constructs the program uses, and how often."""

    def canonical(self, program: Any) -> str | None:
        """One text for all programs that mean the same, by which train and exam are kept apart; None where equal
        programs give nothing away (short replies in free text)."""

    def compare(self, expected: Any, actual: Any) -> Comparison:
        """Grade a parsed answer against a parsed reference, whatever its diagnostics."""

    def draw(self, expected: Any, actual: Any) -> list[PicturePair]:
        """Pictures of a parsed answer beside a parsed reference, their differences marked; none where a text
        says it best."""

    def regions(self, response: str) -> list[Region]:
        """The parts of a response whose loss is worth knowing apart, in order, none within another.

        `records.INJECTED` names text that a tool put in; it is never learned."""

    def generate(self, constructs: Sequence[str], rng: Random) -> Example:
        """An example of these constructs, valid by construction."""

    def teachable(self) -> Sequence[str]:
        """The constructs that `generate` can be asked for by name, sorted: what a complete training set shows."""

    def examine(self, like: Sequence[ExamItem], taken: Iterable[Sequence[str]], seed: str) -> list[ExamItem]:
        """The next edition of the exam `like`: as many new items of its kind, their ids beginning with `seed`,
        their version a hash of their content, none of a combination of constructs in `taken`. Empty where exams
        are not generated.

        Raises BluebookError where so many cannot be made."""

    def expectations(self) -> Suite:
        """The subject's part of the gate."""


PARSE = "parse"  # the code of the diagnostic of a text that is not in the language


def examined(subject: Subject, text: str) -> tuple[list[Diagnostic], dict[str, int]]:
    """What is wrong with a text, one that does not parse included, and which constructs it uses, how often."""
    try:
        program = subject.parse(text)
    except ParseError as error:
        message = str(error).removeprefix(f"line {error.line}, column {error.column}: ")
        return [Diagnostic(line=error.line, column=error.column, code=PARSE, message=message)], {}
    return subject.check(program), dict(subject.constructs(program))


def program_of(subject: Subject, response: str) -> str | None:
    """The canonical program of a response; None where it has none, and in a subject of free text, where equal
    replies give nothing away."""
    if subject.grammar is None:
        return None
    try:
        return subject.canonical(subject.parse(response))
    except ParseError:
        return None  # a rule of the subject's own names it
