"""The language of designs, on designs that other people wrote.

python benchmarks/design_language.py [FILE]

FILE is a JSONL of designs with the fields `blueprint`, `parses` and, if it has them, `profile` and `prompt`; without
one, `corpora/design/design_dev.jsonl` in the folder that BLUEBOOK_SHARED names is read. Prints how each body is
classified and where that differs from the file, the speed of the parser, how many single faults of each kind are found
and in which line, how many planted references to nothing are found, and what resolution and completeness say.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import orjson

from bluebook.subjects.design.comparison import compare
from bluebook.subjects.design.completeness import completeness
from bluebook.subjects.design.damaging import KINDS, damaged
from bluebook.subjects.design.language import classify, parse
from bluebook.subjects.design.printing import print_program
from bluebook.subjects.design.references import resolution
from bluebook.subjects.subject import ParseError

SHARED = Path(os.environ.get("BLUEBOOK_SHARED", "../shared"))
BODIES = 200
_DEFECTIVE = ("defect", "defective", "reject")  # what others call it
# One reference of each kind, by a pattern whose first group is the name.
REFERENCES = {
    "type": re.compile(r"-> ([A-Z]\w+?)(?:\[\])? \{"),
    "dependency": re.compile(r"^ +dependencies: \{\s*\w+: ([A-Z]\w+)", re.MULTILINE),
    "foreign_key": re.compile(r'foreignKey: "(\w+)\.'),
    "table": re.compile(r'\btable: "(\w+)"'),
    "column": re.compile(r'columns: \["(\w+)"'),
}


def main(path: Path) -> None:
    if not path.exists():
        print(f"design_language: skipped, there is no {path}")
        return
    rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    classes(rows)
    valid = [row["blueprint"] for row in rows if classify(row["blueprint"]).error is None]
    speed(valid)
    faults(valid)
    dangling(valid)
    meaning(rows)
    nearness(valid)


def classes(rows: Sequence[dict[str, Any]]) -> None:
    found = {index: classify(row["blueprint"]) for index, row in enumerate(rows)}
    print(f"{len(rows)} bodies:", dict(Counter(each.profile for each in found.values())))
    same = sum((each.error is None) == rows[index]["parses"] for index, each in found.items())
    print(f"agree with `parses`: {same} of {len(rows)} = {same / len(rows):.2%}")
    for index, each in found.items():
        if (each.error is None) != rows[index]["parses"]:
            print(f"  {rows[index].get('id', index)}: {each.profile}, {each.error}")
    named = {index: row["profile"] for index, row in enumerate(rows) if row.get("profile")}
    same = sum(
        found[index].profile == ("defective" if name in _DEFECTIVE else name) for index, name in named.items()
    )
    print(f"agree with `profile`: {same} of {len(named)}")
    stable = [
        print_program(parse(rows[index]["blueprint"])) for index, each in found.items() if not each.error
    ]
    again = sum(print_program(parse(text)) == text for text in stable)
    print(f"printed, read and printed again the same: {again} of {len(stable)}")


def speed(valid: Sequence[str]) -> None:
    size = sum(len(body.encode()) for body in valid)
    best = min(_seconds(valid) for _ in range(5))
    print(f"parse: {size / best / 1e6:.2f} MB/s of processor time on one core, {size / 1e6:.2f} MB")


def _seconds(valid: Sequence[str]) -> float:
    before = time.process_time()
    for body in valid:
        parse(body)
    return time.process_time() - before


def faults(valid: Sequence[str]) -> None:
    for kind in KINDS:
        rng = Random(f"damage:{kind}")
        pool = sorted(valid)
        rng.shuffle(pool)
        planted = [each for body in pool if (each := damaged(body, kind, rng)) is not None][:BODIES]
        lines = [_line(text) for text, _ in planted]
        seen = sum(line is not None for line in lines)
        right = sum(line == at for line, (_, at) in zip(lines, planted, strict=True))
        print(
            f"{kind}: of {len(planted)} found {seen / len(planted):.1%}, in the right line {right / len(planted):.1%}"
        )


def _line(text: str) -> int | None:
    try:
        parse(text)
    except ParseError as error:
        return error.line
    return None


def dangling(valid: Sequence[str]) -> None:
    for kind, pattern in REFERENCES.items():
        planted = list(_planted(kind, pattern, valid))
        found = sum(planted)
        print(f"planted dangling {kind}: {found} of {len(planted)} found")


def _planted(kind: str, pattern: re.Pattern[str], valid: Sequence[str]) -> Iterator[bool]:
    """Whether a name that is nowhere, put for one that is there, is found."""
    for body in valid:
        place = pattern.search(body)
        if place is None:
            continue
        before = {(each.kind, each.name) for each in resolution(parse(body)).dangling}
        if any(name == place[1] for _, name in before) or (kind == "type" and place[1].endswith("Id")):
            continue
        text = f"{body[: place.start(1)]}Nowhere{body[place.end(1) :]}"
        after = {(each.kind, each.name) for each in resolution(parse(text)).dangling}
        yield (kind, "Nowhere") in after


def meaning(rows: Sequence[dict[str, Any]]) -> None:
    uses, lost = Counter[str](), Counter[str]()
    parts: dict[str, list[float]] = {}
    for row in rows:
        if classify(row["blueprint"]).error is not None:
            continue
        program = parse(row["blueprint"])
        found = resolution(program)
        uses += found.uses
        lost.update(each.kind for each in found.dangling)
        whole = completeness(program, row.get("prompt"))
        for name, part in whole.parts.items():
            parts.setdefault(name, []).append(part.recall)
        parts.setdefault("score", []).append(whole.score)
    print("references that lead nowhere:", {kind: f"{lost[kind]} of {uses[kind]}" for kind in sorted(uses)})
    means = {name: f"{sum(values) / len(values):.3f} (n={len(values)})" for name, values in parts.items()}
    print("completeness:", means)


def nearness(valid: Sequence[str]) -> None:
    programs = [parse(body) for body in valid]
    rng = Random("nearness")
    itself = [compare(each, each).score for each in programs[::4]]
    pairs = [rng.sample(programs, 2) for _ in range(BODIES)]
    others = [compare(one, other).score for one, other in pairs]
    print(
        f"compared: with itself {min(itself):.3f} at least, with another {sum(others) / len(others):.3f} on average"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED / "corpora/design/design_dev.jsonl")
