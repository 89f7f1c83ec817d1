"""The exams of `design`: drawn again, compared with the files in Git, and counted.

python benchmarks/design_material.py [--write]

Prints for each file items, bytes, and how many items come from each stage, kind and contract part. Exits 1 where a file
is not what the draw gives; `--write` replaces it, which makes a new version of the exam.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bluebook.corpus.apart import RETIRED
from bluebook.records import ExamItem, encode
from bluebook.subjects.design.examining import Plan, exam
from bluebook.subjects.design.generator import Generator

ROOT = Path(__file__).parents[1]


def material() -> dict[Path, Sequence[ExamItem]]:
    """What each file holds."""
    generator = Generator()
    exams = ROOT / "data/exams/design"
    holdout = exam(generator, "design-domains-holdout", Plan("holdout", 160, "holdout"))
    retired = exams / RETIRED / f"holdout-{holdout[0].version}.jsonl"  # where `exams rotate` has put it
    return {
        exams / "practice.jsonl": exam(generator, "design-practice", Plan("practice", 80, "practice")),
        retired if retired.exists() else exams / "holdout.jsonl": holdout,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    differing = []
    for file, items in material().items():
        content = b"".join(encode(item) + b"\n" for item in items)
        size = sum(len(item.reference.encode()) for item in items) / len(items)
        counts = Counter(name for item in items for name in item.constructs)
        print(f"{file.relative_to(ROOT)}: {len(items)} items of {size:.0f} bytes each")
        print("  " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
        if options.write:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        elif not file.exists() or file.read_bytes() != content:
            differing.append(str(file.relative_to(ROOT)))
    if differing:
        sys.exit(f"not what is drawn now: {', '.join(differing)}; --write makes a new version")


if __name__ == "__main__":
    main()
