"""What a model may write next: every program of the generator, and nothing that `check` finds fault with."""

from __future__ import annotations

import json
import re
from random import Random

import pytest

from bluebook.subjects.subject import Continuation
from bluebook.subjects.ue5 import checker, language
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.continuing import Continuing
from bluebook.subjects.ue5.generator import Generator

CATALOGUE = shipped()
PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|\(/(.*?)/ & ~/(.*?)/\)|/((?:[^/\\]|\\.)*)/')
TOKENS = 640  # of an answer, as `params.yaml` has it
START = "BLUEPRINT: BP_Gate\nVAR Open: Bool\nVAR Speed: Float\nGRAPH: EventGraph"


@pytest.fixture(scope="module")
def continuing() -> Continuing:
    return Continuing(CATALOGUE)


def pattern(body: str) -> str:
    """A body of a Lark terminal, of the kinds used here, for Python's `re`."""
    found = ""
    for piece in PIECE.finditer(body):
        if piece[1] is not None:
            found += f"(?!({piece[2]})(?![A-Za-z0-9_]))({piece[1]})"
        elif piece[3] is not None:
            found += f"({piece[3]})"
        else:
            found += re.escape(json.loads(piece[0]))
    return found


def allows(found: Continuation, line: str) -> bool:
    if line in found.texts or any(re.fullmatch(pattern(body), line) for body in found.patterns):
        return True
    return any(re.fullmatch(re.escape(head) + pattern(body), line) for head, body in found.headed)


def refused(continuing: Continuing, text: str) -> str | None:
    """The first line that may not stand where it does."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        before = "\n".join(lines[:at])
        if not allows(continuing.after(before, TOKENS - len(before) // 2), line):
            return line
    return None


@pytest.mark.parametrize("seed", range(40))
def test_what_the_generator_writes_may_be_written(continuing: Continuing, seed: int) -> None:
    rng = Random(seed)
    generator = Generator(CATALOGUE)
    kinds = rng.sample(
        ["Branch", "PrintString", "Delay", "AddInt", "VariableSet", "GreaterThan", "ForLoop"], 3
    )
    text = generator.generate(kinds, rng).response
    assert refused(continuing, text) is None
    assert continuing.after(text, TOKENS).end


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ("", "GRAPH: EventGraph"),
        (START, "NODE n2: Branch"),
        (START, "NODE n1: Brunch"),
        (START, "NODE n1: Branch [Condition=7]"),
        (START, "NODE n1: Branch [Colour=true]"),
        (START, "NODE n1: VariableGet [VarName=Shut]"),
        (START, "NODE n1: VariableSet [VarName=Speed, Value=true]"),
        (START, "VAR Late: Int"),
        ("BLUEPRINT: BP_Gate\nVAR Open: Bool", "VAR Open: Int"),
        # An event is still missing, then nothing is.
        (f"{START}\nNODE n1: Branch", "EXEC n1.True -> n1.Execute"),
        (f"{START}\nNODE n1: Event_Tick\nNODE n2: Branch", "EXEC n1.Then -> n3.Execute"),
        (f"{START}\nNODE n1: Event_Tick\nNODE n2: Branch", "EXEC n1.Execute -> n2.Execute"),
        (f"{START}\nNODE n1: Event_Tick\nNODE n2: Branch", "EXEC n2.True -> n2.Execute"),
        (f"{START}\nNODE n1: Event_Tick\nNODE n2: Branch", "DATA n1.DeltaSeconds -> n2.Condition"),
        (
            f"{START}\nNODE n1: Event_Tick\nNODE n2: Branch\nEXEC n1.Then -> n2.Execute",
            "EXEC n1.Then -> n2.Execute",
        ),
        # n2 is the only one that can read n3.
        (
            f"{START}\nNODE n1: Event_Tick\nNODE n2: VariableGet [VarName=Open]\nNODE n3: NotBool\nNODE n4: Branch\n"
            "EXEC n1.Then -> n4.Execute",
            "DATA n2.Value -> n4.Condition",
        ),
        # A pure node that nothing can read: wires have to wait for one that can.
        (
            f"{START}\nNODE n1: Event_Tick\nNODE n2: DestroyActor\nNODE n3: AddInt",
            "EXEC n1.Then -> n2.Execute",
        ),
    ],
)
def test_what_would_be_a_fault_may_not_be_written(continuing: Continuing, lines: str, line: str) -> None:
    assert not allows(continuing.after(lines, TOKENS), line)


def test_the_text_may_end_where_nothing_is_missing(continuing: Continuing) -> None:
    nodes = f"{START}\nNODE n1: Event_Tick\nNODE n2: Branch"
    assert not continuing.after(START, TOKENS).end
    assert not continuing.after(nodes, TOKENS).end
    assert continuing.after(f"{nodes}\nEXEC n1.Then -> n2.Execute", TOKENS).end


@pytest.mark.parametrize("seed", range(45))
def test_whatever_is_chosen_is_valid_and_ends_in_time(continuing: Continuing, seed: int) -> None:
    """A writer that knows nothing: any of the allowed nodes, any of the allowed wires."""
    rng, text, room = Random(seed), START, (6_000, TOKENS, 320)[seed % 3]
    while True:
        found = continuing.after(text, room)
        lines = [*found.texts, *(line for body in found.patterns for line in _some(body, rng))]
        lines += [head + line for head, body in found.headed for line in _nodes(body, rng)]
        if found.end and (not lines or rng.random() < 0.1):
            break
        line = rng.choice(lines)
        text, room = f"{text}\n{line}", room - len(line) // 2
        assert room >= 0, text
    assert checker.check(language.parse(text), CATALOGUE) == []


def test_where_room_is_short_no_variable_is_declared(continuing: Continuing) -> None:
    assert continuing.after("BLUEPRINT: B", 100) == Continuation(texts=["GRAPH: EventGraph"])


def _nodes(body: str, rng: Random) -> list[str]:
    """A few nodes that a pattern allows, bare and without literals, as they stand behind their number."""
    bare = re.findall(r"[(|]([A-Z][A-Za-z0-9_]*)(?=[|)(])", body)
    known = [
        name
        for name in bare
        if (kind := CATALOGUE.find(name)) and not kind.open and not any("#" in pin.name for pin in kind.pins)
    ]
    lines = [f" {name}" for name in rng.sample(known, min(8, len(known)))]
    lines += [
        f" {kind} [VarName={name}]"
        for kind, name in re.findall(r"(Variable[GS]et) \\\[\(VarName=(\w+)", body)
    ]
    return [line for line in lines if re.fullmatch(pattern(body), line)]


def _some(body: str, rng: Random) -> list[str]:
    """A line that a pattern allows: a wire at a pin of a made-up name."""
    name = f"Extra{rng.randrange(10**6)}"
    line = "".join(
        json.loads(piece[0]) if piece[0].startswith('"') else ("Case_" if "Case_" in piece[0] else "") + name
        for piece in PIECE.finditer(body)
    )
    return [line] if re.fullmatch(pattern(body), line) else []
