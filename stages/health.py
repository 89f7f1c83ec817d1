"""What the cycle says about itself, judged by fixed rules (step 7.2).

python stages/health.py SUBJECT

Regressions and stagnation need the cycles before this one. They are read from Git's history of
`metrics/S/cycle.json`, the digest that each cycle leaves of its exams. What was mastered before comes from the
history of `metrics/S/mastery.json`; whether it still is goes to `metrics/S/retention.json`. DVC cannot declare
that history as a dependency: the stage runs again when this cycle's numbers change, and then takes the history
of the branch it stands on. A clone without that history finds no regression.
"""

from __future__ import annotations

from pathlib import Path

from bluebook import params
from bluebook.artifacts import write_json
from bluebook.exams.items import read_items
from bluebook.health.evidence import Corpus, Cycle, Evidence, Export, Point, Training, digest, distinct, past
from bluebook.health.rules import judge
from bluebook.records import Grade, read_jsonl
from bluebook.reports.history import masteries, versions
from bluebook.reports.inputs import Mastery, read_metric
from bluebook.reports.retention import retention
from bluebook.stage import run
from bluebook.steps import step


def main(name: str) -> None:
    mine = params.load().subject(name)
    metrics = Path(f"metrics/{name}")
    digests = metrics / "cycle.json"
    with step("7.2", "Judge the cycle's health") as running:
        items = read_items(
            Path(f"data/exams/{name}"), Path(f"data/holdout/{name}.jsonl"), mine.exam.max_items
        )
        # Right and wrong of one mode only: the other one's answers are to the same items.
        grades = [
            grade
            for grade in read_jsonl(Path(f"data/grades/{name}.jsonl"), Grade)
            if grade.mode == mine.exam.mode
        ]
        training = read_metric(metrics / "train.json", Training)
        cycle = Cycle(
            train_loss=training.train_loss,
            validation_loss=training.validation_loss,
            exams=digest(items, grades),
        )
        before = [past(version.commit, version.raw) for version in versions(Path(), digests.as_posix())]
        earlier = [found for found in before if found is not None]
        health = judge(
            Evidence(
                corpus=read_metric(metrics / "compose.json", Corpus),
                export=read_metric(metrics / "export.json", Export),
                training=training,
                curve=read_metric(metrics / "loss.json", list[Point]),
                warmup=mine.train.warmup_share,
                cycle=cycle,
                earlier=distinct(earlier, cycle),
            )
        )
        mastery = read_metric(metrics / "mastery.json", Mastery)
        kept = retention(mastery, masteries(Path(), name))
        write_json(digests, cycle)
        write_json(metrics / "retention.json", kept)
        write_json(metrics / "health.json", health)
        running.note(", ".join(f"{count} {level}" for level, count in health.levels.items() if count))
    for finding in health.findings:
        if finding.level != "INFO":
            print(f"{finding.level} {finding.rule}: {finding.detail}. {finding.advice}")


if __name__ == "__main__":
    run(main)
