"""Raw material to records, one ledger line a file (steps 1.1-1.3).

python stages/ingest.py SUBJECT
"""

from __future__ import annotations

from pathlib import Path

from bluebook import params, subjects
from bluebook.artifacts import write_json, write_sidecar
from bluebook.corpus.ingest import ingest
from bluebook.stage import run
from bluebook.steps import step


def main(name: str) -> None:
    settings = params.load()
    mine = settings.subject(name)
    raw = Path(mine.raw)
    records = Path(f"data/records/{name}.jsonl")
    ledger = Path(f"data/records/{name}.ledger.jsonl")
    samples = Path(f"data/records/{name}.samples.jsonl")
    with step("1.1", f"Ingest {raw}") as running:
        counts = ingest(subjects.load(name, settings), raw, records, ledger, samples, step=running)
        running.note(f"{counts['files']} files, {counts['records']} records")
    write_json(Path(f"metrics/{name}/ingest.json"), counts)
    write_sidecar(records, stage="ingest", inputs=[raw], parameters=mine.ingest, counts=counts)


if __name__ == "__main__":
    run(main)
