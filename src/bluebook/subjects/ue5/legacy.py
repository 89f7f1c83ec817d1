"""Pins as engines before 4.15 wrote them, as objects inside their node:

    Begin Object Class=EdGraphPin Name="EdGraphPin_1"
       PinName="then"
       Direction=EGPD_Output
       PinType=(PinCategory="exec",…)
       LinkedTo(0)=EdGraphPin'K2Node_Event_0.EdGraphPin_7'
    End Object

Each becomes a `Pin` in today's spelling, with the object's name for its id: no one else sees the difference.
"""

from __future__ import annotations

import re

from bluebook.subjects.ue5.export import Node, Pin
from bluebook.subjects.ue5.fields import fields, reference

PIN_CLASS = "EdGraphPin"
_NODE_AND_PIN = re.compile(r"([^.:]+)\.([^.:]+)$")
_UNSAFE = re.compile(r"""[\s,()"']""")
_LINKS = ("LinkedTo", "SubPins", "ParentPin")


def adopt_pins(objects: list[Node]) -> None:
    """Turn pin objects into pins of the object they are in, at any depth."""
    waiting = list(objects)
    while waiting:
        node = waiting.pop()
        if not node.children:
            continue
        inner = [child for child in node.children if child.class_name != PIN_CLASS]
        if len(inner) < len(node.children):
            node.pins += [_modern(child) for child in node.children if child.class_name == PIN_CLASS]
            node.children[:] = inner
        waiting += inner


def _modern(pin: Node) -> Pin:
    written: dict[str, str] = {"PinId": pin.name.upper()}
    for key in dict.fromkeys(key for key, _, _ in pin.properties):
        values = pin.values(key)
        if key in _LINKS:
            written[key] = "(" + "".join(f"{_entry(value)}," for value in values) + ")"
        elif key == "PinType":
            written |= {f"PinType.{inner}": value for inner, value in fields(values[0]).items()}
        else:
            written[key] = values[0]
    raw = ",".join(f"{key}={value}" for key, value in written.items())
    return Pin(f"   CustomProperties Pin ({raw},)", pin.line, written["PinId"])


def _entry(value: str) -> str:
    """`EdGraphPin'Node.Pin'`, with or without a path before it, as `Node Pin`."""
    found = reference(value)
    ends = _NODE_AND_PIN.search(found.path) if found else None
    return f"{ends[1]} {ends[2]}" if ends else _UNSAFE.sub("", value)
