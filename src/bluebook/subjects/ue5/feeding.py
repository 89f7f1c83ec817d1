"""What the nodes of a generated program read: a literal, a variable, what was said before, or a pure node.

`Index` looks at the catalogue by what its node types are for; `Feeder` holds the graph while it is made and gives
each input of a node something that fits its type.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from bluebook.subjects.ue5 import vocabulary as words
from bluebook.subjects.ue5.catalogue import Catalogue, NodeType, PinSpec, json_value
from bluebook.subjects.ue5.literals import STRUCT, literal, parameter
from bluebook.subjects.ue5.program import (
    DataWire,
    Graph,
    Node,
    Param,
    PinName,
    Text,
    Value,
    Word,
    same_value,
)

_GENERIC = ("Float", "Int", "String", "Vector", "Actor", "Bool", "Name")  # what `T` may be
_IN_COMPANY = {"Collapsed", "Tunnel", "FunctionResult", "FunctionEntry"}  # no use without others of them
_MADE = {"MakeStruct", "BreakStruct", "FormatText"}  # pure, though their pins are open
_ACTOR_ITSELF = ("Target", "Object", "Owner", "Instigator")  # where nothing is wired
_OWN = ("Target", "FunctionName", "Format")  # inputs that no value found elsewhere is given to
_BREAK_HIT, _HIT = "BreakHitResult", "HitResult"  # taken apart where there was one
_DEPTH = 2  # of pure nodes that read pure nodes
_DECIDED = "?"  # `T` where a wire decides it


class Index:
    """`entries`, `steps` and `pure` nodes by name; `makers` and `takers`: the nodes, with the pin, that give a
    type without execution, and the steps that take one. Families (`CastTo*`) are no node types. With `only`, of those
    that it names."""

    def __init__(self, catalogue: Catalogue, only: Sequence[str] = ()) -> None:
        self.catalogue = catalogue
        known = [
            node
            for node in catalogue.nodes
            if node.name not in _IN_COMPANY and "*" not in node.name and (not only or node.name in only)
        ]
        self._only = frozenset(only)
        self.entries = [node.name for node in known if node.is_entry]
        self.steps = [node.name for node in known if not node.is_entry and not is_pure(node)]
        self.pure = [node.name for node in known if is_pure(node)]
        self.makers: dict[str, list[tuple[str, str]]] = {}
        self.takers: dict[str, list[tuple[str, str]]] = {}
        for node in known:
            if node.open or node.params or any("#" in pin.name for pin in node.pins):
                continue
            generic = any(_is_generic(pin.type) for pin in node.pins)
            for pin in node.pins:
                place = node.name, pin.name
                if pin.is_exec:
                    continue
                if is_pure(node) and pin.output and not generic and node.name != "Self":
                    self.makers.setdefault(plain_type(pin.type), []).append(place)
                elif not is_pure(node) and not pin.output and pin.name not in _OWN:
                    self.takers.setdefault(plain_type(pin.type), []).append(place)

    def of(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that may be used here."""
        return [name for name in names if not self._only or name in self._only]


def is_pure(node: NodeType) -> bool:
    return node.is_pure or node.name in _MADE


def plain_type(kind: str) -> str:
    return "Float" if kind == "Float32" else kind


def _is_generic(kind: str) -> bool:
    return kind in ("T", "Array<T>")


def _is_flag(name: str) -> bool:
    return name[0] == "b" and name[1:2].isupper()


class Source(NamedTuple):
    """An output and its type."""

    pin: PinName
    kind: str


class Reader(NamedTuple):
    """A node whose inputs are being filled. `scope` is what was said before it; `depth` how many pure nodes it
    is away from a step."""

    id: str
    kind: NodeType
    scope: Sequence[Source] = ()
    depth: int = 0


class Feeder(ABC):
    """The graph, its variables by name with their types, and the parameters of each node."""

    def __init__(self, index: Index, rng: Random, limit: int) -> None:
        self.index, self.rng, self.limit = index, rng, limit
        self.catalogue = index.catalogue
        self.graph = Graph("EventGraph")
        self.params: dict[str, list[Param]] = {}
        self.variables: dict[str, str] = {}
        self.events: set[str] = set()  # names of custom events
        self.generic = ""  # what `T` is in the node that is being filled

    @abstractmethod
    def grow(self, cursor: PinName, scope: Sequence[Source], steps: int) -> None:
        """A chain of steps from an exec output."""

    def is_full(self) -> bool:
        return len(self.graph.nodes) >= self.limit

    def add(self, name: str) -> tuple[str, NodeType]:
        """A new node with the parameters that it cannot do without; its id and its entry."""
        kind = self.catalogue.find(name)
        assert kind is not None, name
        node = f"n{len(self.graph.nodes) + 1}"
        self.graph.nodes.append(Node(node, kind.name))
        self.params[node] = [
            Param(spec.name, parameter(spec, self.rng))
            for spec in kind.params
            if spec.required and spec.name != "VarName"
        ]
        return node, kind

    def custom_event(self, node: str) -> str:
        """Give a custom event a name that no other has."""
        free = [one for one in words.EVENTS if one not in self.events]
        name = self.rng.choice(free or [f"Event{len(self.events)}"])
        self.events.add(name)
        self.params[node] = [Param("EventName", Word(name))]
        return name

    def wire(self, source: PinName, node: str, pin: str) -> None:
        self.graph.data.append(DataWire(source, PinName(node, pin)))

    # Variables

    def variable(self, kind: str) -> str:
        """A variable of that type, one already there or a new one."""
        same = [name for name, other in self.variables.items() if other == kind]
        if same and self.rng.random() < 0.6:
            return self.rng.choice(same)
        inner = kind.removeprefix("Array<").removesuffix(">") if kind.startswith("Array<") else kind
        names: Sequence[str] = words.VARIABLES.get(inner) or (_of_class(inner),)
        pool = [_plural(name) if inner != kind else name for name in names]
        free = [name for name in pool if name not in self.variables]
        name = self.rng.choice(free or same or [f"{pool[0]}{len(self.variables)}"])
        self.variables[name] = kind
        return name

    def get(self, variable: str) -> PinName:
        node, _ = self.add("VariableGet")
        self.params[node].append(Param("VarName", Word(variable)))
        return PinName(node, "Value")

    def set(self, node: str, kind: str, variable: str, scope: Sequence[Source]) -> None:
        """A value for a node that sets a variable."""
        self.params[node].append(Param("VarName", Word(variable)))
        value = literal(kind, variable, self.rng)
        if value is None or self.rng.random() < 0.2:
            self.wire(self.source(kind, scope, 0), node, "Value")
        else:
            self.params[node].append(Param("Value", value))

    # Inputs

    def fill(self, reader: Reader, given: dict[str, PinName]) -> None:
        """Give each input what it needs; `given` are those that are known already."""
        if any(spec.name == "VarName" for spec in reader.kind.params):
            kind = self.rng.choice(("Float", "Int", "Bool", "String", "Vector", "Actor"))
            self.set(reader.id, kind, self.variable(kind), reader.scope)
            return
        kept, self.generic = self.generic, ""
        wired = False  # whether an input that takes wires only has one: of several, the others may be left
        for pin in reader.kind.pins:
            if pin.output or pin.is_exec:
                continue
            if pin.name in given:
                self.wire(given[pin.name], reader.id, pin.name)
                self.generic = self.generic or (_DECIDED if pin.type == "T" else "")
                continue
            for mark in ("0", "1") if "#" in pin.name else ("",):
                name = pin.name.replace("#", mark)
                if _is_generic(pin.type):
                    self.generic_input(reader, pin.type, name)
                elif pin.type == "Wildcard":
                    kind = f'Struct<"{STRUCT}">' if reader.kind.name == "SetFieldsInStruct" else "Int"
                    self.wire(self.source(kind, (), reader.depth), reader.id, name)
                else:
                    wired |= self.input(reader, pin, name, wired)
        self.open_inputs(reader)
        if reader.depth:
            self.generic = kept

    def generic_input(self, reader: Reader, kind: str, name: str) -> None:
        """The first one decides the type and is wired, so that everybody can tell what it is."""
        decides = self.generic in ("", _DECIDED)
        if decides:
            allowed = [one for one in reader.kind.where.get("T", _GENERIC) if one in _GENERIC]
            self.generic = self.rng.choice(allowed)
        generic = self.generic  # filling what is read may change it
        value = None if decides or kind != "T" else literal(generic, name, self.rng)
        if value is not None:
            self.params[reader.id].append(Param(name, value))
        else:
            self.wire(self.source(kind.replace("T", generic), (), reader.depth), reader.id, name)
            self.generic = generic

    def input(self, reader: Reader, pin: PinSpec, name: str, wired: bool) -> bool:
        """One input; whether it was given a wire that it needs."""
        value = literal(pin.type, name, self.rng)
        if value is None:
            if (
                (wired and self.rng.random() < 0.8)
                or pin.type.startswith("Enum")
                or pin.type == "TimerHandle"
            ):
                return False
            if self.may_stay(reader, pin, name):
                return False
            self.wire(self.source(pin.type, reader.scope, reader.depth), reader.id, name)
            return True
        if self.may_stay(reader, pin, name):
            return False
        reads = name not in _OWN and pin.type != "Key" and reader.depth < _DEPTH and not self.is_full()
        if reads and self.rng.random() < 0.25:
            self.wire(self.source(pin.type, reader.scope, reader.depth), reader.id, name)
        elif not _is_usual(pin, value):
            self.params[reader.id].append(Param(name, value))
        return False

    def may_stay(self, reader: Reader, pin: PinSpec, name: str) -> bool:
        """Whether an input keeps its default. One that is all a node has is there to be given, and a target
        that cannot be the actor itself has to be."""
        if reader.kind.name.startswith("CastTo") or (
            name == "Target" and pin.type not in ("Actor", "Object")
        ):
            return False
        itself = name in _ACTOR_ITSELF
        if not (_is_flag(name) or itself or isinstance(pin.default, str | int | float | bool | dict)):
            return False
        inputs = [one for one in reader.kind.pins if not (one.output or one.is_exec or _is_flag(one.name))]
        if _is_flag(name):
            chance = 0.85
        elif itself:
            chance = 0.6
        else:
            chance = 0.1 if len(inputs) < 2 else 0.3 if reader.kind.is_pure else 0.6
        return self.rng.random() < chance

    def open_inputs(self, reader: Reader) -> None:
        """Pins that the catalogue leaves to the node itself."""
        match reader.kind.name:
            case "FormatText":
                variable = self.variable(self.rng.choice(("Int", "Float", "String")))
                self.params[reader.id] = [Param("Format", Text(f"{variable}: {{{variable}}}"))]
                self.wire(self.get(variable), reader.id, variable)
            case "BreakStruct":
                self.wire(self.get(self.variable(f'Struct<"{STRUCT}">')), reader.id, "S_Cargo")
            case "MakeStruct":
                self.wire(self.source("Float", (), _DEPTH), reader.id, "Weight")

    def source(self, kind: str, scope: Sequence[Source], depth: int) -> PinName:
        """An output of that type: something said before, a pure node, else a variable."""
        if kind == "Delegate":
            event, _ = self.add("Event_Custom")
            self.custom_event(event)
            self.grow(PinName(event, "Then"), (), 1)
            return PinName(event, "OutputDelegate")
        near = [one.pin for one in scope if plain_type(one.kind) == plain_type(kind)]
        if near and self.rng.random() < 0.7:
            return self.rng.choice(near)
        hit = any(one.kind == _HIT for one in scope)
        makers = [one for one in self.index.makers.get(plain_type(kind), ()) if hit or one[0] != _BREAK_HIT]
        if makers and depth < _DEPTH and not self.is_full() and self.rng.random() < 0.5:
            name, pin = self.rng.choice(makers)
            node, entry = self.add(name)
            self.fill(Reader(node, entry, scope, depth + 1), {})
            return PinName(node, pin)
        return self.get(self.variable("Actor" if kind == "Object" else plain_type(kind)))


def _is_usual(pin: PinSpec, value: Value) -> bool:
    if not isinstance(pin.default, str | int | float | bool | dict):
        return False
    return same_value(json_value(pin.default)) == same_value(value)


def _plural(name: str) -> str:
    return f"{name}es" if name.endswith("s") else f"{name}s"


def _of_class(kind: str) -> str:
    """A name for a variable of a class that the vocabulary has no names for: `Class<"/Script/Engine.SaveGame">`
    is SaveGameRef."""
    last = kind.rstrip('">').replace("/", ".").rpartition(".")[2].rpartition("<")[2].rpartition('"')[2]
    return f"{last}Ref" if last.isidentifier() else "Thing"
