"""What a subject's language costs and brings: the exams of the adapter that is here, free and constrained.

python benchmarks/constrained.py [SUBJECT] [--items N] [--alone 8] [--runs 2]

`--items` takes so many of the practice exam; without it both exams are asked whole, as `make run` does.
Cost: the same tokens are written twice, once held to the language and once dictated, so that both ways compute the
same batches. In the first run every pattern is new; later ones show what an exam of many items comes near to. `alone`
items are also asked one at a time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from bluebook import params, subjects
from bluebook.exams.engine import Asked, Group
from bluebook.exams.grade import grade
from bluebook.exams.inprocess import InProcess, language_of, load_candidate
from bluebook.exams.items import read_items
from bluebook.generation import Guide, greedy
from bluebook.records import Answer, ExamItem, Mode
from bluebook.subjects.subject import ParseError, Subject

BASE = Path("models/base")


class Dictation:
    """A guide that allows what was written before, token by token."""

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        self._rows, self._at = rows, [0] * len(rows)

    def restrict(self, rows: Sequence[int], logits: torch.Tensor) -> torch.Tensor:
        tokens = [self._rows[row][self._at[row]] for row in rows]
        logits[torch.arange(len(tokens)), tokens] = torch.inf
        return logits

    def take(self, row: int, token: int) -> None:
        self._at[row] += 1


def written(
    engine: InProcess, group: Group, at_once: int, guide: Guide | None
) -> tuple[list[list[int]], float]:
    """Tokens of the group's answers, and the seconds they took."""
    prompts = [engine.prompt(one.messages) for one in group]
    limits = [engine.limit(prompt) for prompt in prompts]
    started = time.perf_counter()
    tokens = greedy(
        engine.candidate.model, prompts, limits, stop=engine.candidate.stop, at_once=at_once, guide=guide
    )
    return tokens, time.perf_counter() - started


def report(
    mode: Mode, subject: Subject, items: Sequence[ExamItem], answers: Sequence[Answer], seconds: float
) -> None:
    by_id = {item.id: item for item in items}
    grades = [grade(by_id[found.item], found, subject) for found in answers]
    parsed = 0
    for found in answers:
        try:
            subject.parse(found.text)
            parsed += found.finish == "stop"
        except ParseError:
            continue
    rate, tokens, n = len(answers) / seconds, sum(found.tokens for found in answers), len(grades)
    valid, score = sum(one.valid for one in grades) / n, sum(one.score for one in grades) / n
    shares = f"parsed {parsed / n:.1%}, valid {valid:.1%}, score {score:.3f}, n {n}"
    print(f"{mode:12} {rate:6.1f} items/s {tokens:7} tokens, {shares}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("subject", nargs="?", default="ue5")
    parser.add_argument("--items", type=int)
    parser.add_argument("--alone", type=int, default=8)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    settings, local, name = params.load(), params.load_local(), options.subject
    subject = subjects.load(name, settings)
    items = read_items(Path(f"data/exams/{name}"), Path(f"data/holdout/{name}.jsonl"), 0)
    if options.items is not None:
        items = [item for item in items if item.kind == "practice"][: options.items]
    candidate = load_candidate(name, BASE, Path(f"models/adapters/{name}"), local)
    language = language_of(candidate, subject)
    exam = settings.subject(name).exam
    engine = InProcess(candidate, tokens=exam.max_new_tokens, batch=local.answer_batch, language=language)
    if language:  # what a first batch costs is no cost of the language
        group = next(iter(engine.plan([Asked(item, "free") for item in items])))
        written(engine, group[: local.answer_batch], local.answer_batch, None)
    for run in range(options.runs):
        held, dictated = 0.0, 0.0
        for group in engine.plan([Asked(item, "constrained") for item in items]) if language else ():
            limits = [engine.limit(engine.prompt(one.messages)) for one in group]
            tokens, seconds = written(engine, group, local.answer_batch, engine.guide("constrained", limits))
            held += seconds
            dictated += written(engine, group, local.answer_batch, Dictation(tokens))[1]
        if language:
            ratio = f"{held / dictated:.2f} x"
            print(
                f"run {run + 1}: held to the language {held:.2f} s, the same tokens dictated {dictated:.2f} s, {ratio}"
            )
        for mode in engine.modes:
            started = time.perf_counter()
            groups = engine.plan([Asked(item, mode) for item in items])
            answers = [one for group in engine.write(groups) for one in group]
            report(mode, subject, items, answers, time.perf_counter() - started)
    few = items[:: max(1, len(items) // options.alone)]
    for mode in engine.modes:
        alone = InProcess(candidate, tokens=exam.max_new_tokens, batch=1, language=language)
        started = time.perf_counter()
        for _ in alone.write(alone.plan([Asked(item, mode) for item in few])):
            pass
        print(
            f"{mode:12} {len(few) / (time.perf_counter() - started):6.1f} items/s one at a time, n {len(few)}"
        )


if __name__ == "__main__":
    main()
