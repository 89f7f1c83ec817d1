"""Each rule of the checker: a program that breaks it, where it says so, and its neighbour that breaks
nothing."""

from __future__ import annotations

import pytest
from hypothesis import given

from bluebook.subjects.subject import Diagnostic
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.checker import check
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.program import Program
from tests.subjects.ue5.programs import DOOR, programs


def faults(*lines: str, variables: str = "") -> list[Diagnostic]:
    """The faults of an event graph; `lines` start on line 3 of the text, after the variables."""
    return check(parse("\n".join(("BLUEPRINT: B" + variables, "GRAPH: G", *lines))), shipped())


def codes(*lines: str, variables: str = "") -> list[str]:
    return [fault.code for fault in faults(*lines, variables=variables)]


BEGIN = "NODE n1: Event_BeginPlay"
PRINT = "NODE n2: PrintString"
RUN = "EXEC n1.Then -> n2.Execute"


def test_a_sound_program_has_no_faults() -> None:
    assert check(parse(DOOR), shipped()) == []


@given(programs)
def test_any_program_can_be_checked(program: Program) -> None:
    found = check(program, shipped())
    assert found == sorted(found, key=lambda fault: (fault.line, fault.column, fault.code, fault.message))


def test_fan_in_is_legal() -> None:
    assert codes(BEGIN, PRINT, "NODE n3: Event_Tick", RUN, "EXEC n3.Then -> n2.Execute") == []


SELF = """VAR Guest: {kind}
GRAPH: G
NODE n1: Event_BeginPlay
NODE n2: Self
NODE n3: VariableSet [VarName=Guest]
EXEC n1.Then -> n3.Execute
DATA n2.Self -> n3.Value"""


@pytest.mark.parametrize(
    ("parent", "kind", "fits"),
    [
        ("", "PlayerController", True),  # nobody can know what it descends from
        ("", "Object", True),
        ("", "Float", False),
        ("", "Vector", False),
        ("PARENT: PlayerController", "PlayerController", True),
        ("PARENT: PlayerController", "Actor", True),
        ("PARENT: Actor", "PlayerController", False),
        ('PARENT: "/Script/Engine.Actor"', "PlayerController", False),
        ('PARENT: "/Script/Engine.Character"', "Pawn", True),
        ('PARENT: "/Game/BP_Base.BP_Base_C"', "PlayerController", True),
        ("PARENT: Actor", "String", True),  # its name
    ],
)
def test_self_is_of_the_class_of_the_blueprint(parent: str, kind: str, fits: bool) -> None:
    text = "\n".join(filter(None, ("BLUEPRINT: BP_Door", parent, SELF.format(kind=kind))))
    assert [fault.code for fault in check(parse(text), shipped())] == ([] if fits else ["type_mismatch"])


@pytest.mark.parametrize(
    ("code", "words", "lines"),
    [
        ("unknown_type", "PrintString", ["NODE n1: PrintStrin"]),
        ("duplicate_node", "n1", [BEGIN, "NODE n1: Event_Tick"]),
        ("unknown_node", "n7", [BEGIN, "EXEC n1.Then -> n7.Execute"]),
        ("unknown_pin", "Execute", [BEGIN, PRINT, RUN, "EXEC n2.Then  ->   n2.Exekute"]),
        ("unknown_pin", "Then", [BEGIN, PRINT, RUN, "EXEC n2.Than -> n2.Execute"]),
        ("wrong_direction", "Execute", [BEGIN, PRINT, RUN, "EXEC n2.Execute -> n2.Execute"]),
        ("wrong_direction", "Then", [BEGIN, PRINT, RUN, "EXEC n2.Then -> n1.Then"]),
        ("exec_to_data", "InString", [BEGIN, PRINT, RUN, "EXEC n2.Then -> n2.InString"]),
        ("exec_to_data", "Then", [BEGIN, PRINT, RUN, "DATA n2.Then -> n2.InString"]),
        (
            "exec_fan_out",
            "Sequence",
            [BEGIN, PRINT, "NODE n3: PrintString", RUN, "EXEC n1.Then -> n3.Execute"],
        ),
        ("double_wire", "twice", [BEGIN, PRINT, RUN, RUN]),
        ("missing_parameter", "EventName", ["NODE n1: Event_Custom", PRINT, RUN]),
        ("unknown_parameter", "InString", [BEGIN, 'NODE n2: PrintString [InStrin="a"]', RUN]),
        ("bad_literal", "number", [BEGIN, 'NODE n2: PrintString [Duration="two"]', RUN]),
        ("bad_literal", "true or false", [BEGIN, PRINT, RUN, "DATA 3 -> n2.bPrintToLog [Bool]"]),
        (
            "set_and_wired",
            "set",
            [BEGIN, 'NODE n2: PrintString [InString="a"]', RUN, 'DATA "b" -> n2.InString [String]'],
        ),
        ("unreachable", "n2", [BEGIN, PRINT]),
        ("unused", "n2", [BEGIN, "NODE n2: GetActorLocation"]),
        ("undeclared_variable", "declare", [BEGIN, "NODE n2: VariableSet [VarName=Lamp]", RUN]),
    ],
)
def test_a_planted_fault_is_found(code: str, words: str, lines: list[str]) -> None:
    found = [fault for fault in faults(*lines) if fault.code == code]
    assert found, codes(*lines)
    assert words in found[0].message
    assert found[0].line == 2 + len(lines) or code in (
        "missing_parameter",
        "unknown_parameter",
        "bad_literal",
        "undeclared_variable",
    )


def test_places_are_those_of_the_text() -> None:
    [fault] = faults(BEGIN, "# a remark", "", "NODE n2: PrintStrin", RUN)
    assert (fault.line, fault.column, fault.construct) == (6, 6, "PrintStrin")
    [fault] = faults(BEGIN, PRINT, RUN, "EXEC n2.Then -> n2.Exekute")
    assert (fault.line, fault.column, fault.construct) == (6, 17, "PrintString")
    [fault] = faults(BEGIN, "NODE n2: PrintString [Duration=1, Loud=true]", RUN)
    assert (fault.line, fault.column, fault.code) == (4, 35, "unknown_parameter")


def test_an_empty_graph() -> None:
    [fault] = faults()
    assert (fault.code, fault.line, fault.column) == ("empty_graph", 2, 8)


def test_variables() -> None:
    get = [
        "NODE n2: VariableGet [VarName=Lantern]",
        "NODE n3: Branch",
        "EXEC n1.Then -> n3.Execute",
        "DATA n2.Value -> n3.Condition",
    ]
    assert codes(BEGIN, *get, variables="\nVAR Lantern: Bool") == []
    assert codes(BEGIN, *get, variables="\nVAR Lantern: Vector") == ["type_mismatch"]
    assert codes(BEGIN, *get, variables="\nVAR Lantern: Bool\nVAR Lantern: Bool") == ["duplicate_variable"]
    assert codes(BEGIN, *get, variables="\nVAR Lantern: Bool = 3") == ["bad_literal"]
    [fault] = faults(BEGIN, *get, variables="\nVAR Lanterm: Bool")
    assert fault.code == "undeclared_variable" and "'Lanterm'" in fault.message
    elsewhere = [get[0].replace("]", ', Owner="/Script/Engine.Lamp"]'), *get[1:]]
    assert codes(BEGIN, *elsewhere) == []


@pytest.mark.parametrize(
    ("source", "target", "fits"),
    [
        ("Int", "Float", True),
        ("Float", "String", True),
        ("Character", "Actor", True),
        ("Actor", "Character", False),
        ("Vector", "Float", False),
        ("Vector", "Transform", True),
        ("Bool", "Vector", False),
        ("Array<Actor>", "Array<Object>", True),
        ("Array<Int>", "Array<Actor>", False),
        ("Array<Actor>", "Actor", False),
        ("Array", "Array<Actor>", True),
        ("BP_Guard", "Actor", True),
        ("BP_Guard", "Bool", False),
        ('Object<"/Game/A.A_C">', 'Object<"/Game/B.B_C">', True),
        ('Object<"/Script/Engine.Character">', "Actor", True),
        ('Struct<"/Game/S.S">', 'Struct<"/Game/T.T">', False),
        ('Enum<"/Game/E.E">', 'Enum<"/Game/F.F">', False),
        ("Float32", "Int", True),
        ("Wildcard", "Vector", True),
    ],
)
def test_types_that_fit(source: str, target: str, fits: bool) -> None:
    found = codes(
        BEGIN,
        'NODE n2: "/Script/Mod.K2Node_Sink"',
        'NODE n3: "/Script/Mod.K2Node_Source"',
        "PIN n2.Execute: in Exec",
        f"PIN n2.In: in {target}",
        f"PIN n3.Out: out {source}",
        RUN,
        "DATA n3.Out -> n2.In",
    )
    assert found == ([] if fits else ["type_mismatch"])


def test_wildcards_take_the_type_of_their_wires() -> None:
    def compared(a: str, b: str) -> list[str]:
        return codes(
            BEGIN,
            "NODE n2: Branch",
            "NODE n3: LessThan",
            "NODE n4: VariableGet [VarName=A]",
            "NODE n5: VariableGet [VarName=B]",
            RUN,
            "DATA n4.Value -> n3.A",
            "DATA n5.Value -> n3.B",
            "DATA n3.ReturnValue -> n2.Condition",
            variables=f"\nVAR A: {a}\nVAR B: {b}",
        )

    assert compared("Int", "Float") == []
    assert compared("Vector", "Vector") == ["type_mismatch", "type_mismatch"]
    assert "type_mismatch" in compared("Float", "Actor")


def test_an_element_has_the_type_of_its_array() -> None:
    def looped(target: str) -> list[str]:
        return codes(
            BEGIN,
            "NODE n2: ForEachLoop",
            "NODE n3: VariableGet [VarName=All]",
            "NODE n4: DestroyActor",
            "NODE n5: Delay",
            RUN,
            "EXEC n2.LoopBody -> n4.Execute",
            "EXEC n2.Completed -> n5.Execute",
            "DATA n3.Value -> n2.Array [Array]",
            f"DATA n2.ArrayElement -> {target}",
            variables="\nVAR All: Array<Pawn>",
        )

    assert looped("n4.Target [Actor]") == []
    assert looped("n5.Duration") == ["type_mismatch"]


def test_a_target_takes_many_wires_and_an_argument_one() -> None:
    two = ["NODE n3: VariableGet [VarName=A]", "NODE n4: VariableGet [VarName=A]"]
    both = ["DATA n3.Value -> n2.{0}", "DATA n4.Value -> n2.{0}"]
    run = [BEGIN, *two, RUN]
    assert (
        codes(
            "NODE n2: DestroyActor",
            *run,
            *(line.format("Target") for line in both),
            variables="\nVAR A: Actor",
        )
        == []
    )
    found = codes(PRINT, *run, *(line.format("InString") for line in both), variables="\nVAR A: Actor")
    assert found == ["double_wire"]


def test_a_generic_node_has_the_pins_it_declares() -> None:
    lines = [BEGIN, 'NODE n2: "/Script/Mod.K2Node_Any" [Key=1]', RUN]
    assert codes(*lines) == []
    assert codes(*lines, "PIN n2.Execute: in Exec", "PIN n2.Size: in Int = 3") == []
    assert codes(*lines, "PIN n2.Size: in Int") == ["unknown_pin"]
    assert codes(*lines, "PIN n2.Execute: in Exec", "PIN n2.Size: in Int = 2.5") == ["bad_literal"]
    assert codes(*lines, "PIN n2.Execute: out Exec") == ["wrong_direction"]


def test_pins_that_a_person_added() -> None:
    event = 'NODE n1: Event_Custom [EventName="Hit By"]'
    assert (
        codes(event, PRINT, RUN, "PIN n1.Power: out Float [User=true]", "DATA n1.Power -> n2.InString") == []
    )
    assert codes(event, PRINT, RUN, "DATA n1.Power -> n2.InString") == []
    assert codes(event, PRINT, RUN, "PIN n1.Power: out Exec", "DATA n1.Power -> n2.InString") == [
        "exec_to_data"
    ]


def test_each_graph_has_its_own_nodes() -> None:
    assert codes(BEGIN, PRINT, RUN, "GRAPH: H", "NODE n1: FunctionEntry", PRINT, RUN) == []


def test_loops_and_long_chains_end() -> None:
    count = 3000
    nodes = [f"NODE m{at}: PrintString" for at in range(count)]
    wires = [f"EXEC m{at}.Then -> m{(at + 1) % count}.Execute" for at in range(count)]
    assert codes(BEGIN, *nodes, *wires, "EXEC n1.Then -> m0.Execute") == []
    assert codes(BEGIN, *nodes, *wires).count("unreachable") == count
