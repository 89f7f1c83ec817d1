"""Bytes of an export to lines of text. Nothing is refused: whatever is odd is put right and reported."""

from __future__ import annotations

from bluebook.subjects.ue5.export import Warning

_SAMPLE = 400  # bytes looked at to recognise UTF-16 that has no byte order mark


def decode(raw: bytes) -> tuple[list[str], list[Warning]]:
    """The lines (ended by LF, CRLF or CR) and what was odd about the bytes."""
    warnings: list[Warning] = []
    wide = _utf16(raw)
    if wide:
        raw = raw.decode(wide, "replace").removeprefix("\ufeff").encode()
        warnings.append(Warning(1, "encoding", f"{wide.upper()} text; Unreal copies UTF-8"))
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        warnings.append(Warning(line, "encoding", f"{raw.count(0)} NUL bytes left out, the first one here"))
        raw = raw.replace(b"\0", b"")
    raw = raw.replace(b"\n\xef\xbb\xbf", b"\n")  # files with a byte order mark each, put together
    if raw.isascii():
        return raw.decode("ascii").split("\n"), warnings
    return _mixed(raw.split(b"\n"), warnings), warnings


def _mixed(parts: list[bytes], warnings: list[Warning]) -> list[str]:
    """Line by line: one bad byte spoils its own line only, and ASCII lines stay at a byte a letter."""
    lines: list[str] = []
    bad: list[int] = []
    for number, part in enumerate(parts, 1):
        try:
            lines.append(part.decode())
        except UnicodeDecodeError:
            lines.append(part.decode("latin-1"))
            bad.append(number)
    if bad:
        text = f"{len(bad)} lines are not UTF-8, the first one here; read as Latin-1"
        warnings.append(Warning(bad[0], "encoding", text))
    return lines


def _utf16(raw: bytes) -> str:
    """The codec of UTF-16 text, known by its byte order mark or by the zero half of its ASCII letters."""
    if raw.startswith(b"\xff\xfe"):
        return "utf-16-le"
    if raw.startswith(b"\xfe\xff"):
        return "utf-16-be"
    even, odd = raw[0:_SAMPLE:2], raw[1:_SAMPLE:2]
    if len(odd) > 8:
        if not even.count(0) and odd.count(0) > 0.8 * len(odd):
            return "utf-16-le"
        if not odd.count(0) and even.count(0) > 0.8 * len(even):
            return "utf-16-be"
    return ""
