"""What the design subject demands of a dataset before anything is trained on it, and what it measures there. Token
budget, duplicates, overlap and the number of samples are the same for every subject and live in the generic gate."""

from __future__ import annotations

from collections.abc import Callable

from bluebook.records import DatasetRow
from bluebook.subjects.design.checker import check
from bluebook.subjects.design.completeness import completeness
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.policies import ExpectPolicy
from bluebook.subjects.design.printing import print_program
from bluebook.subjects.design.program import Program
from bluebook.subjects.design.references import resolution
from bluebook.subjects.design.thinking import agreement
from bluebook.subjects.subject import ParseError, RowRule, ShareRule, Suite


def expectations(policy: ExpectPolicy) -> Suite:
    """The subject's part of the gate."""
    return Suite(
        rows=(
            RowRule(
                name="parses",
                why="a response that is not in the language teaches another one",
                holds=lambda row: _program(row) is not None,
            ),
            RowRule(
                name="both_parts",
                why="a design without its thinking teaches to leave it out",
                holds=_has_both_parts,
            ),
            RowRule(
                name="checks",
                why="the model would learn references that lead nowhere",
                holds=_checks,
            ),
            RowRule(
                name="canonical",
                why="one design, one text: several spellings of it make each of them less likely",
                holds=_is_canonical,
            ),
        ),
        shares=(
            ShareRule(
                name="resolution",
                why="of what a design refers to, the share that is there",
                counts=lambda row: _measured(row, lambda program: resolution(program).rate),
                at_least=1.0,
            ),
            ShareRule(
                name="completeness",
                why="contracts, scenarios and what the prompt names, as far as a design has them",
                counts=lambda row: _measured(row, lambda program: completeness(program, _prompt(row)).score),
                at_least=policy.completeness,
            ),
            ShareRule(
                name="agreement",
                why="of what the preparation names, the share that the blueprint then has",
                counts=lambda row: _measured(row, agreement),
                at_least=policy.agreement,
            ),
        ),
    )


def _prompt(row: DatasetRow) -> str:
    return row.prompt[-1].content if row.prompt else ""


def _response(row: DatasetRow) -> str:
    return row.completion[0].content if row.completion else ""


def _program(row: DatasetRow) -> Program | None:
    try:
        return parse(_response(row))
    except ParseError:
        return None


def _has_both_parts(row: DatasetRow) -> bool:
    program = _program(row)
    return program is not None and bool(program.thinking) and bool(program.items)


def _checks(row: DatasetRow) -> bool:
    program = _program(row)
    return program is not None and not check(program)


def _is_canonical(row: DatasetRow) -> bool:
    program = _program(row)
    return program is not None and print_program(program) == _response(row)


def _measured(row: DatasetRow, measure: Callable[[Program], float]) -> float:
    program = _program(row)
    return 0.0 if program is None else measure(program)
