"""The notation: what is written comes back, and only position makes a tag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.records import Region
from bluebook.subjects.persona.memories import PersonaRecord, RecordMetadata
from bluebook.subjects.persona.notation import (
    MODES,
    format,
    parse,
    regions,
    tags_in_place,
    write_response,
)
from bluebook.subjects.subject import ParseError


def record(mode: str = "dual", user: str = "Rain?", assistant: str = "Rain.") -> PersonaRecord:
    return PersonaRecord(
        id="m-1",
        mode=mode,
        user_text=user,
        assistant_text=assistant,
        metadata=RecordMetadata(
            original_id="evt-1",
            path="memory/a.json",
            position=0,
            group="g-7",
            source_type="dream",
            mode_source="type",
            multi_turn=False,
            long_output=False,
            redactions=[],
            neutralised=[],
            changes=[],
        ),
    )


@pytest.mark.parametrize(
    ("mode", "prompt", "response"),
    [
        ("dual", "<thought>: Rain?", "<world>: Rain."),
        ("emulation", "<user>: Rain?", "<assistant>: Rain."),
        ("agent", "<instruction>: Rain?", "<action>: Rain."),
    ],
)
def test_each_mode_has_its_two_tags(mode: str, prompt: str, response: str) -> None:
    example = format(record(mode))
    assert (example.prompt, example.response) == (prompt, response)
    assert example.constructs == [f"mode:{mode}", "source:dream"]


def test_an_example_names_its_record_and_its_group() -> None:
    example = format(record())
    assert example.id == "m-1"
    assert (example.origin.kind, example.origin.ref, example.origin.group) == ("record", "m-1", "g-7")
    assert example.split == ""


@given(st.sampled_from(MODES), st.text())
def test_a_reply_comes_back_byte_for_byte(mode: str, body: str) -> None:
    reply = parse(write_response(mode, body))
    assert (reply.mode, reply.body) == (mode, body)


def test_a_tag_quoted_in_the_body_is_text() -> None:
    reply = parse("<world>: You wrote <user>: and <action>: on one line.")
    assert reply.mode == "dual"
    assert reply.body == "You wrote <user>: and <action>: on one line."


def test_the_empty_reply_is_for_check_to_find() -> None:
    assert parse("<action>:").body == parse("<action>: ").body == ""


@pytest.mark.parametrize(
    ("text", "column", "found"),
    [
        ("", 1, "nothing"),
        ("You are right.", 1, "'You are right.'"),
        (" <world>: one blank too many", 1, "' <world>: one blank too many'"),
        ("<thought>: the prompt's side", 1, '"<thought>: the prompt\'s side"'),
        ("<world> no colon", 1, "'<world> no colon'"),
        ("<World>: not that case", 1, "'<World>: not that case'"),
        ("<world>:no blank", 9, "'no blank'"),
    ],
)
def test_a_text_without_a_response_tag_is_refused(text: str, column: int, found: str) -> None:
    with pytest.raises(ParseError) as error:
        parse(text)
    assert (error.value.line, error.value.column, error.value.found) == (1, column, found)
    assert "<world>:" in error.value.expected


def test_a_long_text_is_not_quoted_whole() -> None:
    with pytest.raises(ParseError) as error:
        parse("word " * 1000 + "\nsecond line")
    assert len(error.value.found) < 60


def test_only_the_start_of_a_line_with_a_colon_is_a_tag_position() -> None:
    text = "<user>: hello\nsaid <world>: twice\n<action> no colon\n <thought>: indented\n<world>: here"
    assert [(at.tag, at.line) for at in tags_in_place(text)] == [("<user>", 1), ("<world>", 5)]


@pytest.mark.parametrize("mode", MODES)
def test_a_reply_is_one_region_by_the_name_of_its_mode(mode: str) -> None:
    text = write_response(mode, "Two words.\nAnd <action>: quoted.")
    assert regions(text) == [Region(name=mode, start=0, end=len(text))]
    assert regions("no tag") == []
