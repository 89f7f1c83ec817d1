"""The catalogue: that its entries hold together, what can be looked up, and what exports add to it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bluebook.errors import DataError
from bluebook.subjects.ue5.building import build_catalogue, encode, learn, member_of
from bluebook.subjects.ue5.catalogue import Catalogue, NodeType, json_value, load, shipped
from bluebook.subjects.ue5.export import ExportError, ExportGraph
from bluebook.subjects.ue5.language import parse_type
from bluebook.subjects.ue5.pintypes import single_type, type_of
from bluebook.subjects.ue5.printing import type_text, value_text
from bluebook.subjects.ue5.program import Type
from bluebook.subjects.ue5.reading import read_export
from bluebook.subjects.ue5.typecheck import assignable, literal_fault
from tests.subjects.ue5 import exports

CATALOGUE = shipped()
ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src/bluebook/subjects/ue5"
HARBOUR = "/Script/CoreUObject.Class'/Script/Engine.Harbour'"
EXPORTS = Path(os.environ.get("BLUEBOOK_SHARED", "../shared")) / "corpora/ue5/exports"


def known(name: str) -> NodeType:
    entry = CATALOGUE.find(name)
    assert entry is not None
    return entry


def test_names_and_aliases_mean_one_thing_each() -> None:
    names = [name for entry in CATALOGUE.nodes for name in (entry.name, *entry.aliases)]
    assert len(names) == len(set(names))
    assert [entry.name for entry in CATALOGUE.nodes] == sorted(entry.name for entry in CATALOGUE.nodes)


@pytest.mark.parametrize("entry", CATALOGUE.nodes, ids=lambda entry: entry.name)
def test_an_entry_holds_together(entry: NodeType) -> None:
    assert entry.class_path.startswith("/Script/")
    for side in (False, True):
        names = [name for pin in entry.pins if pin.output == side for name in (pin.name, *pin.aliases)]
        assert len(names) == len(set(names))
    for member in filter(None, (entry.function, entry.event, entry.macro, *entry.variants.values())):
        owner, _, name = member.rpartition(":")
        assert owner.startswith(("/Script/", "/Engine/")) and name
    for pin in entry.pins:
        for kind in (pin.kind, *pin.kind.arguments):
            generic = kind.name in ("T", "*") or kind.name[0] in "@/"
            assert generic or CATALOGUE.type(kind.name), f"{entry.name}.{pin.name}: {pin.type}"
        if pin.default is not msgspec.UNSET:
            assert not pin.output
            assert literal_fault(CATALOGUE, pin.kind, json_value(pin.default)) is None


def test_conversions_are_between_types_there_are() -> None:
    for conversion in CATALOGUE.conversions:
        assert CATALOGUE.type(conversion.source) and CATALOGUE.type(conversion.target)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("GetVar", "VariableGet"),
        ("SetVariable", "VariableSet"),
        ("Event_CustomEvent", "Event_Custom"),
        ("SpawnActor", "SpawnActorFromClass"),
        ("Clamp", "ClampFloat"),
        ("LessThanFloat", "LessThan"),
        ("NotBool", "BooleanNOT"),
    ],
)
def test_aliases(alias: str, name: str) -> None:
    assert known(alias).name == name


def test_lookup() -> None:
    assert CATALOGUE.find("PrintStrin") is None
    assert CATALOGUE.near("PrintStrin") == "PrintString"
    assert CATALOGUE.near("getactorlocation") == "GetActorLocation"
    assert CATALOGUE.near("Zzzzz") is None
    assert CATALOGUE.ancestors("Character") == ["Character", "Pawn", "Actor", "Object"]
    conversion = CATALOGUE.conversion("Character", "String")
    assert conversion and conversion.function == "/Script/Engine.KismetStringLibrary:Conv_ObjectToString"
    assert CATALOGUE.conversion("String", "Character") is None


def test_families() -> None:
    cast = known("CastToBP_Guard")
    found = cast.pin("AsBP_Guard", True)
    assert cast.name == "CastToBP_Guard" and found and found.kind == Type("BP_Guard")
    case = known("SwitchOnInt").pin("Case_7", True)
    assert case and case.unreal_name("Case_7") == "7"
    default = known("SwitchOnInt").pin("Default", True)
    assert default and default.unreal_name("Default") == "Default"
    then = known("Sequence").pin("Then_0", True)
    assert then and then.unreal_name("Then_0") == "then_0"
    assert known("Sequence").pin("Then_", True) is None


def test_unreal_names() -> None:
    names = {pin.name: pin.unreal_name(pin.name) for pin in known("Branch").pins}
    assert names == {"Execute": "execute", "Condition": "Condition", "True": "then", "False": "else"}
    target = known("DestroyActor").pin("Target", False)
    assert target and target.unreal_name("Target") == "self" and target.many


def test_what_runs_and_what_is_read() -> None:
    assert known("VariableGet").is_pure and not known("VariableSet").is_pure
    assert known("Event_Tick").is_entry and not known("Branch").is_entry
    assert known("CallFunction").takes(False) and not known("PrintString").takes(False)


def test_defaults_are_values() -> None:
    default = {"R": 1.0, "On": True, "L": [1, "a"], "N": None}
    assert value_text(json_value(default)) == '(R=1.0,On=true,L=(1,"a"),N=None)'


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nodes.json"
    path.write_text('{"types": [], "conversions": [], "nodes": [{"name": 3}]}')
    with pytest.raises(DataError, match=r"nodes\.json.*nodes\[0\]\.name"):
        load(path)


def _member(parent: str, name: str) -> str:
    return f'   FunctionReference=(MemberParent="{parent}",MemberName="{name}")'


def test_exports_add_engine_members_only() -> None:
    engine = _member(HARBOUR, "K2_Moor")
    project = _member("/Script/Engine.BlueprintGeneratedClass'/Game/A.A_C'", "Own")
    rope = exports.pin(4, "Rope Length", kind="real").replace(
        ",bHidden", ',AutogeneratedDefaultValue="2.5",bHidden'
    )
    secret = exports.pin(5, "Secret", kind="int").replace("bHidden=False", "bHidden=True")
    shown = exports.pin(1, "execute"), exports.pin(2, "then", out=True), exports.pin(3, "self", kind="object")
    text = "".join(
        (
            exports.block("N1", engine, *shown, rope, secret),
            exports.block("N2", project, exports.pin(6, "execute")),
            exports.block("N3", '   FunctionReference=(MemberName="Mine",bSelfContext=True)', shown[0]),
        )
    )
    graph = exports.parse(text)
    assert [member_of(node) for node in graph.nodes] == [
        ("function", "/Script/Engine.Harbour:K2_Moor"),
        ("function", "/Game/A.A_C:Own"),
        ("function", ""),
    ]
    built = build_catalogue(CATALOGUE, [graph, graph])
    known = {entry.name for entry in CATALOGUE.nodes}
    new = [entry for entry in built.nodes if entry.name not in known]
    assert [(entry.name, entry.function) for entry in new] == [("Moor", "/Script/Engine.Harbour:K2_Moor")]
    pins = [(pin.name, pin.type, pin.output) for pin in new[0].pins]
    assert pins == [
        ("Execute", "Exec", False),
        ("Then", "Exec", True),
        ("Target", "Object", False),
        ("Rope Length", "Float", False),
    ]
    assert new[0].pins[3].default == 2.5
    assert msgspec.json.decode(msgspec.json.encode(built), type=Catalogue) == built


def disagreements(graph: ExportGraph) -> Iterator[str]:
    """Pins of an export that the declared entry behind the same member and class does not have, or has
    otherwise."""
    for node in graph.nodes:
        entry = CATALOGUE.by_member.get(member_of(node)[1])
        if entry is None or entry.class_path != node.class_path or entry.variants:
            continue
        for pin in node.pins:
            spec = next((one for one in entry.pins if one.unreal_name(one.name) == pin.name), None)
            if pin.hidden or pin.parent or (spec is None and entry.takes(pin.is_output)):
                continue
            if spec is None or spec.output != pin.is_output:
                yield f"{entry.name} has no {pin.name!r}"
            elif not assignable(CATALOGUE, type_of(pin, CATALOGUE), spec.kind):
                yield f"{entry.name}.{pin.name}: {spec.type}, not {type_text(type_of(pin, CATALOGUE))}"


def test_entries_agree_with_a_fixture() -> None:
    # The fixture shows the target of a library's function, which the editor hides.
    assert set(disagreements(exports.fixture("lamp"))) <= {"PrintString has no 'self'"}


@pytest.mark.skipif(
    not EXPORTS.is_dir(), reason=f"no {EXPORTS}; set BLUEBOOK_SHARED to the folder that holds corpora/"
)
def test_entries_agree_with_real_exports() -> None:
    found = set()
    for path in sorted(EXPORTS.glob("*.txt")):
        try:
            found |= set(disagreements(read_export(path)))
        except ExportError:
            continue  # not a Blueprint
    # Inputs that a person added to an operator belong to that node, not to its type.
    assert {text for text in found if not re.search("has no '[C-Z]'$", text)} == set()


@pytest.mark.parametrize(
    ("category", "subcategory", "path", "text"),
    [
        ("real", "double", "", "Float"),
        ("real", "float", "", "Float32"),
        ("float", "", "", "Float32"),
        ("object", "", "/Script/Engine.Actor", "Actor"),
        ("object", "", "/Game/A.A_C", 'Object<"/Game/A.A_C">'),
        ("struct", "", "/Script/CoreUObject.Vector", "Vector"),
        ("byte", "", "", "Byte"),
        ("byte", "", "/Script/Engine.EFog", 'Enum<"/Script/Engine.EFog">'),
        ("class", "", "/Script/Engine.Actor", 'Class<"/Script/Engine.Actor">'),
        ("nonsense", "", "", "Wildcard"),
    ],
)
def test_pin_types_in_words(category: str, subcategory: str, path: str, text: str) -> None:
    kind = single_type(category, subcategory, path, CATALOGUE)
    assert type_text(kind) == text
    assert parse_type(text) == kind


# The file in Git is what the stage makes


def test_the_catalogue_in_git_is_what_the_stage_builds() -> None:
    declared = load(PACKAGE / "declared.json")
    learned = learn(declared, sorted((ROOT / "data/raw/ue5").iterdir()))
    assert encode(learned.catalogue) == (PACKAGE / "catalogue.json").read_bytes()
    assert {path.name for path, _ in learned.left_out} == {"BP_WeatherVane_cut.txt", "CR_Heron.txt"}
    assert learned.read + len(learned.left_out) == len(list((ROOT / "data/raw/ue5").iterdir()))
    new = {entry.name for entry in CATALOGUE.nodes if entry.origin == "export"}
    assert new == {"MapRangeClamped", "SetActorTickInterval", "SetGlobalTimeDilation"}


def test_nothing_is_learned_from_what_is_damaged_or_no_blueprint(tmp_path: Path) -> None:
    for name, text in {
        "whole.txt": exports.block("N1", _member(HARBOUR, "K2_Moor"), exports.pin(1, "execute")),
        "cut.txt": exports.block("N1", _member(HARBOUR, "K2_Sink"), exports.pin(1, "execute"))[:-12],
        "note.txt": "no graph at all",
    }.items():
        (tmp_path / name).write_text(text)
    learned = learn(CATALOGUE, sorted(tmp_path.iterdir()))
    assert learned.read == 1
    assert [path.name for path, _ in learned.left_out] == ["cut.txt", "note.txt"]
    assert all(name in reason for name, (_, reason) in zip(("cut", "note"), learned.left_out, strict=True))
    names = {entry.name for entry in learned.catalogue.nodes}
    assert "Moor" in names and "Sink" not in names


def test_an_operator_that_an_entry_covers_is_not_learned_again() -> None:
    compared = (
        "   FunctionReference=(MemberParent=\"/Script/CoreUObject.Class'/Script/Engine.KismetMathLibrary'\""
    )
    lines = '   OperationName="Greater"', compared + ',MemberName="Greater_IntInt")'
    text = exports.block("N1", *lines, exports.pin(1, "A", kind="int"), kind="K2Node_PromotableOperator")
    assert build_catalogue(CATALOGUE, [exports.parse(text)]) == CATALOGUE


def test_targets_of_a_call_without_results_take_several_wires() -> None:
    own = exports.pin(1, "execute"), exports.pin(2, "self", kind="object")
    asked = exports.pin(3, "ReturnValue", out=True, kind="int")
    text = exports.block("N1", _member(HARBOUR, "K2_Moor"), *own) + exports.block(
        "N2", _member(HARBOUR, "K2_Ask"), *own, asked
    )
    built = build_catalogue(CATALOGUE, [exports.parse(text)])
    many = {name: entry.pin("Target", False).many for name in ("Moor", "Ask") if (entry := built.find(name))}
    assert many == {"Moor": True, "Ask": False}
