"""What a probe found: one line, and one line of advice where something is wrong."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["fine", "note", "warning", "blocks"]


class Finding(msgspec.Struct, kw_only=True, frozen=True):
    """`blocks`: stages cannot run. `warning`: they run and somebody will be sorry. `note`: good to know."""

    probe: str
    level: Level
    found: str
    advice: str = ""


def fine(probe: str, found: str) -> Finding:
    return Finding(probe=probe, level="fine", found=found)


def note(probe: str, found: str, advice: str = "") -> Finding:
    return Finding(probe=probe, level="note", found=found, advice=advice)


def warning(probe: str, found: str, advice: str) -> Finding:
    return Finding(probe=probe, level="warning", found=found, advice=advice)


def blocks(probe: str, found: str, advice: str) -> Finding:
    return Finding(probe=probe, level="blocks", found=found, advice=advice)


def gib(amount: float) -> str:
    """Bytes as people say them."""
    return f"{amount / (1 << 30):.1f} GiB"
