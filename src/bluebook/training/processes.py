"""Training as several processes, on one machine or many: what each of them does and what only the first may do.

A launcher (`accelerate launch`, `torchrun`) starts the same stage once for each card and tells each process its
rank. All of them read the rows, run the preflight and take every step together; what a step learns from is decided
by `params.yaml` as ever, and the processes share it out. Only the first writes. The stage can start the launcher
itself: `local.yaml: launch`, so `dvc repro` needs no other command and no output tells how many there were.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch

from bluebook.artifacts import atomic_folder
from bluebook.errors import ParamsError
from bluebook.params import Local


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process writes the outputs."""
    return os.environ.get("RANK", "0") == "0"


def launch(local: Local) -> None:
    """Become the launcher that `local.yaml` names, which starts this very command again in several processes.

    Returns where there is none, and in the processes that it has started. Raises ParamsError where it is missing.
    """
    if not local.launch or "RANK" in os.environ:
        return
    # Beside this Python first: a stage may run in an environment that is not activated.
    beside = Path(sys.executable).parent / local.launch[0]
    program = str(beside) if beside.exists() else shutil.which(local.launch[0])
    if program is None:
        raise ParamsError(f"local.yaml: launch: {local.launch[0]!r} is not installed")
    sys.stdout.flush()
    sys.stderr.flush()
    # The process stays the same one, so that a signal to stop reaches the launcher, and it its processes.
    os.execv(program, [program, *local.launch[1:], *sys.argv])


def share(batch: int, local: Local) -> tuple[int, int]:
    """How many rows a process holds at once, and how many such portions it takes in a step of `batch` rows.

    Raises ParamsError where the batch cannot be shared out evenly.
    """
    if batch % count():
        raise ParamsError(f"params.yaml: train.batch {batch} cannot be shared by {count()} processes evenly")
    mine = batch // count()
    held = min(local.per_device_batch or mine, mine)
    if mine % held:
        raise ParamsError(
            f"local.yaml: per_device_batch {held} does not divide the batch of {mine} examples"
            + (f" that each of {count()} processes takes" if count() > 1 else "")
        )
    return held, mine // held


def mask_repeated(batches: Sequence[dict[str, torch.Tensor]], rows: int, held: int) -> None:
    """Take the rows that were learned from already out of the last portions of an epoch.

    All processes must take as many portions, so the last ones are filled up with rows from the epoch's start. With
    their labels gone they weigh nothing. `rows` is the number of rows in an epoch, `held` that of a whole portion.
    """
    real = rows % (held * count()) or held * count()
    rank = int(os.environ.get("RANK", "0"))
    mine = min(max(real - rank * held, 0), held)
    last = batches[-1]
    if "cu_seq_lens_q" in last:  # packed: the rows lie end to end in one
        last["labels"][0, int(last["cu_seq_lens_q"][mine]) :] = -100
    else:
        last["labels"][mine:] = -100


def without_checkpoints(local: Local) -> Local:
    """`local` for several processes, none of which can go on alone from where another was."""
    if is_first():
        print("several processes keep no checkpoints; a stop or a fault costs the whole run", file=sys.stderr)
    return msgspec.structs.replace(local, checkpoint_minutes=0.0, checkpoint_steps=0)


@contextmanager
def output_folder(path: Path) -> Iterator[Path]:
    """`atomic_folder` for the first process; a folder that is thrown away for the others."""
    if is_first():
        with atomic_folder(path) as folder:
            yield folder
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def whole_weights(trainer: Any) -> dict[str, torch.Tensor] | None:
    """The trained weights where they are spread over the processes (FSDP, DeepSpeed), gathered on the first.

    None where each process has all of them. Every process must call this.
    """
    accelerator = trainer.accelerator
    if str(accelerator.distributed_type) not in {"DistributedType.FSDP", "DistributedType.DEEPSPEED"}:
        return None
    found: dict[str, torch.Tensor] = accelerator.get_state_dict(trainer.model_wrapped)
    # Gathered, a weight that two layers share comes twice; it is saved once, as from one process.
    model = trainer.model
    once = {name for name, _ in model.named_parameters()}
    shared = {name for name, _ in model.named_parameters(remove_duplicate=False)} - once
    return {name: weight for name, weight in found.items() if name not in shared}
