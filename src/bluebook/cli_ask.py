"""`bluebook ask`: one prompt, or a conversation on the terminal.

On a terminal an answer is shown as it is written; elsewhere only the one that is kept comes out, so that a program
reads an answer and not a draft of it. Findings and all else for people go to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bluebook.cli_input import Json, SubjectName, load_subject, read_text
from bluebook.errors import BluebookError

if TYPE_CHECKING:
    from bluebook.exams.doors import Voice
    from bluebook.exams.engine import Engine
    from bluebook.exams.tries import Try
    from bluebook.records import Message, Mode
    from bluebook.subjects.subject import Subject

BASE = Path("models/base")
DRAWN = "ue5"  # the subject whose answers are graphs
HELP = "/new forgets what was said, /quit or Ctrl-D ends, Ctrl-C stops an answer"


def ask(
    subject: SubjectName,
    prompt: Annotated[
        str | None,
        typer.Argument(help="A prompt, or - for stdin; without one, on a terminal: a conversation."),
    ] = None,
    *,
    free: Annotated[
        bool, typer.Option("--free", help="Let it write anything; else a grammar is kept.")
    ] = False,
    most: Annotated[int, typer.Option("--tries", min=1, help="Answers at most, until one has no fault.")] = 3,
    picture: Annotated[
        Path | None, typer.Option(dir_okay=False, help="ue5: draw the answer into this HTML page.")
    ] = None,
    clipboard: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="ue5: write it as what Unreal's editor pastes; - for stdout, in its place."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Use the trained model. Its answer is checked, and asked for again with what is wrong with it.

    Exit 1 when the best answer still has a fault: the findings are told, and it is not to be trusted.

    bluebook ask persona '<thought>: the harbour was quiet this morning'

    bluebook ask ue5 'When play begins, print hello.' --picture graph.html --clipboard paste.txt
    """
    if (picture or clipboard) and subject != DRAWN:
        raise typer.BadParameter(f"only answers of {DRAWN} are graphs", param_hint="--picture, --clipboard")
    talking = prompt is None and sys.stdin.isatty()
    if talking and json:
        raise typer.BadParameter(
            "a conversation has no JSON; give a prompt, or - for stdin", param_hint="--json"
        )
    asked = "" if talking else read_text(Path("-")) if prompt in {None, "-"} else str(prompt)
    if not talking and not asked.strip():  # before the model is loaded, which takes long
        raise typer.BadParameter("the prompt is empty", param_hint="PROMPT")
    asker = _open(subject, free, most, live=sys.stdout.isatty() and not json and str(clipboard) != "-")
    if talking:
        _converse(asker, lambda kept: _graph(kept, picture, clipboard))
        return
    answers = asker.answers([_turn("user", asked)])
    kept = asker.best(answers)
    if json:
        _tell_json(asker, kept, answers)
    else:
        asker.show(kept, answers, text=str(clipboard) != "-")
    _graph(kept, picture, clipboard)
    raise typer.Exit(0 if kept.good else 1)


@dataclass(frozen=True)
class _Asker:
    """Whoever is asked, and how. `live`: answers are shown as they are written."""

    engine: Engine
    judge: Subject
    voice: Voice
    mode: Mode
    most: int
    live: bool

    def answers(self, messages: list[Message]) -> list[Try]:
        """All tries of an answer. On a terminal each is shown with its findings."""
        from bluebook.exams.tries import tries
        from bluebook.families import refusal

        if (why := refusal(self.voice.family, messages)) is not None:
            raise BluebookError(f"the prompt cannot be put to this model unchanged: {why}")
        found: list[Try] = []
        heard = _write if self.live else _ignore
        for answer in tries(
            self.engine, self.judge, self.voice.family, messages, mode=self.mode, most=self.most, heard=heard
        ):
            found.append(answer)
            if self.live:
                print(flush=True)
                _tell(answer)
        return found

    def best(self, answers: list[Try]) -> Try:
        from bluebook.exams.tries import best

        return best(answers)

    def show(self, kept: Try, answers: list[Try], text: bool = True) -> None:
        """What is left to be shown of the answer that is kept."""
        if self.live and kept is answers[-1]:
            return
        if len(answers) > 1:
            print(f"kept: try {answers.index(kept) + 1} of {len(answers)}", file=sys.stderr)
        if text:
            print(kept.text, flush=True)
        _tell(kept)


def _open(subject: str, free: bool, most: int, live: bool) -> _Asker:
    from bluebook import params
    from bluebook.artifacts import sha256
    from bluebook.exams.backends import open_engine
    from bluebook.exams.doors import load_voice

    judge, local, adapter = load_subject(subject), params.load_local(), Path(f"models/adapters/{subject}")
    name = f"{subject}@{sha256(adapter)[:12]}" if adapter.exists() else subject
    engine = open_engine(
        name,
        judge,
        base=BASE,
        adapter=adapter,
        local=local,
        exam=params.load().subject(subject).exam,
    )
    return _Asker(engine, judge, load_voice(BASE), "free" if free else engine.modes[0], most, live)


def _converse(asker: _Asker, drawn: Callable[[Try], None]) -> None:
    """Prompts and answers until /quit or Ctrl-D. What was said stays with the model, the best answers only."""
    import readline  # noqa: F401  input() then edits lines and remembers them

    print(HELP, file=sys.stderr)
    said: list[Message] = []
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            print(file=sys.stderr)
            return
        except KeyboardInterrupt:
            print(file=sys.stderr)
            continue
        if line == "/quit":
            return
        if line == "/new":
            said = []
        elif line.startswith("/"):
            print(HELP, file=sys.stderr)
        elif line:
            said = _exchange(asker, drawn, said, line)


def _exchange(asker: _Asker, drawn: Callable[[Try], None], said: list[Message], line: str) -> list[Message]:
    """One turn of a conversation; what was said after it."""
    asked = [*said, _turn("user", line)]
    try:
        answers = asker.answers(asked)
        kept = asker.best(answers)
        asker.show(kept, answers)
        drawn(kept)
    except KeyboardInterrupt:
        print("\nstopped; this prompt is forgotten", file=sys.stderr)
        return said
    except BluebookError as error:
        print(f"error: {error}", file=sys.stderr)
        return said
    if kept.finish == "error":
        print("the conversation no longer fits the model; /new begins another", file=sys.stderr)
        return said
    if not kept.text.strip():
        return said  # no family carries an empty turn
    return [*asked, _turn("assistant", kept.text)]


def _turn(role: str, content: str) -> Message:
    from bluebook.records import Message

    return Message(role=role, content=content)  # type: ignore[arg-type]


def _write(piece: str) -> None:
    print(piece, end="", flush=True)


def _ignore(piece: str) -> None:
    pass


def _tell(answer: Try) -> None:
    """The findings, and how the answer ended where it did not end by itself."""
    for found in answer.findings:
        print(found, file=sys.stderr)
    if answer.finish != "stop":
        print(f"the answer did not end by itself ({answer.finish})", file=sys.stderr)


def _tell_json(asker: _Asker, kept: Try, answers: list[Try]) -> None:
    from bluebook.records import encode

    told = {
        "text": kept.text,
        "finish": kept.finish,
        "tokens": asker.voice.tokens(kept.text, kept.finish),
        "diagnostics": kept.findings,
        "mode": asker.mode,
        "model": asker.engine.name,
        "tries": answers,
    }
    print(encode(told).decode())


def _graph(kept: Try, picture: Path | None, clipboard: Path | None) -> None:
    """Draw and translate an answer of ue5. One that is not in the language is told, and nothing written."""
    if not picture and not clipboard:
        return
    from bluebook.cli_ue5 import draw, translate
    from bluebook.subjects.subject import PARSE

    if any(found.code == PARSE for found in kept.findings):
        print("the answer is no graph; nothing was drawn or translated", file=sys.stderr)
        return
    if picture:
        draw(kept.text.encode(), Path("the answer"), picture)
    if clipboard:
        translate(kept.text, Path("the answer"), None if str(clipboard) == "-" else clipboard)
