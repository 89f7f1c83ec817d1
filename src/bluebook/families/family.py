"""The wrapper itself: what a family file says, and the one renderer that training and serving share.

A prompt is `system? user (assistant user)*`; the model writes the next assistant turn. It is rendered as

    begin [system_prefix S system_suffix]                               only where there is a system text
    user_prefix U user_suffix                                           the model is shown all this …
    assistant_prefix                                                    … up to here
    answer_prefix A answer_suffix stop_token                            and is trained to write this
    assistant_suffix separator                                          between turns; never supervised
    user_prefix U user_suffix …

The wrapper never changes a content. Some families' own templates do (Llama 3 trims white space, for one);
contents they would change are named by `refusal`, so that what is exported is what the family's own template
would write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from bluebook.errors import BluebookError
from bluebook.records import Message


class Family(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One file of this folder."""

    name: str
    description: str
    model_types: list[str]  # `model_type` of the model's config.json; empty: only by name in params.yaml
    variant_of: str = ""  # the family to prefer where no chat template tells the two apart
    begin: str  # text of the tokenizer's begin token where the template writes one
    system_prefix: str
    system_suffix: str
    user_prefix: str
    user_suffix: str
    assistant_prefix: str
    generation_prefix: str | None = None  # before the newest answer, where that differs from earlier ones
    answer_prefix: str = ""  # what the model writes before the content
    answer_suffix: str = ""  # … and between the content and the stop token
    assistant_suffix: str
    separator: str  # before each user turn but the first
    stop_token: str
    has_system_role: bool
    # Without a system role: the user turn that the system text goes into; None refuses a system text.
    system_folds: Literal["first", "last"] | None = None
    default_system: str | None = (
        None  # what the template writes as system text where the conversation has none
    )
    trimmed_roles: list[Literal["system", "user", "assistant"]] = []  # whose ends the template strips
    template_arguments: dict[str, str | bool] = {}  # switches of the template that this family stands for
    control_tokens: list[str]  # what must never stand inside a content


def render_prompt(family: Family, messages: Sequence[Message]) -> str:
    """The text before the answer: system, user and earlier turns, and the assistant's opening marker.

    Raises BluebookError when the roles are not `system? user (assistant user)*`, or when there is a system
    text and the family has no place for one.
    """
    system, turns = _split(family, messages)
    parts = [family.begin]
    folded_into = -1
    opening = "" if system is None else f"{family.system_prefix}{system}{family.system_suffix}"
    if family.has_system_role:
        parts.append(opening)
    elif opening:
        folded_into = 0 if family.system_folds == "first" else len(turns) - 1
    for index, turn in enumerate(turns):
        if index % 2:
            parts += [
                family.assistant_prefix,
                render_completion(family, turn.content),
                family.assistant_suffix,
            ]
        else:
            parts += [
                family.separator if index else "",
                family.user_prefix,
                opening if index == folded_into else "",
                turn.content,
                family.user_suffix,
            ]
    parts.append(family.assistant_prefix if family.generation_prefix is None else family.generation_prefix)
    return "".join(parts)


def _split(family: Family, messages: Sequence[Message]) -> tuple[str | None, Sequence[Message]]:
    """The system text and the turns after it."""
    system, turns = family.default_system, messages
    if messages and messages[0].role == "system":
        system, turns = messages[0].content, messages[1:]
    roles = [turn.role for turn in turns]
    if len(roles) % 2 == 0 or any(role != ("user", "assistant")[i % 2] for i, role in enumerate(roles)):
        found = ", ".join(message.role for message in messages) or "nothing"
        raise BluebookError(f"a prompt is system? user (assistant user)*, ending in user; found {found}")
    if system is not None and not family.has_system_role and family.system_folds is None:
        raise BluebookError(
            f"family {family.name} has no place for a system text; leave it out or put it in the prompt"
        )
    return system, turns


def render_completion(family: Family, content: str) -> str:
    """What the model is trained to write, stop token included."""
    return f"{family.answer_prefix}{content}{family.answer_suffix}{family.stop_token}"


def read_completion(family: Family, text: str) -> str:
    """The content of what a model wrote, the inverse of `render_completion`; it may lack the stop token."""
    text = text.removesuffix(family.stop_token)
    return text.removeprefix(family.answer_prefix).removesuffix(family.answer_suffix)


def refusal(family: Family, messages: Sequence[Message]) -> str | None:
    """Why the family cannot carry these messages unchanged, in a few fixed words; None when it can.

    `messages` may end in an assistant's answer. An empty content, one that holds a control token (it would
    be read as a marker) and one that the family's own template would strip are refused.
    """
    for message in messages:
        if not message.content or message.content.isspace():
            return f"empty {message.role}"
        if any(token in message.content for token in family.control_tokens):
            return f"control token in {message.role}"
        if message.role in family.trimmed_roles and message.content != message.content.strip():
            return f"white space at the ends of {message.role}"
        if message.role == "system" and not family.has_system_role and family.system_folds is None:
            return "no place for a system text"
    return None


class Encoded(NamedTuple):
    """Token ids of one row; the trainer's input is `prompt + completion`, only `completion` is supervised."""

    prompt: list[int]
    completion: list[int]


class Tokenizer(Protocol):
    """The part of a transformers tokenizer that encoding needs."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]: ...


def encode_prompt(tokenizer: Tokenizer, family: Family, messages: Sequence[Message]) -> list[int]:
    """What the model is shown, in training and in serving alike."""
    return tokenizer.encode(render_prompt(family, messages), add_special_tokens=False)


def encode_row(tokenizer: Tokenizer, family: Family, prompt: Sequence[Message], content: str) -> Encoded:
    """Serving sees the prompt alone, so its ids are those of the prompt alone, and no token spans the
    boundary.

    The completion's ids are what follows them in the encoding of the whole. Encoding it by itself instead
    would make a SentencePiece tokenizer put a space in front that the text does not have. Only where the
    whole merges across the boundary (a byte-level tokenizer, a content that begins with a newline) is the
    completion encoded by itself.
    """
    opening = render_prompt(family, prompt)
    answer = render_completion(family, content)
    before = tokenizer.encode(opening, add_special_tokens=False)
    whole = tokenizer.encode(opening + answer, add_special_tokens=False)
    if whole[: len(before)] == before:
        return Encoded(before, whole[len(before) :])
    return Encoded(before, tokenizer.encode(answer, add_special_tokens=False))
