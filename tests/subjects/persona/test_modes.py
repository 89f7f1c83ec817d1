"""The mode policy: by type where that leaves no doubt, else by metadata, and never by a part of a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona import modes
from bluebook.subjects.persona.modes import choose


@pytest.mark.parametrize(
    ("kind", "cognitive", "mode", "rule"),
    [
        ("dream", "agent", "dual", "type"),
        ("inner_dialogue", "emulation", "dual", "type"),
        ("reflection_summary", None, "dual", "alias"),
        ("action", "dual", "agent", "type"),
        ("tool_invocation", "dual", "agent", "alias"),
        ("file_read", None, "agent", "alias"),
        ("conversation", "dual", "dual", "metadata"),
        ("conversation", " Agent ", "agent", "metadata"),
        ("journal", None, "emulation", "type"),
        ("chat", "environment", "emulation", "type"),
        ("chat", "sideways", "emulation", "type"),
        ("diary", "dual", "dual", "metadata"),
        ("transaction", None, "emulation", "unknown_type"),
        ("reaction", "dual", "dual", "metadata"),
        ("toolbox", None, "emulation", "unknown_type"),
        (None, None, "emulation", "none_type"),
        ("", "agent", "agent", "metadata"),
    ],
)
def test_which_rule_decides(kind: str | None, cognitive: str | None, mode: str, rule: str) -> None:
    choice = choose(kind, cognitive)
    assert (choice.mode, choice.rule) == (mode, rule)


@pytest.mark.parametrize("kind", ["tool_use", "tool-use", "Tool Use", "TOOL_USE", "toolUse", " tool use "])
def test_one_type_in_many_spellings(kind: str) -> None:
    assert choose(kind, None) == modes.Choice("agent", "type", "tool_use")


def test_an_unknown_type_is_reported_as_such_and_its_text_stays_out() -> None:
    assert choose("my secret project", None).source == "unknown"
    assert choose(None, None).source == "none"


def test_every_alias_leads_to_a_type_with_a_mode() -> None:
    assert set(modes.ALIASES.values()) <= {*modes.FIXED, *modes.DEFAULTS}


@given(st.text() | st.none(), st.text() | st.none())
def test_any_type_and_tag_give_a_mode(kind: str | None, cognitive: str | None) -> None:
    assert choose(kind, cognitive).mode in {"dual", "emulation", "agent"}
