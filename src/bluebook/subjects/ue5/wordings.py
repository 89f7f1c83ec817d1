"""How instructions are worded: four registers, each in several styles. See `instructions.py`."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec
from msgspec.structs import replace

Register = Literal["notes", "prose", "request", "steps"]
REGISTERS: tuple[Register, ...] = get_args(Register)


class Style(msgspec.Struct, frozen=True):
    """How one wording says things; each is a pattern."""

    opening: str  # {name}
    parent: str
    variables: str  # {list}
    variable: str  # {article} {type} {name}
    default: str  # {value}
    event: str  # {node}: before what it drives
    then: str  # between two steps
    spoken: bool  # everyday spellings
    given: str  # {list}: the parameters and inputs of a node
    pair: str  # {key} {value}
    comma: str
    source: str  # {name}: a variable that is read
    output: str  # {pin} {node}
    same: str  # {node}: said before
    branches: str  # {list}: where a node leads to, if to several places
    branch: str  # {pin} {steps}
    between: str  # branches
    at: str  # {node} {pin}: an exec input other than the usual one
    pin: str  # {node} {pin} {side} {type}
    end: str  # of a sentence
    graph: str  # {name}: before a graph that is not the first


_NOTES = Style(
    opening="{name}:",
    parent=" child of {name};",
    variables=" vars {list};",
    variable="{name}:{type}",
    default="={value}",
    event=" {node}",
    then=" > ",
    spoken=False,
    given="({list})",
    pair="{key}={value}",
    comma=", ",
    source="var {name}",
    output="{pin} of {node}",
    same="same {node}",
    branches=" {{ {list} }}",
    branch="{pin}: {steps}",
    between="; ",
    at="{node} at {pin}",
    pin=" {side} pin {pin} of {node}: {type}",
    end=";",
    graph=" graph {name}",
)
_PROSE = Style(
    opening="Create the Blueprint {name}.",
    parent=" Its parent class is {name}.",
    variables=" It has {list}.",
    variable="{article} {type} variable {name}",
    default=" that starts as {value}",
    event=" On {node}, ",
    then=", then ",
    spoken=True,
    given=" with {list}",
    pair="{key} {value}",
    comma=" and ",
    source="the variable {name}",
    output="the {pin} of {node}",
    same="the same {node}",
    branches=" ({list})",
    branch="{pin}: {steps}",
    between="; ",
    at="{node} at its {pin}",
    pin=" The {node} has an {side}put {pin} of type {type}",
    end=".",
    graph=" In the graph {name}:",
)
WORDINGS: dict[Register, tuple[Style, ...]] = {
    "notes": (
        _NOTES,
        replace(_NOTES, opening="Blueprint {name} |", then=" -> ", source="{name} (var)"),
        replace(_NOTES, opening="{name}.", then=", ", variables=" Variables: {list};", end="."),
    ),
    "prose": (
        _PROSE,
        replace(_PROSE, opening="Make a Blueprint called {name}.", event=" When {node} happens, "),
        replace(
            _PROSE,
            opening="Write {name}.",
            event=" Upon {node}: ",
            then="; after that ",
            given=" ({list})",
            comma=", ",
        ),
    ),
    "request": (
        replace(
            _PROSE,
            opening="I need a Blueprint, {name}.",
            parent=" It should be a {name}.",
            variables=" Give it {list}.",
            default=" (at first {value})",
            event=" When {node} fires I want it to ",
            then=" and then ",
            given=" using {list}",
            comma=", ",
            source="my variable {name}",
        ),
        replace(
            _PROSE,
            opening="Can you build {name} for me?",
            variables=" It needs {list}.",
            event=" As soon as {node} happens it should ",
            then=", next ",
            given=" ({list})",
            comma=", ",
        ),
        replace(
            _PROSE,
            opening="Please set up {name}.",
            variables=" Use {list}.",
            event=" After {node}: ",
            then=", followed by ",
            pair="{key} = {value}",
            comma=", ",
        ),
    ),
    "steps": (_NOTES, replace(_NOTES, opening="Steps for {name}:")),
}
