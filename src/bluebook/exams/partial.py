"""Answers of a run that has not ended, so that a killed exam goes on where it stood.

The exam of a large model takes hours. Each finished group of answers is appended to one file below `logs/`; the next
run takes from there what still holds and writes the same output as if it had never been interrupted. An answer
still holds for the same run, a text that names whatever decides the answers, and the same question: an item, every
field of it, and the mode.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bluebook.artifacts import atomic_writer
from bluebook.exams.engine import Asked
from bluebook.records import Answer, encode


class _Kept(msgspec.Struct, kw_only=True):
    run: str
    item: str  # the question's fingerprint
    answer: Answer


class Partial:
    """The file of kept answers. What another run left in it is dropped."""

    def __init__(self, path: Path, run: str) -> None:
        self._path = path
        self._run = run
        kept = _read(path, run)
        self._answers = {line.item: line.answer for line in kept}
        # Rewritten at once: a line torn by the kill must not have the next one appended to it.
        with atomic_writer(path) as out:
            out.writelines(encode(line) + b"\n" for line in kept)

    def get(self, asked: Asked) -> Answer | None:
        return self._answers.get(_fingerprint(asked))

    def keep(self, answers: Iterable[tuple[Asked, Answer]]) -> None:
        """Add answers. They are on the disk when this returns."""
        with self._path.open("ab") as out:
            for asked, answer in answers:
                item = _fingerprint(asked)
                self._answers[item] = answer
                out.write(encode(_Kept(run=self._run, item=item, answer=answer)) + b"\n")
            out.flush()
            os.fsync(out.fileno())

    def discard(self) -> None:
        """Remove the file: the run has ended and its output is written."""
        self._path.unlink(missing_ok=True)


def _fingerprint(asked: Asked) -> str:
    return hashlib.sha256(asked.mode.encode() + encode(asked.item)).hexdigest()


def _read(path: Path, run: str) -> list[_Kept]:
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            kept = msgspec.json.decode(line, type=_Kept)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # torn by the kill; its item is simply asked again
        if kept.run == run:
            found.append(kept)
    return found
