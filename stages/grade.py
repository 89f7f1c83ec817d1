"""Answers to mastery, with two baselines, and a draft of lessons; no model writes here (steps 6.4-8.1).

python stages/grade.py SUBJECT

Answers of both modes are graded; mastery counts those of `subjects.S.exam.mode`.
`metrics/S/mastery.json` adds up the holdout exams and `metrics/S/practice.json` the practice exams; both have
the same shape, and no exam of a kind means n = 0.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from bluebook import params, subjects
from bluebook.artifacts import write_json, write_sidecar
from bluebook.exams.grade import GradedExam, grade_exam
from bluebook.exams.items import read_items
from bluebook.exams.table import mastery_table
from bluebook.lessons.stored import draft_path, write_draft
from bluebook.records import Answer, Example, Grade, read_jsonl, write_jsonl
from bluebook.stage import run
from bluebook.steps import step

METRICS = {"practice": "practice", "holdout": "mastery"}  # kind of exam -> file


def main(name: str) -> None:
    settings = params.load()
    exam = settings.subject(name).exam
    subject = subjects.load(name, settings)
    exams, holdout = Path(f"data/exams/{name}"), Path(f"data/holdout/{name}.jsonl")
    written, examples = Path(f"data/answers/{name}.jsonl"), Path(f"data/examples/{name}.jsonl")
    out = Path(f"data/grades/{name}.jsonl")
    items = read_items(exams, holdout, exam.max_items)
    kinds = {item.id: item.kind for item in items}
    answers = list(read_jsonl(written, Answer))
    train = [example for example in read_jsonl(examples, Example) if example.split == "train"]
    graded: dict[str, GradedExam] = {}
    for number, kind in enumerate(METRICS, 4):
        with step(f"6.{number}", f"Grade the {kind} exam") as running:
            graded[kind] = grade_exam(
                subject,
                [item for item in items if item.kind == kind],
                # An answer to an unknown item goes to the grader too, which refuses it.
                [answer for answer in answers if kinds.get(answer.item, kind) == kind],
                train,
                exam.mode,
            )
            running.note(f"{len(graded[kind].grades)} answers")
    with step("7.1", "Add up mastery"):
        grades: list[Grade] = [grade for found in graded.values() for grade in found.grades]
        grades.sort(key=lambda grade: (grade.item, grade.mode))
        write_jsonl(out, grades)
        for kind, found in graded.items():
            write_json(Path(f"metrics/{name}/{METRICS[kind]}.json"), found.mastery)
    with step("8.1", "Draft lessons") as running:
        drafted = write_draft(subject, settings, draft_path(name))
        running.note(f"{len(drafted.rows)} rows")
    write_sidecar(
        out,
        stage="grade",
        inputs=[written, exams, holdout, examples],
        parameters={"max_items": exam.max_items, "mode": exam.mode},
        counts={kind: len(found.grades) for kind, found in graded.items()},
    )
    for found in graded.values():
        if found.grades:
            Console().print(mastery_table(found.mastery))


if __name__ == "__main__":
    run(main)
