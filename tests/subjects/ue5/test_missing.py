"""Which wires leave it possible to reach every node: the answer without trying against the answer by trying."""

from __future__ import annotations

from random import Random

import pytest

from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.drafts import Draft
from bluebook.subjects.ue5.missing import Missing
from bluebook.subjects.ue5.printing import label_text

CATALOGUE = shipped()
RUNNING = ["Event_Tick", "Event_BeginPlay", "Branch", "PrintString", "Delay", "Sequence", "SwitchOnInt"]
OPEN = ["Event_Custom [EventName=Rung]", "SwitchOnName", "CallFunction [FunctionName=Ring]"]


def _draft(rng: Random, kinds: list[str]) -> Draft:
    """Nodes that run, or may, and some wires between them."""
    draft = Draft(CATALOGUE, fitting={}).with_line("GRAPH: EventGraph")
    for number in range(1, rng.randint(3, 9)):
        draft = draft.with_line(f"NODE n{number}: {rng.choice(kinds)}")
    for _ in range(rng.randrange(5)):
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
@pytest.mark.parametrize("kinds", [RUNNING, RUNNING + OPEN], ids=["closed", "open"])
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
