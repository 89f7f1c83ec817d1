"""A transformers model in this process, as an engine.

Items are asked in groups of similar length, the longest first, so that a batch too large for the memory fails at
once and not after an hour. Within a group the next item takes the place of one that is answered. The groups follow
from the whole exam and not from what is left of it, so a killed run that goes on asks in the same company as before.
Company matters in the last bit only: a kernel may sum in another order for another shape.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bluebook.errors import BluebookError
from bluebook.exams.constraint import Guide, Language
from bluebook.exams.engine import MODES, Asked, Group
from bluebook.families import Family, encode_prompt, family_named
from bluebook.generation import batches, content, context, greedy, steps, stop_id
from bluebook.models import base_manifest, load_model, load_tokenizer
from bluebook.params import Local
from bluebook.records import Answer, Finish, Message, Mode
from bluebook.subjects.subject import Subject


@dataclass(frozen=True)
class Candidate:
    """Who sits the exam. `name` says which weights these are."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    family: Family

    @property
    def context(self) -> int:
        """Tokens that the model can hold, prompt and answer together."""
        return context(self.model)

    @property
    def stop(self) -> int:
        """The id of the family's stop token. Raises BluebookError where the tokenizer has no such token."""
        return stop_id(self.tokenizer, self.family)


def load_candidate(name: str, base: Path, adapter: Path | None, local: Local) -> Candidate:
    """The model of `adapter` on `base`, or the base alone, ready to be asked."""
    return Candidate(
        name=name,
        model=load_model(base, adapter, local),
        tokenizer=load_tokenizer(base),
        family=family_named(base_manifest(base).family),
    )


_ROUNDS = 8  # of batches in a group: what a kill costs at most, beside the idle places at each group's end


class InProcess:
    """A candidate as an engine. `language` is what `constrained` answers are held to; without one all are free."""

    def __init__(
        self,
        candidate: Candidate,
        *,
        tokens: int,
        seconds: float = math.inf,
        batch: int = 1,
        language: Language | None = None,
    ) -> None:
        """`tokens` and `seconds` limit one answer, `batch` of which are written at once."""
        self.candidate = candidate
        self._tokens, self._seconds, self._batch = tokens, seconds, batch
        self._language = language

    @property
    def name(self) -> str:
        return self.candidate.name

    @property
    def modes(self) -> Sequence[Mode]:
        return ("free",) if self._language is None else MODES

    def plan(self, asked: Sequence[Asked]) -> list[Group]:
        """Groups of one mode and of similar length."""
        ranked = sorted(asked, key=lambda one: (one.mode, -len(self.prompt(one.messages)), one.item.id))
        groups: list[Group] = []
        for _, rows in groupby(ranked, key=lambda one: one.mode):
            groups += batches(list(rows), self._batch * _ROUNDS)
        return groups

    def write(self, groups: Iterable[Group]) -> Iterator[list[Answer]]:
        """A prompt that leaves no room in the model's context is answered with the finish `error`; one that leaves
        less than the limit is cut off there, with the finish `length`."""
        return map(self._write, groups)

    def stream(self, messages: Sequence[Message], mode: Mode) -> Generator[str, None, Finish]:
        prompt = self.prompt(messages)
        limit, written, shown = self.limit(prompt), [], ""
        if limit < 1:
            return "error"
        for [(_, token)] in steps(
            self.candidate.model,
            [prompt],
            [limit],
            stop=self.candidate.stop,
            at_once=1,
            guide=self.guide(mode, [limit]),
            seconds=self._seconds,
        ):
            written.append(token)
            text = self._text(written)
            if not text.endswith("\ufffd"):  # half a character; the rest is in the next token
                yield text.removeprefix(shown)
                shown = text
        if (text := self._text(written)) != shown:
            yield text.removeprefix(shown)
        return self._finish(written, limit)

    def _write(self, group: Group) -> list[Answer]:
        prompts = [self.prompt(one.messages) for one in group]
        limits = [self.limit(prompt) for prompt in prompts]
        fitting = [place for place, limit in enumerate(limits) if limit > 0]
        written: dict[int, list[int]] = {}
        for mode in dict.fromkeys(group[place].mode for place in fitting):
            rows = [place for place in fitting if group[place].mode == mode]
            within = [limits[place] for place in rows]
            tokens = greedy(
                self.candidate.model,
                [prompts[place] for place in rows],
                within,
                stop=self.candidate.stop,
                at_once=self._batch,
                guide=self.guide(mode, within),
                seconds=self._seconds,
            )
            written |= zip(rows, tokens, strict=True)
        return [
            Answer(
                item=one.item.id,
                model=self.name,
                mode=one.mode,
                text=self._text(written.get(place, [])),
                tokens=len(written.get(place, [])),
                finish=self._finish(written[place], limits[place]) if place in written else "error",
            )
            for place, one in enumerate(group)
        ]

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        return encode_prompt(self.candidate.tokenizer, self.candidate.family, messages)

    def limit(self, prompt: Sequence[int]) -> int:
        return min(self._tokens, self.candidate.context - len(prompt))

    def guide(self, mode: Mode, limits: Sequence[int]) -> Guide | None:
        """What rows of at most so many tokens are held to."""
        if mode == "free":
            return None
        if self._language is None:
            raise BluebookError(f"{self.name} has no grammar to be held to; ask it free")
        return Guide(self._language, limits)

    def _text(self, tokens: Sequence[int]) -> str:
        return content(self.candidate.tokenizer, self.candidate.family, tokens)

    def _finish(self, tokens: Sequence[int], limit: int) -> Finish:
        if tokens[-1] == self.candidate.stop:
            return "stop"
        return "length" if len(tokens) == limit else "timeout"


def language_of(candidate: Candidate, subject: Subject) -> Language | None:
    """The subject's language in the candidate's tokens; None for a subject without a grammar."""
    if subject.grammar is None:
        return None
    vocabulary = candidate.model.get_output_embeddings().weight.shape[0]
    return Language(subject.grammar, subject.continuation, candidate.tokenizer, candidate.family, vocabulary)
