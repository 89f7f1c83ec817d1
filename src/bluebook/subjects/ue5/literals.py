"""Literals for the pins and parameters of generated nodes."""

from __future__ import annotations

from random import Random

from bluebook.subjects.ue5 import vocabulary as words
from bluebook.subjects.ue5.catalogue import ParamSpec
from bluebook.subjects.ue5.program import Entry, Fields, Number, Text, Value, Word

STRUCT = "/Game/Data/S_Cargo.S_Cargo"  # one of a project's own
_STRUCTS = {
    "Vector": ("X", "Y", "Z"),
    "Vector2D": ("X", "Y"),
    "Rotator": ("Pitch", "Yaw", "Roll"),
    "LinearColor": ("R", "G", "B", "A"),
}
_COLOURS = ("0", "0.25", "0.5", "1")
_PATHS = {
    "InputAction": "/Game/Input/IA_{}.IA_{}",
    "StructType": STRUCT,
    "Enum": "/Game/Data/E_Tide.E_Tide",
    "Macro": "/Game/Macros/ML_Tools.ML_Tools:{}",
}


def literal(kind: str, name: str, rng: Random) -> Value | None:
    """A value of type `kind` for the pin or variable `name`; None where only a wire can give one."""
    if kind in _STRUCTS:
        pool = {"Rotator": words.ANGLES, "LinearColor": _COLOURS}.get(kind, words.COORDINATES)
        return Fields(tuple(Entry(field, Number(rng.choice(pool))) for field in _STRUCTS[kind]))
    if kind.startswith("Class"):
        return Word(rng.choice(words.WIDGETS if "UserWidget" in kind else words.CLASSES))
    match kind:
        case "Float" | "Float32":
            return Number(rng.choice(words.FLOATS))
        case "Int" if name == "PlayerIndex":
            return Number(rng.choice(("1", "2", "3")))
        case "Int" | "Int64" | "Byte":
            return Number(rng.choice(words.INTS))
        case "Bool":
            return Word(rng.choice(("true", "false")))
        case "String" if name == "FunctionName":
            return Text(rng.choice(words.FUNCTIONS))
        case "String" | "Text":
            return Text(rng.choice(words.TEXTS))
        case "Name":
            return Word(rng.choice(words.NAMES))
        case "Key":
            return Text(rng.choice(words.KEYS))
        case "Object" if name in ("Sound", "EmitterTemplate", "NewMesh"):
            return Word(rng.choice(words.ASSETS))
    return None


def parameter(spec: ParamSpec, rng: Random) -> Value:
    """A value for a parameter that a node cannot do without."""
    if spec.name == "EventReference":
        parent = Text("/Script/CoreUObject.Class'/Script/Engine.Actor'")
        name = rng.choice(("ReceiveActorOnClicked", "ReceiveActorOnReleased", "ReceiveActorBeginCursorOver"))
        return Fields((Entry("MemberParent", parent), Entry("MemberName", Text(name))))
    if spec.name in _PATHS:
        name = rng.choice(words.INPUTS)
        return Text(_PATHS[spec.name].format(name, name))
    pools = {
        "EventName": words.EVENTS,
        "FunctionName": words.FUNCTIONS,
        "ActionName": words.INPUTS,
        "AxisName": words.INPUTS,
        "Key": words.KEYS,
        "Delegate": words.EVENTS,
        "Component": words.VARIABLES["StaticMeshComponent"],
        "TimelineName": words.EVENTS,
    }
    return Word(rng.choice(pools.get(spec.name, words.NAMES)))
