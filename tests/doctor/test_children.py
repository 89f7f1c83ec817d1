from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from bluebook.doctor import children, trials
from bluebook.doctor.trials import TRIALS, attempt


def python(code: str, limit: float = 20) -> children.Ended:
    return children.run([sys.executable, "-c", code], limit)


def test_endings_are_told_apart() -> None:
    assert python("print('hello')") == children.Ended(output="hello\n", errors="", how="")
    assert python("raise SystemExit(3)").how == "ended with 3"
    assert "SIGSEGV" in python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)").how


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert children.run([str(tmp_path / "nothing")], 20).how.startswith("cannot be started: ")


def test_a_child_that_hangs_is_killed_with_its_own_children_and_what_it_said_is_kept() -> None:
    code = (
        "import subprocess, sys, time\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(grandchild.pid, flush=True); time.sleep(60)"
    )
    before = time.monotonic()
    ended = python(code, 1.5)
    assert "did not end within 1.5 s" in ended.how and time.monotonic() - before < 20
    grandchild = int(ended.output)
    for _ in range(100):  # the kernel takes a moment
        try:
            os.kill(grandchild, 0)
            if Path(f"/proc/{grandchild}/stat").read_text().split()[2] == "Z":
                break
        except (ProcessLookupError, FileNotFoundError):
            break
        os.sched_yield()
    else:
        pytest.fail("the grandchild lives on")


def test_trials_on_this_cpu() -> None:
    outcomes = attempt(["float32", "bfloat16", "sdpa math"], "cpu")
    assert [(trial.name, trial.works) for trial in outcomes] == [
        ("float32", True), ("bfloat16", True), ("sdpa math", True)
    ]  # fmt: skip


def test_a_trial_that_crashes_or_hangs_fails_by_name_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults = {
        "good": "'all right'",
        "crashes": "__import__('os').abort()",
        "hangs": "__import__('time').sleep(60)",
        "raises": "1 / 0",
    }
    child = (
        "import sys; from bluebook.doctor import trials\n"
        f"trials.TRIALS = {{{', '.join(f'{k!r}: lambda device: {v}' for k, v in faults.items())}}}\n"
        "trials.main(sys.argv[4], sys.argv[5:])"
    )
    real = children.run

    def run(command: list[str], limit: float) -> children.Ended:
        # The same child, with planted trials.
        return real([command[0], "-c", child, *command[1:]], limit)

    monkeypatch.setattr(trials.children, "run", run)
    outcomes = attempt(["good", "crashes", "raises", "hangs", "good"], "cpu", limit=3)
    assert [trial.works for trial in outcomes] == [True, False, False, False, True]
    assert "SIGABRT" in outcomes[1].detail
    assert "division" in outcomes[2].detail
    assert "did not end within 3 s" in outcomes[3].detail


def test_wrong_numbers_are_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A card can compute nonsense without an error."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(trials, "_half", lambda device: torch.float32)
    real = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        torch.nn.functional, "scaled_dot_product_attention", lambda *a, **k: 1.2 * real(*a, **k)
    )
    trials.main("cpu", ["sdpa math"])
    assert "wrong numbers" in capsys.readouterr().out
    assert set(TRIALS) >= {
        "float32",
        "bfloat16",
        "sdpa flash",
        "sdpa memory-efficient",
        "sdpa math",
        "flash-attn",
    }
