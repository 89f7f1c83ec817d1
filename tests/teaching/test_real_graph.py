"""`bluebook teach` on the real graph, small: real stages, real lessons, real DVC, and a `kill -9` amid a rebuild."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tests.pipeline.conftest import Checkout, make_checkout

SUBJECT = "persona"
COMMAND = ("bluebook", "teach", SUBJECT, "--cycles", "1", "--json")


@pytest.mark.slow
def test_a_cycle_on_the_real_graph_killed_amid_its_rebuild(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path / "taught")
    # Enough items for a construct to be judged at all.
    checkout.edit_params({"subjects": {SUBJECT: {"exam": {"max_items": 60}, "lessons": {"size": 20}}}})
    checkout.run("git", "commit", "--quiet", "--all", "--message", "enough exam items")
    (checkout.path / "notes.txt").write_text("a person's own\n")
    refused = checkout.run(*COMMAND, check=False)
    assert refused.returncode == 1
    assert "notes.txt" in refused.stderr
    (checkout.path / "notes.txt").unlink()

    kill_amid(checkout, "[STEP 4.2] STARTING", times=2)  # the second training is that of the first lesson
    [lesson] = set((checkout.path / "data/lessons" / SUBJECT).glob("*-cycle-*.jsonl"))
    rows = lesson.read_bytes()

    done = checkout.run(*COMMAND, check=False)
    assert done.returncode in {0, 1}, done.stderr[-3000:]
    assert "waiting for it" in done.stderr
    assert "going on with cycle 1" in done.stderr
    history = json.loads(done.stdout)
    assert [cycle["number"] for cycle in history["cycles"]] == [0, 1]
    assert history["cycles"][1]["outcome"] in {"kept", "set aside"}
    assert checkout.run("git", "status", "--porcelain").stdout == ""
    kept = lesson if lesson.exists() else checkout.path / "data/set_aside" / SUBJECT / lesson.name
    assert kept.read_bytes() == rows
    fresh = checkout.run("dvc", "status", f"health@{SUBJECT}", f"grade@{SUBJECT}", f"train@{SUBJECT}").stdout
    assert "up to date" in fresh


def kill_amid(checkout: Checkout, word: str, times: int) -> None:
    """`kill -9` of `teach` alone when its rebuild has said `word` so often; the rebuild itself goes on."""
    running = subprocess.Popen(
        COMMAND,
        cwd=checkout.path,
        env=checkout.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        times -= word in line
        if not times:
            os.kill(running.pid, signal.SIGKILL)
            break
    # The rebuild still writes into the pipe; full or closed, it would end it.
    threading.Thread(target=running.stderr.read, daemon=True).start()
    assert running.wait() == -signal.SIGKILL
