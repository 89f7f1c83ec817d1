"""References that lead nowhere, other faults beyond the grammar, the thinking, and how complete a design is."""

from __future__ import annotations

import pytest

from bluebook.subjects.design.checker import check
from bluebook.subjects.design.completeness import asked, completeness
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.references import KINDS, resolution
from bluebook.subjects.design.thinking import agreement, prepared
from bluebook.subjects.subject import Diagnostic
from tests.subjects.design.designs import LENDING, RESPONSE, SCRIPT

APPROACH = (
    "- One service lends; a database keeps books and loans apart\n"
    "- A transaction guards against lending the same book twice\n"
)
FIRST = "Readers borrow books of a library and bring them back in time"
FIND = "findLoans(reader: Reader, filter: map<string, string>)"


def faults(text: str) -> list[Diagnostic]:
    return check(parse(text))


def planted(old: str, new: str, text: str = RESPONSE) -> tuple[list[Diagnostic], int]:
    """The faults of a text in which `old` was replaced once, and the line where that was."""
    assert old in text, old
    at = text.index(old)
    return faults(text[:at] + new + text[at + len(old) :]), text.count("\n", 0, at) + 1


def test_a_sound_design_has_no_faults() -> None:
    assert faults(RESPONSE) == []
    assert faults(LENDING) == []
    assert faults(SCRIPT) == []
    found = resolution(parse(LENDING))
    assert found.dangling == [] and found.rate == 1.0
    assert set(found.uses) == set(KINDS)


@pytest.mark.parametrize(
    ("code", "old", "new", "hint"),
    [
        ("unknown_type", "reader: Reader, days", "reader: Raeder, days", "'Reader'"),
        ("unknown_type", "-> Loan {", "-> Load {", "'Loan'"),
        ("unknown_type", "-> Loan[] {", "-> Widget[] {", "Type Widget {"),
        ("unknown_type", "  reader: Reader,\n", "  reader: Raeder,\n", "'Reader'"),
        ("unknown_type", "set<string>", "set<Label>", "Type Label {"),
        ("unknown_type", "Type Reader {", "Type Reader: Person {", "Person"),
        ("unknown_type", "now() -> timestamp", "now() -> Instant", "Instant"),
        ("unknown_dependency", "store: LendingStore", "store: LendingStor", "'LendingStore'"),
        ("unknown_dependency", "lending: Lending}", "lending: Lender}", "Lender"),
        ("unknown_table", 'table: "Loans"', 'table: "Loan"', "'Loans'"),
        ("unknown_table", '{type: "update", table: "Books"', '{type: "update", table: "Boxes"', "Boxes"),
        ("unknown_table", 'dropColumn: {table: "Loans"', 'dropColumn: {table: "Leases"', "Leases"),
        ("unknown_foreign_key", 'foreignKey: "Books.id"', 'foreignKey: "Book.id"', "'Books'"),
        ("unknown_column", 'foreignKey: "Books.id"', 'foreignKey: "Books.isbn"', "isbn"),
        ("unknown_column", 'columns: ["title"]', 'columns: ["titel"]', "'title'"),
        ("unknown_relationship", 'from: "Books.id"', 'from: "Book.id"', "'Books'"),
        ("unknown_column", 'to: "Loans.book_id"', 'to: "Loans.bok_id"', "'book_id'"),
        ("unknown_relationship", '"oneToMany"', '"oneToMany",\n      inverseOf: "LoanHasBook"', "LoanHasBook"),
        ("unknown_table", 'type: "oneToMany"', 'type: "manyToMany",\n      through: "Shelves"', "Shelves"),
        ("duplicate_name", "Type Reader {", "Type Loan {", "Type Loan"),
        ("duplicate_name", "Table Loans {", "Table Books {", "Table Books"),
        ("duplicate_name", FIND, "lendBook(a: int, b: int, c: int)", "lendBook"),
        ("duplicate_key", "  due: timestamp | null", "  book: timestamp | null", "'book'"),
        ("duplicate_key", "  due: {type: Date}", "  state: {type: Date}", "'state'"),
        ("duplicate_parameter", "reader: Reader, days", "bookId: Reader, days", "bookId"),
        ("joined_errors", "[BookLent, TooManyLoans]", "[BookLent TooManyLoans]", "`,`"),
        ("no_method", "wait(duration: Duration) ->", "wait(duration Duration) ->", "name(parameter: Type)"),
        ("no_outcome", "  Then it fails with BookLent,\n  And Ada keeps the book.\n", "", "Then"),
    ],
)  # fmt: skip
def test_each_planted_fault_is_found_where_it_is(code: str, old: str, new: str, hint: str) -> None:
    found, line = planted(old, new)
    mine = [fault for fault in found if fault.code == code and hint in fault.message]
    assert mine, found
    if "\n" not in old + new:
        assert mine[0].line == line


def test_what_is_known_needs_no_definition() -> None:
    text = """Service A {
  get(id: BookId, at: UUID, f: Float) -> map<string, JSON>,
  all() -> Page<Other> | null
}
Type Page<T> {
  items: T[],
  state: ACTIVE
}
Other found in `other.bp`"""
    assert faults(text) == []


def test_migrations_make_tables() -> None:
    text = """Migration AddLog {
  up: {createTable: {name: "Logs", columns: {id: {type: UUID}}}},
  down: {dropTable: "Logs"}
}
Operation Write {
  type: "create",
  table: "Logs"
}"""
    assert faults(text) == []
    assert [fault.code for fault in faults(text.replace('table: "Logs"', 'table: "Log"'))] == [
        "unknown_table"
    ]


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("missing_section", "STRATEGIC APPROACH:\n", ""),
        ("unknown_section", "STRATEGIC APPROACH:", "STRATEGY:"),
        ("empty_section", APPROACH, ""),
        ("thin_section", APPROACH, "- One service\n"),
        ("repeated_point", "- A book can be with one reader only", f"- {FIRST}"),
        ("unprepared_blueprint", "lendBook, findLoans", "lendBook, findLeases"),
        ("unprepared_blueprint", "Tables: Books, Loans", "Tables: Books, Leases"),
        ("unknown_section", "<thinking>\n", "<thinking>\nHere is a plan.\n"),
    ],
)  # fmt: skip
def test_the_thinking_is_checked_for_presence_substance_and_agreement(code: str, old: str, new: str) -> None:
    found, _ = planted(old, new)
    assert code in {fault.code for fault in found}
    assert all(fault.construct == "thinking" for fault in found)


def test_sections_have_an_order() -> None:
    head, middle, last = RESPONSE.index("PROBLEM"), RESPONSE.index("STRATEGIC"), RESPONSE.index("DESIGN PREP")
    swapped = RESPONSE[:head] + RESPONSE[middle:last] + RESPONSE[head:middle] + RESPONSE[last:]
    assert {fault.code for fault in faults(swapped)} == {"section_order"}
    again = RESPONSE[:last] + RESPONSE[middle:last] + RESPONSE[last:]
    assert "section_order" in {fault.code for fault in faults(again)}


def test_a_response_without_thinking_lacks_three_sections() -> None:
    found = faults(f"<blueprint>\n{LENDING}</blueprint>")
    assert [fault.code for fault in found] == ["missing_section"] * 3


def test_wording_is_free() -> None:
    other = RESPONSE.replace(FIRST, "People take out volumes for weeks")
    assert faults(other) == []


def test_preparation_names_what_cannot_be_said_by_chance() -> None:
    program = parse(RESPONSE)
    assert program.thinking is not None
    assert prepared(program.thinking) == ["lendBook", "findLoans", "Books", "Loans"]
    assert agreement(program) == 1.0
    assert agreement(parse(RESPONSE.replace("findLoans\n", "findLeases\n"))) == 0.75


def test_completeness_shows_its_parts() -> None:
    whole = completeness(
        parse(LENDING), "A library where readers borrow and return books; staff find overdue loans"
    )
    assert whole.parts["preconditions"].recall == 0.5  # of the four methods, those of the module have none
    assert whole.parts["errors"].recall == 0.75
    assert whole.parts["scenario_methods"].recall == 0.25
    assert whole.parts["scenario_errors"].recall == pytest.approx(1 - 1 / 3)
    assert whole.parts["resolution"].recall == 1.0
    assert "staff" in whole.missing["entities"] and "books" not in whole.missing["entities"]
    assert "find" not in whole.missing["verbs"]
    assert whole.score == pytest.approx(sum(part.recall for part in whole.parts.values()) / len(whole.parts))


def test_what_is_taken_away_lowers_the_part_that_it_is_of() -> None:
    whole = completeness(parse(LENDING))
    for old, new, part in (
        ("      preconditions: [reader exists],\n", "", "preconditions"),
        ("      postconditions: [loan is open, book is marked as lent],\n", "", "postconditions"),
        (",\n      errors: []", "", "errors"),
        ("a book twice", "twice", "scenario_methods"),
        ("[too many loans -> TooManyLoans]", "[much -> nothing]", "scenario_errors"),
        ("-> Loan {", "-> Lease {", "resolution"),
    ):
        assert old in LENDING
        text = LENDING.replace(old, new)
        if part.startswith("scenario"):  # said in other places, too
            text = text.replace("When lendBook is", "When it is").replace("[book is lent]", "[all is well]")
            text = text.replace("lending a book", "asking")
        less = completeness(parse(text))
        assert less.parts[part].recall < whole.parts[part].recall, part
        assert less.score < whole.score


def test_nothing_to_measure_is_no_completeness() -> None:
    assert completeness(parse("Type A {\n  b: int\n}")).score == 0.0
    assert completeness(parse(SCRIPT)).parts == {}


def test_a_prompt_asks_for_things_and_actions() -> None:
    things, actions = asked(
        "Design a service that lets readers borrow books and track an order of each reader"
    )
    assert set(things) == {"readers", "books", "order"}
    assert set(actions) == {"borrow", "track"}


def test_another_prompt_is_not_covered() -> None:
    program = parse(LENDING)
    own = completeness(program, "A library lends books to readers")
    other = completeness(program, "A hospital schedules surgeons and theatres")
    assert own.parts["entities"].recall > 0.6
    assert other.parts["entities"].recall == 0.0
