"""What the adapter writes when it is asked every exam item free and within the
subject's language (steps 6.1-6.4).

python stages/answer.py SUBJECT
"""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from bluebook import params, subjects
from bluebook.artifacts import sha256, write_sidecar
from bluebook.errors import BluebookError
from bluebook.exams.answer import answer
from bluebook.exams.backends import open_engine
from bluebook.exams.canary import refuse_silent, said
from bluebook.exams.engine import Engine
from bluebook.exams.inprocess import InProcess, language_of, load_candidate
from bluebook.exams.items import read_items
from bluebook.exams.losses import Loss, reference_losses
from bluebook.exams.partial import Partial
from bluebook.params import ExamParams, Local
from bluebook.records import Answer, ExamItem, ReferenceLoss, write_jsonl
from bluebook.stage import run
from bluebook.steps import step
from bluebook.subjects.subject import Subject

BASE = Path("models/base")


class Sitting(NamedTuple):
    """An exam to be sat. `label` names the weights of `adapter`; `kept` holds the answers of a run that was killed."""

    label: str
    adapter: Path
    subject: Subject
    exam: ExamParams
    items: list[ExamItem]
    kept: Path


def with_losses(found: Answer, adapter: Mapping[str, Loss], base: Mapping[str, Loss]) -> Answer:
    if found.item not in adapter:
        return found  # longer than the model's context
    mean, tokens = adapter[found.item]
    loss = ReferenceLoss(adapter=mean, base=base[found.item].mean, tokens=tokens)
    return msgspec.structs.replace(found, reference_loss=loss)


def main(name: str) -> None:
    settings = params.load()
    exam = settings.subject(name).exam
    subject = subjects.load(name, settings)
    local = params.load_local()
    adapter = Path(f"models/adapters/{name}")
    exams, holdout = Path(f"data/exams/{name}"), Path(f"data/holdout/{name}.jsonl")
    out = Path(f"data/answers/{name}.jsonl")
    items = read_items(exams, holdout, exam.max_items)
    sitting = Sitting(
        f"{name}@{sha256(adapter)[:12]}", adapter, subject, exam, items, Path(f"logs/answers/{name}.jsonl")
    )
    # A model that another program holds is asked, and no loss of it is measured: only its text comes here.
    answers = (
        _in_process(sitting, local) if local.answer_with == "transformers" else _elsewhere(sitting, local)
    )
    finishes = Counter(found.finish for found in answers)
    write_jsonl(out, answers)
    write_sidecar(
        out,
        stage="answer",
        inputs=[adapter, BASE, exams, holdout],
        parameters=exam,
        counts={
            "items": len(items),
            "answers": len(answers),
            "tokens": sum(found.tokens for found in answers),
            "finish": dict(sorted(finishes.items())),
        },
        packages=("llguidance", "torch", "transformers"),
    )
    sitting.kept.unlink(missing_ok=True)


def _in_process(sitting: Sitting, local: Local) -> list[Answer]:
    label, adapter, subject, exam, items, _ = sitting
    with step("6.1", "Measure the references' loss with the base, which has not seen the lessons") as running:
        base = load_candidate("base", BASE, None, local)
        untrained = reference_losses(base, items, batch=local.answer_batch, running=running)
        spoken = said(base, items[0])
        del base
        gc.collect()  # two large models at once would not fit
    with step("6.2", f"Load {adapter}") as running:
        candidate = load_candidate(label, BASE, adapter, local)
        refuse_silent(candidate, items[0], spoken, adapter)
        running.note(candidate.name)
    engine = InProcess(
        candidate,
        tokens=exam.max_new_tokens,
        seconds=exam.max_seconds,
        batch=local.answer_batch,
        language=language_of(candidate, subject),
    )
    answers = _ask(engine, sitting)
    with step("6.4", "Measure the references' loss with the adapter") as running:
        adapted = reference_losses(candidate, items, batch=local.answer_batch, running=running)
    return [with_losses(found, adapted, untrained) for found in answers]


def _elsewhere(sitting: Sitting, local: Local) -> list[Answer]:
    label, adapter, subject, exam, *_ = sitting
    with step("6.2", "Find who answers") as running:
        engine = open_engine(label, subject, base=BASE, adapter=adapter, local=local, exam=exam)
        running.note(engine.name)
    if exam.mode not in engine.modes:
        raise BluebookError(
            f"{engine.name} can only be asked free, and params.yaml decides mastery by {exam.mode} answers. Use a "
            f"backend that keeps a grammar, or set exam.mode of {subject.name} to free"
        )
    return _ask(engine, sitting)


def _ask(engine: Engine, sitting: Sitting) -> list[Answer]:
    items = sitting.items
    partial = Partial(sitting.kept, _run(engine, sitting.exam, sitting.subject))
    with step("6.3", f"Ask {len(items)} exam items, {' and '.join(engine.modes)}") as running:
        answers = answer(engine, items, partial=partial, running=running)
        finishes = Counter(found.finish for found in answers)
        running.note(", ".join(f"{count} {finish}" for finish, count in sorted(finishes.items())))
    return answers


def _run(engine: Engine, exam: ExamParams, subject: Subject) -> str:
    """What decides the answers; kept ones of any other run are not taken."""
    grammar = hashlib.sha256((subject.grammar or "").encode()).hexdigest()[:12]
    return f"{engine.name} {exam.max_new_tokens} {exam.max_seconds} {grammar}"


if __name__ == "__main__":
    run(main)
