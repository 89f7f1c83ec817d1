"""The exams and the core lesson of `ue5`: drawn again, compared with the files in Git, and counted.

python benchmarks/ue5_material.py [--write]

Prints, for each file, items, nodes and bytes, and for each core node type in how many items it comes. Exits 1 where a
file is not what the draw gives; `--write` replaces it, which makes a new version of the exam.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bluebook.corpus.apart import RETIRED
from bluebook.records import ExamItem, Example, Outcome, Sample, encode
from bluebook.subjects.ue5.catalogue import load
from bluebook.subjects.ue5.examining import Combination, Plan, combination, exam, lesson
from bluebook.subjects.ue5.generator import CORE, Generator
from bluebook.subjects.ue5.ingest import ingest
from bluebook.subjects.ue5.records import IngestPolicy, Ue5Record

ROOT = Path(__file__).parents[1]
# Everything that the sample exports give, whatever params.yaml takes of it.
EVERYTHING = IngestPolicy(max_bytes=100_000_000, max_nodes=1_000, wordings=1)


def material() -> dict[Path, Sequence[ExamItem] | Sequence[Example]]:
    """What each file holds. Only declared node types are used, so that it does not depend on what exports show."""
    catalogue = load(ROOT / "src/bluebook/subjects/ue5/declared.json")
    generator = Generator(catalogue)
    taken = sample_combinations(generator)
    exams, lessons = ROOT / "data/exams/ue5", ROOT / "data/lessons/ue5"
    holdout = exam(generator, "ue5-core-holdout", Plan("holdout", 120, "holdout", taken=taken))
    retired = exams / RETIRED / f"holdout-{holdout[0].version}.jsonl"  # where `exams rotate` has put it
    return {
        exams / "practice.jsonl": exam(
            generator, "ue5-practice", Plan("practice", 100, "practice", taken=taken)
        ),
        retired if retired.exists() else exams / "holdout.jsonl": holdout,
        lessons / "002-core.jsonl": lesson(generator, "002-core", Plan(None, 120, "lesson")),
    }


def sample_combinations(generator: Generator) -> set[Combination]:
    """Combinations of node types in the graphs of the sample exports."""
    rows: list[Ue5Record | Sample | Outcome] = list(
        ingest(ROOT / "data/raw/ue5", EVERYTHING, generator.catalogue)
    )
    return {combination(row.text) for row in rows if isinstance(row, Ue5Record)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    differing = []
    for file, rows in material().items():
        content = b"".join(encode(row) + b"\n" for row in rows)
        texts = [row.reference if isinstance(row, ExamItem) else row.response for row in rows]
        nodes = sum(text.count("\nNODE ") for text in texts) / len(texts)
        size = sum(len(text.encode()) for text in texts) / len(texts)
        counts = Counter(name for row in rows for name in row.constructs)
        print(f"{file.relative_to(ROOT)}: {len(rows)} items, {nodes:.1f} nodes and {size:.0f} bytes each")
        print("  " + ", ".join(f"{name} {counts[name]}" for name in CORE))
        if options.write:
            file.write_bytes(content)
        elif not file.exists() or file.read_bytes() != content:
            differing.append(str(file.relative_to(ROOT)))
    if differing:
        sys.exit(f"not what is drawn now: {', '.join(differing)}; --write makes a new version")


if __name__ == "__main__":
    main()
