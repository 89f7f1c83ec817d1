"""An adapter, after the gate has passed the dataset and the preflight has passed the training (steps 2-5).

python stages/train.py SUBJECT
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bluebook import params
from bluebook.artifacts import atomic_folder, write_json, write_sidecar
from bluebook.errors import Stopped
from bluebook.runs import watching
from bluebook.stage import run
from bluebook.steps import step
from bluebook.training.checkpoints import ROOT, Store, identify
from bluebook.training.control import controlled
from bluebook.training.trackers import tracking
from bluebook.training.train import require_pass, train


def main(name: str) -> None:
    settings = params.load()
    mine = settings.subject(name).train
    dataset, pass_file, base = (
        Path(f"data/datasets/{name}"),
        Path(f"data/gates/{name}.json"),
        Path("models/base"),
    )
    checkpoints = ROOT / name
    with step("2.0", f"The gate's pass-file {pass_file}"):
        require_pass(pass_file, name, dataset)
    local = params.load_local()
    with (
        controlled(name) as stop,
        told(name),
        watching(name, local) as watch,
        tracking(local.track, name) as trackers,
    ):
        with atomic_folder(Path(f"models/adapters/{name}")) as folder:
            trained = train(
                dataset,
                base,
                folder,
                mine,
                seed=settings.seed,
                local=local,
                checkpoints=checkpoints,
                stop=stop,
                watch=watch,
                trackers=trackers,
            )
            write_sidecar(
                folder,
                stage="train",
                inputs=[dataset, pass_file, base],
                parameters={"seed": settings.seed, "train": mine},
                counts={"rows": trained.metrics.rows, "steps": trained.metrics.steps},
                packages=("torch", "transformers", "trl", "peft"),
            )
        write_json(Path(f"metrics/{name}/loss.json"), [point.row() for point in trained.curve])
        write_json(Path(f"metrics/{name}/train.json"), trained.metrics)
        Store(checkpoints, identify(dataset, base, mine, settings.seed)).discard()


@contextmanager
def told(name: str) -> Iterator[None]:
    """A stop, with what comes next: DVC is about to call the output missing, which looks like a failure."""
    try:
        yield
    except Stopped as stopped:
        raise Stopped(
            f"{name}: {stopped}. Go on with `bluebook train resume {name}`. That DVC now misses the output "
            f"models/adapters/{name} is meant: nothing unfinished is taken for a result"
        ) from None


if __name__ == "__main__":
    run(main)
