"""The keys of `params.yaml` that are the design subject's own."""

from __future__ import annotations

from bluebook.params import Struct


class IngestPolicy(Struct, frozen=True):
    """`subjects.design.ingest`."""

    max_bytes: int  # a larger file is dropped by name


class ExpectPolicy(Struct, frozen=True):
    """`subjects.design.expect`: means over the dataset, at least."""

    completeness: float
    agreement: float
