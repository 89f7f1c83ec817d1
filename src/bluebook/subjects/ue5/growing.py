"""How a generated program grows: from an entry, step after step. See `generator.py`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from random import Random

from bluebook.subjects.ue5 import vocabulary as words
from bluebook.subjects.ue5.catalogue import NodeType
from bluebook.subjects.ue5.feeding import Feeder, Index, Reader, Source, is_pure, plain_type
from bluebook.subjects.ue5.language import parse_type
from bluebook.subjects.ue5.literals import STRUCT, literal
from bluebook.subjects.ue5.program import (
    ExecWire,
    Node,
    Param,
    PinName,
    Program,
    Text,
    Type,
    Value,
    Variable,
    Word,
)

# What people use most; all others of the catalogue come up beside them.
_EVENTS = (
    "Event_BeginPlay",
    "Event_Tick",
    "Event_ActorBeginOverlap",
    "Event_InputAction",
    "Event_Custom",
    "Event_AnyDamage",
    "Event_ActorEndOverlap",
    "Event_Hit",
    "Event_EndPlay",
    "Event_InputKey",
)
_STEPS = (
    "PrintString",
    "Delay",
    "Branch",
    "VariableSet",
    "DestroyActor",
    "SetActorHiddenInGame",
    "SetActorLocation",
    "Sequence",
    "SetVisibility",
    "FlipFlop",
    "ForLoop",
    "SpawnActorFromClass",
    "DoOnce",
    "SetTimerByFunctionName",
    "AddActorLocalRotation",
    "CastToCharacter",
)
_LAST = ("PrintString", "DestroyActor", "SetActorHiddenInGame", "VariableSet")  # where room runs out
_CHANGES = ("AddInt", "AddFloat", "SubtractInt", "SubtractFloat", "MultiplyInt", "MultiplyFloat")
_COMPARISONS = ("LessThan", "GreaterThan", "LessEqual", "GreaterEqual", "EqualEqual")
_CASTS = ("CastToCharacter", "CastToPawn", "CastToPlayerController")


@lru_cache(maxsize=4096)
def _type(text: str) -> Type:
    return parse_type(text)


class Plant(Feeder):
    """One program while it grows. `entries`, `steps` and `pure` are the node types still to be placed."""

    def __init__(self, index: Index, rng: Random, wanted: Sequence[str], limit: int) -> None:
        super().__init__(index, rng, limit)
        named = [rng.choice(_CASTS) if name == "CastTo*" else name for name in wanted]
        kinds = [kind for name in named if (kind := self.catalogue.find(name))]
        self.entries = [kind.name for kind in kinds if kind.is_entry]
        self.pure = [kind.name for kind in kinds if not kind.is_entry and is_pure(kind)]
        self.steps = [kind.name for kind in kinds if not kind.is_entry and not is_pure(kind)]

    def program(self) -> Program:
        self.entry(self.entries.pop(0) if self.entries else self.event())
        while self.entries or self.steps or self.pure:
            self.entry(self.entries.pop(0) if self.entries else self.event())
        self.graph.nodes = [Node(one.id, one.type, tuple(self.params[one.id])) for one in self.graph.nodes]
        variables = [self.declaration(name, kind) for name, kind in self.variables.items()]
        return Program(self.rng.choice(words.BLUEPRINTS), None, None, variables, [self.graph])

    def declaration(self, name: str, kind: str) -> Variable:
        has_default = kind in ("Float", "Int", "Bool") and self.rng.random() < 0.5
        return Variable(name, _type(kind), literal(kind, name, self.rng) if has_default else None)

    def event(self) -> str:
        usual = self.index.of(_EVENTS)
        return self.rng.choice(usual if self.rng.random() < 0.7 else self.index.entries)

    # Entries and steps

    def entry(self, name: str) -> None:
        node, kind = self.add(name)
        if name == "Event_Custom":
            self.custom_event(node)
        scope = self.said(node, kind)
        outputs = [pin.name for pin in kind.pins if pin.output and pin.is_exec]
        usual = outputs[0] if len(outputs) < 3 else self.rng.choice(outputs)
        self.grow(PinName(node, usual), scope, self.rng.randint(1, 4))
        if len(outputs) == 2 and self.rng.random() < 0.4:
            self.grow(PinName(node, outputs[1]), scope, self.rng.randint(1, 2))

    def said(self, node: str, kind: NodeType) -> list[Source]:
        """The outputs of a node whose type is certain."""
        return [
            Source(PinName(node, pin.name), pin.type)
            for pin in kind.pins
            if pin.output
            and not pin.is_exec
            and not pin.type.startswith("@")
            and pin.type not in ("T", "Array<T>", "Wildcard", "Delegate")
        ]

    def grow(self, cursor: PinName, scope: Sequence[Source], steps: int) -> None:
        """At least one step; where execution splits, some of the ways."""
        known = list(scope)
        while True:
            outputs = self.step(cursor, known)
            steps -= 1
            if len(outputs) > 1:
                ways = self.rng.randint(1, 2) if len(outputs) < 3 else self.rng.randint(2, 3)
                for output in outputs[:ways]:
                    if output is outputs[0] or not self.is_full():
                        self.grow(output, known, self.rng.randint(1, 2))
                return
            is_wanted = bool(self.steps or self.pure)
            if not outputs or (not is_wanted and (steps <= 0 or self.is_full())):
                return
            cursor = outputs[0]

    def step(self, cursor: PinName, scope: list[Source]) -> list[PinName]:
        """One more node with what it reads; its exec outputs. What it says is added to `scope`."""
        if self.steps:
            return self.use(self.steps.pop(0), cursor, scope)
        if self.pure:
            return self.read(self.pure.pop(0), cursor, scope)
        if self.is_full():
            return self.use(self.rng.choice(self.index.of(_LAST)), cursor, scope)
        chance = self.rng.random()
        if chance < 0.12:
            return self.update(cursor)
        if chance < 0.27:
            return self.compare(cursor, scope)
        if chance < 0.42:
            return self.read(self.rng.choice(self.index.pure), cursor, scope)
        steps = self.index.of(_STEPS) if chance < 0.75 else self.index.steps
        return self.use(self.rng.choice(steps), cursor, scope)

    def use(
        self, name: str, cursor: PinName, scope: list[Source], given: dict[str, PinName] | None = None
    ) -> list[PinName]:
        """A step of the catalogue after `cursor`; `given` are inputs that are known already."""
        node, kind = self.follow(name, cursor)
        self.fill(Reader(node, kind, tuple(scope)), given or {})
        if name in ("SetTimerByFunctionName", "CallEvent"):
            self.call(node, name)
        scope += self.said(node, kind)
        return self.outputs(node, kind)

    def follow(self, name: str, cursor: PinName) -> tuple[str, NodeType]:
        node, kind = self.add(name)
        into = next((pin.name for pin in kind.pins if pin.is_exec and not pin.output), "Execute")
        self.graph.exec.append(ExecWire(cursor, PinName(node, into)))
        return node, kind

    def call(self, node: str, name: str) -> None:
        """The custom event that a timer or a call names."""
        event, _ = self.add("Event_Custom")
        called = self.custom_event(event)
        key = "EventName" if name == "CallEvent" else "FunctionName"
        value: Value = Word(called) if name == "CallEvent" else Text(called)
        self.params[node] = [Param(key, value), *(one for one in self.params[node] if one.key != key)]
        self.grow(PinName(event, "Then"), (), 1)

    def outputs(self, node: str, kind: NodeType) -> list[PinName]:
        """Exec outputs; of a family, a few with the names that its switch has."""
        named = any(pin.type in ("String", "Name", "Enum") for pin in kind.pins if pin.name == "Selection")
        found: list[PinName] = []
        for pin in kind.pins:
            if not (pin.output and pin.is_exec):
                continue
            if "#" in pin.name:
                marks = self.rng.sample(words.NAMES, 2) if named else ["0", "1", "2"]
                found = [PinName(node, pin.name.replace("#", mark)) for mark in marks] + found
            else:
                found.append(PinName(node, pin.name))
        if not found and kind.open in ("out", "both"):
            found = [PinName(node, "Then")]
        return found

    # Motifs

    def read(self, name: str, cursor: PinName, scope: list[Source]) -> list[PinName]:
        """A pure node, and a step that takes what it gives."""
        source, kind = self.pure_node(name, scope)
        if kind == "Delegate":
            return self.use("SetTimerByEvent", cursor, scope, {"Event": source})
        if kind == "Bool" and self.rng.random() < 0.6:
            return self.use("Branch", cursor, scope, {"Condition": source})
        takers = self.index.takers.get(plain_type(kind), [])
        if takers and self.rng.random() < 0.7:
            step, pin = self.rng.choice(takers)
            return self.use(step, cursor, scope, {pin: source})
        return self.keep(source, self.variable(plain_type(kind)), cursor)

    def keep(self, source: PinName, variable: str, cursor: PinName) -> list[PinName]:
        """Set a variable to a value."""
        node, _ = self.follow("VariableSet", cursor)
        self.params[node].append(Param("VarName", Word(variable)))
        self.wire(source, node, "Value")
        return [PinName(node, "Then")]

    def update(self, cursor: PinName) -> list[PinName]:
        """A number counted up or down, or changed by a factor."""
        name = self.rng.choice(self.index.of(_CHANGES))
        kind = "Int" if name.endswith("Int") else "Float"
        variable = self.variable(kind)
        node = self.with_number(name, kind, variable)
        return self.keep(PinName(node, "ReturnValue"), variable, cursor)

    def compare(self, cursor: PinName, scope: list[Source]) -> list[PinName]:
        """A number compared, and a branch on it."""
        kind = self.rng.choice(("Int", "Float"))
        node = self.with_number(self.rng.choice(self.index.of(_COMPARISONS)), kind, self.variable(kind))
        return self.use("Branch", cursor, scope, {"Condition": PinName(node, "ReturnValue")})

    def with_number(self, name: str, kind: str, variable: str) -> str:
        """A node that joins a variable and a number."""
        node, _ = self.add(name)
        self.wire(self.get(variable), node, "A")
        self.params[node].append(Param("B", literal(kind, "B", self.rng) or Word("None")))
        return node

    def pure_node(self, name: str, scope: list[Source]) -> tuple[PinName, str]:
        """A pure node by name, one of its outputs, and that one's type."""
        if name == "VariableGet":
            kind = self.rng.choice(("Float", "Int", "Bool", "String", "Vector"))
            return self.get(self.variable(kind)), kind
        node, entry = self.add(name)
        self.fill(Reader(node, entry, tuple(scope)), {})
        match name:
            case "BreakStruct":
                return PinName(node, "Weight"), "Float"
            case "MakeStruct":
                return PinName(node, "S_Cargo"), f'Struct<"{STRUCT}">'
        pin = self.rng.choice([pin for pin in entry.pins if pin.output])
        kind = pin.type.replace("T", self.generic) if pin.type in ("T", "Array<T>") else pin.type
        return PinName(node, pin.name), kind
