"""What ingest reads from exports: one record a graph that stands alone, in the language."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from bluebook.params import Struct
from bluebook.records import Record


class IngestPolicy(Struct, frozen=True):
    """`subjects.ue5.ingest` in params.yaml."""

    max_bytes: int  # a larger file is dropped by name
    max_nodes: int  # of a record; a larger graph gives its parts only
    wordings: Annotated[int, msgspec.Meta(ge=1, le=4)]  # examples of one record, each in another register


class Reason(StrEnum):
    """Why a file gave no record, or what is worth saying of one that did. A graph of another kind than a
    Blueprint's has the reason `kind_` and its kind."""

    DAMAGED = "damaged"  # kept: what survived, see `ue5 stats` for each thing that is odd
    PARTLY = "partly"  # kept: some of its parts are faulty or too large
    FAULTY = "faulty"  # every part breaks a rule of Unreal's
    NO_EVENT = "no_event"  # nothing in it ever runs
    TOO_MANY_NODES = "too_many_nodes"
    NOT_EXPRESSIBLE = "not_expressible"
    DUPLICATE = "duplicate"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    NO_GRAPH = "no_graph"


class Ue5Record(Record, kw_only=True):
    """`text` is canonical. `entry` is the node type that starts it, or `whole` for all of a graph that has
    several entries; `source` the file, relative to the raw folder."""

    text: str
    blueprint: str
    graph: str
    entry: str
    nodes: int
    source: str
    group: str
