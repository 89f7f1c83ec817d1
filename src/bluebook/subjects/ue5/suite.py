"""What the ue5 subject demands of a dataset before anything is trained on it. Token budget, duplicates, overlap
and the number of samples are the same for every subject and live in the generic gate."""

from __future__ import annotations

from bluebook.params import Struct
from bluebook.records import DatasetRow
from bluebook.subjects.subject import ParseError, RowRule, Suite
from bluebook.subjects.ue5.arranging import arrange
from bluebook.subjects.ue5.catalogue import Catalogue
from bluebook.subjects.ue5.checker import check
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.printing import print_program
from bluebook.subjects.ue5.program import Program


class ExpectPolicy(Struct, frozen=True):
    """`subjects.ue5.expect` in params.yaml: there is nothing to set."""


def expectations(catalogue: Catalogue) -> Suite:
    """The subject's part of the gate."""

    def checks(row: DatasetRow) -> bool:
        program = _program(row)
        return program is not None and not check(program, catalogue)

    def is_canonical(row: DatasetRow) -> bool:
        program = _program(row)
        return program is not None and print_program(arrange(program, catalogue)) == _response(row)

    return Suite(
        rows=(
            RowRule(
                name="parses",
                why="a response that is not in the language teaches another one",
                holds=lambda row: _program(row) is not None,
            ),
            RowRule(name="checks", why="the model would learn graphs that Unreal refuses", holds=checks),
            RowRule(
                name="canonical",
                why="one program, one text: several spellings of it make each of them less likely",
                holds=is_canonical,
            ),
        )
    )


def _response(row: DatasetRow) -> str:
    return row.completion[0].content if row.completion else ""


def _program(row: DatasetRow) -> Program | None:
    try:
        return parse(_response(row))
    except ParseError:
        return None
