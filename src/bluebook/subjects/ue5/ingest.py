"""Exports to records and one ledger line a file. A record is a part of a graph that stands alone; equal parts,
wherever they come from, are one record, of the first file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bluebook.errors import DataError
from bluebook.records import Outcome, Sample
from bluebook.subjects.ue5.arranging import arrange, canonical
from bluebook.subjects.ue5.catalogue import Catalogue
from bluebook.subjects.ue5.checker import check
from bluebook.subjects.ue5.export import ExportError, ExportGraph
from bluebook.subjects.ue5.from_export import to_program
from bluebook.subjects.ue5.printing import print_program
from bluebook.subjects.ue5.program import Program
from bluebook.subjects.ue5.reading import parse_export
from bluebook.subjects.ue5.records import IngestPolicy, Reason, Ue5Record
from bluebook.subjects.ue5.stats import counts, files_below
from bluebook.subjects.ue5.subgraphs import WHOLE, parts

_SAMPLES = 12  # graphs before and after, for people to look at


def ingest(raw: Path, policy: IngestPolicy, catalogue: Catalogue) -> Iterator[Ue5Record | Sample | Outcome]:
    """Records sorted by id, a few samples, then one Outcome per file sorted by path. Never writes below `raw`.

    Raises DataError where `raw` is neither a folder nor a file."""
    if not raw.exists():
        raise DataError(raw, None, "not found; expected a folder of Blueprint exports")
    run = _Run(policy, catalogue)
    base = raw if raw.is_dir() else raw.parent
    outcomes = [run.file(path, path.relative_to(base).as_posix()) for path in files_below([raw])]
    records = sorted(run.records.values(), key=lambda record: record.id)
    yield from records
    for record in records[:_SAMPLES]:
        yield Sample(
            id=record.id,
            construct=record.entry,
            before={"export": run.before[record.source]},
            after={"program": record.text},
            changes=["cut"],
        )
    yield from sorted(outcomes, key=lambda outcome: outcome.path)


class _Run:
    """Everything read so far. `records` by canonical program; `before` says what each file held."""

    def __init__(self, policy: IngestPolicy, catalogue: Catalogue) -> None:
        self.policy, self.catalogue = policy, catalogue
        self.records: dict[str, Ue5Record] = {}
        self.before: dict[str, str] = {}

    def file(self, path: Path, name: str) -> Outcome:
        try:
            if path.stat().st_size > self.policy.max_bytes:
                return Outcome(
                    path=name, original_id=None, outcome="dropped", reason=Reason.TOO_LARGE, pairs=0
                )
            export = parse_export(path.read_bytes(), path)
            said = to_program(export, self.catalogue)
        except ExportError as refused:
            return _quarantined(
                name, Reason.NO_GRAPH if refused.kind == "unknown" else f"kind_{refused.kind}"
            )
        except OSError:
            return _quarantined(name, Reason.UNREADABLE)
        if said.unexpressed:
            return _quarantined(name, Reason.NOT_EXPRESSIBLE)
        self.before[name] = _summary(export)
        return self.program(name, said.program, bool(export.warnings))

    def program(self, name: str, program: Program, is_damaged: bool) -> Outcome:
        """The parts of one file."""
        lost: list[Reason] = []
        kept = 0
        for entry, part in parts(program, self.catalogue):
            fault = self.part(name, entry, part)
            kept += fault is None
            # The whole of a large graph is no loss: its parts are there.
            if fault is not None and not (entry == WHOLE and fault is Reason.TOO_MANY_NODES):
                lost.append(fault)
        outcome = Outcome(path=name, original_id=program.blueprint, outcome="kept", reason=None, pairs=kept)
        faults = [reason for reason in lost if reason is not Reason.DUPLICATE]
        if kept:
            outcome.reason = Reason.DAMAGED if is_damaged else Reason.PARTLY if faults else None
        elif faults or not lost:
            outcome.outcome, outcome.reason = "dropped", faults[0] if faults else Reason.NO_EVENT
        else:
            outcome.outcome, outcome.reason = "duplicate", Reason.DUPLICATE
        return outcome

    def part(self, name: str, entry: str, part: Program) -> Reason | None:
        nodes = sum(len(graph.nodes) for graph in part.graphs)
        if nodes > self.policy.max_nodes:
            return Reason.TOO_MANY_NODES
        program = arrange(part, self.catalogue)
        if check(program, self.catalogue):
            return Reason.FAULTY
        key = canonical(program, self.catalogue)
        if key in self.records:
            return Reason.DUPLICATE
        self.records[key] = Ue5Record(
            id=f"u-{_digest(key)}",
            text=print_program(program),
            blueprint=program.blueprint,
            graph=program.graphs[0].name,
            entry=entry,
            nodes=nodes,
            source=name,
            group=f"g-{_digest(program.blueprint)}",
        )
        return None


def _quarantined(name: str, reason: str) -> Outcome:
    return Outcome(path=name, original_id=None, outcome="quarantined", reason=reason, pairs=0)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _summary(export: ExportGraph) -> str:
    return msgspec.json.encode(counts(export)).decode()
