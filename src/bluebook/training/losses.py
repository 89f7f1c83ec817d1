"""The loss, computed where it counts: one function for every device, one process or several.

Only supervised positions go through the output head; a prompt's logits are never made. With a vocabulary of 128,000
even those are large (half a megabyte a token), so they are made a chunk at a time and made again in the backward
pass: the peak is one chunk's logits, not the batch's.

For a supervised token y, with p the model's distribution at the position before it,

    nll       -log p(y)
    penalty   -log(1 - forbidden), where `forbidden` is the share of p on tokens that the subject's grammar forbids
              after the gold prefix, so the penalty is -log of the share on what it allows
    objective (sum of weight(region of y) * nll  +  syntax_weight * sum of penalty) / tokens of the step

The work happens inside the model's own `forward` (`attach`), not around it: DDP, FSDP and automatic mixed precision
wrap a model by its forward, so calling parts of it past the wrapper would leave gradients unsynchronised and sharded
weights unassembled.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.distributed.fsdp import FSDPModule
from torch.utils.checkpoint import checkpoint
from transformers import PretrainedConfig, PreTrainedModel

from bluebook.training.batching import IGNORED
from bluebook.training.regions import OTHER

CHUNK_BYTES = 2**28  # of logits in float32 at a time; with their gradient and the head's own copy some 1 GB

Logits = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Policy:
    """What a subject's `train` parameters say about a batch and its loss, ready to compute with."""

    regions: tuple[str, ...] = (OTHER,)
    weights: tuple[float, ...] = (1.0,)  # one a region; their mean over the supervised tokens is 1
    input_noise: float = 0.0
    syntax_weight: float = 0.0
    allowed: torch.Tensor | None = None  # which tokens each mask of `states` allows: masks x vocabulary


class TokenLosses(NamedTuple):
    """One value for each supervised token, in the order of the batch."""

    nll: torch.Tensor  # nats
    correct: torch.Tensor  # whether no other token is more probable
    penalty: torch.Tensor  # nats; 0 where the grammar says nothing


class Supervised(NamedTuple):
    """What `forward` measures: labels, and where a grammar speaks the number of each position's mask."""

    labels: torch.Tensor
    states: torch.Tensor | None = None
    allowed: torch.Tensor | None = None


def attach(model: PreTrainedModel) -> None:
    """Let `model(..., supervised=Supervised(…))` return TokenLosses; any other call is answered as before.

    To be called on the model itself, before anything wraps its forward (adapters may be inside already).
    """
    ordinary = model.forward
    change = logit_change(model.config.get_text_config())

    # `generate` looks at the signature to see which arguments a model takes.
    @functools.wraps(type(model).forward)
    def forward(
        self: Any, *args: Any, supervised: Supervised | None = None, labels: Any = None, **more: Any
    ) -> Any:
        if supervised is None:
            return ordinary(*args, **({} if labels is None else {"labels": labels}), **more)
        hidden = self.base_model(*args, **more).last_hidden_state[:, :-1]
        # Looked up at each call: adapters and sharding replace it.
        head = self.get_output_embeddings()
        # FSDP takes each call of a layer for its turn in the pass, and the processes would not make as many calls.
        sharded = isinstance(self, FSDPModule) or isinstance(head, FSDPModule)
        chunk = None if sharded else chunk_tokens(self.config.get_text_config().vocab_size)
        return token_losses(hidden, supervised, lambda states: change(head(states)), chunk)

    model.forward = types.MethodType(forward, model)


def logit_change(config: PretrainedConfig) -> Logits:
    """What some families do to logits after the head: a factor (Cohere, Granite, Falcon-H1), a soft cap (Gemma)."""
    factor = 1.0
    for name in ("logit_scale", "output_multiplier", "lm_head_multiplier"):
        if getattr(config, name, None) is not None:
            factor = float(getattr(config, name))
    if getattr(config, "logits_scaling", None) is not None:  # a divisor, but for one family
        scaling = float(config.logits_scaling)
        factor = scaling if config.model_type == "hyperclovax" else 1 / scaling
    cap = getattr(config, "final_logit_softcapping", None)

    def change(logits: torch.Tensor) -> torch.Tensor:
        if factor != 1.0:
            logits = logits * factor
        return logits if cap is None else cap * torch.tanh(logits / cap)

    return change


def token_losses(
    hidden: torch.Tensor, supervised: Supervised, logits_of: Logits, chunk: int | None = None
) -> TokenLosses:
    """Losses of the supervised tokens of a batch, `chunk` of them at a time (None: all at once).

    `hidden` holds the states of all positions but each row's last: the one at t predicts the label at t + 1.
    """
    labels = supervised.labels[:, 1:]
    counted = labels != IGNORED
    states, targets = hidden[counted], labels[counted]
    masks = None if supervised.states is None else supervised.states[:, 1:][counted]
    of_chunk = functools.partial(_of_chunk, logits_of=logits_of, allowed=supervised.allowed)
    if chunk is None or len(targets) <= chunk:  # made again in the backward pass it would be work for nothing
        return of_chunk(states, targets, masks)
    parts = [
        checkpoint(
            of_chunk,
            states[start : start + chunk],
            targets[start : start + chunk],
            None if masks is None else masks[start : start + chunk],
            use_reentrant=False,
            preserve_rng_state=False,
        )
        for start in range(0, len(targets), chunk)
    ]
    return TokenLosses(*(torch.cat(column) for column in zip(*parts, strict=True)))


def chunk_tokens(vocabulary: int) -> int:
    """How many tokens' logits fit CHUNK_BYTES, at least one."""
    return max(1, CHUNK_BYTES // (4 * vocabulary))


def _of_chunk(
    states: torch.Tensor,
    targets: torch.Tensor,
    masks: torch.Tensor | None,
    *,
    logits_of: Logits,
    allowed: torch.Tensor | None,
) -> TokenLosses:
    logp = torch.log_softmax(logits_of(states).float(), dim=-1)
    nll = torch.nn.functional.nll_loss(logp, targets, reduction="none")
    with torch.no_grad():
        correct = -nll >= logp.amax(-1)
    if masks is None or allowed is None:
        return TokenLosses(nll, correct, torch.zeros_like(nll))
    # What is forbidden is set far below any logit, not to -inf: a sum over nothing would have no gradient.
    legal = logp.masked_fill(~allowed[masks], torch.finfo(logp.dtype).min)
    penalty = -torch.logsumexp(legal, dim=-1)
    return TokenLosses(nll, correct, torch.where(masks == 0, torch.zeros_like(penalty), penalty))


def objective(
    found: TokenLosses, weights: torch.Tensor, syntax_weight: float, tokens: torch.Tensor | int | None
) -> torch.Tensor:
    """What the optimiser lowers; `weights` has one value a supervised token, `tokens` counts those of the step."""
    total = (found.nll * weights).sum()
    if syntax_weight:
        total = total + syntax_weight * found.penalty.sum()
    count = max(1, len(found.nll)) if tokens is None else tokens
    return total / count
