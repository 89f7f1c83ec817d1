"""Where two programs differ: what each side says that the other does not, so that it can be pointed at.

`comparison.py` counts the same things. Here they keep their names: nodes, wires and parameters of either side
that have no counterpart on the other. A wire set at another pin is therefore odd on both sides, and so is every
wire of an odd node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from bluebook.subjects.ue5.comparison import graph_pairs, net
from bluebook.subjects.ue5.matching import Edge, Net, match_nets
from bluebook.subjects.ue5.program import Graph, PinName, Program

_Params = list[Counter[tuple[str, str]]]


class Odd(msgspec.Struct):
    """What a graph has and its counterpart has not. `values` are by node: the parameters of one that is on
    both sides."""

    graph: Graph
    nodes: list[str]
    wires: list[tuple[PinName, PinName]]
    values: dict[str, list[str]]


def differences(expected: Program, actual: Program) -> list[tuple[Odd, Odd]]:
    """The graphs of two normalised programs that are compared with each other, each with what is odd about it.
    An empty graph stands in for one that is missing."""
    return [_graphs(one, other) for one, other in graph_pairs(expected.graphs, actual.graphs)]


def _graphs(expected: Graph, actual: Graph) -> tuple[Odd, Odd]:
    (one, params), (other, others) = net(expected), net(actual)
    partner = match_nets(one, other)
    back = {value: key for key, value in partner.items()}
    return (
        _odd(expected, one, other, partner, (params, others)),
        _odd(actual, other, one, back, (others, params)),
    )


def _odd(
    graph: Graph, own: Net, other: Net, partner: Mapping[int, int], params: tuple[_Params, _Params]
) -> Odd:
    """What is odd about `graph`, whose net is `own`; `partner` leads from its nodes to those of `other`."""
    there = Counter(other.edges)
    wires = []
    for edge in own.edges:
        same = Edge(partner.get(edge.source, -1), partner.get(edge.target, -1), edge.label)
        if there[same]:
            there[same] -= 1
        else:
            _, output, into = edge.label
            ends = graph.nodes[edge.source].id, graph.nodes[edge.target].id
            wires.append((PinName(ends[0], output), PinName(ends[1], into)))
    values = {}
    for number, node in enumerate(graph.nodes):
        if number in partner:
            own_values, other_values = params[0][number], params[1][partner[number]]
            said = [f"{key} = {value}" for key, value in sorted((own_values - other_values).elements())]
            known = {key for key, _ in own_values}
            unsaid = sorted({key for key, _ in other_values - own_values if key not in known})
            if said or unsaid:
                values[node.id] = said + [f"{key} not set" for key in unsaid]
    nodes = [node.id for number, node in enumerate(graph.nodes) if number not in partner]
    return Odd(graph, nodes, wires, values)
