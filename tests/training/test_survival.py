"""Stopped, killed or out of memory, a training comes to the same result."""

from __future__ import annotations

import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from bluebook import artifacts
from bluebook.errors import BluebookError, Stopped
from bluebook.training import survival
from bluebook.training.checkpoints import Store, identify, newest
from bluebook.training.control import StopRequest
from bluebook.training.train import Trained, train
from bluebook.training.trainer import Trainer
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


def run(base: Path, folder: Path, **changes: Any) -> Trained:
    """A run in this process; with the same `folder`, the same run again."""
    data = folder / "data"
    if not data.exists():
        dataset(base, data, rows=ROWS)
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    settings = changes.pop("settings", SHORT)
    return train(
        data,
        base,
        out,
        settings,
        seed=changes.pop("seed", 7),
        local=changes.pop("local", EVERY),
        checkpoints=folder / "checkpoints",
        **changes,
    )


Straight = Callable[..., Trained]


@pytest.fixture(scope="module")
def straight(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Straight:
    """What a run in this process that nobody disturbed comes to; each is made once."""
    known: dict[str, Trained] = {}

    def of(**changes: Any) -> Trained:
        if str(changes) not in known:
            known[str(changes)] = run(base, tmp_path_factory.mktemp("straight"), local=LOCAL, **changes)
        return known[str(changes)]

    return of


class StopAfter(StopRequest):
    """A request that comes while the given optimiser step is made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
        super().__init__()
        whole = Trainer.training_step

        def training_step(trainer: Trainer, *arguments: Any) -> Any:
            self.requested |= trainer.state.global_step == steps - 1
            return whole(trainer, *arguments)

        monkeypatch.setattr(Trainer, "training_step", training_step)


@pytest.mark.parametrize("after", [3, 5], ids=["within an epoch", "at its end"])
def test_a_stop_finishes_the_step_and_saves(
    base: Path, tmp_path: Path, straight: Straight, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    local = msgspec.structs.replace(LOCAL, checkpoint_minutes=0)  # a stop saves even where nothing else does
    with monkeypatch.context() as patched, pytest.raises(Stopped, match=f"after step {after} of 15"):
        run(base, tmp_path, local=local, stop=StopAfter(patched, after))
    saved = newest(tmp_path / "checkpoints")
    assert saved is not None and (saved.step, saved.steps) == (after, 15)
    assert run(base, tmp_path, local=local) == straight()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_stop(undisturbed: Lives, tmp_path: Path, number: int) -> None:
    reference = undisturbed({})
    life = msgspec.structs.replace(
        reference.life,
        checkpoints=str(tmp_path / "checkpoints"),
        out=str(tmp_path / "out"),
        moment=reference.moments // 2,
        ending=number,
    )
    stopped = process(life)
    stopped.join()
    assert stopped.exitcode == 0
    assert not (tmp_path / "out").exists()
    assert newest(tmp_path / "checkpoints") is not None
    went_on = process(msgspec.structs.replace(life, moment=0))
    went_on.join()
    assert went_on.exitcode == 0
    assert artifacts.sha256(tmp_path / "out") == reference.result


def stop_early(base: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The checkpoints of a run that was stopped after its seventh step."""
    with monkeypatch.context() as patched, pytest.raises(Stopped):
        run(base, folder, stop=StopAfter(patched, 7))
    return sorted((folder / "checkpoints").glob("*/step-*"))


def test_checkpoints_are_few_and_end_with_the_run(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [path.name for path in stop_early(base, tmp_path, monkeypatch)] == ["step-000006", "step-000007"]
    run(base, tmp_path)
    store = Store(tmp_path / "checkpoints", identify(tmp_path / "data", base, SHORT, 7))
    store.discard()
    assert not (tmp_path / "checkpoints").exists()


def test_a_damaged_checkpoint_is_named_and_an_older_one_used(
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    straight: Straight,
    capfd: pytest.CaptureFixture[str],
) -> None:
    file = "optimizer.pt"
    _, last = stop_early(base, tmp_path, monkeypatch)
    with (last / file).open("r+b") as damaged:
        damaged.truncate(100)
    assert run(base, tmp_path) == straight()
    told = capfd.readouterr().err
    assert f"{last}: damaged ({file}: expected" in told
    assert "passed before" in told and "step-000006" in told


@pytest.mark.parametrize(
    "changes",
    [{"seed": 8}, {"settings": msgspec.structs.replace(SHORT, learning_rate=0.005)}],
    ids=["seed", "parameters"],
)
def test_the_checkpoint_of_another_run_is_named_and_left_alone(
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    changes: dict[str, Any],
) -> None:
    named = "seed" if "seed" in changes else "parameters"
    left = stop_early(base, tmp_path, monkeypatch)
    begun_anew = run(base, tmp_path, **changes)
    assert "passed before" not in (told := capfd.readouterr().err)
    assert begun_anew.curve[-1].step == 15
    assert f"{left[0].parent}: checkpoints of another run (other {named})" in told
    assert all(path.exists() for path in left)


def test_data_that_changed_are_another_run(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    left = stop_early(base, tmp_path, monkeypatch)
    dataset(base, tmp_path / "data", rows=ROWS + 1)
    run(base, tmp_path)
    assert f"{left[0].parent}: checkpoints of another run (other dataset)" in capfd.readouterr().err


def test_weights_that_were_not_loaded_are_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trainer only warns where names in a checkpoint do not fit."""
    stop_early(base, tmp_path, monkeypatch)
    monkeypatch.setattr(Trainer, "_load_from_checkpoint", lambda *_: None)
    with pytest.raises(BluebookError, match="were not loaded as they were saved"):
        run(base, tmp_path)


class Device:
    """Runs out of memory, as a card does: once in a batch of a step, or whenever more rows are on it than fit."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, at: tuple[int, int] | None = None, fits: int = 99
    ) -> None:
        self.sizes: list[int] = []
        whole, seen = Trainer.training_step, Counter[int]()

        def training_step(trainer: Trainer, model: Any, inputs: Any, *arguments: Any) -> Any:
            nonlocal at
            loss = whole(trainer, model, inputs, *arguments)  # so that gradients are there already
            self.sizes.append(len(inputs["input_ids"]))
            step = trainer.state.global_step
            seen[step] += 1
            if (step, seen[step]) == at or self.sizes[-1] > fits:
                at = None
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return loss

        monkeypatch.setattr(Trainer, "training_step", training_step)


@pytest.mark.parametrize(
    ("rows", "at"),
    [(8, (0, 1)), (8, (5, 1)), (4, (8, 2))],
    ids=["first step", "begin of an epoch", "second batch of a step"],
)
def test_out_of_memory_goes_on_with_half_the_rows(
    base: Path,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    straight: Straight,
    capfd: pytest.CaptureFixture[str],
    rows: int,
    at: tuple[int, int],
) -> None:
    settings = msgspec.structs.replace(SHORT, optimizer="adamw", learning_rate=0.003)
    expected = straight(settings=settings).curve
    device = Device(monkeypatch, at=at)
    local = msgspec.structs.replace(EVERY, per_device_batch=rows)
    halved = run(base, tmp_path, settings=settings, local=local).curve
    assert device.sizes[-1] <= rows // 2
    assert [point.step for point in halved] == [point.step for point in expected]
    for one, other in zip(halved, expected, strict=True):
        assert one.loss == pytest.approx(other.loss, abs=1e-3)
        assert one.eval_loss == pytest.approx(other.eval_loss, abs=1e-3)
    told = capfd.readouterr().err
    assert f"on from step {at[0]} with {rows // 2}" in told
    assert f"`per_device_batch: {rows // 2}` into local.yaml" in told


def test_out_of_memory_down_to_one_row_says_what_to_do(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(monkeypatch, fits=0)
    with pytest.raises(BluebookError, match=r"one row on the device\. Use method lora"):
        run(base, tmp_path)
    assert device.sizes == [8, 4, 2, 1]


def test_what_was_found_to_fit_is_known_after_a_stop(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        stop = StopAfter(patched, 4)
        Device(patched, at=(2, 1))
        with pytest.raises(Stopped):
            run(base, tmp_path, stop=stop)
    device = Device(monkeypatch)
    run(base, tmp_path)
    assert max(device.sizes) == 4


def test_any_other_error_of_the_device_is_not_swallowed(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(Trainer, "training_step", broken)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        run(base, tmp_path)


@pytest.mark.parametrize(
    ("size", "batch", "half"), [(8, 8, 4), (1, 8, None), (6, 6, 3), (3, 6, 1), (5, 15, 1)]
)
def test_smaller_divides_the_batch(size: int, batch: int, half: int | None) -> None:
    assert survival.smaller(size, batch) == half


def test_a_disk_too_small_is_refused_before_the_first_step(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with pytest.raises(BluebookError, match=r"checkpoints.*: the disk is full.*are needed"):
        run(base, tmp_path)


def test_a_disk_that_fills_up_while_saving_is_told_with_its_path(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The optimiser's file is written to a device that is always full."""
    original = torch.save

    def save(value: Any, path: Any, **options: Any) -> None:
        if str(path).endswith("optimizer.pt"):
            Path(path).symlink_to("/dev/full")
        original(value, path, **options)

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(BluebookError, match=r"checkpoints.*: the disk is full.*are needed"):
        run(base, tmp_path)


def test_checkpoints_that_are_there_are_paid_for(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk with room for one more checkpoint is enough to go on where two lie already."""
    model, local = torch.nn.Linear(1000, 250), msgspec.structs.replace(LOCAL, checkpoint_steps=1)
    needed = survival.checkpoint_bytes(model)
    free = shutil.disk_usage(tmp_path)._replace(free=int(1.5 * needed))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    store = Store(tmp_path, identify(dataset(base, tmp_path / "data"), base, SETTINGS, 7))
    with pytest.raises(BluebookError, match="the disk is full"):
        survival.require_space(model, store, local)
    for step in (1, 2):
        (store.folder / f"step-{step}").mkdir(parents=True)
    survival.require_space(model, store, local)
