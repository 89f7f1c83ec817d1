"""What a subject's grammar allows at each token of a response, for the syntax penalty.

A grammar allows one of a few sets of tokens at any place: all names, all numbers, one of three keywords, the end. The
Blueprint grammar has 38 such sets in 55,000 tokens of generated programs. So each set is stored once, as a bit mask
over the vocabulary, and a token carries the number of its set; it travels with the token like its label, whatever a
collator does. The sets are found once, before training, on all cores: that takes 30 microseconds a token with a
vocabulary of 4,000 and 400 with one of 60,000. Found in a collator they would cost that again in every epoch.

The grammar speaks of the response alone, tokens of the response as the family wraps it:

- tokens of the wrapping (`answer_prefix`, `answer_suffix`) are unconstrained: they carry the number 0;
- a token that spans the prefix and the response (SentencePiece: ` BLUEPRINT`) is constrained by a grammar that begins
  with the letters of the prefix it holds;
- where the response may end, what may follow is the first token that the family writes behind it: mostly the stop
  token.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from transformers import PreTrainedTokenizerBase

from bluebook.errors import BluebookError, DataError, ParamsError
from bluebook.families import Family
from bluebook.records import GRAMMAR_FILE
from bluebook.training.rows import Row, Rows

ANYTHING = 0  # the number of the mask that forbids nothing
BLOCK = 256  # rows that are read at a time: a fault in one is told before all the others are read
# Sets of tokens that llguidance keeps ready; names are what most places of a formal language allow.
SLICES = [*LLTokenizer.general_slices(), "[A-Za-z0-9_]{1,30}"]


class Masks:
    """The sets of tokens that a grammar allows, each once, and which of them holds where."""

    def __init__(
        self, grammar: str, tokenizer: PreTrainedTokenizerBase, family: Family, vocabulary: int
    ) -> None:
        """`vocabulary`: tokens that the model predicts, which may be more than the tokenizer has.

        Raises BluebookError where the grammar is not one that llguidance reads.
        """
        self._family = family
        self._grammar = grammar
        self._vocabulary = vocabulary
        self._stop = int(tokenizer.convert_tokens_to_ids(family.stop_token))
        self._tokenizer: LLTokenizer = from_tokenizer(
            tokenizer, n_vocab=max(vocabulary, len(tokenizer)), eos_token=self._stop, slices=SLICES
        )
        self._matchers: dict[str, LLMatcher] = {}
        self._letters: dict[int, bytes] = {}
        self._once: dict[bytes, bytes] = {}
        # As long as llguidance's own masks, which may hold more than a bit a token.
        self._anything = b"\xff" * len(self._matcher("").compute_bitmask())
        self._numbers = {self._anything: ANYTHING}

    def annotated(self, rows: Sequence[Row]) -> Rows:
        """The rows with the number of the mask of each token's place. Raises BluebookError as `states` does."""

        def found() -> Iterator[Row]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:  # llguidance works outside Python's lock
                for start in range(0, len(rows), BLOCK):
                    block = rows[start : start + BLOCK]
                    # Numbered in the order of the rows, so that the same rows give the same numbers.
                    for row, masks in zip(block, pool.map(self._masks, block), strict=True):
                        yield row._replace(states=self._numbered(masks))

        return Rows(found())

    def states(self, row: Row) -> list[int]:
        """The number of the mask for each token of the row's completion.

        Raises BluebookError where the response is not in the grammar, and where its tokens cannot be told from those
        of the wrapping.
        """
        return self._numbered(self._masks(row))

    def _numbered(self, masks: Sequence[bytes]) -> list[int]:
        return [self._numbers.setdefault(mask, len(self._numbers)) for mask in masks]

    def _masks(self, row: Row) -> list[bytes]:
        spans = self._spans(row)
        size = len(row.content.encode())
        inside = [at for at, (start, end) in enumerate(spans) if start < size and end > 0]
        first, behind = inside[0], inside[-1] + 1
        if spans[behind - 1][1] > size:
            raise BluebookError(
                f"row {row.id}: one token holds the end of the response and what family "
                f"{self._family.name} writes behind it; set syntax_weight to 0"
            )
        opening = self._family.answer_prefix.encode()[spans[first][0] :] if spans[first][0] < 0 else b""
        matcher = self._matcher(opening.decode()).deep_copy()
        closing = row.completion[behind]
        found = [self._anything] * len(row.completion)
        for at in range(first, behind + 1):
            mask = self._mask(matcher, closing)
            token = row.completion[at]
            if not mask[token >> 3] >> (token & 7) & 1:
                raise self._outside(row, at, token)
            found[at] = self._once.setdefault(mask, mask)  # thousands of equal ones would fill the memory
            if at < behind:
                matcher.consume_token(token)
        return found

    def table(self) -> torch.Tensor:
        """Which tokens each mask allows, by its number. Tokens that only the model has are never allowed but by 0."""
        masks = numpy.frombuffer(b"".join(self._numbers), dtype=numpy.uint8).reshape(len(self._numbers), -1)
        flags = numpy.unpackbits(masks, axis=1, count=self._vocabulary, bitorder="little")
        return torch.from_numpy(flags.astype(bool))

    def _mask(self, matcher: LLMatcher, closing: int) -> bytes:
        """What is allowed next, with `closing` in place of the end."""
        mask: bytes = matcher.compute_bitmask()
        if closing == self._stop or not mask[self._stop >> 3] >> (self._stop & 7) & 1:
            return mask
        changed = bytearray(mask)
        changed[self._stop >> 3] &= ~(1 << (self._stop & 7)) & 0xFF
        changed[closing >> 3] |= 1 << (closing & 7)
        return bytes(changed)

    def _spans(self, row: Row) -> list[tuple[int, int]]:
        """The bytes of the response that each token stands for; those of the prefix count up to 0."""
        texts = [self._bytes(token) for token in row.completion]
        family = self._family
        expected = f"{family.answer_prefix}{row.content}{family.answer_suffix}{family.stop_token}".encode()
        if b"".join(texts) != expected:
            raise BluebookError(
                f"row {row.id}: the tokenizer does not write the response back byte for byte, so the grammar "
                f"cannot follow it; set syntax_weight to 0"
            )
        at = -len(family.answer_prefix.encode())
        spans = []
        for text in texts:
            spans.append((at, at + len(text)))
            at += len(text)
        return spans

    def _bytes(self, token: int) -> bytes:
        if token not in self._letters:
            self._letters[token] = self._tokenizer.decode_bytes([token])
        return self._letters[token]

    def _matcher(self, opening: str) -> LLMatcher:
        """A matcher for the response behind `opening`, which no white space rule of the grammar may swallow."""
        if opening not in self._matchers:
            text = self._grammar
            if opening:
                text = f"start: {json.dumps(opening)} response\nresponse: %lark {{\n{text}\n}}\n"
            matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_lark(text))
            if matcher.is_error():
                raise BluebookError(f"llguidance does not read the subject's grammar: {matcher.get_error()}")
            self._matchers[opening] = matcher
        return self._matchers[opening]

    def _outside(self, row: Row, at: int, token: int) -> BluebookError:
        before = b"".join(map(self._bytes, row.completion[:at])).decode(errors="replace")
        found = self._bytes(token).decode(errors="replace")
        return BluebookError(
            f"row {row.id}: the response is not in the subject's grammar: {found!r} after {before[-60:]!r}. The gate "
            f"should have refused it; look at the subject's rule `parses`"
        )


def read_masks(dataset: Path, tokenizer: PreTrainedTokenizerBase, family: Family, vocabulary: int) -> Masks:
    """Masks by the grammar of a dataset folder. Raises ParamsError where its subject has none."""
    path = dataset / GRAMMAR_FILE
    if not path.exists():
        raise ParamsError(
            f"subjects.{dataset.name}.train.syntax_weight: this subject has no grammar ({path} is not there), so "
            f"there is nothing to forbid; set it to 0.0"
        )
    try:
        grammar = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(path, None, f"expected a Lark grammar in UTF-8: {error}") from error
    return Masks(grammar, tokenizer, family, vocabulary)
