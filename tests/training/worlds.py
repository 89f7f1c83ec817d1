"""One training run as a launcher starts it: `torchrun … worlds.py BASE DATA OUT METHOD PORTION [fsdp]`.

The first process leaves the loss after every step in OUT/curve.json, beside the adapter.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from bluebook.artifacts import write_json
from bluebook.training import processes, train
from tests.training.conftest import LOCAL, SETTINGS

METHODS = {
    "full": SETTINGS,
    "lora": msgspec.structs.replace(SETTINGS, method="lora", optimizer="adamw", learning_rate=0.01),
}


def shard_on_cpus() -> None:
    """Accelerate shards models over cards only, though torch can do it over CPUs as well: call them cards."""
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    os.environ |= {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP"}
    PartialState(cpu=True)
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU


def main(base: str, data: str, out: str, method: str, portion: str, *sharded: str) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    train.LOG_EVERY = 1
    if sharded:
        shard_on_cpus()
    local = msgspec.structs.replace(LOCAL, per_device_batch=int(portion))
    settings = msgspec.structs.replace(METHODS[method], epochs=2)
    with processes.output_folder(Path(out)) as folder:
        trained = train.train(Path(data), Path(base), folder, settings, seed=7, local=local)
        write_json(folder / "curve.json", trained.curve)


if __name__ == "__main__":
    main(*sys.argv[1:])
