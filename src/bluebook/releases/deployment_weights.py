"""An adapter and its base as one model, which is all that llama.cpp and Ollama take."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import PreTrainedModel

from bluebook.models import check_adapter, load_base, load_model
from bluebook.params import Local

# Sums in float32 lose nothing; the processor's memory is the larger one, and a merge is no work for a card.
MERGING = Local(device="cpu", dtype="float32")


def merged(base: Path, adapter: Path) -> PreTrainedModel:
    """The whole model in float32, in the processor's memory: 4 bytes a weight.

    What was trained over a quantised base is added to the unquantised one; the canary exam tells what that changes.

    Raises DataError where base, tokenizer or chat template are not those that the adapter was trained with.
    """
    manifest = check_adapter(base, adapter)
    if manifest.method == "full":
        return load_model(base, adapter, MERGING)
    from peft import PeftModel

    whole = PeftModel.from_pretrained(load_base(base, MERGING, dtype=torch.float32), adapter)
    return whole.merge_and_unload().eval()
