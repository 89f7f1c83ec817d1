"""Designs in domains that training never saw, without a look at the holdout: to choose a preset by.

python benchmarks/unseen.py [--items 96] [--folder DIR]

Works in a clone of this checkout, which `make run` must have built. There `LEFT_OUT`, six domains that training does
see, are marked as unseen, and base and adapter are built without them. Then the model is asked for designs in them,
free, in the words of practice exams. `--folder` keeps the clone.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from design_answers import MEASURES, NAME, told
from teaching import ROOT, run

from bluebook import params
from bluebook.exams.answer import answer
from bluebook.exams.inprocess import InProcess, load_candidate
from bluebook.exams.partial import Partial
from bluebook.records import ExamItem
from bluebook.steps import step
from bluebook.subjects.design.domains import FILE, domains
from bluebook.subjects.design.generator import Generator, example, fits
from bluebook.subjects.design.stages import STAGES

LEFT_OUT = ("bank", "hotel", "podcast", "vet", "warehouse", "weather")


def clone(folder: Path) -> None:
    """A checkout in which nothing trains on `LEFT_OUT`, with its base and its adapter."""
    run(ROOT, "git", "clone", "--quiet", str(ROOT), str(folder))
    run(folder, "dvc", "cache", "dir", "--local", str(ROOT / ".dvc/cache"))
    path = folder / "src/bluebook/subjects/design" / FILE
    text = path.read_text("utf-8")
    for name in LEFT_OUT:
        text = re.sub(rf"(?m)^{name}:$", f"{name}:\n  unseen: true", text)
    path.write_text(text, "utf-8")
    run(folder, "dvc", "repro", f"train@{NAME}")


def drawn(count: int) -> Iterator[ExamItem]:
    """Items about `LEFT_OUT` alone, of all stages in turn."""
    generator, rng, places = Generator(), Random("unseen"), [domains()[name] for name in LEFT_OUT]
    prompts: set[str] = set()
    while len(prompts) < count:
        at = len(prompts)
        stage = STAGES[at % len(STAGES)]
        sketch = generator.sketch(stage, places[at // len(STAGES) % len(places)], rng, unseen=False)
        made = example(sketch, stage, "practice", rng)
        if made.prompt in prompts or not fits(made):
            continue
        if not all(domain.name in LEFT_OUT for domain in sketch.domains):
            continue
        prompts.add(made.prompt)
        yield ExamItem(
            id=f"unseen-{at:03}",
            exam="unseen",
            version="",
            kind="practice",
            prompt=made.prompt,
            reference=made.response,
            constructs=made.constructs,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=96)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    local, exam = params.load_local(), params.load().subject(NAME).exam
    items = list(drawn(options.items))
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch) / "clone").resolve()
        clone(folder)
        candidate = load_candidate(NAME, folder / "models/base", folder / f"models/adapters/{NAME}", local)
        engine = InProcess(candidate, tokens=exam.max_new_tokens, batch=local.answer_batch)
        with step("6.3", f"Ask {len(items)} items") as running:
            given = answer(engine, items, partial=Partial(Path(scratch) / "kept.jsonl", ""), running=running)
    print("".ljust(28) + "   n  " + "".join(name.ljust(21) for name in MEASURES))
    print(told("the model, free", items, {found.item: found for found in given}))


if __name__ == "__main__":
    main()
