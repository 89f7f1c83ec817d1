"""The persona: one person's memories in three cognitive modes, with a tag on either side of each pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

from bluebook.params import SubjectParams, convert
from bluebook.records import ExamItem, Example, Outcome, Record, Region, Sample
from bluebook.subjects.persona import generator, grading, notation, suite
from bluebook.subjects.persona.memories import IngestPolicy, PersonaRecord
from bluebook.subjects.persona.notation import Reply
from bluebook.subjects.persona.suite import ExpectPolicy
from bluebook.subjects.subject import Comparison, Continuation, Diagnostic, PicturePair, Subject, Suite


class Persona:
    """A program is a parsed `Reply`. There is no grammar: after the tag, any text is a reply."""

    name = "persona"
    grammar: str | None = None
    record_type: type[Record] = PersonaRecord

    def __init__(self, ingest_policy: IngestPolicy, expect_policy: ExpectPolicy, seed: int) -> None:
        self._ingest_policy = ingest_policy
        self._expect_policy = expect_policy
        self._seed = seed

    def ingest(self, raw: Path) -> Iterator[PersonaRecord | Sample | Outcome]:
        # Late: its hundreds of patterns take longer to compile than `bluebook check` may take in all.
        from bluebook.subjects.persona.ingest import ingest

        return ingest(raw, self._ingest_policy, self._seed)

    def format(self, record: PersonaRecord) -> Iterator[Example]:
        yield notation.format(record)

    def parse(self, text: str) -> Reply:
        return notation.parse(text)

    def continuation(self, text: str, room: int) -> Continuation | None:
        return None

    def check(self, program: Reply) -> list[Diagnostic]:
        return grading.check(program, self._ingest_policy.long_words)

    def constructs(self, program: Reply) -> Counter[str]:
        return grading.constructs(program)

    def compare(self, expected: Reply, actual: Reply) -> Comparison:
        return grading.compare(
            expected,
            actual,
            short_limit=self._ingest_policy.max_words,
            long_limit=self._ingest_policy.long_words,
        )

    def draw(self, expected: Reply, actual: Reply) -> list[PicturePair]:
        return []  # words need no picture

    def generate(self, constructs: Sequence[str], rng: Random) -> Example:
        return generator.generate(constructs, rng)

    def teachable(self) -> Sequence[str]:
        return generator.names()

    def examine(self, like: Sequence[ExamItem], taken: Iterable[Sequence[str]], seed: str) -> list[ExamItem]:
        return []  # a person's exam is set aside from memories, never invented

    def canonical(self, program: Reply) -> str | None:
        return None  # equal short replies give nothing away

    def regions(self, response: str) -> list[Region]:
        return notation.regions(response)

    def expectations(self) -> Suite:
        return suite.expectations(self._expect_policy)


def create(settings: SubjectParams, *, seed: int) -> Subject:
    """The persona as `params.yaml` sets it up. Raises ParamsError for a key that is unknown, missing or
    mistyped.
    """
    return Persona(
        convert(settings.ingest, IngestPolicy, "params.yaml: subjects.persona.ingest"),
        convert(settings.expect, ExpectPolicy, "params.yaml: subjects.persona.expect"),
        seed,
    )
