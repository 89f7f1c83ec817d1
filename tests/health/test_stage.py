"""The stage on a small repository: what it reads, what it writes, and how Git's history enters."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bluebook.records import ExamItem, Grade, write_jsonl
from tests.reports.conftest import write_json
from tests.reports.test_history import git

ROOT = Path(__file__).parents[2]
NAME = "persona"
N = 30


def grades(wrong: int) -> list[Grade]:
    return [
        Grade(
            item=f"i{n:02}", mode="free", valid=True, score=float(n >= wrong), errors=[],
            per_construct={"mode:dual": float(n >= wrong)},
        )
        for n in range(N)
    ]  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    metrics = tmp_path / "metrics" / NAME
    write_json(
        metrics / "compose.json",
        {
            "formatted": 400, "lessons": 20, "lesson_share": 0.05, "dropped": {"duplicate": 2},
            "constructs": {"train": {"mode:dual": 300}}, "records": 400, "holdout_version": "x",
        },
    )  # fmt: skip
    write_json(metrics / "export.json", {"examples": 380, "rejected": {}, "family": "qwen"})
    write_json(
        metrics / "train.json", {"steps": 60, "train_loss": 2.0, "validation_loss": 2.5, "method": "full"}
    )
    write_json(
        metrics / "mastery.json",
        {
            "subject": NAME, "exam": "e", "version": "1", "mode": "free", "n": N, "valid_rate": 1.0, "score": 0.9,
            "low": 0.8, "high": 1.0,
        },
    )  # fmt: skip
    write_json(
        metrics / "loss.json",
        [
            {"step": 10 * n, "epoch": n, "loss": 5.0 - n / 4, "learning_rate": 0.1, "eval_loss": None}
            for n in range(1, 9)
        ],
    )
    write_jsonl(
        tmp_path / f"data/holdout/{NAME}.jsonl",
        [
            ExamItem(
                id=f"i{n:02}", exam="e", version="1", kind="holdout", prompt=f"?{n}", reference="!",
                constructs=["mode:dual"],
            )
            for n in range(N)
        ],
    )  # fmt: skip
    write_jsonl(tmp_path / f"data/grades/{NAME}.jsonl", grades(0))
    git(tmp_path, "init", "-q")
    return tmp_path


def judged(root: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = ['health.py', {NAME!r}]; sys.path.insert(0, 'stages')\n"
         f"import runpy; runpy.run_path({str(ROOT / 'stages/health.py')!r}, run_name='__main__')\n"
         "assert not {'torch', 'transformers', 'dvc'} & set(sys.modules)"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((root / f"metrics/{NAME}/health.json").read_text())
    return found


def test_a_healthy_cycle_and_then_one_that_forgot(repository: Path) -> None:
    assert judged(repository)["findings"] == []
    git(repository, "add", "metrics")
    git(repository, "commit", "-q", "-m", "one")
    assert judged(repository)["findings"] == []  # the same cycle is not its own past
    write_jsonl(repository / f"data/grades/{NAME}.jsonl", grades(12))
    before = judged(repository)
    assert [(f["rule"], f["level"]) for f in before["findings"]] == [("regression", "CRITICAL")]
    raw = (repository / f"metrics/{NAME}/health.json").read_bytes()
    git(repository, "commit", "-q", "-a", "-m", "two")
    judged(repository)
    assert (repository / f"metrics/{NAME}/health.json").read_bytes() == raw


def test_a_history_of_another_shape_is_no_past(repository: Path) -> None:
    write_json(repository / f"metrics/{NAME}/cycle.json", {"older": True})
    git(repository, "add", "metrics")
    git(repository, "commit", "-q", "-m", "older")
    assert judged(repository)["findings"] == []


def test_outside_git_there_is_no_past(repository: Path) -> None:
    (repository / ".git").rename(repository / "gone")
    assert judged(repository)["findings"] == []


def test_what_is_planted_in_the_metrics_is_found(repository: Path) -> None:
    settings = yaml.safe_load((repository / "params.yaml").read_text())
    settings["subjects"][NAME]["train"]["warmup_share"] = 80
    (repository / "params.yaml").write_text(yaml.safe_dump(settings))
    assert [f["rule"] for f in judged(repository)["findings"]] == ["warmup"]
