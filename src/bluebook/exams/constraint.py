"""Decoding within a subject's language: which tokens a row may go on with.

A subject says line by line what may follow (`Subject.continuation`), and knows how many tokens are left, so that it can
lead to an end in time; a subject that has nothing to say beyond its grammar is held to that. Each way to go on is a
matcher of llguidance's; those that a token does not fit are dropped, and when a line is complete the subject is asked
again. Programs share most of their lines, so what may come next at a place of a pattern is found once and remembered;
a matcher is only used where nobody has been before, and it is handed on, because it learns its pattern while it is
used.

The response is written as the family wraps it: its opening (a space, in some families) is put before the first line,
and where the text may end, what may follow is the first token of what the family writes behind a response. No token
reaches over the end of a line or of a pattern's head; vocabularies rarely have such tokens, and the same bytes can be
said without them.

Masks are found once the model's forward pass has been called: a GPU computes meanwhile. A thread beside it would only
take a CPU's cores from the matrix products, which wait for each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy
import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from llguidance.numpy import fill_next_token_bitmask
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from bluebook.errors import BluebookError
from bluebook.families import Family
from bluebook.subjects.subject import Continuation

Continues = Callable[[str, int], Continuation | None]

# Where the next letters are certain, llguidance allows one token alone: that of those letters by themselves. A model
# that has learned them in their company writes others (`EXEC`, ` `, `n`, not ` n`) and does worse from there on.
NO_FORCING = '%llguidance { "no_forcing": true }\n'
_KEPT = 2048  # patterns


class _Place:
    """How far a pattern has been followed, and which tokens may come next there; found once for all who get there."""

    __slots__ = ("left", "mask", "next")

    def __init__(self, left: frozenset[bytes] = frozenset()) -> None:
        self.mask: NDArray[numpy.int32] | None = None
        self.next: dict[int, _Place] = {}
        self.left = left  # of a list of texts, what is left of those that fit


class _Pattern:
    """One way to write a line: a grammar, or one of a few texts. What is known of it, and matchers that are ready to
    find out more."""

    def __init__(self, lark: str, texts: frozenset[bytes] = frozenset()) -> None:
        self.lark = lark
        self.start = _Place(texts)
        self.idle: list[LLMatcher] = []


class Way:
    """One who follows a pattern, and behind it another. Only where nobody has been before does it take a matcher."""

    def __init__(self, pattern: _Pattern, then: _Pattern | None = None) -> None:
        self.pattern, self.place = pattern, pattern.start
        self._then = then
        self.matcher: LLMatcher | None = None
        self.behind: list[int] = []  # tokens that the matcher has not been told

    def allows(self, token: int) -> bool:
        return self.place.mask is not None and _allows(self.place.mask, token)

    def take(self, token: int, letters: bytes) -> None:
        place = self.place.next.get(token)
        if place is None:
            left = (text.removeprefix(letters) for text in self.place.left if text.startswith(letters))
            place = self.place.next[token] = _Place(frozenset(left))
        self.place = place
        self.behind.append(token)
        if self._then is not None and b"" in place.left:
            self.pattern, self.place, self.behind, self._then = self._then, self._then.start, [], None


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
        self.line_ends = self._bits(
            [at for at, letters in enumerate(self.letters) if letters.endswith(b"\n")]
        )
        self._line = lru_cache(_KEPT)(lambda body: _Pattern(f"start: LINE\nLINE: ({body}) /\\n?/"))
        self._texts = lru_cache(_KEPT)(lambda texts: _Pattern("", texts))
        self._by_letters: dict[bytes, list[int]] = {}
        for token, letters in enumerate(self.letters):
            if not self.tokens.is_special_token(token):
                self._by_letters.setdefault(letters, []).append(token)
        self._longest = max(map(len, self._by_letters))
        self._once: dict[bytes, NDArray[numpy.int32]] = {}
        opening = f"start: {json.dumps(self.opening)} response\nresponse: %lark {{\n{grammar}\n}}\n"
        self._whole = _Pattern(opening if self.opening else grammar)

    def line(self, body: str, head: str = "") -> Way:
        """A way to write a line and its end: `head`, and what a terminal of this body matches."""
        pattern = self._line(body)
        return Way(self._texts(frozenset([head.encode()])), pattern) if head else Way(pattern)

    def one_of(self, texts: Sequence[str], opening: str = "") -> Way:
        """A way to write one of these lines and its end."""
        return Way(self._texts(frozenset(f"{opening}{text}\n".encode() for text in texts)))

    def whole(self) -> Way:
        """A way to write a whole response by the grammar alone."""
        return Way(self._whole)

    def look(self, ways: Sequence[Way]) -> None:
        """Find out what may come next at the places of these ways."""
        for way in ways:
            if way.place.left and way.place.mask is None:
                way.place.mask = self._shared(self._beginnings(way.place.left))
        new = list({id(way.place): way for way in ways if way.place.mask is None}.values())
        if not new:
            return
        masks = numpy.zeros((len(new), len(self.line_ends)), numpy.int32)
        for at, way in enumerate(new):
            fill_next_token_bitmask(self._matcher(way), masks, at)
        for way, mask in zip(new, masks, strict=True):
            way.place.mask = self._shared(mask)

    def _shared(self, mask: NDArray[numpy.int32]) -> NDArray[numpy.int32]:
        # There are few different ones, and each has a bit for every token there is.
        return self._once.setdefault(mask.tobytes(), mask.copy())

    def _beginnings(self, texts: Iterable[bytes]) -> NDArray[numpy.int32]:
        """The tokens that one of `texts` begins with; where only a line's end is left, the stop token too."""
        begun = {text[:length] for text in texts for length in range(1, min(len(text), self._longest) + 1)}
        tokens = [token for letters in begun for token in self._by_letters.get(letters, ())]
        if b"\n" in begun:
            tokens.append(self.stop)
        return self._bits(tokens)

    def _bits(self, tokens: Sequence[int]) -> NDArray[numpy.int32]:
        """A bit for every token there is, those of `tokens` set."""
        flags = numpy.zeros((self.tokens.vocab_size + 31) // 32 * 32, bool)
        flags[tokens] = True
        return numpy.packbits(flags, bitorder="little").view(numpy.int32)

    def _matcher(self, way: Way) -> LLMatcher:
        """The way's matcher, told all that has been written."""
        if way.matcher is None:
            idle = way.pattern.idle or [self._compiled(way.pattern.lark)]
            # A copy costs microseconds, but it has to learn the pattern anew.
            way.matcher = idle.pop() if len(idle) > 1 else idle[0].deep_copy()
            way.pattern.idle = idle
        way.matcher.consume_tokens(way.behind)
        way.behind = []
        return way.matcher

    def give_back(self, way: Way) -> None:
        """What a matcher has learned of its pattern serves whoever follows it next."""
        if way.matcher is not None:
            way.matcher.reset()
            way.pattern.idle.append(way.matcher)

    def _compiled(self, lark: str) -> LLMatcher:
        matcher = LLMatcher(self.tokens, LLMatcher.grammar_from_lark(NO_FORCING + lark))
        if matcher.is_error():
            raise BluebookError(
                f"llguidance does not read the subject's grammar: {matcher.get_error()}\n{lark[:500]}"
            )
        return matcher


class _Row:
    """One response as it grows. `ways` are the matchers that what stands in the line still fits, `room` is the number
    of tokens that may still be written, without what the family writes behind a response."""

    def __init__(self, language: Language, limit: int) -> None:
        self.language = language
        self.room = limit - len(language.closing)
        self.lines = ""  # finished, without the last one's end
        self.line = b""
        self.ended: list[int] = []  # tokens of the family's that are still to be written
        self.by_lines = True
        self.ways: list[Way] = []
        self._begin(language.opening)

    def _begin(self, opening: str = "") -> None:
        """Ask what the next line may be."""
        found = self.language.continues(self.lines, self.room)
        if found is None:
            self.by_lines, self.ways = False, [self.language.whole()]
        else:
            self.ways = [self.language.line(body, opening) for body in found.patterns]
            self.ways += [self.language.line(body, opening + head) for head, body in found.headed]
            if found.texts:
                self.ways.append(self.language.one_of(found.texts, opening))
        self.line = b""

    def beyond(self) -> Continuation:
        """What may follow here, where the line is complete or nothing can begin another. An empty line is complete
        where it is one of those that may stand here."""
        is_begun = bool(self.line) or any(b"\n" in way.place.left for way in self.ways)
        if not self.by_lines or not is_begun:
            return Continuation(end=True)
        return self.language.continues(self._with_line(), self.room - 1) or Continuation(end=True)

    def _with_line(self) -> str:
        line = self.line.decode()
        return f"{self.lines}\n{line}" if self.lines else line.removeprefix(self.language.opening)

    def take(self, token: int) -> None:
        """Go on with a token that was allowed."""
        self.room -= 1
        if self.ended:
            self.ended = self.ended[1:]
            return
        fitting = [way for way in self.ways if token != self.language.stop and way.allows(token)]
        for way in self.ways:
            if way not in fitting:
                self.language.give_back(way)
        self.ways = fitting
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
            way.take(token, letters)
        self.line += letters


class Guide:
    """Holds the rows of one batch to the language. Implements `generation.Guide`."""

    def __init__(self, language: Language, limits: Sequence[int]) -> None:
        """`limits`: the most tokens of each row."""
        self._language = language
        self._rows = [_Row(language, limit) for limit in limits]

    def _mask(self, row: _Row) -> NDArray[numpy.int32]:
        language = self._language
        mask = numpy.zeros_like(language.line_ends)
        if row.ended:
            return _allow(mask, row.ended[0])
        for way in row.ways:
            assert way.place.mask is not None, "looked at before"
            mask |= way.place.mask
        if _allows(mask, language.stop) or not row.ways:
            mask, beyond = _forbid(mask, language.stop), row.beyond()
            if beyond.end:
                mask = _allow(mask, language.closing[0])
            if row.by_lines and not beyond.goes_on:
                mask &= ~language.line_ends
        return mask

    def restrict(self, rows: Sequence[int], logits: torch.Tensor) -> torch.Tensor:
        """The logits of these rows, those of tokens that may not follow at minus infinity."""
        going = [self._rows[row] for row in rows]
        self._language.look([way for row in going for way in row.ways])
        bits = numpy.stack([self._mask(row) for row in going]).view(numpy.uint8)
        flags = numpy.unpackbits(bits, axis=1, count=logits.shape[-1], bitorder="little").view(bool)
        return logits.masked_fill(~torch.from_numpy(flags).to(logits.device), float("-inf"))

    def take(self, row: int, token: int) -> None:
        """Go on with a token that was allowed."""
        self._rows[row].take(token)


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
