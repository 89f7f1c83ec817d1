"""Which types fit: a wire's source to its target, a literal to its pin, and what the `T` of a node stands
for.

A type that nobody can know (None) fits everywhere: what cannot be known is no fault.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from bluebook.subjects.ue5.catalogue import Catalogue
from bluebook.subjects.ue5.program import Fields, Number, Text, Type, Value, Word

VARIABLE = "T"  # the type variable of catalogue entries
_CONTAINERS = ("Array", "Set", "Map")
_WHOLE = {"Int", "Int64", "Byte"}
_TEXTS = {"String", "Name", "Text"}
_REFERENCES = {"object", "class", "softobject", "softclass", "interface"}
# What no class, structure or enumeration of a project can turn into or be made from.
_CLOSED = {
    "Exec",
    "Bool",
    "Int",
    "Int64",
    "Float",
    "Name",
    "Vector",
    "Vector2D",
    "Rotator",
    "Transform",
}


def assignable(catalogue: Catalogue, source: Type | None, target: Type | None) -> bool:
    """Whether a wire may lead from `source` to `target`, conversions that Unreal makes by itself included."""
    pairs = [(source, target)]
    while pairs:
        one, other = pairs.pop()
        if one is None or other is None or open_type(one) or open_type(other):
            continue
        one_name, other_name = canonical(catalogue, one), canonical(catalogue, other)
        if one_name in _CONTAINERS or other_name in _CONTAINERS:
            if one_name != other_name:
                return False
            pairs += zip(one.arguments, other.arguments, strict=False)
        elif not _single(catalogue, one_name, other_name) or (
            one.name == other.name and one.name in ("Struct", "Enum") and not _alike(one, other)
        ):
            return False
    return True


def _alike(one: Type, other: Type) -> bool:
    """Structures and enumerations are what they are, while a class may descend from another."""
    return not one.arguments or not other.arguments or one.arguments == other.arguments


def open_type(kind: Type) -> bool:
    """Whether `kind` leaves open what it is."""
    return kind.name in ("Wildcard", VARIABLE) or kind.name.startswith("@")


def canonical(catalogue: Catalogue, kind: Type) -> str:
    """The name that decides: `Object<"/Script/Engine.Actor">` is Actor, a class of a project is its path, and
    Float32 is Float, as Unreal turns one into the other without a node."""
    spec = catalogue.type(kind.name)
    if spec and spec.category == "real":
        return "Float"
    if spec and spec.name in ("Object", "Struct") and kind.arguments:
        path = kind.arguments[0].name
        return catalogue.of_object(spec.category, path) or path
    return spec.name if spec else kind.name


def _single(catalogue: Catalogue, source: str, target: str) -> bool:
    if target in catalogue.ancestors(source) or catalogue.conversion(source, target):
        return True
    one, other = catalogue.type(source), catalogue.type(target)
    if one is None or other is None:
        return not {source, target} & _CLOSED
    return target == "Interface" and one.category == "object"


def literal_fault(catalogue: Catalogue, kind: Type | None, value: Value) -> str | None:
    """What a literal of type `kind` should be, in words, where `value` is not that; None where it fits."""
    if kind is None or open_type(kind):
        return None
    name = canonical(catalogue, kind)
    spec = catalogue.type(name)
    if spec is None:
        return None
    match name:
        case "Bool":
            fits = isinstance(value, Word) and value.text.lower() in ("true", "false")
            expected = "true or false"
        case "Float":
            fits, expected = isinstance(value, Number), "a number"
        case "Byte" | "Enum":
            fits, expected = (
                _is_whole(value) or isinstance(value, Word | Text),
                "a whole number or an enumerator",
            )
        case _ if name in _WHOLE:
            fits, expected = _is_whole(value), "a whole number"
        case _ if name in _TEXTS:
            fits, expected = isinstance(value, Text | Word), 'a text in "quotes"'
        case _ if name in _CONTAINERS:
            fits, expected = isinstance(value, Fields | Text), "a list (…)"
        case _ if spec.category == "struct":
            return _structure_fault(spec.fields, name, value)
        case _ if spec.category in _REFERENCES:
            fits, expected = isinstance(value, Word | Text), "None or the name of an asset or a class"
        case _:
            fits, expected = False, f"a wire: {name} has no literals"
    return None if fits else expected


def _is_whole(value: Value) -> bool:
    return isinstance(value, Number) and value.text.lstrip("+-").isdigit()


def _structure_fault(fields: Sequence[str], name: str, value: Value) -> str | None:
    if isinstance(value, Text):
        return None  # as Unreal writes it
    if not isinstance(value, Fields):
        return (
            f"a {name} such as ({','.join(f'{field}=0' for field in fields[:3])})"
            if fields
            else "a structure (…)"
        )
    known = {field.lower() for field in fields}
    for entry in value.entries:
        if fields and entry.key is not None and entry.key.lower() not in known:
            return f"fields of {name} ({', '.join(fields)}) and no {entry.key!r}"
    return None


def substitute(kind: Type | None, bound: Type | None) -> Type | None:
    """`kind` with `bound` in place of `T`; None where that is not known."""
    if kind is None or kind.name.startswith("@"):
        return None
    if kind.name == VARIABLE:
        return bound
    if any(argument.name == VARIABLE for argument in kind.arguments):
        if bound is None:
            return Type(kind.name)
        return Type(kind.name, tuple(bound if part.name == VARIABLE else part for part in kind.arguments))
    return kind


def match(pattern: Type, actual: Type | None) -> Type | None:
    """What `T` must be for `pattern` to be `actual`; None where that says nothing."""
    if actual is None or open_type(actual):
        return None
    if pattern.name == VARIABLE:
        return actual
    if pattern.name == actual.name:
        for part, found in zip(pattern.arguments, actual.arguments, strict=False):
            if part.name == VARIABLE and not open_type(found):
                return found
    return None


def mentions_variable(kind: Type | None) -> bool:
    if kind is None:
        return False
    return kind.name == VARIABLE or (
        bool(kind.arguments) and any(part.name == VARIABLE for part in kind.arguments)
    )


def widest(catalogue: Catalogue, found: Iterable[Type]) -> Type | None:
    """The type among `found` that all others can become, else the first."""
    types = list(dict.fromkeys(found))
    for kind in types:
        if all(assignable(catalogue, other, kind) for other in types):
            return kind
    return types[0] if types else None


Wire = tuple[str, Type | None, str, Type | None]  # node, type of its pin, node, type of its pin


def bindings(catalogue: Catalogue, wires: Sequence[Wire]) -> Mapping[str, Type]:
    """What `T` stands for in each node where its wires tell. Inputs decide; only where they say nothing do
    outputs."""
    into: dict[str, list[Wire]] = {}
    out_of: dict[str, list[Wire]] = {}
    for wire in wires:
        out_of.setdefault(wire[0], []).append(wire)
        into.setdefault(wire[2], []).append(wire)
    bound: dict[str, Type] = {}

    def from_inputs(node: str) -> list[Type]:
        seen = (
            match(target, substitute(kind, bound.get(source)))
            for source, kind, _, target in into.get(node, ())
            if target is not None and mentions_variable(target)
        )
        return [kind for kind in seen if kind]

    def from_outputs(node: str) -> list[Type]:
        seen = (
            match(kind, substitute(target, bound.get(reader)))
            for _, kind, reader, target in out_of.get(node, ())
            if kind is not None and mentions_variable(kind)
        )
        return [kind for kind in seen if kind]

    everyone = sorted(into.keys() | out_of.keys())
    for ways in ((from_inputs,), (from_inputs, from_outputs)):
        waiting = deque(node for node in everyone if node not in bound)
        while waiting:
            node = waiting.popleft()
            if node in bound:
                continue
            found = next((types for way in ways if (types := way(node))), [])
            if found:
                bound[node] = found[0]
                waiting.extend(wire[2] for wire in out_of.get(node, ()))
                waiting.extend(wire[0] for wire in into.get(node, ()))
    # Now that all inputs are known, the widest of them decides: Int and Float compare as Float.
    return {node: widest(catalogue, from_inputs(node)) or bound[node] for node in bound}
