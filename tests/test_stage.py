"""A stage started by hand: wrong arguments and expected errors end without a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAGES = sorted(path.name for path in (ROOT / "stages").glob("*.py"))


def _start(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "stages" / name), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["ingest.py", "generate.py"])
def test_wrong_arguments_show_the_usage(name: str) -> None:
    done = _start(name)
    assert done.returncode == 2
    assert f"python stages/{name} SUBJECT" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_expected_error_is_one_line() -> None:
    done = _start("ingest.py", "nobody")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "nobody" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_says_how_it_is_started(name: str) -> None:
    assert f"python stages/{name}" in (ROOT / "stages" / name).read_text().split('"""')[1]
