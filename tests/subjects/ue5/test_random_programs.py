"""Random programs, values and exports go both ways, or are refused clearly."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.subjects.ue5.arranging import canonical
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.checker import check
from bluebook.subjects.ue5.comparison import compare_in_detail
from bluebook.subjects.ue5.export import ExportError
from bluebook.subjects.ue5.from_export import to_program
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.printing import print_program
from bluebook.subjects.ue5.program import (
    Comment,
    DataWire,
    Entry,
    ExecWire,
    Fields,
    Graph,
    Node,
    Number,
    Param,
    PinDeclaration,
    PinName,
    Program,
    Text,
    Type,
    Value,
    Word,
)
from bluebook.subjects.ue5.subgraphs import parts
from bluebook.subjects.ue5.to_clipboard import to_clipboard
from bluebook.subjects.ue5.values import from_unreal, to_unreal
from tests.subjects.ue5.exports import FIXTURES
from tests.subjects.ue5.exports import parse as read
from tests.subjects.ue5.programs import programs
from tests.subjects.ue5.test_damage import mutated
from tests.subjects.ue5.translating import BLUEPRINTS, back, same

words = st.from_regex(r"[A-Z][a-z]{1,6}", fullmatch=True)
letters = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=8
)
numbers = st.one_of(st.integers(-99, 99).map(str), st.sampled_from(["0.5", "-2.000000", "1e5"])).map(Number)
texts = letters.filter(lambda text: "'" not in text).map(Text)


def structures(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    keyed = st.dictionaries(words, inner, min_size=1, max_size=3).map(
        lambda found: Fields(tuple(Entry(key, value) for key, value in found.items()))
    )
    listed = st.lists(inner, min_size=1, max_size=3).map(
        lambda found: Fields(tuple(Entry(None, value) for value in found))
    )
    return st.one_of(keyed, listed)


values: st.SearchStrategy[Value] = st.recursive(
    st.one_of(numbers, texts, words.map(Word)), structures, max_leaves=6
)
KINDS = {
    "Bool": st.sampled_from(["true", "false"]).map(Word),
    "Int": st.integers(1, 99).map(str).map(Number),
    "Float": st.sampled_from(["0.5", "-3.25"]).map(Number),
    "String": letters.filter(bool).map(Text),
    "Name": words.map(Text),
    "Text": letters.filter(lambda text: text.strip() and not text.startswith("LOCTABLE")).map(Text),
    "Object": words.map(lambda word: Text(f"/Game/{word}.{word}")),
    "Vector": st.just(Fields(tuple(Entry(key, Number("1")) for key in "XYZ"))),
}


@st.composite
def foreign_programs(draw: st.DrawFn) -> Program:
    """Programs of classes that no entry describes, with any properties, pins, wires and places."""
    graph = Graph(draw(words))
    outputs: dict[str, list[PinName]] = {}
    for number in range(1, draw(st.integers(1, 5)) + 1):
        name = f"n{number}"
        params = draw(st.dictionaries(words.map(lambda word: f"My{word}"), values, max_size=3))
        graph.nodes.append(
            Node(
                name,
                f"/Script/Shop.K2Node_{draw(words)}",
                tuple(Param(key, value) for key, value in params.items()),
                (draw(st.integers(-99, 99)) * 16, draw(st.integers(-99, 99)) * 16),
            )
        )
        # Pins stand in the order of their names, as wires and so the text that comes back do.
        for label in sorted(draw(st.lists(letters, unique=True, max_size=4))):
            kind = draw(st.sampled_from(["Exec", *KINDS]))
            end = PinName(name, label)
            if draw(st.booleans()):
                graph.pins.append(PinDeclaration(end, True, Type(kind)))
                outputs.setdefault(kind, []).append(end)
                continue
            sources = outputs.get(kind, [])
            if sources and draw(st.booleans()):
                graph.pins.append(PinDeclaration(end, False, Type(kind)))
                source = draw(st.sampled_from(sources))
                if kind == "Exec":
                    graph.exec.append(ExecWire(source, end))
                else:
                    graph.data.append(DataWire(source, end, Type(kind)))
                continue
            set_to = draw(st.none() | KINDS[kind]) if kind in KINDS else None
            graph.pins.append(PinDeclaration(end, False, Type(kind), set_to))
    for wires in (graph.exec, graph.data):
        wires.sort(
            key=lambda wire: (
                int(wire.source.node[1:]),
                wire.source.pin,
                int(wire.target.node[1:]),
                wire.target.pin,
            )
        )
    for text in draw(st.lists(letters, max_size=2)):
        graph.comments.append(Comment(text, (draw(st.integers(-9, 9)) * 16, 0, 64, 32)))
    return Program(draw(words), graphs=[graph])


@settings(deadline=None)
@given(foreign_programs())
def test_any_program_of_foreign_classes_comes_back_the_same(one: Program) -> None:
    assert parse(print_program(one)) == one
    same(back(one, keep_layout=True), one)


@st.composite
def known_programs(draw: st.DrawFn) -> Program:
    """Programs of catalogue entries, with what they require, some literals, and wires between equal types."""
    catalogue = shipped()
    entries = [entry for entry in catalogue.nodes if not entry.open and "*" not in entry.name]
    graph = Graph("EventGraph")
    outputs: dict[str, list[PinName]] = {}
    used: set[PinName] = set()
    for number in range(1, draw(st.integers(1, 6)) + 1):
        entry = draw(st.sampled_from(entries))
        name = f"n{number}"
        params = [
            Param(
                spec.name, Word(draw(words)) if spec.type == "Name" else Text(f"/Script/Shop.{draw(words)}")
            )
            for spec in entry.params
            if spec.required
        ]
        for spec in entry.pins:
            end = PinName(name, spec.name)
            if "#" in spec.name or spec.type[0] == "@":
                continue
            if spec.output:
                outputs.setdefault(spec.type, []).append(end)
                continue
            free = [end for end in outputs.get(spec.type, []) if spec.type != "Exec" or end not in used]
            if free and draw(st.booleans()):
                source = draw(st.sampled_from(free))
                used.add(source)
                if spec.type == "Exec":
                    graph.exec.append(ExecWire(source, end))
                else:
                    graph.data.append(DataWire(source, end))
            elif spec.type in KINDS and entry.param(spec.name) is None and draw(st.booleans()):
                params.append(Param(spec.name, draw(KINDS[spec.type])))
        graph.nodes.append(Node(name, entry.name, tuple(params)))
    return Program("BP_Random", graphs=[graph])


@settings(deadline=None)
@given(known_programs())
def test_any_program_of_catalogue_entries_comes_back_as_the_same_graph(one: Program) -> None:
    again = back(one)
    details = compare_in_detail(one, again)
    shares = {
        kind: (share.recall, share.precision) for kind, share in details.shares.items() if kind != "variables"
    }
    assert shares == dict.fromkeys(shares, (1.0, 1.0)), details.errors
    same(back(again), again)


@given(values)
def test_a_value_comes_back_from_unreal_text(value: Value) -> None:
    assert from_unreal(to_unreal(value)) == value


@given(st.text(max_size=40))
def test_any_unreal_text_is_some_value(raw: str) -> None:
    assert to_unreal(from_unreal(raw)) is not None


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*(line for name in BLUEPRINTS for line in (FIXTURES / f"{name}.txt").read_text().split("\n"))]
        ),
        max_size=40,
    )
)
def test_damaged_exports_give_a_program_or_a_clear_refusal(lines: list[str]) -> None:
    try:
        found = to_program(read("\n".join(lines)), shipped())
    except ExportError:
        return
    assert parse(print_program(found.program)) == found.program
    pasted = to_clipboard(found.program, shipped())
    assert bool(found.program.graphs[0].nodes) == bool(pasted.text.strip())
    if pasted.text.strip():
        assert len(read(pasted.text).nodes) == len(found.program.graphs[0].nodes)


@settings(max_examples=40, deadline=None)
@given(programs)
def test_any_program_that_can_be_written_is_pasted_or_its_losses_are_named(one: Program) -> None:
    """Random names, types and values, with wires that lead nowhere: all of it is in the paste or in the list."""
    found = to_clipboard(one, shipped())
    if found.unexpressed:
        return
    pasted = read(found.text)
    assert pasted.dangling == [] and all(link.mutual for link in pasted.links)
    assert len(pasted.links) == len(one.graphs[0].exec) + len(one.graphs[0].data)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_damaged_export_is_refused_or_goes_both_ways(data: st.DataObject) -> None:
    """What survives is a program that prints, parses, can be checked and pasted, whatever was done to the bytes."""
    raw = data.draw(st.sampled_from(BLUEPRINTS).map(lambda name: (FIXTURES / f"{name}.txt").read_bytes()))
    for _ in range(data.draw(st.integers(1, 3))):
        raw = mutated(raw, data)
    try:
        program = to_program(read(raw), shipped()).program
    except ExportError as refused:
        assert re.match(r"paste\.txt:\d+: .", str(refused))
        return
    assert parse(print_program(program)) == program
    check(program, shipped())
    for _, part in parts(program, shipped()):
        canonical(part, shipped())
    text = to_clipboard(program, shipped()).text
    if text.strip():
        read(text)
