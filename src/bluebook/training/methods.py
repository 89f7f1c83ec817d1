"""What is trained, by one key: every weight, or LoRA weights on a frozen base that is held whole or quantised.

And, from `local.yaml`, the two choices that change how much memory and time a step takes, but not what it
learns: whether activations are computed twice, and whether a device batch is packed.
"""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import PreTrainedModel

from bluebook.errors import BluebookError
from bluebook.models import load_base, place, seed_everything
from bluebook.params import Local, TrainParams
from bluebook.training import attention, quantisation

# Beside weights that fill more of a card than this, a batch of activations hardly fits; below it, computing
# them twice costs a third of the speed for nothing.
ROOMY = 0.25


def prepare_model(base: Path, settings: TrainParams, *, seed: int, local: Local) -> PreTrainedModel:
    """The base with what will be trained: all weights in float32, or new LoRA weights on a frozen base.

    Raises BluebookError for `qlora` on a device where this quantisation does not work.
    """
    seed_everything(seed)
    if settings.method == "full":
        return load_base(base, local, dtype=torch.float32)
    held = None
    if settings.method == "qlora":
        held = settings.quantisation
        found = quantisation.trial(held, place(local).device.type)
        if not found.works:
            raise BluebookError(
                f"train.quantisation: {held} does not work on this {place(local).device.type} device: "
                f"{found.detail}. Take the other quantisation, or method: lora"
            )
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        target_modules=settings.lora.targets,
    )
    return get_peft_model(load_base(base, local, quantisation=held), lora)


def recomputes(model: PreTrainedModel, local: Local) -> bool:
    """Whether activations are computed again on the way back instead of kept."""
    if local.gradient_checkpointing != "auto":
        return local.gradient_checkpointing
    device = place(local).device
    if device.type != "cuda":
        return False
    held = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    return bool(held > ROOMY * torch.cuda.get_device_properties(device).total_memory)


def packs(model: PreTrainedModel, local: Local) -> bool:
    """Whether device batches are packed; if so, `model` now has attention that keeps examples apart.

    Raises ParamsError where packing is demanded of an architecture that cannot keep them apart.
    """
    whole = model.get_base_model() if local.packing and hasattr(model, "get_base_model") else model
    if local.packing == "auto" and attention.unsupported(whole) is not None:
        return False
    if local.packing:
        attention.use(whole)
    return bool(local.packing)
