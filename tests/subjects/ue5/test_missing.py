"""Which wires leave it possible to reach every node: the answer without trying against the answer by trying."""

from __future__ import annotations

from functools import reduce
from itertools import product
from random import Random

import pytest

from bluebook.subjects.ue5 import checker, language
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.drafts import Draft
from bluebook.subjects.ue5.missing import Missing
from bluebook.subjects.ue5.printing import label_text

CATALOGUE = shipped()
RUNNING = ["Event_Tick", "Event_BeginPlay", "Branch", "PrintString", "Delay", "Sequence", "SwitchOnInt"]
SCARCE = ["Event_Tick", "PrintString", "Delay", "FunctionResult"]  # the last one has no exec output
OPEN = ["Event_Custom [EventName=Rung]", "SwitchOnName", "CallFunction [FunctionName=Ring]"]


def _draft(rng: Random, kinds: list[str]) -> Draft:
    """Nodes that run, or may, and some wires between them."""
    draft = Draft(CATALOGUE, fitting={}).with_line("GRAPH: EventGraph")
    for number in range(1, rng.randint(3, 8)):
        draft = draft.with_line(f"NODE n{number}: {rng.choice(kinds)}")
    for _ in range(rng.randrange(7)):
        if lines := [line for _, _, line in _wires(draft)]:
            draft = draft.with_line(rng.choice(lines))
    return draft


def _wires(draft: Draft) -> list[tuple[str, str, str]]:
    """Every exec wire that a free output could begin: its ends, and its line."""
    return [
        (
            f"{source.node}.{source.name}",
            target.node,
            f"EXEC {source.node}.{label_text(source.name or 'Case_Else')}"
            f" -> {target.node}.{label_text(target.name or 'In')}",
        )
        for found in draft.nodes.values()
        for source in draft.outputs(found, True)
        for other in draft.nodes.values()
        for target in draft.inputs(other, True)
        if found is not other
    ]


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("kinds", [RUNNING, SCARCE, RUNNING + OPEN], ids=["closed", "scarce", "open"])
def test_a_wire_is_offered_where_nothing_is_short_after_it(seed: int, kinds: list[str]) -> None:
    draft = _draft(Random(seed), kinds)
    possible = {
        (source, target)
        for source, target, line in _wires(draft)
        if Missing(draft.with_line(line)).shortfall == 0
    }
    offered = {
        (f"{source.node}.{source.name}", pin.node)
        for source, ends in Missing(draft).exec_wires.items()
        for pin in ends
    }
    # Of a family such as `Then_#` only the first free ones are offered: they are alike.
    assert offered <= possible
    assert {(source.partition(".")[0], target) for source, target in possible} == {
        (source.partition(".")[0], target) for source, target in offered
    }


def test_wires_of_all_kinds_were_tried() -> None:
    """The test above sees offers refused and made, from nodes that run and from lost ones to both."""
    made, refused = 0, 0
    for seed in range(60):
        draft = _draft(Random(seed), RUNNING)
        offered = sum(map(len, Missing(draft).exec_wires.values()))
        made, refused = made + bool(offered), refused + (offered < len(_wires(draft)))
    assert min(made, refused) > 10


def test_a_circle_of_lost_nodes_uses_up_the_way_to_another() -> None:
    nodes = ["Event_Tick", "PrintString", "PrintString", "FunctionResult"]
    lines = [f"NODE n{number}: {kind}" for number, kind in enumerate(nodes, 1)]
    draft = _written(["GRAPH: EventGraph", *lines, "EXEC n2.Then -> n3.Execute"])
    offered = {(source.node, pin.node) for source, ends in Missing(draft).exec_wires.items() for pin in ends}
    assert offered == {("n1", "n2"), ("n3", "n4")}


READING = ["AddInt", "NotBool", "GreaterThan", "MultiplyFloat", "MakeVector", "Branch", "PrintString"]


def _graph(rng: Random) -> list[str]:
    """An event, and nodes that read and are read, all that run reached from it."""
    kinds = [rng.choice(READING) for _ in range(rng.randint(3, 8))]
    lines = ["GRAPH: EventGraph", "NODE n1: Event_Tick"]
    lines += [f"NODE n{number}: {kind}" for number, kind in enumerate(kinds, 2)]
    last = "n1.Then"
    for number, kind in enumerate(kinds, 2):
        if kind in RUNNING:
            lines.append(f"EXEC {last} -> n{number}.Execute")
            last = f"n{number}.{'True' if kind == 'Branch' else 'Then'}"
    return lines


def _written(lines: list[str]) -> Draft:
    return reduce(Draft.with_line, lines, Draft(CATALOGUE, fitting={}))


def _fits(lines: list[str], line: str) -> bool:
    """Whether a wire ends at pins of types that fit, by the checker."""
    program = language.parse("\n".join(["BLUEPRINT: BP_Gate", *lines, line]))
    return {fault.code for fault in checker.check(program, CATALOGUE)} <= {"unreachable", "unused"}


@pytest.mark.parametrize("seed", range(40))
def test_a_wire_is_offered_where_all_can_still_be_read_after_it(seed: int) -> None:
    lines = _graph(Random(seed))
    draft = _written(lines)
    state = Missing(draft)
    offered = {(source, pin) for source, ends in state.data_wires.items() for pin in ends}
    for one, other in product(draft.nodes.values(), repeat=2):
        backwards = (
            one.kind.is_pure and other.kind.is_pure and other.number <= one.number
        )  # could be a circle
        for source, target in product(draft.outputs(one, False), draft.inputs(other, False)):
            line = f"DATA {source.node}.{source.name} -> {target.node}.{target.name}"
            if (source, target) in offered:
                assert Missing(draft.with_line(line)).shortfall <= state.shortfall, line
            elif one is not other and not backwards and _fits(lines, line):
                assert Missing(draft.with_line(line)).shortfall > state.shortfall, line


@pytest.mark.parametrize("seed", range(40))
def test_what_is_not_tried_would_not_mend(seed: int) -> None:
    draft = _draft(Random(seed), RUNNING) if seed % 2 else _written(_graph(Random(seed)))
    state = Missing(draft)
    for kind in CATALOGUE.nodes:
        if not state.may_mend(kind):
            assert Missing(draft.with_node(kind)).shortfall >= state.shortfall, kind.name
