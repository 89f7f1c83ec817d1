"""What is known of a deployed model, and the registry of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bluebook.artifacts import write_json
from bluebook.releases.deployment_canary import Graded, Served

FOLDER = Path("deployments")
RECORD = "deployment.json"
REGISTRY = FOLDER / "registry.json"


class Tokens(msgspec.Struct, kw_only=True, frozen=True):
    """Of how many exam prompts llama.cpp's own tokenizer makes the tokens of training."""

    prompts: int
    same: int


class Examined(msgspec.Struct, kw_only=True, frozen=True):
    """One file, how many of its tensors it holds in which type, and how it served."""

    kind: str
    file: str
    sha256: str
    bytes: int
    tensors: dict[str, int]
    served: Served


class Deployment(msgspec.Struct, kw_only=True, frozen=True):
    """`deployment.json`: what is served, how it was examined, and what it came from. `start` is the command that serves
    it; `context` is in tokens; `date` is that of the commit."""

    subject: str
    provider: str
    model: str
    quantisation: str
    method: str
    constructs: list[str]
    base: str
    base_revision: str | None
    adapter: str
    date: str
    commit: str
    context: int
    graded: Graded
    tokens: Tokens
    files: list[Examined]
    endpoint: Served
    start: list[str]


def register(root: Path, made: Deployment) -> None:
    """Write the record of a deployment, and the registry with it."""
    write_json(root / FOLDER / made.subject / RECORD, made)
    write_json(root / REGISTRY, registry(root))


def registry(root: Path) -> dict[str, Any]:
    """Every deployment of this repository, as users of Ollama know their models: one entry a model.

    It is made of the records alone, so two deployments at once lose nothing of each other.
    """
    models = {}
    for file in sorted((root / FOLDER).glob(f"*/{RECORD}")):
        made = msgspec.json.decode(file.read_bytes(), type=Deployment)
        models[made.model] = {
            "provider": made.provider,
            "model": made.model,
            "description": f"{made.subject}, {made.method} on {made.base}",
            "options": {"contextWindow": made.context, "temperature": 0, "repeatPenalty": 1},
            "metadata": {
                "trainingMethod": made.method,
                "constructs": made.constructs,
                "baseModel": made.base,
                "baseRevision": made.base_revision,
                "fineTunedAt": made.date,
                "commit": made.commit,
                "adapter": made.adapter,
                "quantisation": made.quantisation,
                "score": made.endpoint.score,
                "gradedScore": made.graded.score,
                "gradedInterval": [made.graded.low, made.graded.high],
                "items": made.graded.n,
                "exam": f"{made.graded.exam} {made.graded.version}",
            },
        }
    return {"models": models}
