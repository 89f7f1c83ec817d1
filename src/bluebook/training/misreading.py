"""Input noise: a model that reads its own slips while it learns, and learns to go on from them.

In training every token stands behind the right ones. A model that writes stands behind its own, and one slip leads a
small model into circles. So a share of a completion's tokens is read wrongly, half of them as the token before once
more and half as any other of the same completion, while what is to be written stays what it was. After word dropout
(S. Bowman et al., "Generating Sentences from a Continuous Space", 2016) and scheduled sampling (S. Bengio, 2015).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import torch

from bluebook.training.batching import IGNORED, spans


def misread(batch: Mapping[str, Any], share: float, seed: int) -> torch.Tensor:
    """The `input_ids` of a collated batch, of which this share of the supervised ones is noise.

    Which ones follows from the example and the seed alone: the same in any company, in each epoch and after a stop.
    """
    read = batch["input_ids"].clone()
    for row, columns in spans(batch):
        ids = read[row, columns]
        supervised = (batch["labels"][row, columns] != IGNORED).nonzero()[:, 0].cpu()
        right = ids.cpu()
        generator = torch.Generator().manual_seed(zlib.crc32(right.numpy().tobytes(), seed))
        slips = supervised[torch.rand(len(supervised), generator=generator) < share]
        if len(slips):
            others = supervised[torch.randint(len(supervised), slips.shape, generator=generator)]
            again = torch.rand(len(slips), generator=generator) < 0.5
            wrong = torch.where(again, right[(slips - 1).clamp(min=0)], right[others])
            ids[slips.to(ids.device)] = wrong.to(ids.device)
    return read
