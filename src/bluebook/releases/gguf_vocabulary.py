"""A byte-level BPE tokenizer as llama.cpp holds one: tokens, merges, and the name of how text is cut before merging.

llama.cpp knows the ways of cutting by name only; the pattern itself cannot be put into a file. A tokenizer that cuts in
a way of its own (the embedded base's does, so that names can be copied) is written with the nearest name and marked as
not `exact`: served by itself, such a file would show the model other tokens than training did. Its server must be
given the tokenizer (`deployment_server.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gguf import TokenType
from transformers import PreTrainedTokenizerBase

from bluebook.errors import BluebookError

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN2 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{_REST}"
_LLAMA3 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}{_REST}"
_GPT2 = "ByteLevel"  # the pattern that a ByteLevel pre-tokenizer has built in
# The patterns that text is cut with, and whether a whole word in the vocabulary needs no merges; llama.cpp's name.
CUTS: dict[tuple[tuple[str, ...], bool], str] = {
    ((_QWEN2,), False): "qwen2",
    ((_LLAMA3,), True): "llama-bpe",
    ((_GPT2,), False): "gpt-2",
}
NEAREST = "qwen2"


@dataclass(frozen=True)
class Vocabulary:
    """`tokens[i]` and `types[i]` belong to the id i. `cut` is llama.cpp's name; `exact`: it cuts as ours does."""

    tokens: list[str]
    types: list[int]
    merges: list[str]
    cut: str
    exact: bool


def vocabulary(tokenizer: PreTrainedTokenizerBase, size: int) -> Vocabulary:
    """The tokenizer's vocabulary, filled up to `size`, the rows of the model's embedding.

    Raises BluebookError, by name, for a tokenizer that is not a byte-level BPE and for tokens beyond `size`.
    """
    whole = _definition(tokenizer)
    model = whole["model"]
    by_id = {number: token for token, number in tokenizer.get_vocab().items()}
    if by_id and max(by_id) >= size:
        raise BluebookError(
            f"the tokenizer has the token id {max(by_id)}, and the model only {size} embeddings"
        )
    kinds = {
        added["id"]: TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
        for added in whole["added_tokens"]
    }
    patterns = _patterns(whole["pre_tokenizer"])
    cut = CUTS.get((patterns, bool(model.get("ignore_merges"))))
    return Vocabulary(
        # Some models have more embeddings than tokens.
        tokens=[by_id.get(number, f"[PAD{number}]") for number in range(size)],
        types=[
            int(kinds.get(number, TokenType.NORMAL if number in by_id else TokenType.UNUSED))
            for number in range(size)
        ],
        merges=[merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]],
        cut=cut or NEAREST,
        exact=cut is not None,
    )


def _definition(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """What `tokenizer.json` says. Raises BluebookError for what this file cannot put into a GGUF."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise BluebookError("the base's tokenizer has no tokenizer.json, which a GGUF is made from")
    whole: dict[str, Any] = json.loads(backend.to_str())
    kind = whole["model"]["type"]
    if kind != "BPE" or whole["model"].get("byte_fallback") or not _byte_level(whole["decoder"]):
        what = "SentencePiece's BPE" if kind == "BPE" else kind
        raise BluebookError(
            f"the base's tokenizer is {what}, and only byte-level BPE (Qwen 2 and 3, Llama 3, the embedded base) is "
            "converted here; merge the adapter and use llama.cpp's own convert_hf_to_gguf.py for it"
        )
    if not whole["model"]["merges"]:
        raise BluebookError("the base's tokenizer has no merges, and llama.cpp loads none without")
    normalizer = whole["normalizer"]
    if normalizer is not None and normalizer["type"] != "NFC":
        raise BluebookError(
            f"the base's tokenizer rewrites text ({normalizer['type']}), which llama.cpp does not"
        )
    return whole


def _byte_level(part: dict[str, Any] | None) -> bool:
    if part is None:
        return False
    return part["type"] == "ByteLevel" or any(_byte_level(inner) for inner in part.get("decoders", ()))


def _patterns(part: dict[str, Any] | None) -> tuple[str, ...]:
    """The patterns that text is cut with, in order. What is not known stands for itself, and so is in no table."""
    if part is None:
        return ()
    if part["type"] == "Sequence":
        return tuple(pattern for inner in part["pretokenizers"] for pattern in _patterns(inner))
    if part["type"] == "ByteLevel" and not part["add_prefix_space"]:
        return (_GPT2,) if part["use_regex"] else ()
    if part["type"] == "Split" and part["behavior"] == "Isolated" and not part["invert"]:
        return (str(part["pattern"].get("Regex")),)
    return (json.dumps(part),)
