"""Which references of an earlier system's lessons the checker faults, and why.

python benchmarks/lesson_references.py [--lessons DIR]

DIR holds `*.json` files `{lesson_id, prompts: [{id, instruction, expected_dsl}]}`; by default those beside the
repository (BLUEBOOK_SHARED). Of the 292 prompts that are known, 272 are there: the twelfth lesson, twenty prompts,
was kept back. Prints one line a faulty reference and finding, then how many references have which finding.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bluebook.subjects.subject import ParseError
from bluebook.subjects.ue5.catalogue import Catalogue, shipped
from bluebook.subjects.ue5.checker import check
from bluebook.subjects.ue5.language import parse

LESSONS = Path(os.environ.get("BLUEBOOK_SHARED", "../shared")) / "corpora/ue5/lessons"


class Prompt(msgspec.Struct):
    id: str
    instruction: str
    expected_dsl: str


class Lesson(msgspec.Struct):
    lesson_id: str
    prompts: list[Prompt]


def lessons(folder: Path) -> list[Lesson]:
    return [msgspec.json.decode(file.read_bytes(), type=Lesson) for file in sorted(folder.glob("*.json"))]


def findings(text: str, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """What is wrong with a text: a code, and where and what."""
    try:
        program = parse(text)
    except ParseError as error:
        yield "format", str(error)
        return
    for fault in check(program, catalogue):
        yield fault.code, f"line {fault.line}, column {fault.column}: {fault.message}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lessons", type=Path, default=LESSONS)
    folder = parser.parse_args().lessons
    if not folder.is_dir():
        print(
            f"skipped: no {folder}; set BLUEBOOK_SHARED to the folder that holds corpora/, or give --lessons"
        )
        return
    catalogue = shipped()
    faulty, references = 0, Counter[str]()
    prompts = [prompt for lesson in lessons(folder) for prompt in lesson.prompts]
    for prompt in prompts:
        found = list(findings(prompt.expected_dsl, catalogue))
        faulty += bool(found)
        references.update({code for code, _ in found})
        for code, text in found:
            print(f"{prompt.id}: {code}: {text}")
    print(f"{faulty} of {len(prompts)} references are faulty; references with each finding:")
    for code, count in sorted(references.items(), key=lambda one: (-one[1], one[0])):
        print(f"  {count:3} {code}")


if __name__ == "__main__":
    main()
