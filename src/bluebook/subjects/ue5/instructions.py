"""Instructions made from the graph itself: what a person would ask for to get that very program.

An instruction names every node, parameter, variable, wire and pin that the program holds, so that the program
follows from it. It comes in four registers, each with wordings of its own:

    notes    BP_Lamp: Event_BeginPlay > Delay(Duration=2.5) > Branch(Condition=Lit) { True: …; False: … }
    prose    Create the Blueprint BP_Lamp. On begin play, delay with duration 2.5, then branch …
    request  I need BP_Lamp to do this: when begin play fires, delay (duration 2.5) and …
    steps    a numbered list, each step with what leads to it and what it reads

`notes` and `steps` use the names of the language, the other two everyday spellings of them: `SetActorLocation` is
"set actor location". But for variables, nothing here knows a node type by name: phrases follow from the catalogue's
names and pins.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from random import Random

from bluebook.subjects.ue5.arranging import pin_rank
from bluebook.subjects.ue5.catalogue import Catalogue, NodeType
from bluebook.subjects.ue5.printing import label_text, name_text, type_text, value_text
from bluebook.subjects.ue5.program import Graph, Node, Param, PinName, Program
from bluebook.subjects.ue5.wordings import WORDINGS, Register, Style

_NESTED = 40  # nodes up to which an instruction nests; beyond, it is a numbered list
_VARIABLE, _SET = "VariableGet", "VariableSet"
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+(?:[A-Z](?![a-z]))?|[^A-Za-z0-9_\s]+")


def instruct(program: Program, catalogue: Catalogue, register: Register, rng: Random) -> str:
    """An instruction for `program`, which is arranged, in a wording of `register` that `rng` picks."""
    style = rng.choice(WORDINGS[register])
    listed = register == "steps" or sum(len(graph.nodes) for graph in program.graphs) > _NESTED
    said = [style.opening.format(name=name_text(program.blueprint))]
    if program.parent is not None:
        said.append(style.parent.format(name=name_text(program.parent)))
    if program.variables:
        each = [
            style.variable.format(
                article=_article(one.type.name), name=label_text(one.name), type=type_text(one.type)
            )
            + ("" if one.default is None else style.default.format(value=value_text(one.default)))
            for one in program.variables
        ]
        said.append(style.variables.format(list=style.comma.join(each)))
    for place, graph in enumerate(program.graphs):
        said.append(_heading(graph, place, style))
        telling = _Telling(graph, catalogue, style)
        said.append(telling.steps() if listed else telling.flow())
        said.append(telling.pins())
    return "".join(said)


def _heading(graph: Graph, place: int, style: Style) -> str:
    name = name_text(graph.name)
    if graph.params:
        name += " [" + ", ".join(f"{one.key}={value_text(one.value)}" for one in graph.params) + "]"
    return style.graph.format(name=name) if place or graph.params or graph.name != "EventGraph" else ""


def _article(word: str) -> str:
    return "an" if word[:1] in "AEIOU" else "a"


@lru_cache(maxsize=65536)
def spoken(name: str) -> str:
    """`SetActorLocation` as "set actor location"; `bSweep` is "sweep", `Event_BeginPlay` "begin play"."""
    if not name.isidentifier():
        return label_text(name)
    name = name.removeprefix("Event_")
    if len(name) > 1 and name[0] == "b" and name[1].isupper():
        name = name[1:]
    return " ".join(
        word if len(word) > 1 and word.isupper() else word.lower() for word in _WORDS.findall(name)
    )


class _Telling:
    """One graph in words. `told` are the nodes already mentioned."""

    def __init__(self, graph: Graph, catalogue: Catalogue, style: Style) -> None:
        self.graph, self.style = graph, style
        self.nodes = {node.id: node for node in graph.nodes}
        self.kinds = {node.id: catalogue.find(node.type) for node in graph.nodes}
        self.led: dict[str, list[tuple[str, PinName]]] = {}
        self.read: dict[str, list[tuple[str, PinName]]] = {}
        self.entered: set[str] = set()
        for wire in graph.exec:
            self.led.setdefault(wire.source.node, []).append((wire.source.pin, wire.target))
            self.entered.add(wire.target.node)
        for data in graph.data:
            self.read.setdefault(data.target.node, []).append((data.target.pin, data.source))
        self.literals: dict[str, list[Param]] = {}
        for one in graph.literals:
            self.literals.setdefault(one.target.node, []).append(Param(one.target.pin, one.value))
        self.alike = Counter(node.type for node in graph.nodes)
        self.number: dict[str, int] = {}
        seen: Counter[str] = Counter()
        for node in graph.nodes:
            seen[node.type] += 1
            self.number[node.id] = seen[node.type]
        self.told: set[str] = set()

    # Words

    def word(self, name: str) -> str:
        """Names with a mark in them (`Case_Hand`) may be a person's own and are kept."""
        return spoken(name) if self.style.spoken and "_" not in name else label_text(name)

    def type(self, node: Node) -> str:
        name = node.param("VarName") if self.style.spoken and node.type == _SET else None
        if name is not None:
            return f"set {value_text(name)}"
        return spoken(node.type) if self.style.spoken else name_text(node.type)

    def reference(self, node: Node) -> str:
        """A node by its type, and by its number where there are several."""
        if node.type == _VARIABLE:
            return self.variable(node)
        return f"{self.type(node)} {self.number[node.id]}" if self.alike[node.type] > 1 else self.type(node)

    def variable(self, node: Node) -> str:
        name = node.param("VarName")
        return self.style.source.format(name=value_text(name) if name else "?")

    def pair(self, key: str, value: str) -> str:
        return self.style.pair.format(key=self.word(key), value=value)

    def given(self, node: Node, is_inner: bool = False) -> str:
        """Parameters, literals and inputs of a node; in brackets where it is read by another one."""
        kind = self.kinds[node.id]
        pairs = [
            self.pair(one.key, value_text(one.value)) for one in node.params if self.leads(node, one.key)
        ]
        inputs: list[tuple[str, PinName | str]] = [
            (one.key, value_text(one.value))
            for one in (*node.params, *self.literals.get(node.id, ()))
            if not self.leads(node, one.key) and not self.is_name(node, one.key)
        ]
        inputs += self.read.get(node.id, ())
        for pin, said in sorted(inputs, key=lambda one: pin_rank(kind, one[0], False)):
            pairs.append(self.pair(pin, said if isinstance(said, str) else self.source(said)))
        if is_inner and pairs:
            return f"{' ' if self.style.spoken else ''}({', '.join(pairs)})"
        return self.style.given.format(list=self.style.comma.join(pairs)) if pairs else ""

    def leads(self, node: Node, key: str) -> bool:
        """Whether a parameter is the node's own and no input, and is not yet said with its type."""
        kind = self.kinds[node.id]
        return kind is not None and kind.param(key) is not None and not self.is_name(node, key)

    def is_name(self, node: Node, key: str) -> bool:
        return self.style.spoken and node.type == _SET and key == "VarName"

    def source(self, pin: PinName) -> str:
        """Where a value comes from."""
        node, kind = self.nodes[pin.node], self.kinds[pin.node]
        is_entry = kind is not None and kind.is_entry
        if pin.node in self.told or pin.node in self.entered or is_entry:
            plain = self.reference(node)
            if node.type != _VARIABLE:
                named = plain if pin.node in self.entered or is_entry else self.style.same.format(node=plain)
                return self.style.output.format(pin=self.word(pin.pin), node=named)
            return self.style.same.format(node=plain) if self.same_variable(node) > 1 else plain
        self.told.add(pin.node)
        if node.type == _VARIABLE and len(node.params) == 1 and pin.node not in self.read:
            return self.variable(node)
        said = self.type(node) + self.given(node, is_inner=True)
        if self.single(kind):
            return said if not self.style.spoken else f"the {said}"
        return self.style.output.format(pin=self.word(pin.pin), node=said)

    def same_variable(self, node: Node) -> int:
        return sum(other.params == node.params for other in self.nodes.values() if other.type == _VARIABLE)

    def single(self, kind: NodeType | None) -> bool:
        return (
            kind is not None
            and not kind.open
            and sum(pin.output and not pin.is_exec for pin in kind.pins) == 1
        )

    # Nested

    def flow(self) -> str:
        said = []
        for node in self.graph.nodes:
            if node.id not in self.told and node.id not in self.entered and node.id in self.led:
                said.append(self.entry(node))
        for node in self.graph.nodes:
            if node.id not in self.told:
                said.append(self.entry(node))
        return "".join(said)

    def entry(self, node: Node) -> str:
        self.told.add(node.id)
        head = self.style.event.format(node=self.reference(node) + self.given(node))
        after = self.after(node)
        if self.style.event.endswith(" "):  # what is driven follows at once
            after = after[len(self.style.then) :] if after.startswith(self.style.then) else after.lstrip()
            head = head.rstrip(" ,:") + " " if after.startswith("(") else head
        return (head + after).rstrip(" ,:") + self.style.end

    def after(self, node: Node) -> str:
        """What a node leads to. A chain is a loop here; only branches nest."""
        said = []
        while True:
            led = self.led.get(node.id, [])
            if len(led) != 1 or not self.is_usual(node, led[0][0]):
                break
            target = led[0][1]
            fresh = target.node not in self.told
            said.append(self.style.then + self.step(target))
            if not fresh:
                return "".join(said)
            node = self.nodes[target.node]
        if led:
            each = [
                self.style.branch.format(pin=self.word(pin), steps=self.chain(target)) for pin, target in led
            ]
            said.append(self.style.branches.format(list=self.style.between.join(each)))
        return "".join(said)

    def chain(self, target: PinName) -> str:
        fresh = target.node not in self.told
        step = self.step(target)
        return step + self.after(self.nodes[target.node]) if fresh else step

    def step(self, target: PinName) -> str:
        node = self.nodes[target.node]
        if target.node in self.told:
            said = self.style.same.format(node=self.reference(node))
        else:
            self.told.add(target.node)
            said = self.type(node) + self.given(node)
        kind = self.kinds[target.node]
        usual = next((pin.name for pin in kind.pins if pin.is_exec and not pin.output), "") if kind else ""
        return (
            said
            if target.pin == (usual or "Execute")
            else self.style.at.format(node=said, pin=self.word(target.pin))
        )

    def is_usual(self, node: Node, pin: str) -> bool:
        """Whether execution leaves the node nowhere else, so that the pin need not be named."""
        kind = self.kinds[node.id]
        outputs = [one.name for one in kind.pins if one.is_exec and one.output] if kind else ["Then"]
        return outputs == [pin]

    # Numbered

    def steps(self) -> str:
        place = {node.id: number for number, node in enumerate(self.graph.nodes, 1)}
        came: dict[str, list[str]] = {}
        for wire in self.graph.exec:
            name = wire.source.pin
            usual = self.is_usual(self.nodes[wire.source.node], name)
            said = f"#{place[wire.source.node]}" + ("" if usual else f" {label_text(name)}")
            into = "" if wire.target.pin == "Execute" else f" into {label_text(wire.target.pin)}"
            came.setdefault(wire.target.node, []).append(said + into)
        lines = []
        for node in self.graph.nodes:
            params = (*node.params, *self.literals.get(node.id, ()))
            pairs = [f"{label_text(param.key)}={value_text(param.value)}" for param in params]
            for pin, source in self.read.get(node.id, ()):
                name = "" if self.single(self.kinds[source.node]) else f" {label_text(source.pin)}"
                pairs.append(f"{label_text(pin)} from #{place[source.node]}{name}")
            line = f"{place[node.id]}. {name_text(node.type)}" + (f" ({', '.join(pairs)})" if pairs else "")
            lines.append(line + (f", after {' and '.join(came[node.id])}" if node.id in came else ""))
        return "\n" + "\n".join(lines)

    def pins(self) -> str:
        """What PIN lines say."""
        said = []
        for pin in self.graph.pins:
            text = self.style.pin.format(
                node=self.reference(self.nodes[pin.pin.node]),
                pin=label_text(pin.pin.pin),
                side="out" if pin.output else "in",
                type=type_text(pin.type),
            )
            text += "" if pin.default is None else f" = {value_text(pin.default)}"
            fields = ", ".join(f"{label_text(one.key)}={value_text(one.value)}" for one in pin.params)
            said.append(text + (f" [{fields}]" if fields else "") + self.style.end)
        return "".join(said)
