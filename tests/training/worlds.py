"""One training run as a launcher starts it: `torchrun … worlds.py BASE DATA OUT METHOD PORTION [fsdp]`.

The first process leaves the loss after every step in OUT/curve.json, beside the adapter.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch.distributed.tensor import DTensor

from bluebook.artifacts import write_json
from bluebook.params import StageParams, StopEarlyParams
from bluebook.training import losses, processes, train
from tests.training.conftest import LOCAL, SETTINGS

# Not Muon: it computes in bfloat16 and makes a difference in the seventh digit of a gradient one in the third digit
# of a step. Summing in another order makes such differences, and so do several processes.
ADAMW = msgspec.structs.replace(SETTINGS, optimizer="adamw", learning_rate=0.001, epochs=2)
STAGED = msgspec.structs.replace(
    ADAMW,
    curriculum=[StageParams(name="short", epochs=1, max_tokens=37), StageParams(name="all", epochs=1)],
    stop_early=StopEarlyParams(every=2, items=6, patience=9, target=1.0),
)
METHODS = {"full": ADAMW, "lora": msgspec.structs.replace(ADAMW, method="lora"), "staged": STAGED}


def shard_on_cpus() -> None:
    """Accelerate shards models over cards only, though torch can do it over CPUs as well: call them cards."""
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    os.environ |= {
        "ACCELERATE_TORCH_DEVICE": "cpu",
        "ACCELERATE_USE_FSDP": "true",
        "FSDP_VERSION": "2",
        "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
        "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    }
    torch.distributed.init_process_group("gloo")
    PartialState._prepare_backend = lambda *_: ("gloo", DistributedType.MULTI_GPU)


def main(base: str, data: str, out: str, method: str, portion: str, *sharded: str) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    train.LOG_EVERY = 1
    if sharded:
        shard_on_cpus()
        losses.CHUNK_BYTES = 4 * 360 * 5  # the head works in several portions, and again in the backward pass
    gathered = processes.whole_weights

    def spied(trainer: Any) -> dict[str, torch.Tensor] | None:
        spread = any(isinstance(weight, DTensor) for weight in trainer.model.parameters())
        assert spread == bool(sharded)
        return gathered(trainer)

    train.processes.whole_weights = spied
    local = processes.without_checkpoints(msgspec.structs.replace(LOCAL, per_device_batch=int(portion)))
    with processes.output_folder(Path(out)) as folder:
        trained = train.train(Path(data), Path(base), folder, METHODS[method], seed=7, local=local)
        write_json(folder / "curve.json", trained.curve)


if __name__ == "__main__":
    main(*sys.argv[1:])
