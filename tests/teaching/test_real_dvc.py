"""Taking back with real DVC: what a cycle that forgot has built is gone, from cache-held outputs too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bluebook.teaching.loop import teach

from .conftest import SUBJECT, World, make_world
from .test_loop import forgetful

ROOT = Path(__file__).parents[2]
BUILD = """
from pathlib import Path
from tests.teaching.conftest import World
world = World(Path())
world.write_metrics(world.taught())
Path("data/model").mkdir(parents=True, exist_ok=True)
Path("data/model/toy.txt").write_text("\\n".join(world.taught()))
"""


def make_pipeline(root: Path) -> World:
    world = make_world(root)
    (root / "build.py").write_text(BUILD)
    metrics = [f"metrics/{SUBJECT}/{name}.json" for name in ("cycle", "mastery")]
    stage = {
        "cmd": "python build.py",
        "deps": ["build.py", "data/lessons/${item}"],
        "outs": ["data/model/${item}.txt", *({path: {"cache": False}} for path in metrics)],
    }
    (root / "dvc.yaml").write_text(
        yaml.safe_dump({"stages": {"health": {"foreach": [SUBJECT], "do": stage}}})
    )
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], cwd=root, check=True)
    world.git("add", "--all")
    world.git("commit", "--quiet", "--message", "a pipeline")
    return world


@pytest.mark.slow
def test_what_forgot_is_taken_back_from_git_and_from_dvc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'src'}")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    world = make_pipeline(tmp_path / "world")
    world.lessons = lambda number, attempt: () if attempt else forgetful(number, attempt)
    history = teach(world.root, SUBJECT, cycles=5, propose=world.propose, tell=world.said.append)
    assert [(c.outcome, c.forgotten) for c in history.cycles] == [
        ("start", ()),
        ("kept", ()),
        ("set aside", ("Gear",)),
    ]
    assert world.git("status", "--porcelain") == ""
    assert (world.root / "data/model/toy.txt").read_text().split("\n") == ["teach Lever", "teach Gear"]
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status"], cwd=world.root, capture_output=True, text=True, check=True
    )
    assert "up to date" in status.stdout
