"""What the next line of a program may be, so that a model that writes by it writes what `check` has no fault with.

A program grows line by line in the order of the canonical text: heading, variables, one graph, its nodes, its exec
wires, its data wires. After each line this says which lines may follow, each as a pattern in canonical spelling:

- a node is of a type of the catalogue, has the next id, parameters of its type in the catalogue's order, each once and
  of the right kind, and names declared variables only;
- an exec wire leads from an exec output that leads nowhere yet to an exec input of another node;
- a data wire leads from an output to an input that is neither wired nor set, of types that fit. Between pure nodes it
  leads to a later one, which keeps them from reading each other in a circle.

What is missing is kept possible (`missing.py`). Nodes may be added until every one of them can be reached or read,
wires start only then, and no wire takes away what another node needs. Where the nodes do not add up for long, only
such are offered as bring them nearer to it. The text may end where nothing is missing, and
where nothing can be said any more. Every list has a limit, and where the tokens that are left only just do for what is
missing, nothing else is offered: so it does end in time.

It does not write everything that the language can: no second graph, comments, layout, literals on lines of their own,
`PIN` lines or nodes of classes that the catalogue does not describe. Such programs can be answered free.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property, lru_cache

from bluebook.subjects.subject import Continuation
from bluebook.subjects.ue5 import patterns
from bluebook.subjects.ue5.catalogue import Catalogue, NodeType, ParamSpec, PinSpec
from bluebook.subjects.ue5.drafts import Draft, Pin
from bluebook.subjects.ue5.missing import Missing, Wires
from bluebook.subjects.ue5.patterns import escaped, one_of
from bluebook.subjects.ue5.printing import label_text
from bluebook.subjects.ue5.program import Type

MOST_VARIABLES = 24
MOST_NODES = 40
MOST_SHORT = 6  # nodes in a row that leave something missing which no wires can make up for
# Tokens, of which an answer has so many left: of a wire or a bare node, of any line of wires, of a node whose text a
# model stutters in, and of a small graph.
STEP, WIRE, NODE, GRAPH = 24, 60, 200, 300
_NUMBERED = range(8)  # members of a family of pins such as `Item_#`
_KEPT = 4096  # drafts of texts that are being written


class Continuing:
    """Continuations of texts by one catalogue. They are remembered: a text is read line by line as it grows."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._first = Missing(Draft(catalogue, fitting={}))
        self._roomy = lru_cache(_KEPT)(
            self._after
        )  # a line's end asks what the next one's beginning asks again
        self._state = lru_cache(_KEPT)(self._read)
        self._variable_kinds = lru_cache(_KEPT)(self._named_kinds)

    def after(self, text: str, room: int) -> Continuation:
        """What may follow `text` where `room` tokens may still be written. Raises ParseError where a line of it is not
        in the language."""
        if not text:
            return Continuation(patterns=[f"/BLUEPRINT: {patterns.NAME}/"])
        state = self._state(text)
        if state.draft.graph is None and room < GRAPH:
            return Continuation(texts=["GRAPH: EventGraph"])
        # As if nothing were connected, or could be without another node.
        most = 3 * STEP * len(state.draft.nodes)
        needed = most if room >= most + NODE else STEP * (state.count + 2 * state.shortfall)
        if room < needed + WIRE:
            return self._shortest(state, room)
        return self._roomy(text, room < needed + NODE)

    def _shortest(self, state: Missing, room: int) -> Continuation:
        """What brings a graph nearer to where nothing is missing; the end, where nothing does."""
        draft = state.draft
        if not draft.nodes:
            return Continuation(texts=[f"NODE n1: {kind.name}" for kind in self._bare if kind.is_entry])
        if room < STEP:
            return Continuation(end=True)
        if draft.part == "NODE" and state.shortfall and (mending := self._mending(state)):
            return mending
        if draft.part != "DATA" and (lines := _reaching(state)):
            return Continuation(texts=lines)
        wires = {pin: ends for pin, ends in state.data_wires.items() if pin.node in state.unread}
        if wires:
            return _wires("DATA", wires)
        mending = self._mending(state) if state.count else None
        return mending or Continuation(end=True)

    def _after(self, text: str, is_full: bool) -> Continuation:
        """`is_full`: there is no room for another node but such as are missing."""
        state = self._state(text)
        found = list(self._lines(state, is_full or len(state.draft.nodes) >= MOST_NODES))
        texts = [text for part in found for text in part.texts]
        bodies = [body for part in found for body in part.patterns]
        headed = [one for part in found for one in part.headed]
        missed = state.count and (texts or bodies or headed)
        end = bool(state.draft.nodes) and not missed
        return Continuation(texts=texts, patterns=bodies, headed=headed, end=end)

    def _read(self, text: str) -> Missing:
        before, _, line = text.rpartition("\n")
        state = self._state(before) if before else self._first
        draft = state.draft.with_line(line)
        return Missing(draft, state.short if draft.part == "NODE" else 0)

    def _lines(self, state: Missing, full: bool) -> Iterator[Continuation]:
        draft = state.draft
        if draft.graph is None:
            yield Continuation(patterns=list(self._headings(draft)))
            return
        if draft.part == "NODE":
            if state.short > (0 if full else MOST_SHORT) and (mending := self._mending(state)):
                yield mending
                return
            if not full:
                head = f"NODE n{len(draft.nodes) + 1}:"
                kinds = (self._plain_kinds, self._variable_kinds(tuple(draft.variables.values())))
                yield Continuation(headed=[(head, body) for body in kinds if body])
            if not draft.nodes or (state.short and not full):
                return
        if draft.part != "DATA":
            yield _wires("EXEC", state.exec_wires)
            if state.unreached and (state.exec_wires or not full):
                return
        if not state.data_wires and state.count and (mending := self._mending(state)):
            # What two wires made of a `T` may leave a third nowhere to go: one more node is better than a fault.
            yield mending
        yield _wires("DATA", state.data_wires)

    def _headings(self, draft: Draft) -> Iterator[str]:
        yield f"/GRAPH: {patterns.NAME}/"
        if draft.part == "BLUEPRINT":
            yield f"/PARENT: {patterns.NAME}/"
        if draft.part in ("BLUEPRINT", "PARENT"):
            yield f"/CATEGORY: {patterns.NAME}/"
        if len(draft.variables) < MOST_VARIABLES:
            taken = one_of([escaped(label_text(name)) for name in draft.variables])
            name = f"(/{patterns.LABEL}/ & ~/{taken}/)" if draft.variables else f"/{patterns.LABEL}/"
            yield f'"VAR " {name} /{self._declaration}/'

    @cached_property
    def _declaration(self) -> str:
        """What stands behind a variable's name: its type and its default."""
        alike: dict[str | None, list[str]] = {}  # types by what their literals look like
        for pattern, kind in patterns.variable_types(self._catalogue):
            alike.setdefault(patterns.literal(self._catalogue, kind), []).append(pattern)
        kinds = [one_of(types) + (f"( = {value})?" if value else "") for value, types in alike.items()]
        return ": " + one_of(kinds)

    # Nodes

    @cached_property
    def _plain_kinds(self) -> str:
        """Nodes that name no variable. A long pattern, and the same in every program."""
        return f"/ {one_of([self._plain(kind) for kind in self._without_variable])}/"

    def _mending(self, state: Missing) -> Continuation | None:
        """Types of which one more node leaves less missing. A model that does not find them by itself would go on
        adding nodes for ever."""
        draft = state.draft
        found = [
            kind
            for kind in self._bare
            if state.may_mend(kind) and Missing(draft.with_node(kind)).shortfall < state.shortfall
        ]
        # Where nothing can be run any more, what reads a node by running has to wait for another event.
        chosen = found or [kind for kind in self._bare if kind.is_entry]
        number = len(draft.nodes) + 1
        return Continuation(texts=[f"NODE n{number}: {kind.name}" for kind in chosen]) if chosen else None

    def _named_kinds(self, variables: tuple[tuple[str, Type], ...]) -> str:
        """Nodes that name a variable."""
        types = [pattern for kind in self._with_variable for pattern in self._typed(kind, variables)]
        return f"/ {one_of(types)}/" if types else ""

    @cached_property
    def _without_variable(self) -> list[NodeType]:
        return [
            kind for kind in self._catalogue.nodes if not any(spec.name == "VarName" for spec in kind.params)
        ]

    @cached_property
    def _with_variable(self) -> list[NodeType]:
        return [kind for kind in self._catalogue.nodes if any(spec.name == "VarName" for spec in kind.params)]

    @cached_property
    def _bare(self) -> list[NodeType]:
        """Types that need no parameter."""
        return [
            kind
            for kind in self._without_variable
            if not kind.name.endswith("*") and not any(spec.required for spec in kind.params)
        ]

    def _plain(self, kind: NodeType) -> str:
        if kind.name.endswith("*"):
            return escaped(kind.name.removesuffix("*")) + patterns.IDENTIFIER
        params = [self._param(spec, None) for spec in kind.params]
        return escaped(kind.name) + _bracketed(params, [*self._inputs(kind, None)])

    def _typed(self, kind: NodeType, variables: tuple[tuple[str, Type], ...]) -> Iterator[str]:
        """One for each variable, as it decides the types of the pins."""
        for name, variable in variables:
            params = [self._param(spec, name) for spec in kind.params if spec.name not in ("Owner", "Scope")]
            yield escaped(kind.name) + _bracketed(params, [*self._inputs(kind, variable)])

    def _param(self, spec: ParamSpec, variable: str | None) -> tuple[str, bool]:
        value = patterns.literal(self._catalogue, Type(spec.type)) or patterns.ANY
        if spec.name == "VarName" and variable is not None:
            value = escaped(label_text(variable))
        return f"{escaped(label_text(spec.name))}={value}", spec.required

    def _inputs(self, kind: NodeType, variable: Type | None) -> Iterator[tuple[str, bool]]:
        for pin in kind.pins:
            if pin.output or pin.is_exec:
                continue
            value = self._literal(kind, pin, variable)
            names = [pin.name.replace("#", str(at)) for at in _NUMBERED] if "#" in pin.name else [pin.name]
            if value is not None:
                yield from ((f"{escaped(label_text(name))}={value}", False) for name in names)

    def _literal(self, kind: NodeType, pin: PinSpec, variable: Type | None) -> str | None:
        allowed = kind.where.get("T")
        if pin.kind == Type("T") and allowed:
            found = [patterns.literal(self._catalogue, Type(name)) for name in allowed]
            return one_of(sorted({pattern for pattern in found if pattern}))
        return patterns.literal(self._catalogue, variable if pin.kind.name.startswith("@") else pin.kind)


def _bracketed(params: list[tuple[str, bool]], inputs: list[tuple[str, bool]]) -> str:
    """` [a=1, b=2]`: some of them in their order, all that are required among them."""
    after = ""  # what may stand behind the one before, with its comma
    first: list[str] = []  # the ways to begin
    for pattern, required in reversed([*params, *inputs]):
        begun = pattern + after
        first = [begun] if required else [begun, *first]
        after = f"(, {pattern}){after}" if required else f"(, {pattern})?{after}"
    if not first:
        return ""
    whole = rf" \[{one_of(first)}\]"
    return whole if any(required for _, required in params) else f"({whole})?"


def _reaching(state: Missing) -> list[str]:
    """Exec wires by which more nodes are reached."""
    lines = _wires("EXEC", state.exec_wires).texts
    now = len(state.unreached)
    return [line for line in lines if len(Missing(state.draft.with_line(line)).unreached) < now]


def _wires(keyword: str, wires: Wires) -> Continuation:
    """All wires between pins that have names, and a pattern for each at a pin that has none."""
    texts, bodies = [], []
    for source, targets in wires.items():
        for target in targets:
            if source.name is not None and target.name is not None:
                texts.append(f"{keyword} {_pin(source)} -> {_pin(target)}")
            else:
                bodies.append(f'"{keyword} " {_any_pin(source)} " -> " {_any_pin(target)}')
    return Continuation(texts=texts, patterns=bodies)


def _pin(pin: Pin) -> str:
    return f"{pin.node}.{label_text(pin.name or '')}"


def _any_pin(pin: Pin) -> str:
    if pin.name is not None:
        return json.dumps(_pin(pin))
    taken = one_of([escaped(label_text(name)) for name in pin.taken])
    name = f"(/{pin.pattern}/ & ~/{taken}/)" if pin.taken else f"/{pin.pattern}/"
    return f'"{pin.node}." {name}'
