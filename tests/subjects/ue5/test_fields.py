"""Cutting fields, quoting, and the quick look that must agree with the full cut."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bluebook.subjects.ue5.fields import continues, fields, localised, peek, quote, reference, split, unquote

MESSY = st.text(alphabet='abK=,()"\\\n ', max_size=60)
TIGHT = st.text(alphabet='abK=,()"\\', max_size=60)  # a quick look takes a blank before `=` for another key


@settings(deadline=None)
@given(st.text())
def test_quoting_round_trips(text: str) -> None:
    assert unquote(quote(text)) == text


@settings(deadline=None)
@given(st.dictionaries(st.text(alphabet="ABc.", min_size=1), st.text(), max_size=6))
def test_any_quoted_values_are_cut_apart(values: dict[str, str]) -> None:
    text = "(" + ",".join(f"{key}={quote(value)}" for key, value in values.items()) + ")"
    assert {key: unquote(value) for key, value in fields(text).items()} == values
    assert continues(text, False, 0) == (False, 0)


@settings(deadline=None)
@given(TIGHT, st.lists(st.tuples(st.sampled_from(["K", "Kb", "aK"]), TIGHT), max_size=4))
def test_a_quick_look_agrees_with_the_full_cut(noise: str, given_fields: list[tuple[str, str]]) -> None:
    text = "(" + ",".join([noise, *(f"{key}={value}" for key, value in given_fields)]) + ",)"
    assume("(" + ",".join(split(text)[0]) + ")" == text)  # one bracket, as a pin is
    for key in ("K", "Kb"):
        found = peek(text, f"{key}=")
        if found is not None:
            full = fields(text).get(key, "").strip()
            assert full in (f'"{found}"', f"({found})") or (found == "" == full)


@settings(deadline=None)
@given(MESSY, st.integers(0, 60))
def test_a_line_cut_in_two_is_as_open_as_the_whole(text: str, at: int) -> None:
    if not text[:at].endswith("\\"):
        assert continues(text[at:], *continues(text[:at], False, 0)) == continues(text, False, 0)


@settings(deadline=None)
@given(MESSY)
def test_parts_hold_the_whole_bracket(text: str) -> None:
    parts, closed = split(f"({text}")
    assert f"({text}".startswith("(" + ",".join(parts) + ")" * closed)


@pytest.mark.parametrize(
    ("value", "kind", "path"),
    [
        ("Class'\"/Script/Engine.Actor\"'", "Class", "/Script/Engine.Actor"),
        (
            "\"/Script/CoreUObject.Class'/Script/Engine.Actor'\"",
            "/Script/CoreUObject.Class",
            "/Script/Engine.Actor",
        ),
        ("EdGraphPin'Node_1.Pin 2'", "EdGraphPin", "Node_1.Pin 2"),
        ('"/Game/A/Map.Map"', "", "/Game/A/Map.Map"),
    ],
)
def test_references(value: str, kind: str, path: str) -> None:
    assert reference(value) == (kind, path)


@pytest.mark.parametrize("value", ["", "None", '""'])
def test_no_reference(value: str) -> None:
    assert reference(value) is None


def test_texts_show_their_last_string() -> None:
    assert localised('NSLOCTEXT("K2Node", "Key, 1", "Say \\"ahoy\\"")') == 'Say "ahoy"'
    assert localised('INVTEXT("Tide")') == "Tide"
    assert localised('"Plain"') == "Plain"
    assert localised("NSLOCTEXT(") == ""
