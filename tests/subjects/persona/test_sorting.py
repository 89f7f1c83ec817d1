"""Sorting on disk gives what sorting in memory gives, and can be read twice."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona import sorting
from bluebook.subjects.persona.sorting import Sorter

lines = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b" ")), max_size=60)


@given(lines, st.sampled_from([1, 20, 1 << 20]), st.sampled_from([2, 64]))
def test_lines_come_back_sorted(given_lines: list[bytes], run_bytes: int, runs: int) -> None:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(sorting, "RUN_BYTES", run_bytes)
        patch.setattr(sorting, "RUNS", runs)
        sorter = Sorter(Path(folder), "test")
        for line in given_lines:
            sorter.add(line)
        assert list(sorter) == sorted(given_lines)
        assert list(sorter) == sorted(given_lines)
