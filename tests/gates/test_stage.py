"""The stage as DVC runs it: a pass-file or none, and a report either way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bluebook.artifacts import sha256
from bluebook.records import TokenCount
from tests.gates.drafts import Draft, good, write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def run_stage(workspace: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(ROOT / "stages/gate.py"), "persona"]
    return subprocess.run(
        command, cwd=workspace, env=environment, capture_output=True, text=True, check=False
    )


def numbers(workspace: Path) -> dict[str, object]:
    return json.loads((workspace / "metrics/persona/gate.json").read_bytes())


def broken_draft() -> Draft:
    draft = good()
    draft.row("v001").tokens = TokenCount(prompt=9999, completion=1)
    return draft


def test_a_pass_names_the_dataset_it_saw(workspace: Path) -> None:
    folder = write(good(), workspace)
    done = run_stage(workspace)
    assert done.returncode == 0, done.stderr
    passed = json.loads((workspace / "data/gates/persona.json").read_bytes())
    assert passed["passed"] is True
    assert passed["subject"] == "persona"
    assert passed["dataset_sha256"] == sha256(folder)
    assert {"token_budget", "own_tags", "share_dual"} <= set(passed["rules"])
    assert passed["waivers"] == {}
    assert numbers(workspace)["passed"] == 1
    assert (workspace / "reports/gates/persona/failures.jsonl").read_bytes().count(b"minimum_samples") == 1


def test_a_failure_exits_1_keeps_its_report_and_takes_the_old_pass_away(workspace: Path) -> None:
    write(broken_draft(), workspace)
    stale = workspace / "data/gates/persona.json"
    stale.parent.mkdir()
    stale.write_text("{}")
    done = run_stage(workspace)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "token_budget" in done.stdout and "v001 (validation.jsonl:2)" in done.stdout
    assert not stale.exists()
    assert numbers(workspace)["passed"] == 0
    assert numbers(workspace)["failing_rows"]["token_budget"] == 1
    reports = workspace / "reports/gates/persona"
    assert [json.loads(line)["id"] for line in (reports / "failures.jsonl").open() if "token" in line] == [
        "v001"
    ]
    assert "v001" in (reports / "index.html").read_text("utf-8")
