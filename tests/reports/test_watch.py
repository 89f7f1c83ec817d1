"""The live view: what it shows of a run, and when it ends."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from bluebook.artifacts import write_json
from bluebook.reports.watch import Seen, follow, look, picture
from bluebook.runs import Event, Numbered, Run, Standing, Watch

RUN = Run(
    subject="toy [bold]",
    pid=77,
    process_started=0,
    host="harbour",
    started=1000,
    heartbeat=1590,
    progressed=1595,
    phase="training",
    step=120,
    total=400,
    epoch=1.2,
    loss=1.2345,
    eval_loss=1.5,
    regions={"thought": 2.5, "answer": 0.75},
    tokens_per_second=5120.0,
    supervised_per_second=900.0,
    peak_memory=3 << 30,
    step_seconds=2.0,
    remaining=560,
    steps=[
        Numbered(number="2.1", title="Read", seconds=4, outcome="complete"),
        Numbered(number="4.2", title="Train: lora"),
    ],
    coming=[Numbered(number="5.1", title="Save", seconds=65)],
    events=[Event(at=1300, kind="retry", text="out of memory with 32 rows; on with 16")],
)


def shown(run: Run, stands: Standing = "running", now: float = 1600, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(picture(run, stands, now))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_everything_is_shown() -> None:
    text = shown(RUN)
    for said in (
        "toy [bold]", "running", "training", "process 77 on harbour", "step 120 of 400", "epoch 1.2",
        "0:09:15 to go",  # five seconds after the estimate
        "1.2345", "1.5000", "loss of thought", "2.5000", "loss of answer",
        "5,120, 900 of them supervised", "3.00 GiB", "Read", "0:00:04", "Train: lora", "Save", "about 0:01:05",
        "retry", "on with 16",
    ):  # fmt: skip
        assert said in text, said


@pytest.mark.parametrize("width", [30, 80, 200])
def test_any_width_and_a_run_that_has_only_begun(width: int) -> None:
    assert "toy" in shown(RUN, width=width)
    bare = Run(subject="toy", pid=1, process_started=0, host="h", started=0, heartbeat=0, progressed=0)
    assert "starting" in shown(bare, now=5, width=width)


@pytest.mark.parametrize(
    ("stands", "changes", "said", "unsaid"),
    [
        ("stalled", {"progressed": 100}, "no progress for 0:25:00", "to go"),
        ("silent", {"heartbeat": 1000}, "no heartbeat for 0:10:00", "to go"),
        ("killed", {}, "gone without an end", "Save"),
        ("failed", {"message": "the disk is full", "ended": 1599}, "the disk is full", "Save"),
        ("stopped", {"message": "stopped after step 120", "ended": 1599}, "stopped after step 120", "Save"),
        ("completed", {"ended": 1599}, "after 0:09:59", "to go"),
    ],
)
def test_a_run_that_does_not_go_on_says_why(
    stands: Standing, changes: dict[str, object], said: str, unsaid: str
) -> None:
    text = shown(replace(RUN, **changes), stands)
    assert stands in text and said in text and unsaid not in text


def test_following_ends_with_the_run(tmp_path: Path) -> None:
    """The file is only read: it is the same before and after a look."""
    file = tmp_path / "train-toy.json"
    watch = Watch(file, "toy")
    watch.begin(0, 10)
    moments = [
        lambda: watch.stepped(5, 0.5),
        lambda: watch.measured(loss=0.125),
        lambda: watch.end("completed"),
    ]

    def sleep(seconds: float) -> None:
        before = file.read_bytes()
        assert look(file) is not None and file.read_bytes() == before
        moments.pop(0)()

    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=40)
    first = look(file)
    assert first is not None and first.standing == "running"
    last = follow(file, first, console=console, sleep=sleep)
    assert (last.standing, last.run.loss, moments) == ("completed", 0.125, [])
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "running" in text and "completed" in text


def test_without_a_terminal_it_looks_once(tmp_path: Path) -> None:
    def never(seconds: float) -> None:
        raise AssertionError("waited")

    console = Console(file=io.StringIO(), width=100)
    seen = follow(tmp_path / "x", Seen(RUN, "running", 1600), console=console, sleep=never)
    assert seen.standing == "running"


def test_ctrl_c_leaves_the_view_and_nothing_else(tmp_path: Path) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    console = Console(file=io.StringIO(), force_terminal=True)
    assert follow(tmp_path / "x", Seen(RUN, "running", 1600), console=console, sleep=interrupt).run is RUN


def test_nothing_has_run_yet(tmp_path: Path) -> None:
    assert look(tmp_path / "train-toy.json") is None


def test_a_run_of_a_machine_that_is_off(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", RUN)
    found = look(tmp_path / "run.json")
    assert found is not None and found.standing == "silent"
