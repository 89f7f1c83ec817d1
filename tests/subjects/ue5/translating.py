"""Exports to programs and back, for tests: with nothing left unsaid."""

from __future__ import annotations

from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.export import ExportGraph
from bluebook.subjects.ue5.from_export import to_program
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.printing import print_program
from bluebook.subjects.ue5.program import (
    Program,
)
from bluebook.subjects.ue5.to_clipboard import Clipboard, to_clipboard
from tests.subjects.ue5.exports import parse as read

BLUEPRINTS = ("collapsed", "lamp", "legacy", "montage", "tricky", "ue4")  # fixtures


def paste(text: str) -> Clipboard:
    return to_clipboard(parse(text), shipped())


def forward(export: ExportGraph, keep_layout: bool = False) -> Program:
    found = to_program(export, shipped(), layout=keep_layout)
    assert found.unexpressed == []
    return found.program


def back(one: Program, keep_layout: bool = False) -> Program:
    """The program that comes back from the clipboard."""
    found = to_clipboard(one, shipped())
    assert found.unexpressed == []
    return forward(read(found.text), keep_layout)


def same(one: Program, other: Program) -> None:
    assert print_program(one) == print_program(other)
    assert one == other
