"""Bytes to memories: every encoding, every kind of damage, and never an exception."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona import reading
from bluebook.subjects.persona.memories import Reason
from bluebook.subjects.persona.reading import Memory, read

TALK = {"id": "evt-1", "type": "chat", "content": "Is the pump loud?", "response": "Only at night, in März."}


def encoded(value: object, encoding: str = "utf-8") -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_unicode_encoding_is_the_same_memory(encoding: str) -> None:
    assert read(encoded(TALK, encoding)) == read(encoded(TALK))


def test_crlf_and_indentation_change_nothing() -> None:
    indented = json.dumps(TALK, indent=2).replace("\n", "\r\n").encode()
    assert read(indented) == read(encoded(TALK))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b" \n\t ", Reason.EMPTY_FILE),
        (b"LLLLLLLL", Reason.NOT_JSON),
        (encoded(TALK)[:-7], Reason.NOT_JSON),
        (encoded(TALK) + encoded(TALK), Reason.NOT_JSON),
        (b"// note\n" + encoded(TALK), Reason.NOT_JSON),
        (str(TALK).encode(), Reason.NOT_JSON),
        (encoded(TALK)[:-1] + b",}", Reason.NOT_JSON),
        (b'{"content": "a", "importance": NaN}', Reason.NOT_JSON),
        (b'{"content": "a\x00b"}', Reason.NOT_JSON),
        ('{"content": "Caf\u00e9"}'.encode("latin-1"), Reason.NOT_TEXT),
        (b'{"content": "a", "elsewhere": "\xff"}', Reason.NOT_TEXT),
        (encoded([TALK]), Reason.NOT_AN_OBJECT),
        (b"42", Reason.NOT_AN_OBJECT),
        (b'{"links": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", Reason.NESTED_TOO_DEEPLY),
        (b'{"iv": "AAA=", "authTag": "BBB=", "ciphertext": "CCC="}', Reason.ENCRYPTED),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, reason: Reason) -> None:
    assert read(data) is reason


def test_a_later_key_wins_over_an_earlier_one() -> None:
    memory = read(b'{"type": "dream", "content": "a", "type": "chat"}')
    assert isinstance(memory, Memory)
    assert memory.type == "chat"


def test_a_field_of_another_type_is_named_and_the_others_are_read() -> None:
    memory = read(encoded(TALK | {"content": ["a"], "metadata": "mode=dual", "tags": "x, feedback", "id": 7}))
    assert isinstance(memory, Memory)
    assert memory.wrong == ("content",)
    assert (memory.id, memory.response, memory.metadata) == ("7", TALK["response"], None)
    assert memory.tags == ["x", "feedback"]


def test_a_lone_surrogate_is_replaced_and_noted() -> None:
    memory = read(b'{"id": "e", "content": "half \\ud83d of it", "response": "ok \\ud83d\\ude00"}')
    assert isinstance(memory, Memory)
    assert memory.content == "half \N{REPLACEMENT CHARACTER} of it"
    assert memory.response == "ok \N{GRINNING FACE}"
    assert memory.repaired


def test_a_turn_without_text_keeps_its_place() -> None:
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None},
        "noise",
        {"from": "human", "value": "b"},
    ]
    memory = read(encoded({"messages": turns}))
    assert isinstance(memory, Memory)
    assert memory.messages is not None
    assert [(turn.role, turn.content) for turn in memory.messages] == [
        ("user", "a"),
        ("assistant", ""),
        ("human", "b"),
    ]


def test_text_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "image", "url": "x"}, {"type": "text", "text": "two"}]
    memory = read(encoded({"messages": [{"role": "user", "content": parts}]}))
    assert isinstance(memory, Memory)
    assert memory.messages is not None
    assert memory.messages[0].content == "one\ntwo"


def test_base64_that_is_none_is_a_malformed_line() -> None:
    assert reading.read_base64("@@@") is Reason.MALFORMED_PACK_LINE
    assert reading.read_base64(base64.b64encode(encoded(TALK)).decode()) == read(encoded(TALK))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
memory_like = st.dictionaries(
    st.sampled_from([*Memory.__struct_fields__, "importance"]), json_values, max_size=8
)


@given(st.binary(max_size=400))
def test_no_bytes_raise(data: bytes) -> None:
    assert isinstance(read(data), Memory | Reason)


@given(memory_like | json_values)
def test_both_ways_of_reading_agree(value: object) -> None:
    fast, slow = read(json.dumps(value).encode()), reading.from_object(value)
    if isinstance(fast, Memory):
        assert isinstance(slow, Memory)
        assert fast == slow
