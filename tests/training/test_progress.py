"""What a real training tells while it runs, and that telling changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bluebook import artifacts
from bluebook.errors import ParamsError
from bluebook.params import Local
from bluebook.runs import Run, Watch, read_run, run_path, watching
from bluebook.training.trackers import tracking
from bluebook.training.train import train
from tests.training.conftest import LOCAL, SETTINGS, Ready, dataset

SHORT = msgspec.structs.replace(SETTINGS, epochs=2, batch=4)
ROWS = 48


def account() -> Run:
    run = read_run(run_path("toy"))
    assert run is not None
    return run


@pytest.fixture(autouse=True)
def _logs_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bluebook.steps.LOG", tmp_path / "logs/steps.jsonl")


class Listening(Watch):
    """Remembers every phase that the file showed."""

    seen: list[str]

    def _write(self) -> None:
        super()._write()
        self.seen = [*getattr(self, "seen", []), self.run.phase]


@pytest.mark.parametrize("rows", [40, 48], ids=["epochs end at a point of the curve", "between points"])
def test_a_training_tells_how_far_it_is(base: Path, tmp_path: Path, rows: int) -> None:
    data, out = dataset(base, tmp_path / "data", rows=rows), tmp_path / "out"
    out.mkdir()
    with watching("toy", Local()) as watch:
        trained = train(data, base, out, SHORT, seed=7, local=LOCAL, watch=watch)
        run = account()
        assert (run.outcome, run.phase) == ("running", "saving")
    run = account()
    last = trained.curve[-1]
    assert run.outcome == "completed"
    assert (run.step, run.total, run.epoch) == (rows // 2, rows // 2, 2.0)
    assert (run.loss, run.eval_loss) == (pytest.approx(last.loss, abs=1e-6), last.eval_loss)
    assert run.learning_rate == last.learning_rate
    assert run.tokens_per_second is not None and run.supervised_per_second is not None
    assert 0 < run.supervised_per_second < run.tokens_per_second
    assert run.peak_memory is not None and run.peak_memory > 10**7
    assert [step.number for step in run.steps] == ["2.1", "4.1", "4.2", "5.1"]
    assert all(step.outcome == "complete" and step.seconds is not None for step in run.steps)
    assert set(run.timings) == {"2.1", "4.1", "4.2", "5.1", "optimiser step"}


def test_phases_come_in_their_order(base: Path, tmp_path: Path) -> None:
    data, out = dataset(base, tmp_path / "data", rows=ROWS), tmp_path / "out"
    out.mkdir()
    watch = Listening(tmp_path / "run.json", "toy")
    from bluebook import steps

    steps.listeners.append(watch.heard)
    try:
        train(data, base, out, SHORT, seed=7, local=LOCAL, watch=watch)
    finally:
        steps.listeners.remove(watch.heard)
    order = [phase for phase, before in zip(watch.seen, ["", *watch.seen], strict=False) if phase != before]
    assert order == [
        "starting",
        "model loading",
        "first step",
        "training",
        "evaluation",
        "training",
        "evaluation",
        "saving",
    ]


def test_watching_changes_nothing(base: Path, tmp_path: Path) -> None:
    data = dataset(base, tmp_path / "data", rows=24)
    found = []
    for name in ("watched", "alone"):
        out = tmp_path / name
        out.mkdir()
        with watching("toy", Local()) as watch, tracking(("dvclive",), "toy") as trackers:
            more: dict[str, Any] = {"watch": watch, "trackers": trackers} if name == "watched" else {}
            trained = train(data, base, out, SHORT, seed=7, local=LOCAL, **more)
        found.append((artifacts.sha256(out), trained))
    assert found[0] == found[1]


def test_every_token_and_every_gradient_is_counted(ready: Ready, tmp_path: Path) -> None:
    trainer = ready.trainer
    norms: list[float] = []
    clip = trainer._clip_grad_norm
    trainer._clip_grad_norm = lambda model: norms.append(found := clip(model)) or found  # type: ignore[func-returns-value]
    trainer.train()
    epochs = int(ready.settings.epochs)
    assert int(trainer.supervised) == epochs * sum(len(row.completion) for row in ready.rows)
    assert int(trainer.tokens) == epochs * sum(len(row.prompt + row.completion) for row in ready.rows)
    assert trainer.take_norm() == pytest.approx(max(map(float, norms)), rel=1e-3)
    assert trainer.take_norm() == 0


def test_the_curve_holds_the_largest_gradient_of_each_point(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    trained = train(dataset(base, tmp_path / "data"), base, out, SHORT, seed=7, local=LOCAL)
    assert all(point.grad_norm is not None and point.grad_norm > 0 for point in trained.curve)


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
        cwd=root, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("inside", [{}, {"DVC_EXP_BASELINE_REV": "HEAD", "DVC_ROOT": "."}])
def test_dvclive_touches_nothing_but_its_folder(tmp_path: Path, inside: dict[str, str]) -> None:
    """In a Git repository and under `dvc exp run`, with a Studio token set; a resumed run goes on with its curve."""
    root = tmp_path / "repository"
    root.mkdir()
    _git(root, "init", "-q")
    (root / ".gitignore").write_text("logs/\n")
    (root / "dvc.yaml").write_text("stages: {}\n")
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-m", "one")
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho called >> {tmp_path}/calls\nexit 1\n")
    fake.chmod(0o755)
    code = (
        "from bluebook.training.trackers import tracking\n"
        "for begun, steps in ((0, (10, 20)), (20, (30,))):\n"
        "    with tracking(('dvclive',), 'toy') as [live]:\n"
        "        live.begin(begun)\n"
        "        for step in steps: live.log(step, {'loss': 1 / step, 'nll/thought': 2.0})\n"
    )
    environment = {
        "PATH": str(fake.parent), "PYTHONPATH": str(Path(__file__).parents[2] / "src"), "HOME": str(tmp_path),
        "DVC_STUDIO_TOKEN": "isat_x", "DVC_NO_ANALYTICS": "1", **inside,
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=root, env=environment, check=True, capture_output=True,
    )  # fmt: skip
    assert _git(root, "status", "--porcelain") == ""
    assert sorted(p.name for p in root.iterdir()) == [".git", ".gitignore", "dvc.yaml", "logs"]
    assert not (tmp_path / "calls").exists()
    folder = root / "logs/dvclive-toy"
    assert json.loads((folder / "metrics.json").read_text())["step"] == 30
    lines = (folder / "plots/metrics/loss.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["step", "10", "20", "30"]


def test_a_missing_tracker_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ParamsError, match=r"bluebook\[wandb\]"), tracking(("wandb",), "toy"):
        pass


def test_wandb_stays_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="an optional package")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with tracking(("wandb",), "toy") as [tracker]:
        tracker.begin(0)
        tracker.log(10, {"loss": 1.0})
    [run] = (tmp_path / "logs/wandb").glob("offline-run-*")
    assert any(run.glob("*.wandb"))
