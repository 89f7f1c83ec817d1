"""TRL's SFTTrainer with the loss of `losses.py`, and with what it measures by region."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from trl import SFTTrainer

from bluebook.errors import BluebookError
from bluebook.training import losses, processes
from bluebook.training.batching import IGNORED, StepOrder, model_inputs
from bluebook.training.curriculum import Plan, StageBatches, Staged
from bluebook.training.losses import Policy, Supervised, TokenLosses
from bluebook.training.misreading import misread
from bluebook.training.progress import Metered
from bluebook.training.regions import Tally


class Trainer(Metered, Staged, SFTTrainer):  # type: ignore[misc]
    """Lowers `losses.objective`. `tally` holds what was measured since the last log."""

    def __init__(
        self, *args: Any, policy: Policy | None = None, plan: Plan | None = None, **more: Any
    ) -> None:
        trained = [(weight, weight.data) for weight in more["model"].parameters() if weight.requires_grad]
        super().__init__(*args, **more)
        for weight, given in trained:
            if weight.dtype != given.dtype:
                weight.data = (
                    given  # TRL rounds adapters on a quantised base to bfloat16, where small steps vanish
                )
        self.batches = None if plan is None else StageBatches(plan)
        self.policy = policy or Policy()
        device = self.args.device
        self.tally = Tally(self.policy.regions, device)
        self._weights = torch.tensor(self.policy.weights, device=device)
        self._allowed = None if self.policy.allowed is None else self.policy.allowed.to(device)
        losses.attach(self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model)

    def token_losses(self, model: Any, batch: dict[str, Any]) -> tuple[TokenLosses, torch.Tensor]:
        """Losses of the batch's supervised tokens, and the region of each."""
        inputs = model_inputs(batch)
        mask = inputs.get("attention_mask")
        if mask is not None and mask[:, 0].all():
            del inputs["attention_mask"]  # pads on the right, where causal attention never looks: less work
        supervised = Supervised(batch["labels"], batch.get("states"), self._allowed)
        found = model(**inputs, use_cache=False, supervised=supervised)
        counted = batch["labels"][:, 1:] != IGNORED
        regions = batch["regions"] if "regions" in batch else torch.zeros_like(batch["labels"])
        return found, regions[:, 1:][counted]

    def training_step(self, model: Any, inputs: dict[str, Any], *more: Any, **named: Any) -> Any:
        if self.policy.input_noise:
            inputs = {**inputs, "input_ids": misread(inputs, self.policy.input_noise, self.args.seed)}
        return super().training_step(model, inputs, *more, **named)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """The objective, in nats a supervised token; a sum over `num_items_in_batch` where steps are accumulated."""
        if return_outputs:
            raise BluebookError("this trainer makes no logits; `rows.measure` evaluates it")
        found, regions = self.token_losses(model, inputs)
        if self.model.training:
            self.tally.add(found, regions)
        loss = losses.objective(found, self._weights[regions], self.policy.syntax_weight, num_items_in_batch)
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            # It counts the tokens of all processes, whose gradients are averaged, not added.
            loss = loss * self.accelerator.num_processes
        return loss

    def get_batch_samples(
        self, epoch_iterator: Any, num_batches: int, device: torch.device
    ) -> tuple[list[Any], Any]:
        """The portions of a step and the number of supervised tokens in them, in all processes."""
        portions = [portion for _, portion in zip(range(num_batches), epoch_iterator, strict=False)]
        if self.args.world_size > 1 and self.accelerator.gradient_state.end_of_dataloader:
            rows = len(self.batches or self.train_dataset)
            processes.mask_repeated(portions, rows, self.args.per_device_train_batch_size)
        return portions, self._get_num_items_in_batch(portions, device)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add what was measured since the last log: `token_loss`, `token_accuracy`, `penalty`, and by region `nll/…`
        and `accuracy/…` (no name may be another's beginning: trackers make folders of them)."""
        if "loss" in logs:
            measured = self.tally.read(self.accelerator.reduce(self.tally.sums, reduction="sum"))
            if measured is not None:
                logs.update(
                    token_loss=measured.loss, token_accuracy=measured.accuracy, penalty=measured.penalty
                )
                for name, region in measured.regions.items():
                    logs.update({f"nll/{name}": region.loss, f"accuracy/{name}": region.accuracy})
            self.tally.clear()
        super().log(logs, start_time)

    def _get_train_sampler(self, train_dataset: Any = None) -> StepOrder | StageBatches:
        """A step has the same rows however many processes share them."""
        if self.batches is not None:
            return self.batches
        rows = self.train_dataset if train_dataset is None else train_dataset
        size = (
            self.args.per_device_train_batch_size
            * self.args.gradient_accumulation_steps
            * self.args.world_size
        )
        return StepOrder([len(ids) for ids in rows["input_ids"]], size, self.args.data_seed)
