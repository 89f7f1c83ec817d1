"""Prefix: a toy subject, small enough to read in a minute and whole enough to be taught and examined.

A prompt is arithmetic as people write it, `(3 + (2 * 5))`; the response is the same in prefix form,
`add(3, mul(2, 5))`. Its constructs are the operations. `add` and `mul` commute, `sub` does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random

import msgspec

from bluebook.params import SubjectParams
from bluebook.records import (
    DatasetRow,
    ExamItem,
    Example,
    GradeError,
    Origin,
    Outcome,
    Record,
    Region,
    Sample,
)
from bluebook.subjects.subject import (
    Comparison,
    Continuation,
    Diagnostic,
    ParseError,
    PicturePair,
    RowRule,
    Subject,
    Suite,
)

SIGNS = {"add": "+", "mul": "*", "sub": "-"}
LARGEST = 99
_TOKEN = re.compile(r"\s*(?:(\d+)|([a-z]+)|([(),]))")


class Node(msgspec.Struct, frozen=True):
    """A number, or an operation on two nodes. `column` is where it began in the text."""

    word: str
    arguments: tuple[Node, ...] = ()
    column: int = 1


class ToyRecord(Record, kw_only=True):
    program: str


def infix(node: Node) -> str:
    if not node.arguments:
        return node.word
    left, right = node.arguments
    return f"({infix(left)} {SIGNS[node.word]} {infix(right)})"


def prefix(node: Node) -> str:
    if not node.arguments:
        return node.word
    return f"{node.word}({', '.join(map(prefix, node.arguments))})"


def canonical(node: Node) -> str:
    """The same text for programs that mean the same."""
    arguments = [canonical(argument) for argument in node.arguments]
    if node.word in {"add", "mul"}:
        arguments.sort()
    return f"{node.word}({','.join(arguments)})" if arguments else node.word


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for argument in node.arguments:
        yield from nodes(argument)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def fail(self, expected: str) -> ParseError:
        at = len(self.text) - len(self.text[self.at :].lstrip())
        line, rest = self.text.count("\n", 0, at) + 1, self.text[at : at + 10]
        column = at - self.text.rfind("\n", 0, at)
        return ParseError(line, column, expected, repr(rest) if rest else "the end")

    def take(self, group: int, expected: str, wanted: str | None = None) -> str:
        match = _TOKEN.match(self.text, self.at)
        if match is None or not match.group(group) or wanted not in {None, match.group(group)}:
            raise self.fail(expected)
        self.at = match.end()
        return match.group(group)

    def node(self) -> Node:
        column = self.at + 1
        if number := re.compile(r"\s*\d+").match(self.text, self.at):
            self.at = number.end()
            return Node(number.group().strip(), (), column)
        word = self.take(2, "a number or an operation")
        if word not in SIGNS:
            self.at -= len(word)
            raise self.fail(f"one of {', '.join(SIGNS)}")
        self.take(3, "(", "(")
        left = self.node()
        self.take(3, ",", ",")
        right = self.node()
        self.take(3, ")", ")")
        return Node(word, (left, right), column)


def create(params: SubjectParams, *, seed: int) -> Subject:
    return Prefix()


class Prefix:
    """The toy as a `Subject`."""

    name = "prefix"
    grammar: str | None = None
    record_type: type[Record] = ToyRecord

    def ingest(self, raw: Path) -> Iterator[Record | Sample | Outcome]:
        outcomes = []
        for file in sorted(raw.rglob("*.txt")):
            path = file.relative_to(raw).as_posix()
            text = file.read_text("utf-8").strip()
            try:
                self.parse(text)
            except ParseError:
                outcomes.append(
                    Outcome(path=path, original_id=None, outcome="quarantined", reason="unreadable", pairs=0)
                )
                continue
            yield ToyRecord(id=_hash(text), program=text)
            outcomes.append(Outcome(path=path, original_id=None, outcome="kept", reason=None, pairs=1))
        yield from outcomes

    def format(self, record: ToyRecord) -> Iterator[Example]:
        yield self.example(self.parse(record.program), "record")

    def parse(self, text: str) -> Node:
        parser = _Parser(text.rstrip())
        node = parser.node()
        if parser.at != len(parser.text):
            raise parser.fail("the end")
        return node

    def continuation(self, text: str, room: int) -> Continuation | None:
        return None

    def check(self, program: Node) -> list[Diagnostic]:
        """A number may not be above 99. The fault concerns the operation that holds it."""
        return [
            Diagnostic(
                line=1, column=argument.column, code="too_large", message=argument.word, construct=node.word
            )
            for node in nodes(program)
            for argument in node.arguments
            if not argument.arguments and int(argument.word) > LARGEST
        ]

    def constructs(self, program: Node) -> Counter[str]:
        return Counter(node.word for node in nodes(program) if node.arguments)

    def canonical(self, program: Node) -> str:
        return canonical(program)

    def compare(self, expected: Node, actual: Node) -> Comparison:
        """Shared subexpressions, each counted once for each time it stands in both; F1 is the score."""
        wanted = Counter(canonical(node) for node in nodes(expected))
        found = Counter(canonical(node) for node in nodes(actual))
        shared = (wanted & found).total()
        missing = wanted - found
        wrong = sorted({text.partition("(")[0] for text in missing if "(" in text})
        return Comparison(
            score=2 * shared / (wanted.total() + found.total()),
            errors=[GradeError(category="wrong", construct=word, detail="not as expected") for word in wrong],
            per_construct={word: float(word not in wrong) for word in self.constructs(expected)},
        )

    def draw(self, expected: Node, actual: Node) -> list[PicturePair]:
        return []

    def generate(self, constructs: Sequence[str], rng: Random) -> Example:
        """All of `constructs`, nested in a random order."""
        node = Node(str(rng.randint(0, LARGEST)))
        for word in rng.sample(list(constructs), len(constructs)):
            other = Node(str(rng.randint(0, LARGEST)))
            node = Node(word, (node, other) if rng.random() < 0.5 else (other, node))
        return self.example(node, "generated")

    def teachable(self) -> Sequence[str]:
        return sorted(SIGNS)

    def examine(self, like: Sequence[ExamItem], taken: Iterable[Sequence[str]], seed: str) -> list[ExamItem]:
        """Items of all operations, `taken` or not: there are only seven combinations."""
        rng = Random(seed)
        made = [self.generate(sorted(SIGNS), rng) for _ in like]
        return [
            msgspec.structs.replace(
                old, id=f"{seed}-{number}", version=seed, prompt=one.prompt, reference=one.response,
                constructs=one.constructs,
            )
            for number, (old, one) in enumerate(zip(like, made, strict=True))
        ]  # fmt: skip

    def regions(self, response: str) -> list[Region]:
        """Numbers, and all the rest as `words`."""
        return [
            Region(name="numbers" if match[1] else "words", start=match.start(), end=match.end())
            for match in re.finditer(r"([0-9]+)|[^0-9]+", response)
        ]

    def expectations(self) -> Suite:
        return Suite(
            rows=[RowRule(name="parses", why="a response is a program", holds=self._parses)],
        )

    def example(self, program: Node, kind: str) -> Example:
        response = prefix(program)
        return Example(
            id=_hash(response),
            subject=self.name,
            prompt=infix(program),
            response=response,
            constructs=sorted(self.constructs(program)),
            origin=msgspec.convert(
                {"kind": kind, "ref": _hash(response), "group": _hash(canonical(program))}, Origin
            ),
        )

    def _parses(self, row: DatasetRow) -> bool:
        try:
            self.parse(row.completion[-1].content)
        except ParseError:
            return False
        return True


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
