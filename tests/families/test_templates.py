"""Families against tokenizers' own chat templates: equal, told apart, and made from one another."""

from __future__ import annotations

import pytest

from bluebook.errors import BluebookError
from bluebook.families import chat_template, families, family_named, family_of, verify_template
from tests.families.speakers import PHI3, TEMPLATES, byte_level

NAMES = sorted(families())


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_family_writes_what_its_tokenizers_write(name: str) -> None:
    assert verify_template(byte_level(families()[name], TEMPLATES[name][0]), families()[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_family_becomes_a_template_that_writes_the_same(name: str) -> None:
    family = families()[name]
    assert verify_template(byte_level(family, chat_template(family)), family)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_the_tokenizer_tells_families_of_one_model_type_apart(name: str) -> None:
    template, model_type = TEMPLATES[name]
    assert family_of(model_type, byte_level(families()[name], template)).name == name


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_no_other_family_of_the_model_type_passes(name: str) -> None:
    template, model_type = TEMPLATES[name]
    tokenizer = byte_level(families()[name], template)
    for other in families().values():
        if model_type in other.model_types and other.name != name:
            with pytest.raises(BluebookError):
                verify_template(tokenizer, other)


def test_a_template_that_keeps_only_the_last_of_several_steps_is_refused() -> None:
    """What deleted all reasoning but the last step from every row of an earlier system."""
    family = family_named("qwen")
    whole = chat_template(family)
    losing = whole.replace("message['content'] +", "message['content'].split('</thought>')[-1] +")
    assert losing != whole
    with pytest.raises(BluebookError, match="does not write what the tokenizer's own chat template writes"):
        verify_template(byte_level(family, losing), family)


@pytest.mark.parametrize(("model_type", "name"), [("llama", "llama2"), ("llama", "llama3"), ("phi3", "phi4")])
def test_without_a_template_the_vocabulary_decides(model_type: str, name: str) -> None:
    assert family_of(model_type, byte_level(families()[name])).name == name


def test_without_a_tokenizer_only_a_clear_model_type_will_do() -> None:
    assert family_of("qwen3").name == "qwen"
    assert family_of("mistral").name == "mistral"
    with pytest.raises(BluebookError, match="llama2, llama3"):
        family_of("llama")


@pytest.mark.parametrize("unknown", ["gpt2", "gptj", "falcon", ""])
def test_an_unknown_model_type_is_no_family(unknown: str) -> None:
    with pytest.raises(BluebookError, match=r"base\.family"):
        family_of(unknown)
    with pytest.raises(BluebookError):
        family_named(unknown + "?")


@pytest.mark.parametrize(
    "broken",
    [
        PHI3.replace("<|end|>\n", "<|end|> "),
        PHI3.replace("m.content", "m.content | trim"),
        PHI3.replace("m.content", "m.content | replace('\\r', '')"),
        PHI3.replace("'<|assistant|>\n'", "'<|assistant|>'"),
        "{{ bos_token or '' }}Hello. " + PHI3,
        "{% if messages | length > 2 %}{{ raise_exception('one turn only') }}{% endif %}" + PHI3,
    ],
)
def test_each_difference_from_the_template_is_found(broken: str) -> None:
    family = family_named("phi3")
    with pytest.raises(BluebookError, match="family phi3"):
        verify_template(byte_level(family, broken), family)


def test_the_first_difference_is_shown() -> None:
    family = family_named("phi3")
    with pytest.raises(BluebookError) as caught:
        verify_template(byte_level(family, PHI3.replace("<|end|>\n", "<|end|> ")), family)
    assert r"<|end|> <|assistant|>" in str(caught.value)
    assert r"<|end|>\n<|assistant|>" in str(caught.value)


def test_a_stop_token_of_several_pieces_is_refused() -> None:
    with pytest.raises(BluebookError, match="could not stop"):
        verify_template(byte_level(family_named("llama3")), family_named("qwen"))


def test_without_a_template_nothing_is_proved() -> None:
    assert verify_template(byte_level(family_named("generic")), family_named("generic")) is False
