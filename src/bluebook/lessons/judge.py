"""Whether an example may become a lesson: the one judgement for drafts, for what a teacher proposes and for what a
person edited, made again at promotion.

It must parse and keep the subject's rules, be new beside what is trained already and beside what was kept before it,
and give away nothing of any exam, practice, holdout or retired.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bluebook.corpus.apart import Compared, Exams, Seen, compared
from bluebook.corpus.duplicates import normalise
from bluebook.lessons.reading import invalid
from bluebook.records import ExamItem, Example
from bluebook.subjects.subject import Subject, program_of


class Fault(NamedTuple):
    """Why an example is no lesson. `reason` is one word of a fixed list: `invalid`, `exam_prompt`, `exam_program`,
    `exam_near_duplicate`, `exam_quote`, `duplicate` or `near_duplicate`."""

    reason: str
    detail: str


class Judge:
    """Knows the exams, the training examples and the lessons it has kept."""

    def __init__(
        self, subject: Subject, exams: Iterable[ExamItem], train: Iterable[Example], near_duplicate: float
    ) -> None:
        """`near_duplicate`: Jaccard similarity from which two pairs count as one."""
        self._subject = subject
        self._exams = Exams(subject, exams, near_duplicate)
        self._kept = Seen(near_duplicate)
        self._kept_pairs: dict[tuple[str, str], str] = {}
        # Programs are slow to make canonical: of a training example that is done when its prompt comes again.
        self._taught: dict[str, list[Example]] = {}
        for example in train:
            self._taught.setdefault(normalise(example.prompt), []).append(example)

    def take(self, example: Example) -> Fault | None:
        """What is wrong with `example`; None where it may become a lesson. Later ones must then differ from it."""
        if (wrong := invalid(self._subject, example)) is not None:
            return Fault("invalid", wrong)
        one = compared(self._subject, example.prompt, example.response)
        if (leak := self._exams.gives_away(one)) is not None:
            return Fault(f"exam_{leak[0]}", f"too like exam item {leak[1]}")
        if (like := self._same(one)) is not None:
            return Fault("duplicate", f"same instruction and program as {like}")
        if (repeat := self._kept.repeats(one)) is not None:
            return Fault(repeat[0], f"too like {repeat[1]}")
        self._kept.add(example.id, one)
        self._kept_pairs[_key(one)] = example.id
        return None

    def _same(self, one: Compared) -> str | None:
        for example in self._taught.get(one.pair.prompt, ()):
            response = normalise(example.response)
            if (program_of(self._subject, example.response) or response) == _key(one)[1]:
                return example.id
        return self._kept_pairs.get(_key(one))


def _key(one: Compared) -> tuple[str, str]:
    return one.pair.prompt, one.program or one.pair.response
