"""Rows survive the disk, and a bad line is named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.errors import DataError
from bluebook.records import Example, Origin, encode, read_jsonl, write_jsonl

texts = st.text(st.characters(blacklist_categories=["Cs"]))


@given(st.lists(st.builds(
    Example,
    id=texts, subject=texts, prompt=texts, response=texts, constructs=st.lists(texts, max_size=3),
    origin=st.builds(Origin, kind=st.sampled_from(["record", "lesson", "generated"]), ref=texts, group=texts),
    split=st.sampled_from(["train", "validation", ""]), system=st.none() | texts,
), max_size=5))  # fmt: skip
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[Example]) -> None:
    file = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    assert write_jsonl(file, rows) == len(rows)
    assert list(read_jsonl(file, Example)) == rows


def test_keys_are_sorted_at_every_depth() -> None:
    row = Example(
        id="1", subject="s", prompt="p", response="r", constructs=[],
        origin=Origin(ref="x", kind="record", group="g"), split="train",
    )  # fmt: skip
    keys = list(msgspec.json.decode(encode(row)))
    assert keys == sorted(keys)
    inner = list(msgspec.json.decode(encode(row))["origin"])
    assert inner == sorted(inner)


@pytest.mark.parametrize("line", [b'{"id": 3}', b"{", b"[]", b'{"id": "\xff"}'])
def test_a_bad_line_is_named(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "rows.jsonl"
    write_jsonl(file, [])
    good = encode(
        Example(
            id="1", subject="s", prompt="p", response="r", constructs=[],
            origin=Origin(kind="record", ref="x", group="g"),
        )
    )  # fmt: skip
    file.write_bytes(good + b"\n\n" + line + b"\n")
    rows = read_jsonl(file, Example)
    assert next(rows).id == "1"
    with pytest.raises(DataError, match=r"rows\.jsonl:3: expected one Example"):
        next(rows)
