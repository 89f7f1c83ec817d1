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


class _Candidate(msgspec.Struct, array_like=True, gc=False):
    """A pair on its way from the first pass to the third, less what its line holds before it."""

    mode: Mode
    curated: Curated
    original_id: str | None
    group: str
    source_type: str
    mode_source: str
    multi_turn: bool


class _Stub(msgspec.Struct, array_like=True, gc=False):
    """A ledger line before duplicates and the quota are known."""

    seq: int
    original_id: str | None
    reason: Reason | None  # why there is no pair, or none of some
    note: Reason | None  # what is worth saying of a kept one


_FORM = {b"%d" % form: form for form in Form}  # a third of the time of `Form(int(…))`
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
        name = path.encode()
        for position, pair in enumerate(found):
            curated = curate(pair, choice.mode, self._policy)
            if isinstance(curated, Reason):
                reason = reason or curated
                continue
            if curated.form is Form.LONGISH and wants_long(memory):
                curated.form = Form.REALLY_LONG
            if memory.repaired:
                curated.neutralised.append("lone_surrogate")
            key = identify(curated.user, curated.reply).encode()
            candidate = _Candidate(
                choice.mode, curated, memory.id, group, choice.source, choice.rule, pair.block
            )
            line = _encoder.encode(candidate)
            self._pairs.add(b"%b\t%b\t%06d\t%d\t%d\t%b" % (key, name, position, seq, curated.form, line))
        return reason, Reason.UNKNOWN_TYPE if choice.source == "unknown" else None

    def _unique(self) -> Iterator[list[bytes]]:
        """The fields of each pair that is the first of its duplicates, as they lie in its line."""
        last = b""
        for line in self._pairs:
            fields = line.split(b"\t", 5)
            key = fields[0]
            if key == last:
                self._lost[int(fields[3])] |= _DUPLICATE
                continue
            last = key
            yield fields

    def records(self) -> Iterator[PersonaRecord]:
        """Passes 2 and 3."""
        for key, _, _, _, form, _ in self._unique():
            self._quota.count(key.decode(), _FORM[form])
        self._quota.settle()
        for key, path, position, seq_digits, form, line in self._unique():
            seq, name = int(seq_digits), key.decode()
            verdict = self._quota.verdict(name, _FORM[form])
            if verdict is Verdict.DROP:
                self._lost[seq] |= _OVER_QUOTA
                continue
            self._kept[seq] += 1
            candidate = _decode_candidate(line)
            curated = candidate.curated
            long = verdict is Verdict.LONG
            if long:
                lengthen(curated, self._policy)
            record = PersonaRecord(
                id=name,
                mode=candidate.mode,
                user_text=curated.user,
                assistant_text=curated.reply,
                metadata=RecordMetadata(
                    original_id=candidate.original_id,
                    path=path.decode(),
                    position=int(position),
                    group=candidate.group,
                    source_type=candidate.source_type,
                    mode_source=candidate.mode_source,
                    multi_turn=candidate.multi_turn,
                    long_output=long and words(curated.reply) > self._policy.short_words,
                    redactions=curated.redactions,
                    neutralised=curated.neutralised,
                    changes=curated.changes,
                ),
            )
            self._sample(record, curated)
            yield record

    def _sample(self, record: PersonaRecord, curated: Curated) -> None:
        """Ids are hashes, so the first records in their order are a fair draw."""
        kind = (record.mode, *curated.changes)
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
            stub, *others = [_decode_stub(line[len(path) + 1 :]) for line in lines]
            kept, lost = self._kept[stub.seq], self._lost[stub.seq]
            for each in others:
                kept += self._kept[each.seq]
                lost |= self._lost[each.seq]
                stub.note = Reason.REPEATED_PATH
                stub.reason = stub.reason or each.reason
            yield _outcome(path.decode(), stub, kept, lost)


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
