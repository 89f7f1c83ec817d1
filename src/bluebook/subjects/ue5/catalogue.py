"""The catalogue: which node types there are, with their pins, and how types relate. There is no second list.

`catalogue.json` is built by the stage `catalogue`: the entries of `declared.json`, written by hand, and what
exports show beside them (`building.py`). An entry names the Unreal class behind a node type and, where the class
alone does not say it, the function, event, macro or operator. `/Script/Engine.Actor:K2_DestroyActor` is a member
of a class.

In an entry,
- a pin's Unreal name is `unreal`, else that of `UNREAL_NAMES`, else its own name;
- a `#` in the name of a pin stands for any text, so `Case_#` is a family of pins (`unreal` holds the `#`
  too);
- a `*` in the name of a node type stands for a class, so `CastTo*` is a family of types, and the `*` in its
  pins is that class;
- a pin of type `T` has whatever type its node's other `T` pins have; `where` says which types those may be;
- a pin of type `@VarName` has the type of the variable that the parameter `VarName` names, and `unreal` may
  be that name;
- `open` says on which side a node may have pins beyond these: arguments of the function it calls, outputs of
  a custom event;
- an input with `many` takes several wires, as Unreal's targets of a call without results do;
- an output with `own` is the Blueprint itself: of the class that PARENT names, and without PARENT of any.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from bluebook.errors import DataError
from bluebook.subjects.ue5.language import parse_type
from bluebook.subjects.ue5.printing import name_text
from bluebook.subjects.ue5.program import Entry, Fields, Number, Text, Type, Value, Word

UNREAL_NAMES = {"Execute": "execute", "Then": "then", "Target": "self"}
EXEC = Type("Exec")
_CLOSE = 0.75  # similarity from which a name counts as a near match


class PinSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pin of a node type; `default` as JSON (see `json_value`), UNSET where Unreal gives none."""

    name: str
    type: str
    output: bool = False
    default: Any = msgspec.UNSET
    unreal: str | None = None
    aliases: tuple[str, ...] = ()
    many: bool = False
    own: bool = False

    @property
    def is_exec(self) -> bool:
        return self.type == "Exec"

    @property
    def kind(self) -> Type:
        """Its type; `T` and `@VarName` are for the checker to resolve."""
        return Type(self.type) if self.type.startswith(("@", "*")) else parse_type(self.type)

    def unreal_name(self, name: str) -> str:
        """What Unreal calls the pin that a program calls `name`."""
        pattern = UNREAL_NAMES.get(self.name, self.name) if self.unreal is None else self.unreal
        return pattern.replace("#", name[len(self.name.partition("#")[0]) :]) if "#" in self.name else pattern

    def named(self, name: str) -> bool:
        head, family, tail = self.name.partition("#")
        if family:
            return len(name) > len(head) + len(tail) and name.startswith(head) and name.endswith(tail)
        return name == self.name or name in self.aliases


class ParamSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parameter that is no pin: `property` is where Unreal keeps it, such as
    `VariableReference.MemberName`."""

    name: str
    property: str
    type: str
    required: bool = False
    aliases: tuple[str, ...] = ()


# Parameters of every node: further Unreal properties, as a structure; objects inside the node, as Unreal
# writes them.
UNREAL, OBJECTS = "Unreal", "Objects"
EVERYWHERE = (ParamSpec(UNREAL, "", "Struct"), ParamSpec(OBJECTS, "", "Text"))


class NodeType(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """An entry. Of `function`, `event`, `macro` and `operator` at most one is set; `variants` are the
    functions of a node whose `T` decides."""

    name: str
    class_path: str = msgspec.field(name="class")
    pins: tuple[PinSpec, ...]
    params: tuple[ParamSpec, ...] = ()
    aliases: tuple[str, ...] = ()
    function: str | None = None
    event: str | None = None
    macro: str | None = None
    operator: str | None = None
    variants: dict[str, str] = {}
    open: Literal["", "in", "out", "both"] = ""
    where: dict[str, tuple[str, ...]] = {}
    origin: Literal["declared", "export"] = "declared"

    @cached_property
    def is_pure(self) -> bool:
        """It runs whenever its outputs are read, so nothing may lead to it."""
        return not any(pin.is_exec for pin in self.pins) and not self.open

    @cached_property
    def is_entry(self) -> bool:
        """Execution starts here."""
        execs = [pin for pin in self.pins if pin.is_exec]
        return bool(execs) and all(pin.output for pin in execs)

    def pin(self, name: str, output: bool) -> PinSpec | None:
        """The pin that a program calls `name`, on that side. Whole names go before families."""
        side = [pin for pin in self.pins if pin.output == output and pin.named(name)]
        return min(side, key=lambda pin: "#" in pin.name, default=None)

    def param(self, name: str) -> ParamSpec | None:
        specs = (*self.params, *EVERYWHERE)
        return next((spec for spec in specs if name == spec.name or name in spec.aliases), None)

    def takes(self, output: bool) -> bool:
        """Whether it may have pins on that side that the entry does not list."""
        return self.open in ("both", "out" if output else "in")


class TypeSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A type of the language and the pin type behind it; `parent` is the class or kind it can stand in
    for."""

    name: str
    category: str
    subcategory: str = ""
    object: str = ""
    parent: str = ""
    fields: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class Conversion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of type that Unreal makes by itself; `function` is the node it puts in between, None for no
    node."""

    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    function: str | None = None


class Catalogue(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    types: tuple[TypeSpec, ...]
    conversions: tuple[Conversion, ...]
    nodes: tuple[NodeType, ...]

    @cached_property
    def _nodes(self) -> dict[str, NodeType]:
        named = {alias: node for node in self.nodes for alias in node.aliases}
        return named | {node.name: node for node in self.nodes}

    @cached_property
    def _families(self) -> list[tuple[str, NodeType]]:
        return [(node.name.removesuffix("*"), node) for node in self.nodes if node.name.endswith("*")]

    @cached_property
    def _types(self) -> dict[str, TypeSpec]:
        named = {alias: kind for kind in self.types for alias in kind.aliases}
        return named | {kind.name: kind for kind in self.types}

    @cached_property
    def _conversions(self) -> dict[tuple[str, str], Conversion]:
        return {(known.source, known.target): known for known in self.conversions}

    def find(self, name: str) -> NodeType | None:
        """The entry of a node type by its name or an alias; a member of a family is made from it."""
        found = self._nodes.get(name)
        if found is not None:
            return found
        for head, family in self._families:
            if name.startswith(head) and len(name) > len(head):
                return _member(family, name[len(head) :])
        return None

    def near(self, name: str) -> str | None:
        """The node type most like `name`, or None."""
        return near(name, self._nodes)

    def type(self, name: str) -> TypeSpec | None:
        return self._types.get(name)

    @cached_property
    def _objects(self) -> dict[tuple[str, str], str]:
        return {(kind.category, kind.object): kind.name for kind in self.types if kind.object}

    @cached_property
    def _categories(self) -> dict[tuple[str, str], str]:
        found: dict[tuple[str, str], str] = {}
        for kind in self.types:
            found.setdefault((kind.category, kind.subcategory), kind.name)
            found.setdefault((kind.category, ""), kind.name)
        return found

    def of_object(self, category: str, path: str) -> str | None:
        """The type whose Unreal class, structure or enumeration is `path`."""
        return self._objects.get((category, path))

    def of_category(self, category: str, subcategory: str = "") -> str | None:
        """The type of an Unreal pin category where no object says more."""
        return self._categories.get((category, subcategory)) or self._categories.get((category, ""))

    @cached_property
    def by_member(self) -> dict[str, NodeType]:
        """Entries by the function, event, macro or variant behind them. Look at the class too: a call of the
        parent's function names the same member as the event does."""
        found: dict[str, NodeType] = {}
        for node in self.nodes:
            for member in (node.function, node.event, node.macro, *node.variants.values()):
                if member:
                    found.setdefault(member, node)
        return found

    @cached_property
    def by_class(self) -> dict[tuple[str, str, str], NodeType]:
        """Entries by class, kind of member (`function`, `event`, `macro`, `operator`, or nothing) and member;
        of several, the one that may have most pins."""
        found: dict[tuple[str, str, str], NodeType] = {}
        for entry in sorted(self.nodes, key=lambda entry: (entry.open != "both", entry.name)):
            kinds = {"function": entry.function, "event": entry.event, "macro": entry.macro}
            members = [(kind, member) for kind, member in kinds.items() if member]
            members += [("function", variant) for variant in entry.variants.values()]
            if entry.operator and not entry.function:
                members.append(("operator", entry.operator))
            for kind, member in members or [("", "")]:
                found.setdefault((entry.class_path.rpartition(".")[2], kind, member), entry)
        return found

    def ancestors(self, name: str) -> list[str]:
        """`name` and what it can stand in for, nearest first."""
        found: list[str] = []
        while name and name not in found:
            found.append(name)
            spec = self._types.get(name)
            name = spec.parent if spec else ""
        return found

    def conversion(self, source: str, target: str) -> Conversion | None:
        """How Unreal turns one type into another, or what it descends from."""
        found = (self._conversions.get((ancestor, target)) for ancestor in self.ancestors(source))
        return next((known for known in found if known), None)


def near(name: str, names: Any) -> str | None:
    """The one of `names` most like `name`, whatever the case of its letters; None where none is near."""
    by_lower: dict[str, str] = {}
    for known in sorted(names):
        by_lower.setdefault(known.lower(), known)
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=_CLOSE)
    return by_lower[found[0]] if found else None


def _member(family: NodeType, rest: str) -> NodeType:
    kind = name_text(rest)
    pins = tuple(
        msgspec.structs.replace(pin, name=pin.name.replace("*", rest), type=pin.type.replace("*", kind))
        for pin in family.pins
    )
    return msgspec.structs.replace(family, name=family.name.replace("*", rest), pins=pins, aliases=())


def json_value(value: Any) -> Value:
    """A default as the catalogue writes it, as a value of the language. Text that looks like nothing else
    stays text."""
    if value is None or isinstance(value, bool):
        return Word(str(value).lower() if isinstance(value, bool) else "None")
    if isinstance(value, int | float):
        return Number(str(value))
    if isinstance(value, dict):
        return Fields(tuple(Entry(key, json_value(inner)) for key, inner in value.items()))
    if isinstance(value, list):
        return Fields(tuple(Entry(None, json_value(inner)) for inner in value))
    return Text(str(value))


def load(path: Path) -> Catalogue:
    """A catalogue file. Raises DataError that says what is wrong."""
    return _decode(path.read_bytes(), path)


@cache
def shipped() -> Catalogue:
    """The catalogue that ships with the package."""
    return _decode((files(__package__) / "catalogue.json").read_bytes(), Path("catalogue.json"))


def _decode(raw: bytes, path: Path) -> Catalogue:
    try:
        return msgspec.json.decode(raw, type=Catalogue)
    except msgspec.DecodeError as error:
        raise DataError(path, None, f"expected a node catalogue: {error}") from error
