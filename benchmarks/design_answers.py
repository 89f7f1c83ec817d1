"""What a design exam's answers are made of, beyond the score: both parts, syntax, references, completeness.

python benchmarks/design_answers.py [practice | holdout]

Run it in the root of a repository whose graph has run. Prints each figure with its Wilson 95 % interval, in each mode
of decoding and for both baselines, for all items and for seen and unseen domains apart. Nothing is excused: an answer
that was cut off has no part and no syntax, one that is not in the language resolves nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bluebook import params, subjects
from bluebook.exams.baselines import constant, retrieval
from bluebook.exams.items import read_items
from bluebook.exams.mastery import wilson
from bluebook.records import Answer, ExamItem, Example, read_jsonl
from bluebook.subjects.design.completeness import completeness
from bluebook.subjects.design.examining import SEEN, UNSEEN
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.program import Program
from bluebook.subjects.design.references import resolution
from bluebook.subjects.design.thinking import agreement
from bluebook.subjects.subject import ParseError

NAME = "design"
TAGS = ("<thinking>", "</thinking>", "<blueprint>", "</blueprint>")
Measure = Callable[[ExamItem, Answer, Program | None], float]


def both_parts(item: ExamItem, answer: Answer, program: Program | None) -> float:
    places = [answer.text.find(tag) for tag in TAGS]
    return float(answer.finish == "stop" and -1 not in places and places == sorted(places))


def syntax(item: ExamItem, answer: Answer, program: Program | None) -> float:
    return float(program is not None)


def resolved(item: ExamItem, answer: Answer, program: Program | None) -> float:
    return 0.0 if program is None else resolution(program).rate


def complete(item: ExamItem, answer: Answer, program: Program | None) -> float:
    return 0.0 if program is None else completeness(program, item.prompt).score


def coherent(item: ExamItem, answer: Answer, program: Program | None) -> float:
    return 0.0 if program is None or not program.thinking else agreement(program)


MEASURES: dict[str, Measure] = {
    "both parts": both_parts,
    "syntax": syntax,
    "resolution": resolved,
    "completeness": complete,
    "coherence": coherent,
}


def read(answer: Answer) -> Program | None:
    if answer.finish != "stop":
        return None
    try:
        return parse(answer.text)
    except ParseError:
        return None


def told(name: str, items: Sequence[ExamItem], answers: dict[str, Answer]) -> str:
    programs = {item.id: read(answers[item.id]) for item in items}
    cells = []
    for measure in MEASURES.values():
        mean = sum(measure(item, answers[item.id], programs[item.id]) for item in items) / len(items)
        low, high = wilson(mean, len(items))
        cells.append(f"{mean:6.1%} ({low:.0%} - {high:.0%})".ljust(21))
    return f"{name:28}{len(items):4}  " + "".join(cells)


def main(kind: str) -> None:
    settings = params.load()
    subject = subjects.load(NAME, settings)
    items = read_items(Path(f"data/exams/{NAME}"), Path(f"data/holdout/{NAME}.jsonl"), 0)
    train = [one for one in read_jsonl(Path(f"data/examples/{NAME}.jsonl"), Example) if one.split == "train"]
    given = list(read_jsonl(Path(f"data/answers/{NAME}.jsonl"), Answer))
    asked = [item for item in items if item.kind == kind and item.id in {answer.item for answer in given}]
    rows = {
        f"the model, {mode}": {answer.item: answer for answer in given if answer.mode == mode}
        for mode in ("free", "constrained")
    }
    rows |= {
        name: {answer.item: answer for answer in write(asked, train)}
        for name, write in (("retrieval", retrieval), ("constant", constant))
    }
    print(f"{subject.name} {kind}".ljust(28) + "   n  " + "".join(name.ljust(21) for name in MEASURES))
    for name, answers in rows.items():
        for part in ("", SEEN, UNSEEN):
            chosen = [item for item in asked if item.id in answers and (not part or part in item.constructs)]
            if chosen:
                print(told(f"{name} {part.removeprefix('domains:')}".strip(), chosen, answers))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "holdout")
