"""What ingest reads from design briefs."""

from __future__ import annotations

from bluebook.records import Record
from bluebook.subjects.design.stages import Stage


class DesignRecord(Record, kw_only=True):
    """`response` is canonical. `domain` is "" where the brief does not say it; `source` the file, relative to the raw
    folder."""

    prompt: str
    response: str
    stage: Stage
    domain: str
    source: str
    group: str
