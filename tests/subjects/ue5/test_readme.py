"""The language's README says what is so: its programs are sound, its names are the catalogue's, its codes the
checker's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bluebook.subjects.ue5 import checker
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.checker import check
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.to_clipboard import to_clipboard

README = (Path(checker.__file__).parent / "README.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```\n(BLUEPRINT.*?)\n```$", README, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("text", PROGRAMS)
def test_its_programs_are_sound_and_can_be_pasted(text: str) -> None:
    program = parse(text)
    assert check(program, shipped()) == []
    assert to_clipboard(program, shipped()).unexpressed == []


def test_its_names_mean_the_same() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (`\w+`(?:, `\w+`)*) \|$", README, re.MULTILINE)
    assert len(rows) >= 7
    for name, others in rows:
        for other in re.findall(r"\w+", others):
            entry = shipped().find(other)
            assert entry is not None and entry.name == name, other


def test_it_names_every_code_of_the_checker_and_no_other() -> None:
    table = README.partition("## What `check` finds")[2].partition("It follows Unreal")[0]
    said = {
        code for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for code in re.findall(r"\w+", row)
    }
    source = Path(checker.__file__).read_text("utf-8")
    codes = set(re.findall(r'"((?:[a-z]+_[a-z_]+)|unreachable|unused)"[,\n]', source))
    assert said == codes


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        (["EXEC n1.Then -> n2.Execute", "EXEC n3.Then -> n2.Execute"], []),  # fan-in
        (
            ["EXEC n1.Then -> n2.Execute", "EXEC n1.Then -> n4.Execute", "EXEC n3.Then -> n4.Execute"],
            ["exec_fan_out"],
        ),
    ],
)
def test_fan_in_is_legal_and_fan_out_is_not(lines: list[str], codes: list[str]) -> None:
    nodes = ["Event_BeginPlay", "PrintString", "Event_Tick", "DestroyActor"]
    if not codes:
        nodes.pop()
    text = ["BLUEPRINT: B", "GRAPH: G", *(f"NODE n{at}: {name}" for at, name in enumerate(nodes, 1)), *lines]
    assert [fault.code for fault in check(parse("\n".join(text)), shipped())] == codes
