"""Whether quantised training works on this machine, found out by doing it.

Versions and cards that should work crash, hang or compute nonsense, and each of those would otherwise end a run
after the model was loaded. So a small layer is quantised and trained through in a child process with a time
limit, where a crash and a hang are findings like any other.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any, NamedTuple, get_args

import torch

from bluebook.params import Quantisation

SECONDS = 180  # loading torch and a card's libraries takes seconds, on a cold disk a minute
WIDTH, OUT, ROWS = 128, 64, 16
# Largest error of a product as a share of its spread: half an nf4 step of a normal weight is 0.07 of it and sums to
# about 0.1 for a product; int8 stays below 0.02.
TOLERANCE = {"nf4": 0.25, "int8": 0.05}


class Trial(NamedTuple):
    works: bool
    detail: str  # what was measured, or why it does not work, as one line


def trial(kind: Quantisation, device: str, seconds: float = SECONDS) -> Trial:
    """Quantise, run and differentiate a small layer on `device` (`cpu` or `cuda`), in a process of its own."""
    command = [sys.executable, "-m", "bluebook.training.quantisation", kind, device]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return Trial(False, f"no answer in {seconds:g} seconds")
    if done.returncode == 0:
        return Trial(True, done.stdout.strip().splitlines()[-1])
    if done.returncode < 0:
        return Trial(False, f"the process was killed by signal {-done.returncode}")
    lines = done.stderr.strip().splitlines()
    return Trial(False, lines[-1] if lines else f"the process ended with status {done.returncode}")


def _layer(kind: Quantisation, weight: torch.Tensor, device: str, dtype: torch.dtype) -> torch.nn.Module:
    nn: Any = importlib.import_module("bitsandbytes.nn")  # in the child alone: the import itself may crash
    layer: Any
    if kind == "nf4":
        layer = nn.Linear4bit(WIDTH, OUT, bias=False, quant_type="nf4", compute_dtype=dtype)
        layer.weight = nn.Params4bit(weight, requires_grad=False, quant_type="nf4")
    else:
        layer = nn.Linear8bitLt(WIDTH, OUT, bias=False, has_fp16_weights=False)
        layer.weight = nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    moved: torch.nn.Module = layer.to(device)
    return moved


def measure(kind: Quantisation, device: str) -> float:
    """The share by which products and input gradients of a quantised layer differ from the exact ones."""
    torch.manual_seed(0)
    weight, inputs, signal = torch.randn(OUT, WIDTH), torch.randn(ROWS, WIDTH), torch.randn(ROWS, OUT)
    half = device != "cpu" and torch.cuda.is_bf16_supported(including_emulation=False)
    dtype = torch.bfloat16 if half else torch.float32
    given = inputs.to(device, dtype).requires_grad_()
    out = _layer(kind, weight.clone().to(dtype), device, dtype)(given)
    out.backward(signal.to(out))
    assert given.grad is not None
    pairs = ((out, inputs @ weight.T), (given.grad, signal @ weight))
    found: float = max(((made.float().cpu() - exact).std() / exact.std()).item() for made, exact in pairs)
    return found


def main() -> None:
    kind, device = sys.argv[1:]
    if kind not in get_args(Quantisation):
        sys.exit(f"{kind} is not one of {', '.join(get_args(Quantisation))}")
    error = measure(kind, device)  # type: ignore[arg-type]
    if not error <= TOLERANCE[kind]:
        sys.exit(f"results are off by {error:.3f} of their spread; {TOLERANCE[kind]} is what {kind} costs")
    print(f"results within {error:.3f} of their spread")


if __name__ == "__main__":
    main()
