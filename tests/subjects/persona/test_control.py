"""No control token survives, whatever it is hidden in; everything else stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.families import control_tokens
from bluebook.subjects.persona.control import holds_control_token, neutralise

SHAPES = [
    "<|im_start|>",
    "<|anything_new|>",
    "<｜begin▁of▁sentence｜>",
    "<s>",
    "</s>",
    "<S>",
    "[INST]",
    "[/INST]",
    "[inst]",
    "<<SYS>>",
    "<</SYS>>",
    "<bos>",
    "<EOS>",
    "<unk>",
    "<pad>",
    "<mask>",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "[TOOL_CALLS]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[SYSTEM_PROMPT]",
    "<unused12>",
    "<extra_id_0>",
    "<fim_prefix>",
    "[gMASK]",
    "<|eot_id|>",
    "<|end_of_text|>",
]
ORDINARY = [
    "<user>",
    "<assistant>: hi",
    "<thought>: rain",
    "<world> sea",
    "<instruction>: water the plants",
    "<action>",
    "a < b and c > d",
    "list |> map |> sum",
    "f <| g",
    "<b>bold</b>",
    "[EMAIL] and [PHONE]",
    "[laughs]",
    "<3",
    "[1]",
    "if x<y: print(x|y)",
    "<im_end>",
    "| a | b |",
    "<\u200b|im_end|>",
    "< |im_end|>",
    "<strong>",
    "[Instagram]",
    "<sys/types.h>",
    "a||b",
    "x <- y",
    "<|",
    "|>",
]


@pytest.mark.parametrize("token", [*SHAPES, *control_tokens()])
def test_a_token_is_broken_wherever_it_stands(token: str) -> None:
    for text in (token, f"I said {token} to her.", token + token, f"x{token}y"):
        neutralised = neutralise(text)
        assert token.lower() not in neutralised.text.lower()
        assert neutralised.tokens
        assert not holds_control_token(neutralised.text)
        assert "".join(neutralised.text.split()) == "".join(text.split())  # only blanks came in


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_brackets_stay(text: str) -> None:
    assert neutralise(text) == (text, ())
    assert not holds_control_token(text)


@pytest.mark.parametrize(
    "text",
    [
        "<|im_<|im_end|>end|>",
        "<<s>s>",
        "[IN[INST]ST]",
        "<|<|<|a|>|>|>",
        "<<SYS>>SYS>>",
        "<</s>/s>",
        "<|a<s>|>",
    ],
)
def test_tokens_hidden_in_tokens_leave_none(text: str) -> None:
    assert not holds_control_token(neutralise(text).text)


def test_what_was_found_is_named_as_written() -> None:
    assert neutralise("a <|IM_END|> b </s> c </s>").tokens == ("</s>", "<|IM_END|>")


_HALVES = [
    token[:cut] for token in [*SHAPES, *control_tokens()] for cut in (1, 2, len(token) // 2, len(token) - 1)
]
_REST = [
    token[cut:] for token in [*SHAPES, *control_tokens()] for cut in (1, 2, len(token) // 2, len(token) - 1)
]


@given(st.lists(st.sampled_from([*SHAPES, *control_tokens(), *_HALVES, *_REST, " ", "\n", "a"]), max_size=12))
def test_no_concatenation_leaves_a_token(pieces: list[str]) -> None:
    text = "".join(pieces)
    neutralised = neutralise(text).text
    assert not any(token.lower() in neutralised.lower() for token in control_tokens())
    assert not re.search(r"<\|[^\s|]{1,80}\|>", neutralised)
    assert neutralise(neutralised) == (neutralised, ())


@given(st.text())
def test_text_without_brackets_is_untouched(text: str) -> None:
    bare = text.replace("<", "").replace("[", "")
    assert neutralise(bare) == (bare, ())
