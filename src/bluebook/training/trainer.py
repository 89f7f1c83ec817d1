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

from bluebook.training.progress import Metered
from bluebook.training.rows import IGNORED

# Configs with one of these change logits after the head; TRL's own loss knows how.
LOGIT_CHANGES = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "lm_head_multiplier",
    "output_multiplier",
)


class Trainer(Metered, SFTTrainer):  # type: ignore[misc]
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
        mask = inputs["attention_mask"]
        if mask[:, 0].all():  # pads on the right, where causal attention never looks: no mask is less work
            mask = None
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.args.bf16):
            hidden = whole.base_model(
                input_ids=inputs["input_ids"], attention_mask=mask, use_cache=False
            ).last_hidden_state[:, :-1]
            logits = whole.get_output_embeddings()(hidden[counted])
        total = cross_entropy(logits.float(), labels[counted], reduction="sum")
        return total / (counted.sum() if num_items_in_batch is None else num_items_in_batch)

    def _projects_only_supervised(self, model: Any, inputs: dict[str, torch.Tensor]) -> bool:
        config = model.config.get_text_config()
        return (
            inputs["input_ids"].device.type == "cpu"
            and self.accelerator.num_processes == 1
            and not self.aux_loss_enabled
            and not any(getattr(config, name, None) is not None for name in LOGIT_CHANGES)
        )
