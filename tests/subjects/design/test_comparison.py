"""Nearness of two designs: blind to order and to names that nobody could guess, and not to be gamed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from bluebook.subjects.design.comparison import compare
from bluebook.subjects.design.constructs import constructs
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.program import Element, Field, List, Member, Object, Program, Step
from tests.subjects.design.designs import LENDING, RESPONSE, SCRIPT
from tests.subjects.design.random_designs import programs

OTHER = """Service Brewing {
  methods: {
    brewTea(leaf: Leaf, minutes: int) -> Pot {
      preconditions: [kettle is hot],
      postconditions: [pot is full],
      errors: [KettleCold]
    }
  }
}
Type Pot {
  id: PotId,
  leaf: Leaf,
  litres: float
}
Type Leaf {
  name: string
}
Database TeaHouse {
  Table Pots {
    columns: {
      id: {type: UUID, primaryKey: true},
      litres: {type: Decimal}
    }
  }
}
"""


def score(text: str, other: str) -> float:
    return compare(parse(text), parse(other)).score


def shuffled(program: Program, rng: Random) -> Program:
    """The same design in another order; steps of a scenario stay in theirs."""

    def value(found: object) -> object:
        if isinstance(found, Object):
            return Object(members(found.members))
        if isinstance(found, List):
            items = [value(item) for item in found.items]
            rng.shuffle(items)
            return List(tuple(items))  # type: ignore[arg-type]
        return found

    def members(found: tuple[Member, ...]) -> tuple[Member, ...]:
        out: list[Member] = []
        for member in found:
            if isinstance(member, Field):
                out.append(structs.replace(member, value=value(member.value)))
            elif isinstance(member, Element):
                out.append(structs.replace(member, members=members(member.members)))
            else:
                out.append(member)
        if not any(isinstance(member, Step) for member in out):
            rng.shuffle(out)
        return tuple(out)

    return Program(members(program.items))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs)
def test_a_design_is_like_itself(program: Program) -> None:
    found = compare(program, program)
    assert found.score == 1.0 and found.errors == []
    assert found.per_construct == dict.fromkeys(constructs(program), 1.0)


@settings(max_examples=20, deadline=None)
@given(st.integers())
def test_order_says_nothing(seed: int) -> None:
    program = parse(LENDING)
    assert compare(program, shuffled(program, Random(seed))).score == 1.0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lendBook(bookId: BookId, reader: Reader", "lendBook(which: BookId, who: Reader"),
        ("idx_title", "by_title"),
        ("Scenario lending a book twice", "Scenario two readers want one book"),
        ("Lends books to readers and takes them back", "The library desk"),
        ("lendBook", "lend_book"),
        ("book_id", "bookId"),
    ],
)
def test_names_that_nobody_could_guess_say_nothing(old: str, new: str) -> None:
    assert old in LENDING
    assert score(LENDING, LENDING.replace(old, new)) == 1.0


def test_a_name_that_is_changed_throughout_is_wrong_once() -> None:
    renamed = (
        LENDING.replace("Loan", "Lease").replace("TooManyLeases", "TooManyLoans").replace("Leases", "Loans")
    )
    assert "-> Lease {" in renamed
    assert 0.95 < score(LENDING, renamed) < 1.0


def test_variables_of_a_script_may_be_called_otherwise() -> None:
    assert score(SCRIPT, SCRIPT.replace("Score", "Points").replace("Grade", "Mark")) == 1.0
    assert score(SCRIPT, SCRIPT.replace("> 90", "> 95")) < 1.0


@pytest.mark.parametrize(
    ("old", "new", "construct"),
    [
        ("      errors: [BookLent, TooManyLoans]", "      errors: [Broken]", "errors"),
        ("  When lendBook is called for Bob,\n", "", "steps"),
        ("invariants: [a book has one open loan at most]", "invariants: [shelves are dusted]", "invariants"),
        ("ErrorPaths: [too many loans -> TooManyLoans]", "", "error_paths"),
        ("Migration AddReminder", "Operation AddReminder", "Migration"),
        ("map<string, string>", "string", "generics"),
        ("  name: string,\n  tags: set<string>", "  age: int", "Type"),
    ],
)  # fmt: skip
def test_the_construct_that_is_wrong_is_named(old: str, new: str, construct: str) -> None:
    assert old in LENDING
    found = compare(parse(LENDING), parse(LENDING.replace(old, new)))
    assert found.score < 1.0
    assert construct in {error.construct for error in found.errors}
    if construct not in ("Type", "generics", "steps"):  # of several, the others are right
        assert found.per_construct[construct] == 0.0
    assert all(error.detail for error in found.errors)


def test_prose_may_be_worded_otherwise() -> None:
    assert score(LENDING, LENDING.replace("book is on the shelf", "the book stands on its shelf")) == 1.0
    assert score(LENDING, LENDING.replace("book is on the shelf", "weather permits")) < 1.0


@pytest.mark.parametrize(
    "answer",
    [
        "Type A {}",
        "Service Service {\n  methods: {}\n}",
        "Database D {\n  Table T {\n    columns: {id: {type: UUID, primaryKey: true}}\n  }\n}",
        OTHER,
        SCRIPT,
    ],
    ids=["empty", "hollow", "what all tables have", "another design", "a script"],
)
def test_what_fits_everything_earns_little(answer: str) -> None:
    assert score(LENDING, answer) < 0.1


def test_saying_more_costs() -> None:
    assert score(LENDING, LENDING + OTHER) < 0.95
    assert score(LENDING, LENDING + LENDING.replace("Lending", "Lending2")) < 0.8


def test_half_a_design_earns_half() -> None:
    half = LENDING[: LENDING.index("Operation OpenLoan")]
    assert 0.4 < score(LENDING, half) < 0.9


def test_thinking_is_no_part_of_the_comparison() -> None:
    assert score(RESPONSE, LENDING) == 1.0
