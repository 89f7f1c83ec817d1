"""Damaged exports: what survives is read, what is odd is said with its line, nothing else is ever raised."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.subjects.ue5.export import ExportError, ExportGraph
from bluebook.subjects.ue5.stats import counts
from tests.subjects.ue5.exports import FIXTURES, block, chain, fixture, parse, pin, shape, text_of

TEXTS = [file.read_text("utf-8") for file in sorted(FIXTURES.glob("*.txt"))]


def codes(graph: ExportGraph) -> list[tuple[int, str]]:
    return [(warning.line, warning.code) for warning in graph.warnings]


@pytest.mark.parametrize(
    "encode",
    [
        partial(str.encode, encoding="utf-8-sig"),
        partial(str.encode, encoding="utf-16"),
        partial(str.encode, encoding="utf-16-le"),
        partial(str.encode, encoding="utf-16-be"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.encode() + b"\0\0\0",
        lambda text: text.replace("Object", "Obj\0ect").encode(),
    ],
)
@pytest.mark.parametrize("name", ["lamp", "tricky", "legacy"])
def test_encodings_change_nothing(name: str, encode: Callable[[str], bytes]) -> None:
    assert shape(parse(encode(text_of(name)))) == shape(fixture(name))


def test_unusual_encodings_are_reported_and_usual_ones_are_not() -> None:
    lamp = text_of("lamp")
    assert codes(parse(lamp.encode("utf-16"))) == [(1, "encoding")]
    assert codes(parse(lamp.replace("NodePosX", "\0NodePosX", 1))) == [(4, "encoding")]
    assert codes(parse(lamp.replace("\n", "\r\n").encode("utf-8-sig"))) == []
    german = lamp.replace("Lamp lit", "Öl für die Lampe")
    assert codes(parse(german)) == []
    line = german[: german.index("Öl")].count("\n") + 1
    assert codes(parse(german.encode("cp1252"))) == [(line, "encoding")]
    assert parse(german.encode("cp1252")).nodes[4].pins[3].default == "Öl für die Lampe, at last"


def test_files_with_a_byte_order_mark_each_may_be_put_together() -> None:
    one, two = (block(name, pin(1, "then")).encode("utf-8-sig") for name in "AB")
    graph = parse(one + two)
    assert [node.name for node in graph.nodes] == ["A", "B"] and graph.warnings == []


def test_one_bad_byte_spoils_its_own_line_only() -> None:
    text = block("A", '   NodeComment="Möwe"', '   Other="Ä!"', pin(1, "then"))
    graph = parse(text.encode().replace("Ä".encode(), b"\xc4"))
    assert graph.nodes[0].comment == "Möwe"
    assert graph.nodes[0].get("Other") == '"Ä!"'


def lines_without(name: str, pattern: str, which: int = 0) -> tuple[str, int]:
    """The fixture without the line that the pattern finds, and that line's number."""
    lines = text_of(name).split("\n")
    number = [at for at, line in enumerate(lines) if re.match(pattern, line)][which]
    return "\n".join(lines[:number] + lines[number + 1 :]), number + 1


@pytest.mark.parametrize("which", range(6))
def test_a_lost_end_costs_a_warning_and_nothing_else(which: int) -> None:
    damaged, line = lines_without("lamp", "End Object", which)
    graph = parse(damaged)
    assert shape(graph) == shape(fixture("lamp"))
    [warning] = graph.warnings
    assert (warning.code, warning.line) == ("damage", line)


@pytest.mark.parametrize("which", range(6))
def test_a_lost_end_costs_no_node_where_the_indentation_is_lost_too(which: int) -> None:
    damaged, line = lines_without("lamp", "End Object", which)
    flat = "\n".join(text.strip() for text in damaged.split("\n"))
    graph = parse(flat)
    assert shape(graph) == shape(fixture("lamp"))
    assert [(warning.code, warning.line) for warning in graph.warnings] == [("damage", line)]


def test_a_paste_that_is_indented_loses_no_node_after_a_lost_end() -> None:
    deep = "\n".join("      " + line for line in block("B", pin(2, "execute")).split("\n"))
    graph = parse(block("A", pin(1, "then", out=True)).replace("End Object\n", "") + deep)
    assert [node.name for node in graph.nodes] == ["A", "B"]
    assert [code for _, code in codes(graph)] == ["damage"]


def test_a_lost_inner_end_leaves_the_next_node_whole() -> None:
    damaged, _ = lines_without("legacy", "   End Object", 1)
    graph = parse(damaged)
    assert [node.name for node in graph.nodes] == ["K2Node_InputKey_2", "K2Node_Delay_7"]
    assert "damage" in [code for _, code in codes(graph)]


def test_a_lost_inner_begin_leaves_the_outer_node_open() -> None:
    damaged, _ = lines_without("legacy", '   Begin Object Name="EdGraphPin_11"')
    graph = parse(damaged)
    assert graph.nodes[0].get("InputKey") == "F"
    assert "damage" in [code for _, code in codes(graph)]


def test_a_lost_begin_loses_that_node() -> None:
    damaged, line = lines_without("lamp", "Begin Object", 2)
    graph = parse(damaged)
    assert len(graph.nodes) == 5
    assert codes(graph)[0] == (line, "stray-text")
    assert {code for _, code in codes(graph)} == {"stray-text", "damage", "dangling"}


@pytest.mark.parametrize("cut", range(500, 12_000, 613))
def test_a_truncated_export_keeps_the_nodes_before_the_cut(cut: int) -> None:
    whole, graph = fixture("lamp"), parse(text_of("lamp")[:cut])
    complete = text_of("lamp")[:cut].count("\nEnd Object\n")
    assert shape(graph)[:complete] == shape(whole)[:complete]
    assert graph.warnings


def test_a_paste_inside_a_line_ends_what_was_open() -> None:
    first, second = block("A", pin(1, "then", out=True)), block("B", pin(2, "execute"))
    graph = parse(first.replace("PinType", second + "PinType", 1) + block("C", pin(3, "execute")))
    assert "C" in [node.name for node in graph.nodes]
    assert (2, "damage") in codes(graph)
    glued = parse(block("A", f"   CommentDepth=-2{second}", pin(1, "then")))
    assert codes(glued)[0] == (2, "damage")


def test_a_string_may_hold_a_line_break_and_a_lost_quote_ends_at_the_next_block() -> None:
    graph = parse(block("A", '   NodeComment="one', 'two"', "   NodePosX=16", pin(1, "then")))
    assert graph.nodes[0].comment == "one\ntwo" and graph.nodes[0].position == (16, 0)
    assert graph.warnings == []
    lost = parse(
        block("A", '   NodeComment="one', "   NodePosX=16", pin(1, "then")) + block("B", pin(2, "x"))
    )
    assert [len(node.pins) for node in lost.nodes] == [1, 1]
    assert codes(lost) == [(2, "damage")]


def test_a_pin_that_never_closes_keeps_its_fields() -> None:
    cut = pin(1, "then", "B 2", out=True).replace("bHidden=False,)", "bHid")
    graph = parse(block("A", cut) + block("B", pin(2, "execute", "A 1")))
    assert counts(graph)["exec_links"] == 1
    assert codes(graph) == [(2, "damage")]


def test_a_lost_quote_hides_no_later_field() -> None:
    broken = pin(1, "then", "B 2", out=True).replace('"then"', 'then"')
    graph = parse(block("A", broken) + block("B", pin(2, "execute", "A 1")))
    assert counts(graph)["exec_links"] == 1


def test_text_around_an_export_is_left_out_and_reported() -> None:
    graph = parse("Look at this graph:\n\n" + chain(2) + "Thanks!\nYours\n")
    assert len(graph.nodes) == 2
    assert codes(graph) == [(1, "stray-text"), (11, "stray-text")]


def test_the_class_of_a_lost_declaration_is_in_the_path() -> None:
    path = "/Script/BlueprintGraph.K2Node_Knot'/Game/A.A:EventGraph.K2Node_Knot_0'"
    graph = parse(
        f'Begin Object Name="K2Node_Knot_0" ExportPath="{path}"\n{pin(1, "InputPin")}\nEnd Object\n'
    )
    assert counts(graph)["knots"] == 1


@pytest.mark.parametrize(
    "lines",
    [
        ['   CustomProperties Pin (PinId=AA,PinName="' + '\\"' * 200_000],
        ["   CustomProperties Pin (PinId=AA," + "(" * 200_000],
        ["   CustomProperties Pin (PinId=AA,LinkedTo=(" + "B CC," * 50_000 + "),)"],
        ['   NodeComment="open', *["   x=1"] * 50_000],
        ["   a" + " " * 200_000 + "b", '   "' + "a" * 200_000],
        ["Begin Object " + "a" * 200_000, "Begin Object " + 'a="\\' * 50_000],
    ],
)
def test_hostile_lines_take_no_more_than_linear_time(lines: list[str]) -> None:
    # Anything quadratic would take minutes here.
    assert parse(block("A", *lines, pin(7, "then"))).nodes


def judge(raw: bytes) -> None:
    """The one clear refusal, or counts with a line in each warning."""
    try:
        graph = parse(raw)
    except ExportError as refused:
        assert re.match(r"paste\.txt:\d+: .", str(refused))
        assert refused.kind
    else:
        last = len(re.split(rb"\r\n|\r|\n", raw)) * 2 + 1
        assert all(0 < warning.line <= last and warning.text for warning in graph.warnings)
        assert graph.nodes
        for node in graph.nodes:
            for one in node.pins:
                assert (one.name, one.title, one.linked_to, one.type_object) is not None


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes(raw: bytes) -> None:
    judge(raw)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["Begin Object", "End Object", "CustomProperties Pin (", *'"()=,\\\n\r\0 ', "A 1", "x"]
        )
    )
)
def test_random_words_of_the_format(words: list[str]) -> None:
    judge("".join(words).encode())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutations(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(TEXTS)).encode()
    for _ in range(data.draw(st.integers(1, 3))):
        raw = mutated(raw, data)
    judge(raw)


def mutated(raw: bytes, data: st.DataObject) -> bytes:
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(raw))] * 2)))
    lines = raw.split(b"\n")
    first = data.draw(st.integers(0, len(lines)))
    match data.draw(st.integers(0, 7)):
        case 0:
            return raw[:stop]
        case 1:
            return raw[:start] + data.draw(st.sampled_from(TEXTS)).encode() + raw[start:]
        case 2:
            return raw[:start] + raw[stop:]
        case 3:
            return b"\n".join(lines[:first] + lines[first + data.draw(st.integers(1, 5)) :])
        case 4:
            return raw[:start] + data.draw(st.binary(max_size=4)) + raw[start + 1 :]
        case 5:
            return raw.decode("latin-1").encode(
                data.draw(st.sampled_from(["utf-16", "utf-16-be", "utf-8-sig"]))
            )
        case 6:
            return raw.replace(b"\n", data.draw(st.sampled_from([b"\r\n", b"\r", b"\0\n"])))
        case _:
            return (
                raw[:start] + data.draw(st.sampled_from([b"\0", b"\xff\xfe", b"\xef\xbb\xbf"])) + raw[start:]
            )
