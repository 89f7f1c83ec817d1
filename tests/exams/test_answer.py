from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from bluebook.errors import BluebookError
from bluebook.exams.answer import answer
from bluebook.exams.engine import Asked
from bluebook.exams.inprocess import Candidate, InProcess
from bluebook.exams.losses import reference_losses
from bluebook.exams.partial import Partial
from bluebook.families import encode_prompt, encode_row, family_named
from bluebook.generation import greedy
from bluebook.records import Answer, ExamItem, Message
from bluebook.steps import Step
from tests.exams.conftest import exam

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 256,
    "eos_token_id": 2,
    # Large weights: the next token is decided by far more than rounding, and the text is as good as random.
    "initializer_range": 0.7,
}
MODELS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "qwen3": (Qwen3ForCausalLM, Qwen3Config, {"tie_word_embeddings": True}),
    "llama": (LlamaForCausalLM, LlamaConfig, {}),
    "sliding": (MistralForCausalLM, MistralConfig, {"sliding_window": 24}),
    # Learned positions: the others know only distances, and padding counted as text would not show.
    "absolute": (GPT2LMHeadModel, GPT2Config, {"n_inner": 64}),
}


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, after three special ones."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *alphabet])}
    bytes_only = Tokenizer(models.BPE(vocabulary, []))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    bytes_only.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=bytes_only,
        pad_token=SPECIAL[0],
        eos_token=SPECIAL[2],
        additional_special_tokens=[SPECIAL[1]],
    )


def candidate(kind: str, seed: int = 1) -> Candidate:
    tokenizer = byte_tokenizer()
    model, config, more = MODELS[kind]
    torch.manual_seed(seed)
    built = model(config(vocab_size=len(tokenizer), **SHAPE, **more)).eval()
    # Three special tokens among 259 would hardly ever be written, and rows would all end at their limit.
    built.get_output_embeddings().weight.data[:3] *= 2
    return Candidate(
        name=f"{kind}@{seed}",
        model=built,
        tokenizer=tokenizer,
        family=family_named("qwen"),
    )


@pytest.fixture(params=sorted(MODELS))
def sitting(request: pytest.FixtureRequest) -> Candidate:
    return candidate(request.param)


@pytest.fixture
def qwen() -> Candidate:
    return candidate("qwen3")


class Stopped(Exception):
    """Stands for whatever kills a run."""


class Killed(Step):
    """A step that does not survive its second report."""

    reports = 0

    def progress(self, done: int, total: int, loss: float | None = None) -> None:
        self.reports += 1
        if self.reports == 2:
            raise Stopped


RUNNING = Step("6.2", "Ask")


def ask(
    sitting: Candidate, items: Sequence[ExamItem], folder: Path, *, batch: int = 8, tokens: int = 40
) -> list[Answer]:
    partial = Partial(folder / f"{batch}.jsonl", sitting.name)
    return answer(InProcess(sitting, tokens=tokens, batch=batch), items, partial=partial, running=RUNNING)


def messages(item: ExamItem) -> list[Message]:
    return Asked(item, "free").messages


def test_answers_are_those_of_the_library_one_prompt_at_a_time(sitting: Candidate, tmp_path: Path) -> None:
    items = exam(24)
    prompts = [encode_prompt(sitting.tokenizer, sitting.family, messages(item)) for item in items]
    together = greedy(sitting.model, prompts, [40] * 24, stop=2, at_once=24)
    found = {row.item: row for row in ask(sitting, items, tmp_path)}
    for item, prompt, expected in zip(items, prompts, together, strict=True):
        whole = sitting.model.generate(
            torch.tensor([prompt]), max_new_tokens=40, do_sample=False, eos_token_id=2, pad_token_id=0
        )
        written = whole[0, len(prompt) :].tolist()
        assert written == expected
        assert found[item.id].tokens == len(written)
        assert found[item.id].finish == ("stop" if written[-1] == 2 else "length")
        if not {0, 1} & set(written):  # within a character's bytes they part what skipping them would join
            assert found[item.id].text == sitting.tokenizer.decode(written, skip_special_tokens=True)
    # The comparison means something only when some rows leave their batch before others.
    assert {row.finish for row in found.values()} == {"stop", "length"}


def test_the_batch_is_no_part_of_the_question(sitting: Candidate, tmp_path: Path) -> None:
    items = exam(24)
    assert ask(sitting, items, tmp_path, batch=1) == ask(sitting, items, tmp_path, batch=8)
    backwards = ask(sitting, items[::-1], tmp_path / "backwards", batch=5)
    assert backwards == ask(sitting, items, tmp_path, batch=24)


def test_a_row_stops_at_its_own_limit_or_at_the_stop_token(qwen: Candidate) -> None:
    prompts = [encode_prompt(qwen.tokenizer, qwen.family, messages(item)) for item in exam(12)]
    free = greedy(qwen.model, prompts, [30] * 12, stop=2, at_once=12)
    limits = [1 + place * 2 for place in range(12)]
    for at_once in (1, 3, 5, 12):
        assert greedy(qwen.model, prompts, limits, stop=2, at_once=at_once) == [
            row[:limit] for row, limit in zip(free, limits, strict=True)
        ]
    for row in free:
        assert 2 not in row[:-1]


def test_no_special_token_is_in_a_text(sitting: Candidate, tmp_path: Path) -> None:
    prompts = [encode_prompt(sitting.tokenizer, sitting.family, messages(item)) for item in exam(60)]
    written = greedy(sitting.model, prompts, [40] * 60, stop=2, at_once=20)
    assert any(token < 2 for row in written for token in row), "the model writes none: nothing is tested"
    for row in ask(sitting, exam(60), tmp_path):
        assert not any(token in row.text for token in SPECIAL)


def test_a_prompt_without_room_is_an_error_and_one_with_little_is_cut_short(
    qwen: Candidate, tmp_path: Path
) -> None:
    items = exam(3)
    room = qwen.context - len(encode_prompt(qwen.tokenizer, qwen.family, messages(items[0])))
    items[1].prompt = items[0].prompt + "9" * room
    items[2].prompt = items[0].prompt + "9" * (room - 1)
    found = {row.item: row for row in ask(qwen, items, tmp_path)}
    refused, cut = found[items[1].id], found[items[2].id]
    assert (refused.finish, refused.text, refused.tokens) == ("error", "", 0)
    assert cut.tokens == 1
    losses = reference_losses(qwen, items, batch=2, running=RUNNING)
    assert set(losses) == {items[0].id}


def test_a_killed_run_goes_on_and_ends_the_same(qwen: Candidate, tmp_path: Path) -> None:
    items = exam(24)
    whole = ask(qwen, items, tmp_path / "whole", batch=1)
    kept = tmp_path / "kept.jsonl"
    engine = InProcess(qwen, tokens=40, batch=1)
    with pytest.raises(Stopped):
        answer(engine, items, partial=Partial(kept, "run"), running=Killed("6.2", "Ask"))
    assert len(kept.read_bytes().splitlines()) == 16
    torn = kept.read_bytes()[:-20]
    kept.write_bytes(torn.replace(b'"text":"', b'"text":"kept '))
    partial = Partial(kept, "run")
    resumed = answer(engine, items, partial=partial, running=RUNNING)
    marked = [row for row in resumed if row.text.startswith("kept ")]
    assert len(marked) == 8, "the first batch is taken as it was, the torn one is asked again"
    for row, expected in zip(resumed, whole, strict=True):
        assert row.text.removeprefix("kept ") == expected.text
    partial.discard()
    assert not kept.exists()


def test_nothing_is_kept_for_another_run_or_another_question(qwen: Candidate, tmp_path: Path) -> None:
    items, kept = exam(2), tmp_path / "kept.jsonl"
    answer(InProcess(qwen, tokens=5, batch=8), items, partial=Partial(kept, "run"), running=RUNNING)
    first, second = (Asked(item, "free") for item in items)
    same = Partial(kept, "run")
    assert same.get(first) is not None
    assert same.get(first._replace(mode="constrained")) is None
    items[0].prompt += " "
    assert same.get(first) is None
    assert same.get(second) is not None
    assert Partial(kept, "another run").get(second) is None
    assert kept.read_bytes() == b""


def test_reference_loss_is_the_mean_over_completion_and_stop_token(sitting: Candidate) -> None:
    items = exam(7)
    found = reference_losses(sitting, items, batch=3, running=RUNNING)
    for item in items:
        prompt, completion = encode_row(sitting.tokenizer, sitting.family, messages(item), item.reference)
        assert completion[-1] == 2
        with torch.no_grad():
            logits = sitting.model(torch.tensor([[*prompt, *completion]])).logits[0]
        surprise = [
            -torch.log_softmax(logits[len(prompt) + place - 1], dim=0)[token].item()
            for place, token in enumerate(completion)
        ]
        assert found[item.id].tokens == len(completion)
        assert found[item.id].mean == pytest.approx(sum(surprise) / len(surprise), abs=1e-4)


def test_the_system_text_is_shown(qwen: Candidate, tmp_path: Path) -> None:
    items = exam(4)
    plain = ask(qwen, items, tmp_path / "plain")
    for item in items:
        item.system = "Answer in prefix form."
    assert [message.role for message in messages(items[0])] == ["system", "user"]
    assert ask(qwen, items, tmp_path / "told") != plain


def test_a_family_whose_stop_token_the_tokenizer_lacks_is_refused(qwen: Candidate, tmp_path: Path) -> None:
    with pytest.raises(BluebookError, match="llama3"):
        ask(replace(qwen, family=family_named("llama3")), exam(2), tmp_path)
