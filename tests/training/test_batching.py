from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Qwen3Config, Qwen3ForCausalLM

from bluebook.errors import ParamsError, PreflightError
from bluebook.generation import greedy
from bluebook.models import load_base
from bluebook.params import Local
from bluebook.training import attention, preflight
from bluebook.training.batching import IGNORED, Collator, StepOrder, epoch_order, model_inputs
from bluebook.training.methods import packs, prepare_model
from bluebook.training.train import build_trainer, make_optimizer
from tests.training.conftest import LOCAL, LORA, SETTINGS, Ready

PACKED = msgspec.structs.replace(LOCAL, packing=True)
PADDED = LOCAL
AUTO = msgspec.structs.replace(LOCAL, packing="auto")
EXAMPLES = [
    {"input_ids": [5, 6, 7], "labels": [IGNORED, 6, 7], "regions": [1, 1, 2], "index": 4},
    {"input_ids": [8, 9], "labels": [8, 9], "regions": [2, 3], "index": 9},
]


class TestOrder:
    @given(st.lists(st.integers(1, 500), max_size=200), st.integers(1, 33), st.integers(0, 5))
    def test_holds_every_example_once_and_the_longest_first(
        self, lengths: list[int], batch: int, epoch: int
    ) -> None:
        order = epoch_order(lengths, batch, seed=3, epoch=epoch)
        assert sorted(order) == list(range(len(lengths)))
        assert order == epoch_order(lengths, batch, seed=3, epoch=epoch)
        for start in range(0, len(order), batch):
            step = [lengths[index] for index in order[start : start + batch]]
            assert step == sorted(step, reverse=True)
        if epoch == 0 and len(lengths) >= batch:
            assert lengths[order[0]] == max(lengths)

    def test_changes_with_epoch_and_seed(self) -> None:
        lengths = [index % 37 + 1 for index in range(300)]
        orders = {
            tuple(epoch_order(lengths, 8, seed=seed, epoch=epoch)) for seed in (1, 2) for epoch in (0, 1, 2)
        }
        assert len(orders) == 6
        steps = {frozenset(order[at : at + 8]) for order in orders for at in range(0, 296, 8)}
        assert len(steps) > 0.9 * 6 * 37  # who shares a step changes too, not only when it comes

    def test_gives_portions_of_similar_length(self) -> None:
        lengths = [20 + (index * 7919) % 400 for index in range(1024)]

        def held(order: list[int]) -> int:
            return sum(4 * max(lengths[i] for i in order[at : at + 4]) for at in range(0, len(order), 4))

        assert held(epoch_order(lengths, 64, seed=1, epoch=1)) < 1.1 * sum(lengths)
        assert held(list(range(1024))) > 1.4 * sum(lengths)

    def test_of_a_later_epoch_needs_no_earlier_one(self, ready: Ready) -> None:
        """So a run that goes on in its third epoch sees what an uninterrupted one sees there."""

        def seen(epochs: list[int]) -> list[Any]:
            loader = ready.trainer.get_train_dataloader()
            for epoch in epochs:
                loader.set_epoch(epoch)
                batches = [batch["input_ids"].tolist() for batch in loader]
            return batches

        assert seen([0, 1, 2]) == seen([2]) != seen([0])
        assert isinstance(ready.trainer._get_train_sampler(), StepOrder)


class TestCollator:
    def test_pads_every_feature_of_tokens(self) -> None:
        batch = Collator(pad=3)(EXAMPLES)
        assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 3]]
        assert batch["labels"].tolist() == [[IGNORED, 6, 7], [8, 9, IGNORED]]
        assert batch["regions"].tolist() == [[1, 1, 2], [2, 3, 0]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
        assert batch["index"].tolist() == [4, 9]
        assert model_inputs(batch).keys() == {"input_ids", "attention_mask"}

    def test_packs_every_feature_of_tokens(self) -> None:
        batch = Collator(pad=3, packed=True)(EXAMPLES)
        assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9]]
        # The 8 stands right of another example's 7, which must not learn to write it.
        assert batch["labels"].tolist() == [[IGNORED, 6, 7, IGNORED, 9]]
        assert batch["regions"].tolist() == [[1, 1, 2, 2, 3]]
        assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
        assert batch["cu_seq_lens_q"].tolist() == [0, 3, 5]
        assert batch["max_length_q"] == 3
        assert "attention_mask" not in batch
        assert batch["index"].tolist() == [4, 9]


def trainers(base: Path, folder: Path, method: dict[str, Any], *locals_: Local) -> list[Ready]:
    settings = msgspec.structs.replace(SETTINGS, **method)
    made = []
    for number, local in enumerate(locals_):
        ready = Ready(base, folder / str(number), settings)
        ready.trainer = build_trainer(
            prepare_model(base, settings, seed=7, local=local),
            ready.tokenizer,
            ready.rows,
            settings,
            seed=7,
            local=local,
            scratch=folder,
        )
        made.append(ready)
    return made


def loss_and_gradients(ready: Ready, rows: slice = slice(0, 8)) -> tuple[float, dict[str, torch.Tensor]]:
    model = ready.trainer.model.train()
    model.zero_grad()
    batch = ready.trainer.data_collator([row.features for row in ready.rows[rows]])
    loss = ready.trainer.compute_loss(model, batch)
    loss.backward()
    return loss.item(), {name: w.grad for name, w in model.named_parameters() if w.grad is not None}


@pytest.mark.parametrize("method", [{}, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("architecture", ["qwen3", "llama"])
@pytest.mark.parametrize("recomputed", [False, True], ids=["kept", "recomputed"])
def test_packed_rows_have_the_loss_and_the_gradients_of_padded_ones(
    bases: Callable[[str], Path], tmp_path: Path, architecture: str, method: dict[str, Any], recomputed: bool
) -> None:
    packed_local = msgspec.structs.replace(PACKED, gradient_checkpointing=recomputed)
    padded, packed = trainers(bases(architecture), tmp_path, method, PADDED, packed_local)
    assert packed.trainer.data_collator.packed and not padded.trainer.data_collator.packed
    expected, expected_gradients = loss_and_gradients(padded)
    found, gradients = loss_and_gradients(packed)
    assert found == pytest.approx(expected, abs=1e-5)
    assert gradients.keys() == expected_gradients.keys()
    for name, gradient in gradients.items():
        assert torch.allclose(gradient, expected_gradients[name], atol=1e-5), name


@pytest.mark.parametrize("name", ["sdpa", attention.NAME])
@pytest.mark.parametrize("architecture", ["qwen3", "llama"])
def test_no_example_sees_another(bases: Callable[[str], Path], architecture: str, name: str) -> None:
    """Other neighbours, bit for bit the same logits, whether the bounds or a block mask keep them apart."""
    model = load_base(bases(architecture), LOCAL)
    model.set_attn_implementation(name)
    generator = torch.Generator().manual_seed(5)
    first, middle, last, other = (
        torch.randint(3, 300, (length,), generator=generator).tolist() for length in (9, 14, 6, 9)
    )

    def logits(*examples: list[int]) -> torch.Tensor:
        features = [{"input_ids": ids, "labels": ids} for ids in examples]
        with torch.no_grad():
            return model(**model_inputs(Collator(pad=0, packed=True)(features)), use_cache=False).logits[0]

    alone, changed = logits(first, middle, last), logits(other, middle, last[::-1])
    assert torch.equal(alone[9:23], changed[9:23])
    assert not torch.equal(alone[:9], changed[:9])
    assert torch.allclose(alone[9:23], logits(middle), atol=1e-5)
    # What the bounds are for: without them the second example reads the first.
    ids = torch.tensor([first + middle])
    with torch.no_grad():
        leaked = model(input_ids=ids, use_cache=False).logits[0]
    assert not torch.allclose(leaked[9:], alone[9:23], atol=1e-2)


def test_a_model_that_takes_packed_rows_still_writes_as_before(ready: Ready, base: Path) -> None:
    """Answering pads on the left and keeps a cache, which only torch's own attention and mask know."""
    model, prompts = load_base(base, LOCAL), [row.prompt for row in ready.rows[:6]]
    stop = ready.tokenizer.convert_tokens_to_ids(ready.family.stop_token)
    before = greedy(model, prompts, [12] * 6, stop=stop, at_once=4)
    attention.use(model)
    assert greedy(model, prompts, [12] * 6, stop=stop, at_once=4) == before


def test_packing_a_model_with_windows_is_refused_or_left() -> None:
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=40,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            use_sliding_window=True,
            sliding_window=4,
            max_window_layers=1,
        )
    )
    assert not packs(model, AUTO) and not packs(model, PADDED)
    with pytest.raises(
        ParamsError, match="packing is true and qwen3 has layers of the kind sliding_attention"
    ):
        packs(model, PACKED)


class TestPreflightOfPackedRows:
    """The checks look at the batches that training uses, so they read packed ones too."""

    @pytest.fixture
    def packed(self, base: Path, tmp_path: Path) -> Ready:
        return trainers(base, tmp_path, {}, AUTO)[0]

    def run(self, ready: Ready) -> preflight.Findings:
        optimizer = partial(make_optimizer, settings=ready.settings)
        return preflight.run(ready.trainer, ready.rows, ready.tokenizer, ready.family, optimizer)

    def test_passes_what_is_whole(self, packed: Ready) -> None:
        findings = self.run(packed)
        assert findings.copy_control < 1e-4 and findings.overfit_loss < 0.05

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            (lambda labels, ids: ids, "the prompt is supervised too"),
            (lambda labels, ids: torch.full_like(labels, IGNORED), "every label is masked"),
            (lambda labels, ids: labels.roll(1, 1), "supervised text"),
        ],
        ids=["rebuilt", "masked", "of a neighbour"],
    )
    def test_refuses_what_is_not(self, packed: Ready, fault: Callable[..., torch.Tensor], said: str) -> None:
        healthy = packed.trainer.data_collator

        def collate(examples: list[dict[str, list[int]]]) -> dict[str, Any]:
            batch = healthy(examples)
            return {**batch, "labels": fault(batch["labels"], batch["input_ids"])}

        packed.trainer.data_collator = collate
        with pytest.raises(PreflightError, match=said):
            self.run(packed)
