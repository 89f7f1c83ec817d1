"""Texts to what the editor pastes: classes, functions, pins and links by name; what cannot be said is named."""

from __future__ import annotations

import pytest

from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.printing import print_program
from bluebook.subjects.ue5.to_clipboard import to_clipboard
from tests.subjects.ue5.exports import chain, fixture, links_by_name
from tests.subjects.ue5.exports import parse as read
from tests.subjects.ue5.translating import forward, paste


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


def test_the_same_text_pastes_the_same_bytes_and_ids_are_unique() -> None:
    text = print_program(forward(fixture("tricky")))
    assert paste(text).text == paste(text).text
    export = read(paste(text).text)
    ids = [one.id for node in export.nodes for one in node.pins] + [node.guid for node in export.nodes]
    assert len(set(ids)) == len(ids)


def test_a_ring_of_thousands_of_nodes() -> None:
    one = forward(read(chain(3_000, ring=True)))
    assert len(read(to_clipboard(one, shipped()).text).links) == 3_000
