"""Who answers, as `local.yaml: answer_with` says: a model in this process, one behind a server, or vLLM."""

from __future__ import annotations

import math
from pathlib import Path

from bluebook.exams.engine import Engine
from bluebook.params import Local, ServerParams
from bluebook.subjects.subject import Subject


def open_engine(
    name: str,
    subject: Subject,
    *,
    base: Path,
    adapter: Path,
    local: Local,
    tokens: int,
    seconds: float = math.inf,
) -> Engine:
    """The engine, ready to be asked. `name` says which weights these are; `tokens` and `seconds` limit an answer.

    Raises BluebookError, also where the backend is not installed or does not answer.
    """
    chosen = local.answer_with
    if isinstance(chosen, ServerParams):
        return _server(chosen, subject, base, tokens, seconds)
    if chosen == "vllm":
        from bluebook.exams.doors import load_voice
        from bluebook.exams.vllm import Vllm

        return Vllm(name, base, adapter, load_voice(base), tokens=tokens, grammar=subject.grammar)
    from bluebook.exams.inprocess import InProcess, language_of, load_candidate

    candidate = load_candidate(name, base, adapter, local)
    return InProcess(
        candidate,
        tokens=tokens,
        seconds=seconds,
        batch=local.answer_batch,
        language=language_of(candidate, subject),
    )


def _server(chosen: ServerParams, subject: Subject, base: Path, tokens: int, seconds: float) -> Engine:
    from bluebook.exams.client import Client
    from bluebook.exams.doors import load_voice
    from bluebook.exams.server import Server

    return Server(
        Client(chosen.server, key_variable=chosen.key_variable, seconds=min(seconds, SERVER_SECONDS)),
        chosen.model.replace("{subject}", subject.name),
        load_voice(base),
        max_new_tokens=tokens,
        grammar=subject.grammar,
        at_once=chosen.at_once,
        base_model=chosen.base_model,
    )


SERVER_SECONDS = 600.0  # an answer takes no longer, also where params.yaml sets no limit: a server may hang
