"""Exports to the language and back: nothing is lost, nothing is added, and what cannot be said is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.comparison import compare_in_detail
from bluebook.subjects.ue5.export import ExportError, ExportGraph
from bluebook.subjects.ue5.from_export import to_program
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.layout import layout
from bluebook.subjects.ue5.printing import print_program
from bluebook.subjects.ue5.program import (
    Comment,
    DataWire,
    Entry,
    ExecWire,
    Fields,
    Graph,
    Node,
    Number,
    Param,
    PinDeclaration,
    PinName,
    Program,
    Text,
    Type,
    Value,
    Word,
)
from bluebook.subjects.ue5.to_clipboard import Clipboard, to_clipboard
from bluebook.subjects.ue5.values import from_unreal, to_unreal
from tests.subjects.ue5.exports import FIXTURES, block, chain, fixture, links_by_name, pin
from tests.subjects.ue5.exports import parse as read

SHARED = Path(os.environ.get("BLUEBOOK_SHARED", "../shared"))
EXPORTS = SHARED / "corpora/ue5/exports"
SCORER = SHARED / "tools/roundtrip_exports.py"
BLUEPRINTS = ("collapsed", "lamp", "legacy", "montage", "tricky", "ue4")


def program(text: str) -> Program:
    return parse(text)


def paste(text: str) -> Clipboard:
    return to_clipboard(parse(text), shipped())


def forward(export: ExportGraph, keep_layout: bool = False) -> Program:
    found = to_program(export, shipped(), layout=keep_layout)
    assert found.unexpressed == []
    return found.program


def back(one: Program, keep_layout: bool = False) -> Program:
    """The program that comes back from the clipboard."""
    found = to_clipboard(one, shipped())
    assert found.unexpressed == []
    return forward(read(found.text), keep_layout)


def same(one: Program, other: Program) -> None:
    assert print_program(one) == print_program(other)
    assert one == other


# Fixtures


@pytest.mark.parametrize("name", BLUEPRINTS)
@pytest.mark.parametrize("keep_layout", [False, True])
def test_a_fixture_comes_back_as_the_same_program(name: str, keep_layout: bool) -> None:
    one = forward(fixture(name), keep_layout)
    assert parse(print_program(one)) == one
    same(back(one, keep_layout), one)


def test_nothing_of_a_graph_is_lost() -> None:
    assert print_program(forward(fixture("lamp"))).split("\n")[:8] == [
        "BLUEPRINT: BP_Lamp",
        "VAR bLit: Bool",
        "GRAPH: EventGraph",
        "NODE n1: Event_BeginPlay",
        "NODE n2: VariableGet [VarName=bLit]",
        "NODE n3: Branch",
        'NODE n4: PrintString [InString="Lamp lit, at last", Unreal=(EnabledState=DevelopmentOnly)]',
        "PIN n2.Target: in Actor",
    ]


def test_a_collapsed_graph_is_a_graph_of_its_own_and_goes_back_inside() -> None:
    one = forward(fixture("collapsed"))
    assert [graph.name for graph in one.graphs] == ["EventGraph", "Light all lamps"]
    again = read(to_clipboard(one, shipped()).text)
    [inner] = again.nodes[1].children
    assert (inner.name, [node.class_name for node in inner.children]) == (
        "Light all lamps",
        ["K2Node_Tunnel", "K2Node_Tunnel", "K2Node_CallFunction"],
    )
    names = {node.get("bCanHaveOutputs"): node.name for node in inner.children[:2]}
    assert names["True"] in again.nodes[1].get("InputSinkNode")
    assert names[""] in again.nodes[1].get("OutputSourceNode")


@pytest.mark.parametrize("name", ["material", "animation", "niagara", "pcg"])
def test_what_is_no_blueprint_is_refused(name: str) -> None:
    with pytest.raises(ExportError, match="not a Blueprint"):
        to_program(fixture(name), shipped())


# Single features


def test_wires_go_through_reroutes() -> None:
    export = read(
        block("Start", pin(1, "then", "Bend 2", out=True), kind="K2Node_CustomEvent")
        + block(
            "Bend",
            pin(2, "InputPin", "Start 1"),
            pin(3, "OutputPin", "Bend2 4", out=True),
            kind="K2Node_Knot",
        )
        + block(
            "Bend2",
            pin(4, "InputPin", "Bend 3"),
            pin(5, "OutputPin", "End 6", "End2 7", out=True),
            kind="K2Node_Knot",
        )
        + block("End", pin(6, "execute", "Bend2 5"))
        + block("End2", pin(7, "execute", "Bend2 5"))
    )
    one = forward(export)
    assert [(wire.source.node, wire.target.node) for wire in one.graphs[0].exec] == [
        ("n1", "n2"),
        ("n1", "n3"),
    ]
    assert len(one.graphs[0].nodes) == 3


def test_reroutes_in_a_ring_lead_nowhere() -> None:
    export = read(
        block("A", pin(1, "then", "K 2", out=True))
        + block(
            "K", pin(2, "InputPin", "A 1", "L 5"), pin(3, "OutputPin", "L 4", out=True), kind="K2Node_Knot"
        )
        + block("L", pin(4, "InputPin", "K 3"), pin(5, "OutputPin", "K 2", out=True), kind="K2Node_Knot")
    )
    assert forward(export).graphs[0].exec == []


def test_an_unknown_class_is_carried_whole() -> None:
    lines = (
        '   Flavour(0)="sour"',
        '   Flavour(1)="sweet"',
        '   Sizes=((Key=1,Value="a"),(Key=2))',
        "   Third(3)=7",
        '   Label=NSLOCTEXT("Shop", "A1", "Sold out")',
        "   Item=Blueprint'\"/Game/Shop/Crate.Crate\"'",
        "   Mark=0123456789ABCDEF0123456789ABCDEF",
        pin(1, "execute", "N 4"),
        pin(2, "", out=True, kind="string"),
        pin(3, "", out=True, kind="string"),
        pin(4, "then", "N 1", out=True),
    )
    one = forward(read(block("N", *lines, kind="K2Node_Vending")))
    [node] = one.graphs[0].nodes
    assert node.type == "/Script/BlueprintGraph.K2Node_Vending"
    assert [(param.key, to_unreal(param.value)) for param in node.params] == [
        ("Flavour", '("sour","sweet")'),
        ("Sizes()", '((Key=1,Value="a"),(Key=2))'),
        ("Third(3)", "7"),
        ("Label", 'NSLOCTEXT("Shop","A1","Sold out")'),
        ("Item", "\"/Script/Engine.Blueprint'/Game/Shop/Crate.Crate'\""),
        ("Mark", "0123456789ABCDEF0123456789ABCDEF"),
    ]
    assert len(one.graphs[0].pins) == 4
    text = to_clipboard(one, shipped()).text
    for line in ('Flavour(1)="sweet"', 'Sizes=((Key=1,Value="a"),(Key=2))', "Third(3)=7"):
        assert f"\n   {line}\n" in text
    same(back(one), one)


def test_objects_inside_a_node_are_kept() -> None:
    inner = '   Begin Object Class=/Script/Engine.Curve Name="Swing"\n      Keys=(Time=1)\n   End Object'
    one = forward(read(block("N", inner, pin(1, "then", out=True), kind="K2Node_Timeline") + block("M")))
    again = read(to_clipboard(one, shipped()).text).nodes[0]
    assert [(child.name, child.get("Keys")) for child in again.children] == [("Swing", "(Time=1)")]


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("int", 'DefaultValue="5",AutogeneratedDefaultValue="0",', "= 5"),
        ("real", 'DefaultValue="0.000000",AutogeneratedDefaultValue="0.0",', ""),
        ("string", 'AutogeneratedDefaultValue="Hello",', '= "" [AutogeneratedDefaultValue="Hello"]'),
        ("string", 'DefaultValue="a\\"b\\n",', '= "a\\"b\\n"'),
        ("bool", 'DefaultValue="true",AutogeneratedDefaultValue="false",', "= true"),
        ("object", 'DefaultObject="/Game/A.B",', '= "/Game/A.B" [PinSubCategoryObject=None]'),
        ("text", 'DefaultTextValue=NSLOCTEXT("", "77", "Go, (now)"),', '= "Go, (now)"'),
        ("text", 'DefaultTextValue=LOCTABLE("/Game/T.T", "Go"),', '= "LOCTABLE(\\"/Game/T.T\\", \\"Go\\")"'),
        ("object", 'DefaultValue="odd",', '[PinSubCategoryObject=None, DefaultValue="odd"]'),
    ],
)
def test_a_literal_that_differs_from_its_default_is_said(kind: str, fields: str, said: str) -> None:
    line = pin(1, "Load", kind=kind).replace("bHidden", f"{fields}bHidden")
    one = forward(read(block("N", line, kind="K2Node_Vending")))
    [declaration] = one.graphs[0].pins
    text = print_program(one).split("\n")[-1]
    assert text.partition(": in ")[2].partition(" ")[2] == said
    assert declaration.pin.pin == "Load"
    same(back(one), one)


def test_a_vector_is_said_by_its_fields() -> None:
    text = "BLUEPRINT: B\nGRAPH: G\nNODE n1: SetActorLocation [NewLocation=(Z=90)]"
    [location] = [one for one in read(paste(text).text).nodes[0].pins if one.name == "NewLocation"]
    assert location.default == "0, 0, 90"


def test_a_text_pastes_as_classes_functions_and_links_by_name() -> None:
    found = paste(
        "BLUEPRINT: BP_Door\nPARENT: Actor\nVAR Open: Bool = false\nGRAPH: EventGraph\n"
        "NODE n1: Event_BeginPlay\nNODE n2: GetVar [Variable=Open]\nNODE n3: Branch\n"
        'NODE n4: PrintString\nNODE n5: CastToCharacter\nDATA "shut" -> n4.InString [String]\n'
        "EXEC n1.Then -> n3.Execute\nEXEC n3.False -> n4.Execute\nDATA n2.Value -> n3.Condition [Bool]"
    )
    export = read(found.text)
    assert found.unexpressed == [] and export.warnings == [] and export.dangling == []
    assert found.notes == [
        "paste it into a Blueprint whose parent class is Actor",
        "it needs the variable Open: Bool = false",
    ]
    assert links_by_name(export) == [
        "K2Node_Event_0.then -> K2Node_IfThenElse_0.execute",
        "K2Node_IfThenElse_0.else -> K2Node_CallFunction_0.execute",
        "K2Node_VariableGet_0.Open -> K2Node_IfThenElse_0.Condition",
    ]
    said = [
        node.get("FunctionReference") + node.get("VariableReference") + node.get("TargetType")
        for node in export.nodes
    ]
    assert said[1:] == [
        '(MemberName="Open",bSelfContext=True)',
        "",
        '(MemberParent="/Script/CoreUObject.Class\'/Script/Engine.KismetSystemLibrary\'",MemberName="PrintString")',
        "\"/Script/CoreUObject.Class'/Script/Engine.Character'\"",
    ]
    assert [one.default for one in export.nodes[3].pins if one.name == "InString"] == ["shut"]


def test_operators_follow_the_types_of_their_wires() -> None:
    export = read(
        paste(
            "BLUEPRINT: B\nVAR N: Int\nGRAPH: G\nNODE n1: VariableGet [VarName=N]\nNODE n2: LessThan\n"
            "NODE n3: Branch\nDATA n1.Value -> n2.A\nDATA n2.ReturnValue -> n3.Condition"
        ).text
    )
    assert "Less_IntInt" in export.nodes[1].get("FunctionReference")
    assert [one.category for one in export.nodes[1].pins] == ["int", "int", "bool"]


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("NODE n1: Frobnicate", "n1: no Unreal class"),
        ("NODE n1: Branch\nNODE n1: Branch", "a second node n1"),
        ("NODE n1: Branch\nEXEC n1.True -> n2.Execute", "n1.True -> n2.Execute"),
        (
            "NODE n1: Branch\nNODE n2: Branch\nEXEC n1.Maybe -> n2.Execute",
            "n1.Maybe: Branch has no such output",
        ),
        ("NODE n1: Branch [Colour=Red]", "n1.Colour: Branch has no such input"),
        ("NODE n1: Branch\nPIN n3.A: in Float", "n3.A"),
        ("NODE n1: Branch\nDATA 3 -> n3.A", "n3.A"),
        ("NODE n1: Branch\nGRAPH: Other\nNODE n1: Branch", "graph 'Other'"),
        ("NODE n1: Collapsed [Graph=Gone]", "n1: there is no graph 'Gone'"),
        ("NODE n1: Collapsed [Graph=G]", "n1: graph 'G'"),
        ("", "nothing to paste"),
    ],
)
def test_what_a_paste_cannot_hold_is_named(lines: str, name: str) -> None:
    found = paste(f"BLUEPRINT: B\nGRAPH: G\n{lines}").unexpressed
    assert len(found) == 1 and name in found[0]


def test_a_link_between_two_outputs_is_named() -> None:
    export = read(block("A", pin(1, "then", "B 2", out=True)) + block("B", pin(2, "then", "A 1", out=True)))
    [said] = to_program(export, shipped()).unexpressed
    assert "A.then" in said and "B.then" in said


def test_the_same_text_pastes_the_same_bytes_and_ids_are_unique() -> None:
    text = print_program(forward(fixture("tricky")))
    assert paste(text).text == paste(text).text
    export = read(paste(text).text)
    ids = [one.id for node in export.nodes for one in node.pins] + [node.guid for node in export.nodes]
    assert len(set(ids)) == len(ids)


def test_a_ring_of_thousands_of_nodes() -> None:
    one = forward(read(chain(3_000, ring=True)))
    assert len(read(to_clipboard(one, shipped()).text).links) == 3_000


# Layout


def test_comments_and_positions_are_kept_on_request_only() -> None:
    text = block(
        "N", "   NodePosX=-48", "   NodePosY=16", '   NodeComment="why"', pin(1, "then", out=True)
    ) + block(
        "C",
        "   CommentColor=(R=1.0)",
        "   NodePosX=16",
        "   NodeWidth=64",
        "   NodeHeight=32",
        '   NodeComment="Odd, \\"box\\""',
    ).replace("/Script/BlueprintGraph.K2Node_CallFunction", "/Script/UnrealEd.EdGraphNode_Comment")
    plain, full = forward(read(text)), forward(read(text), keep_layout=True)
    assert plain.graphs[0].comments == [] and plain.graphs[0].nodes[0].position is None
    assert full.graphs[0].nodes[0].position == (-48, 16)
    colour = Param("CommentColor", Fields((Entry("R", Number("1.0")),)))
    assert full.graphs[0].comments == [Comment('Odd, "box"', (16, 0, 64, 32), (colour,))]
    same(back(full, keep_layout=True), full)


@given(
    st.integers(1, 12).flatmap(
        lambda count: st.tuples(
            st.lists(st.integers(20, 400), min_size=count, max_size=count),
            st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=30),
            st.lists(st.booleans(), min_size=count, max_size=count),
        )
    )
)
def test_nodes_stand_on_the_grid_and_never_on_each_other(
    drawn: tuple[list[int], list[tuple[int, int]], list[bool]],
) -> None:
    heights, wires, pure = drawn
    places = layout(heights, wires, pure)
    assert places == layout(heights, wires, pure)
    assert all(x % 16 == 0 and y % 16 == 0 for x, y in places)
    columns: dict[int, list[tuple[int, int]]] = {}
    for (x, y), height in zip(places, heights, strict=True):
        columns.setdefault(x, []).append((y, y + height))
    for spans in columns.values():
        spans.sort()
        assert all(above[1] < below[0] for above, below in pairwise(spans))


def test_a_chain_runs_from_left_to_right_and_pure_nodes_stand_before_their_readers() -> None:
    places = layout([100] * 4, [(0, 1), (1, 2), (3, 2)], [False, False, False, True])
    assert [x for x, _ in places] == [*sorted(x for x, _ in places[:3]), places[1][0]]


# Random programs

words = st.from_regex(r"[A-Z][a-z]{1,6}", fullmatch=True)
letters = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=8
)
numbers = st.one_of(st.integers(-99, 99).map(str), st.sampled_from(["0.5", "-2.000000", "1e5"])).map(Number)
texts = letters.filter(lambda text: "'" not in text).map(Text)


def structures(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    keyed = st.dictionaries(words, inner, min_size=1, max_size=3).map(
        lambda found: Fields(tuple(Entry(key, value) for key, value in found.items()))
    )
    listed = st.lists(inner, min_size=1, max_size=3).map(
        lambda found: Fields(tuple(Entry(None, value) for value in found))
    )
    return st.one_of(keyed, listed)


values: st.SearchStrategy[Value] = st.recursive(
    st.one_of(numbers, texts, words.map(Word)), structures, max_leaves=6
)
KINDS = {
    "Bool": st.sampled_from(["true", "false"]).map(Word),
    "Int": st.integers(1, 99).map(str).map(Number),
    "Float": st.sampled_from(["0.5", "-3.25"]).map(Number),
    "String": letters.filter(bool).map(Text),
    "Name": words.map(Text),
    "Text": letters.filter(lambda text: text.strip() and not text.startswith("LOCTABLE")).map(Text),
    "Object": words.map(lambda word: Text(f"/Game/{word}.{word}")),
    "Vector": st.just(Fields(tuple(Entry(key, Number("1")) for key in "XYZ"))),
}


@st.composite
def foreign_programs(draw: st.DrawFn) -> Program:
    """Programs of classes that no entry describes, with any properties, pins, wires and places."""
    graph = Graph(draw(words))
    outputs: dict[str, list[PinName]] = {}
    for number in range(1, draw(st.integers(1, 5)) + 1):
        name = f"n{number}"
        params = draw(st.dictionaries(words.map(lambda word: f"My{word}"), values, max_size=3))
        graph.nodes.append(
            Node(
                name,
                f"/Script/Shop.K2Node_{draw(words)}",
                tuple(Param(key, value) for key, value in params.items()),
                (draw(st.integers(-99, 99)) * 16, draw(st.integers(-99, 99)) * 16),
            )
        )
        # Pins stand in the order of their names, as wires and so the text that comes back do.
        for label in sorted(draw(st.lists(letters, unique=True, max_size=4))):
            kind = draw(st.sampled_from(["Exec", *KINDS]))
            end = PinName(name, label)
            if draw(st.booleans()):
                graph.pins.append(PinDeclaration(end, True, Type(kind)))
                outputs.setdefault(kind, []).append(end)
                continue
            sources = outputs.get(kind, [])
            if sources and draw(st.booleans()):
                graph.pins.append(PinDeclaration(end, False, Type(kind)))
                source = draw(st.sampled_from(sources))
                if kind == "Exec":
                    graph.exec.append(ExecWire(source, end))
                else:
                    graph.data.append(DataWire(source, end, Type(kind)))
                continue
            set_to = draw(st.none() | KINDS[kind]) if kind in KINDS else None
            graph.pins.append(PinDeclaration(end, False, Type(kind), set_to))
    for wires in (graph.exec, graph.data):
        wires.sort(
            key=lambda wire: (
                int(wire.source.node[1:]),
                wire.source.pin,
                int(wire.target.node[1:]),
                wire.target.pin,
            )
        )
    for text in draw(st.lists(letters, max_size=2)):
        graph.comments.append(Comment(text, (draw(st.integers(-9, 9)) * 16, 0, 64, 32)))
    return Program(draw(words), graphs=[graph])


@settings(deadline=None)
@given(foreign_programs())
def test_any_program_of_foreign_classes_comes_back_the_same(one: Program) -> None:
    assert parse(print_program(one)) == one
    same(back(one, keep_layout=True), one)


@st.composite
def known_programs(draw: st.DrawFn) -> Program:
    """Programs of catalogue entries, with what they require, some literals, and wires between equal types."""
    catalogue = shipped()
    entries = [entry for entry in catalogue.nodes if not entry.open and "*" not in entry.name]
    graph = Graph("EventGraph")
    outputs: dict[str, list[PinName]] = {}
    used: set[PinName] = set()
    for number in range(1, draw(st.integers(1, 6)) + 1):
        entry = draw(st.sampled_from(entries))
        name = f"n{number}"
        params = [
            Param(
                spec.name, Word(draw(words)) if spec.type == "Name" else Text(f"/Script/Shop.{draw(words)}")
            )
            for spec in entry.params
            if spec.required
        ]
        for spec in entry.pins:
            end = PinName(name, spec.name)
            if "#" in spec.name or spec.type[0] == "@":
                continue
            if spec.output:
                outputs.setdefault(spec.type, []).append(end)
                continue
            free = [end for end in outputs.get(spec.type, []) if spec.type != "Exec" or end not in used]
            if free and draw(st.booleans()):
                source = draw(st.sampled_from(free))
                used.add(source)
                if spec.type == "Exec":
                    graph.exec.append(ExecWire(source, end))
                else:
                    graph.data.append(DataWire(source, end))
            elif spec.type in KINDS and entry.param(spec.name) is None and draw(st.booleans()):
                params.append(Param(spec.name, draw(KINDS[spec.type])))
        graph.nodes.append(Node(name, entry.name, tuple(params)))
    return Program("BP_Random", graphs=[graph])


@settings(deadline=None)
@given(known_programs())
def test_any_program_of_catalogue_entries_comes_back_as_the_same_graph(one: Program) -> None:
    again = back(one)
    details = compare_in_detail(one, again)
    shares = {
        kind: (share.recall, share.precision) for kind, share in details.shares.items() if kind != "variables"
    }
    assert shares == dict.fromkeys(shares, (1.0, 1.0)), details.errors
    same(back(again), again)


@given(values)
def test_a_value_comes_back_from_unreal_text(value: Value) -> None:
    assert from_unreal(to_unreal(value)) == value


@given(st.text(max_size=40))
def test_any_unreal_text_is_some_value(raw: str) -> None:
    assert to_unreal(from_unreal(raw)) is not None


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*(line for name in BLUEPRINTS for line in (FIXTURES / f"{name}.txt").read_text().split("\n"))]
        ),
        max_size=40,
    )
)
def test_damaged_exports_give_a_program_or_a_clear_refusal(lines: list[str]) -> None:
    try:
        found = to_program(read("\n".join(lines)), shipped())
    except ExportError:
        return
    assert parse(print_program(found.program)) == found.program
    pasted = to_clipboard(found.program, shipped())
    assert bool(found.program.graphs[0].nodes) == bool(pasted.text.strip())
    if pasted.text.strip():
        assert len(read(pasted.text).nodes) == len(found.program.graphs[0].nodes)


# Commands


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bluebook.cli", "ue5", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_commands_write_files_and_name_what_they_lose(tmp_path: Path) -> None:
    text, pasted = tmp_path / "lamp.bp", tmp_path / "paste.txt"
    assert run("to-dsl", str(FIXTURES / "lamp.txt"), "-o", str(text)).returncode == 0
    assert parse(text.read_text()) == forward(fixture("lamp"))
    done = run("to-clipboard", str(text), "-o", str(pasted))
    assert done.returncode == 0 and "it needs the variable bLit: Bool" in done.stderr
    assert forward(read(pasted.read_text())) == forward(fixture("lamp"))
    text.write_text("BLUEPRINT: B\nGRAPH: G\nNODE n1: Branch\nNODE n2: Frobnicate\n")
    lossy = run("to-clipboard", str(text))
    assert lossy.returncode == 1 and "n2" in lossy.stderr and "K2Node_IfThenElse" in lossy.stdout
    text.write_text("BLUEPRINT B\n")
    assert run("to-clipboard", str(text)).returncode == 1
    assert run("to-dsl", str(FIXTURES / "material.txt")).returncode == 1


# Real exports


def real_exports() -> list[Path]:
    return sorted(EXPORTS.glob("*.txt")) if SCORER.exists() else []


@pytest.mark.skipif(
    not real_exports(), reason=f"no {EXPORTS} or no {SCORER}; set BLUEBOOK_SHARED to their folder"
)
@pytest.mark.parametrize("path", real_exports(), ids=lambda path: path.name)
def test_a_real_export_comes_back_whole_by_an_independent_measure(path: Path, tmp_path: Path) -> None:
    from bluebook.subjects.ue5.reading import read_export

    try:
        export = read_export(path)
    except ExportError as refused:
        assert refused.kind == "rigvm"
        return
    one = forward(export)
    again = tmp_path / "again.txt"
    again.write_text(to_clipboard(parse(print_program(one)), shipped()).text)
    judged = subprocess.run(
        [sys.executable, str(SCORER), str(path), str(again), "--pins", "--json"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert judged.returncode == 0, judged.stdout
    assert json.loads(judged.stdout.split("\n")[0])["same"]
    same(back(one), one)
