"""A small disk of its own for a repository, which can be filled and made read-only."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class Disk:
    """A mounted disk that holds a copy of a repository at `root`."""

    def __init__(self, mount: Path) -> None:
        self.mount = mount
        self.root = mount / "world"

    def fill(self) -> None:
        """Leave not a byte."""
        size = 1 << 20
        with (self.mount / "filler").open("ab", buffering=0) as file:
            while size:
                try:
                    file.write(b"x" * size)
                except OSError:
                    size //= 2

    def free(self) -> None:
        (self.mount / "filler").unlink()

    def read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(self.mount)], check=True)


@contextmanager
def small_disk(source: Path, megabytes: int = 16) -> Iterator[Disk]:
    """A disk in memory with a copy of `source`. Skips the test where this user may not mount one."""
    mount = Path(tempfile.mkdtemp(prefix="disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(mount)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("mounting a small disk needs rights that this user has not")
        try:
            disk = Disk(mount)
            shutil.copytree(source, disk.root, symlinks=True)
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", str(mount)], check=True)
    finally:
        with suppress(OSError):
            mount.rmdir()
