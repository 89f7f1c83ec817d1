"""Several processes train what one trains. They are real ones, and talk over gloo."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from bluebook.errors import ParamsError
from bluebook.params import Local
from bluebook.training import processes
from bluebook.training.train import LossPoint
from tests.training.conftest import LOCAL, dataset

ROOT = Path(__file__).parents[2]
ROWS = 29  # the last step has 5 rows of 8: 3 for one process and 2 for the other


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def run(count: int, *arguments: str) -> list[LossPoint]:
    """The curve of a run by `count` processes."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={count}", f"--master-port={free_port()}"]
    command = [sys.executable, *launcher, str(Path(__file__).parent / "worlds.py"), *arguments]
    done = subprocess.run(
        command, cwd=Path(arguments[2]).parent, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return msgspec.json.decode((Path(arguments[2]) / "curve.json").read_bytes(), type=list[LossPoint])


def weights(folder: Path) -> dict[str, torch.Tensor]:
    [file] = folder.glob("*.safetensors")
    found: dict[str, torch.Tensor] = load_file(file)
    return found


@pytest.mark.parametrize(
    ("method", "portion", "sharded"),
    [("full", 2, []), ("lora", 4, []), ("full", 2, ["fsdp"])],
    ids=["full", "lora", "sharded"],
)
def test_two_processes_train_what_one_does(
    base: Path, tmp_path: Path, method: str, portion: int, sharded: list[str]
) -> None:
    data = dataset(base, tmp_path / "data", rows=ROWS)
    one, two = tmp_path / "one", tmp_path / "two"
    alone = run(1, str(base), str(data), str(one), method, "8")
    together = run(2, str(base), str(data), str(two), method, str(portion), *sharded)
    assert [point.step for point in together] == [point.step for point in alone] == list(range(1, 9))
    for mine, theirs in zip(alone, together, strict=True):
        assert theirs.loss == pytest.approx(mine.loss, abs=1e-5)
        assert theirs.learning_rate == mine.learning_rate
        if mine.eval_loss is not None:
            assert theirs.eval_loss == pytest.approx(mine.eval_loss, abs=1e-5)
    expected, found = weights(one), weights(two)
    assert expected.keys() == found.keys()
    for name, weight in expected.items():
        assert torch.allclose(weight, found[name], atol=1e-4), name
    assert {file.name for file in one.iterdir()} == {file.name for file in two.iterdir()}
