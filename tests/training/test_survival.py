"""Stopped, killed or out of memory, a training comes to the same result."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bluebook import artifacts
from tests.training.conftest import LOCAL, LORA, SETTINGS, dataset
from tests.training.lives import Life, process

EVERY = msgspec.structs.replace(LOCAL, checkpoint_steps=2)
# Steps, epochs and points of the curve that do not fall together: 3 epochs of 5 steps, a point each 10 steps.
SHORT = msgspec.structs.replace(SETTINGS, batch=8)
ROWS = 36
LORA_DROPOUT = {**LORA, "lora": msgspec.structs.replace(SETTINGS.lora, dropout=0.1)}


class Undisturbed:
    def __init__(self, life: Life) -> None:
        self.life = life
        running = process(life)
        running.join()
        assert running.exitcode == 0
        self.result = artifacts.sha256(Path(life.out))
        self.moments = int((Path(life.out).parent / "moments").read_text())


Lives = Callable[[dict[str, Any]], Undisturbed]


@pytest.fixture(scope="module")
def undisturbed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Lives:
    """A run that nobody disturbed, in a process like those that are; one for each method."""
    known: dict[str, Undisturbed] = {}

    def of(method: dict[str, Any]) -> Undisturbed:
        if str(method) not in known:
            folder = tmp_path_factory.mktemp("undisturbed")
            life = Life(
                dataset=str(dataset(base, folder / "data", rows=ROWS)),
                base=str(base),
                checkpoints=str(folder / "checkpoints"),
                out=str(folder / "out"),
                settings=msgspec.structs.replace(SHORT, **method),
                local=EVERY,
            )
            known[str(method)] = Undisturbed(life)
        return known[str(method)]

    return of


def kill_and_go_on(reference: Undisturbed, folder: Path, kills: int, seed: int) -> None:
    """`kills` deaths at random moments; whenever a life gets to the end, its result is that of the undisturbed."""
    moments = random.Random(seed)
    life = msgspec.structs.replace(
        reference.life, checkpoints=str(folder / "checkpoints"), out=str(folder / "out")
    )
    died = 0
    while True:
        last = died == kills
        moment = 0 if last else moments.randint(1, reference.moments // 2)
        running = process(msgspec.structs.replace(life, moment=moment))
        running.join()
        if running.exitcode == -signal.SIGKILL:
            died += 1
            shutil.rmtree(life.out)
            continue
        assert running.exitcode == 0
        assert artifacts.sha256(Path(life.out)) == reference.result
        if last:
            return
        shutil.rmtree(life.out)
        shutil.rmtree(life.checkpoints)


@pytest.mark.parametrize("method", [{}, LORA_DROPOUT], ids=["full", "lora"])
def test_three_kills_change_nothing(undisturbed: Lives, tmp_path: Path, method: dict[str, Any]) -> None:
    kill_and_go_on(undisturbed(method), tmp_path, kills=3, seed=5)


@pytest.mark.slow
@pytest.mark.parametrize("method", [{}, LORA_DROPOUT], ids=["full", "lora"])
def test_twenty_kills_change_nothing(undisturbed: Lives, tmp_path: Path, method: dict[str, Any]) -> None:
    kill_and_go_on(undisturbed(method), tmp_path, kills=20, seed=11)
