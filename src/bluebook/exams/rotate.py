"""Rotating a holdout: a set that was looked at too often is retired, and the next one takes its place.

A retired set stays in `data/exams/S/retired/`, named by its version, for history: no exam asks it again, and nothing is
ever trained on it. Two kinds of holdout rotate in two ways:

- One that is generated (a file of `data/exams/S/` whose items are of kind `holdout`) is drawn anew from the subject's
  generator, with a seed made from its name and the number of editions before it.
- One that is set aside from records (`data/holdout/S.jsonl`) is made by `compose`: counting `compose.rotation` up in
  params.yaml sets other source groups aside. The old items leave the data for good, since they can neither be asked
  nor trained on; so this one rotates only when asked for, or where there is no other.

The same repository gives the same next set. Versions are hashes of content, so mastery shows the new one and no
comparison mixes the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import yaml

from bluebook.artifacts import atomic_writer
from bluebook.corpus.apart import RETIRED
from bluebook.errors import BluebookError, DataError
from bluebook.params import PARAMS
from bluebook.records import ExamItem, Example, read_jsonl, write_jsonl
from bluebook.subjects.subject import Subject


class Rotated(msgspec.Struct, kw_only=True, frozen=True):
    """One holdout that was retired; `version` is that of the next, null where `dvc repro` will make it."""

    exam: str
    retired: str
    version: str | None


def rotate(subject: Subject, *, records: bool = False) -> list[Rotated]:
    """Retire the generated holdouts of the work tree and draw the next; with `records`, or where none is generated,
    retire the one that is set aside from records. Raises BluebookError where there is nothing to rotate."""
    folder = Path(f"data/exams/{subject.name}")
    if not records and (files := _generated(folder)):
        return [_draw(subject, file, folder) for file in files]
    return [_set_aside(subject.name, folder)]


def _generated(folder: Path) -> list[Path]:
    files = []
    for file in sorted(folder.glob("*.jsonl")):
        kinds = {item.kind for item in read_jsonl(file, ExamItem)}
        if len(kinds) > 1:
            raise DataError(file, None, "practice and holdout items in one file; give each exam its own")
        if kinds == {"holdout"}:
            files.append(file)
    return files


def _draw(subject: Subject, file: Path, folder: Path) -> Rotated:
    items = list(read_jsonl(file, ExamItem))
    retired = _retired_path(folder, file.stem, items)
    earlier = set(folder.glob(f"{RETIRED}/{file.stem}-*.jsonl")) - {retired}
    edition = f"{items[0].exam}-r{len(earlier) + 1}"
    # `items` is among them: it lies in the folder until it is replaced.
    asked = [item for other in sorted(folder.rglob("*.jsonl")) for item in read_jsonl(other, ExamItem)]
    examples = Path(f"data/examples/{subject.name}.jsonl")
    if not examples.exists():
        raise DataError(
            examples, None, "not found, and a new exam must differ from it; run `dvc repro` first"
        )
    taken = [item.constructs for item in asked] + [one.constructs for one in read_jsonl(examples, Example)]
    made = subject.examine(items, taken, edition)
    if not made:
        raise BluebookError(
            f"{subject.name} generates no exams; write the next {file} and put the old one in {retired}"
        )
    write_jsonl(retired, items)
    write_jsonl(file, made)
    return Rotated(exam=items[0].exam, retired=str(retired), version=made[0].version)


def _set_aside(name: str, folder: Path) -> Rotated:
    holdout = Path(f"data/holdout/{name}.jsonl")
    items = list(read_jsonl(holdout, ExamItem)) if holdout.exists() else []
    if not items:
        raise BluebookError(f"no holdout to rotate: {holdout} has no items; run `dvc repro` first")
    retired = _retired_path(folder, holdout.stem, items)
    if retired.exists():
        raise BluebookError(
            f"{retired}: version {items[0].version} is retired already; `dvc repro` makes the next"
        )
    write_jsonl(retired, items)
    count_up(PARAMS, ("subjects", name, "compose", "rotation"))
    return Rotated(exam=items[0].exam, retired=str(retired), version=None)


def _retired_path(folder: Path, stem: str, items: Sequence[ExamItem]) -> Path:
    return folder / RETIRED / f"{stem}-{items[0].version}.jsonl"


def count_up(path: Path, keys: Sequence[str]) -> None:
    """Add 1 to a whole number in a YAML file and leave every other byte as it is. Raises DataError where it is not
    there."""
    text = path.read_text("utf-8")
    node = yaml.compose(text)
    for key in keys:
        found = (
            [value for name, value in node.value if name.value == key]
            if isinstance(node, yaml.MappingNode)
            else []
        )
        if not found:
            raise DataError(path, None, f"expected the key {'.'.join(keys)}")
        node = found[0]
    if not isinstance(node, yaml.ScalarNode) or not node.value.isdigit():
        raise DataError(path, None, f"expected a whole number under {'.'.join(keys)}")
    start, end = node.start_mark.index, node.end_mark.index
    with atomic_writer(path) as out:
        out.write(f"{text[:start]}{int(node.value) + 1}{text[end:]}".encode())
