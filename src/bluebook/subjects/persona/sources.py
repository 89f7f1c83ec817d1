"""Where memories lie: a folder with one file each, or a JSONL pack. One `Source` for every file, read one at
a time.

A folder is walked in the order of its paths and every file below it counts, whatever its name; links are
named and not followed, so nothing outside the folder is read. A pack line is `{"path": …, "memory": {…}}` or,
for bytes that are no JSON, `{"path": …, "raw_b64": "…"}`; a line that is neither is named `PACK:LINE`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from bluebook.errors import DataError
from bluebook.subjects.persona import reading
from bluebook.subjects.persona.memories import Reason
from bluebook.subjects.persona.reading import Memory

_BASE64 = 4 / 3  # bytes of base64 for a byte of a file
_LINE_EXTRA = 16_384  # a pack line's path and punctuation
_ENDS = 8_192  # how much of an overlong line's ends is searched for its path
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_STRING = r'"path"\s*:\s*("(?:[^"\\]|\\.)*")'
_PATH_FIRST = re.compile(rf"^\s*{{\s*{_STRING}".encode())
_PATH_LAST = re.compile(rf",\s*{_STRING}\s*}}\s*$".encode())


class Source(NamedTuple):
    path: str
    memory: Memory | Reason


class _Line(msgspec.Struct):
    path: str
    memory: Memory | None = None
    raw_b64: str | None = None


_decoder = msgspec.json.Decoder(_Line)


def sources(raw: Path, max_bytes: int) -> Iterator[Source]:
    """Every memory of `raw`, a folder or a pack. Files over `max_bytes` are named and not read.

    Raises DataError where there is no `raw`."""
    if raw.is_dir():
        return _folder(raw, max_bytes)
    if raw.is_file():
        return _pack(raw, max_bytes)
    raise DataError(
        raw,
        None,
        "not found; expected a folder of memories or a JSONL pack. Set `raw` in params.yaml to yours",
    )


def visible(path: str) -> str:
    """A path that fits in a line of text: control characters and bytes that are no UTF-8 become `\\xNN`."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", path)


def _folder(root: Path, max_bytes: int) -> Iterator[Source]:
    open_folders = [_entries(root, "")]
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
            continue
        path, found = entry
        if isinstance(found, Reason):
            yield Source(visible(path), found)
        elif found.is_dir(follow_symlinks=False):
            open_folders.append(_entries(Path(found.path), f"{path}/"))
        else:
            yield Source(visible(path), _read_file(found, max_bytes))


def _entries(folder: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str] | Reason]]:
    """What lies in `folder`, in the order that whole paths have: a folder sorts as if its name ended in
    `/`."""
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda e: f"{e.name}/" if e.is_dir(follow_symlinks=False) else e.name)
    except OSError:
        yield prefix.rstrip("/"), Reason.UNREADABLE
        return
    for entry in entries:
        yield prefix + entry.name, entry


def _read_file(entry: os.DirEntry[str], max_bytes: int) -> Memory | Reason:
    if entry.is_symlink():
        return Reason.LINK
    if not entry.is_file(follow_symlinks=False):  # a pipe or a socket would block
        return Reason.UNREADABLE
    by_name = _by_name(entry.name)
    if by_name is not None:
        return by_name
    try:
        if entry.stat(follow_symlinks=False).st_size > max_bytes:
            return Reason.TOO_LARGE
        data = Path(entry.path).read_bytes()
    except OSError:
        return Reason.UNREADABLE
    return reading.read(data)


def _by_name(name: str) -> Reason | None:
    if name.endswith(".json"):
        return None
    if name.endswith(".enc"):
        return Reason.ENCRYPTED
    return None if name.lower().endswith(".json") else Reason.NOT_A_MEMORY


def _pack(pack: Path, max_bytes: int) -> Iterator[Source]:
    limit = int(max_bytes * _BASE64) + _LINE_EXTRA
    with pack.open("rb") as lines:
        number = 0
        while line := lines.readline(limit):
            number += 1
            name = f"{pack.name}:{number}"
            if not line.endswith(b"\n") and len(line) >= limit:
                yield Source(_path_of(line[:_ENDS], _rest(lines, line)) or name, Reason.TOO_LARGE)
            elif not line.isspace():
                yield _read_line(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, name, max_bytes)


def _rest(lines: IO[bytes], line: bytes) -> bytes:
    """Skip to the end of an overlong line, in pieces, and return its last bytes."""
    tail = line[-_ENDS:]
    while not tail.endswith(b"\n") and (piece := lines.readline(1 << 16)):
        tail = (tail + piece)[-_ENDS:]
    return tail


def _path_of(head: bytes, tail: bytes) -> str | None:
    """The path in a line that is not parsed whole: keys may be sorted, so it stands first or last."""
    for pattern, text in ((_PATH_FIRST, head), (_PATH_LAST, tail)):
        if match := pattern.search(text):
            try:
                path = msgspec.json.decode(match[1], type=str)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            return visible(path) if path else None
    return None


def _read_line(line: bytes, name: str, max_bytes: int) -> Source:
    try:
        # Decoding first makes bytes that are no UTF-8 an error even in the fields that the typed path skips.
        fast = _decoder.decode(line if line.isascii() else line.decode())
    except UnicodeDecodeError:
        return Source(_path_of(line[:_ENDS], line[-_ENDS:]) or name, Reason.MALFORMED_PACK_LINE)
    except (msgspec.DecodeError, RecursionError):
        return _read_odd_line(line, name, max_bytes)
    if not fast.path:
        return _read_odd_line(line, name, max_bytes)
    path = fast.path if fast.path.isprintable() else visible(fast.path)
    by_name = _by_name(path)
    if by_name is not None:
        return Source(path, by_name)
    if fast.raw_b64 is not None:
        return Source(path, _read_raw(fast.raw_b64, max_bytes))
    if fast.memory is None:
        return _read_odd_line(line, name, max_bytes)
    return Source(path, reading.checked(fast.memory))


def _read_raw(encoded: str, max_bytes: int) -> Memory | Reason:
    return Reason.TOO_LARGE if len(encoded) > max_bytes * _BASE64 + 4 else reading.read_base64(encoded)


def _read_odd_line(line: bytes, name: str, max_bytes: int) -> Source:
    try:
        value: Any = reading.parse_strictly(line.decode())
    except RecursionError:
        return Source(_path_of(line[:_ENDS], line[-_ENDS:]) or name, Reason.NESTED_TOO_DEEPLY)
    except ValueError:
        return Source(_path_of(line[:_ENDS], line[-_ENDS:]) or name, Reason.MALFORMED_PACK_LINE)
    if not isinstance(value, dict) or not isinstance(value.get("path"), str) or not value["path"]:
        return Source(name, Reason.MALFORMED_PACK_LINE)
    path = visible(value["path"])
    by_name = _by_name(path)
    encoded = value.get("raw_b64")
    if by_name is not None:
        return Source(path, by_name)
    if isinstance(encoded, str):
        return Source(path, _read_raw(encoded, max_bytes))
    if "memory" in value:
        return Source(path, reading.from_object(value["memory"]))
    return Source(path, Reason.MALFORMED_PACK_LINE)
