"""The ue5 subject as the spine sees it: exports to records to examples, generated programs, rules, sample data."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.errors import BluebookError, ParamsError
from bluebook.params import (
    ComposeParams,
    ExamParams,
    GateParams,
    LessonParams,
    LoraParams,
    StopEarlyParams,
    SubjectParams,
    TrainParams,
)
from bluebook.records import DatasetRow, Message, Outcome, TokenCount
from bluebook.subjects.ue5 import create
from bluebook.subjects.ue5.arranging import arrange, canonical
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.from_export import to_program
from bluebook.subjects.ue5.generator import CORE, Generator, reserved_for
from bluebook.subjects.ue5.instructions import instruct, spoken
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.printing import print_program
from bluebook.subjects.ue5.program import Program
from bluebook.subjects.ue5.records import IngestPolicy, Ue5Record
from bluebook.subjects.ue5.subgraphs import parts
from bluebook.subjects.ue5.subject import Ue5
from bluebook.subjects.ue5.to_clipboard import to_clipboard
from bluebook.subjects.ue5.wordings import REGISTERS, Register
from tests.subjects.ue5.exports import FIXTURES
from tests.subjects.ue5.exports import parse as read
from tests.subjects.ue5.programs import DOOR, renumbered

CATALOGUE = shipped()
DATA = Path(__file__).parents[3] / "data"
POLICY = IngestPolicy(max_bytes=10_000_000, max_nodes=16, wordings=3)

TWO_EVENTS = """BLUEPRINT: BP_Well
VAR Depth: Float = 4
VAR Dry: Bool
GRAPH: EventGraph
NODE n1: Event_BeginPlay
NODE n2: SetTimerByFunctionName [FunctionName="Drip", Time=2]
NODE n3: Event_Custom [EventName=Drip]
NODE n4: VariableGet [VarName=Depth]
NODE n5: PrintString
NODE n6: Event_EndPlay
NODE n7: VariableSet [VarName=Dry, Value=true]
EXEC n1.Then -> n2.Execute
EXEC n3.Then -> n5.Execute
EXEC n6.Then -> n7.Execute
DATA n4.Value -> n5.InString [Float]"""


@pytest.fixture(scope="module")
def subject() -> Ue5:
    return Ue5(POLICY, 7, CATALOGUE)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(CATALOGUE)


def types(text: str) -> frozenset[str]:
    return frozenset(node.type for graph in parse(text).graphs for node in graph.nodes)


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(to_clipboard(parse(text), CATALOGUE).text)


def ingested(subject: Ue5, raw: Path) -> tuple[list[Ue5Record], dict[str, Outcome]]:
    rows = list(subject.ingest(raw))
    records = [row for row in rows if isinstance(row, Ue5Record)]
    return records, {row.path: row for row in rows if isinstance(row, Outcome)}


# The standard form


def test_the_standard_form_follows_the_flow_whatever_the_order_was() -> None:
    one = arrange(parse(DOOR), CATALOGUE)
    assert arrange(one, CATALOGUE) == one
    for seed in range(10):
        assert arrange(renumbered(parse(DOOR), Random(seed)), CATALOGUE) == one


def test_equal_graphs_have_one_canonical_text_and_others_have_not() -> None:
    base = canonical(parse(DOOR), CATALOGUE)
    assert canonical(parse(DOOR.replace("BP_Door", "BP_Other")), CATALOGUE) == base
    assert canonical(parse(DOOR.replace("4.5", "4.500")), CATALOGUE) == base
    assert canonical(parse(DOOR.replace("[Bool]", "")), CATALOGUE) == base
    for old, new in (("4.5", "4"), ("n3.True", "n3.False"), ("=true]", "=false]"), ("Open", "Ajar")):
        swapped = DOOR.replace("n3.False", "n3.TMP") if new == "n3.False" else DOOR
        changed = swapped.replace(old, new).replace("n3.TMP", "n3.True")
        assert canonical(parse(changed), CATALOGUE) != base


def test_pieces_that_look_alike_are_told_apart_by_what_they_share() -> None:
    """Four equal events, two of which read one variable node and two another."""
    heads = [
        f"NODE e{at}: Event_Tick\nNODE p{at}: PrintString\nEXEC e{at}.Then -> p{at}.Execute"
        for at in range(4)
    ]
    reads = [f"DATA v{at // 2}.Value -> p{at}.InString" for at in range(4)]
    notes = [f"NODE v{at}: VariableGet [VarName=Note]" for at in range(2)]
    text = "\n".join(["BLUEPRINT: B", "VAR Note: String", "GRAPH: EventGraph", *heads, *notes, *reads])
    base = canonical(parse(text), CATALOGUE)
    for seed in range(20):
        assert canonical(renumbered(parse(text), Random(seed)), CATALOGUE) == base


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_generated_programs_are_the_same_under_other_names(seed: int) -> None:
    program = parse(Generator(CATALOGUE).generate((), Random(seed)).response)
    assert canonical(renumbered(program, Random(seed)), CATALOGUE) == canonical(program, CATALOGUE)


# Parts that stand alone


def test_an_event_stands_alone_with_what_it_drives_reads_and_names() -> None:
    found = dict(parts(parse(TWO_EVENTS), CATALOGUE))
    begin = found["Event_BeginPlay"]
    assert {node.id for node in begin.graphs[0].nodes} == {"n1", "n2", "n3", "n4", "n5"}
    assert [variable.name for variable in begin.variables] == ["Depth"]
    assert {node.id for node in found["Event_Custom"].graphs[0].nodes} == {"n3", "n4", "n5"}
    assert {node.id for node in found["Event_EndPlay"].graphs[0].nodes} == {"n6", "n7"}
    assert len(found["whole"].graphs[0].nodes) == 7


def test_a_part_brings_the_graph_that_a_collapsed_node_stands_for() -> None:
    program = to_program(read((FIXTURES / "collapsed.txt").read_bytes()), CATALOGUE).program
    [(_, part)] = parts(program, CATALOGUE)
    assert [graph.name for graph in part.graphs] == ["EventGraph", "Light all lamps"]


# Ingest


def test_every_file_has_one_outcome_and_every_record_is_paid_for(subject: Ue5, tmp_path: Path) -> None:
    write(tmp_path, "b_well.txt", TWO_EVENTS)
    write(tmp_path, "c_again.txt", TWO_EVENTS.replace("BP_Well", "BP_Copy"))
    write(tmp_path, "d_idle.txt", "BLUEPRINT: B\nGRAPH: EventGraph\nNODE n1: PrintString")
    other = TWO_EVENTS.replace("EventName=Drip", "EventName=Seep").replace('"Drip"', '"Seep"')
    whole = to_clipboard(parse(other), CATALOGUE).text
    (tmp_path / "a_cut.txt").write_text(whole[: whole.rindex("CustomProperties Pin") - 100])
    (tmp_path / "e_note.txt").write_text("nothing of the kind")
    shutil.copy(FIXTURES / "material.txt", tmp_path / "f_material.txt")
    (tmp_path / "g_large.txt").write_bytes(b" " * (POLICY.max_bytes + 1))
    records, ledger = ingested(subject, tmp_path)
    told = {path: (row.outcome, row.reason) for path, row in ledger.items()}
    assert told == {
        "a_cut.txt": ("kept", "damaged"),
        "b_well.txt": ("kept", None),
        "c_again.txt": ("duplicate", "duplicate"),
        "d_idle.txt": ("dropped", "no_event"),
        "e_note.txt": ("quarantined", "no_graph"),
        "f_material.txt": ("quarantined", "kind_material"),
        "g_large.txt": ("dropped", "too_large"),
    }
    assert sum(row.pairs for row in ledger.values()) == len(records) > 0
    assert [record.id for record in records] == sorted({record.id for record in records})
    assert list(subject.ingest(tmp_path)) == list(subject.ingest(tmp_path))


def test_a_record_becomes_examples_that_pass_every_rule(subject: Ue5, tmp_path: Path) -> None:
    write(tmp_path, "well.txt", TWO_EVENTS)
    records, _ = ingested(subject, tmp_path)
    for record in records:
        examples = list(subject.format(record))
        assert len({one.id for one in examples}) == len({one.prompt for one in examples}) == POLICY.wordings
        for one in examples:
            assert one.origin.group == record.group
            assert one.constructs == sorted(types(one.response))
            assert all(rule.holds(row(one.response)) for rule in subject.expectations().rows)


def row(response: str) -> DatasetRow:
    said = Message(role="assistant", content=response)
    return DatasetRow(id="r", prompt=[], completion=[said], tokens=TokenCount(prompt=1, completion=1))


@pytest.mark.parametrize(
    ("response", "broken"),
    [
        ("BLUEPRINT BP_Door", {"parses", "checks", "canonical"}),
        (DOOR.replace("[Bool]", "").replace("n3.True", "n3.Maybe"), {"checks"}),
        (DOOR, {"canonical"}),
        ("", {"parses", "checks", "canonical"}),
    ],
)
def test_each_rule_catches_what_it_is_for(subject: Ue5, response: str, broken: set[str]) -> None:
    found = {rule.name for rule in subject.expectations().rows if not rule.holds(row(response))}
    assert found >= broken
    assert found - broken <= {"canonical"}


# Instructions


@pytest.mark.parametrize("register", REGISTERS)
def test_an_instruction_names_everything_that_the_program_holds(
    register: Register, generator: Generator
) -> None:
    for seed in range(60):
        program = parse(generator.generate((), Random(seed)).response)
        said = instruct(program, CATALOGUE, register, Random(seed))
        assert program.blueprint in said
        assert all(variable.name in said for variable in program.variables)
        for graph in program.graphs:
            for node in graph.nodes:
                if node.type not in ("VariableGet", "VariableSet"):
                    assert node.type in said or spoken(node.type) in said, (node.type, said)
                for param in node.params:
                    text = print_program(Program("B", graphs=[graph]))
                    shown = text.partition(f"NODE {node.id}: ")[2].partition(f"{param.key}=")[2]
                    assert shown and shown.split("]")[0].split(", ")[0].rstrip(")") in said, (param, said)


def test_changing_one_literal_or_wire_changes_the_instruction() -> None:
    base = arrange(parse(DOOR), CATALOGUE)
    for register in REGISTERS:
        said = instruct(base, CATALOGUE, register, Random(3))
        for old, new in (("4.5", "5.5"), ("n3.True -> n4", "n3.True -> n6"), ("Open", "Shut")):
            other = arrange(parse(DOOR.replace(old, new)), CATALOGUE)
            assert instruct(other, CATALOGUE, register, Random(3)) != said


@pytest.mark.parametrize("register", REGISTERS)
def test_an_instruction_tells_every_wire(register: Register, generator: Generator) -> None:
    """Whichever wire is taken away, the program is asked for in other words."""
    for seed in range(30):
        program = parse(generator.generate((), Random(seed)).response)
        said = instruct(program, CATALOGUE, register, Random(1))
        lines = print_program(program).split("\n")
        for at, line in enumerate(lines):
            if line.startswith(("EXEC", "DATA")):
                less = arrange(parse("\n".join(lines[:at] + lines[at + 1 :])), CATALOGUE)
                assert instruct(less, CATALOGUE, register, Random(1)) != said, line


# Generated programs


def test_every_node_type_can_be_asked_for_and_passes_the_checker(subject: Ue5) -> None:
    for node in CATALOGUE.nodes:
        made = subject.generate((node.name,), Random(node.name))
        assert node.name in made.constructs or node.name == "CastTo*"
        assert subject.check(subject.parse(made.response)) == [], made.response


def test_programs_are_canonical_small_varied_and_never_reserved(subject: Ue5) -> None:
    made = [subject.generate((), Random(seed)) for seed in range(300)]
    for one in made:
        program = subject.parse(one.response)
        assert subject.check(program) == []
        assert print_program(arrange(program, CATALOGUE)) == one.response
        assert reserved_for(program) is None
        assert 2 <= sum(len(graph.nodes) for graph in program.graphs) <= 16
    assert len({one.response for one in made}) > 290
    assert len({name for one in made for name in one.constructs}) > 120
    core = [one for one in made if set(one.constructs) <= set(CORE)]
    assert 0.4 < len(core) / len(made) < 0.7
    assert subject.generate((), Random(5)) == subject.generate((), Random(5))


def test_generated_programs_come_back_from_the_clipboard(generator: Generator) -> None:
    for seed in range(60):
        program = parse(generator.generate((), Random(seed)).response)
        pasted = to_clipboard(program, CATALOGUE)
        assert pasted.unexpressed == []
        again = to_program(read(pasted.text), CATALOGUE)
        assert again.unexpressed == []
        assert Counter(node.type for node in again.program.graphs[0].nodes) == Counter(
            node.type for node in program.graphs[0].nodes
        )


def test_an_unknown_construct_is_refused_with_a_suggestion(subject: Ue5) -> None:
    with pytest.raises(BluebookError, match="did you mean 'DestroyActor'"):
        subject.generate(("DestroyAktor",), Random(1))


# Sample data


def test_the_sample_data_give_what_they_should(subject: Ue5) -> None:
    records, ledger = ingested(subject, DATA / "raw/ue5")
    odd = {path: (row.outcome, row.reason) for path, row in ledger.items() if row.reason}
    assert odd == {
        "BP_Signpost_copy.txt": ("duplicate", "duplicate"),
        "BP_WeatherVane_cut.txt": ("kept", "damaged"),
        "CR_Heron.txt": ("quarantined", "kind_rigvm"),
        "M_Brass.txt": ("quarantined", "kind_material"),
    }
    assert len(records) >= 60


# Settings


def settings_with(**ingest: object) -> SubjectParams:
    train = TrainParams(
        method="full",
        quantisation="nf4",
        optimizer="muon",
        epochs=1,
        batch=1,
        learning_rate=0.1,
        matrix_learning_rate=0.1,
        warmup_share=0,
        weight_decay=0,
        lora=LoraParams(rank=1, alpha=1, dropout=0, targets="all-linear"),
        regions={},
        input_noise=0.0,
        syntax_weight=0.0,
        curriculum=[],
        stop_early=StopEarlyParams(every=0, items=32, patience=3, target=1.0),
    )
    return SubjectParams(
        raw="data/raw/ue5",
        ingest=ingest,
        expect={},
        compose=ComposeParams(
            validation_share=0.05,
            holdout_share=0.15,
            near_duplicate=0.85,
            rotation=0,
            generated=0,
            without=[],
        ),
        gate=GateParams(minimum_samples=1, too_few="warn", waivers={}),
        train=train,
        exam=ExamParams(mode="constrained", max_new_tokens=1, max_seconds=1, max_items=0),
        lessons=LessonParams(size=1, weak_below=0.85, replay=0.0),
    )


def test_settings_are_typed() -> None:
    assert create(settings_with(max_bytes=1, max_nodes=2, wordings=1), seed=1).name == "ue5"
    with pytest.raises(ParamsError, match="wordings"):
        create(settings_with(max_bytes=1, max_nodes=2, wordings=9), seed=1)
    with pytest.raises(ParamsError, match="max_nodes"):
        create(settings_with(max_bytes=1, wordings=1), seed=1)


def test_every_construct_that_is_teachable_can_be_generated() -> None:
    """Core types alone give small programs of core types: what a lesson on them is made of."""
    subject = Ue5(POLICY, 11, CATALOGUE)
    names = subject.teachable()
    assert list(names) == sorted(names) and set(CORE) <= set(names)
    for name in names[::7]:
        assert name in subject.generate([name], Random(name)).constructs
    for name in CORE[::3]:
        assert set(subject.generate([name], Random(name)).constructs) <= set(CORE)
