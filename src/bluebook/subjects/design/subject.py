"""The design subject, as the spine sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bluebook.records import ExamItem, Example, GradeError, Origin, Outcome, Record, Region, Sample, Share
from bluebook.subjects.design import checker, comparison, continuing, language, printing
from bluebook.subjects.design.completeness import completeness
from bluebook.subjects.design.policies import ExpectPolicy, IngestPolicy
from bluebook.subjects.design.program import Program
from bluebook.subjects.design.records import DesignRecord
from bluebook.subjects.design.references import resolution
from bluebook.subjects.subject import Comparison, Continuation, Diagnostic, PicturePair, Suite

if TYPE_CHECKING:
    from bluebook.subjects.design.generator import Generator


def exam_comparison(expected: Program, actual: Program) -> Comparison:
    """`comparison.compare`, and what else an answer to an exam is asked: the thinking that its reference has, without
    which the blueprint counts for nothing. Of stages and domains it says what it says of the whole.

    `parts` also count how many of the two parts are there, how many of the answer's references lead somewhere, and how
    many of the things that make a design whole it has."""
    found = comparison.compare(expected, actual)
    missing = bool(expected.thinking) and not actual.thinking
    score = 0.0 if missing else found.score
    lacking = GradeError(category="no_thinking", construct="thinking", detail="there is only a blueprint")
    resolved = resolution(actual)
    uses, dangling = resolved.uses.total(), len(resolved.dangling)
    whole = sum(completeness(actual).parts.values(), Share())
    return replace(
        found,
        score=score,
        otherwise=score,
        errors=[*([lacking] if missing else []), *found.errors],
        parts={
            **found.parts,
            "both_parts": Share(int(not missing), 1, 1),
            "references": Share(uses - dangling, uses, uses),
            "completeness": Share(whole.right, whole.expected, whole.expected),
        },
    )


class Design:
    """A program is a parsed `Program`; constructs are the kinds of its elements and the parts of its contracts, and of
    an example also `stage:` and `domain:`, which say where it comes from."""

    name = "design"
    record_type: type[Record] = DesignRecord

    def __init__(self, ingest_policy: IngestPolicy, expect_policy: ExpectPolicy) -> None:
        self.grammar: str | None = language.grammar()
        self._ingest_policy = ingest_policy
        self._expect_policy = expect_policy

    @cached_property
    def _generator(self) -> Generator:
        # Late: to check or to grade a text needs no domains.
        from bluebook.subjects.design.generator import Generator

        return Generator()

    def ingest(self, raw: Path) -> Iterator[DesignRecord | Sample | Outcome]:
        from bluebook.subjects.design.briefs import ingest

        return ingest(raw, self._ingest_policy)

    def format(self, record: DesignRecord) -> Iterator[Example]:
        kinds = self.constructs(language.parse(record.response))
        places = [f"domain:{record.domain}"] if record.domain else []
        yield Example(
            id=record.id,
            subject=self.name,
            prompt=record.prompt,
            response=record.response,
            constructs=sorted({*kinds, f"stage:{record.stage}", *places}),
            origin=Origin(kind="record", ref=record.source, group=record.group),
        )

    def parse(self, text: str) -> Program:
        return language.parse(text)

    def continuation(self, text: str, room: int) -> Continuation | None:
        return continuing.continuation(text, room)

    def check(self, program: Program) -> list[Diagnostic]:
        return checker.check(program)

    def constructs(self, program: Program) -> Counter[str]:
        return comparison.constructs(program)

    def canonical(self, program: Program) -> str | None:
        return printing.print_body(program.items)

    def compare(self, expected: Program, actual: Program) -> Comparison:
        return exam_comparison(expected, actual)

    def draw(self, expected: Program, actual: Program) -> list[PicturePair]:
        # Late: to check or to grade a text needs no diagrams.
        from bluebook.subjects.design.pictures import draw

        return draw(expected, actual)

    def regions(self, response: str) -> list[Region]:
        return language.regions(response)

    def generate(self, constructs: Sequence[str], rng: Random) -> Example:
        return self._generator.generate(constructs, rng)

    def teachable(self) -> Sequence[str]:
        return self._generator.names

    def examine(self, like: Sequence[ExamItem], taken: Iterable[Sequence[str]], seed: str) -> list[ExamItem]:
        """Constructs do not tell designs apart, so `taken` says nothing here; no item of `like` comes again."""
        from bluebook.subjects.design.examining import Plan, exam

        plan = Plan(like[0].kind, len(like), seed, taken={item.reference for item in like})
        return exam(self._generator, like[0].exam, plan, prefix=seed)

    def expectations(self) -> Suite:
        from bluebook.subjects.design.suite import expectations

        return expectations(self._expect_policy)
