"""Regular expressions for names, types and literals in canonical spelling, each of limited length.

They say less than the language: a number is written plainly, a structure within a structure holds no third one. The
limits keep a model from writing one name or one text for ever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bluebook.subjects.ue5.catalogue import Catalogue, TypeSpec
from bluebook.subjects.ue5.printing import label_text, name_text
from bluebook.subjects.ue5.program import Type
from bluebook.subjects.ue5.typecheck import canonical, open_type

IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]{0,47}"
TEXT = r'"([^"\\\n]|\\["\\nrt]){0,160}"'
LABEL = f"({IDENTIFIER}|{TEXT})"
NAME = rf"({IDENTIFIER}(\.{IDENTIFIER}){{0,3}}|{TEXT})"
WHOLE = "[+-]?[0-9]{1,9}"
NUMBER = rf"{WHOLE}(\.[0-9]{{1,9}})?"
_PLAIN = f"({NUMBER}|{IDENTIFIER}|{TEXT})"
_INNER = rf"\(({LABEL}=)?{_PLAIN}(,({LABEL}=)?{_PLAIN}){{0,7}}\)"
_ENTRY = f"({_PLAIN}|{_INNER})"
FIELDS = rf"\(({LABEL}=)?{_ENTRY}(,({LABEL}=)?{_ENTRY}){{0,15}}\)"
ANY = f"({_PLAIN}|{FIELDS})"
_WORD_OR_TEXT = f"({IDENTIFIER}|{TEXT})"
_UNWRITTEN = {"Exec", "Wildcard", "Delegate", "MulticastDelegate", "Interface"}
_CONTAINERS = ("Array", "Set", "Map")


def escaped(text: str) -> str:
    """A pattern for `text` itself; `re.escape` also escapes what other readers of patterns refuse to see escaped."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)


def one_of(choices: Sequence[str]) -> str:
    return f"({'|'.join(choices)})"


def literal(catalogue: Catalogue, kind: Type | None) -> str | None:
    """A literal of the type, any value where nobody knows it; None for a type that has no literals."""
    if kind is None or open_type(kind):
        return ANY
    name = canonical(catalogue, kind)
    spec = catalogue.type(name)
    if spec is None:
        return ANY
    simple = {
        "Bool": "(true|false)",
        "Float": NUMBER,
        "Int": WHOLE,
        "Int64": WHOLE,
        "Byte": f"({WHOLE}|{_WORD_OR_TEXT})",
        "Enum": f"({WHOLE}|{_WORD_OR_TEXT})",
    }
    if name in simple:
        return simple[name]
    if name in _CONTAINERS:
        return FIELDS
    if spec.category == "struct":
        return _structure(spec)
    if spec.category in ("string", "name", "text", "object", "class", "softobject", "softclass"):
        return _WORD_OR_TEXT
    return None


def _structure(spec: TypeSpec) -> str:
    if not spec.fields:
        return f"({FIELDS}|{TEXT})"
    # In any order, as the editor does not mind; how often each, nobody asks.
    key = one_of([escaped(label_text(field)) for field in spec.fields])
    entry = f"{key}={_ENTRY}"
    return rf"\({entry}(,{entry}){{0,{len(spec.fields) - 1}}}\)"


def variable_types(catalogue: Catalogue) -> list[tuple[str, Type]]:
    """What a variable may be, as (pattern, type): single types, and lists of them."""
    single = [
        (escaped(name_text(spec.name)), Type(spec.name))
        for spec in catalogue.types
        if spec.name not in {*_UNWRITTEN, *_CONTAINERS}
    ]
    holding = [
        (f"{name}<{TEXT}>", Type(name))
        for name in ("Object", "Class", "SoftObject", "SoftClass", "Struct", "Enum")
    ]
    inside = one_of([pattern for pattern, _ in [*single, *holding]])
    return [
        *single,
        *holding,
        (f"(Array|Set)<{inside}>", Type("Array")),
        (f"Map<{inside},{inside}>", Type("Map")),
    ]
