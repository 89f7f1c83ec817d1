"""One question, asked until the subject finds nothing wrong with the answer, or often enough.

Decoding is greedy, so asking the same thing again brings the same answer. A second try is therefore another
question: the model is shown its answer and what is wrong with it, as a further turn of the conversation. A model that
was taught single turns only may make nothing of that; then the best try stands, with its findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from bluebook.exams.engine import Engine
from bluebook.families import Family, refusal
from bluebook.records import Finish, Message, Mode
from bluebook.subjects.subject import PARSE, Diagnostic, Subject, examined


class Try(msgspec.Struct, kw_only=True, frozen=True):
    """An answer and what the subject finds wrong with it."""

    text: str
    finish: Finish
    findings: list[Diagnostic]

    @property
    def good(self) -> bool:
        return not self.findings and self.finish == "stop"

    @property
    def faults(self) -> tuple[bool, int, bool]:
        """The less the better: outside the language is worse than any number of broken rules."""
        parsed = all(found.code != PARSE for found in self.findings)
        return (not parsed, len(self.findings), self.finish != "stop")


def tries(
    engine: Engine,
    judge: Subject,
    family: Family,
    messages: Sequence[Message],
    *,
    mode: Mode,
    most: int,
    heard: Callable[[str], None],
) -> Iterator[Try]:
    """At most `most` answers to `messages`, ending with a good one; `heard` is given each piece as it is written.

    It ends too where a further try is pointless: the model repeats itself, ran out of time or room, or the family
    cannot carry its answer as a turn.
    """
    asked, seen = list(messages), set[str]()
    for _ in range(most):
        answer = _answer(engine, judge, asked, mode, heard)
        yield answer
        if answer.good or answer.text in seen or answer.finish in {"timeout", "error"}:
            return
        seen.add(answer.text)
        asked += [
            Message(role="assistant", content=answer.text),
            Message(role="user", content=_complaint(answer)),
        ]
        if refusal(family, asked) is not None:
            return


def best(answers: Sequence[Try]) -> Try:
    """The earliest of those with the least wrong."""
    return min(answers, key=lambda answer: answer.faults)


def _answer(
    engine: Engine, judge: Subject, asked: Sequence[Message], mode: Mode, heard: Callable[[str], None]
) -> Try:
    pieces: list[str] = []
    writing = engine.stream(asked, mode)
    try:
        while True:
            piece = next(writing)
            pieces.append(piece)
            heard(piece)
    except StopIteration as ended:
        finish: Finish = ended.value
    finally:
        writing.close()  # Ctrl-C too ends what is being written
    text = "".join(pieces)
    return Try(text=text, finish=finish, findings=examined(judge, text)[0])


def _complaint(answer: Try) -> str:
    lines = [str(found) for found in answer.findings]
    if answer.finish == "length":
        lines.append("It was too long and was cut off.")
    return "\n".join(
        ["There are faults in this answer:", *lines, "Write the whole answer again without them."]
    )
