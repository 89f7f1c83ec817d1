"""No pass-file, no training: every rule on the exported bytes (step 2.3).

python stages/gate.py SUBJECT

Exits 1 where a rule is broken. What was found stays readable: numbers in metrics/SUBJECT/gate.json, every
failing row in reports/gates/SUBJECT/failures.jsonl, Data Docs in reports/gates/SUBJECT/index.html.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bluebook import params, subjects
from bluebook.artifacts import sha256, write_json
from bluebook.errors import GateError
from bluebook.gates import report as told
from bluebook.gates.dataset import read_dataset
from bluebook.gates.run import run_gate
from bluebook.records import write_jsonl
from bluebook.stage import run
from bluebook.steps import step
from bluebook.subjects.subject import program_of


def main(name: str) -> None:
    settings = params.load()
    mine = settings.subject(name)
    folder = Path(f"data/datasets/{name}")
    pass_file = Path(f"data/gates/{name}.json")
    reports = Path(f"reports/gates/{name}")
    pass_file.unlink(missing_ok=True)  # an older dataset's pass says nothing about this one
    with step("2.3", f"Gate {name}") as running:
        subject = subjects.load(name, settings)
        dataset = read_dataset(
            folder,
            Path(f"data/examples/{name}.jsonl"),
            Path(f"data/exams/{name}"),
            Path(f"data/holdout/{name}.jsonl"),
            max_tokens=settings.export.max_tokens,
            near_duplicate=mine.compose.near_duplicate,
            program=partial(program_of, subject),
        )
        suite = subjects.load(name, settings).expectations()
        report = run_gate(
            name, dataset, suite, mine.gate, dataset_sha256=sha256(folder), page=reports / "index.html"
        )
        write_json(Path(f"metrics/{name}/gate.json"), told.metrics(report))
        write_jsonl(reports / "failures.jsonl", told.failures(report))
        print(told.table(report))
        if not report.passed:
            broken = ", ".join(rule.name for rule in report.broken("failure"))
            raise GateError(
                f"{name}: {broken}. Every failing row: {reports}/failures.jsonl, {reports}/index.html"
            )
        write_json(pass_file, told.pass_file(report))
        running.note(f"{len(report.rules)} rules, {sum(report.rows.values())} rows")


if __name__ == "__main__":
    run(main)
