"""The language: what parses, what it means, what is refused and where; printing and parsing are inverses."""

from __future__ import annotations

import itertools
import json
import os
from functools import cache
from pathlib import Path

import llguidance
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bluebook.subjects.subject import ParseError
from bluebook.subjects.ue5.language import grammar, parse, parse_type, regions
from bluebook.subjects.ue5.printing import print_program, type_text
from bluebook.subjects.ue5.program import (
    MAX_DEPTH,
    DataWire,
    Entry,
    Fields,
    Literal,
    Node,
    Number,
    Param,
    PinName,
    Program,
    Text,
    Type,
    Variable,
    Word,
)
from tests.subjects.ue5.programs import DOOR, programs

LESSONS = Path(os.environ.get("BLUEBOOK_SHARED", "../shared")) / "corpora/ue5/lessons"


@given(programs)
def test_printing_and_parsing_are_inverses(program: Program) -> None:
    text = print_program(program)
    assert parse(text) == program
    assert print_program(parse(text)) == text


@given(
    st.text()
    | st.text('NODE n1:.->[]()",=\n#\\"EXCDATGRPHBLUI@<>é \t0', max_size=80).map("BLUEPRINT: A\n".__add__)
)
@example("BLUEPRINT: A\nGRAPH: E\nNODE n1: X [A=\x00]")
@example("BLUEPRINT: A\r\n\x0bGRAPH: E\u2028")
def test_any_other_text_is_refused_by_line_and_column(text: str) -> None:
    try:
        program = parse(text)
    except ParseError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert error.column >= 1
        assert error.expected and error.found
    else:
        assert parse(print_program(program)) == program


@given(st.binary(max_size=200))
def test_bytes_that_are_no_text_are_refused_too(raw: bytes) -> None:
    with pytest.raises(ParseError):
        parse(raw.decode("utf-8", "replace"))


@given(st.integers(0, len(DOOR) - 1), st.characters(exclude_categories=("Cs",)))
def test_a_damaged_program_parses_or_is_refused(at: int, letter: str) -> None:
    try:
        parse(DOOR[:at] + letter + DOOR[at + 1 :])
    except ParseError as error:
        assert error.line <= DOOR.count("\n") + 2


def test_what_lines_mean() -> None:
    program = parse(
        "BLUEPRINT: BP_A.Dsl\nPARENT: Character\nCATEGORY: Tools\nVAR Names: Array<String>\nGRAPH: G\n"
        'NODE n1: X [A=1.50, "B c"=(Pitch=0,Inner=(1,"two")), C=None] @(-3,40)\n'
        'VAR Late: Float = -2e3\nDATA n1."Array Element" -> n1.In [Array<Actor>]\nDATA 5 -> n1.Value\n'
        'COMMENT "a \\"b\\"\\n" @(0,1,2,3)\nPIN n1.P: out Map<Name,"/Game/T">'
    )
    nested = Fields(
        (
            Entry("Pitch", Number("0")),
            Entry("Inner", Fields((Entry(None, Number("1")), Entry(None, Text("two"))))),
        )
    )
    graph = program.graphs[0]
    assert (program.blueprint, program.parent, program.category) == ("BP_A.Dsl", "Character", "Tools")
    assert program.variables == [
        Variable("Names", Type("Array", (Type("String"),))),
        Variable("Late", Type("Float"), Number("-2e3")),
    ]
    params = Param("A", Number("1.50")), Param("B c", nested), Param("C", Word("None"))
    assert graph.nodes == [Node("n1", "X", params, (-3, 40))]
    assert graph.data == [
        DataWire(PinName("n1", "Array Element"), PinName("n1", "In"), Type("Array", (Type("Actor"),)))
    ]
    assert graph.literals == [Literal(Number("5"), PinName("n1", "Value"))]
    assert (graph.comments[0].text, graph.comments[0].box) == ('a "b"\n', (0, 1, 2, 3))
    assert (graph.pins[0].output, graph.pins[0].type) == (True, Type("Map", (Type("Name"), Type("/Game/T"))))


def test_both_dialects_say_the_same() -> None:
    loose = (
        "\ufeff\r\n# a lamp\r\n  BLUEPRINT: L\r\n\r\nGRAPH: G  # here\r\nVAR On: Bool\r\n\r\n"
        "NODE n1: Event_Tick\r\nDATA n2.Value->n3.Condition\r\nNODE n2: VariableGet[VarName = On]\r\n"
        "EXEC n1.Then -> n3.Execute\r\nNODE n3: Branch []\r\n\r\n"
    )
    tight = (
        "BLUEPRINT: L\nVAR On: Bool\nGRAPH: G\nNODE n1: Event_Tick\nNODE n2: VariableGet [VarName=On]\n"
        "NODE n3: Branch\nEXEC n1.Then -> n3.Execute\nDATA n2.Value -> n3.Condition"
    )
    assert parse(loose) == parse(tight)
    assert print_program(parse(loose)) == tight


def test_places_survive_blank_lines_and_comments() -> None:
    node = parse('# "\n\nBLUEPRINT: A\n\nGRAPH: "#" # it\n  NODE n7: X [Key="#"]').graphs[0].nodes[0]
    assert (node.place.line, node.place.column) == (6, 8)
    assert (node.params[0].place.line, node.params[0].place.column) == (6, 15)
    assert node.params[0].value == Text("#")


@pytest.mark.parametrize(
    ("text", "line", "column", "expected", "found"),
    [
        ("", 1, 1, "BLUEPRINT", "the end of the text"),
        ("BLUEPRINT: A", 1, 13, "a new line", "the end of the text"),
        ("PARENT: A", 1, 1, "BLUEPRINT", "PARENT"),
        ("BLUEPRINT: A\n\nNODE n1: B", 3, 1, "GRAPH", "NODE"),
        ("BLUEPRINT: A\nPARENT: B\n\nPARENT: C\nGRAPH: G", 4, 9, "one PARENT line", "a second one"),
        ("BLUEPRINT: A\nGRAPH: G\nNODE n1: Do It", 3, 13, "[", "It"),
        ("BLUEPRINT: A\nGRAPH: G\nNODE n1: X [a=1 b=2]", 3, 17, "]", "b"),
        ("BLUEPRINT: A\nGRAPH: G\nEXEC n1.Then > n2.Execute", 3, 14, "->", ">"),
        ('BLUEPRINT: A\nGRAPH: G\nNODE n1: "open', 3, 10, "a name", "open"),
        ("BLUEPRINT: A\nGRAPH: G\nEXEC n1.Then -> n2", 3, 19, ".", "the end of the text"),
    ],
)
def test_refusals_say_where_and_what(text: str, line: int, column: int, expected: str, found: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse(text)
    error = refused.value
    assert (error.line, error.column) == (line, column)
    assert expected in error.expected
    assert found in error.found


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("Array<", ">")])
def test_depth_is_bounded_and_not_by_the_stack(opening: str, closing: str) -> None:
    def text(depth: int) -> str:
        value = opening * depth + ("Int" if opening[0] == "A" else "1") + closing * depth
        return "BLUEPRINT: A\nGRAPH: G\n" + (
            f"PIN n.p: in {value}" if opening[0] == "A" else f"NODE n: X [v={value}]"
        )

    program = parse(text(MAX_DEPTH))
    assert parse(print_program(program)) == program
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(ParseError, match="nested"):
            parse(text(depth))


def test_types_stand_alone() -> None:
    text = 'Array<Object<"/Script/Engine.Actor">>'
    assert type_text(parse_type(text)) == text
    for wrong in ("", "Array<", "A B", "1"):
        with pytest.raises(ParseError):
            parse_type(wrong)


@cache
def _matcher() -> llguidance.LLMatcher:
    return llguidance.LLMatcher(llguidance.LLTokenizer("byte"), llguidance.grammar_from("lark", grammar()))


def accepted(text: str) -> bool:
    """Whether constrained decoding could have written `text`, byte by byte, and stopped there."""
    matcher, raw = _matcher().deep_copy(), list(text.encode())
    return matcher.validate_tokens(raw) == len(raw) and matcher.consume_tokens(raw) and matcher.is_accepting()


def test_the_decoder_compiles_the_grammar() -> None:
    assert llguidance.LLMatcher.validate_grammar(llguidance.grammar_from("lark", grammar())) == ""


@given(programs)
def test_the_decoder_accepts_what_the_printer_writes(program: Program) -> None:
    assert accepted(print_program(program))


@pytest.mark.parametrize(
    "text",
    [
        "BLUEPRINT: A",
        "GRAPH: G",
        f"{DOOR}\nNODE n9: Do It",
        f"{DOOR} [",
        "BLUEPRINT: A\nGRAPH: G\n\nNODE a: B",
    ],
)
def test_the_decoder_accepts_nothing_else(text: str) -> None:
    assert not accepted(text)


@pytest.mark.skipif(
    not LESSONS.is_dir(), reason=f"no {LESSONS}; set BLUEBOOK_SHARED to the folder that holds corpora/"
)
def test_every_lesson_parses_and_is_stable() -> None:
    texts = [
        prompt["expected_dsl"]
        for path in sorted(LESSONS.glob("*.json"))
        for prompt in json.loads(path.read_text("utf-8"))["prompts"]
    ]
    assert texts
    for text in texts:
        program = parse(text)
        assert parse(print_program(program)) == program
        assert accepted(print_program(program))


def test_regions_are_the_header_the_nodes_and_the_links() -> None:
    found = [(region.name, DOOR[region.start : region.end]) for region in regions(DOOR)]
    assert [name for name, _ in found] == ["header", "nodes", "links"]
    assert "".join(text for _, text in found) == DOOR
    assert found[1][1].startswith("NODE n1") and found[2][1].startswith("EXEC n1")


@given(programs)
def test_regions_cover_any_program_once(program: Program) -> None:
    text = print_program(program)
    found = regions(text)
    assert "".join(text[region.start : region.end] for region in found) == text
    assert all(region.start < region.end for region in found)
    assert all(a.name != b.name for a, b in itertools.pairwise(found))
