"""The diagram of a design: its boxes, its wires, and what only one of two has."""

from __future__ import annotations

from xml.etree import ElementTree

from bluebook.reports.pictures import figure
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.pictures import diagram, draw
from bluebook.subjects.subject import Picture
from tests.subjects.design.designs import LENDING, SCRIPT

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str, other: str) -> tuple[Picture, Picture]:
    (pair,) = draw(parse(text), parse(other))
    assert pair.expected is not None and pair.actual is not None
    return pair.expected, pair.actual


def test_components_and_tables_are_boxes_and_what_they_refer_to_wires() -> None:
    boxes, wires = diagram(parse(LENDING))
    assert {box.name for box in boxes} == {
        "Lending", "Reminding", "LoanDesk", "Clock", "MailService", "Books", "Loans",
    }  # fmt: skip
    assert {(wire.source, wire.target) for wire in wires} == {
        ("Lending", "Books"),
        ("Lending", "Loans"),
        ("Lending", "MailService"),
        ("LoanDesk", "Lending"),
        ("Loans", "Books"),
    }


def test_boxes_do_not_overlap() -> None:
    boxes, _ = diagram(parse(LENDING))
    for box in boxes:
        for other in boxes:
            apart = box.y + box.height <= other.y or other.y + other.height <= box.y
            assert box is other or box.x != other.x or apart


def test_what_one_side_lacks_is_marked_on_the_other() -> None:
    less = LENDING.replace("  dependencies: {lending: Lending},\n", "").replace(
        "Behavior Reminding", "Behavior Calling"
    )
    expected, actual = drawn(LENDING, less)
    assert expected.odd_nodes == ["Reminding"] and actual.odd_nodes == ["Calling"]
    assert list(expected.odd_wires) == [("LoanDesk", "", "Lending", "")] and not actual.odd_wires
    tree = ElementTree.fromstring(expected.svg)
    assert len(tree.findall(f"{SVG}g[@class='box odd']")) == 1
    assert len(tree.findall(f"{SVG}path[@class='odd']")) == 1
    assert len(tree.findall(f"{SVG}path")) == expected.wires == 5


def test_the_same_design_has_no_marks() -> None:
    expected, actual = drawn(LENDING, LENDING)
    assert expected == actual and "odd" not in expected.svg


def test_a_design_of_types_shows_its_types() -> None:
    boxes, wires = diagram(parse("Type A {\n  b: map<string, int>\n}\nType C {\n  d: A\n}"))
    assert [(box.name, box.rows) for box in boxes] == [("A", ["b: map<string, int>"]), ("C", ["d: A"])]
    assert wires == []


def test_a_script_is_no_diagram() -> None:
    assert draw(parse(SCRIPT), parse(SCRIPT)) == []


def test_words_are_escaped() -> None:
    text = "Type A {\n  b: \"<script>alert('&')</script>\"\n}"
    expected, _ = drawn(text, text)
    assert "<script>" not in expected.svg
    ElementTree.fromstring(expected.svg)


def test_a_page_shows_the_diagram_without_the_script() -> None:
    expected, _ = drawn(LENDING, LENDING)
    html = figure(expected, "expected")
    assert expected.svg in html and "data-graph" not in html and "nothing differs" in html
