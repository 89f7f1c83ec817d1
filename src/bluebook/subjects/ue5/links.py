"""Which pins are linked. Both ends name each other; a link is the pair, once.

A pin is known by its node's name and its own id, without regard to capitals: ids repeat between Blueprints
that were duplicated, and two nodes of a paste may bear one name. Of pins that share both, the first counts.
"""

from __future__ import annotations

from typing import NamedTuple

from bluebook.subjects.ue5.export import (
    Dangling,
    Link,
    Node,
    Pin,
    PinEnd,
    PinReference,
    Warning,
    pin_reference,
)
from bluebook.subjects.ue5.fields import peek


class Wiring(NamedTuple):
    links: list[Link]
    dangling: list[Dangling]
    warnings: list[Warning]


def resolve(nodes: list[Node]) -> Wiring:
    """The links among `nodes`, in the order of their pins, and what was odd about them."""
    ends = [PinEnd(place, number) for place, node in enumerate(nodes) for number in range(len(node.pins))]
    pins = [pin for node in nodes for pin in node.pins]
    numbers, warnings = _numbered(nodes)
    # A pair of pins -> which of the two names the other: 1 the first, 2 the second, 3 both.
    seen: dict[tuple[int, int], int] = {}
    missing: dict[tuple[int, PinReference], None] = {}
    for number, pin in enumerate(pins):
        for entry in _entries(pin) if "LinkedTo" in pin.raw else ():
            other = numbers.get(entry.lower())
            if other is None:
                to = pin_reference(entry)
                other = numbers.get(f"{to.node} {to.pin}".lower())
            if other is None or other == number:
                missing[number, pin_reference(entry)] = None
            elif number < other:
                seen[number, other] = seen.get((number, other), 0) | 1
            else:
                seen[other, number] = seen.get((other, number), 0) | 2
    links = [
        _link((ends[one], pins[one]), (ends[two], pins[two]), named) for (one, two), named in seen.items()
    ]
    for (one, two), named in seen.items():
        if named != 3:
            speaker, silent = (one, two) if named == 1 else (two, one)
            told = f"{_name(nodes, ends[speaker])} names {_name(nodes, ends[silent])}, which does not name it"
            warnings.append(Warning(pins[speaker].line, "one-sided", told))
    for number, to in missing:
        told = (
            f"{_name(nodes, ends[number])} is linked to {' '.join(to).strip()}, which is not in this export"
        )
        warnings.append(Warning(pins[number].line, "dangling", told))
    return Wiring(links, [Dangling(ends[number], to) for number, to in missing], warnings)


def _numbered(nodes: list[Node]) -> tuple[dict[str, int], list[Warning]]:
    """`node id` in small letters -> the pin's place among all pins; and pins of one node that share an id."""
    numbers: dict[str, int] = {}
    warnings: list[Warning] = []
    number = 0
    for node in nodes:
        prefix = f"{node.name.lower()} "
        first_of_node = number
        for pin in node.pins:
            first = numbers.setdefault(prefix + pin.id.lower(), number)
            if first_of_node <= first < number:
                what = f"the id {pin.id}" if pin.id else "no id, like another one"
                told = f"pin {pin.name!r} of {node.name} has {what}; links go to the first one"
                warnings.append(Warning(pin.line, "duplicate-pin", told))
            number += 1
    return numbers, warnings


def _entries(pin: Pin) -> list[str]:
    """`Node Id` for each pin that `pin` names."""
    text = peek(pin.raw, "LinkedTo=")
    if text is None:
        text = pin.fields.get("LinkedTo", "").strip().strip("()")
    return [entry for entry in text.split(",") if entry and not entry.isspace()]


def _link(one: tuple[PinEnd, Pin], two: tuple[PinEnd, Pin], named: int) -> Link:
    if not one[1].is_output and two[1].is_output:
        one, two = two, one
    return Link(one[0], two[0], one[1].is_exec or two[1].is_exec, named == 3)


def _name(nodes: list[Node], end: PinEnd) -> str:
    node = nodes[end.node]
    pin = node.pins[end.pin]
    return f"{node.name}.{pin.name or pin.id}"
