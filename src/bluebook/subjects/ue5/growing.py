"""How a generated program grows. See `generator.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple

from bluebook.subjects.ue5 import vocabulary as words
from bluebook.subjects.ue5.catalogue import Catalogue, NodeType, PinSpec, json_value
from bluebook.subjects.ue5.language import parse_type
from bluebook.subjects.ue5.literals import literal, parameter
from bluebook.subjects.ue5.printing import type_text
from bluebook.subjects.ue5.program import (
    DataWire,
    ExecWire,
    Graph,
    Node,
    Param,
    PinName,
    Program,
    Text,
    Type,
    Value,
    Variable,
    Word,
    same_value,
)

_STRUCT = "/Game/Data/S_Cargo.S_Cargo"
_ENUM = "/Game/Data/E_Tide.E_Tide"
_EVENTS = ("Event_BeginPlay", "Event_Tick", "Event_ActorBeginOverlap", "Event_InputAction", "Event_Custom",
           "Event_AnyDamage", "Event_ActorEndOverlap", "Event_Hit", "Event_EndPlay", "Event_InputKey")  # fmt: skip
_STEPS = ("PrintString", "Delay", "Branch", "VariableSet", "DestroyActor", "SetActorHiddenInGame", "SetActorLocation",
          "Sequence", "SetVisibility", "FlipFlop", "ForLoop", "SpawnActorFromClass", "DoOnce",
          "SetTimerByFunctionName", "AddActorLocalRotation", "CastToCharacter")  # fmt: skip
_LAST = (
    "PrintString",
    "DestroyActor",
    "SetActorHiddenInGame",
    "VariableSet",
)  # where there is no room for more
_GENERIC = ("Float", "Int", "String", "Vector", "Actor", "Bool", "Name")
_CASTS = ("Character", "Pawn", "PlayerController")
_UNUSABLE = {"Collapsed", "Tunnel", "FunctionResult", "FunctionEntry"}  # they make sense in company only
_OWN = ("Target", "FunctionName")  # inputs that no value found elsewhere is given to
_SELF = ("Target", "Object", "Owner", "Instigator")  # the actor itself, where nothing is wired
_DEPTH = 2  # of pure nodes that read pure nodes
_FLOATS = ("Float", "Float32")


class _Source(NamedTuple):
    pin: PinName
    kind: str


class Index:
    """The catalogue by what its node types are for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        known = [node for node in catalogue.nodes if node.name not in _UNUSABLE]
        self.entries = [node.name for node in known if node.is_entry]
        self.steps = [node.name for node in known if not node.is_entry and not _is_pure(node)]
        self.makers: dict[
            str, list[tuple[str, str]]
        ] = {}  # type -> pure nodes that give it, without asking much
        self.takers: dict[str, list[tuple[str, str]]] = {}  # type -> steps that take it
        for node in known:
            for pin in node.pins:
                if pin.is_exec or node.open or node.params or "#" in pin.name:
                    continue
                if _is_pure(node) and pin.output and node.name != "Self" and not node.where:
                    if all(one.type != "T" and "<T>" not in one.type for one in node.pins):
                        self.makers.setdefault(_plain(pin.type), []).append((node.name, pin.name))
                elif not _is_pure(node) and not node.is_entry and not pin.output and pin.name not in _OWN:
                    self.takers.setdefault(_plain(pin.type), []).append((node.name, pin.name))


def _is_pure(node: NodeType) -> bool:
    return node.is_pure or node.name in ("MakeStruct", "BreakStruct", "FormatText")


def _is_flag(name: str) -> bool:
    return name[0] == "b" and name[1:2].isupper()


def _plain(kind: str) -> str:
    return "Float" if kind == "Float32" else kind


@lru_cache(maxsize=4096)
def _type(text: str) -> Type:
    return parse_type(text)


class Plant:
    """One program while it grows. `wanted` are the node types still to be placed."""

    def __init__(self, index: Index, rng: Random, wanted: Sequence[str], nodes: int) -> None:
        self.index, self.rng, self.limit = index, rng, nodes
        self.catalogue = catalogue = index.catalogue
        self.graph = Graph("EventGraph")
        self.variables: dict[str, str] = {}
        self.taken: set[str] = set()
        self.generic = ""  # what `T` is in the node that is being filled; `?` where a wire decides
        self.params: dict[str, list[Param]] = {}
        named = [
            rng.choice([f"CastTo{kind}" for kind in _CASTS]) if name == "CastTo*" else name for name in wanted
        ]
        kinds = [kind for name in named if (kind := catalogue.find(name))]
        self.entries = [kind.name for kind in kinds if kind.is_entry]
        self.pure = [kind.name for kind in kinds if not kind.is_entry and _is_pure(kind)]
        self.steps = [kind.name for kind in kinds if not kind.is_entry and not _is_pure(kind)]

    def program(self) -> Program:
        first = self.entries.pop(0) if self.entries else self.event()
        self.entry(first)
        while self.entries or self.steps or self.pure:
            self.entry(self.entries.pop(0) if self.entries else self.event())
        graph = self.graph
        graph.nodes = [Node(node.id, node.type, tuple(self.params[node.id])) for node in graph.nodes]
        variables = [self.declaration(name, kind) for name, kind in self.variables.items()]
        return Program(self.rng.choice(words.BLUEPRINTS), None, None, variables, [graph])

    def declaration(self, name: str, kind: str) -> Variable:
        usual = (
            literal(kind, name, self.rng)
            if self.rng.random() < 0.5 and kind in ("Float", "Int", "Bool")
            else None
        )
        return Variable(name, _type(kind), usual)

    def event(self) -> str:
        return self.rng.choice(_EVENTS if self.rng.random() < 0.7 else self.index.entries)

    # Entries and steps

    def add(self, name: str) -> tuple[str, NodeType]:
        kind = self.catalogue.find(name)
        assert kind is not None
        node = f"n{len(self.graph.nodes) + 1}"
        self.graph.nodes.append(Node(node, kind.name))
        self.params[node] = []
        for spec in kind.params:
            if spec.required and spec.name != "VarName":
                self.params[node].append(Param(spec.name, parameter(spec, self.rng)))
        return node, kind

    def entry(self, name: str) -> None:
        node, kind = self.add(name)
        if name == "Event_Custom":
            self.rename(node)
        scope = [
            _Source(PinName(node, pin.name), pin.type)
            for pin in kind.pins
            if pin.output and not pin.is_exec and pin.name != "OutputDelegate"
        ]
        outputs = [pin.name for pin in kind.pins if pin.output and pin.is_exec]
        usual = outputs[0] if len(outputs) < 3 else self.rng.choice(outputs)
        self.grow(PinName(node, usual), scope, self.rng.randint(1, 4))
        if len(outputs) == 2 and self.rng.random() < 0.4:
            self.grow(PinName(node, outputs[1]), scope, self.rng.randint(1, 2))

    def rename(self, node: str, name: str = "") -> str:
        """Give a custom event a name of its own."""
        free = [one for one in words.EVENTS if one not in self.taken]
        name = name or self.rng.choice(free or [f"Event{len(self.taken)}"])
        self.taken.add(name)
        self.params[node] = [Param("EventName", Word(name))]
        return name

    def grow(self, cursor: PinName, scope: list[_Source], steps: int) -> None:
        """A chain of steps from an exec output."""
        scope = list(scope)
        while True:
            outs = self.step(cursor, scope)
            steps -= 1
            if len(outs) > 1:
                for pin in outs[: self.rng.randint(1, 2) if len(outs) < 3 else self.rng.randint(2, 3)]:
                    if pin is outs[0] or not self.is_full():
                        self.grow(pin, scope, self.rng.randint(1, 2))
                return
            if not outs or not self.wanted() and (steps <= 0 or self.is_full()):
                return
            cursor = outs[0]

    def wanted(self) -> bool:
        return bool(self.steps or self.pure)

    def is_full(self) -> bool:
        return len(self.graph.nodes) >= self.limit

    def step(self, cursor: PinName, scope: list[_Source]) -> list[PinName]:
        """One more node with what it reads; its exec outputs."""
        if self.steps:
            return self.use(self.steps.pop(0), cursor, scope)
        if self.pure:
            return self.read(self.pure.pop(0), cursor, scope)
        if self.is_full():
            return self.use(self.rng.choice(_LAST), cursor, scope)
        chance = self.rng.random()
        if chance < 0.12:
            return self.update(cursor, scope)
        if chance < 0.27:
            return self.compare(cursor, scope)
        if chance < 0.42:
            maker = self.rng.choice(self.index.makers[self.rng.choice(list(self.index.makers))])
            return self.read(maker[0], cursor, scope)
        return self.use(self.rng.choice(_STEPS if chance < 0.75 else self.index.steps), cursor, scope)

    def use(
        self, name: str, cursor: PinName, scope: list[_Source], given: dict[str, PinName] | None = None
    ) -> list[PinName]:
        """A step of the catalogue after `cursor`; `given` are inputs that are already known."""
        node, kind = self.add(name)
        execs = [pin for pin in kind.pins if pin.is_exec and not pin.output]
        self.graph.exec.append(ExecWire(cursor, PinName(node, execs[0].name if execs else "Execute")))
        self.fill(node, kind, scope, given or {}, 0)
        if name in ("SetTimerByFunctionName", "CallEvent"):
            self.repeat(node, name)
        scope += [
            _Source(PinName(node, pin.name), self.bound(node, pin))
            for pin in kind.pins
            if pin.output and not pin.is_exec and "#" not in pin.name and self.bound(node, pin)
        ]
        return self.outputs(node, kind)

    def repeat(self, node: str, name: str) -> None:
        """The custom event that a timer or a call names."""
        event, _ = self.add("Event_Custom")
        called = self.rename(event)
        key = "EventName" if name == "CallEvent" else "FunctionName"
        value: Value = Word(called) if name == "CallEvent" else Text(called)
        self.params[node] = [Param(key, value), *(one for one in self.params[node] if one.key != key)]
        self.grow(PinName(event, "Then"), [], 1)

    def outputs(self, node: str, kind: NodeType) -> list[PinName]:
        found = []
        for pin in kind.pins:
            if not (pin.output and pin.is_exec):
                continue
            if "#" not in pin.name:
                found.append(PinName(node, pin.name))
                continue
            marks = self.rng.sample(words.NAMES, 2) if self.has_words(kind) else ["0", "1", "2"]
            found = [PinName(node, pin.name.replace("#", mark)) for mark in marks] + found
        if not found and kind.open in ("out", "both"):
            found = [PinName(node, "Then")]
        return found

    def has_words(self, kind: NodeType) -> bool:
        """Whether the cases of a switch are names."""
        return any(pin.type in ("String", "Name", "Enum") for pin in kind.pins if pin.name == "Selection")

    # Motifs

    def read(self, name: str, cursor: PinName, scope: list[_Source]) -> list[PinName]:
        """A pure node and a step that takes what it gives."""
        source, kind = self.grown(name, scope, 0)
        if kind == "Delegate":
            return self.use("SetTimerByEvent", cursor, scope, {"Event": source})
        takers = self.index.takers.get(_plain(kind), [])
        if kind == "Bool" and self.rng.random() < 0.6:
            return self.use("Branch", cursor, scope, {"Condition": source})
        if takers and self.rng.random() < 0.7:
            step, pin = self.rng.choice(takers)
            return self.use(step, cursor, scope, {pin: source})
        if kind not in ("Wildcard", "Self") and not kind.startswith("@"):
            return self.use("VariableSet", cursor, scope, {"Value": source, "": PinName("", kind)})
        return self.use("PrintString", cursor, scope, {"InString": source})

    def update(self, cursor: PinName, scope: list[_Source]) -> list[PinName]:
        """A number counted up or down, or changed by a factor."""
        kind = self.rng.choice(("Int", "Float"))
        name = self.rng.choice(("Add", "Subtract", "Multiply")) + kind
        variable = self.variable(kind)
        value = self.get(variable)
        node, _ = self.add(name)
        self.wire(value, node, "A")
        self.params[node].append(Param("B", literal(kind, "B", self.rng)))
        given = {
            "Value": PinName(node, "ReturnValue"),
            "": PinName("", kind),
            "VarName": PinName("", variable),
        }
        return self.use("VariableSet", cursor, scope, given)

    def compare(self, cursor: PinName, scope: list[_Source]) -> list[PinName]:
        """A number compared, and a branch on it."""
        kind = self.rng.choice(("Int", "Float"))
        node, entry = self.add(
            self.rng.choice(("LessThan", "GreaterThan", "LessEqual", "GreaterEqual", "EqualEqual"))
        )
        self.wire(self.get(self.variable(kind)), node, "A")
        self.params[node].append(Param("B", literal(kind, "B", self.rng)))
        return self.use("Branch", cursor, scope, {"Condition": PinName(node, "ReturnValue")})

    # What a node reads

    def wire(self, source: PinName, node: str, pin: str) -> None:
        self.graph.data.append(DataWire(source, PinName(node, pin)))

    def fill(
        self, node: str, kind: NodeType, scope: list[_Source], given: dict[str, PinName], depth: int
    ) -> None:
        """Give each input what it needs."""
        if any(spec.name == "VarName" for spec in kind.params):
            self.fill_variable(node, kind, scope, given)
            return
        if kind.name == "GetInputAxisValue":
            return
        self.generic = ""
        asked = False
        for pin in kind.pins:
            if pin.output or pin.is_exec:
                continue
            if pin.name in given:
                self.wire(given[pin.name], node, pin.name)
                if pin.type == "T":
                    self.generic = self.generic or "?"
                continue
            names = [pin.name.replace("#", mark) for mark in ("0", "1")] if "#" in pin.name else [pin.name]
            for name in names:
                asked = self.input(node, kind, pin, name, scope, depth, asked)
        self.fill_open(node, kind, scope)

    def input(
        self,
        node: str,
        kind: NodeType,
        pin: PinSpec,
        name: str,
        scope: list[_Source],
        depth: int,
        asked: bool,
    ) -> bool:
        """One input. `asked` says whether one that takes wires only was wired before; the others may be left."""
        text = pin.type
        if "T" in (text, text.removeprefix("Array<").removesuffix(">")):
            if not self.generic or self.generic == "?":
                allowed = [one for one in kind.where.get("T", _GENERIC) if one in _GENERIC]
                self.generic = self.rng.choice(allowed or ["Float"])
                self.wire(self.source(text.replace("T", self.generic), [], depth), node, name)
            elif text == "T" and (value := literal(self.generic, name, self.rng)) is not None:
                self.params[node].append(Param(name, value))
            else:
                self.wire(self.source(text.replace("T", self.generic), [], depth), node, name)
            return asked
        if text == "Wildcard":
            self.wire(self.source(self.wild(kind), [], depth), node, name)
            return asked
        value = literal(text, name, self.rng)
        usual = pin.default if isinstance(pin.default, str | int | float | bool | dict) else None
        optional = _is_flag(name) or name in _SELF or usual is not None
        if name == "Target" and self.needs_target(text) or kind.name.startswith("CastTo"):
            optional = False
        wired = (
            value is None
            or name != "FunctionName"
            and (self.rng.random() < 0.25 and depth < _DEPTH and not self.is_full())
        )
        if value is None and asked and self.rng.random() < 0.8:
            return asked
        if optional and self.rng.random() < self.leaving(kind, name):
            return asked
        if wired:
            if text.startswith("Enum") or text in ("Key", "TimerHandle") and value is not None:
                return asked
            self.wire(self.source(text, scope, depth), node, name)
            return True
        if usual is None or value is not None and same_value(json_value(usual)) != same_value(value):
            assert value is not None
            self.params[node].append(Param(name, value))
        return asked

    def leaving(self, kind: NodeType, name: str) -> float:
        """The chance that an input keeps its default. One that is all a node has is there to be given."""
        if _is_flag(name):
            return 0.85
        few = sum(not (pin.output or pin.is_exec or _is_flag(pin.name)) for pin in kind.pins) < 2
        return 0.1 if few and name not in _SELF else 0.3 if kind.is_pure and name not in _SELF else 0.6

    def needs_target(self, text: str) -> bool:
        """Self is an actor: what works on anything else has to be told on what."""
        return text not in ("Actor", "Object")

    def wild(self, kind: NodeType) -> str:
        return f'Struct<"{_STRUCT}">' if kind.name == "SetFieldsInStruct" else "Int"

    def fill_variable(
        self, node: str, kind: NodeType, scope: list[_Source], given: dict[str, PinName]
    ) -> None:
        text = (
            given[""].pin
            if "" in given
            else self.rng.choice(("Float", "Int", "Bool", "String", "Vector", "Actor"))
        )
        name = given["VarName"].pin if "VarName" in given else self.variable(text)
        self.params[node].append(Param("VarName", _name(name)))
        if kind.is_pure:
            return
        if "Value" in given:
            self.wire(given["Value"], node, "Value")
            return
        value = literal(text, name, self.rng)
        if value is None or self.rng.random() < 0.2:
            self.wire(self.source(text, scope, 0), node, "Value")
        else:
            self.params[node].append(Param("Value", value))

    def fill_open(self, node: str, kind: NodeType, scope: list[_Source]) -> None:
        """Pins that the catalogue leaves to the node itself."""
        match kind.name:
            case "FormatText":
                variable = self.variable(self.rng.choice(("Int", "Float", "String")))
                self.params[node] = [Param("Format", Text(f"{variable}: {{{variable}}}"))]
                self.wire(self.get(variable), node, variable)
            case "BreakStruct":
                self.wire(self.get(self.variable(f'Struct<"{_STRUCT}">')), node, "S_Cargo")
            case "MakeStruct":
                self.params[node].append(
                    Param("Weight", literal("Float", "Weight", self.rng) or Word("None"))
                )

    def bound(self, node: str, pin: PinSpec) -> str:
        """The type of an output that later steps may read; empty where it depends."""
        if "@" in pin.type or "T" == pin.type or "<T>" in pin.type or pin.type in ("Wildcard", "Delegate"):
            return ""
        return pin.type

    def source(self, text: str, scope: Iterable[_Source], depth: int) -> PinName:
        """An output of that type: something said before, a pure node, else a variable."""
        if text == "Delegate":
            event, _ = self.add("Event_Custom")
            self.rename(event)
            self.grow(PinName(event, "Then"), [], 1)
            return PinName(event, "OutputDelegate")
        near = [one.pin for one in scope if one.kind == text or {one.kind, text} == set(_FLOATS)]
        if near and self.rng.random() < 0.7:
            return self.rng.choice(near)
        makers = self.index.makers.get(_plain(text), [])
        if makers and depth < _DEPTH and not self.is_full() and self.rng.random() < 0.5:
            name, pin = self.rng.choice(makers)
            node, kind = self.add(name)
            self.inside(node, kind, list(scope), depth + 1)
            return PinName(node, pin)
        if text == "Object":
            text = "Actor"
        return self.get(self.variable(_plain(text)))

    def inside(self, node: str, kind: NodeType, scope: list[_Source], depth: int) -> None:
        """Fill a node while another one is being filled."""
        kept = self.generic
        self.fill(node, kind, scope, {}, depth)
        self.generic = kept

    def grown(self, name: str, scope: list[_Source], depth: int) -> tuple[PinName, str]:
        """A pure node by name, one of its outputs, and that one's type."""
        node, kind = self.add(name)
        if name == "VariableGet":
            text = self.rng.choice(("Float", "Int", "Bool", "String", "Vector"))
            self.fill(node, kind, scope, {"": PinName("", text)}, depth)
            return PinName(node, "Value"), text
        self.fill(node, kind, scope, {}, depth)
        match name:
            case "BreakStruct":
                return PinName(node, "Weight"), "Float"
            case "MakeStruct":
                return PinName(node, "S_Cargo"), f'Struct<"{_STRUCT}">'
        pin = self.rng.choice([pin for pin in kind.pins if pin.output])
        generic = "Float" if self.generic in ("", "?") else self.generic
        text = pin.type if pin.type != "T" and "<T>" not in pin.type else pin.type.replace("T", generic)
        return PinName(node, pin.name), text

    def variable(self, text: str) -> str:
        """A variable of that type, one already there or a new one."""
        same = [name for name, kind in self.variables.items() if kind == text]
        if same and self.rng.random() < 0.6:
            return self.rng.choice(same)
        inner = text.removeprefix("Array<").removesuffix(">") if text.startswith("Array<") else text
        names: Sequence[str] = words.VARIABLES.get(inner) or (_of_class(inner),)
        pool = [f"{name}s" if inner != text else name for name in names]
        free = [name for name in pool if name not in self.variables]
        if not free:
            if same:
                return same[0]
            free = [f"{pool[0]}{len(self.variables)}"]
        name = self.rng.choice(free)
        self.variables[name] = text
        return name

    def get(self, variable: str) -> PinName:
        """A node that reads it; the one there is, now and then."""
        node, _ = self.add("VariableGet")
        self.params[node].append(Param("VarName", _name(variable)))
        return PinName(node, "Value")


def _name(text: str) -> Value:
    return Word(text)


def _of_class(text: str) -> str:
    """A name for a variable of a class that the vocabulary has no names for: `Class<"/Script/Engine.SaveGame">`
    is SaveGameRef."""
    last = text.rstrip('">').replace("/", ".").rpartition(".")[2].rpartition("<")[2].rpartition('"')[2]
    return f"{last}Ref" if last.isidentifier() else "Thing"
