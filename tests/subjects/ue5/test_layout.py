"""Where nodes and comments stand."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.ue5.layout import layout
from bluebook.subjects.ue5.program import (
    Comment,
    Entry,
    Fields,
    Number,
    Param,
)
from tests.subjects.ue5.exports import block, pin
from tests.subjects.ue5.exports import parse as read
from tests.subjects.ue5.translating import back, forward, same


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
