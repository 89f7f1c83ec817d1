"""The ue5 subject, as the spine sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

from bluebook.records import ExamItem, Example, Origin, Outcome, Record, Region, Sample
from bluebook.subjects.subject import Comparison, Continuation, Diagnostic, PicturePair, Suite
from bluebook.subjects.ue5 import arranging, checker, comparison, language, suite
from bluebook.subjects.ue5.catalogue import Catalogue
from bluebook.subjects.ue5.continuing import Continuing
from bluebook.subjects.ue5.examining import Plan, exam
from bluebook.subjects.ue5.generator import Generator
from bluebook.subjects.ue5.instructions import instruct
from bluebook.subjects.ue5.program import Program
from bluebook.subjects.ue5.records import IngestPolicy, Ue5Record
from bluebook.subjects.ue5.wordings import REGISTERS


class Ue5:
    """A program is a parsed `Program`; a construct is a node type by the catalogue's name."""

    name = "ue5"
    record_type: type[Record] = Ue5Record

    def __init__(self, ingest_policy: IngestPolicy, seed: int, catalogue: Catalogue) -> None:
        self.grammar: str | None = language.grammar()
        self._ingest_policy = ingest_policy
        self._seed = seed
        self._catalogue = catalogue
        self._generator = Generator(catalogue)
        self._continuing = Continuing(catalogue)

    def ingest(self, raw: Path) -> Iterator[Ue5Record | Sample | Outcome]:
        # Late: the reader of exports is not needed to check or to grade a text.
        from bluebook.subjects.ue5.ingest import ingest

        return ingest(raw, self._ingest_policy, self._catalogue)

    def format(self, record: Ue5Record) -> Iterator[Example]:
        """One example for each of `wordings` registers; a record's id says which come first."""
        program = language.parse(record.text)
        rng = Random(f"{self._seed}:{record.id}")
        for register in rng.sample(REGISTERS, self._ingest_policy.wordings):
            yield Example(
                id=f"{record.id}-{register}",
                subject=self.name,
                prompt=instruct(program, self._catalogue, register, rng),
                response=record.text,
                constructs=sorted(self.constructs(program)),
                origin=Origin(kind="record", ref=f"{record.source}/{record.entry}", group=record.group),
            )

    def parse(self, text: str) -> Program:
        return language.parse(text)

    def continuation(self, text: str, room: int) -> Continuation | None:
        return self._continuing.after(text, room)

    def check(self, program: Program) -> list[Diagnostic]:
        return checker.check(program, self._catalogue)

    def constructs(self, program: Program) -> Counter[str]:
        kinds = (
            (node.type, self._catalogue.find(node.type)) for graph in program.graphs for node in graph.nodes
        )
        return Counter(kind.name if kind else name for name, kind in kinds)

    def compare(self, expected: Program, actual: Program) -> Comparison:
        return comparison.compare(expected, actual, self._catalogue)

    def draw(self, expected: Program, actual: Program) -> list[PicturePair]:
        # Late: to check or to grade a text needs no writer.
        from bluebook.subjects.ue5.pictures import draw

        return draw(expected, actual, self._catalogue)

    def generate(self, constructs: Sequence[str], rng: Random) -> Example:
        return self._generator.generate(constructs, rng)

    def teachable(self) -> Sequence[str]:
        return self._generator.names

    def examine(self, like: Sequence[ExamItem], taken: Iterable[Sequence[str]], seed: str) -> list[ExamItem]:
        plan = Plan(like[0].kind, len(like), seed, taken={frozenset(names) for names in taken})
        return exam(self._generator, like[0].exam, plan, prefix=seed)

    def canonical(self, program: Program) -> str | None:
        return arranging.canonical(program, self._catalogue)

    def regions(self, response: str) -> list[Region]:
        return language.regions(response)

    def expectations(self) -> Suite:
        return suite.expectations(self._catalogue)
