"""What the adapter writes when it is asked every exam item (steps 6.1-6.3).

python stages/answer.py SUBJECT
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bluebook import params
from bluebook.artifacts import sha256, write_sidecar
from bluebook.exams.answer import Loss, answer, load_candidate, reference_losses
from bluebook.exams.items import read_items
from bluebook.exams.partial import Partial
from bluebook.records import Answer, ReferenceLoss, write_jsonl
from bluebook.stage import run
from bluebook.steps import step

BASE = Path("models/base")


def with_losses(found: Answer, adapter: Mapping[str, Loss], base: Mapping[str, Loss]) -> Answer:
    if found.item not in adapter:
        return found  # longer than the model's context
    mean, tokens = adapter[found.item]
    loss = ReferenceLoss(adapter=mean, base=base[found.item].mean, tokens=tokens)
    return msgspec.structs.replace(found, reference_loss=loss)


def main(name: str) -> None:
    exam = params.load().subject(name).exam
    local = params.load_local()
    adapter = Path(f"models/adapters/{name}")
    exams, holdout = Path(f"data/exams/{name}"), Path(f"data/holdout/{name}.jsonl")
    out = Path(f"data/answers/{name}.jsonl")
    items = read_items(exams, holdout, exam.max_items)
    with step("6.1", f"Load {adapter}") as running:
        candidate = load_candidate(f"{name}@{sha256(adapter)[:12]}", BASE, adapter, local)
        running.note(candidate.name)
    partial = Partial(Path(f"logs/answers/{name}.jsonl"), f"{candidate.name} {exam.max_new_tokens}")
    with step("6.2", f"Ask {len(items)} exam items") as running:
        answers = answer(
            candidate,
            items,
            max_new_tokens=exam.max_new_tokens,
            batch=local.answer_batch,
            partial=partial,
            running=running,
        )
        finishes = Counter(found.finish for found in answers)
        running.note(", ".join(f"{count} {finish}" for finish, count in sorted(finishes.items())))
    with step("6.3", "Measure the references' loss, adapter against base") as running:
        adapted = reference_losses(candidate, items, batch=local.answer_batch, running=running)
        del candidate
        gc.collect()  # two large models at once would not fit
        untrained = reference_losses(
            load_candidate("base", BASE, None, local), items, batch=local.answer_batch, running=running
        )
    write_jsonl(out, (with_losses(found, adapted, untrained) for found in answers))
    write_sidecar(
        out,
        stage="answer",
        inputs=[adapter, BASE, exams, holdout],
        parameters=exam,
        counts={
            "items": len(answers),
            "tokens": sum(found.tokens for found in answers),
            "finish": dict(sorted(finishes.items())),
        },
        packages=("torch", "transformers"),
    )
    partial.discard()


if __name__ == "__main__":
    run(main)
