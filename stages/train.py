"""An adapter, after the gate has passed the dataset and the preflight has passed the training (steps 2-5).

python stages/train.py SUBJECT
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from bluebook import params
from bluebook.artifacts import write_json, write_sidecar
from bluebook.errors import BluebookError, Stopped
from bluebook.runs import watching
from bluebook.stage import run
from bluebook.steps import step
from bluebook.training import processes
from bluebook.training.checkpoints import ROOT, Store, identify
from bluebook.training.control import controlled
from bluebook.training.trackers import tracking
from bluebook.training.train import require_pass, train


def main(name: str) -> None:
    settings, local = params.load(), params.load_local()
    processes.launch(local)
    alone = processes.count() == 1
    local = local if alone else processes.without_checkpoints(local)
    mine = settings.subject(name).train
    dataset, pass_file, base = (
        Path(f"data/datasets/{name}"),
        Path(f"data/gates/{name}.json"),
        Path("models/base"),
    )
    checkpoints = ROOT / name
    store = Store(checkpoints, identify(dataset, base, mine, settings.seed))  # named before code may change
    with step("2.0", f"The gate's pass-file {pass_file}"):
        require_pass(pass_file, name, dataset)
    with (
        controlled(name) if processes.is_first() else nullcontext() as stop,
        told(name),
        watching(name, local) as watch,
        tracking(local.track, name) as trackers,
    ):
        if stop is not None and not alone:
            stop.at_once = True
        with processes.output_folder(Path(f"models/adapters/{name}")) as folder:
            trained = train(
                dataset,
                base,
                folder,
                mine,
                seed=settings.seed,
                local=local,
                checkpoints=checkpoints if alone else None,
                stop=stop if alone else None,
                watch=watch,
                trackers=trackers,
            )
            if not processes.is_first():
                return
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
        if alone:
            store.discard()


@contextmanager
def told(name: str) -> Iterator[None]:
    """A stop, with what comes next: DVC is about to call the output missing, which looks like a failure."""
    try:
        yield
    except Stopped as stopped:
        if processes.count() > 1:
            # An error here ends the other processes too.
            raise BluebookError(f"{name}: stopped; several processes keep no checkpoints") from None
        raise Stopped(
            f"{name}: {stopped}. Go on with `bluebook train resume {name}`. That DVC now misses the output "
            f"models/adapters/{name} is meant: nothing unfinished is taken for a result"
        ) from None


if __name__ == "__main__":
    run(main)
