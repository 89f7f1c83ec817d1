"""The type of an export's pin in the words of the language."""

from __future__ import annotations

from bluebook.subjects.ue5.catalogue import Catalogue
from bluebook.subjects.ue5.export import Pin
from bluebook.subjects.ue5.fields import fields, reference, unquote
from bluebook.subjects.ue5.program import Type

# Categories whose type object says which class, structure or enumeration it is.
_NAMED = {
    "object": "Object",
    "class": "Class",
    "softobject": "SoftObject",
    "softclass": "SoftClass",
    "interface": "Interface",
    "struct": "Struct",
    "byte": "Enum",
    "enum": "Enum",
}
_OLD = {"float": ("real", "float"), "asset": ("softobject", ""), "assetclass": ("softclass", "")}


def type_of(pin: Pin, catalogue: Catalogue) -> Type:
    """`Float`, `Actor`, `Array<Struct<"/Script/…">>` …: the catalogue's name where it has one, else the
    path."""
    kind = pin.type_object
    single = single_type(pin.category, pin.subcategory, kind.path if kind else "", catalogue)
    if pin.container == "Map":
        said = fields(pin.fields.get("PinType.PinValueType", ""))
        to = reference(said.get("TerminalSubCategoryObject", ""))
        terminal = unquote(said.get("TerminalCategory", "")), unquote(said.get("TerminalSubCategory", ""))
        return Type("Map", (single, single_type(*terminal, to.path if to else "", catalogue)))
    return Type(pin.container, (single,)) if pin.container else single


def single_type(category: str, subcategory: str, path: str, catalogue: Catalogue) -> Type:
    """The type of one value, by Unreal's category, subcategory and the path of the class, structure or
    enumeration."""
    category, subcategory = _OLD.get(category, (category, subcategory))
    if path:
        known = catalogue.of_object(category, path)
        return Type(known) if known else Type(_NAMED.get(category, "Object"), (Type(path),))
    return Type((category and catalogue.of_category(category, subcategory)) or "Wildcard")
