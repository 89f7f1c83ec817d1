"""Sorting more lines than fit in memory: sorted runs in temporary files, merged when they are read.

A line is a sort key, a tab and anything without a newline. Memory stays at one run, however many lines there
are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path

RUN_BYTES = 4 << 20
RUNS = 128  # merged to one when there are so many: open files are limited


class Sorter:
    """Add lines in any order, then iterate over them in the order of their bytes. Files go to `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._lines: list[bytes] = []
        self._bytes = 0
        self._runs: list[Path] = []
        self._made = 0

    def add(self, line: bytes) -> None:
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= RUN_BYTES:
            self._spill()

    def __iter__(self) -> Iterator[bytes]:
        self._lines.sort()
        return heapq.merge(*map(_read, self._runs), self._lines) if self._runs else iter(self._lines)

    def _spill(self) -> None:
        self._lines.sort()
        self._write(iter(self._lines))
        self._lines, self._bytes = [], 0
        if len(self._runs) >= RUNS:
            merged, self._runs = self._runs, []
            self._write(heapq.merge(*map(_read, merged)))
            for run in merged:
                run.unlink()

    def _write(self, lines: Iterator[bytes]) -> None:
        path = self._folder / f"{self._name}.{self._made}"
        self._made += 1
        with path.open("wb", buffering=1 << 20) as out:
            for line in lines:
                out.write(line)
                out.write(b"\n")
        self._runs.append(path)


def _read(run: Path) -> Iterator[bytes]:
    with run.open("rb", buffering=1 << 16) as lines:
        for line in lines:
            yield line[:-1]
