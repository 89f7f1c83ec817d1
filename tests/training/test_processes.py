"""Several processes train what one trains. They are real ones, and talk over gloo."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from bluebook.errors import ParamsError
from bluebook.params import Local
from bluebook.training import processes
from bluebook.training.batching import IGNORED
from bluebook.training.train import LossPoint
from tests.training.conftest import LOCAL, dataset

ROOT = Path(__file__).parents[2]
WORLDS = Path(__file__).parent / "worlds.py"
ROWS = 21  # the last step of an epoch has 5 rows of 8: of four portions of 2, one is half full and one empty


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
    command = [sys.executable, *(launcher if count > 1 else []), str(WORLDS), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:8000]
    return msgspec.json.decode((Path(arguments[2]) / "curve.json").read_bytes(), type=list[LossPoint])


def weights(folder: Path) -> dict[str, torch.Tensor]:
    [file] = folder.glob("*.safetensors")
    found: dict[str, torch.Tensor] = load_file(file)
    return found


Alone = Callable[[str], tuple[Path, list[LossPoint]]]


@pytest.fixture(scope="module")
def data(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dataset(base, tmp_path_factory.mktemp("data"), rows=ROWS)


@pytest.fixture(scope="module")
def alone(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """What one process makes of `data` by a method."""

    @cache
    def trained(method: str) -> tuple[Path, list[LossPoint]]:
        out = tmp_path_factory.mktemp("alone") / method
        return out, run(1, str(base), str(data), str(out), method, "8")

    return trained


@pytest.mark.parametrize(
    ("method", "portion", "sharded"),
    [("full", 2, []), ("full", 2, ["fsdp"]), ("lora", 4, []), ("staged", 2, [])],
    ids=["full", "sharded", "lora", "staged"],
)
def test_two_processes_train_what_one_does(  # noqa: PLR0917
    base: Path, data: Path, alone: Alone, tmp_path: Path, method: str, portion: int, sharded: list[str]
) -> None:
    one, expected = alone(method)
    two = tmp_path / "two"
    found = run(2, str(base), str(data), str(two), method, str(portion), *sharded)
    steps = 5 if method == "staged" else 6  # 13 rows and then all, or twice all
    assert [point.step for point in found] == [point.step for point in expected] == list(range(1, steps + 1))
    for mine, theirs in zip(expected, found, strict=True):
        assert theirs.loss == pytest.approx(mine.loss, abs=1e-5)
        assert theirs.learning_rate == mine.learning_rate
        assert theirs.eval_loss == pytest.approx(mine.eval_loss, abs=1e-5)
        assert theirs.quality == mine.quality
    ours, others = weights(one), weights(two)
    assert ours.keys() == others.keys()
    for name, weight in ours.items():
        assert torch.allclose(weight, others[name], atol=1e-5), name
    assert {file.name for file in one.iterdir()} == {file.name for file in two.iterdir()}


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")


def local(held: int) -> Local:
    return msgspec.structs.replace(LOCAL, per_device_batch=held)


@pytest.mark.usefixtures("two")
def test_the_batch_is_shared_out() -> None:
    assert processes.share(32, local(0)) == (16, 1)
    assert processes.share(32, local(4)) == (4, 4)
    assert processes.share(32, local(64)) == (16, 1)
    with pytest.raises(ParamsError, match="33 cannot be shared by 2"):
        processes.share(33, local(0))
    with pytest.raises(ParamsError, match="5 does not divide the batch of 16 examples that each of 2"):
        processes.share(32, local(5))


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(("rows", "real"), [(8, (4, 4)), (13, (4, 1)), (10, (2, 0)), (15, (4, 3))])
@pytest.mark.parametrize("packed", [False, True])
def test_rows_that_fill_up_the_last_portion_weigh_nothing(
    monkeypatch: pytest.MonkeyPatch, rows: int, real: tuple[int, int], packed: bool
) -> None:
    """Portions of 4 rows; of the last two of an epoch, so many are new."""
    for rank, new in enumerate(real):
        monkeypatch.setenv("RANK", str(rank))
        earlier, last = {"labels": torch.ones(4, 3)}, {"labels": torch.ones(4, 3)}
        if packed:
            last = {"labels": torch.ones(1, 12), "cu_seq_lens_q": torch.tensor([0, 3, 6, 9, 12])}
        processes.mask_repeated([earlier, last], rows, 4)
        assert (earlier["labels"] == 1).all()
        assert (last["labels"] != IGNORED).reshape(4, 3).all(1).tolist() == [row < new for row in range(4)]


def test_only_the_first_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        with processes.output_folder(tmp_path / "out") as folder:
            (folder / "weights").write_text(rank)
        assert (tmp_path / "out").exists() == (rank == "0")
    assert (tmp_path / "out/weights").read_text() == "0"


STAGE = """
import os, sys
from bluebook.params import Local
from bluebook.training import processes
processes.launch(Local(launch=sys.argv[2:]))
print("rank", os.environ.get("RANK", "none"), sys.argv[1])
sys.exit(3)
"""


def test_a_stage_starts_its_launcher_once_and_ends_as_it_does(tmp_path: Path) -> None:
    stage, launcher = tmp_path / "stage.py", tmp_path / "launcher"
    stage.write_text(STAGE)
    launcher.write_text(f'#!/bin/sh\nRANK=0 {sys.executable} "$@"; echo "launched"; exit 5\n')
    launcher.chmod(0o755)
    command = [sys.executable, str(stage), "toy", str(launcher)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("rank 0 toy\nlaunched\n", 5), done.stderr
    # In a process that was launched, and without a launcher, the stage just runs.
    for given, more in (({"RANK": "1"}, [str(launcher)]), ({}, [])):
        ran = subprocess.run(
            [*command[:3], *more], env={**environment, **given}, capture_output=True, text=True, check=False
        )
        assert (ran.stdout, ran.returncode) == (f"rank {given.get('RANK', 'none')} toy\n", 3)


def test_a_launcher_that_is_missing_is_named() -> None:
    with pytest.raises(ParamsError, match="no-such-launcher"):
        processes.launch(msgspec.structs.replace(LOCAL, launch=["no-such-launcher"]))
