"""The drill: two versions, the project folder lost, all of it back from the second drive alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from bluebook.backups.remote import set_drive
from tests.pipeline.conftest import Checkout, make_checkout

from .conftest import SUBJECT, World, quiet


def sha256s(root: Path) -> dict[str, str]:
    """Of every file but what belongs to this machine and this moment."""
    own = {".git", ".dvc", "logs", "reports"}
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file() and not own & {*file.relative_to(root).parts} and "__pycache__" not in file.parts
    }


def score(root: Path) -> object:
    return json.loads((root / f"metrics/{SUBJECT}/mastery.json").read_bytes())


def checked_out(clone: World | Checkout, root: Path, version: str) -> tuple[dict[str, str], object]:
    clone.run("git", "checkout", "--quiet", f"{SUBJECT}@{version}")
    clone.run("dvc", "checkout", "--quiet")
    return sha256s(root), score(root)


def test_a_missing_drive_is_told_loudly_and_the_release_stays(world: World, tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    set_drive(world.root, drive, quiet)
    drive.rename(tmp_path / "unplugged")
    done = world.run("bluebook", "release", SUBJECT, "1.0.0", check=False)
    assert done.returncode == 1 and "ON THIS DRIVE ONLY" in done.stderr
    assert world.tags() == ["persona@v1.0.0"]
    (tmp_path / "unplugged").rename(drive)
    assert "released persona" in world.run("bluebook", "backup", "run").stdout


@pytest.mark.slow
def test_a_small_project_comes_back_from_the_drive(world: World, tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    set_drive(world.root, drive, quiet)
    world.run("bluebook", "release", SUBJECT, "1.0.0", "--stage", "production")
    wanted = {"v1.0.0": (sha256s(world.root), score(world.root))}
    world.teach(mode_dual=19)
    world.run("bluebook", "release", SUBJECT, "1.1.0")
    wanted["v1.1.0"] = sha256s(world.root), score(world.root)
    shutil.rmtree(world.root)

    back = World(tmp_path / "elsewhere/back")
    back.root.parent.mkdir()
    world.run("bluebook", "backup", "restore", str(back.root), "--from", str(drive), cwd=tmp_path)
    for version, expected in wanted.items():
        assert checked_out(back, back.root, version) == expected
        back.run("bluebook", "restore", SUBJECT, version)


@pytest.mark.slow
def test_the_whole_graph_comes_back_from_the_drive_and_answers_as_it_did(tmp_path: Path) -> None:
    project = make_checkout(tmp_path / "project")
    drive = tmp_path / "drive"
    drive.mkdir()
    set_drive(project.path, drive, quiet)
    wanted = {}
    for version, changes in {"v1.0.0": {}, "v1.1.0": {"train": {"learning_rate": 0.002}}}.items():
        project.edit_params({"subjects": {SUBJECT: changes}})
        project.run("dvc", "repro")
        project.run("git", "add", "--all")
        project.run("git", "commit", "--quiet", "--allow-empty", "--message", version)
        project.run("bluebook", "release", SUBJECT, version)
        wanted[version] = sha256s(project.path), score(project.path)
    assert wanted["v1.0.0"][0] != wanted["v1.1.0"][0]
    shutil.rmtree(project.path)

    back = Checkout(tmp_path / "elsewhere/back")
    back.path.parent.mkdir()
    project.path.mkdir()  # `run` works in it
    project.run("bluebook", "backup", "restore", str(back.path), "--from", str(drive))
    for version, expected in wanted.items():
        assert checked_out(back, back.path, version) == expected
        # The model itself, and not only the file that says what it once scored.
        back.run("dvc", "repro", "--single-item", "--force", f"answer@{SUBJECT}", f"grade@{SUBJECT}")
        assert (sha256s(back.path), score(back.path)) == expected
