"""Control tokens inside a text, broken up so that no tokenizer reads them as special.

A tokenizer looks for its special tokens as exact strings before it does anything else, so one space inside the
token is enough: `<|im_end|>` becomes `< |im_end|>`, `[INST]` becomes `[ INST]`. A space stays visible to readers and
survives Unicode normalisation, which drops zero-width characters in some tokenizers and would put the token together
again. A mode tag that a text quotes (`<user>`, `<thought>:`) is no token of any family and is left alone.

Breaking goes on until nothing is left to break, so tokens hidden in one another (`<|im_<|im_end|>end|>`) leave none
behind. It must be the last rule that touches a text: a later one could put two halves together.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from bluebook.families import control_tokens


class Neutralised(NamedTuple):
    """`tokens` are the control tokens that were found, as they were written, sorted and without repetition."""

    text: str
    tokens: tuple[str, ...]


# Names that some model family gives a meaning in angle or square brackets. Mode tags are not among them.
_ANGLED = (
    r"/?s|/?bos|/?eos|/?unk|/?pad|/?mask|/?cls|/?sep|/?think|/?reasoning|/?tool_calls?|/?tool_responses?"
    r"|/?tool_results?|/?tool_code|/?tool_outputs?|/?tools|/?function_calls?|/?function=\w{1,64}|/?available_tools"
    r"|start_of_\w{1,32}|end_of_\w{1,32}|/?start_\w{1,32}|unused_?\d{1,5}|extra_id_\d{1,5}|reserved_\w{1,32}"
    r"|fim_\w{1,16}|image_soft_token|begin_of_\w{1,32}|eod|eop|eot|eom|/?sys"
)
_SQUARED = (
    r"/?inst|/?sys|/?available_tools|/?tool_calls|/?tool_results|/?tool_content|/?system_prompt|/?think|/?think_ing"
    r"|img|img_break|img_end|prefix|middle|suffix|args|call_id|gmask|smask|sop|eop|cls|sep|pad|unk|mask|bos|eos"
    r"|control_\d{1,4}"
)
# `<|…|>` with no blank inside: a pipe operator between blanks is not a token. The bars may be full-width.
_SHAPES = (
    rf"<(?=[|｜]\S{{1,80}}?[|｜]>)|<(?=<(?:/)?sys>>)|<(?=(?:{_ANGLED})>)|\[(?=(?:{_SQUARED})\])"
)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str] | None, tuple[str, ...]]:
    """The shapes above; the families' tokens that have no such shape; a character of each for a quick look."""
    shapes = re.compile(_SHAPES, re.IGNORECASE)
    others = [token for token in control_tokens() if not shapes.match(token)]
    literal = re.compile("|".join(map(re.escape, others)), re.IGNORECASE) if others else None
    return shapes, literal, tuple(sorted({"<", "["} | {_rarest(token) for token in others}))


def _rarest(token: str) -> str:
    return next((c for c in token if not c.isalnum() and not c.isspace()), token)
