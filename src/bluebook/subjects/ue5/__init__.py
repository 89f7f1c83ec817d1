"""Unreal Blueprint graphs: a line-based language, read from exports and written back to the clipboard.

Importing the package imports nothing of it: `bluebook ue5 stats` has no use for a parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bluebook.params import SubjectParams
    from bluebook.subjects.subject import Subject


def create(settings: SubjectParams, *, seed: int) -> Subject:
    """The subject as `params.yaml` sets it up. Raises ParamsError for a key that is unknown, missing or
    mistyped."""
    from bluebook.params import convert
    from bluebook.subjects.ue5.catalogue import shipped
    from bluebook.subjects.ue5.records import IngestPolicy
    from bluebook.subjects.ue5.subject import Ue5
    from bluebook.subjects.ue5.suite import ExpectPolicy

    policy = convert(settings.ingest, IngestPolicy, "params.yaml: subjects.ue5.ingest")
    convert(settings.expect, ExpectPolicy, "params.yaml: subjects.ue5.expect")
    return Ue5(policy, seed, shipped())
