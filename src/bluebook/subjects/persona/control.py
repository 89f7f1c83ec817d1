"""Control tokens inside a text, broken up so that no tokenizer reads them as special.

A tokenizer looks for its special tokens as exact strings before it does anything else, so one space inside
the token is enough: `<|im_end|>` becomes `< |im_end|>`, `[INST]` becomes `[ INST]`. A space stays visible to
readers and survives Unicode normalisation, which drops zero-width characters in some tokenizers and would put
the token together again. A mode tag that a text quotes (`<user>`, `<thought>:`) is no token of any family and
is left alone.

Breaking goes on until nothing is left to break, so tokens hidden in one another (`<|im_<|im_end|>end|>`)
leave none behind. It must be the last rule that touches a text: a later one could put two halves together.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from bluebook.families import control_tokens
from bluebook.subjects.persona.substrings import holds_any


class Neutralised(NamedTuple):
    """`tokens` are the control tokens that were found, as they were written, sorted and without
    repetition."""

    text: str
    tokens: tuple[str, ...]


def neutralise(text: str) -> Neutralised:
    """`text` without any control token: neither one that a family names nor one of the common shapes."""
    pattern, openings = _pattern()
    if not holds_any(text, openings):
        return Neutralised(text, ())
    tokens: set[str] = set()

    def broken(match: re.Match[str]) -> str:
        tokens.add(match["head"] + match["tail"])
        return match["head"] + " "

    while pattern.search(text):
        text = pattern.sub(broken, text)
    return Neutralised(text, tuple(sorted(tokens)))


def holds_control_token(text: str) -> bool:
    """What the gate asks: would `neutralise` change anything?"""
    pattern, openings = _pattern()
    return holds_any(text, openings) and pattern.search(text) is not None


# What may follow `<` or `[`. The names are those that some model family gives a meaning; mode tags are not
# among them.
_SHAPES = (
    r"(?<=<)[|｜]\S{1,80}?[|｜]>",  # no blank inside: a pipe operator between blanks is not a token
    r"(?<=<)</?sys>>",
    r"(?<=<)/?(?:s|bos|eos|unk|pad|mask|cls|sep|eo[dmpt]|think(?:ing)?|reasoning|(?:available_)?tools"
    r"|function_calls?"
    r"|tool_(?:calls?|code|outputs?|responses?|results?)|function=\w{1,64}|(?:start|end|begin)_of_\w{1,32}"
    r"|unused_?\d{1,5}|extra_id_\d{1,5}|reserved_\w{1,32}|fim_\w{1,16}|image_soft_token)>",
    r"(?<=\[)/?(?:inst|sys|available_tools|tool_(?:calls|results|content)|system_prompt|model_settings"
    r"|think|args"
    r"|call_id|img(?:_break|_end)?|prefix|middle|suffix|[gs]?mask|sop|eop|cls|sep|pad|unk|bos|eos"
    r"|control_\d{1,4})\]",
)


@cache
def _pattern() -> tuple[re.Pattern[str], tuple[str, ...]]:
    """The first character of every token, its rest in a lookahead so that overlapping tokens are all seen;
    and strings of which every text with a token holds at least one."""
    shapes = re.compile(rf"(?P<head>[<\[])(?=(?P<tail>{'|'.join(_SHAPES)}))", re.IGNORECASE)
    others = [token for token in control_tokens() if len(token) > 1 and not shapes.match(token)]
    if not others:
        return shapes, ("<", "[")
    heads = "".join(sorted({re.escape(token[0]) for token in others} | {"<", r"\["}))
    tails = [*_SHAPES, *(f"(?<={re.escape(token[0])}){re.escape(token[1:])}" for token in others)]
    whole = re.compile(rf"(?P<head>[{heads}])(?=(?P<tail>{'|'.join(tails)}))", re.IGNORECASE)
    return whole, ("<", "[", *(variant for t in others for variant in {t[0], t[0].swapcase()}))
