"""The grammar's masks, beside gold tokens in every kind of wrapping, and what their penalty does to a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, UnexpectedInput
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from bluebook.errors import BluebookError, ParamsError
from bluebook.families import Family, encode_row, family_named
from bluebook.families import families as all_families
from bluebook.models import load_tokenizer
from bluebook.records import GRAMMAR_FILE, Message
from bluebook.subjects.ue5 import language
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.generator import Generator
from bluebook.training.losses import Policy, Supervised, objective, token_losses
from bluebook.training.rows import Row, measure
from bluebook.training.syntax import ANYTHING, Masks, read_masks
from bluebook.training.train import train
from tests.families.speakers import byte_level, sentence_piece
from tests.training.conftest import LOCAL, SETTINGS, Ready, dataset

Speaker = Callable[[Family], PreTrainedTokenizerBase]
SUMS = 'start: NUMBER ("+" NUMBER)*\nNUMBER: /[0-9]+/\n%ignore / +/\n'
PROMPT = [Message(role="user", content="Go on.")]
GENERATOR = Generator(shipped())


def row(tokenizer: PreTrainedTokenizerBase, family: Family, content: str) -> Row:
    return Row("r", *encode_row(tokenizer, family, PROMPT, content), content)


def allowed(masks: Masks, number: int) -> set[int]:
    return set(masks.table()[number].nonzero().flatten().tolist())


def test_each_place_allows_what_may_follow_the_gold_prefix() -> None:
    family = family_named("qwen")
    tokenizer = byte_level(family)
    masks = Masks(SUMS, tokenizer, family, len(tokenizer))
    one = row(tokenizer, family, "1+23")
    states = masks.states(one)
    written = [{tokenizer.decode([token]) for token in allowed(masks, state)} for state in states]
    digits = set("0123456789")
    end = {"+", " ", family.stop_token}
    # llguidance ignores white space between tokens, and unlike Lark none before the first.
    assert written == [digits, digits | end, digits | {" "}, digits | end, digits | end]
    assert len(masks.table()) == 4  # each set once, and the one that forbids nothing
    assert len(allowed(masks, ANYTHING)) == len(tokenizer)


@pytest.mark.parametrize("speaker", [byte_level, sentence_piece])
@pytest.mark.parametrize("name", sorted(all_families()))
def test_gold_is_never_forbidden_whatever_the_family_wraps(name: str, speaker: Speaker) -> None:
    family = family_named(name)
    tokenizer = speaker(family)
    masks = Masks(SUMS, tokenizer, family, len(tokenizer) + 7)
    one = row(tokenizer, family, "1 + 23")
    states = masks.states(one)
    before, inner = len(family.answer_prefix), len("1 + 23")  # a token a letter
    assert [state != ANYTHING for state in states] == [
        before <= at <= before + inner for at in range(len(states))
    ]
    for token, state in zip(one.completion, states, strict=True):
        assert token in allowed(masks, state)
    # Where the answer may end, what may follow is what the family writes behind it.
    ending = one.completion[before + inner]
    ends = [at for at in range(inner + 1) if ending in allowed(masks, states[before + at])]
    assert ends == ([1, 2, 5, 6] if family.answer_suffix == "" else [1, 2, 3, 4, 5, 6])
    assert all(
        (masks._stop in allowed(masks, states[before + at])) == (at in ends and family.answer_suffix == "")
        for at in range(inner + 1)
    )


def merging(family: Family) -> PreTrainedTokenizerBase:
    """Words with the space before them, as SentencePiece writes them: no token ends with the prefix's space."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[family.stop_token],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator([" 12 + 12"] * 50, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=family.stop_token)


def test_a_token_that_holds_the_prefixs_space_is_constrained_too() -> None:
    family = msgspec.structs.replace(family_named("qwen"), answer_prefix=" ")
    tokenizer = merging(family)
    one = row(tokenizer, family, "12 + 12")
    assert tokenizer.decode(one.completion[:1]) == " 12"
    masks = Masks('start: NUMBER "+" NUMBER\nNUMBER: /[0-9]+/\n%ignore / +/\n', tokenizer, family, 400)
    states = masks.states(one)
    texts = {tokenizer.decode([token]) for token in allowed(masks, states[0])}
    assert {" ", " 12"} <= texts and not {"12", "1", "+", " +"} & texts
    assert all(t in allowed(masks, s) for t, s in zip(one.completion, states, strict=True))


@pytest.mark.parametrize("size", [288, 289, 319, 320, 1024])
def test_any_size_of_vocabulary_will_do(size: int) -> None:
    family = family_named("qwen")
    tokenizer = byte_level(family)
    masks = Masks(SUMS, tokenizer, family, size)
    one = row(tokenizer, family, "1+23")
    states = masks.states(one)
    table = masks.table()
    assert table.shape == (4, size) and table[ANYTHING].all() and not table[1:, len(tokenizer) :].any()
    assert all(table[state, token] for token, state in zip(one.completion, states, strict=True))


def test_a_response_outside_the_grammar_is_named() -> None:
    family = family_named("qwen")
    tokenizer = byte_level(family)
    masks = Masks(SUMS, tokenizer, family, len(tokenizer))
    with pytest.raises(BluebookError, match=r"row r: .* not in the subject's grammar: '\*' after '1'"):
        masks.states(row(tokenizer, family, "1*2"))
    with pytest.raises(BluebookError, match=r"'<\|im_end\|>' after '1\+'"):  # it may not end here
        masks.states(row(tokenizer, family, "1+"))
    assert masks.states(row(tokenizer, family, "1+2"))  # and the next row is read as if nothing had been


def test_a_grammar_that_cannot_be_read_is_refused() -> None:
    family = family_named("qwen")
    with pytest.raises(BluebookError, match="does not read the subject's grammar"):
        Masks("start: NOWHERE", byte_level(family), family, 300)


def test_a_subject_without_a_grammar_has_no_penalty(base: Path, tmp_path: Path) -> None:
    data = dataset(base, tmp_path / "toy", rows=16)
    tweaked: Any = msgspec.structs.replace(SETTINGS, syntax_weight=0.1)
    with pytest.raises(ParamsError, match=r"subjects.toy.train.syntax_weight: this subject has no grammar"):
        train(data, base, tmp_path, tweaked, seed=7, local=LOCAL)
    (data / GRAMMAR_FILE).write_text(SUMS)
    family = family_named("qwen")
    assert read_masks(data, byte_level(family), family, 300)


def test_the_penalty_is_the_probability_of_what_is_forbidden() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.2, 0.05], [0.1, 0.2, 0.3, 0.4]]))
    table = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]]).bool()
    labels, states = torch.tensor([[-100, 1, 3]]), torch.tensor([[0, 1, 2]])
    found = token_losses(logits[None], Supervised(labels, states, table), lambda hidden: hidden)
    assert torch.allclose(found.penalty, -torch.log(torch.tensor([0.75, 0.6])))
    free = token_losses(logits[None], Supervised(labels, torch.zeros_like(states), table), lambda x: x)
    assert not free.penalty.any() and torch.equal(free.nll, found.nll)


@given(st.integers(0, 10**6), st.integers(5, 70))
def test_the_gradient_lowers_the_forbidden_mass(seed: int, size: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    logits = (torch.randn(3, size, generator=rng) * 5).requires_grad_()
    labels = torch.tensor([[0, *torch.randint(0, size, (3,), generator=rng).tolist()]])
    table = torch.rand(4, size, generator=rng) < 0.4
    table[torch.arange(1, 4), labels[0, 1:]] = True  # gold is never forbidden
    supervised = Supervised(labels, torch.arange(4)[None], table)

    def penalty() -> torch.Tensor:
        return token_losses(logits[None], supervised, lambda hidden: hidden).penalty.sum()

    before = penalty()
    before.backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    legal = table[1:]
    assert (logits.grad[~legal] >= -1e-6).all() and (logits.grad[legal] <= 1e-6).all()
    with torch.no_grad():
        logits -= 0.01 * logits.grad
        assert penalty() <= before + 1e-6


def test_training_lowers_what_the_grammar_forbids(base: Path, tmp_path: Path) -> None:
    """Same rows, same steps: with the penalty less probability lies on what the grammar forbids."""
    grammar = 'start: "The " WORD " is in the " WORD "."\nWORD: /[a-z]+/\n'
    plain = Ready(base, tmp_path, rows=32)
    masks = Masks(grammar, plain.tokenizer, plain.family, plain.trainer.model.vocab_size)
    found = {}
    for weight in (0.0, 2.0):
        tweaked: Any = msgspec.structs.replace(SETTINGS, epochs=1, learning_rate=1e-3, optimizer="adamw")
        rows = masks.annotated(plain.rows)
        policy = Policy(syntax_weight=weight, allowed=masks.table())
        ready = Ready(base, tmp_path, tweaked, rows=32, policy=policy, change=masks.annotated)
        assert list(ready.rows) == list(rows)
        before = measure(ready.trainer, rows, 8)
        ready.trainer.train()
        after = measure(ready.trainer, rows, 8)
        assert before is not None and after is not None and 0 < after.penalty < before.penalty
        found[weight] = after.penalty
    assert found[2.0] < 0.9 * found[0.0]


def test_training_reports_the_penalty(base: Path, tmp_path: Path) -> None:
    data, out = dataset(base, tmp_path / "data", rows=16, validation=6), tmp_path / "out"
    out.mkdir()
    (data / GRAMMAR_FILE).write_text('start: "The " WORD " is in the " WORD "."\nWORD: /[a-z]+/\n')
    tweaked: Any = msgspec.structs.replace(SETTINGS, epochs=1, syntax_weight=0.1)
    trained = train(data, base, out, tweaked, seed=7, local=LOCAL)
    assert trained.metrics.validation_penalty and trained.curve[-1].penalty > 0
    assert trained.curve[-1].objective > trained.curve[-1].loss


def test_the_objective_adds_the_weighted_penalty() -> None:
    labels, states = torch.tensor([[0, 1, 1]]), torch.tensor([[0, 1, 1]])
    table = torch.tensor([[True, True], [False, True]])
    found = token_losses(torch.zeros(1, 2, 2), Supervised(labels, states, table), lambda hidden: hidden)
    log2 = torch.log(torch.tensor(2.0))
    assert torch.isclose(objective(found, torch.ones(2), 0.5, 4), (2 * log2 + 0.5 * 2 * log2) / 4)


# The Blueprint grammar: one file for Lark's parser and for these masks.


@pytest.fixture(scope="module")
def blueprint(base: Path) -> Masks:
    tokenizer = load_tokenizer(base)
    return Masks(language.grammar(), tokenizer, family_named("qwen"), len(tokenizer) + 5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_generated_programs_are_never_forbidden(base: Path, blueprint: Masks, seed: int) -> None:
    tokenizer, family = load_tokenizer(base), family_named("qwen")
    one = row(tokenizer, family, GENERATOR.generate((), Random(seed)).response)
    states = blueprint.states(one)
    assert ANYTHING not in states
    table = blueprint.table()
    assert all(table[state, token] for token, state in zip(one.completion, states, strict=True))


def test_the_stop_token_is_allowed_just_where_larks_parser_takes_the_text(
    base: Path, blueprint: Masks
) -> None:
    tokenizer, family = load_tokenizer(base), family_named("qwen")
    lark = Lark(language.grammar(), parser="lalr", lexer="contextual", start="start")
    ends = set()
    for seed in range(3):
        one = row(tokenizer, family, GENERATOR.generate((), Random(seed)).response)
        states = blueprint.states(one)
        table = blueprint.table()
        for at, state in enumerate(states):
            text = tokenizer.decode(one.completion[:at], clean_up_tokenization_spaces=False)
            try:
                lark.parse(text)
                whole = True
            except UnexpectedInput:
                whole = False
            ends.add(whole)
            assert bool(table[state, one.completion[-1]]) == whole, text
    assert ends == {True, False}
