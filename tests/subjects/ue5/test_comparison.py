"""The comparison: what scores one, what scores nothing, what lies between, and that large graphs end."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.ue5.comparison import compare, compare_in_detail
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.program import (
    DataWire,
    ExecWire,
    Graph,
    Node,
    Number,
    Param,
    PinName,
    Program,
    Variable,
)
from tests.subjects.ue5.programs import DOOR, programs, renumbered

EXPECTED = parse(DOOR)
EMPTY = Program("X", graphs=[Graph("EventGraph")])


def edited(old: str, new: str) -> Program:
    assert old in DOOR
    return parse(DOOR.replace(old, new))


def categories(actual: Program, expected: Program = EXPECTED) -> Counter[str]:
    return Counter(error.category for error in compare(expected, actual).errors)


def random_program(rng: Random, nodes: int, wires: int) -> Program:
    """Nodes of few types, some with a parameter, wired at random; between two pins there is one wire at
    most."""
    made = [
        Node(
            f"n{at}",
            rng.choice("ABC"),
            (Param("k", Number(str(rng.randrange(3)))),) if rng.random() < 0.3 else (),
        )
        for at in range(nodes)
    ]
    ends = {
        (PinName(rng.choice(made).id, rng.choice("xy")), PinName(rng.choice(made).id, rng.choice("uv")))
        for _ in range(wires)
    }
    pairs = sorted(ends, key=repr)
    half = len(pairs) // 2
    graph = Graph(
        "G",
        nodes=made,
        exec=[ExecWire(*pair) for pair in pairs[:half]],
        data=[DataWire(*pair) for pair in pairs[half:]],
    )
    return Program("P", graphs=[graph])


@given(st.integers(0, 2**32), st.integers(1, 14), st.integers(0, 30))
def test_a_renumbered_copy_is_the_same_graph(seed: int, nodes: int, wires: int) -> None:
    rng = Random(seed)
    program = random_program(rng, nodes, wires)
    details = compare_in_detail(program, renumbered(program, rng))
    assert details.score == 1.0
    assert details.same_graph


@given(st.integers(0, 2**32), st.integers(0, 12), st.integers(1, 12))
def test_a_score_is_a_share_and_one_means_same(seed: int, one: int, two: int) -> None:
    rng = Random(seed)
    a, b = random_program(rng, one, one), random_program(rng, two, 2 * two)
    found = compare(a, b)
    assert 0.0 <= found.score <= 1.0
    assert (found.score == 1.0) == (not found.errors)
    assert set(found.per_construct) == {node.type for node in a.graphs[0].nodes}
    assert set(found.per_construct.values()) <= {0.0, 1.0}


@given(programs, programs)
def test_any_two_programs_can_be_compared(one: Program, two: Program) -> None:
    assert compare(one, one).score == 1.0
    assert 0.0 <= compare(one, two).score <= 1.0


def test_a_copy() -> None:
    found = compare(EXPECTED, EXPECTED)
    assert found.score == 1.0 and not found.errors
    assert set(found.per_construct.values()) == {1.0}


def test_an_empty_answer() -> None:
    found = compare(EXPECTED, EMPTY)
    assert found.score == 0.0
    assert set(found.per_construct.values()) == {0.0}
    wanted = {"missing_variable": 1, "missing_node": 6, "missing_exec": 4, "missing_data": 1}
    assert categories(EMPTY) == Counter(wanted)


def test_a_constant_answer() -> None:
    constant = parse(
        "BLUEPRINT: X\nGRAPH: EventGraph\nNODE n1: Event_Tick\n"
        "NODE n2: PrintString\nEXEC n1.Then -> n2.Execute"
    )
    assert 0.0 < compare(EXPECTED, constant).score < 0.2
    assert compare(EMPTY, constant).score == 0.0


def test_padding_costs() -> None:
    padded = parse(DOOR + "".join(f"\nNODE p{at}: Delay [Duration={at}]" for at in range(30)))
    found = compare_in_detail(EXPECTED, padded)
    assert found.shares["nodes"].recall == 1.0
    assert found.shares["nodes"].precision == 6 / 36
    assert found.score < 0.55
    assert {error.category for error in found.errors} == {"extra"}


def test_names_order_and_spelling_do_not_count() -> None:
    other = parse(
        "BLUEPRINT: Other\nCATEGORY: X\nGRAPH: EventGraph\n"
        "NODE a: SetActorHiddenInGame [bNewHidden=true] @(1,2)\n"
        "NODE b: SetVar [Variable=Open]\nDATA true -> b.Value [Bool]\n"
        "NODE c: Branch\nDATA d.Value -> c.Condition\n"
        'NODE d: GetVariable [VarName="Open"]\nNODE e: Event_ActorBeginOverlap\n'
        "VAR Open: Boolean = false\n"
        'NODE f: PrintString [Duration=4.50, InString="It is open already", bPrintToLog=true]\n'
        "EXEC c.True -> f.Execute\nEXEC e.Then -> c.Execute\n"
        "EXEC c.False -> b.Execute\nEXEC b.Then -> a.Execute\n"
        'COMMENT "x"'
    )
    assert compare(EXPECTED, other).errors == []


@pytest.mark.parametrize(
    ("old", "new", "wanted", "blamed"),
    [
        (
            "NODE n6: SetActorHiddenInGame [NewHidden=true]\n",
            "",
            {"missing_node": 1, "missing_exec": 1, "extra": 1},
            {"SetActorHiddenInGame"},
        ),
        ("EXEC n3.True -> n4.Execute\n", "", {"missing_exec": 1}, {"Branch", "PrintString"}),
        ("DATA n2.Value -> n3.Condition [Bool]", "", {"missing_data": 1}, {"Branch", "VariableGet"}),
        ("Duration=4.5", "Duration=5", {"wrong_parameter": 1}, {"PrintString"}),
        (", Duration=4.5", "", {"wrong_parameter": 1}, {"PrintString"}),
        (
            "[NewHidden=true]",
            "[NewHidden=true, Target=Lamp]",
            {"wrong_parameter": 1},
            {"SetActorHiddenInGame"},
        ),
        ("EXEC n3.True -> n4", "EXEC n3.Other -> n4", {"wrong_pin": 1}, {"Branch", "PrintString"}),
        ("VAR Open: Bool = false\n", "", {"missing_variable": 1}, set()),
        ("VAR Open: Bool", "VAR Open: Int", {"missing_variable": 1, "extra": 1}, set()),
        ("PARENT: Actor", "PARENT: Pawn", {"wrong_parameter": 1}, set()),
        ("NODE n3", "NODE n9: Delay\nNODE n3", {"extra": 1}, set()),
    ],
)
def test_each_kind_of_error(old: str, new: str, wanted: dict[str, int], blamed: set[str]) -> None:
    found = compare(EXPECTED, edited(old, new))
    assert categories(edited(old, new)) == Counter(wanted)
    assert {name for name, right in found.per_construct.items() if not right} == blamed
    assert 0.7 < found.score < 1.0


def test_swapped_branches_are_wrong() -> None:
    swapped = DOOR.replace("n3.True", "n3.X").replace("n3.False", "n3.True").replace("n3.X", "n3.False")
    found = compare(EXPECTED, parse(swapped))
    assert found.score < 1.0
    assert Counter(error.category for error in found.errors) == Counter(wrong_pin=2)


def test_graphs_are_told_apart_by_name() -> None:
    two = parse("BLUEPRINT: A\nGRAPH: F\nNODE n1: FunctionEntry\nGRAPH: G\nNODE n1: Event_Tick")
    turned = parse("BLUEPRINT: A\nGRAPH: G\nNODE n1: Event_Tick\nGRAPH: F\nNODE n1: FunctionEntry")
    renamed = parse("BLUEPRINT: A\nGRAPH: H\nNODE n1: FunctionEntry\nGRAPH: G\nNODE n1: Event_Tick")
    one = parse("BLUEPRINT: A\nGRAPH: G\nNODE n1: Event_Tick")
    assert compare(two, turned).score == 1.0
    assert compare(two, renamed).score == 1.0
    assert categories(one, two) == Counter(missing_node=1)
    assert categories(two, one) == Counter(extra=1)


def test_generic_nodes_compare_by_properties_and_pins() -> None:
    def generic(line: str, pin: str) -> Program:
        return parse(f'BLUEPRINT: A\nGRAPH: G\nNODE n1: "/Script/M.K2Node_X" {line}\n{pin}')

    one = generic("[Key=1]", "PIN n1.Size: in Int = 3")
    assert compare(one, generic("[Key=1.0]", "PIN n1.Size: in Int = 3")).score == 1.0
    assert categories(generic("[Key=2]", "PIN n1.Size: in Int = 3"), one)["wrong_parameter"] == 1
    assert categories(generic("[Key=1]", "PIN n1.Size: in Int = 4"), one)["wrong_parameter"] == 1
    assert categories(generic("[Key=1]", "PIN n1.Size: out Int = 3"), one)["wrong_parameter"] == 1


def test_wires_to_nodes_that_are_not_there_are_not_free() -> None:
    stray = parse(DOOR + "\nEXEC n6.Then -> n99.Execute")
    assert 0.9 < compare(EXPECTED, stray).score < 1.0
    assert categories(stray) == Counter(extra=1)
    assert categories(EXPECTED, stray) == Counter()


def _ring(length: int) -> Program:
    graph = Graph(
        "G",
        nodes=[Node(f"n{at}", "Delay") for at in range(length)],
        exec=[
            ExecWire(PinName(f"n{at}", "Completed"), PinName(f"n{(at + 1) % length}", "Execute"))
            for at in range(length)
        ],
    )
    return Program("P", graphs=[graph])


def _star(length: int) -> Program:
    graph = Graph(
        "G",
        nodes=[Node("hub", "VariableGet")] + [Node(f"n{at}", "PrintString") for at in range(length)],
        data=[DataWire(PinName("hub", "Value"), PinName(f"n{at}", "InString")) for at in range(length)],
    )
    return Program(
        "P",
        variables=[Variable("A", parse("BLUEPRINT: B\nVAR A: Int\nGRAPH: G").variables[0].type)],
        graphs=[graph],
    )


@pytest.mark.parametrize(
    "program",
    [_ring(1000), _star(1000), random_program(Random(4), 1000, 3000)],
    ids=["ring", "star", "random"],
)
def test_a_thousand_nodes_match_however_alike_they_are(program: Program) -> None:
    assert compare(program, renumbered(program, Random(1))).score == 1.0


def test_a_large_graph_that_lost_a_tenth() -> None:
    program = random_program(Random(9), 1000, 3000)
    graph = program.graphs[0]
    kept = {node.id for node in graph.nodes[100:]}

    def whole(wire: ExecWire | DataWire) -> bool:
        return wire.source.node in kept and wire.target.node in kept

    cut = Program(
        "P",
        graphs=[
            Graph(
                "G",
                nodes=graph.nodes[100:],
                exec=list(filter(whole, graph.exec)),
                data=list(filter(whole, graph.data)),
            )
        ],
    )
    shares = compare_in_detail(program, renumbered(cut, Random(2))).shares
    assert shares["nodes"].recall == 0.9 and shares["nodes"].precision == 1.0
    assert shares["exec"].precision > 0.9 and shares["data"].precision > 0.9


def test_parts_count_nodes_edges_and_the_graph_as_a_whole() -> None:
    whole = parse(
        'BLUEPRINT: BP_A\nGRAPH: EventGraph\nNODE n1: Event_BeginPlay\nNODE n2: PrintString [InString="a"]\n'
        "EXEC n1.Then -> n2.Execute"
    )
    unwired = parse(
        'BLUEPRINT: BP_A\nGRAPH: EventGraph\nNODE n1: Event_BeginPlay\nNODE n2: PrintString [InString="a"]'
    )
    parts = compare(whole, unwired).parts
    assert parts["nodes"].f1 == parts["parameters"].f1 == 1.0
    assert (parts["edges"].right, parts["edges"].expected, parts["edges"].actual) == (0, 1, 0)
    assert parts["graph"].f1 == 0.0
    assert all(share.f1 == 1.0 for share in compare(whole, whole).parts.values())
