"""`bluebook deploy` as people type it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def bluebook(*arguments: str, inside: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.argv[0] = 'bluebook'; from bluebook.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "deploy", *arguments],
        cwd=inside, capture_output=True, text=True, check=False, env={**os.environ, "PATH": str(inside)},
    )  # fmt: skip


def test_what_is_missing_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    settings = Path(__file__).parents[2] / "params.yaml"
    (tmp_path / "params.yaml").write_bytes(settings.read_bytes())
    told = bluebook("ue5", "--to", "ollama", inside=tmp_path)
    assert (
        told.returncode == 1 and "Ollama is not installed" in told.stderr and "Traceback" not in told.stderr
    )
    assert [file.name for file in tmp_path.iterdir()] == ["params.yaml"]
