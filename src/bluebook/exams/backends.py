"""Who answers, as `local.yaml: answer_with` says: a model in this process, one behind a server, or vLLM."""

from __future__ import annotations

from pathlib import Path

from bluebook.exams.engine import Engine
from bluebook.params import ExamParams, Local, ServerParams
from bluebook.subjects.subject import Subject


def open_engine(
    name: str, subject: Subject, *, base: Path, adapter: Path, local: Local, exam: ExamParams
) -> Engine:
    """The engine, ready to be asked. `name` says which weights these are.

    Raises BluebookError, also where the backend is not installed or does not answer.
    """
    chosen = local.answer_with
    if isinstance(chosen, ServerParams):
        return _server(name, chosen, subject, base, exam)
    if chosen == "vllm":
        from bluebook.exams.doors import load_voice
        from bluebook.exams.vllm import Vllm

        voice = load_voice(base)
        return Vllm(name, base, adapter, voice, tokens=exam.max_new_tokens, grammar=subject.grammar)
    from bluebook.exams.inprocess import InProcess, language_of, load_candidate

    candidate = load_candidate(name, base, adapter, local)
    return InProcess(
        candidate,
        tokens=exam.max_new_tokens,
        seconds=exam.max_seconds,
        batch=local.answer_batch,
        language=language_of(candidate, subject),
    )


def _server(name: str, chosen: ServerParams, subject: Subject, base: Path, exam: ExamParams) -> Engine:
    from bluebook.exams.client import Client
    from bluebook.exams.doors import load_voice
    from bluebook.exams.server import Server

    return Server(
        Client(chosen.server, key_variable=chosen.key_variable, seconds=exam.max_seconds),
        chosen.model.replace("{subject}", subject.name),
        load_voice(base),
        name=name,
        max_new_tokens=exam.max_new_tokens,
        grammar=subject.grammar,
        at_once=chosen.at_once,
        base_model=chosen.base_model,
    )
