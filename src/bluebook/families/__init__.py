"""How a model family writes a conversation: one JSON file each, and the one renderer that training and serving share.

The wrapper adds markers around a content and never changes it. What the model is trained to write is
`content + stop_token`; `assistant_suffix` is what the family puts between turns after that and is never supervised.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple, Protocol

import msgspec

from bluebook.errors import BluebookError
from bluebook.records import Message


class Family(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One file of this folder."""

    name: str
    description: str
    model_types: list[str]  # `model_type` values of the model's config.json
    begin: str  # text of the tokenizer's begin token where the template writes one
    system_prefix: str
    system_suffix: str
    user_prefix: str
    user_suffix: str
    assistant_prefix: str
    assistant_suffix: str
    separator: str  # between turns
    stop_token: str
    has_system_role: bool
    control_tokens: list[str]  # what must never stand inside a content


@cache
def families() -> dict[str, Family]:
    """Every family, by name."""
    found = [
        msgspec.json.decode(entry.read_bytes(), type=Family)
        for entry in sorted(files(__package__).iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".json")
    ]
    return {family.name: family for family in found}


def family_of(model_type: str) -> Family:
    """The family of a config's `model_type`. Raises BluebookError for an unknown one; there is no fallback."""
    for family in families().values():
        if model_type in family.model_types:
            return family
    raise BluebookError(
        f"no chat family for model_type {model_type!r}. Set base.family in params.yaml to one of "
        f"{', '.join(sorted(families()))}, or add a file for it to src/bluebook/families"
    )


def render_prompt(family: Family, messages: Sequence[Message]) -> str:
    """The text before the answer: system, user and earlier turns, and the assistant's opening marker."""
    raise NotImplementedError


def render_completion(family: Family, content: str) -> str:
    """What the model is trained to write, stop token included."""
    return content + family.stop_token


class Encoded(NamedTuple):
    """Token ids of one row; the trainer's input is `prompt + completion`, and only `completion` is supervised."""

    prompt: list[int]
    completion: list[int]


class Tokenizer(Protocol):
    """The part of a transformers tokenizer that encoding needs."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]: ...


def encode_prompt(tokenizer: Tokenizer, family: Family, messages: Sequence[Message]) -> list[int]:
    """What the model is shown, in training and in serving alike."""
    return tokenizer.encode(render_prompt(family, messages), add_special_tokens=False)


def encode_row(tokenizer: Tokenizer, family: Family, prompt: Sequence[Message], content: str) -> Encoded:
    """Prompt and completion are encoded apart: serving sees the prompt alone, so no token may span the boundary."""
    return Encoded(
        encode_prompt(tokenizer, family, prompt),
        tokenizer.encode(render_completion(family, content), add_special_tokens=False),
    )


def control_tokens() -> list[str]:
    """The control tokens of every family, longest first."""
    return sorted({t for f in families().values() for t in f.control_tokens}, key=lambda t: (-len(t), t))
