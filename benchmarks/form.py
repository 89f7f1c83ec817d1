"""The form of every answer, unfinished ones too, which the grader does not look into.

python benchmarks/form.py

Run it in the root of a repository whose graph has run. Prints how many answers use the constructs of their
reference (for the persona: carry its tag), and how often each rule of the subject is broken.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bluebook import params, subjects
from bluebook.exams.items import read_items
from bluebook.records import Answer, read_jsonl
from bluebook.subjects.subject import ParseError


def measure(name: str, settings: params.Params) -> None:
    subject = subjects.load(name, settings)
    items = read_items(Path(f"data/exams/{name}"), Path(f"data/holdout/{name}.jsonl"), 0)
    answers = {answer.item: answer for answer in read_jsonl(Path(f"data/answers/{name}.jsonl"), Answer)}
    asked = [item for item in items if item.id in answers]
    for kind in ("practice", "holdout"):
        same, broken, total = 0, Counter[str](), 0
        for item in (item for item in asked if item.kind == kind):
            total += 1
            try:
                program = subject.parse(answers[item.id].text)
            except ParseError:
                broken["parse"] += 1
                continue
            same += subject.constructs(program) == subject.constructs(subject.parse(item.reference))
            broken.update({found.code for found in subject.check(program)})
        print(f"{name} {kind}: constructs of the reference in {same} of {total}; broken: {dict(broken)}")


if __name__ == "__main__":
    loaded = params.load()
    for each in sorted(loaded.subjects):
        measure(each, loaded)
