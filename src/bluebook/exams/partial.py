"""Answers of a run that has not ended, so that a killed exam goes on where it stood.

The exam of a large model takes hours. Each finished batch is appended to one file below `logs/`; the next run
takes from there what still holds and writes the same output as if it had never been interrupted. An answer
still holds for the same run, a text that names whatever decides the answers, and the same item, every field
of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bluebook.artifacts import atomic_writer
from bluebook.records import Answer, ExamItem, encode


class _Kept(msgspec.Struct, kw_only=True):
    run: str
    item: str  # the item's fingerprint
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

    def get(self, item: ExamItem) -> Answer | None:
        return self._answers.get(_fingerprint(item))

    def keep(self, answers: Mapping[str, Answer], items: Mapping[str, ExamItem]) -> None:
        """Add answers, by item id. They are on the disk when this returns."""
        with self._path.open("ab") as out:
            for name, answer in answers.items():
                item = _fingerprint(items[name])
                self._answers[item] = answer
                out.write(encode(_Kept(run=self._run, item=item, answer=answer)) + b"\n")
            out.flush()
            os.fsync(out.fileno())

    def discard(self) -> None:
        """Remove the file: the run has ended and its output is written."""
        self._path.unlink(missing_ok=True)


def _fingerprint(item: ExamItem) -> str:
    return hashlib.sha256(encode(item)).hexdigest()


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
