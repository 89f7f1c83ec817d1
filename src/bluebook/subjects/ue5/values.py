"""Values between Unreal's text and the language: `(A=1,B="x")`, `"/Script/M.Class'/Game/A.B'"`, `0, 0, 90`.

What Unreal puts in quotes is a text and what it leaves bare a word or a number, so that each goes back as it
came. Two spellings of one thing become one: references to objects stand in quotes, as Unreal 5 writes them.
"""

from __future__ import annotations

import re

from bluebook.subjects.ue5.catalogue import Catalogue
from bluebook.subjects.ue5.fields import localised, split, unquote
from bluebook.subjects.ue5.printing import quote
from bluebook.subjects.ue5.program import (
    IDENTIFIER,
    MAX_DEPTH,
    NUMBER,
    Entry,
    Fields,
    Number,
    Text,
    Type,
    Value,
    Word,
)

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.S)
_OBJECT = re.compile(r"""(?P<kind>[\w/.\-]+)'"?(?P<path>[^'"]*)"?'""")
_GUID = re.compile(r"[0-9A-Fa-f]{32}")
# Texts that a translator may see: `NSLOCTEXT("space", "key", "text")`.
_CALL = re.compile(r"(NSLOCTEXT|LOCTEXT|INVTEXT|LOCTABLE|LOCGEN_FORMAT_NAMED)\(.*\)", re.S)
_KEY = re.compile(r"""\s*([^\s"'(=][^"'(=]*(?:\(\d+\))?)\s*=""")
_BLANKS = re.compile(r"\s*([(),=|])\s*")
# Before version 5.1 the class of an object went without its module.
_MODULES = {
    "/Script/CoreUObject": ("Class", "ScriptStruct", "Enum", "Package"),
    "/Script/Engine": (
        "Blueprint",
        "BlueprintGeneratedClass",
        "EdGraph",
        "UserDefinedEnum",
        "UserDefinedStruct",
    ),
    "/Script/UMG": ("WidgetBlueprintGeneratedClass",),
}
_LONG = {name: f"{module}.{name}" for module, names in _MODULES.items() for name in names}
# Structures that a pin holds as bare numbers, in this order.
_BARE = {"Vector": ("X", "Y", "Z"), "Rotator": ("Pitch", "Yaw", "Roll")}


def from_unreal(raw: str, depth: int = 1) -> Value:
    """The value of a property or of a field in brackets; text that is nothing else is taken as it stands."""
    raw = raw.strip()
    if _GUID.fullmatch(raw):
        return Text(raw)
    if NUMBER.fullmatch(raw):
        return Number(raw)
    if IDENTIFIER.fullmatch(raw):
        return Word(raw)
    if _STRING.fullmatch(raw):
        text = unquote(raw)
        kind, quoted, _ = text.partition("'")
        return Text(_LONG[kind] + text[len(kind) :] if quoted and kind in _LONG else text)
    call = _CALL.fullmatch(raw)
    inside = raw[len(call[1]) :] if call else raw
    parts, closed = split(inside) if inside.startswith("(") and depth < MAX_DEPTH - 1 else ([], False)
    # Anything after the bracket makes it something else.
    if not closed or len(inside) != sum(map(len, parts)) + len(parts) + 1:
        found = _OBJECT.fullmatch(raw)
        return Text(f"{_LONG.get(found['kind'], found['kind'])}'{found['path']}'" if found else raw)
    if not parts[-1].strip():
        parts.pop()  # nothing in the bracket, or the comma after the last one
    found_fields = Fields(tuple(_entry(part, depth + 1 + bool(call)) for part in parts))
    return Fields((Entry(call[1], found_fields),)) if call else found_fields


def _entry(part: str, depth: int) -> Entry:
    key = _KEY.match(part)
    return Entry(key[1].strip() if key else None, from_unreal(part[key.end() if key else 0 :], depth))


def to_unreal(value: Value) -> str:
    """The inverse of `from_unreal`."""
    if isinstance(value, Text):
        # A GUID goes without quotes; Unreal takes a bare text of letters and digits for a string as well.
        return value.text if _GUID.fullmatch(value.text) else quote(value.text)
    if not isinstance(value, Fields):
        return value.text
    if len(value.entries) == 1 and _CALL.fullmatch(f"{value.entries[0].key}()"):
        return f"{value.entries[0].key}{to_unreal(value.entries[0].value)}"
    return (
        "("
        + ",".join(
            to_unreal(entry.value) if entry.key is None else f"{entry.key}={to_unreal(entry.value)}"
            for entry in value.entries
        )
        + ")"
    )


def from_literal(text: str, kind: Type, catalogue: Catalogue) -> Value:
    """The value of a pin of type `kind` whose `DefaultValue` is `text`."""
    value = _literal(text, kind, catalogue)
    # A value that would not come back as it is stays text: nothing is lost.
    same = _BLANKS.sub(r"\1", to_literal(value, kind)) == _BLANKS.sub(r"\1", text)
    return value if same else Text(text)


def _literal(text: str, kind: Type, catalogue: Catalogue) -> Value:
    spec = catalogue.type(kind.name)
    name, category = (spec.name, spec.category) if spec else (kind.name, "")
    if name in _BARE:
        numbers = [part.strip() for part in text.split(",")]
        if len(numbers) == 3 and all(map(NUMBER.fullmatch, numbers)):
            return Fields(
                tuple(Entry(key, Number(number)) for key, number in zip(_BARE[name], numbers, strict=True))
            )
    if category in ("string", "name", "text"):
        return Text(text)
    if NUMBER.fullmatch(text):
        return Number(text)
    if IDENTIFIER.fullmatch(text) and category in ("bool", "byte"):
        return Word(text)
    return from_unreal(text) if text.startswith("(") else Text(text)


def to_literal(value: Value, kind: Type) -> str:
    """The `DefaultValue` of a pin of type `kind` that is set to `value`."""
    if not isinstance(value, Fields):
        return value.text
    if kind.name not in _BARE:
        return to_unreal(value)
    order = _BARE[kind.name]
    found = dict.fromkeys((key.lower() for key in order), "0")
    for place, entry in enumerate(value.entries):
        key = entry.key.lower() if entry.key else order[place % 3].lower()
        found[key] = to_unreal(entry.value)
    return ", ".join(found.values())


def from_text(raw: str) -> Text:
    """The text that people see of a `DefaultTextValue`. An entry of a string table is kept as the call it
    is."""
    return Text(raw.strip() if raw.strip().startswith("LOCTABLE(") else localised(raw))


def to_text(value: Value, key: str) -> str:
    """A text that can be translated under `key`."""
    text = value.text if not isinstance(value, Fields) else to_unreal(value)
    return text if text.startswith("LOCTABLE(") else f'NSLOCTEXT("", {quote(key)}, {quote(text)})'


def object_of(value: Value) -> str:
    """The reference in a value, without quotes; empty for None."""
    text = to_unreal(value) if isinstance(value, Fields) else value.text
    return "" if text == "None" else text


def reference_value(text: str) -> Value:
    return Word(text) if text == "None" else Text(text)
