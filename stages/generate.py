"""Seeded samples of a subject's language, for the embedded base to read (step 3.1).

A stage of its own so that an edit to a subject which leaves its samples as they are leaves the base as it is too.

python stages/generate.py SUBJECT
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from bluebook import params, subjects
from bluebook.records import write_jsonl
from bluebook.stage import run
from bluebook.steps import step


def main(name: str) -> None:
    settings = params.load()
    subject = subjects.load(name, settings)
    wanted = settings.base.embedded.samples
    rng = Random(f"{settings.seed}:{name}")
    with step("3.1", f"Generate {wanted} samples of {name}") as running:

        def samples():
            for done in range(wanted):
                yield subject.generate((), rng)
                running.progress(done + 1, wanted)

        write_jsonl(Path(f"data/generated/{name}.jsonl"), samples())


if __name__ == "__main__":
    run(main)
