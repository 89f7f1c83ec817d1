"""What is read, what is refused and where, and what a text is classified as."""

from __future__ import annotations

import pytest

from bluebook.subjects.design.language import classify, parse, regions
from bluebook.subjects.design.printing import print_program
from bluebook.subjects.design.program import (
    MAX_DEPTH,
    Array,
    Element,
    Expression,
    Field,
    Flow,
    Found,
    List,
    Literal,
    Method,
    Named,
    Object,
    Optional,
    Prose,
    Step,
    Text,
    Union,
    elements,
    methods,
)
from bluebook.subjects.subject import ParseError
from tests.subjects.design.designs import EXTENDED, LENDING, RESPONSE, SCRIPT


def only(text: str) -> Element:
    (element,) = parse(text).items
    assert isinstance(element, Element)
    return element


def value(text: str) -> object:
    field = only(f"Thing A {{\n  key: {text}\n}}").members[0]
    assert isinstance(field, Field)
    return field.value


def test_every_kind_of_element_is_read() -> None:
    kinds = {element.kind for element in elements(parse(LENDING))}
    assert kinds >= {
        "Service", "Database", "Table", "Relationships", "Type", "Operation", "Transaction", "Migration",
        "Validation", "Behavior", "Algorithm", "Component", "Scenario", "Test", "Module",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("string", Named("string")),
        ("Book[]", Array(Named("Book"))),
        ("Book[][]?", Optional(Array(Array(Named("Book"))))),
        ("array[Book]", Array(Named("Book"))),
        ("map<string, Book[]>", Named("map", (Named("string"), Array(Named("Book"))))),
        ("Book | null", Union((Named("Book"), Named("null")))),
        ("param.id", Named("param.id")),
        ("now()", Expression("now()")),
        ("stock  +  param.change", Expression("stock + param.change")),
        ("param.x || 1", Expression("param.x || 1")),
        ("-3.5e2", Literal("-3.5e2")),
        ("true", Literal("true")),
        ('"a \\" } b"', Text('a \\" } b')),
        (
            '[valid user, x -> y, 1, "t"]',
            List((Prose("valid user"), Prose("x -> y"), Literal("1"), Text("t"))),
        ),
        ("[returns f(a, b) or {c}]", List((Prose("returns f(a, b) or {c}"),))),
        ("{a: 1, b: {}}", Object((Field("a", Literal("1")), Field("b", Object())))),
        ("Store found in `a/b.bp`", Found("a/b.bp", "Store")),
        ("http://a.b/c", Expression("http://a.b/c")),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert value(text) == expected


def test_methods_have_contracts() -> None:
    lend, find = methods(next(elements(parse(LENDING))))
    assert (lend.name, lend.returns, len(lend.parameters)) == ("lendBook", Named("Loan"), 3)
    assert lend.parameters[2].default == "14"
    errors = lend.field("errors")
    assert errors is not None and errors.value == List((Prose("BookLent"), Prose("TooManyLoans")))
    assert find.returns == Array(Named("Loan"))


def test_methods_stand_in_lists_too_and_other_items_stay_prose() -> None:
    element = only("Module M {\n  functions: [get(id: int) -> T | null, now(), is(a) or b]\n}")
    value = element.members[0].value  # type: ignore[union-attr]
    assert [type(item) for item in value.items] == [Method, Prose, Prose]


def test_steps_stand_in_one_line_or_several() -> None:
    scenario = only("Scenario a b {\n  Given x, y and z,\n  When it runs.\n  Then done, at once.\n}")
    assert scenario.name == "a b"
    steps = [(step.word, step.text) for step in scenario.members if isinstance(step, Step)]
    assert steps == [("Given", "x, y and z"), ("When", "it runs"), ("Then", "done, at once")]


def test_comments_and_line_ends_say_nothing() -> None:
    plain = "Type A {\n  b: int,\n  c: string\n}"
    other = "// first\nType A // an A\n{ /* two\nlines */\r\n  b: int // no comma\n\n  c: string,\n}\n// last"
    assert parse(plain) == parse(other)


def test_scripts_are_statements_and_flow() -> None:
    program = parse(SCRIPT)
    flow = program.items[1]
    assert isinstance(flow, Flow) and len(flow.branches) == 1 and flow.otherwise is not None
    assert classify(SCRIPT).profile == "script"


def test_a_script_with_an_element_is_more_than_a_script() -> None:
    assert classify(SCRIPT + "\nType A {\n  b: int\n}").profile == "core"


@pytest.mark.parametrize("name", EXTENDED)
def test_extensions_are_named(name: str) -> None:
    found = classify(EXTENDED[name])
    assert (found.profile, found.extensions) == ("extended", (name,))


def test_the_written_specification_is_the_core() -> None:
    assert classify(LENDING).profile == "core"


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("", 1, 1, "an element or a statement"),
        ("// nothing", 1, 11, "an element or a statement"),
        ("Just words.", 1, 11, "`{`"),
        ("words alone", 1, 6, "`=` or `(`"),
        ("Service {\n}", 1, 9, "a name"),
        ("Service A\n  b: int\n}", 1, 10, "`{`"),
        ("Type Validation X {\n}", 1, 17, "`{`"),
        ("Type A {\n  b int\n}", 2, 4, "`:` or `(`"),
        ("Type A {\n  b: int c: int\n}", 2, 10, "`,`"),
        ("Type A {\n  b:\n  c: int\n}", 2, 5, "a value"),
        ("Type A {\n  b: \"x\n}", 2, 6, "closing"),
        ("Type A {\n  b: {c: 1 d: 2}\n}", 2, 12, "`,`"),
        ('Type A {\n  b: ["x" "y"]\n}', 2, 11, "`,`"),
        ("Type A {\n  b: [[1,2]=3]\n}", 2, 12, "`,` or `]`"),
        ('Type A {\n  b: {"x", 1}\n}', 2, 10, "`:`"),
        ("Type A {\n  b: {x LIKE y}\n}", 2, 8, "`:` or `(`"),
        ("Service A {\n  f(a: int b: int) -> int\n}", 2, 12, "`,` or `)`"),
        ("Service A {\n  f(a: int) int {\n  }\n}", 2, 13, "`->`"),
        ("Service A {\n  f/g(a: int) -> int\n}", 2, 4, "`:` or `(`"),
        ("Service A {\n  f: [a, b] g: [c]\n}", 2, 13, "`,` or a new line"),
        ("Scenario a {\n  Preconditions [x]\n}", 2, 16, "`:`"),
        ("X = 3 +", 1, 8, "a value"),
        ("if (a {\n  b = 1\n}", 1, 8, "`)`"),
    ],
)  # fmt: skip
def test_errors_say_where_and_what_was_expected(text: str, line: int, column: int, expected: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    error = caught.value
    assert (error.line, error.column) == (line, column), error
    assert expected in error.expected
    assert error.found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Service A {\n  b: {\n    c: 1\n\n  d: 2\n}\n", 4),  # the closing brace of b
        ("Service A {\n  f() -> int\n    errors: [x]\n  },\n  g() -> int\n}\n", 2),  # the opening one of f
        ("Type A {\n  b: {c: 1,\n  d: 2\n}\nType B {\n  e: 1\n}\n", 2),
        ("Type A {\n  b: [x, y,\n  c: [z]\n}\n", 2),
        ("Type A {\n  b: {\n    c: 1\n  ]\n}\n", 4),
        ("Type A {\n  b: 1\n}\n}\n", 4),
        ("Type A {\n  b: 1\n\nType B {\n  c: 1\n}\n", 3),
        ("Type A {\n  b: c: 1},\n  d: 2\n}\n", 2),
    ],
)
def test_layout_says_where_a_bracket_is_missing(text: str, line: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.line == line, caught.value


DEEP = {
    "objects": ("Type A { b: ", "{b: ", "1", "}", " }"),
    "lists": ("Type A { b: ", "[", "1", "]", " }"),
    "elements": ("", "Type A { ", "b: 1", " }", ""),
    "types": ("Type A { b: ", "map<", "int", ">", " }"),
    "groups": ("Type A { b: ", "(", "int", ")", " }"),
    "calls": ("x = ", "f(", "1", ")", ""),
    "flow": ("", "if (a) { ", "b = 1", " }", ""),
    "methods": ("Module M { functions: ", "[f(a: int) -> int { x: ", "1", "}]", " }"),
    "options": ("Type A { b: ", "{b: ", "1", "} | x", " }"),
    "suffixes": ("Type A { b: int", "[]", "", "", " }"),
    "braces": ("Test t { ", "{", "x", "}", " }"),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_text_is_read_or_refused_and_nothing_breaks(name: str) -> None:
    before, opening, inside, closing, after = DEEP[name]

    def nested(depth: int) -> str:
        return before + opening * depth + inside + closing * depth + after

    program = parse(nested(MAX_DEPTH // 3))
    assert parse(print_program(program)) == program
    with pytest.raises(ParseError, match="brackets within one another"):
        parse(nested(20_000))


def test_a_long_chain_is_no_depth() -> None:
    chain = "if (a) {\n  b = 1\n}" + " else if (c) {\n  d = 1\n}" * 5_000
    program = parse(chain)
    assert parse(print_program(program)) == program


def test_a_response_has_two_parts() -> None:
    program = parse(RESPONSE)
    assert program.thinking is not None
    assert [section.heading for section in program.thinking] == [
        "PROBLEM UNDERSTANDING",
        "STRATEGIC APPROACH",
        "DESIGN PREPARATION",
    ]
    assert program.thinking[2].points == ("Core operations: lendBook, findLoans", "Tables: Books, Loans")
    assert program.items == parse(LENDING).items
    assert parse(LENDING).thinking is None


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("<thinking>\nA\n", 3, "`</thinking>`"),
        ("<thinking>\nA\n</thinking>\n", 4, "`<blueprint>`"),
        ("<thinking>\nA\n</thinking>\nSo:\n<blueprint>\nX = 1\n</blueprint>", 4, "`<blueprint>`"),
        ("<blueprint>\nX = 1\n", 3, "`</blueprint>`"),
        ("<blueprint>\nX = 1\n</blueprint>\nThat is all.", 4, "nothing behind"),
        ("<blueprint>\n</blueprint>", 2, "an element or a statement"),
        ("<thinking>\n</thinking>\n<blueprint>\nType A {\n  b int\n}\n</blueprint>", 5, "`:`"),
    ],
)
def test_a_part_that_is_missing_is_named(text: str, line: int, expected: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.line == line
    assert expected in caught.value.expected


def test_tags_inside_strings_are_text() -> None:
    program = parse('<blueprint>\nType A {\n  b: "</blueprint>"\n}\n</blueprint>')
    assert program.items == parse('Type A {\n  b: "</blueprint>"\n}').items


def test_regions_are_the_two_parts() -> None:
    parts = regions(RESPONSE)
    assert [part.name for part in parts] == ["thinking", "blueprint"]
    assert RESPONSE[parts[0].start : parts[0].end].endswith("</thinking>")
    assert parts[0].end == parts[1].start and parts[1].end == len(RESPONSE)
    assert [part.name for part in regions(LENDING)] == ["blueprint"]
    assert regions("") == []
