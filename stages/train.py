"""An adapter, after the gate has passed the dataset and the preflight has passed the training (steps 2-5).

python stages/train.py SUBJECT
"""

from __future__ import annotations

from pathlib import Path

from bluebook import params
from bluebook.artifacts import atomic_folder, write_json, write_sidecar
from bluebook.stage import run
from bluebook.steps import step
from bluebook.training.train import require_pass, train


def main(name: str) -> None:
    settings = params.load()
    mine = settings.subject(name).train
    dataset, pass_file, base = (
        Path(f"data/datasets/{name}"),
        Path(f"data/gates/{name}.json"),
        Path("models/base"),
    )
    with step("2.0", f"The gate's pass-file {pass_file}"):
        require_pass(pass_file, name, dataset)
    with atomic_folder(Path(f"models/adapters/{name}")) as folder:
        trained = train(dataset, base, folder, mine, seed=settings.seed, local=params.load_local())
        write_sidecar(
            folder,
            stage="train",
            inputs=[dataset, pass_file, base],
            parameters={"seed": settings.seed, "train": mine},
            counts={"rows": trained.metrics.rows, "steps": trained.metrics.steps},
            packages=("torch", "transformers", "trl", "peft"),
        )
    write_json(Path(f"metrics/{name}/loss.json"), trained.curve)
    write_json(Path(f"metrics/{name}/train.json"), trained.metrics)


if __name__ == "__main__":
    run(main)
