"""How near an answer is to a reference: the same nodes, parameters and wires, whatever they are called and in
which order.

Nodes are matched (`matching.py`); then everything a program says is counted: variables, nodes, parameters
(literals included), exec wires and data wires. Something is right when the reference says it of a node and
the answer says the same of that node's match. The score is F1 over all of these together:

    2 · right / (said by the reference + said by the answer)

1.0 means the same graph. What nearly every program shares earns nothing: a parent class counts only where the
two differ, names of blueprints, categories, comments and layout never do.

Errors are of these categories: `missing_variable`, `missing_node`, `missing_exec`, `missing_data`,
`wrong_parameter`, `wrong_pin` (the right two nodes are joined, at another pin), `extra` (the answer says what
the reference does not).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

import msgspec

from bluebook.records import GradeError, Share
from bluebook.subjects.subject import Comparison
from bluebook.subjects.ue5.catalogue import Catalogue, shipped
from bluebook.subjects.ue5.matching import Edge, Net, match_nets
from bluebook.subjects.ue5.normalising import normalise
from bluebook.subjects.ue5.printing import type_text
from bluebook.subjects.ue5.program import Graph, PinName, Program, same_value

_DEFAULT_PARENT = "Actor"


class Details(msgspec.Struct):
    """What `compare` sums up, one share a kind: `variables`, `nodes`, `parameters`, `exec`, `data`,
    `parent`."""

    shares: dict[str, Share]
    errors: list[GradeError]
    per_construct: dict[str, float]

    @property
    def score(self) -> float:
        return sum(self.shares.values(), Share()).f1

    @property
    def same_graph(self) -> bool:
        return not self.errors

    @property
    def parts(self) -> dict[str, Share]:
        """What the exam's figures tell apart; `graph` is right or not as a whole."""
        return {
            "nodes": self.shares["nodes"],
            "parameters": self.shares["parameters"],
            "edges": self.shares["exec"] + self.shares["data"],
            "graph": Share(int(self.same_graph), 1, 1),
        }


def compare(expected: Program, actual: Program, catalogue: Catalogue | None = None) -> Comparison:
    """Grade `actual` against `expected`, both as parsed. The catalogue decides which spellings mean the
    same."""
    details = compare_in_detail(expected, actual, catalogue)
    return Comparison(
        score=details.score,
        errors=details.errors,
        per_construct=details.per_construct,
        parts=details.parts,
    )


def compare_in_detail(expected: Program, actual: Program, catalogue: Catalogue | None = None) -> Details:
    """`compare` with precision and recall of each kind of thing."""
    catalogue = catalogue or shipped()
    expected, actual = normalise(expected, catalogue), normalise(actual, catalogue)
    tally = _Tally()
    tally.variables(expected, actual)
    for one, other in graph_pairs(expected.graphs, actual.graphs):
        tally.graph(one, other)
    constructs = {node.type for graph in expected.graphs for node in graph.nodes}
    return Details(
        tally.shares, tally.errors, {name: float(name not in tally.blamed) for name in sorted(constructs)}
    )


def graph_pairs(expected: list[Graph], actual: list[Graph]) -> list[tuple[Graph, Graph]]:
    """Which graphs are compared: graphs by name; those left over in their order; an empty graph stands in for
    one that is missing."""
    free = list(actual)
    pairs = []
    unnamed = []
    for graph in expected:
        found = next((other for other in free if other.name == graph.name), None)
        if found is None:
            unnamed.append(graph)
        else:
            free.remove(found)
            pairs.append((graph, found))
    for graph in unnamed:
        pairs.append((graph, free.pop(0) if free else Graph(graph.name)))
    return pairs + [(Graph(graph.name), graph) for graph in free]


def net(graph: Graph) -> tuple[Net, list[Counter[tuple[str, str]]]]:
    """A graph to match, and the parameters of each of its nodes."""
    index = {node.id: number for number, node in enumerate(graph.nodes)}
    params: list[Counter[tuple[str, str]]] = [
        Counter((param.key, same_value(param.value)) for param in node.params) for node in graph.nodes
    ]
    for literal in graph.literals:
        if literal.target.node in index:
            params[index[literal.target.node]][literal.target.pin, same_value(literal.value)] += 1
    for pin in graph.pins:
        if pin.pin.node in index:
            direction = "out" if pin.output else "in"
            said = f"{direction} {type_text(pin.type)}" + (
                f" = {same_value(pin.default)}" if pin.default else ""
            )
            params[index[pin.pin.node]][pin.pin.pin, said] += 1
    wires: Iterable[tuple[str, PinName, PinName]] = [
        *(("exec", wire.source, wire.target) for wire in graph.exec),
        *(("data", wire.source, wire.target) for wire in graph.data),
    ]
    edges = [
        Edge(index[source.node], index[target.node], (kind, source.pin, target.pin))
        for kind, source, target in wires
        if source.node in index and target.node in index
    ]
    details: list[Hashable] = [tuple(sorted(found.items())) for found in params]
    return Net([node.type for node in graph.nodes], details, edges), params


def _loose(graph: Graph, found: Net, kind: str) -> int:
    wires = graph.exec if kind == "exec" else graph.data
    return len(wires) - sum(edge.label[0] == kind for edge in found.edges)


class _Tally:
    """Everything right and wrong so far. `blamed` are the constructs that the answer did not show right."""

    def __init__(self) -> None:
        self.shares = {
            kind: Share() for kind in ("variables", "nodes", "parameters", "exec", "data", "parent")
        }
        self.errors: list[GradeError] = []
        self.blamed: set[str] = set()

    def add(self, kind: str, right: int, expected: int, actual: int) -> None:
        self.shares[kind] += Share(right, expected, actual)

    def error(self, category: str, construct: str, detail: str) -> None:
        self.errors.append(GradeError(category=category, construct=construct, detail=detail))
        if category != "extra":
            self.blamed.add(construct)

    def variables(self, expected: Program, actual: Program) -> None:
        said = [
            Counter(
                (v.name, type_text(v.type), same_value(v.default) if v.default else "")
                for v in program.variables
            )
            for program in (expected, actual)
        ]
        self.add("variables", (said[0] & said[1]).total(), said[0].total(), said[1].total())
        for name, kind, default in sorted((said[0] - said[1]).elements()):
            self.error("missing_variable", "VAR", f"{name}: {kind}" + (f" = {default}" if default else ""))
        for name, kind, _ in sorted((said[1] - said[0]).elements()):
            self.error("extra", "VAR", f"{name}: {kind}")
        parents = [program.parent or _DEFAULT_PARENT for program in (expected, actual)]
        if parents[0] != parents[1]:
            self.add("parent", 0, 1, 1)
            self.error("wrong_parameter", "PARENT", f"{parents[0]}, not {parents[1]}")

    def graph(self, expected: Graph, actual: Graph) -> None:
        (one, params), (other, other_params) = net(expected), net(actual)
        partner = match_nets(one, other)
        self.add("nodes", len(partner), len(one.types), len(other.types))
        for number, node in enumerate(expected.nodes):
            if number not in partner:
                self.error("missing_node", node.type, f"{node.id}: {node.type}")
        taken = set(partner.values())
        for number, node in enumerate(actual.nodes):
            if number not in taken:
                self.error("extra", node.type, f"{node.id}: {node.type}")
        self.params(expected, params, other_params, partner)
        for kind in ("exec", "data"):
            self.wires(kind, one, other, partner)
            # Wires at nodes that the answer itself does not have.
            loose = _loose(actual, other, kind) - _loose(expected, one, kind)
            if loose > 0:
                self.add(kind, 0, 0, loose)
                self.error("extra", "", f"{loose} {kind} wires at nodes that nothing declares")

    def params(
        self,
        expected: Graph,
        params: list[Counter[tuple[str, str]]],
        others: list[Counter[tuple[str, str]]],
        partner: dict[int, int],
    ) -> None:
        right = 0
        for number, other in sorted(partner.items()):
            node = expected.nodes[number]
            right += (params[number] & others[other]).total()
            for key, value in sorted((params[number] - others[other]).elements()):
                self.error("wrong_parameter", node.type, f"{node.id}: {key}={value}")
            known = {key for key, _ in params[number]}
            for key, value in sorted((others[other] - params[number]).elements()):
                if key not in known:
                    self.error("wrong_parameter", node.type, f"{node.id}: no {key}={value}")
        self.add("parameters", right, sum(map(Counter.total, params)), sum(map(Counter.total, others)))

    def wires(self, kind: str, one: Net, other: Net, partner: dict[int, int]) -> None:
        wanted = Counter(edge for edge in one.edges if edge.label[0] == kind)
        back = {value: key for key, value in partner.items()}
        given: Counter[Edge] = Counter()
        strangers = 0
        for edge in other.edges:
            if edge.label[0] != kind:
                continue
            if edge.source in back and edge.target in back:
                given[Edge(back[edge.source], back[edge.target], edge.label)] += 1
            else:
                strangers += 1
        self.add(kind, (wanted & given).total(), wanted.total(), given.total() + strangers)
        spare = Counter((edge.source, edge.target) for edge in (given - wanted).elements())
        for edge in sorted((wanted - given).elements(), key=repr):
            self.missing_wire(kind, edge, one, partner, spare)
        for source, target in sorted(spare.elements()):
            detail = f"{kind} wire from {one.types[source]} to {one.types[target]}"
            self.error("extra", one.types[target], detail)
            self.blamed.add(one.types[target])
        if strangers:
            self.error("extra", "", f"{strangers} {kind} wires at nodes that should not be there")

    def missing_wire(
        self, kind: str, edge: Edge, one: Net, partner: dict[int, int], spare: Counter[tuple[int, int]]
    ) -> None:
        _, output, into = edge.label
        source, target = one.types[edge.source], one.types[edge.target]
        detail = f"{source}.{output} -> {target}.{into}"
        if spare[edge.source, edge.target]:
            spare[edge.source, edge.target] -= 1
            category = "wrong_pin"
        else:
            category = f"missing_{kind}"
        self.errors.append(GradeError(category=category, construct=target, detail=detail))
        # A wire to a node that is missing is that node's fault alone.
        if edge.source in partner and edge.target in partner:
            self.blamed |= {source, target}
