"""The domains that designs are generated from: what there is, what is done with it, what must hold, what goes wrong.

`domains.yaml` holds them. Everything that a generated design names is in its domain, so nothing dangles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import yaml

from bluebook.errors import BluebookError
from bluebook.params import Struct, convert

FILE = "domains.yaml"
PRIMITIVES = ("string", "int", "float", "bool", "timestamp")


class Slot(NamedTuple):
    """A field of an entity, or a parameter. `type` has no brackets; `many` says whether it has."""

    name: str
    type: str
    many: bool = False

    @property
    def is_plain(self) -> bool:
        return self.type in PRIMITIVES


class Entity(NamedTuple):
    name: str
    slots: tuple[Slot, ...]

    @property
    def plain(self) -> tuple[Slot, ...]:
        """The fields that name nothing else of the domain."""
        return tuple(slot for slot in self.slots if slot.is_plain)


class Operation(NamedTuple):
    """`touches` is what is done to which entity: `create` or `update`, and its name."""

    name: str
    does: str
    takes: tuple[Slot, ...]
    gives: Slot
    needs: tuple[str, ...]
    ensures: tuple[str, ...]
    fails: Mapping[str, str]
    touches: tuple[tuple[str, str], ...]


class Algorithm(NamedTuple):
    name: str
    does: str
    takes: tuple[Slot, ...]
    gives: Slot
    steps: tuple[str, ...]


class Domain(NamedTuple):
    """`rules` are by field, `behaviors` by event. `grows` is the entity that later gets one more field; `title` is what
    its data, panels and events are called by."""

    name: str
    title: str
    about: str
    service: str
    unseen: bool
    entities: Mapping[str, Entity]
    states: Mapping[str, tuple[str, ...]]
    operations: tuple[Operation, ...]
    rules: Mapping[str, str]
    behaviors: Mapping[str, str]
    algorithm: Algorithm
    grows: tuple[Entity, Slot]

    def rules_of(self, entity: Entity) -> dict[str, str]:
        return {slot.name: self.rules[slot.name] for slot in entity.slots if slot.name in self.rules}


@cache
def domains() -> dict[str, Domain]:
    """All domains by name. Raises BluebookError for one that does not say what it must, or names what it has not."""
    text = files(__package__).joinpath(FILE).read_text("utf-8")
    read = convert(yaml.load(text, Loader=_LOADER), dict[str, _Domain], FILE)
    return {name: _domain(name, one) for name, one in read.items()}


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Operation(Struct, frozen=True):
    does: str
    takes: str
    gives: str
    needs: list[str]
    ensures: list[str]
    fails: dict[str, str]
    touches: dict[str, str]


class _Algorithm(Struct, frozen=True):
    name: str
    does: str
    takes: str
    gives: str
    steps: list[str]


class _Growth(Struct, frozen=True):
    entity: str
    field: str


class _Domain(Struct, frozen=True):
    about: str
    service: str
    entities: dict[str, str]
    states: dict[str, list[str]]
    operations: dict[str, _Operation]
    rules: dict[str, str]
    behaviors: dict[str, str]
    algorithm: _Algorithm
    grows: _Growth
    unseen: bool = False


def _domain(name: str, read: _Domain) -> Domain:
    made = Domain(
        name=name,
        title=name.capitalize(),
        about=read.about,
        service=read.service,
        unseen=read.unseen,
        entities={key: Entity(key, _slots(text)) for key, text in read.entities.items()},
        states={key: tuple(values) for key, values in read.states.items()},
        operations=tuple(
            Operation(
                key,
                one.does,
                _slots(one.takes),
                slot_of(f"result {one.gives}"),
                tuple(one.needs),
                tuple(one.ensures),
                one.fails,
                tuple(one.touches.items()),
            )
            for key, one in read.operations.items()
        ),
        rules=read.rules,
        behaviors=read.behaviors,
        algorithm=Algorithm(
            read.algorithm.name,
            read.algorithm.does,
            _slots(read.algorithm.takes),
            slot_of(f"result {read.algorithm.gives}"),
            tuple(read.algorithm.steps),
        ),
        grows=(Entity("", ()), slot_of(read.grows.field)),
    )
    for named in _named(made):
        if named not in {*PRIMITIVES, *made.entities, *made.states}:
            raise BluebookError(
                f"{FILE}: {name} names {named!r}, which it neither has nor is a primitive type"
            )
    if read.grows.entity not in made.entities:
        raise BluebookError(f"{FILE}: {name} lets {read.grows.entity!r} grow, which it has not")
    return made._replace(grows=(made.entities[read.grows.entity], made.grows[1]))


def _named(domain: Domain) -> Iterator[str]:
    slots = [slot for entity in domain.entities.values() for slot in entity.slots]
    for operation in domain.operations:
        slots += [*operation.takes, operation.gives]
        yield from (entity for _, entity in operation.touches)
    slots += [*domain.algorithm.takes, domain.algorithm.gives, domain.grows[1]]
    yield from (slot.type for slot in slots)


def _slots(text: str) -> tuple[Slot, ...]:
    return tuple(slot_of(each) for each in text.split(", "))


def slot_of(text: str) -> Slot:
    """`title string`, `loans Loan[]`."""
    name, _, kind = text.strip().partition(" ")
    return Slot(name, kind.removesuffix("[]"), kind.endswith("[]"))
