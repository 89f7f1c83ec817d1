"""A stage started by hand: wrong arguments and expected errors end without a traceback."""

from __future__ import annotations

import os
import shutil
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


def test_a_copy_of_the_repository_runs_its_own_code(tmp_path: Path) -> None:
    """As a queued experiment does, beside the checkout that `bluebook` is installed from."""
    shutil.copytree(
        ROOT / "src/bluebook", tmp_path / "src/bluebook", ignore=shutil.ignore_patterns("subjects", "*.json")
    )
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/where.py").write_text(
        "import bluebook\nfrom bluebook.stage import run\n\n"
        "def main(name: str) -> None:\n    print(name, bluebook.__file__)\n\n"
        "if __name__ == '__main__':\n    run(main)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "stages/where.py", "persona"], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["persona", str(tmp_path / "src/bluebook/__init__.py")]
