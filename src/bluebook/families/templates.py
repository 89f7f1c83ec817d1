"""A family and a tokenizer's own chat template: told apart, proved equal, or written for a tokenizer that
has none.

The template is Jinja inside the tokenizer's files; every server renders with it. A model that learned
another wrapping than its server sends answers worse and nobody sees why, so the two are compared byte by
byte before anything is exported.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from bluebook.errors import BluebookError
from bluebook.families.family import (
    Family,
    Tokenizer,
    refusal,
    render_completion,
    render_prompt,
)
from bluebook.records import Message


class ChatTokenizer(Tokenizer, Protocol):
    """The part of a transformers tokenizer that comparing needs."""

    chat_template: str | dict[str, str] | None

    def get_vocab(self) -> dict[str, int]: ...

    def apply_chat_template(self, conversation: list[dict[str, str]], **options: Any) -> Any: ...


# Contents that templates have been seen to change: stripped, split at a marker, normalised or escaped.
PROBES = (
    "Where is the key?",
    "Über 5 µm – „なぜ“ 🦉 e\u0301",
    "  two spaces in front and one behind ",
    "\nnewlines around\n",
    "<thought>: not a marker & \"quoted\" \\n {{ braces }} '{%'",
    "line one\n\n\tline two\r\nline three",
    "<thought>one</thought><action>a</action>\n<thought>two</thought><action>b</action>\ndone",
)


def _conversations() -> list[list[Message]]:
    """Prompts that end in a user turn: one and two turns of each probe, with and without a system text."""
    found = []
    for index, text in enumerate(PROBES):
        other = PROBES[index - 1]
        one = [Message(role="user", content=text)]
        two = [*one, Message(role="assistant", content=text), Message(role="user", content=other)]
        for turns in (one, two):
            found += [turns, [Message(role="system", content=text), *turns]]
    return found


def verify_template(tokenizer: ChatTokenizer, family: Family) -> bool:
    """True when the tokenizer's own chat template writes what the family writes; False when it has no
    template.

    Every prompt that the family does not refuse is compared, and so is every whole conversation. Raises
    BluebookError with the first difference, or when the stop token is not one token of the vocabulary.
    """
    stop = tokenizer.encode(family.stop_token, add_special_tokens=False)
    if len(stop) != 1:
        raise BluebookError(
            f"family {family.name}: its stop token {family.stop_token!r} is {len(stop)} tokens of this "
            f"tokenizer, so a model could not stop; set base.family in params.yaml to the family of the base"
        )
    if tokenizer.chat_template is None:
        return False
    for messages in _conversations():
        if refusal(family, messages) is None:
            _compare(tokenizer, family, messages)
    return True


def _compare(tokenizer: ChatTokenizer, family: Family, messages: list[Message]) -> None:
    prompt = render_prompt(family, messages)
    _same(family, messages, _apply(tokenizer, family, messages, ask=True), prompt)
    if messages[0].role == "system":
        # Its place is proved. Some templates lose the system text of a conversation that ends in an answer.
        return
    for content in PROBES:
        whole = [*messages, Message(role="assistant", content=content)]
        if refusal(family, whole) is None:
            row = prompt + render_completion(family, content)
            # What a template writes after the last stop token (a newline, an end of text) is never trained
            # on.
            _same(family, whole, _apply(tokenizer, family, whole, ask=False)[: len(row)], row)


def _apply(tokenizer: ChatTokenizer, family: Family, messages: Sequence[Message], ask: bool) -> str:
    from jinja2 import TemplateError  # late: only comparing needs it, while every ingest imports this package

    rows = [{"role": message.role, "content": message.content} for message in messages]
    try:
        text: str = tokenizer.apply_chat_template(
            rows, tokenize=False, add_generation_prompt=ask, **family.template_arguments
        )
    except TemplateError as error:
        roles = ", ".join(message.role for message in messages)
        raise BluebookError(
            f"family {family.name}: the tokenizer's chat template refuses the roles {roles}: {error}"
        ) from error
    return text


def _same(family: Family, messages: Sequence[Message], theirs: str, ours: str) -> None:
    if theirs == ours:
        return
    at = next(
        (i for i, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b), min(len(theirs), len(ours))
    )
    start = max(0, at - 40)
    roles = ", ".join(message.role for message in messages)
    raise BluebookError(
        f"family {family.name} does not write what the tokenizer's own chat template writes "
        f"({roles}; character {at}):\n"
        f"  template {theirs[start : at + 40]!r}\n"
        f"  family   {ours[start : at + 40]!r}\n"
        f"Set base.family in params.yaml to another family, or add a file for it to src/bluebook/families"
    )


def choose(candidates: Sequence[Family], tokenizer: ChatTokenizer) -> Family:
    """The candidate that this tokenizer speaks. Raises BluebookError when none does or several might.

    With a chat template it is the one that writes the same bytes. Without, the one whose begin and stop
    token are in the vocabulary; where variants share them, the family that they are variants of.
    """
    if tokenizer.chat_template is not None:
        differences = []
        for family in candidates:
            try:
                verify_template(tokenizer, family)
            except BluebookError as error:
                differences.append(str(error))
            else:
                return family
        raise BluebookError("\n".join(differences))
    vocabulary = tokenizer.get_vocab()
    fitting = [f for f in candidates if f.stop_token in vocabulary and (not f.begin or f.begin in vocabulary)]
    return only(fitting, candidates)


def only(fitting: Sequence[Family], candidates: Sequence[Family]) -> Family:
    """The one family of `fitting` that is no variant of another one there."""
    names = {family.name for family in fitting}
    heads = [family for family in fitting if family.variant_of not in names]
    if len(heads) == 1:
        return heads[0]
    listed = ", ".join(family.name for family in candidates)
    raise BluebookError(
        f"{len(heads)} of the families {listed} fit this base; set base.family in params.yaml to one"
    )


def chat_template(family: Family) -> str:
    """The family as a Jinja chat template, for a tokenizer's files: the same bytes, from any server."""

    def text(value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    opening = f"{text(family.system_prefix)} + system + {text(family.system_suffix)}"
    default = "none" if family.default_system is None else text(family.default_system)
    newest = family.assistant_prefix if family.generation_prefix is None else family.generation_prefix
    closing = family.answer_suffix + family.stop_token
    completion = f"{text(family.answer_prefix)} + message['content'] + {text(closing)}"
    # The last user turn is the last turn, or the one before a closing answer.
    folds_here = {
        None: "false",
        "first": "loop.first",
        "last": "loop.index0 >= turns|length - 2",
    }[family.system_folds]
    if family.has_system_role:
        before = f"{{%- if system is not none -%}}{{{{- {opening} -}}}}{{%- endif -%}}"
    elif family.system_folds is None:
        before = (
            "{%- if system is not none -%}{{- raise_exception('no place for a system text') -}}{%- endif -%}"
        )
    else:
        before = ""
    return "".join(
        [
            "{%- if messages[0]['role'] == 'system' -%}",
            "{%- set system = messages[0]['content'] -%}{%- set turns = messages[1:] -%}",
            f"{{%- else -%}}{{%- set system = {default} -%}}{{%- set turns = messages -%}}{{%- endif -%}}",
            f"{{{{- {text(family.begin)} -}}}}",
            before,
            "{%- for message in turns -%}",
            "{%- if message['role'] != ('user' if loop.index0 % 2 == 0 else 'assistant') -%}",
            "{{- raise_exception('roles must be system? user (assistant user)*') -}}{%- endif -%}",
            "{%- if message['role'] == 'user' -%}",
            f"{{{{- ('' if loop.first else {text(family.separator)}) + {text(family.user_prefix)} -}}}}",
            f"{{%- if system is not none and {folds_here} -%}}{{{{- {opening} -}}}}{{%- endif -%}}",
            f"{{{{- message['content'] + {text(family.user_suffix)} -}}}}",
            "{%- else -%}",
            f"{{{{- ({text(newest)} if loop.last else {text(family.assistant_prefix)}) + {completion} -}}}}",
            f"{{{{- {text(family.assistant_suffix)} -}}}}",
            "{%- endif -%}{%- endfor -%}",
            f"{{%- if add_generation_prompt -%}}{{{{- {text(newest)} -}}}}{{%- endif -%}}",
        ]
    )
