"""The model that adapters start from: built from generated samples, or a hub model or folder (steps 3.2-3.4).

python stages/base.py
"""

from __future__ import annotations

from pathlib import Path

from bluebook import params
from bluebook.artifacts import atomic_folder, write_sidecar
from bluebook.records import Example, read_jsonl
from bluebook.stage import run
from bluebook.steps import step
from bluebook.training.base import build

OUT = Path("models/base")


def main() -> None:
    settings = params.load()
    inputs = [Path(f"data/generated/{name}.jsonl") for name in sorted(settings.subjects)]
    if settings.base.source != "embedded":
        inputs = []
    examples = [example for path in inputs for example in read_jsonl(path, Example)]
    with atomic_folder(OUT) as folder:
        manifest = build(settings.base, examples, folder, seed=settings.seed, local=params.load_local())
        with step("3.4", f"Save {OUT}") as running:
            write_sidecar(
                folder,
                stage="base",
                inputs=inputs,
                parameters={"seed": settings.seed, "base": settings.base},
                counts={"examples": len(examples), "parameters": manifest.parameters},
                packages=("torch", "transformers", "tokenizers"),
            )
            running.note(f"{manifest.source}, family {manifest.family}")


if __name__ == "__main__":
    run(main)
