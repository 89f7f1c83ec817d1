"""The verbs: exit codes, what programs can read, what people are told."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from bluebook import cli
from bluebook.backups import manifest, store
from bluebook.backups.watchdog import lines

from .conftest import World, damage, project_bytes


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Verb = Callable[..., Ran]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """Calls a verb in the project's root."""

    def call(root: Path, *arguments: str) -> Ran:
        monkeypatch.chdir(root)
        monkeypatch.setattr(sys, "argv", ["bluebook", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else int(code is not None), out, err)

    return call


def test_from_nothing_to_a_restored_project(bare: World, verb: Verb, tmp_path: Path) -> None:
    before = project_bytes(bare.root)
    second = str(bare.drive.path)
    assert verb(bare.root, "backup", "run").code == 1  # no drive is set
    ran = verb(bare.root, "remote", "set", second)
    assert ran.code == 1 and "same drive" in ran.err  # as it is in a test
    ran = verb(bare.root, "remote", "status", "--json")
    assert ran.code == 1 and len(json.loads(ran.out)["only_here"]) == len(
        store.listed(bare.root / ".dvc/cache")
    )
    assert verb(bare.root, "remote", "push").code == 0
    ran = verb(bare.root, "remote", "status")
    assert ran.code == 1 and "commits only here: 2" in ran.out
    assert verb(bare.root, "backup", "run").code == 0
    assert verb(bare.root, "remote", "status").code == 0
    assert verb(bare.root, "backup", "verify").code == 0
    [listed] = json.loads(verb(bare.root, "backup", "list", "--json").out)["backups"]
    assert listed["kind"] == "milestone" and listed["reached"][-1] == "trained toy"
    shutil.rmtree(bare.root)
    ran = verb(tmp_path, "backup", "restore", str(tmp_path / "again"), "--from", second, "--json")
    assert ran.code == 0 and json.loads(ran.out)["label"] == listed["label"]
    assert project_bytes(tmp_path / "again") == before
    assert verb(tmp_path / "again", "remote", "status").code == 0


def test_what_is_only_there_is_said_and_pulled(held: World, verb: Verb) -> None:
    shutil.rmtree(held.root / ".dvc/cache/files")
    shutil.rmtree(held.root / "models")
    ran = verb(held.root, "remote", "status")
    assert ran.code == 0 and "only there" in ran.out and "models/adapters/toy/part-0.bin" in ran.out
    assert verb(held.root, "remote", "pull").code == 0
    assert (held.root / "models/adapters/toy/part-0.bin").exists()


def test_verify_tells_what_was_wrong_and_that_it_is_mended(held: World, verb: Verb) -> None:
    name = next(name for name, size in store.listed(held.drive.path).items() if size)
    damage(held.drive.path / name, "flipped", random.Random(1))
    ran = verb(held.root, "backup", "verify")
    assert ran.code == 1 and f"drive: rotten: {name}" in ran.out and "NOT MENDED" not in ran.out
    assert verb(held.root, "backup", "verify").code == 0


def test_a_missing_drive_is_loud_and_stops_nothing(held: World, verb: Verb) -> None:
    held.drive.path.rename(held.drive.path.with_name("away"))
    held.git("tag", "toy@v1.2.0")
    before = project_bytes(held.root)
    ran = verb(held.root, "backup", "milestone")
    assert ran.code == 1 and "NOT BACKED UP" in ran.err and str(held.drive.path) in ran.err
    assert project_bytes(held.root) == before
    held.drive.path.with_name("away").rename(held.drive.path)
    assert verb(held.root, "backup", "milestone").code == 0
    assert manifest.listed(held.drive).good[-1].reached == ["released toy@v1.2.0"]


def test_a_milestone_without_a_drive_is_no_finding(bare: World, verb: Verb) -> None:
    assert verb(bare.root, "backup", "milestone") == Ran(0, "", "")


def test_a_kind_that_is_none_is_wrong_use(held: World, verb: Verb) -> None:
    assert verb(held.root, "backup", "run", "--kind", "weekly").code == 2


@pytest.mark.parametrize("arguments", [("list",), ("verify",), ("run",)])
def test_outside_a_repository_it_says_so(tmp_path: Path, verb: Verb, arguments: Sequence[str]) -> None:
    ran = verb(tmp_path, "backup", *arguments)
    assert ran.code == 1 and ran.err.startswith("error: ") and "Traceback" not in ran.err


def test_a_backup_that_is_not_there_names_those_that_are(held: World, verb: Verb, tmp_path: Path) -> None:
    ran = verb(held.root, "backup", "restore", str(tmp_path / "again"), "20200101-000000-milestone")
    assert ran.code == 1 and manifest.listed(held.drive).good[-1].label in ran.err


def test_the_watchdog_lines_are_valid(tmp_path: Path) -> None:
    root = tmp_path / "a project, 100 %"
    root.mkdir()
    text = lines(root, tmp_path / "bin dir/bluebook")
    cron = text.splitlines()[-1]
    minute, hours, *_ = cron.split()
    assert (minute, hours) == ("0", "*/6")
    command = cron.split(maxsplit=5)[5].replace("\\%", "%")
    parsed = subprocess.run(["sh", "-nc", command], capture_output=True, check=False)
    assert parsed.returncode == 0
    if shutil.which("systemd-analyze"):
        unit = text.partition("# systemd: ~/.config/systemd/user/")[2]
        (tmp_path / "one.service").write_text(unit[unit.index("[Unit]") : unit.index("# systemd")])
        program = tmp_path / "bin dir/bluebook"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        seen = subprocess.run(
            ["systemd-analyze", "verify", str(tmp_path / "one.service")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert seen.returncode == 0, seen.stderr
