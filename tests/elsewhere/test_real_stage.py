"""The real train stage through a real sshd: the bytes are those that it makes here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import Checkout, make_checkout

from .conftest import STAGE, SUBJECT, Sshd


def local_yaml(checkout: Checkout, **told: object) -> None:
    # The order of sums, and with it the last bit, goes with the number of threads.
    (checkout.path / "local.yaml").write_text(json.dumps({"device": "cpu", "threads": 1, **told}))


@pytest.mark.slow
def test_an_adapter_that_was_trained_elsewhere_is_the_one_that_is_trained_here(
    sshd: Sshd, tmp_path: Path
) -> None:
    project = make_checkout(tmp_path / "project")
    local_yaml(
        project,
        train_on={
            "kind": "ssh",
            "host": "127.0.0.1",
            "options": sshd.options,
            "folder": str(tmp_path / "machine"),
            "python": sys.executable,
            "settings": {"device": "cpu", "threads": 1},
        },
    )
    project.run("dvc", "repro", f"gate@{SUBJECT}")
    project.run("bluebook", "train", "elsewhere", SUBJECT)
    assert json.loads(project.run("dvc", "status", "--json", "--with-deps", STAGE).stdout) == {}
    made = (f"models/adapters/{SUBJECT}", f"metrics/{SUBJECT}")
    there = project.bytes_below(*made)
    local_yaml(project)
    project.run("dvc", "repro", "--force", "--single-item", STAGE)
    assert project.bytes_below(*made) == there
    assert not any((tmp_path / "machine/runs").iterdir())
