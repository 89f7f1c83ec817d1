"""Memories to records, samples and one ledger line a file, in memory that does not grow with them.

    1   every file, one at a time: read, curated, its pairs and its ledger line put to be sorted
    2   the pairs sorted by id, so that duplicates lie side by side: the first (by path, then position)
        stays; counting decides which of the long replies the quota lets through
    3   the same order once more: records, samples, then the ledger by path

What is kept in memory is five bytes a file and eight bytes a long reply; the rest is sorted on disk, outside
`raw`.
"""

from __future__ import annotations

import hashlib
import tempfile
from array import array
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from bluebook.records import Outcome, Sample
from bluebook.subjects.persona import modes
from bluebook.subjects.persona.curation import Curated, curate, lengthen, words
from bluebook.subjects.persona.identity import identify
from bluebook.subjects.persona.memories import (
    IngestPolicy,
    Mode,
    PersonaRecord,
    Reason,
    RecordMetadata,
    outcome_of,
)
from bluebook.subjects.persona.pairs import pairs, unwanted, wants_long
from bluebook.subjects.persona.quota import Form, Quota, Verdict
from bluebook.subjects.persona.reading import Memory
from bluebook.subjects.persona.sorting import Sorter
from bluebook.subjects.persona.sources import Source, sources

SAMPLES_ALIKE = 2  # samples with the same mode and the same changes
_DUPLICATE, _OVER_QUOTA = 1, 2


class _Candidate(msgspec.Struct, array_like=True):
    """A pair on its way from the first pass to the third. `curated` is the part of it that a record does not
    hold."""

    mode: Mode
    curated: Curated
    metadata: RecordMetadata


class _Stub(msgspec.Struct, array_like=True):
    """A ledger line before duplicates and the quota are known."""

    seq: int
    original_id: str | None
    reason: Reason | None  # why there is no pair, or none of some
    note: Reason | None  # what is worth saying of a kept one


_encoder = msgspec.json.Encoder()
_decode_candidate = msgspec.json.Decoder(_Candidate).decode
_decode_stub = msgspec.json.Decoder(_Stub).decode


def ingest(raw: Path, policy: IngestPolicy, seed: int) -> Iterator[PersonaRecord | Sample | Outcome]:
    """Records sorted by id, then samples, then one Outcome per file sorted by path. Never writes below `raw`.

    Raises DataError where `raw` is neither a folder nor a file."""
    with tempfile.TemporaryDirectory(prefix="bluebook-ingest-") as folder:
        run = _Run(Path(folder), policy, seed)
        for source in sources(raw, policy.max_bytes):
            run.read(source)
        yield from run.records()
        yield from run.samples()
        yield from run.ledger()


class _Run:
    """One ingest: what its three passes share."""

    def __init__(self, folder: Path, policy: IngestPolicy, seed: int) -> None:
        self._policy = policy
        self._quota = Quota(policy.long_share, seed)
        self._pairs = Sorter(folder, "pairs")
        self._stubs = Sorter(folder, "ledger")
        self._kept = array("I")  # records of each file
        self._lost = array("B")  # what befell its other pairs: _DUPLICATE, _OVER_QUOTA
        self._samples: dict[tuple[str, ...], list[Sample]] = {}

    def read(self, source: Source) -> None:
        """Pass 1: one file."""
        path, memory = source
        seq = len(self._kept)
        self._kept.append(0)
        self._lost.append(0)
        if isinstance(memory, Reason):
            stub = _Stub(seq, None, memory, None)
        else:
            stub = _Stub(seq, memory.id, *self._spill(seq, path, memory))
        self._stubs.add(b"%s\t%s" % (path.encode(), _encoder.encode(stub)))

    def _spill(self, seq: int, path: str, memory: Memory) -> tuple[Reason | None, Reason | None]:
        """Curate a memory's pairs and put them to be sorted."""
        against = unwanted(memory)
        if against is not None:
            return against, None
        found = pairs(memory)
        if isinstance(found, Reason):
            return found, None
        reason = None
        choice = mode_of(memory)
        group = group_of(path, memory)
        for position, pair in enumerate(found):
            curated = curate(pair, choice.mode, self._policy)
            if isinstance(curated, Reason):
                reason = reason or curated
                continue
            if curated.form is Form.LONGISH and wants_long(memory):
                curated.form = Form.REALLY_LONG
            metadata = RecordMetadata(
                original_id=memory.id,
                path=path,
                position=position,
                group=group,
                source_type=choice.source,
                mode_source=choice.rule,
                multi_turn=pair.block,
                long_output=False,
                redactions=curated.redactions,
                neutralised=curated.neutralised,
                changes=curated.changes,
            )
            if memory.repaired:
                metadata.neutralised = [*metadata.neutralised, "lone_surrogate"]
            line = _encoder.encode(_Candidate(choice.mode, curated, metadata))
            key = identify(curated.user, curated.reply)
            self._pairs.add(
                b"%s\t%s\t%06d\t%d\t%d\t%s" % (key.encode(), path.encode(), position, seq, curated.form, line)
            )
        return reason, Reason.UNKNOWN_TYPE if choice.source == "unknown" else None

    def _unique(self) -> Iterator[tuple[str, int, Form, bytes]]:
        """Id, file, form and line of each pair that is the first of its duplicates."""
        last = b""
        for line in self._pairs:
            key, _, _, seq, form, rest = line.split(b"\t", 5)
            if key == last:
                self._lost[int(seq)] |= _DUPLICATE
                continue
            last = key
            yield key.decode(), int(seq), Form(int(form)), rest

    def records(self) -> Iterator[PersonaRecord]:
        """Passes 2 and 3."""
        for key, _, form, _ in self._unique():
            self._quota.count(key, form)
        self._quota.settle()
        for key, seq, form, line in self._unique():
            verdict = self._quota.verdict(key, form)
            if verdict is Verdict.DROP:
                self._lost[seq] |= _OVER_QUOTA
                continue
            candidate = _decode_candidate(line)
            curated, metadata = candidate.curated, candidate.metadata
            self._kept[seq] += 1
            if verdict is Verdict.LONG:
                lengthen(curated, self._policy)
                metadata.changes = curated.changes
                metadata.long_output = words(curated.reply) > self._policy.short_words
            record = PersonaRecord(
                id=key,
                mode=candidate.mode,
                user_text=curated.user,
                assistant_text=curated.reply,
                metadata=metadata,
            )
            self._sample(record, curated)
            yield record

    def _sample(self, record: PersonaRecord, curated: Curated) -> None:
        """Ids are hashes, so the first records in their order are a fair draw."""
        kind = (record.mode, *record.metadata.changes)
        alike = self._samples.setdefault(kind, [])
        if len(alike) >= SAMPLES_ALIKE:
            return
        before = {
            "user": record.user_text if curated.before_user is None else curated.before_user,
            "assistant": record.assistant_text if curated.before_reply is None else curated.before_reply,
        }
        alike.append(
            Sample(
                id=record.id,
                construct=record.mode,
                before=before,
                after={"user": record.user_text, "assistant": record.assistant_text},
                changes=list(record.metadata.changes),
            )
        )

    def samples(self) -> Iterator[Sample]:
        for kind in sorted(self._samples):
            yield from self._samples[kind]

    def ledger(self) -> Iterator[Outcome]:
        """One line a path. A pack may hold a path twice: such lines are added up and say so."""
        for path, lines in groupby(self._stubs, key=_path_of):
            stubs = [_decode_stub(line.partition(b"\t")[2]) for line in lines]
            stub, lost = stubs[0], 0
            for each in stubs:
                lost |= self._lost[each.seq]
            if len(stubs) > 1:
                stub.note = Reason.REPEATED_PATH
                stub.reason = next((each.reason for each in stubs if each.reason is not None), None)
            yield _outcome(path.decode(), stub, sum(self._kept[each.seq] for each in stubs), lost)


def _path_of(line: bytes) -> bytes:
    return line.partition(b"\t")[0]


def _outcome(path: str, stub: _Stub, kept: int, lost: int) -> Outcome:
    if kept:
        return Outcome(path=path, original_id=stub.original_id, outcome="kept", reason=stub.note, pairs=kept)
    reason = stub.reason
    if lost & _DUPLICATE:
        reason = Reason.DUPLICATE
    elif lost & _OVER_QUOTA:
        reason = Reason.LONG_FORM_QUOTA
    return Outcome(
        path=path, original_id=stub.original_id, outcome=outcome_of(reason), reason=reason, pairs=0
    )


def mode_of(memory: Memory) -> modes.Choice:
    metadata = memory.metadata
    tagged = (metadata.cognitiveMode or metadata.mode) if metadata is not None else None
    return modes.choose(memory.type or memory.memoryType, tagged or memory.cognitiveMode)


def group_of(path: str, memory: Memory) -> str:
    """The conversation that a memory belongs to: its id where there is one, else its parent event, else the
    file."""
    metadata = memory.metadata
    space, name = "path", path
    if metadata is not None:
        conversation = metadata.conversationId or metadata.sessionId or _chat_id(metadata.chat)
        if conversation:
            space, name = "conversation", conversation
        elif metadata.parentEventId:
            space, name = "event", metadata.parentEventId
    return "g-" + hashlib.blake2b(f"{space}:{name}".encode(), digest_size=8).hexdigest()


def _chat_id(chat: Any) -> str | None:
    found = chat.get("conversationId") if isinstance(chat, dict) else None
    return found if isinstance(found, str) else None
