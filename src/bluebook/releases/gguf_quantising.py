"""Smaller GGUF files out of a 16-bit one, by llama.cpp: its program `llama-quantize`, or its Python binding.

Either runs as a process of its own: what goes wrong in C++ ends that process and not this one.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from bluebook.artifacts import disk_full, full_disk
from bluebook.errors import BluebookError
from bluebook.releases.gguf_file import tensor_types, whole_file

# llama.cpp's numbers for the kinds of file.
QUANTISATIONS = {"Q4_K_M": 15, "Q6_K": 18, "Q8_0": 7}
INSTALL = "pip install 'bluebook[deploy]' (llama-cpp-python builds for some ten minutes)"
_BINDING = """
import ctypes, sys, llama_cpp
source, out, kind = sys.argv[1:]
settings = llama_cpp.llama_model_quantize_default_params()
settings.ftype = int(kind)
sys.exit(llama_cpp.llama_model_quantize(source.encode(), out.encode(), ctypes.byref(settings)))
"""


def has_binding() -> bool:
    """Whether llama.cpp's Python binding is installed; nothing is loaded."""
    return importlib.util.find_spec("llama_cpp") is not None


def can_quantise() -> bool:
    return has_binding() or shutil.which("llama-quantize") is not None


def quantise(source: Path, out: Path, kind: str) -> dict[str, int]:
    """Write `source`, a 16-bit GGUF, to `out` in the kind; returns how many tensors are held in which type.

    Rows that do not fit a kind's blocks (of 256 weights for Q4_K_M and Q6_K) llama.cpp holds in a larger type.

    Raises BluebookError where nothing here can quantise, and where it fails or the disk is full.
    """
    if not can_quantise():
        raise BluebookError(f"nothing here can quantise; put llama-quantize on PATH, or {INSTALL}")
    needed = source.stat().st_size  # at most; a quarter for the smallest kind
    with whole_file(out, needed=needed) as path:
        done = subprocess.run(
            _command(source, path, kind), capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode != 0:
            told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            failed = BluebookError(f"{out}: llama.cpp could not quantise {source}: {' '.join(told[-2:])}")
            raise full_disk(out, needed) if disk_full(failed) else failed
        held = tensor_types(path)
    return held


def _command(source: Path, out: Path, kind: str) -> list[str]:
    if (program := shutil.which("llama-quantize")) is not None:
        return [program, str(source), str(out), kind]
    return [sys.executable, "-c", _BINDING, str(source), str(out), str(QUANTISATIONS[kind])]
