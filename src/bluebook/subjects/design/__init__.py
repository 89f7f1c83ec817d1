"""Designs: think about a problem, then write a blueprint of its solution in BluePrint notation.

Importing the package imports nothing of it.
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
    from bluebook.subjects.design.policies import ExpectPolicy, IngestPolicy
    from bluebook.subjects.design.subject import Design

    return Design(
        convert(settings.ingest, IngestPolicy, "params.yaml: subjects.design.ingest"),
        convert(settings.expect, ExpectPolicy, "params.yaml: subjects.design.expect"),
    )
