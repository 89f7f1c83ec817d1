"""Starting points for machines that people have: the train keys of `params.yaml`, and `local.yaml`.

A preset is copied, not referred to: what decides a result stands in `params.yaml`, where DVC sees it change.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from bluebook.errors import ParamsError
from bluebook.params import Local, Struct, TrainParams, convert

FOLDER = Path(__file__).parent


class Preset(Struct, frozen=True):
    about: str
    params: TrainParams
    local: Local


def names() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def load(name: str) -> Preset:
    """The preset, checked as `params.yaml` and `local.yaml` are. Raises ParamsError for a name there is not."""
    return convert(yaml.safe_load(_text(name)), Preset, FOLDER / f"{name}.yaml")


def lines(name: str) -> str:
    """The preset with its comments, to be copied into `params.yaml` and `local.yaml`."""
    load(name)
    return (
        _text(name)
        .replace("\nparams:\n", "\n# params.yaml, below subjects.<name>.train\nparams:\n")
        .replace(
            "\nlocal:\n",
            "\n# local.yaml, which Git ignores; without the line `local:` and not indented\nlocal:\n",
        )
    )


def _text(name: str) -> str:
    if name not in names():
        raise ParamsError(f"no preset {name!r}; there is {', '.join(names())}")
    return (FOLDER / f"{name}.yaml").read_text("utf-8")
