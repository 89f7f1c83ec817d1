"""Records, lessons and generated programs to examples, split, and the holdout exam (step 1.4).

python stages/compose.py SUBJECT
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from bluebook import params, subjects
from bluebook.artifacts import write_json, write_sidecar
from bluebook.corpus.apart import read_kept_apart
from bluebook.corpus.compose import compose
from bluebook.errors import BluebookError
from bluebook.lessons.reading import read_lessons
from bluebook.params import ComposeParams
from bluebook.records import Example, read_jsonl, write_jsonl
from bluebook.stage import run
from bluebook.steps import step
from bluebook.subjects.subject import Subject

TRIES = 50  # for each example that is wanted


def generate(subject: Subject, settings: ComposeParams, seed: int) -> Iterator[Example]:
    """As many different examples as wanted, in all or of each construct that is named, without the constructs that are
    to be left out. Raises BluebookError where the generator does not make so many."""
    named = settings.generated if isinstance(settings.generated, dict) else {"": settings.generated}
    left_out, seen = set(settings.without), set[str]()
    for construct, wanted in named.items():
        of = f":{construct}" if construct else ""
        rng = Random(f"{seed}:{subject.name}:compose{of}")
        constructs = (construct,) if construct else ()
        made = 0
        for _ in range(TRIES * wanted):
            if made == wanted:
                break
            example = subject.generate(constructs, rng)
            if example.id not in seen and left_out.isdisjoint(example.constructs):
                seen.add(example.id)
                made += 1
                yield example
        if made < wanted:
            asked = f" of {construct}" if construct else ""
            without = f" without {', '.join(sorted(left_out))}" if left_out else ""
            raise BluebookError(
                f"the generator of {subject.name} made {made} different examples{asked}{without} in "
                f"{TRIES * wanted} tries; set compose.generated to at most that"
            )


def main(name: str) -> None:
    settings = params.load()
    mine = settings.subject(name)
    subject = subjects.load(name, settings)
    records = Path(f"data/records/{name}.jsonl")
    lessons = Path(f"data/lessons/{name}")
    exams = Path(f"data/exams/{name}")
    examples = Path(f"data/examples/{name}.jsonl")
    holdout = Path(f"data/holdout/{name}.jsonl")
    with step("1.4", f"Compose {records}") as running:
        composed = compose(
            subject,
            read_jsonl(records, subject.record_type),
            list(read_lessons(lessons, subject)),
            list(generate(subject, mine.compose, settings.seed)),
            list(read_kept_apart(exams)),
            settings=mine.compose,
            seed=settings.seed,
        )
        write_jsonl(examples, composed.examples)
        write_jsonl(holdout, composed.holdout)
        write_jsonl(examples.with_suffix(".dropped.jsonl"), composed.dropped)
        running.note(
            f"{len(composed.examples)} examples, {len(composed.holdout)} holdout items, "
            f"{len(composed.dropped)} dropped"
        )
    write_json(Path(f"metrics/{name}/compose.json"), composed.counts)
    for output in (examples, holdout):
        write_sidecar(
            output,
            stage="compose",
            inputs=[records, lessons, exams],
            parameters={"seed": settings.seed, "compose": mine.compose},
            counts=composed.counts,
            packages=["rensa"],
        )


if __name__ == "__main__":
    run(main)
