"""A folder or pack of memories to records, samples and one ledger line a file, in memory that does not grow with them.

    1   every file, one at a time: read, curated, its pairs and its ledger line put to be sorted
    2   the pairs sorted by id, so that duplicates lie side by side: the first (by path, then position) stays; counting
        decides which of the long replies the quota lets through
    3   the same order once more: records, samples, then the ledger by path

What is kept in memory is five bytes a file and eight bytes a long reply; the rest is sorted on disk, outside `raw`.
"""

from __future__ import annotations

import hashlib
import heapq
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bluebook.records import Outcome, Sample
from bluebook.subjects.persona import modes
from bluebook.subjects.persona.curation import Change, Curated, clean_user, curate, identify, words
from bluebook.subjects.persona.memories import (
    QUARANTINED,
    UNPAIRED,
    IngestPolicy,
    Mode,
    PersonaRecord,
    Reason,
    RecordMetadata,
)
from bluebook.subjects.persona.pairs import Pair, memory_pairs
from bluebook.subjects.persona.reading import Memory
from bluebook.subjects.persona.sorting import Sorter
from bluebook.subjects.persona.sources import Source, sources

LONG_CEILING = 0.10  # of all records, whatever the policy aims at
SAMPLES = 8  # for each mode
SAMPLES_ALIKE = 2  # of them with the same changes


class _Candidate(msgspec.Struct, array_like=True):
    """A pair on its way from the first pass to the third."""

    seq: int
    mode: Mode
    curated: Curated
    metadata: RecordMetadata


class _Stub(msgspec.Struct, array_like=True):
    """A ledger line before duplicates and the quota are known."""

    seq: int
    original_id: str | None
    reason: Reason | None
    note: Reason | None


_encoder = msgspec.json.Encoder()
_candidates = msgspec.json.Decoder(_Candidate)
_stubs = msgspec.json.Decoder(_Stub)


def ingest(raw: Path, policy: IngestPolicy, seed: int) -> Iterator[PersonaRecord | Sample | Outcome]:
    """Records sorted by id, then samples, then one Outcome per file sorted by path. Never writes below `raw`.

    Raises DataError where `raw` is neither a folder nor a file."""
    with tempfile.TemporaryDirectory(prefix="bluebook-ingest-") as folder:
        run = _Run(Path(folder), policy, seed)
        for source in sources(raw, policy.max_bytes):
            run.read(source)
        yield from run.records()
        yield from run.samples
        yield from run.ledger()


class _Run:
    def __init__(self, folder: Path, policy: IngestPolicy, seed: int) -> None:
        self._policy = policy
        self._seed = seed.to_bytes(8, "big", signed=True)
        self._pairs = Sorter(folder, "pairs")
        self._stubs = Sorter(folder, "ledger")
        self._kept = array("I")
        self._lost = bytearray()
        self.samples: list[Sample] = []

    # --- Pass 1

    def read(self, source: Source) -> None:
        seq = len(self._kept)
        self._kept.append(0)
        self._lost.append(0)
        path, memory = source
        if isinstance(memory, Reason):
            stub = _Stub(seq, None, memory, None)
        else:
            reason, note = self._curate(seq, path, memory)
            stub = _Stub(seq, memory.id, reason, note)
        self._stubs.add(b"%s\t%s" % (path.encode(), _encoder.encode(stub)))
