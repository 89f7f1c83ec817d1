"""Whether the syntax penalty pays: trainings of one subject with and without it, at equal compute.

python benchmarks/syntax_loss.py SUBJECT [--weight 0.1] [--seeds 7 8 9] [--epochs N]

To be run where the graph is built up to `gate@SUBJECT`. Three trainings for each seed, on the same rows from the same
base:

    off        without the penalty
    on         with it, in as many steps
    off longer without it, for as many epochs as the seconds of `on` would have paid for

The penalty makes a step dearer, so `on` has to beat `off longer`, not only `off`. Each model sits the practice exam;
figures are its share of valid answers and its score, both with their n, and the loss on the validation rows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import msgspec

from bluebook import params, subjects
from bluebook.exams.answer import answer
from bluebook.exams.grade import grade_exam
from bluebook.exams.inprocess import InProcess, load_candidate
from bluebook.exams.items import read_items
from bluebook.exams.partial import Partial
from bluebook.params import Params, TrainParams
from bluebook.records import Example, read_jsonl
from bluebook.steps import step
from bluebook.training.train import TrainMetrics, train

BASE = Path("models/base")


class Run(msgspec.Struct, kw_only=True, frozen=True):
    """One training and its exam. `seconds` are those of training, preflight and masks included."""

    name: str
    seed: int
    epochs: float
    seconds: float
    metrics: TrainMetrics
    valid: float
    score: float
    items: int


def run(settings: Params, subject: str, name: str, changes: TrainParams, seed: int) -> Run:
    local = params.load_local()
    items = [
        item
        for item in read_items(Path(f"data/exams/{subject}"), Path(f"data/holdout/{subject}.jsonl"), 0)
        if item.kind == "practice"
    ]
    examples = [e for e in read_jsonl(Path(f"data/examples/{subject}.jsonl"), Example) if e.split == "train"]
    with tempfile.TemporaryDirectory() as scratch:
        adapter = Path(scratch) / "adapter"
        adapter.mkdir()
        started = time.perf_counter()
        trained = train(Path(f"data/datasets/{subject}"), BASE, adapter, changes, seed=seed, local=local)
        seconds = time.perf_counter() - started
        with step("", f"Practice exam, {name}") as running:
            answers = answer(
                InProcess(
                    load_candidate(name, BASE, adapter, local),
                    tokens=settings.subject(subject).exam.max_new_tokens,
                    batch=local.answer_batch,
                ),
                items,
                partial=Partial(Path(scratch) / "partial.jsonl", name),
                running=running,
            )
    graded = grade_exam(subjects.load(subject, settings), items, answers, examples).mastery
    return Run(
        name=name,
        seed=seed,
        epochs=changes.epochs,
        seconds=seconds,
        metrics=trained.metrics,
        valid=graded.valid_rate,
        score=graded.score,
        items=graded.n,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("subject")
    parser.add_argument("--weight", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--epochs", type=float, help="default: those of params.yaml")
    options = parser.parse_args()
    settings = params.load()
    mine = settings.subject(options.subject).train
    epochs = options.epochs or mine.epochs
    off = msgspec.structs.replace(mine, syntax_weight=0.0, epochs=epochs)
    on = msgspec.structs.replace(off, syntax_weight=options.weight)
    runs = []
    for seed in options.seeds:
        first = run(settings, options.subject, "off", off, seed)
        second = run(settings, options.subject, "on", on, seed)
        longer = msgspec.structs.replace(off, epochs=round(epochs * second.seconds / first.seconds, 3))
        runs += [first, second, run(settings, options.subject, "off longer", longer, seed)]
    print(
        f"{'':<12}{'seed':>6}{'epochs':>8}{'steps':>7}{'seconds':>9}{'loss':>8}{'valid':>8}{'score':>8}{'n':>6}"
    )
    for one in runs:
        print(
            f"{one.name:<12}{one.seed:>6}{one.epochs:>8.2f}{one.metrics.steps:>7}{one.seconds:>9.1f}"
            f"{one.metrics.validation_loss or 0:>8.4f}{one.valid:>8.3f}{one.score:>8.3f}{one.items:>6}"
        )
    for name in ("off", "on", "off longer"):
        chosen = [one for one in runs if one.name == name]
        print(
            f"{name:<12}mean of {len(chosen)}: valid {sum(one.valid for one in chosen) / len(chosen):.3f}, "
            f"score {sum(one.score for one in chosen) / len(chosen):.3f}"
        )


if __name__ == "__main__":
    main()
