"""TRL's SFTTrainer, with its loss computed where it counts.

On a CUDA card TRL sends only the supervised positions through the output head. Elsewhere it projects every
position, prompts and pads too, and takes entropies of them; on a CPU with the embedded base that is 2.7 times the
work of a whole step.
"""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy
from trl import SFTTrainer

from bluebook.training.batching import LengthBatches, model_inputs
from bluebook.training.rows import IGNORED

# Configs with one of these change logits after the head; TRL's own loss knows how.
LOGIT_CHANGES = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "lm_head_multiplier",
    "output_multiplier",
)


class Trainer(SFTTrainer):  # type: ignore[misc]
    """The same loss as SFTTrainer's, in less time on one CPU process."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Mean nats a supervised token, or the sum over `num_items_in_batch` where steps are accumulated."""
        if return_outputs or not self._projects_only_supervised(model, inputs):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"][:, 1:]
        counted = labels != IGNORED
        whole = model.get_base_model() if isinstance(model, PeftModel) else model
        seen = model_inputs(inputs)
        if "attention_mask" in seen and seen["attention_mask"][:, 0].all():
            del seen["attention_mask"]  # pads on the right, where causal attention never looks: less work
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.args.bf16):
            hidden = whole.base_model(**seen, use_cache=False).last_hidden_state[:, :-1]
            logits = whole.get_output_embeddings()(hidden[counted])
        total = cross_entropy(logits.float(), labels[counted], reduction="sum")
        return total / (counted.sum() if num_items_in_batch is None else num_items_in_batch)

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthBatches:
        rows = self.train_dataset if train_dataset is None else train_dataset
        size = (
            self.args.per_device_train_batch_size
            * self.args.gradient_accumulation_steps
            * self.args.world_size
        )
        return LengthBatches([len(ids) for ids in rows["input_ids"]], size, self.args.data_seed)

    def _projects_only_supervised(self, model: Any, inputs: dict[str, torch.Tensor]) -> bool:
        config = model.config.get_text_config()
        return (
            inputs["input_ids"].device.type == "cpu"
            and self.accelerator.num_processes == 1
            and not self.aux_loss_enabled
            and not any(getattr(config, name, None) is not None for name in LOGIT_CHANGES)
        )
