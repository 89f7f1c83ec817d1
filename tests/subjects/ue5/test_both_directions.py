"""Exports to the language and back: nothing is lost, nothing is added, and what cannot be said is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.export import ExportError
from bluebook.subjects.ue5.from_export import to_program
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.printing import print_program
from bluebook.subjects.ue5.to_clipboard import to_clipboard
from bluebook.subjects.ue5.values import to_unreal
from tests.subjects.ue5.exports import FIXTURES, block, fixture, pin
from tests.subjects.ue5.exports import parse as read
from tests.subjects.ue5.translating import BLUEPRINTS, back, forward, same

SHARED = Path(os.environ.get("BLUEBOOK_SHARED", "../shared"))
EXPORTS = SHARED / "corpora/ue5/exports"
SCORER = SHARED / "tools/roundtrip_exports.py"


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


def test_a_link_between_two_outputs_is_named() -> None:
    export = read(block("A", pin(1, "then", "B 2", out=True)) + block("B", pin(2, "then", "A 1", out=True)))
    [said] = to_program(export, shipped()).unexpressed
    assert "A.then" in said and "B.then" in said


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
