from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bluebook.doctor import disk
from bluebook.doctor.findings import Finding


def statvfs(free: int, inodes: int = 1000) -> Callable[[Path], os.statvfs_result]:
    """Block size, fragment size, blocks, free, available, files, free, available, flags, longest name."""
    return lambda _: os.statvfs_result((4096, 4096, 10**9, 0, free // 4096, 10**6, 0, inodes, 0, 255))


@pytest.mark.parametrize(
    ("free", "inodes", "level"),
    [(100 << 30, 9, "fine"), (5 << 30, 9, "warning"), (1 << 20, 9, "blocks"), (100 << 30, 0, "blocks")],
)
def test_free_space(tmp_path: Path, free: int, inodes: int, level: str) -> None:
    [found] = disk.space({"here": tmp_path, "there": tmp_path / "not/yet"}, statvfs(free, inodes))
    assert found.level == level
    assert "here, there" in found.found
    assert bool(found.advice) == (level != "fine")


def refuse(source: Path, target: Path) -> None:
    raise OSError("not supported")


@pytest.mark.parametrize(
    ("makers", "told", "level"),
    [
        ({"reflink": os.link}, "reflink", "fine"),
        ({"reflink": refuse, "hardlink": os.link}, "cache.type hardlink", "note"),
        ({"reflink": refuse, "hardlink": refuse}, "dvc cache dir", "note"),
    ],
)
def test_link_type(
    tmp_path: Path, makers: dict[str, Callable[[Path, Path], None]], told: str, level: str
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    [found] = disk.links(tmp_path, cache, makers)
    assert found.level == level and told in found.found + found.advice
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache"]
    assert not list(cache.iterdir())


def test_the_real_ways_are_tried(tmp_path: Path) -> None:
    [found] = disk.links(tmp_path, tmp_path / "cache")
    assert found.probe == "disk"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_without_the_right_to_write_blocks(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert [found.level for found in disk.writable({"cache": closed})] == ["blocks"]


def test_places_that_can_be_written_are_not_mentioned(tmp_path: Path) -> None:
    assert disk.writable({"cache": tmp_path / "not/yet"}) == []


def test_a_containers_little_shared_memory(tmp_path: Path) -> None:
    def told(size: int) -> list[Finding]:
        return disk.shared_memory(tmp_path, lambda _: (size, 0, size))

    assert [found.level for found in told(64 << 20)] == ["warning"]
    assert told(8 << 30) == []
    assert disk.shared_memory(tmp_path / "none") == []
