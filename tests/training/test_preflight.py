"""Each check has a fault planted that it must refuse by name, and a healthy run that it must let through."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from bluebook.errors import PreflightError
from bluebook.training import losses, preflight
from bluebook.training.batching import IGNORED
from bluebook.training.rows import Row, batch_loss
from bluebook.training.train import make_optimizer
from tests.training.conftest import LORA, SETTINGS, Ready

Batch = dict[str, torch.Tensor]


def run(ready: Ready) -> preflight.Findings:
    return preflight.run(
        ready.trainer,
        ready.rows,
        ready.tokenizer,
        ready.family,
        partial(make_optimizer, settings=ready.settings),
    )


def refused(ready: Ready, words: str) -> None:
    with pytest.raises(PreflightError, match=words):
        run(ready)


def plant(ready: Ready, fault: Callable[[Batch], Batch]) -> None:
    """Let the trainer's collator do its work and then break it."""
    healthy = ready.trainer.data_collator
    ready.trainer.data_collator = lambda features: fault(healthy(features))


def test_a_healthy_run_passes_and_leaves_no_trace(ready: Ready) -> None:
    before = {name: weight.clone() for name, weight in ready.trainer.model.state_dict().items()}
    numbers = torch.get_rng_state(), random.getstate()
    findings = run(ready)
    assert findings.rows == len(ready.rows)
    assert findings.supervised_tokens == sum(len(row.completion) for row in ready.rows)
    assert findings.overfit_loss < 0.05 and findings.regenerated == 4
    assert findings.copy_control < 1e-4
    after = ready.trainer.model.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert all(weight.grad is None for weight in ready.trainer.model.parameters())
    assert torch.equal(torch.get_rng_state(), numbers[0]) and random.getstate() == numbers[1]


@pytest.mark.parametrize("architecture", ["qwen3", "llama"])
def test_a_healthy_lora_run_passes(bases: Any, architecture: str, tmp_path: Any) -> None:
    ready = Ready(bases(architecture), tmp_path, msgspec.structs.replace(SETTINGS, **LORA))
    assert run(ready).overfit_loss < 0.05


def test_rows_without_supervised_tokens_are_named(ready: Ready) -> None:
    ready.rows = [*ready.rows, Row("lost", [5, 6, 7], [], "")]
    refused(ready, "supervised tokens: rows lost have none")


def test_an_empty_training_set_is_refused(ready: Ready) -> None:
    ready.rows = []
    refused(ready, "training set is empty")


def test_a_collator_that_rebuilds_labels_from_the_input(ready: Ready) -> None:
    plant(
        ready,
        lambda batch: {**batch, "labels": batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)},
    )
    refused(ready, "the prompt is supervised too")


def test_a_collator_that_masks_everything(ready: Ready) -> None:
    plant(ready, lambda batch: {**batch, "labels": torch.full_like(batch["labels"], IGNORED)})
    refused(ready, "every label is masked")


def test_pads_that_are_counted(ready: Ready) -> None:
    def fault(batch: Batch) -> Batch:
        pads = batch["attention_mask"] == 0
        return {**batch, "labels": torch.where(pads, batch["input_ids"], batch["labels"])}

    plant(ready, fault)
    refused(ready, "pads are counted")


def test_a_stop_token_masked_because_it_is_also_the_pad(ready: Ready) -> None:
    assert ready.tokenizer.pad_token_id == ready.tokenizer.eos_token_id  # as with many real tokenizers
    stop = ready.tokenizer.eos_token_id
    plant(
        ready,
        lambda batch: {**batch, "labels": batch["labels"].masked_fill(batch["labels"] == stop, IGNORED)},
    )
    refused(ready, "the stop token is masked")


def test_labels_cut_short(ready: Ready) -> None:
    def fault(batch: Batch) -> Batch:
        labels = batch["labels"].clone()
        for row in labels:
            last = int((row != IGNORED).nonzero()[-1])
            row[last - 2 :] = IGNORED
        return {**batch, "labels": labels}

    plant(ready, fault)
    refused(ready, "the answer is cut")


def test_sequences_truncated_by_the_collator(ready: Ready) -> None:
    plant(ready, lambda batch: {name: value[:, :30] for name, value in batch.items()})
    refused(ready, "the collator cuts or changes it")


def test_a_start_of_the_answer_that_is_looked_for_by_a_marker(ready: Ready) -> None:
    """The answer holds the marker as well, and all before its last occurrence is masked."""
    marker = ready.tokenizer.encode(" is", add_special_tokens=False)

    def fault(batch: Batch) -> Batch:
        labels = batch["labels"].clone()
        for ids, row in zip(batch["input_ids"].tolist(), labels, strict=True):
            found = [at for at in range(len(ids)) if ids[at : at + len(marker)] == marker]
            row[: found[-1] + len(marker)] = IGNORED
        return {**batch, "labels": labels}

    plant(ready, fault)
    refused(ready, "the beginning of the answer is masked")


def test_a_completion_marker_that_is_not_found(ready: Ready) -> None:
    """What collators that search do then: mask the whole row, and train on nothing."""
    marker = ready.tokenizer.encode("### Answer:", add_special_tokens=False)

    def fault(batch: Batch) -> Batch:
        labels = batch["labels"].clone()
        for ids, row in zip(batch["input_ids"].tolist(), labels, strict=True):
            found = [at for at in range(len(ids)) if ids[at : at + len(marker)] == marker]
            row[: found[-1] if found else len(row)] = IGNORED
        return {**batch, "labels": labels}

    plant(ready, fault)
    refused(ready, "every label is masked")


def test_a_feature_that_a_collator_loses_or_shifts(ready: Ready) -> None:
    ready.rows = [row._replace(regions=[0, *[1] * (len(row.completion) - 1)]) for row in ready.rows]
    healthy = ready.trainer.data_collator
    plant(ready, lambda batch: {name: value for name, value in batch.items() if name != "regions"})
    refused(ready, "its regions do not reach the loss")
    ready.trainer.data_collator = healthy
    plant(ready, lambda batch: {**batch, "regions": batch["regions"].roll(1, dims=1)})
    refused(ready, "its regions do not reach the loss")


def injected(ready: Ready) -> None:
    """Say of every row that a tool has put in the third token of its answer."""
    ready.rows = [row._replace(injected=[at == 2 for at in range(len(row.completion))]) for row in ready.rows]


def test_injected_text_is_never_learned_and_the_rest_is(ready: Ready) -> None:
    injected(ready)
    findings = run(ready)
    assert findings.supervised_tokens == sum(len(row.completion) - 1 for row in ready.rows)


def test_injected_text_that_is_supervised(ready: Ready) -> None:
    injected(ready)
    completions = [row.completion for row in ready.rows]

    def fault(batch: Batch) -> Batch:
        labels = batch["labels"].clone()
        for row, ids, mask in zip(labels, batch["input_ids"], batch["attention_mask"], strict=True):
            end = int(mask.sum())
            length = next(len(c) for c in completions if ids[end - len(c) : end].tolist() == c)
            row[end - length : end] = ids[end - length : end]
        return {**batch, "labels": labels}

    plant(ready, fault)
    refused(ready, "injected text is supervised")


def test_an_answer_that_lost_text_before_it_was_encoded(ready: Ready) -> None:
    ready.rows = [row._replace(content=f"Two steps. {row.content}") for row in ready.rows]
    refused(ready, "changed on its way")


def unshifted(ready: Ready) -> Callable[..., torch.Tensor]:
    def compute_loss(model: Any, inputs: Batch, *_: Any, **__: Any) -> torch.Tensor:
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), inputs["labels"].flatten())

    return compute_loss


def test_an_unshifted_loss(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready.trainer, "compute_loss", unshifted(ready))
    with pytest.raises(PreflightError, match="copy control: the loss moves"):
        preflight.check_copy_control(ready.trainer, preflight.overfit_rows(ready.rows))


def test_the_trainers_loss_is_high_for_a_model_that_copies_its_input(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the control stands for: repeating the input is perfect for an unshifted loss, useless here."""
    size = len(ready.tokenizer)
    shape = {"num_hidden_layers": 0, "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 8}
    copier = Qwen3ForCausalLM(
        Qwen3Config(vocab_size=size, hidden_size=size, intermediate_size=8, tie_word_embeddings=True, **shape)
    )
    torch.nn.init.eye_(copier.model.embed_tokens.weight)
    losses.attach(copier)
    monkeypatch.setattr(ready.trainer, "model", copier.eval())
    ours = batch_loss(ready.trainer, ready.rows[:8])[0].item()
    monkeypatch.setattr(ready.trainer, "compute_loss", unshifted(ready))
    assert ours > 5 and batch_loss(ready.trainer, ready.rows[:8])[0].item() < 0.01


def test_a_loss_that_leaves_out_what_the_model_does_to_its_logits(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordinary = ready.trainer.model.forward

    def capped(*args: Any, **more: Any) -> Any:
        found = ordinary(*args, **more)
        if hasattr(found, "logits"):
            found.logits = 2 * torch.tanh(found.logits / 2)
        return found

    monkeypatch.setattr(ready.trainer.model, "forward", capped)
    refused(ready, "own loss: ")


def test_an_unshifted_loss_is_not_the_models_own(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    healthy = losses.token_losses

    def unshifted(hidden: torch.Tensor, supervised: losses.Supervised, *rest: Any) -> losses.TokenLosses:
        return healthy(hidden.roll(-1, dims=1), supervised, *rest)

    monkeypatch.setattr(losses, "token_losses", unshifted)
    refused(ready, "own loss: .* shifted")


@pytest.mark.parametrize("row", ["zero", "mean"])
def test_new_tokens_whose_rows_stay_frozen(base: Any, tmp_path: Any, row: str) -> None:
    """What adding a token to a tokenizer and resizing the embedding leaves behind."""
    ready = Ready(base, tmp_path, msgspec.structs.replace(SETTINGS, **LORA))
    weight = ready.trainer.model.get_input_embeddings().weight
    token = ready.rows[0].completion[1]
    with torch.no_grad():
        weight[token] = 0.0 if row == "zero" else weight.mean(0)
        weight[token] += 1e-7 * torch.randn_like(weight[token])
    name = ready.tokenizer.convert_ids_to_tokens(token)
    refused(ready, f"frozen new rows: .* 1 of the tokens .*{re.escape(repr(name))}")
    weight.requires_grad_(True)
    preflight.check_known_tokens(ready.trainer.model, ready.rows, ready.tokenizer)


def test_a_base_that_knows_the_answers_already(ready: Ready) -> None:
    optimizer = make_optimizer(ready.trainer.model, ready.settings)
    ready.rows = ready.rows[:4]
    loss = 1.0
    while loss > 0.1:
        found, _ = batch_loss(ready.trainer, ready.rows)
        found.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss = found.item()
    refused(ready, "first loss: .* has seen these answers")


def test_a_base_that_is_worse_than_guessing(ready: Ready) -> None:
    with torch.no_grad():
        ready.trainer.model.get_output_embeddings().weight.mul_(50)
    refused(ready, "first loss: .* uniform guess")


def test_a_loss_that_is_not_a_number(ready: Ready) -> None:
    with torch.no_grad():
        ready.trainer.model.get_output_embeddings().weight[0] = float("nan")
    refused(ready, "first loss: nan")


def test_frozen_weights(ready: Ready) -> None:
    ready.trainer.model.requires_grad_(False)
    refused(ready, "no weight is trainable")


def test_too_few_weights_reached(ready: Ready) -> None:
    ready.trainer.model.requires_grad_(False)
    ready.trainer.model.model.norm.weight.requires_grad_(True)
    refused(ready, "overfit: after .* Gradients do not reach")


def test_a_learning_rate_of_nothing(base: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "OVERFIT_STEPS", 40)
    ready = Ready(
        base, tmp_path, msgspec.structs.replace(SETTINGS, learning_rate=1e-9, matrix_learning_rate=1e-9)
    )
    refused(ready, "overfit: .* learning rates")


def test_writing_that_sees_another_prompt_than_training_showed(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ready.trainer.model
    healthy = model.generate

    def generate(input_ids: torch.Tensor, **options: Any) -> torch.Tensor:
        twisted = torch.cat([input_ids[:, :4].flip(1), input_ids[:, 4:-2], input_ids[:, :2]], dim=1)
        written: torch.Tensor = healthy(input_ids=twisted, **options)
        return written

    monkeypatch.setattr(model, "generate", generate)
    refused(ready, "learned by heart and is not written back")


def test_rows_to_overfit_have_prompts_of_their_own() -> None:
    rows = [Row(f"r{i}", [1, i // 2], [3] * (i + 1), "") for i in range(20)]
    few = preflight.overfit_rows(rows)
    assert [row.id for row in few] == ["r0", "r2", "r4", "r6"]
