"""Answers of another model that were stored with a line score, graded as graphs.

python benchmarks/stored_answers.py [--answers DIR]

DIR holds `*.jsonl` files of `{prompt_id, instruction, expected_dsl, actual_dsl, comparison: {score}}`; by default those
of a 70B model beside the repository (BLUEBOOK_SHARED). Prints, by file and over all: the recorded line score, the
graph score (of every answer that parses, and as exams count it: 0 for one with a fault), F1 of nodes, parameters and
edges, the share of equal graphs, of answers that parse and of answers without a fault, each the mean over answers; at
the end the three F1 over all answers pooled. An answer that does not parse says nothing and scores 0.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import msgspec

from bluebook.records import Share, read_jsonl
from bluebook.subjects.subject import ParseError
from bluebook.subjects.ue5.catalogue import Catalogue, shipped
from bluebook.subjects.ue5.checker import check
from bluebook.subjects.ue5.comparison import compare_in_detail
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.program import Program

ANSWERS = Path(os.environ.get("BLUEBOOK_SHARED", "../shared")) / "corpora/ue5/answers_70b"
NOTHING = Program("")
COLUMNS = ("n", "line", "graph", "exam", "node F1", "param F1", "edge F1", "same", "parses", "no fault")


class Recorded(msgspec.Struct):
    score: float


class Stored(msgspec.Struct):
    prompt_id: str
    expected_dsl: str
    actual_dsl: str
    comparison: Recorded


class Graded(NamedTuple):
    """One answer's value for each column after `n`, and the shares to pool."""

    values: tuple[float, ...]
    nodes: Share
    parameters: Share
    edges: Share


def graded(answer: Stored, catalogue: Catalogue) -> Graded:
    try:
        actual, parses = parse(answer.actual_dsl), True
    except ParseError:
        actual, parses = NOTHING, False
    details = compare_in_detail(parse(answer.expected_dsl), actual, catalogue)
    shares, is_sound = details.shares, parses and not check(actual, catalogue)
    pooled = (shares["nodes"], shares["parameters"], shares["exec"] + shares["data"])
    score = details.score * parses
    f1s = tuple(share.f1 * parses for share in pooled)
    shown = (score, score * is_sound, *f1s, float(details.same_graph), float(parses), float(is_sound))
    return Graded((answer.comparison.score, *shown), *pooled)


def show(name: str, answers: Sequence[Graded]) -> None:
    means = [fmean(values) for values in zip(*(answer.values for answer in answers), strict=True)]
    print(f"{name:12} {len(answers):8} " + " ".join(f"{mean:8.3f}" for mean in means))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", type=Path, default=ANSWERS)
    folder = parser.parse_args().answers
    if not folder.is_dir():
        print(
            f"skipped: no {folder}; set BLUEBOOK_SHARED to the folder that holds corpora/, or give --answers"
        )
        return
    catalogue = shipped()
    print(f"{'':12} " + " ".join(f"{name:>8}" for name in COLUMNS))
    everything: list[Graded] = []
    for file in sorted(folder.glob("*.jsonl")):
        answers = [graded(answer, catalogue) for answer in read_jsonl(file, Stored)]
        show(file.stem, answers)
        everything += answers
    show("all", everything)
    pooled = {
        "nodes": sum((one.nodes for one in everything), Share()),
        "parameters": sum((one.parameters for one in everything), Share()),
        "edges": sum((one.edges for one in everything), Share()),
    }
    print("pooled F1: " + ", ".join(f"{kind} {share.f1:.3f}" for kind, share in pooled.items()))


if __name__ == "__main__":
    main()
