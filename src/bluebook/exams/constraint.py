"""Decoding within a subject's language: which tokens a row may go on with, found while the model computes.

A subject says line by line what may follow (`Subject.continuation`); a subject that has nothing to say beyond its
grammar is held to that. Each way to go on is a matcher of llguidance's; those that a token does not fit are dropped,
and when a line is complete the subject is asked again. A matcher learns its pattern while it is used, so it is kept
for whoever follows the same pattern next: programs share most of their lines.

The response is written as the family wraps it: its opening (a space, in some families) is put before the first line,
and where the text may end, what may follow is the first token of what the family writes behind a response. No token
reaches over the end of a line; vocabularies rarely have such tokens, and the same bytes can be said without them.

All work on masks is done by llguidance's own threads and one of Python's, beside the model's forward pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy
import torch
from llguidance import LLExecutor, LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from llguidance.numpy import fill_next_token_bitmask_par
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from bluebook.errors import BluebookError
from bluebook.families import Family
from bluebook.subjects.subject import Continuation

Continues = Callable[[str], Continuation | None]

# Where the next letters are certain, llguidance allows one token alone: that of those letters by themselves. A model
# that has learned them in their company writes others (`EXEC`, ` `, `n`, not ` n`) and does worse from there on.
NO_FORCING = '%llguidance { "no_forcing": true }\n'
_KEPT = 4096  # matchers
_WAYS = 4  # bit masks a row at first: as many as there are ways to go on


class Way(NamedTuple):
    """One pattern that may be followed, and how far that has come."""

    lark: str
    matcher: LLMatcher


class Language:
    """What a subject allows, in the tokens of one model."""

    def __init__(
        self,
        grammar: str,
        continues: Continues,
        tokenizer: PreTrainedTokenizerBase,
        family: Family,
        vocabulary: int,
    ) -> None:
        """`vocabulary`: tokens that the model predicts, which may be more than the tokenizer has.

        Raises BluebookError where the grammar is not one that llguidance reads.
        """
        self.continues = continues
        self.vocabulary = vocabulary
        self.grammar = grammar
        self.opening = family.answer_prefix
        self.stop = int(tokenizer.convert_tokens_to_ids(family.stop_token))
        self.closing = tokenizer.encode(family.answer_suffix + family.stop_token, add_special_tokens=False)
        self.tokens: LLTokenizer = from_tokenizer(
            tokenizer,
            n_vocab=max(vocabulary, len(tokenizer)),
            eos_token=self.stop,
            slices=LLTokenizer.general_slices(),
        )
        self.letters = [self.tokens.decode_bytes([token]) for token in range(self.tokens.vocab_size)]
        # Bit by bit, the tokens that end a line.
        flags = numpy.array([letters.endswith(b"\n") for letters in self.letters])
        words = numpy.packbits(flags, bitorder="little")
        self.line_ends = numpy.zeros((self.tokens.vocab_size + 31) // 32, numpy.int32)
        self.line_ends.view(numpy.uint8)[: len(words)] = words
        self._idle = lru_cache(_KEPT)(self._compiled)

    def line(self, body: str, opening: str = "") -> Way:
        """A way to write a line and its end; `body` is that of a terminal."""
        before = f"{json.dumps(opening)} " if opening else ""
        return self._way(f"start: LINE\nLINE: {before}({body}) /\\n?/")

    def whole(self) -> Way:
        """A way to write a whole response by the grammar alone."""
        if not self.opening:
            return self._way(self.grammar)
        return self._way(
            f"start: {json.dumps(self.opening)} response\nresponse: %lark {{\n{self.grammar}\n}}\n"
        )

    def _way(self, lark: str) -> Way:
        idle = self._idle(lark)
        # A copy costs microseconds, but it has to learn the pattern anew.
        return Way(lark, idle.pop() if len(idle) > 1 else idle[0].deep_copy())

    def give_back(self, way: Way) -> None:
        """What a matcher has found out about its pattern serves whoever follows it next."""
        way.matcher.reset()
        self._idle(way.lark).append(way.matcher)

    def _compiled(self, lark: str) -> list[LLMatcher]:
        matcher = LLMatcher(self.tokens, LLMatcher.grammar_from_lark(NO_FORCING + lark))
        if matcher.is_error():
            raise BluebookError(
                f"llguidance does not read the subject's grammar: {matcher.get_error()}\n{lark[:500]}"
            )
        return [matcher]


class _Row:
    """One response as it grows. `ways` are the matchers that what stands in the line still fits."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.lines = ""  # finished, without the last one's end
        self.line = b""
        self.ended: list[int] = []  # tokens of the family's that are still to be written
        self.by_lines = True
        self.ways: list[Way] = []
        self._begin(language.opening)

    def _begin(self, opening: str = "") -> None:
        """Ask what the next line may be."""
        found = self.language.continues(self.lines)
        if found is None:
            self.by_lines, self.ways = False, [self.language.whole()]
        else:
            self.ways = [self.language.line(body, opening) for body in found.lines]
        self.line = b""

    def beyond(self) -> Continuation:
        """What may follow here, where the line is complete or nothing can begin another."""
        if not self.by_lines or not self.line:
            return Continuation(end=True)
        return self.language.continues(self._with_line()) or Continuation(end=True)

    def _with_line(self) -> str:
        line = self.line.decode()
        return f"{self.lines}\n{line}" if self.lines else line.removeprefix(self.language.opening)

    def take(self, token: int, fitting: Sequence[Way]) -> None:
        """Go on with a token, which only the ways `fitting` allow."""
        if self.ended:
            self.ended = self.ended[1:]
            return
        for way in self.ways:
            if way not in fitting:
                self.language.give_back(way)
        self.ways = list(fitting)
        if not fitting:  # the end
            self.ended = self.language.closing[1:]
            return
        letters = self.language.letters[token]
        if self.by_lines and letters.endswith(b"\n"):
            self.line += letters[:-1]
            self.lines = self._with_line()
            for way in self.ways:
                self.language.give_back(way)
            self._begin()
            return
        for way in self.ways:
            way.matcher.consume_token(token)
        self.line += letters


class Guide:
    """Holds the rows of one batch to the language. Implements `generation.Guide`."""

    def __init__(self, language: Language, rows: int) -> None:
        self._language = language
        self._rows = [_Row(language) for _ in range(rows)]
        self._alive: list[int] = []
        self._executor = LLExecutor()
        self._worker = ThreadPoolExecutor(1)
        self._found: Future[NDArray[numpy.int32]] | None = None
        words = (language.tokens.vocab_size + 31) // 32
        self._masks: NDArray[numpy.int32] = numpy.zeros((rows * _WAYS, words), numpy.int32)
        self._fits: dict[int, list[tuple[Way, int]]] = {}

    def prepare(self, rows: Sequence[int]) -> None:
        """Begin to find what these rows may go on with; returns at once."""
        self._alive = list(rows)
        self._found = self._worker.submit(self._find)

    def _find(self) -> NDArray[numpy.int32]:
        matchers: list[tuple[LLMatcher, int]] = []
        self._fits = {}
        for row in self._alive:
            self._fits[row] = [(way, len(matchers) + at) for at, way in enumerate(self._rows[row].ways)]
            matchers += [(way.matcher, place) for way, place in self._fits[row]]
        if len(matchers) > len(self._masks):
            self._masks = numpy.zeros((2 * len(matchers), self._masks.shape[1]), numpy.int32)
        if matchers:
            fill_next_token_bitmask_par(self._executor, matchers, self._masks)
        return numpy.stack([self._row_mask(row) for row in self._alive])

    def _row_mask(self, name: int) -> NDArray[numpy.int32]:
        row, language = self._rows[name], self._language
        mask = numpy.zeros(self._masks.shape[1], numpy.int32)
        if row.ended:
            return _allow(mask, row.ended[0])
        for _, place in self._fits[name]:
            mask |= self._masks[place]
        if _allows(mask, language.stop) or not self._fits[name]:
            mask, beyond = _forbid(mask, language.stop), row.beyond()
            if beyond.end:
                mask = _allow(mask, language.closing[0])
            if row.by_lines and not beyond.lines:
                mask &= ~language.line_ends
        return mask

    def restrict(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits of the prepared rows, those of tokens that may not follow at minus infinity."""
        assert self._found is not None, "prepare comes first"
        bits = self._found.result().view(numpy.uint8)
        flags = numpy.unpackbits(bits, axis=1, count=logits.shape[-1], bitorder="little").view(bool)
        return logits.masked_fill(~torch.from_numpy(flags).to(logits.device), float("-inf"))

    def take(self, row: int, token: int) -> None:
        """Go on with a token that was allowed."""
        fits = [] if token == self._language.stop else self._fits[row]
        self._rows[row].take(token, [way for way, place in fits if _allows(self._masks[place], token)])


def _allows(mask: NDArray[numpy.int32], token: int) -> bool:
    return bool(int(mask[token >> 5]) >> (token & 31) & 1)


def _allow(mask: NDArray[numpy.int32], token: int) -> NDArray[numpy.int32]:
    words = mask.view(numpy.uint32)
    words[token >> 5] |= numpy.uint32(1 << (token & 31))
    return mask


def _forbid(mask: NDArray[numpy.int32], token: int) -> NDArray[numpy.int32]:
    words = mask.view(numpy.uint32)
    words[token >> 5] &= numpy.uint32(~(1 << (token & 31)) & 0xFFFFFFFF)
    return mask
