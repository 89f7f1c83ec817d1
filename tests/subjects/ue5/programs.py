"""Programs to test with: any that can be written, and small ones by hand."""

from __future__ import annotations

from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from bluebook.subjects.ue5.program import (
    Comment,
    DataWire,
    Entry,
    ExecWire,
    Fields,
    Graph,
    Literal,
    Node,
    Number,
    Param,
    PinDeclaration,
    PinName,
    Program,
    Text,
    Type,
    Value,
    Variable,
    Word,
)

T = TypeVar("T")

_letters = st.characters(exclude_categories=("Cs",))  # surrogates are no text
texts = st.text(_letters, max_size=12)
identifiers = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
names = identifiers | texts | st.sampled_from(["A.B", "NODE", "in", "true", "12", "a b", "#"])
places = st.integers(-99_999, 99_999)
numbers = st.from_regex(
    r"[+-]?([0-9]{1,4}(\.[0-9]{0,3})?|\.[0-9]{1,3})([eE][+-]?[0-9]{1,2})?", fullmatch=True
)
plain: st.SearchStrategy[Value] = (
    st.builds(Number, numbers) | st.builds(Text, texts) | st.builds(Word, identifiers)
)
values: st.SearchStrategy[Value] = st.recursive(
    plain,
    lambda inner: st.builds(
        Fields, st.lists(st.builds(Entry, st.none() | names, inner), max_size=3).map(tuple)
    ),
    max_leaves=6,
)
types = st.recursive(
    st.builds(Type, names),
    lambda inner: st.builds(Type, names, st.lists(inner, min_size=1, max_size=2).map(tuple)),
    max_leaves=4,
)
params = st.lists(st.builds(Param, names, values), max_size=3).map(tuple)
pins = st.builds(PinName, identifiers, names)
graphs = st.builds(
    Graph,
    name=names,
    params=params,
    nodes=st.lists(
        st.builds(Node, identifiers, names, params, st.none() | st.tuples(places, places)), max_size=4
    ),
    pins=st.lists(
        st.builds(PinDeclaration, pins, st.booleans(), types, st.none() | values, params), max_size=2
    ),
    exec=st.lists(st.builds(ExecWire, pins, pins), max_size=3),
    data=st.lists(st.builds(DataWire, pins, pins, st.none() | types), max_size=3),
    literals=st.lists(st.builds(Literal, values, pins, st.none() | types), max_size=2),
    comments=st.lists(
        st.builds(Comment, texts, st.none() | st.tuples(places, places, places, places), params), max_size=2
    ),
)
programs = st.builds(
    Program,
    blueprint=names,
    parent=st.none() | names,
    category=st.none() | names,
    variables=st.lists(st.builds(Variable, names, types, st.none() | values), max_size=3),
    graphs=st.lists(graphs, min_size=1, max_size=2),
)

DOOR = """BLUEPRINT: BP_Door
PARENT: Actor
VAR Open: Bool = false
GRAPH: EventGraph
NODE n1: Event_ActorBeginOverlap
NODE n2: VariableGet [VarName=Open]
NODE n3: Branch
NODE n4: PrintString [InString="It is open already", Duration=4.5]
NODE n5: VariableSet [VarName=Open, Value=true]
NODE n6: SetActorHiddenInGame [NewHidden=true]
EXEC n1.Then -> n3.Execute
EXEC n3.True -> n4.Execute
EXEC n3.False -> n5.Execute
EXEC n5.Then -> n6.Execute
DATA n2.Value -> n3.Condition [Bool]"""


def mixed(items: list[T], rng: Random) -> list[T]:
    return rng.sample(items, len(items))


def renumbered(program: Program, rng: Random) -> Program:
    """The same program with other ids, in another order."""
    found = []
    for graph in program.graphs:
        ids = [node.id for node in graph.nodes]
        new = {old: f"x{name}" for old, name in zip(ids, mixed(ids, rng), strict=True)}

        def pin(name: PinName, new: dict[str, str] = new) -> PinName:
            return PinName(new[name.node], name.pin)

        found.append(
            Graph(
                graph.name,
                nodes=mixed([Node(new[node.id], node.type, node.params) for node in graph.nodes], rng),
                exec=mixed([ExecWire(pin(wire.source), pin(wire.target)) for wire in graph.exec], rng),
                data=mixed(
                    [DataWire(pin(wire.source), pin(wire.target), wire.type) for wire in graph.data], rng
                ),
                literals=mixed(
                    [Literal(one.value, pin(one.target), one.type) for one in graph.literals], rng
                ),
            )
        )
    return Program(program.blueprint, program.parent, program.category, mixed(program.variables, rng), found)
