"""What 16 bits and each quantisation change of an adapter's answers: llama.cpp beside transformers, greedily.

python benchmarks/deploy.py [SUBJECT] [--items 40]

The holdout items are asked free. `same` answers are letter for letter those of transformers in 32 bits; `other token`
is the middle one of the places where the others part, and `gap` the most by which transformers preferred its own token
there, in logits: next to nothing is a tie that 16 bits broke the other way. The last row lets llama.cpp cut the prompts
by itself, as a server does that is not given the tokenizer. Needs llama-cpp-python (the extra `deploy`).
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import torch
from llama_cpp import Llama

from bluebook import params, subjects
from bluebook.exams.engine import Asked
from bluebook.exams.grade import grade
from bluebook.exams.inprocess import Candidate, load_candidate
from bluebook.exams.items import read_items, select
from bluebook.exams.mastery import totals
from bluebook.families import encode_prompt, render_prompt
from bluebook.generation import content, forward, greedy
from bluebook.params import Local
from bluebook.records import Answer, ExamItem
from bluebook.releases.deployment_server import FLOAT32
from bluebook.releases.deployment_weights import merged
from bluebook.releases.gguf_file import tensor_types
from bluebook.releases.gguf_quantising import QUANTISATIONS, quantise
from bluebook.releases.gguf_writing import Label, write_gguf
from bluebook.steps import step
from bluebook.subjects.subject import Subject

BASE = Path("models/base")
BATCH = 16


def by_transformers(candidate: Candidate, prompts: Sequence[list[int]], limit: int) -> list[list[int]]:
    return greedy(candidate.model, prompts, [limit] * len(prompts), stop=candidate.stop, at_once=BATCH)


def by_llama(file: Path, prompts: Sequence[list[int] | bytes], limit: int, context: int) -> list[list[int]]:
    """What llama.cpp writes after each prompt: ids, or text that it cuts by itself."""
    found = []
    with closing(Llama(str(file), n_ctx=context, type_k=FLOAT32, type_v=FLOAT32, verbose=False)) as whole:
        for prompt in prompts:
            ids = whole.tokenize(prompt, add_bos=False, special=True) if isinstance(prompt, bytes) else prompt
            written: list[int] = []
            for token in whole.generate(ids, temp=0.0, repeat_penalty=1.0):
                written.append(token)
                if len(written) == limit or token == whole.token_eos():
                    break
            found.append(written)
    return found


def score(
    subject: Subject, items: Sequence[ExamItem], candidate: Candidate, rows: Sequence[list[int]]
) -> Any:
    answers = [
        Answer(
            item=item.id,
            model="m",
            mode="free",
            text=content(candidate.tokenizer, candidate.family, row),
            tokens=len(row),
            finish="stop" if row[-1] == candidate.stop else "length",
        )
        for item, row in zip(items, rows, strict=True)
    ]
    return totals([grade(item, answer, subject) for item, answer in zip(items, answers, strict=True)])


class Parting(NamedTuple):
    """How many answers are the same; of the others, the middle one of the places where they part, and the most by which
    transformers preferred its own token there, in logits."""

    same: int
    place: float
    gap: float


def parting(
    candidate: Candidate, prompts: Sequence[list[int]], ours: Sequence[list[int]], theirs: Sequence[list[int]]
) -> Parting:
    places, gaps = [], []
    for prompt, one, other in zip(prompts, ours, theirs, strict=True):
        if one == other:
            continue
        at = next(place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
        ids = torch.tensor([prompt + one[:at]])
        logits = forward(candidate.model, ids, torch.ones_like(ids), logits_to_keep=1).logits[0, -1]
        places.append(at)
        gaps.append(float(logits[one[at]] - logits[other[at]]))
    if not places:
        return Parting(len(ours), math.nan, 0.0)
    return Parting(len(ours) - len(places), statistics.median(places), max(gaps))


def main(name: str, count: int) -> None:
    settings = params.load()
    subject, exam = subjects.load(name, settings), settings.subject(name).exam
    adapter = Path(f"models/adapters/{name}")
    every = read_items(Path(f"data/exams/{name}"), Path(f"data/holdout/{name}.jsonl"), 0)
    items = select([item for item in every if item.kind == "holdout"], count)
    candidate = load_candidate(name, BASE, adapter, Local(device="cpu", dtype="float32"))
    messages = [Asked(item, "free").messages for item in items]
    prompts = [encode_prompt(candidate.tokenizer, candidate.family, turns) for turns in messages]
    texts = [render_prompt(candidate.family, turns).encode() for turns in messages]
    limit = min(exam.max_new_tokens, candidate.context - max(map(len, prompts)))
    started = time.perf_counter()
    ours = by_transformers(candidate, prompts, limit)
    line = "{:16} {:>7} {:>9} {:>12} {:>9} {:>7} {:>7} {:>6}  {}"
    print(f"{name}: {len(items)} holdout items, asked free, at most {limit} tokens")
    print(line.format("", "MB", "same", "other token", "gap", "score", "valid", "s", "held in"))

    def tell(what: str, rows: Sequence[list[int]], file: Path | None, seconds: float) -> None:
        where = parting(candidate, prompts, ours, rows)
        found = score(subject, items, candidate, rows)
        held = "" if file is None else ", ".join(f"{n} {kind}" for kind, n in tensor_types(file).items())
        size = "" if file is None else f"{file.stat().st_size / 1e6:.1f}"
        shares = f"{found.score:.3f}", f"{found.valid_rate:.3f}", f"{seconds:.1f}"
        same, apart = f"{where.same}/{len(rows)}", where.same < len(rows)
        place, gap = (f"{where.place:.0f}", f"{where.gap:.4f}") if apart else ("", "")
        print(line.format(what, size, same, place, gap, *shares, held), flush=True)

    tell("transformers", ours, None, time.perf_counter() - started)
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: Path(folder) / f"{kind}.gguf" for kind in ("F16", *QUANTISATIONS)}
        with step("1", "Convert") as running:
            label = Label(name, "", "")
            words = write_gguf(
                merged(BASE, adapter),
                candidate.tokenizer,
                candidate.family,
                files["F16"],
                label=label,
                running=running,
            )
        for kind, file in files.items():
            if kind != "F16":
                quantise(files["F16"], file, kind)
            started = time.perf_counter()
            tell(kind, by_llama(file, prompts, limit, candidate.context), file, time.perf_counter() - started)
        started = time.perf_counter()
        alone = by_llama(files["F16"], texts, limit, candidate.context)
        tell(f"F16, {words.cut}", alone, files["F16"], time.perf_counter() - started)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("subject", nargs="?", default="ue5")
    parser.add_argument("--items", type=int, default=40)
    asked = parser.parse_args()
    main(asked.subject, asked.items)
