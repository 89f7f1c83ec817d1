"""How a model family writes a conversation: one JSON file each, one renderer for training and serving.

`family.py` says what a file holds and renders with it; `templates.py` proves a family equal to a tokenizer's
own chat template. A family is found from the model's config; where several families share a `model_type`
(Llama 2 and 3, Phi-3 and Phi-4 do), the tokenizer decides.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from bluebook.errors import BluebookError
from bluebook.families.family import (
    Encoded,
    Family,
    Tokenizer,
    encode_prompt,
    encode_row,
    read_completion,
    refusal,
    render_completion,
    render_prompt,
)
from bluebook.families.templates import (
    ChatTokenizer,
    chat_template,
    choose,
    only,
    verify_template,
)

__all__ = [
    "ChatTokenizer",
    "Encoded",
    "Family",
    "Tokenizer",
    "chat_template",
    "control_tokens",
    "encode_prompt",
    "encode_row",
    "families",
    "family_named",
    "family_of",
    "read_completion",
    "refusal",
    "render_completion",
    "render_prompt",
    "verify_template",
]


@cache
def families() -> dict[str, Family]:
    """Every family, by name."""
    folder = Path(__file__).parent
    found = [msgspec.json.decode(file.read_bytes(), type=Family) for file in sorted(folder.glob("*.json"))]
    return {family.name: family for family in found}


def family_named(name: str) -> Family:
    """The family of this name. Raises BluebookError for an unknown one."""
    if name not in families():
        raise BluebookError(f"no chat family {name!r}; there is {', '.join(sorted(families()))}")
    return families()[name]


def family_of(model_type: str, tokenizer: ChatTokenizer | None = None) -> Family:
    """The family of a config's `model_type`; where several share it, the one that the tokenizer speaks.

    Raises BluebookError for an unknown model type and where nothing decides; there is no fallback.
    """
    candidates = [family for family in families().values() if model_type in family.model_types]
    if not candidates:
        raise BluebookError(
            f"no chat family for model_type {model_type!r}. Set base.family in params.yaml to one of "
            f"{', '.join(sorted(families()))}, or add a file for it to src/bluebook/families"
        )
    return only(candidates, candidates) if tokenizer is None else choose(candidates, tokenizer)


def control_tokens() -> list[str]:
    """The control tokens of every family, longest first."""
    return sorted({t for f in families().values() for t in f.control_tokens}, key=lambda t: (-len(t), t))
