"""How Unreal names what a program names: classes, members, macros, types of pins."""

from __future__ import annotations

import re

from bluebook.subjects.ue5.catalogue import Catalogue
from bluebook.subjects.ue5.program import Entry, Fields, Text, Type, Value, Word

CONTAINERS = ("Array", "Set", "Map")
BOUND_GRAPH = "BoundGraph"
# What a reference to an object of the engine, and to one of a project, begins with, by the property that
# holds it.
_CLASS = ("/Script/CoreUObject.Class", "/Script/Engine.BlueprintGeneratedClass")
_KINDS = {
    BOUND_GRAPH: ("/Script/Engine.EdGraph", "/Script/Engine.EdGraph"),
    "StructType": ("/Script/CoreUObject.ScriptStruct", "/Script/Engine.UserDefinedStruct"),
    "Enum": ("/Script/CoreUObject.Enum", "/Script/Engine.UserDefinedEnum"),
    "InputAction": ("/Script/EnhancedInput.InputAction", "/Script/EnhancedInput.InputAction"),
}
_TYPE_KINDS = {
    "struct": _KINDS["StructType"],
    "byte": _KINDS["Enum"],
    "enum": _KINDS["Enum"],
}


def text_of(value: Value | None) -> str:
    return "" if value is None or isinstance(value, Fields) else value.text


def reference_to(path: str, key: str, is_class: bool = False) -> str:
    """`path` as a whole reference, `Class'path'`; as it is where it is one already or nothing tells the
    class."""
    kinds = _CLASS if is_class else _KINDS.get(key)
    if kinds is None or "'" in path or path in ("", "None"):
        return path
    return f"{kinds[not path.startswith('/Script/')]}'{path}'"


def type_reference(category: str, path: str) -> str:
    """The class, structure or enumeration `path` of a pin's type as a whole reference."""
    kinds = _TYPE_KINDS.get(category, _CLASS)
    return f"{kinds[not path.startswith('/Script/')]}'{path}'"


def member_reference(owner: str, name: str) -> Fields:
    """`(MemberParent="…",MemberName="…")`, or a member of the Blueprint itself where there is no owner."""
    if owner:
        parent = Text(reference_to(owner, "", is_class=True))
        return Fields((Entry("MemberParent", parent), Entry("MemberName", Text(name))))
    return Fields((Entry("MemberName", Text(name)), Entry("bSelfContext", Word("True"))))


def macro_reference(path: str) -> Fields:
    """The macro `/Engine/…/StandardMacros.StandardMacros:ForEachLoop`."""
    return Fields(
        (
            Entry("MacroGraph", Text(f"/Script/Engine.EdGraph'{path}'")),
            Entry("GraphBlueprint", Text(f"/Script/Engine.Blueprint'{path.rpartition(':')[0]}'")),
        )
    )


def display_name(name: str) -> str:
    """A name as Unreal shows it, words apart: `BP_SaveGame` as `BP Save Game`. A run of capitals and digits
    stays one."""
    return re.sub(r"(?<![A-Z0-9_])(?=[A-Z0-9])", " ", name).replace("_", " ").replace("  ", " ").strip()


def declared_type_fields(kind: Type | None, catalogue: Catalogue) -> dict[str, str]:
    """The fields of a pin's type, as Unreal writes them, without `PinType.`."""
    kind = kind or Type("Wildcard")
    container, inner = "None", kind
    if kind.name in CONTAINERS:
        container = kind.name
        inner = kind.arguments[0] if kind.arguments else Type("Wildcard")
    category, subcategory, path = _single(inner, catalogue)
    found = {
        "PinCategory": f'"{category}"',
        "PinSubCategory": f'"{subcategory}"',
        "PinSubCategoryObject": f'"{type_reference(category, path)}"' if path else "None",
        "PinSubCategoryMemberReference": "()",
        "PinValueType": "()",
        "ContainerType": container,
    }
    if container == "Map" and len(kind.arguments) > 1:
        category, subcategory, path = _single(kind.arguments[1], catalogue)
        said = [f'TerminalCategory="{category}"']
        said += [f'TerminalSubCategory="{subcategory}"'] if subcategory else []
        said += [f'TerminalSubCategoryObject="{type_reference(category, path)}"'] if path else []
        found["PinValueType"] = f"({','.join(said)})"
    return found


def _single(kind: Type, catalogue: Catalogue) -> tuple[str, str, str]:
    spec = catalogue.type(kind.name)
    if spec is None:
        return "object", "", kind.name if kind.name.startswith("/") else ""
    path = kind.arguments[0].name if kind.arguments else spec.object
    known = catalogue.type(path)
    return spec.category or "wildcard", spec.subcategory, known.object if known and known.object else path
