"""The wrapper: contents stand in it unchanged, and tokens say the same as the text."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.errors import BluebookError
from bluebook.families import (
    control_tokens,
    encode_prompt,
    encode_row,
    families,
    family_named,
    read_completion,
    refusal,
    render_completion,
    render_prompt,
)
from bluebook.records import Message
from tests.families.speakers import byte_level, sentence_piece

NAMES = sorted(families())
CONTENTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def conversation(contents: Sequence[str], system: str | None = None) -> list[Message]:
    turns = [Message(role=("user", "assistant")[i % 2], content=c) for i, c in enumerate(contents)]
    return turns if system is None else [Message(role="system", content=system), *turns]


def holds_system(name: str) -> bool:
    family = families()[name]
    return family.has_system_role or family.system_folds is not None


def markers(name: str, system: bool) -> str:
    """A pattern of what must stand around three contents, from the family's file and nothing else."""
    f = families()[name]
    e = re.escape
    opening = e(f.system_prefix) + "(?P<system>.*)" + e(f.system_suffix) if system else ""
    if not system and f.default_system is not None:
        opening = e(f.system_prefix + f.default_system + f.system_suffix)
    folded = {"first": (opening, ""), "last": ("", opening), None: ("", "")}[f.system_folds]
    newest = f.assistant_prefix if f.generation_prefix is None else f.generation_prefix
    return (
        e(f.begin)
        + (opening if f.has_system_role else "")
        + (e(f.user_prefix) + folded[0] + "(?P<first>.*)" + e(f.user_suffix))
        + (e(f.assistant_prefix + f.answer_prefix) + "(?P<answer>.*)" + e(f.answer_suffix + f.stop_token))
        + (e(f.assistant_suffix + f.separator) + e(f.user_prefix) + folded[1] + "(?P<second>.*)")
        + (e(f.user_suffix) + e(newest))
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_system", [False, True])
@settings(max_examples=25, deadline=None)
@given(contents=st.tuples(CONTENTS, CONTENTS, CONTENTS), system=CONTENTS)
def test_contents_stand_unchanged_between_the_markers(
    name: str, with_system: bool, contents: tuple[str, str, str], system: str
) -> None:
    family = families()[name]
    if with_system and not holds_system(name):
        return
    text = render_prompt(family, conversation(contents, system if with_system else None))
    assert len(text) == len(render_prompt(family, conversation("abc", "s" if with_system else None))) + sum(
        len(content) - 1 for content in (*contents, *([system] if with_system else []))
    )
    # A content may itself look like a marker; the pattern then has other readings, but it must have one.
    assert re.fullmatch(markers(name, with_system), text, re.DOTALL)
    for content in contents:
        assert content in text


@pytest.mark.parametrize("name", NAMES)
def test_stripping_the_wrapper_gives_the_contents_back(name: str) -> None:
    family = families()[name]
    contents = ("Was ist 5 µm?", "Sehr\n\nklein.  ", "Why? ")
    system = "Be exact.\n" if holds_system(name) else None
    found = re.fullmatch(
        markers(name, system is not None), render_prompt(family, conversation(contents, system)), re.DOTALL
    )
    assert found is not None
    assert (found["first"], found["answer"], found["second"]) == contents
    if system is not None:
        assert found["system"] == system


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(content=CONTENTS)
def test_a_completion_can_be_read_back(name: str, content: str) -> None:
    family = families()[name]
    completion = render_completion(family, content)
    assert completion.endswith(family.stop_token)
    assert read_completion(family, completion) == content


def test_chatml_is_written_as_published() -> None:
    text = render_prompt(family_named("qwen"), conversation(["Hi", "Yes?", "Bye"], "Be kind."))
    assert text + render_completion(family_named("qwen"), "Goodbye.") == (
        "<|im_start|>system\nBe kind.<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n"
        "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\nGoodbye.<|im_end|>"
    )


def test_llama2_is_written_as_published() -> None:
    text = render_prompt(family_named("llama2"), conversation(["Hi", "Yes?", "Bye"], "Be kind."))
    assert text + render_completion(family_named("llama2"), "Goodbye.") == (
        "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] Yes? </s><s>[INST] Bye [/INST] Goodbye. </s>"
    )


@pytest.mark.parametrize(
    "roles",
    [[], ["assistant"], ["user", "assistant"], ["user", "user"], ["user", "system", "user"], ["system"]],
)
def test_roles_out_of_order_are_refused(roles: list[str]) -> None:
    messages = [Message(role=role, content="x") for role in roles]  # type: ignore[arg-type]
    with pytest.raises(BluebookError, match="ending in user"):
        render_prompt(family_named("qwen"), messages)


def test_a_system_text_is_refused_where_there_is_no_place() -> None:
    messages = conversation(["Hi"], "Be kind.")
    assert refusal(family_named("gemma"), messages) == "no place for a system text"
    with pytest.raises(BluebookError, match="no place for a system text"):
        render_prompt(family_named("gemma"), messages)
    assert refusal(family_named("gemma3"), messages) is None


@pytest.mark.parametrize("name", NAMES)
def test_every_marker_inside_a_content_is_refused(name: str) -> None:
    family = families()[name]
    assert refusal(family, conversation(["fine", "fine"])) is None
    for token in family.control_tokens:
        assert token in control_tokens()
        assert refusal(family, conversation([f"a{token}b"])) == "control token in user"
        assert refusal(family, conversation(["fine", f"a{token}"])) == "control token in assistant"
    assert family.stop_token in family.control_tokens


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_blank_contents_are_refused(blank: str) -> None:
    assert refusal(family_named("qwen"), conversation([blank])) == "empty user"


def test_what_a_template_would_strip_is_refused() -> None:
    assert refusal(family_named("llama3"), conversation(["Hi\n"])) == "white space at the ends of user"
    assert refusal(family_named("qwen"), conversation(["Hi\n", " Yes"])) is None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(prompt=CONTENTS, content=CONTENTS)
def test_ids_decode_to_the_rendered_text(name: str, prompt: str, content: str) -> None:
    family = families()[name]
    messages = conversation([prompt])
    if refusal(family, [*messages, Message(role="assistant", content=content)]) is not None:
        return
    tokenizer = TOKENIZERS[name]
    row = encode_row(tokenizer, family, messages, content)
    assert row.prompt == encode_prompt(tokenizer, family, messages)
    assert tokenizer.decode(row.prompt) == render_prompt(family, messages)
    assert tokenizer.decode(row.completion) == render_completion(family, content)
    assert row.completion[-1] == tokenizer.convert_tokens_to_ids(family.stop_token)


TOKENIZERS = {name: byte_level(family) for name, family in families().items()}


@pytest.mark.parametrize("name", ["llama2", "mistral", "gemma"])
@settings(max_examples=25, deadline=None)
@given(
    prompt=st.text("abc ?", min_size=1).filter(str.strip),
    content=st.text("abc \n", min_size=1).filter(str.strip),
)
def test_no_space_slips_in_between_prompt_and_answer(name: str, prompt: str, content: str) -> None:
    family = families()[name]
    tokenizer = sentence_piece(family)
    row = encode_row(tokenizer, family, conversation([prompt]), content)
    text = render_prompt(family, conversation([prompt])) + render_completion(family, content)
    assert tokenizer.decode(row.prompt + row.completion).lstrip(" ") == text.lstrip(" ")


def test_an_answer_that_begins_with_a_newline_keeps_the_prompt_as_served() -> None:
    family = family_named("qwen")
    tokenizer = byte_level(family)
    row = encode_row(tokenizer, family, conversation(["Hi"]), "\nYes")
    assert row.prompt == encode_prompt(tokenizer, family, conversation(["Hi"]))
    assert tokenizer.decode(row.completion) == "\nYes<|im_end|>"
