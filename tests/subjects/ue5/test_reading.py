"""What well-formed exports say, and which inputs are refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bluebook.subjects.ue5.export import ExportError, PinReference
from bluebook.subjects.ue5.reading import inner_graphs, read_export
from bluebook.subjects.ue5.stats import counts
from tests.subjects.ue5.exports import FIXTURES, block, chain, fixture, links_by_name, parse, pin, text_of

# name: kind, nodes, comments, knots, pins, exec links, data links, dangling, one-sided
COUNTS = {
    "lamp": ("k2", 6, 1, 1, 15, 3, 1, 0, 0),
    "tricky": ("k2", 5, 0, 0, 21, 2, 4, 2, 1),
    "ue4": ("k2", 2, 0, 0, 7, 1, 1, 0, 0),
    "legacy": ("k2", 2, 0, 0, 4, 1, 0, 1, 0),
    "collapsed": ("k2", 2, 0, 0, 3, 1, 0, 0, 0),
    "montage": ("mixed:k2+anim", 2, 0, 0, 4, 1, 0, 0, 0),
    "animation": ("anim", 2, 0, 0, 2, 0, 1, 0, 0),
    "material": ("material", 3, 1, 0, 2, 0, 1, 0, 0),
    "niagara": ("niagara", 2, 0, 0, 2, 0, 1, 0, 0),
    "pcg": ("pcg", 2, 0, 0, 2, 0, 1, 0, 0),
}
REFUSED = {
    "controlrig": ("rigvm", 1),
    "behaviortree": ("behaviortree", 1),
    "widget": ("widget", 1),
    "level": ("level", 1),
    "soundcue": ("unknown", 1),
    "component": ("unknown", 1),
    "asset": ("unknown", 1),
}


def test_every_fixture_has_its_expectation() -> None:
    assert {file.stem for file in FIXTURES.glob("*.txt")} == COUNTS.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    found = counts(fixture(name))
    found.pop("warnings")
    assert tuple(found.values()) == COUNTS[name]


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_blueprint_pins_is_named_and_refused(name: str) -> None:
    kind, line = REFUSED[name]
    with pytest.raises(ExportError, match=rf"{name}\.txt:{line}: ") as refused:
        fixture(name)
    assert refused.value.kind == kind


@pytest.mark.parametrize(
    "raw", [b"", b"\n\n", b"Ahoy, (no graph", b"\x00\xff\xfe\x9c", "Bootsmannsmaat ü".encode()]
)
def test_an_input_without_objects_is_refused(raw: bytes) -> None:
    with pytest.raises(ExportError, match=r"paste\.txt:1: ") as refused:
        parse(raw)
    assert refused.value.kind == "unknown"


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="gone"):
        read_export(tmp_path / "gone.txt")


def test_clean_exports_have_no_warnings() -> None:
    for name in ("lamp", "ue4", "collapsed", "material", "pcg"):
        assert fixture(name).warnings == []


def test_each_warning_has_its_line() -> None:
    lines = text_of("tricky").split("\n")
    told = [(warning.code, lines[warning.line - 1]) for warning in fixture("tricky").warnings]
    assert [code for code, _ in told] == ["dangling", "one-sided", "dangling"]
    assert 'PinName="execute"' in told[0][1]
    assert 'PinName="Buoys"' in told[1][1]
    assert 'PinName="[1]"' in told[2][1]
    assert [(one.code, one.line) for one in fixture("montage").warnings] == [("mixed-kinds", 6)]


def test_links_run_from_output_to_input_whichever_end_comes_first() -> None:
    assert links_by_name(fixture("lamp")) == [
        "K2Node_Event_0.then -> K2Node_Knot_0.InputPin",
        "K2Node_IfThenElse_0.then -> K2Node_CallFunction_0.execute",
        "K2Node_Knot_0.OutputPin -> K2Node_IfThenElse_0.execute",
        "K2Node_VariableGet_0.bLit -> K2Node_IfThenElse_0.Condition",
    ]
    backwards = "".join(f"Begin Object{part}" for part in reversed(text_of("lamp").split("Begin Object")[1:]))
    assert links_by_name(parse(backwards)) == links_by_name(fixture("lamp"))


def test_strings_hide_quotes_brackets_and_field_names() -> None:
    graph = fixture("tricky")
    call = graph.nodes[1]
    execute, _, measure, other, where = call.pins[:5]
    assert execute.category == "exec" and other.category == "real"
    assert 'said "LinkedTo=(K2Node' in execute.value("PinToolTip")
    assert execute.value("PinToolTip").endswith("and (unclosed")
    assert (measure.name, measure.title) == ("A (m)", 'A ("m"), or so')
    assert other.linked_to == [] and other.default == "1.5"[:3] + "00000"
    assert where.sub_pins == [PinReference(call.name, call.pins[place].id) for place in (5, 6)]
    assert call.pins[5].parent == PinReference(call.name, where.id)
    assert where.hidden and not execute.hidden
    assert graph.nodes[0].get("CustomFunctionName") == '"Tide, (high)"'


def test_names_and_ids_are_matched_without_regard_to_capitals() -> None:
    assert "K2Node_CustomEvent_0.then -> K2Node_CallFunction_1.execute" in links_by_name(fixture("tricky"))


def test_properties_quoted_or_not_with_places() -> None:
    call = fixture("tricky").nodes[1]
    assert call.get("FunctionReference").endswith('MemberName="Add (checked)")')
    assert call.get("ErrorType") == "1" and call.get("Nothing") == ""
    node = parse(block("A", '   EnumEntries(0)="Low"', '   EnumEntries(2)="High"', "   NodePosX=-64")).nodes[
        0
    ]
    assert [(one.key, one.place) for one in node.properties] == [
        ("EnumEntries", 0),
        ("EnumEntries", 2),
        ("NodePosX", None),
    ]
    assert node.values("EnumEntries") == ['"Low"', '"High"']
    assert node.position == (-64, 0)


def test_pin_types() -> None:
    variable = fixture("tricky").nodes[2]
    assert [one.container for one in variable.pins] == ["", "", "Array", "Set", "Map"]
    delegate = fixture("tricky").nodes[0].pins[0]
    assert (delegate.category, delegate.is_output) == ("delegate", True)
    assert fixture("lamp").nodes[4].pins[4].subcategory == "double"


def test_both_spellings_of_an_object() -> None:
    new = fixture("tricky").nodes[1].pins[4].type_object
    old = fixture("tricky").nodes[1].pins[7].type_object
    assert new == ("/Script/CoreUObject.ScriptStruct", "/Script/CoreUObject.Vector")
    assert old == ("ScriptStruct", "/Script/CoreUObject.Vector")
    assert fixture("lamp").nodes[0].pins[0].type_object is None
    assert fixture("montage").nodes[1].pins[2].default_object == ("", "/Game/Crew/AM_Wave.AM_Wave")


def test_user_defined_pins_are_no_pins() -> None:
    event = fixture("tricky").nodes[0]
    assert len(event.pins) == 3
    [added] = event.user_pins
    assert added["PinName"] == '"Water Level"' and added["DesiredPinDirection"] == "EGPD_Output"
    assert "CustomProperties UserDefinedPin" not in [one.key for one in event.properties]


def test_where_a_graph_came_from_and_its_comment() -> None:
    graph = fixture("lamp")
    assert graph.nodes[0].graph_path == "/Game/Harbour/BP_Lamp.BP_Lamp:EventGraph"
    assert fixture("ue4").nodes[0].graph_path == ""
    assert graph.nodes[5].comment == 'Light the "old" lamp\nat dusk'


def test_legacy_pins_are_read_as_pins() -> None:
    key, delay = fixture("legacy").nodes
    assert links_by_name(fixture("legacy")) == ["K2Node_InputKey_2.Pressed -> K2Node_Delay_7.execute"]
    assert [one.category for one in key.pins + delay.pins] == ["exec", "struct", "exec", "float"]
    assert delay.pins[1].default == "0.2"
    assert key.pins[1].type_object == ("ScriptStruct", "/Script/InputCore.Key")
    assert key.children == []


def test_a_collapsed_graph_is_inside_its_node() -> None:
    graph = fixture("collapsed")
    [(owner, inner)] = inner_graphs(graph.nodes[1], graph.path)
    assert owner.name == "Light all lamps"
    assert links_by_name(inner) == [
        "K2Node_CallFunction_9.then -> K2Node_Tunnel_1.then",
        "K2Node_Tunnel_0.execute -> K2Node_CallFunction_9.execute",
    ]
    assert inner.warnings == []
    assert list(inner_graphs(graph.nodes[0], graph.path)) == []


def test_comment_boxes_alone_are_a_graph() -> None:
    graph = parse(block("C", '   NodeComment="Sea"', kind="EdGraphNode_Comment"))
    assert (graph.kind, graph.nodes[0].is_comment) == ("k2", True)


def test_objects_beside_the_nodes_are_kept_apart() -> None:
    graph = parse(block("A", pin(1, "then")) + block("Lamp", "   Intensity=3", kind="PointLight"))
    assert [node.name for node in graph.nodes] == ["A"]
    assert [node.name for node in graph.others] == ["Lamp"]


def test_a_link_counts_once_and_a_link_to_itself_leads_nowhere() -> None:
    graph = parse(
        block("A", pin(1, "then", "B 2", "B 2", "A 1", out=True)) + block("B", pin(2, "execute", "A 1"))
    )
    assert len(graph.links) == 1 and graph.links[0].mutual
    assert [entry.to for entry in graph.dangling] == [PinReference("A", f"{1:032X}")]


def test_duplicate_names_and_pin_ids_are_reported() -> None:
    graph = parse(block("A", pin(1, "x"), pin(1, "y")) + block("a", pin(2, "x")))
    assert [(one.line, one.code) for one in graph.warnings] == [(3, "duplicate-pin"), (5, "duplicate-name")]


def test_nodes_of_one_name_keep_their_own_pins() -> None:
    graph = parse(block("A", pin(1, "then", "A 2", out=True)) + block("A", pin(2, "execute", "A 1")))
    assert links_by_name(graph) == ["A.then -> A.execute"]


def test_links_by_pin() -> None:
    graph = fixture("lamp")
    [link] = graph.links_of[graph.links[0].target]
    assert graph.pin(link.source).name == "then" and link.is_exec


@pytest.mark.parametrize("ring", [False, True])
def test_long_chains_and_rings(ring: bool) -> None:
    found = counts(parse(chain(12_000, ring)))
    assert (found["nodes"], found["exec_links"], found["warnings"]) == (12_000, 11_999 + ring, [])


def test_deep_nesting() -> None:
    depth = 50_000
    opened = "".join(f'Begin Object Class=K2Node_X Name="n{at}"\n' for at in range(depth))
    assert counts(parse(opened + "End Object\n" * depth))["nodes"] == 1
    bracket = "(" * depth + ")" * depth
    graph = parse(block("A", f'   CustomProperties Pin (PinId=AA,Deep={bracket},PinName="then",)'))
    assert graph.nodes[0].pins[0].name == "then" and graph.warnings == []


def test_indentation_may_be_lost() -> None:
    for name in ("lamp", "tricky", "legacy", "collapsed"):
        flat = re.sub(r"(?m)^\s+", "", text_of(name))
        assert counts(parse(flat)) == counts(fixture(name))
