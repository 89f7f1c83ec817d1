"""Attention for packed rows: every example sees itself and nothing else.

A packed row holds several examples end to end. Without care the second would read the first. Two kernels keep
them apart: on a card with a variable-length kernel, that kernel; elsewhere the attention takes one example after
another. Neither has pads, nor a mask of row length squared.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from bluebook.errors import ParamsError

NAME = "bluebook_packed"
HALF = (torch.bfloat16, torch.float16)


def use(model: PreTrainedModel) -> None:
    """Let `model` take packed rows; rows that are not packed go through torch's own attention as before.

    Raises ParamsError for an architecture whose layers do not all see everything before them.
    """
    reason = unsupported(model)
    if reason is not None:
        raise ParamsError(f"local.yaml: packing is true and {reason}. Set packing to auto or false")
    model.set_attn_implementation(NAME)


def unsupported(model: PreTrainedModel) -> str | None:
    """Why examples cannot be kept apart in this model, or None where they can."""
    config = model.config.get_text_config()
    others = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if others:
        return f"{config.model_type} has layers of the kind {', '.join(sorted(others))}"
    if not model._supports_attention_backend:
        return f"{config.model_type} computes its attention itself"
    if getattr(config, "attn_logit_softcapping", None) is not None:
        return f"{config.model_type} caps its attention scores"
    return None


def has_kernel(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this device has a variable-length kernel for `dtype`."""
    return (
        device.type == "cuda"
        and torch.version.hip is None
        and dtype in HALF
        and torch.cuda.get_device_capability(device) >= (8, 0)
    )


def forward(  # noqa: PLR0917, as transformers calls it
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Tensors are (row, head, token, dimension); the result is (row, token, head, dimension)."""
    if cu_seq_lens_q is None or max_length_q is None:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return found
    device, given = value.device.type, value.dtype
    q, k, v = (part[0].transpose(0, 1).to(_working(value)) for part in (query, key, value))
    # From here on (token, head, dimension).
    if has_kernel(v.device, v.dtype) and not dropout:
        bounds = cu_seq_lens_q.to(torch.int32)
        out = varlen_attn(
            q, k, v, bounds, bounds, max_length_q, max_length_q,
            scale=scaling, window_size=(-1, 0), enable_gqa=q.shape[1] != k.shape[1],
        )  # fmt: skip
        return out.unsqueeze(0), None
    with torch.autocast(device, enabled=False):
        out = _one_by_one(q, k, v, cu_seq_lens_q, dropout=dropout, scaling=scaling)
    return out.unsqueeze(0).to(given), None


def _working(value: torch.Tensor) -> torch.dtype:
    """What attention computes in. On a CPU never bfloat16: its way back takes three times as long as float32's."""
    if value.device.type == "cpu":
        return torch.float32
    if torch.is_autocast_enabled(value.device.type):
        autocast: torch.dtype = torch.get_autocast_dtype(value.device.type)
        return autocast
    return value.dtype


def _one_by_one(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    bounds: torch.Tensor,
    *,
    dropout: float,
    scaling: float | None,
) -> torch.Tensor:
    """Every example alone, with no pads. On a CPU eight of them in one padded block take nearly twice as long."""
    lengths = bounds.diff().tolist()
    made = []
    split = (packed.transpose(0, 1).unsqueeze(0).split(lengths, dim=2) for packed in (q, k, v))
    for query, key, value in zip(*split, strict=True):
        out = scaled_dot_product_attention(
            query,
            key,
            value,
            dropout_p=dropout,
            is_causal=True,
            scale=scaling,
            enable_gqa=q.shape[1] != k.shape[1],
        )
        made.append(out[0].transpose(0, 1))
    return torch.cat(made)


def mask(*, attention_mask: torch.Tensor | None = None, **others: Any) -> torch.Tensor | None:
    """No mask for a packed row, whose bounds say it all; torch's own for any other."""
    whole = others["q_length"] == others["kv_length"] > 1
    if attention_mask is None and whole and not others["allow_is_causal_skip"]:
        return None
    made: torch.Tensor | None = sdpa_mask(attention_mask=attention_mask, **others)
    return made


AttentionInterface.register(NAME, forward)
AttentionMaskInterface.register(NAME, mask)
