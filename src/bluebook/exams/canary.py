"""Whether an adapter is at work at all.

Weights that a library could not match to the model are left out with a warning at best, and what answers then is the
base: every number would be that of an untrained model. So one item is asked of both, and an adapter that changes not a
single bit of what comes next is refused.
"""

from __future__ import annotations

from pathlib import Path

import torch

from bluebook.errors import DataError
from bluebook.exams.engine import Asked
from bluebook.exams.inprocess import Candidate
from bluebook.families import encode_prompt
from bluebook.generation import forward
from bluebook.records import ExamItem


def said(candidate: Candidate, item: ExamItem) -> torch.Tensor:
    """The logits of the first token of the candidate's answer to the item."""
    prompt = encode_prompt(candidate.tokenizer, candidate.family, Asked(item, "free").messages)
    ids = torch.tensor([prompt[-candidate.context :]], device=candidate.model.device)
    logits: torch.Tensor = forward(candidate.model, ids, torch.ones_like(ids), logits_to_keep=1).logits[0, -1]
    return logits.float().cpu()


def refuse_silent(candidate: Candidate, item: ExamItem, base: torch.Tensor, adapter: Path) -> None:
    """`base`: what the base said to the same item. Raises DataError where the adapter changes nothing of it."""
    spoken = said(candidate, item)
    if hasattr(candidate.model, "disable_adapter"):
        # The same weights in the same types: a base that an adapter holds in 4 bits says something else by itself.
        with candidate.model.disable_adapter():
            base = said(candidate, item)
    if torch.equal(spoken, base):
        raise DataError(
            adapter,
            None,
            f"silent adapter: on item {item.id} every logit is the base's, so its weights are not applied or it has "
            "not learned anything. Train it again, and look for warnings on missing or unexpected keys",
        )
