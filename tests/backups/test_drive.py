"""What can be wrong with a folder that shall be the second drive, or was."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bluebook.backups import drive as module
from bluebook.backups.drive import Drive, DriveError, configured, disk_of, examine
from bluebook.backups.remote import push
from bluebook.backups.verify import verify

from .conftest import World

Mount = Callable[[str], Path]


def test_setting_it_is_what_dvc_sees(world: World) -> None:
    assert world.dvc("remote", "list").split() == ["drive", str(world.drive.path), "(default)"]
    assert world.git("status", "--porcelain").split() == ["??", "notes.txt"]
    found = configured(world.root)
    assert found is not None and found.path == world.drive.path


def test_the_same_drive_is_said(bare: World) -> None:
    [finding] = bare.set()
    assert "same drive" in finding
    assert configured(bare.root) is not None


def test_another_file_system_is_fine(bare: World, mounted: Mount) -> None:
    bare.drive = Drive(mounted("size=64m"))
    assert bare.set() == []


def test_too_little_room_is_said(bare: World, mounted: Mount) -> None:
    bare.drive = Drive(mounted("size=1m"))
    [finding] = bare.set()
    assert "make room" in finding


def test_a_drive_that_cannot_be_written_is_refused(bare: World, mounted: Mount) -> None:
    bare.drive = Drive(mounted("size=1m,ro"))
    with pytest.raises(DriveError, match="read-only"):
        bare.set()
    assert configured(bare.root) is None


def test_a_folder_that_is_nowhere_is_refused(bare: World) -> None:
    bare.drive = Drive(bare.root.parent / "not/there")
    with pytest.raises(DriveError, match="mount the drive"):
        bare.set()


def test_the_repository_itself_is_refused(bare: World) -> None:
    with pytest.raises(DriveError, match="repository itself"):
        examine(bare.root / "backups", bare.root, 0)


def test_a_drive_of_another_project_is_refused(held: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other", held.drive.path)
    subprocess.run(["git", "init", "--quiet", str(other.root)], check=True)
    (other.root / ".dvc").mkdir()
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    other.git(*identity, "commit", "--quiet", "--allow-empty", "--message", "other")
    with pytest.raises(DriveError, match="another project"):
        other.set()


def test_an_empty_mount_point_is_not_the_drive(held: World) -> None:
    held.drive.path.rename(held.drive.path.with_name("away"))
    held.drive.path.mkdir()
    for act in (held.backup, lambda: push(held.root)):
        with pytest.raises(DriveError, match="missing"):
            act()
    assert list(held.drive.path.iterdir()) == []


def test_two_at_once_names_who_is_at_work(held: World) -> None:
    with held.drive.alone():
        for act in (held.backup, lambda: push(held.root), lambda: held.restore(held.root.parent / "x")):
            with pytest.raises(DriveError, match=f"process {os.getpid()} on"):
                act()
    assert not held.backup().new


def test_a_new_drive_is_not_blamed_for_what_the_old_one_held(held: World) -> None:
    held.drive = Drive(held.drive.path.with_name("third"))
    held.set()
    assert held.backup().new
    assert verify(held.root, held.said.append).faults == []


def block(folder: Path, *parts: str) -> Path:
    made = folder.joinpath(*parts)
    made.mkdir(parents=True)
    return made


def test_partitions_and_volumes_of_one_disk_are_one_drive(tmp_path: Path) -> None:
    """As the kernel shows them: sda1, and a volume on sda2 and sdb."""
    number = tmp_path.stat().st_dev
    sda1 = block(tmp_path, "devices", "sda", "sda1")
    (sda1 / "partition").write_text("1\n")
    sda2 = block(tmp_path, "devices", "sda", "sda2")
    (sda2 / "partition").write_text("2\n")
    sdb = block(tmp_path, "devices", "sdb")
    slaves = block(tmp_path, "devices", "dm-0", "slaves")
    (slaves / "sda2").symlink_to(sda2)
    (slaves / "sdb").symlink_to(sdb)
    found = []
    for name in ("sda/sda1", "dm-0"):
        where = block(tmp_path, "block", name.replace("/", "-"))
        (where / f"{os.major(number)}:{os.minor(number)}").symlink_to(tmp_path / "devices" / name)
        found.append(disk_of(tmp_path, where))
    assert found == [{"sda"}, {"sda", "sdb"}]
    assert disk_of(tmp_path, tmp_path / "nothing") == {f"device {number}"}


def test_a_mark_that_is_damaged_is_no_mark(held: World) -> None:
    (held.drive.path / module.MARK).write_text("{")
    with pytest.raises(DriveError, match="damaged"):
        held.backup()
    held.set()
    assert not held.backup().new
