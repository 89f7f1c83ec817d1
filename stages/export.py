"""Examples as datasets for the base's model family, with what training needs of the subject: regions and grammar
(step 1.5).

python stages/export.py SUBJECT
"""

from __future__ import annotations

from pathlib import Path

from bluebook import params, subjects
from bluebook.artifacts import atomic_folder, atomic_writer, write_json, write_sidecar
from bluebook.corpus.export import SPLITS, export
from bluebook.families import family_named
from bluebook.models import base_manifest, load_tokenizer
from bluebook.records import GRAMMAR_FILE, REGIONS_FILE, Example, read_jsonl, write_jsonl
from bluebook.stage import run
from bluebook.steps import step

BASE = Path("models/base")


def main(name: str) -> None:
    settings = params.load()
    subject = subjects.load(name, settings)
    examples = Path(f"data/examples/{name}.jsonl")
    dataset = Path(f"data/datasets/{name}")
    with step("1.5", f"Export {examples}") as running:
        exported = export(
            read_jsonl(examples, Example),
            load_tokenizer(BASE),
            family_named(base_manifest(BASE).family),
            max_tokens=settings.export.max_tokens,
            regions_of=subject.regions,
        )
        with atomic_folder(dataset) as folder:
            for split in SPLITS:
                write_jsonl(folder / f"{split}.jsonl", exported.rows[split])
                write_jsonl(folder / "plain" / f"{split}.jsonl", exported.plain[split])
            write_jsonl(folder / "rejected.jsonl", exported.rejected)
            write_json(folder / REGIONS_FILE, exported.regions)
            if subject.grammar is not None:
                with atomic_writer(folder / GRAMMAR_FILE) as out:
                    out.write(subject.grammar.encode())
            write_sidecar(
                folder,
                stage="export",
                inputs=[examples, BASE / "tokenizer.json", BASE / "base.json"],
                parameters=settings.export,
                counts=exported.counts,
                packages=["transformers"],
            )
        rows = exported.counts["rows"]
        running.note(
            f"{rows['train']} train, {rows['validation']} validation, {len(exported.rejected)} rejected"
        )
    write_json(Path(f"metrics/{name}/export.json"), exported.counts)


if __name__ == "__main__":
    run(main)
