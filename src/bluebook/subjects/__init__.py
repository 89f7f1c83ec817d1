"""The subjects there are. Adding one is a folder here, a line below, a key in `params.yaml` and some raw data."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from bluebook.errors import BluebookError

if TYPE_CHECKING:  # commands that need no subject's settings start without them
    from bluebook.params import Params
    from bluebook.subjects.subject import Subject

# Name -> the module that defines `create`; imported only when asked for, so that commands start fast.
SUBJECTS: dict[str, str] = {
    "design": "bluebook.subjects.design",
    "persona": "bluebook.subjects.persona",
    "ue5": "bluebook.subjects.ue5",
}


def load(name: str, params: Params) -> Subject:
    """The subject `name` as `params.yaml` sets it up."""
    if name not in SUBJECTS:
        raise BluebookError(f"no subject {name!r}; there is {', '.join(sorted(SUBJECTS))}")
    create: Callable[..., Subject] = import_module(SUBJECTS[name]).create
    return create(params.subject(name), seed=params.seed)
