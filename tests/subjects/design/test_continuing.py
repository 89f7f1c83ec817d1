"""What a model may write next: every generated design, and nothing that `check` finds fault with."""

from __future__ import annotations

import json
import re
from random import Random
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from bluebook.subjects.design.checker import check
from bluebook.subjects.design.continuing import continuation
from bluebook.subjects.design.generator import Generator
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.stages import STAGES
from bluebook.subjects.subject import Continuation

GENERATOR = Generator()
TOKENS = 1_000  # of an answer, as `params.yaml` has it
WITHIN = re.compile(r"\((.*) & /\.\{1,(\d+)\}/\)")
PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|\(/(.*?)/ & ~/(.*?)/\)|/((?:[^/\\]|\\.)*)/')
THINKING = """<thinking>
PROBLEM UNDERSTANDING:
- It must be clear how to lend a book.

STRATEGIC APPROACH:
- State what must hold before and after each call.

DESIGN PREPARATION:"""
PLANNED = f"""{THINKING}
- Service: LoanDesk
- Type: Book, Loan
- Database: LoanData
- Table: Books, Loans
- Relationships: loanBook
- Methods: lendBook
- Constraint: each method says how it can fail
</thinking>
<blueprint>"""
TABLES = f"""{PLANNED}
Database LoanData {{
  Table Books {{
    columns: {{id: {{type: UUID, primaryKey: true}}, title: {{type: String}}}}
  }},
  Table Loans {{
    columns: {{id: {{type: UUID, primaryKey: true}}, bookId: {{type: UUID, foreignKey: "Books.id"}}}}
  }}
}}
"""


def pattern(body: str) -> str:
    """A body of a Lark terminal, of the kinds used here, for Python's `re`."""
    found = ""
    if within := WITHIN.fullmatch(body):
        body, found = within[1], f"(?!.{{{int(within[2]) + 1}}})"
    for piece in PIECE.finditer(body):
        if piece[1] is not None:
            found += f"(?!({piece[2]})(?![A-Za-z0-9_]))({piece[1]})"
        elif piece[3] is not None:
            found += f"({piece[3]})"
        else:
            found += re.escape(json.loads(piece[0]))
    return found


def allows(found: Continuation, line: str) -> bool:
    return line in found.texts or any(re.fullmatch(pattern(body), line) for body in found.patterns)


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_generated_may_be_written(stage: str) -> None:
    rng = Random(stage)
    for _ in range(60):
        lines = GENERATOR.generate([f"stage:{stage}"], rng).response.split("\n")
        for at, line in enumerate(lines):
            before = "\n".join(lines[:at])
            assert allows(continuation(before, TOKENS - len(before) // 3), line), (line, before)
        assert continuation("\n".join(lines), 0) == Continuation(end=True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "<blueprint>"),
        ("", "PROBLEM UNDERSTANDING:"),
        ("<thinking>", "STRATEGIC APPROACH:"),
        ("<thinking>\nPROBLEM UNDERSTANDING:", ""),  # no point yet
        ("<thinking>\nPROBLEM UNDERSTANDING:\n- Lend a book to her.", ""),  # too little said
        (THINKING, "</thinking>"),
        (THINKING, "- Methods: lendBook"),  # whose?
        (THINKING, "- Table: Books"),  # in what?
        (f"{THINKING}\n- Service: LoanDesk", "- Service: BookDesk"),
        (f"{THINKING}\n- Service: LoanDesk", "- Transaction: LendBook"),  # of no table
        (PLANNED, "</blueprint>"),
        (PLANNED, "Service BookDesk {"),
        (PLANNED, "Relationships {"),  # before the tables
        (f"{PLANNED}\nType Book {{", "  author: Author"),
        (f"{PLANNED}\nType Book {{\n  title: string,", "  title: string"),
        (f"{PLANNED}\nService LoanDesk {{\n  methods: {{", "    giveBook(title: string) -> Loan {"),
        (f"{PLANNED}\nService LoanDesk {{\n  methods: {{", "    lendBook(book: Volume) -> Loan {"),
        (f"{PLANNED}\nService LoanDesk {{", "  dependencies: {mail: PostOffice},"),
        (f"{PLANNED}\nDatabase LoanData {{", "  Table Members {"),
        (f"{TABLES}\nRelationships {{\n  loanBook {{", '    from: "Loans.readerId",'),
        (f'{TABLES}\nRelationships {{\n  loanBook {{\n    from: "Loans.bookId",', '    to: "Readers.id",'),
    ],
)
def test_what_may_not_stand_here_is_not_offered(text: str, line: str) -> None:
    assert not allows(continuation(text, TOKENS), line)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_written_so_is_a_design_without_a_fault(seed: int) -> None:
    rng = Random(seed)
    lines: list[str] = []
    while not (offered := continuation("\n".join(lines), TOKENS - 30 * len(lines))).end:
        chosen = rng.choice([*offered.texts, *offered.patterns])
        lines.append(chosen if chosen in offered.texts else some_line(chosen, rng))
        assert len(lines) < 400
    text = "\n".join(lines)
    assert check(parse(text)) == [], text


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("tokens", [TOKENS, 600])
def test_a_stutter_comes_to_an_end_in_time(tokens: int, seed: int) -> None:
    """A model in a loop writes one letter again and again, each a token, wherever a text may be long."""
    rng = Random(seed)
    lines: list[str] = []
    room = tokens
    while not (offered := continuation("\n".join(lines), room)).end:
        if offered.patterns:
            made = [some_line(rng.choice(offered.patterns), rng, stutter=True) for _ in range(20)]
            lines.append(max(made, key=len))
            room -= len(lines[-1]) + 1
        else:
            lines.append(rng.choice(offered.texts))
            room -= len(lines[-1].strip()) // 2 + 1
    assert room >= 0
    assert check(parse("\n".join(lines))) == []


def some_line(body: str, rng: Random, *, stutter: bool = False) -> str:
    """A line that a pattern describes."""
    if within := WITHIN.fullmatch(body):
        while len(line := some_line(within[1], rng, stutter=stutter)) > int(within[2]):
            pass
        return line
    found = ""
    for piece in PIECE.finditer(body):
        if piece[1] is not None:
            name = written(parser.parse(piece[1]), rng, stutter=stutter)
            while re.fullmatch(piece[2], name):
                name = written(parser.parse(piece[1]), rng, stutter=stutter)
            found += name
        elif piece[3] is not None:
            found += written(parser.parse(piece[3].replace(r"\/", "/")), rng, stutter=stutter)
        else:
            found += json.loads(piece[0])
    return found


def written(tree: Any, rng: Random, *, stutter: bool = False) -> str:
    """A short text that a parsed regular expression matches; with `stutter` one of any length and few letters."""
    found = ""
    for operation, value in tree:
        if operation is constants.LITERAL:
            found += chr(value)
        elif operation is constants.IN:
            ranges = [(at, at) if kind is constants.LITERAL else at for kind, at in value]
            low, high = ranges[-1] if stutter else rng.choice(ranges)
            found += chr(low if stutter else rng.randint(low, high))
        elif operation is constants.BRANCH:
            found += written(rng.choice(value[1]), rng, stutter=stutter)
        elif operation is constants.SUBPATTERN:
            found += written(value[3], rng, stutter=stutter)
        elif operation is constants.MAX_REPEAT:
            least, most, inside = value
            times = rng.randint(least, most if stutter else min(most, least + 4))
            found += "".join(written(inside, rng, stutter=stutter) for _ in range(times))
        else:
            raise AssertionError(f"a pattern uses {operation}")
    return found
