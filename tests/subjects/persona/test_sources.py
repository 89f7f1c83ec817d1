"""Folders and packs: every file once, in order, whatever is in it, and nothing outside."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from bluebook.errors import DataError
from bluebook.subjects.persona.memories import Reason
from bluebook.subjects.persona.reading import Memory
from bluebook.subjects.persona.sources import Source, sources

LIMIT = 4_000


def read(raw: Path) -> list[Source]:
    return list(sources(raw, LIMIT))


def memory(text: str = "a") -> str:
    return json.dumps({"content": text})


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_folder_comes_in_the_order_of_whole_paths(tmp_path: Path) -> None:
    names = ["a/b/1.json", "a/b-2.json", "a.json", "a b/3.json", "é/4.json", "Z.json", "a/b.json"]
    found = read(write(tmp_path, dict.fromkeys(names, memory())))
    assert [source.path for source in found] == sorted(names)
    assert all(isinstance(source.memory, Memory) for source in found)


def test_every_file_counts_whatever_its_name(tmp_path: Path) -> None:
    files = {"a.json.bak": memory(), "b.json.enc": "{}", ".hidden": "", "c.JSON": memory(), "notes.txt": "x"}
    assert {
        source.path: source.memory for source in read(write(tmp_path, files)) if source.path != "c.JSON"
    } == {
        "a.json.bak": Reason.NOT_A_MEMORY,
        "b.json.enc": Reason.ENCRYPTED,
        ".hidden": Reason.NOT_A_MEMORY,
        "notes.txt": Reason.NOT_A_MEMORY,
    }


def test_links_are_named_and_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"secret.json": memory("secret")})
    inside = write(tmp_path / "in", {"own.json": memory()})
    (inside / "file.json").symlink_to(outside / "secret.json")
    (inside / "folder").symlink_to(outside, target_is_directory=True)
    (inside / "loop").symlink_to(inside, target_is_directory=True)
    (inside / "gone.json").symlink_to(inside / "nowhere")
    found = {source.path: source.memory for source in read(inside)}
    assert isinstance(found.pop("own.json"), Memory)
    assert found == dict.fromkeys(["file.json", "folder", "gone.json", "loop"], Reason.LINK)


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    assert read(tmp_path) == [Source("pipe.json", Reason.UNREADABLE)]


def test_a_file_name_that_is_no_utf8_still_fits_a_ledger_line(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.json")).write_text(memory())
    (source,) = read(tmp_path)
    assert source.path == "caf\\xe9\\x0a.json"
    assert isinstance(source.memory, Memory)


def test_a_large_file_is_named_and_not_read(tmp_path: Path) -> None:
    assert read(write(tmp_path, {"big.json": memory("x" * LIMIT)})) == [Source("big.json", Reason.TOO_LARGE)]


def test_a_pack_gives_what_the_folder_gives(tmp_path: Path) -> None:
    files = {"a/1.json": memory("one"), "a/2.json": "[", "b.json.bak": memory(), "c.json": ""}
    folder = write(tmp_path / "folder", files)
    lines = [{"path": "a/1.json", "memory": {"content": "one"}}]
    for name in ("a/2.json", "b.json.bak", "c.json"):
        lines.append({"path": name, "raw_b64": base64.b64encode(files[name].encode()).decode()})
    pack = tmp_path / "pack.jsonl"
    pack.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read(pack) == read(folder)


def test_a_line_that_is_no_memory_is_named_by_its_number(tmp_path: Path) -> None:
    pack = tmp_path / "pack.jsonl"
    good = b'{"path": "good.json", "memory": {"content": "a"}}'
    lines = [
        b"\xef\xbb\xbf" + good,
        b"",
        b"nonsense",
        b'{"memory": {}}',
        b'{"path": 3, "memory": {}}',
        b"[1]",
        b"\xff",
    ]
    pack.write_bytes(b"\n".join(lines))
    first, *others = read(pack)
    assert first.path == "good.json"
    assert others == [Source(f"pack.jsonl:{n}", Reason.MALFORMED_PACK_LINE) for n in (3, 4, 5, 6, 7)]


def test_a_damaged_line_keeps_the_path_it_still_shows(tmp_path: Path) -> None:
    pack = tmp_path / "pack.jsonl"
    deep = b"[" * 100_000 + b"]" * 100_000
    pack.write_bytes(
        b'{"path": "nan.json", "memory": {"content": "a", "importance": NaN}}\n'
        b'{"memory": {"content": "a", "importance": NaN}, "path": "last.json"}\n'
        b'{"path": "base.json", "raw_b64": "?"}\n'
        b'{"path": "none.json"}\n'
        b'{"path": "list.json", "memory": [1]}\n'
        b'{"path": "half.json", "memory": {"content": "half \\ud83d", "response": "b"}}\n'
        b'{"path": "deep.json", "memory": {"links": ' + deep[:2000] + deep[-2000:] + b"}}\n"
    )
    found = {source.path: source.memory for source in read(pack)}
    assert isinstance(found.pop("half.json"), Memory)
    assert found == {
        "nan.json": Reason.MALFORMED_PACK_LINE,
        "last.json": Reason.MALFORMED_PACK_LINE,
        "base.json": Reason.MALFORMED_PACK_LINE,
        "none.json": Reason.MALFORMED_PACK_LINE,
        "list.json": Reason.NOT_AN_OBJECT,
        "deep.json": Reason.NESTED_TOO_DEEPLY,
    }


@pytest.mark.parametrize("path_first", [True, False])
def test_an_overlong_line_is_skipped_and_the_next_is_read(tmp_path: Path, path_first: bool) -> None:
    big = {"path": "big.json", "memory": {"content": "x" * 200_000, "tags": ["}", '"path"']}}
    text = json.dumps(big if path_first else dict(reversed(list(big.items()))))
    pack = tmp_path / "pack.jsonl"
    pack.write_text(f'{text}\n{{"path": "next.json", "memory": {{"content": "a"}}}}\n')
    first, second = read(pack)
    assert first == Source("big.json", Reason.TOO_LARGE)
    assert second.path == "next.json"


def test_nothing_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not found.*params\.yaml"):
        read(tmp_path / "missing")
