"""What the device can really compute: each trial is a tiny forward and backward pass, compared with the CPU's.

Trials run one after the other in a child process, which says what it begins and what came of it. Where it crashes
or hangs, that trial has failed by name, and another child goes on with the next one. So a card whose flash
attention kills the process still gets its other answers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from bluebook.doctor import children

LIMIT = 60.0  # seconds for a child; a card's first kernels are compiled or loaded for up to 20
NEAR = (
    0.05  # largest difference from float32, relative to the largest value; bfloat16 keeps two to three digits
)


class Trial(msgspec.Struct, kw_only=True, frozen=True):
    name: str
    works: bool
    detail: str = ""


def float32(device: str) -> str:
    _compare(device, "float32")
    return ""


def bfloat16(device: str) -> str:
    import torch

    _compare(device, "bfloat16")
    if device == "cpu":
        native = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and torch.cpu._is_avx512_bf16_supported()
    else:
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    return "native" if native else "emulated: it works and is slower than float32"


def flash(device: str) -> str:
    return _attention(device, "FLASH_ATTENTION")


def memory_efficient(device: str) -> str:
    return _attention(device, "EFFICIENT_ATTENTION")


def math(device: str) -> str:
    return _attention(device, "MATH")


def flash_attn(device: str) -> str:
    """The package's own kernel for sequences laid end to end, which packing without pads would use."""
    import torch
    from flash_attn import flash_attn_varlen_func

    torch.manual_seed(0)
    parts = [torch.randn(64, 2, 64, device=device, dtype=_half(device), requires_grad=True) for _ in range(3)]
    ends = torch.tensor([0, 24, 64], device=device, dtype=torch.int32)
    found = flash_attn_varlen_func(*parts, ends, ends, 40, 40, causal=True)
    found.sum().backward()
    pieces = [slice(0, 24), slice(24, 64)]
    expected = torch.cat([_reference(*(part[piece] for part in parts)) for piece in pieces])
    _near(found, expected)
    return ""


TRIALS: dict[str, Callable[[str], str]] = {
    "float32": float32,
    "bfloat16": bfloat16,
    "sdpa math": math,
    "sdpa memory-efficient": memory_efficient,
    "sdpa flash": flash,
    "flash-attn": flash_attn,
}


def _near(found: Any, expected: Any) -> None:
    difference = (found.detach().float().cpu() - expected.detach().float().cpu()).abs().max()
    scale = expected.detach().float().abs().max().cpu()
    if not difference <= NEAR * scale:
        raise ArithmeticError(f"wrong numbers: {difference:.3g} beside values of up to {scale:.3g}")


def _compare(device: str, dtype: str) -> None:
    """A two-layer product, its loss and its gradients on `device` in `dtype`, against the CPU's in float32."""
    import torch

    torch.manual_seed(0)
    parts = [torch.randn(64, 64) / 8 for _ in range(3)]
    gradients = []
    for where, kind in (("cpu", torch.float32), (device, getattr(torch, dtype))):
        x, a, b = (part.to(where, kind, copy=True).requires_grad_() for part in parts)
        (torch.tanh(x @ a) @ b).square().sum().backward()
        gradients.append(torch.cat([x.grad, a.grad, b.grad]))
    _near(gradients[1], gradients[0])


def _half(device: str) -> Any:
    """The type that attention kernels are made for on this device."""
    import torch

    if device == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def _reference(query: Any, key: Any, value: Any) -> Any:
    """Causal attention by its formula, on the CPU; tensors of (positions, heads, size)."""
    import torch

    q, k, v = (part.detach().float().cpu().transpose(0, 1) for part in (query, key, value))
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return (scores.masked_fill(future, -torch.inf).softmax(-1) @ v).transpose(0, 1)


def _attention(device: str, backend: str) -> str:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    torch.manual_seed(0)
    parts = [torch.randn(64, 2, 64, device=device, dtype=_half(device), requires_grad=True) for _ in range(3)]
    q, k, v = (part.transpose(0, 1)[None] for part in parts)
    with sdpa_kernel(getattr(SDPBackend, backend)):
        found = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    found.sum().backward()
    if not all(torch.isfinite(part.grad).all() for part in parts):
        raise ArithmeticError("wrong numbers: gradients that are not finite")
    _near(found[0].transpose(0, 1), _reference(*parts))
    return ""


def attempt(names: Sequence[str], device: str, limit: float = LIMIT) -> list[Trial]:
    """The outcome of each trial of `names` on `device`, in that order; `limit` seconds for each child."""
    outcomes: list[Trial] = []
    while waiting := names[len(outcomes) :]:
        ended = children.run([sys.executable, "-P", "-m", "bluebook.doctor.trials", device, *waiting], limit)
        finished = [
            _decode(line.removeprefix(_MARK)) for line in ended.output.splitlines() if line.startswith(_MARK)
        ]
        outcomes += finished
        if len(finished) < len(waiting):  # the child ended in the midst of the next one
            outcomes.append(Trial(name=waiting[len(finished)], works=False, detail=_why(ended)))
    return outcomes


_MARK = "trial: "  # libraries print to stdout too
_decode = msgspec.json.Decoder(Trial).decode


def _why(ended: children.Ended) -> str:
    last = ended.errors.strip().splitlines()[-1:]
    return ": ".join([ended.how or "ended without an answer", *last])


def main(device: str, names: Sequence[str]) -> None:
    """The child's part: a line for each trial as soon as it is known."""
    for name in names:
        try:
            trial = Trial(name=name, works=True, detail=TRIALS[name](device))
        except (RuntimeError, ArithmeticError, ImportError, AssertionError, TypeError) as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            trial = Trial(name=name, works=False, detail=lines[0])
        print(_MARK + msgspec.json.encode(trial).decode(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
