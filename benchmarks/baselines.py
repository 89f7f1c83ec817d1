"""What the retrieval baseline costs on a large subject: 100,000 training examples, 1,000 exam items.

python benchmarks/baselines.py [--train 100000] [--items 1000]
"""

from __future__ import annotations

import argparse
import random
import resource
import time

from bluebook.exams.baselines import retrieval
from bluebook.records import ExamItem, Example, Origin

WORDS = 20_000  # different ones
LENGTH = (10, 80)  # words a prompt


def _prompts(count: int, rng: random.Random) -> list[str]:
    letters = "etaoinshrdlcumwfgypb"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(WORDS)]
    # Word frequencies fall as 1 / rank, as they do in any language (Zipf).
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    return [" ".join(rng.choices(words, weights, k=rng.randint(*LENGTH))) for _ in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=1000)
    options = parser.parse_args()
    texts = _prompts(options.train + options.items, random.Random(1))
    origin = Origin(kind="generated", ref="", group="")
    train = [
        Example(id=str(n), subject="s", prompt=text, response=str(n), constructs=[], origin=origin)
        for n, text in enumerate(texts[options.items :])
    ]
    items = [
        ExamItem(id=str(n), exam="e", version="1", kind="holdout", prompt=text, reference="", constructs=[])
        for n, text in enumerate(texts[: options.items])
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    retrieval(items, train)
    seconds = time.perf_counter() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{options.items:,} items against {options.train:,} examples: "
        f"{seconds:.1f} s, {grown:,.0f} MiB more at the peak"
    )


if __name__ == "__main__":
    main()
