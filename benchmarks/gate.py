"""What the gate costs: the whole process on 100 rows, and each part of it on many.

python benchmarks/gate.py [--rows 200000] [--runs 3]

Run it in the root of the repository. The process is measured by the wall clock and by its own CPU time,
because on a busy machine only the second says what the gate needs. Rows are about as long as curated
memories, one in twenty of them validates, and 1000 exam items are held against them. The parts are: reading
the files, what the rules share (normalising), every rule by name, and Great Expectations on the columns that
the rules have filled.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bluebook import params, subjects
from bluebook.gates.checks import checks
from bluebook.gates.dataset import Dataset, read_dataset
from bluebook.gates.expectations import judge
from bluebook.gates.near import near_rows
from bluebook.gates.rules import RULES
from bluebook.records import DatasetRow, ExamItem, Example, Message, Origin, TokenCount, write_jsonl

TAGS = (("<thought>", "<world>"), ("<user>", "<assistant>"), ("<instruction>", "<action>"))
WORDS = 20_000  # different ones
PROMPT, REPLY = (6, 40), (5, 40)  # words
VALIDATION = 20  # one row in so many
NUMBERS = 5  # one row in so many holds digits
ITEMS = 1000
SUBJECT = "persona"

T = TypeVar("T")


def _texts(rng: random.Random) -> Callable[[int, int], str]:
    letters = "etaoinshrdlcumwfgypb"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(WORDS)]
    # Word frequencies fall as 1 / rank, as they do in any language (Zipf).
    total, cumulative = 0.0, []
    for rank in range(1, WORDS + 1):
        total += 1 / rank
        cumulative.append(total)
    return lambda least, most: " ".join(
        rng.choices(words, cum_weights=cumulative, k=rng.randint(least, most))
    )


def write_dataset(root: Path, rows: int) -> None:
    """A dataset that keeps every generic rule, as the stages before the gate leave it."""
    rng = random.Random(1)
    text = _texts(rng)
    splits: dict[str, list[DatasetRow]] = {"train": [], "validation": []}
    examples, items = [], []
    for number in range(rows + ITEMS):
        ask, answer = TAGS[number % 3]
        told = f" {number}" if number % NUMBERS == 0 else ""
        prompt, response = f"{ask}: {text(*PROMPT)}{told}?", f"{answer}: {text(*REPLY)}{told}."
        if number >= rows:
            items.append(
                ExamItem(
                    id=f"i{number}",
                    exam="benchmark",
                    version="1",
                    kind="holdout",
                    prompt=prompt,
                    reference=response,
                    constructs=[],
                )
            )
            continue
        split, id = "validation" if number % VALIDATION == 0 else "train", f"{number:08}"
        examples.append(
            Example(
                id=id,
                subject=SUBJECT,
                prompt=prompt,
                response=response,
                constructs=[],
                origin=Origin(kind="record", ref=id, group=id),
                split=split,
            )
        )
        splits[split].append(
            DatasetRow(
                id=id,
                prompt=[Message(role="user", content=prompt)],
                completion=[Message(role="assistant", content=response)],
                tokens=TokenCount(prompt=40, completion=40),
            )
        )
    for split, written in splits.items():
        write_jsonl(root / f"data/datasets/{SUBJECT}/{split}.jsonl", written)
    write_jsonl(root / f"data/examples/{SUBJECT}.jsonl", examples)
    write_jsonl(root / f"data/holdout/{SUBJECT}.jsonl", items)
    shutil.copy(params.PARAMS, root)


def read(root: Path, settings: params.Params) -> Dataset:
    return read_dataset(
        root / f"data/datasets/{SUBJECT}",
        root / f"data/examples/{SUBJECT}.jsonl",
        root / f"data/exams/{SUBJECT}",
        root / f"data/holdout/{SUBJECT}.jsonl",
        max_tokens=settings.export.max_tokens,
        near_duplicate=settings.subject(SUBJECT).compose.near_duplicate,
        program=lambda response: None,
    )


def clocked(what: str, rows: int, work: Callable[[], T]) -> tuple[T, float]:
    """Print and return the CPU seconds of `work`."""
    started = time.process_time()
    result = work()
    seconds = time.process_time() - started
    print(f"  {what:28}{seconds:7.2f} s  {seconds / rows * 1e6:7.2f} µs a row")
    return result, seconds


def measure_process(root: Path, runs: int) -> None:
    stage = Path("stages/gate.py").resolve()
    environment = os.environ | {"PYTHONPATH": str(Path("src").resolve())}
    best = (float("inf"), float("inf"))
    for _ in range(runs):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [sys.executable, stage, SUBJECT], cwd=root, env=environment, capture_output=True, check=False
        )
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = min(best[0], wall), min(best[1], cpu)
    print(f"whole process, 100 rows: {best[0]:.2f} s by the clock, {best[1]:.2f} s of CPU, best of {runs}")


def measure_parts(root: Path, rows: int) -> None:
    settings = params.load()
    mine = settings.subject(SUBJECT)
    suite = subjects.load(SUBJECT, settings).expectations()
    print(f"{rows} rows, CPU time:")
    dataset, reading = clocked("read", rows, lambda: read(root, settings))
    _, normal = clocked("normalise", rows, lambda: dataset.pairs)
    _, near = clocked("near-duplicates", rows, lambda: near_rows(dataset))
    generic = sum(clocked(rule.name, rows, lambda rule=rule: rule.find(dataset))[1] for rule in RULES)
    own = 0.0
    for rule in suite.rows:
        own += clocked(
            f"{SUBJECT}: {rule.name}",
            rows,
            lambda rule=rule: all(rule.holds(row) for _, _, row in dataset.rows()),
        )[1]
    for share in suite.shares:
        own += clocked(
            f"{SUBJECT}: {share.name}",
            rows,
            lambda share=share: sum(share.counts(row) for _, _, row in dataset.rows()),
        )[1]
    judged = checks(dataset, suite, mine.gate)
    ids, places = [line.id for line in dataset.lines], [line.where for line in dataset.lines]
    judge(SUBJECT, ids[:1], places[:1], [])  # the import is in the fixed cost
    _, library = clocked("Great Expectations", rows, lambda: judge(SUBJECT, ids, places, judged))
    print(
        f"sums: reading {reading:.2f} s, generic rules {normal + near + generic:.2f} s, "
        f"{SUBJECT}'s rules {own:.2f} s, Great Expectations {library:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        small, large = Path(name) / "small", Path(name) / "large"
        write_dataset(small, 100)
        measure_process(small, options.runs)
        write_dataset(large, options.rows)
        measure_parts(large, options.rows)


if __name__ == "__main__":
    main()
