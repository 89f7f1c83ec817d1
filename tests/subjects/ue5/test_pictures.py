"""Graphs as pictures: what is drawn, what is marked, what is refused."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook import cli
from bluebook.errors import BluebookError
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.comparison import compare_in_detail
from bluebook.subjects.ue5.differing import differences
from bluebook.subjects.ue5.generator import Generator
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.normalising import normalise
from bluebook.subjects.ue5.pictures import draw, gallery
from bluebook.subjects.ue5.program import Program
from bluebook.subjects.ue5.reading import parse_export
from bluebook.subjects.ue5.stats import counts
from tests.subjects.ue5.exports import FIXTURES, text_of
from tests.subjects.ue5.programs import DOOR, programs, renumbered

CATALOGUE = shipped()
SAMPLES = Path(__file__).parents[3] / "data/raw/ue5"

# Another node at the end, a wire at the other pin of the branch, no wire to the first node, another duration.
WRONG = (
    DOOR.replace("NODE n6: SetActorHiddenInGame [NewHidden=true]", "NODE n6: Delay [Duration=2]")
    .replace("EXEC n3.False -> n5.Execute", "EXEC n3.True -> n5.Execute")
    .replace("EXEC n3.True -> n4.Execute\n", "")
    .replace("Duration=4.5", "Duration=3")
)


@pytest.mark.parametrize("file", ["lamp", "collapsed", "legacy", "ue4", "tricky", "material"])
def test_an_export_is_drawn_whole(file: str) -> None:
    found = gallery(text_of(file).encode(), Path(f"{file}.txt"), CATALOGUE)
    counted = counts(parse_export(text_of(file).encode(), Path(f"{file}.txt")))
    first = found.pictures[0]
    assert (first.nodes, first.pins) == (counted["nodes"], counted["pins"])
    assert first.wires == counted["exec_links"] + counted["data_links"]
    # What is drawn has the same counts, and nothing that only a forgiving reader understands.
    drawn = counts(parse_export(first.text.encode(), Path("drawn")))
    assert drawn == counted | {"warnings": [], "dangling": 0, "one_sided": 0}


def test_damage_is_left_out_of_the_picture() -> None:
    whole = text_of("lamp")
    found = gallery(whole[: int(len(whole) * 0.7)].encode(), Path("a.txt"), CATALOGUE)
    assert found.warnings
    drawn = parse_export(found.pictures[0].text.encode(), Path("drawn"))
    assert drawn.warnings == []
    assert len(drawn.nodes) == found.pictures[0].nodes < 6


def test_what_a_node_collapses_is_a_picture_of_its_own() -> None:
    found = gallery(text_of("collapsed").encode(), Path("a.txt"), CATALOGUE)
    assert [picture.title for picture in found.pictures] == ["EventGraph", "Light all lamps"]
    assert found.title == "BP_Lamp"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_it_is_told_by_content_in_any_encoding_of_exports(encoding: str) -> None:
    raw = text_of("lamp").replace("\n", "\r\n").encode(encoding)
    assert gallery(raw, Path("a.bp"), CATALOGUE).pictures[0].nodes == 6


def test_a_text_in_the_language_is_laid_out() -> None:
    found = gallery(DOOR.encode(), Path("a.txt"), CATALOGUE)
    [picture] = found.pictures
    assert (found.title, picture.title, picture.nodes, picture.wires) == ("BP_Door", "EventGraph", 6, 5)
    drawn = parse_export(picture.text.encode(), Path("drawn"))
    assert len({node.position for node in drawn.nodes}) == 6
    assert counts(drawn)["pins"] == picture.pins


def test_every_graph_of_a_text_is_drawn() -> None:
    second = "\nGRAPH: Close\nNODE f1: FunctionEntry\nNODE f2: PrintString\nEXEC f1.Then -> f2.Execute"
    found = gallery((DOOR + second).encode(), Path("a.bp"), CATALOGUE)
    assert [(picture.title, picture.nodes) for picture in found.pictures] == [("EventGraph", 6), ("Close", 2)]
    assert found.unexpressed == []


def test_a_wire_to_nowhere_is_named() -> None:
    found = gallery(f"{DOOR}\nEXEC n6.Then -> n9.Execute".encode(), Path("a.bp"), CATALOGUE)
    assert found.pictures[0].wires == 5
    assert any("n9" in what for what in found.unexpressed)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"", "a.txt:1:"),
        (b'{"nodes": []}', "a.txt:1:"),
        (DOOR.replace("NODE n3: Branch", "NODE n3 Branch").encode(), "a.txt:7:"),
        (DOOR.encode().replace(b"already", b"alr\xffeady"), "a.txt:8:"),
        (b"Begin Map\nEnd Map", "a.txt:1:"),
        (b"\x00\x01\x02\xfe", "a.txt:1:"),
    ],
)
def test_anything_else_is_refused_with_its_place(raw: bytes, place: str) -> None:
    with pytest.raises(BluebookError, match=f"^{place}"):
        gallery(raw, Path("a.txt"), CATALOGUE)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_are_drawn_or_refused(raw: bytes) -> None:
    try:
        gallery(raw, Path("a.txt"), CATALOGUE)
    except BluebookError as error:
        assert str(error).startswith("a.txt")


def test_the_same_program_has_no_marks() -> None:
    other = renumbered(parse(DOOR), Random(3))
    [pair] = draw(parse(DOOR), other, CATALOGUE)
    for side in (pair.expected, pair.actual):
        assert side is not None
        assert (side.odd_nodes, side.odd_wires, side.odd_values) == ([], [], {})


def test_differences_are_marked_on_their_sides() -> None:
    [pair] = draw(parse(DOOR), parse(WRONG), CATALOGUE)
    assert pair.expected is not None
    assert pair.actual is not None
    assert [name.rsplit("_", 1)[0] for name in pair.expected.odd_nodes] == ["K2Node_CallFunction"]
    assert (len(pair.expected.odd_wires), len(pair.actual.odd_wires)) == (3, 2)
    assert list(pair.expected.odd_values.values()) == ["Duration = 4.5"]
    assert list(pair.actual.odd_values.values()) == ["Duration = 3.0"]
    for side in (pair.expected, pair.actual):
        ends = {(wire[0], wire[1]) for wire in side.odd_wires} | {
            (wire[2], wire[3]) for wire in side.odd_wires
        }
        drawn = parse_export(side.text.encode(), Path("drawn"))
        assert ends <= {(node.name, pin.id) for node in drawn.nodes for pin in node.pins}
        assert {*side.odd_nodes, *side.odd_values} <= {node.name for node in drawn.nodes}


def test_a_graph_that_one_side_lacks_has_no_picture() -> None:
    second = f"{DOOR}\nGRAPH: Close\nNODE f1: PrintString"
    assert [pair.actual is None for pair in draw(parse(second), parse(DOOR), CATALOGUE)] == [False, True]
    assert [pair.expected is None for pair in draw(parse(DOOR), parse(second), CATALOGUE)] == [False, True]


def _agrees_with_the_comparison(expected: Program, actual: Program) -> None:
    errors = Counter(error.category for error in compare_in_detail(expected, actual, CATALOGUE).errors)
    sides = differences(normalise(expected, CATALOGUE), normalise(actual, CATALOGUE))
    assert sum(len(odd.nodes) for odd, _ in sides) == errors["missing_node"]
    missing = errors["missing_exec"] + errors["missing_data"] + errors["wrong_pin"]
    assert sum(len(odd.wires) for odd, _ in sides) == missing


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_what_is_marked_is_what_the_comparison_counts(seed: int, cut: int) -> None:
    rng = Random(seed)
    one = parse(Generator(CATALOGUE).generate(["Branch", "Delay"], rng).response)
    _agrees_with_the_comparison(one, renumbered(one, rng))
    other = renumbered(one, rng)
    graph = other.graphs[0]
    del graph.nodes[-cut:], graph.exec[:cut], graph.data[-1:]
    _agrees_with_the_comparison(one, other)
    _agrees_with_the_comparison(other, one)


@settings(deadline=None, max_examples=15)
@given(programs, programs)
def test_any_two_programs_can_be_drawn(one: Program, other: Program) -> None:
    for pair in draw(one, other, CATALOGUE):
        assert pair.expected is not None or pair.actual is not None


def test_the_verb_writes_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, page = tmp_path / "door.bp", tmp_path / "pages/door.html"
    file.write_text(f"{DOOR}\n")

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["bluebook", "ue5", "picture", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    assert run(str(file), "-o", str(page)) == 0
    first = page.read_bytes()
    assert b"<title>BP_Door</title>" in first
    assert run(str(file), "-o", str(page)) == 0
    assert page.read_bytes() == first
    file.write_text("NODE n1: Branch")
    assert run(str(file), "-o", str(page)) == 1
    assert page.read_bytes() == first
    assert [each.name for each in page.parent.iterdir()] == ["door.html"]


def test_without_a_name_the_page_stands_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lamp.txt"
    file.write_bytes((FIXTURES / "lamp.txt").read_bytes())
    monkeypatch.setattr(sys, "argv", ["bluebook", "ue5", "picture", str(file)])
    with pytest.raises(SystemExit):
        cli.main()
    assert b"BP_Lamp" in (tmp_path / "lamp.html").read_bytes()
