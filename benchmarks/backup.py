"""How fast a push, a backup, a verification and a restore are, beside `cp` and `sha256sum` on the same bytes.

python benchmarks/backup.py [--gigabytes 1.0] [--runs 3] [--drive FOLDER]

A project with as many random bytes in DVC's cache is made below the temporary folder, and pushed to FOLDER, or to the
same place. `cp` is followed by `sync` of what it wrote, because a push is only done when its bytes are on the disk.
A push also proves that each file is what its name says, and DVC names files by their MD5; `md5sum` does that by hand.
`sha256sum` reads the same two sides as `verify`. Runs alternate, and the best of each counts: whatever else the machine
does only slows them. The processor time beside it depends less on that. Each is a whole process.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

FILES = 8
BLUEBOOK = (sys.executable, "-m", "bluebook.cli")


class Cost(NamedTuple):
    wall: float
    processor: float


def measure(command: Sequence[str], folder: Path, codes: Sequence[int] = (0,)) -> Cost:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def make_project(root: Path, size: int) -> None:
    """A repository whose cache holds `size` random bytes, and whose `dvc.lock` asks for them."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(root)], check=True)
    outs = []
    for number in range(FILES):
        block = os.urandom(size // FILES)
        md5 = hashlib.md5(block, usedforsecurity=False).hexdigest()
        place = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
        place.parent.mkdir(parents=True)
        place.write_bytes(block)
        outs.append(f"    - {{path: part-{number}, hash: md5, md5: {md5}, size: {len(block)}}}\n")
    (root / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (root / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (root / ".gitignore").write_text("/logs/\n" + "".join(f"/part-{number}\n" for number in range(FILES)))
    names = "".join(f"    - part-{number}\n" for number in range(FILES))
    (root / "dvc.yaml").write_text(f"stages:\n  make:\n    cmd: make\n    outs:\n{names}")
    (root / "dvc.lock").write_text(
        f"schema: '2.0'\nstages:\n  make:\n    cmd: make\n    outs:\n{''.join(outs)}"
    )
    subprocess.run(["git", "-C", str(root), "add", "--all"], check=True)
    identity = ["-c", "user.name=Benchmark", "-c", "user.email=none@example.com"]
    subprocess.run(["git", "-C", str(root), *identity, "commit", "--quiet", "--message", "made"], check=True)


def fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.sync()


def one_run(root: Path, drive: Path, costs: dict[str, list[Cost]]) -> None:
    cache = root / ".dvc/cache"
    copied = drive.parent / "copied"
    again = drive.parent / "again"

    def take(name: str, command: Sequence[str], codes: Sequence[int] = (0,)) -> None:
        costs.setdefault(name, []).append(measure(command, root, codes))

    fresh(copied)
    take("cp, then sync", ["sh", "-c", f"cp -r {cache}/files {copied} && sync $(find {copied} -type f)"])
    take("md5sum of what was copied", ["sh", "-c", f"find {copied} -type f | xargs md5sum"])
    for verb in (["remote", "push"], ["backup", "run"]):
        fresh(drive)
        subprocess.run([*BLUEBOOK, "remote", "set", str(drive)], cwd=root, check=False, capture_output=True)
        take(f"bluebook {' '.join(verb)}", [*BLUEBOOK, *verb])
        take(f"bluebook {' '.join(verb)}, nothing new", [*BLUEBOOK, *verb])
    take(
        "sha256sum of both sides", ["sh", "-c", f"find {cache}/files {drive}/files -type f | xargs sha256sum"]
    )
    take("bluebook backup verify", [*BLUEBOOK, "backup", "verify"])
    fresh(again)
    again.rmdir()
    take("bluebook backup restore", [*BLUEBOOK, "backup", "restore", str(again)])
    shutil.rmtree(again)
    shutil.rmtree(copied)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--drive", type=Path, help="a folder on another drive; it is used and emptied")
    arguments = parser.parse_args()
    costs: dict[str, list[Cost]] = {}
    with (
        tempfile.TemporaryDirectory() as scratch,
        tempfile.TemporaryDirectory(dir=arguments.drive) as second,
    ):
        root = Path(scratch) / "project"
        make_project(root, int(arguments.gigabytes * 1e9))
        for _ in range(arguments.runs):
            one_run(root, Path(second) / "drive", costs)
    print(f"{arguments.gigabytes:g} GB, best of {arguments.runs}")
    print(f"{'':34} {'wall':>8} {'processor':>10}")
    for name, taken in costs.items():
        wall, processor = (min(column) for column in zip(*taken, strict=True))
        print(f"{name:34} {wall:6.2f} s {processor:8.2f} s")
    for name, references in (
        ("bluebook remote push", ["cp, then sync"]),
        ("bluebook remote push", ["cp, then sync", "md5sum of what was copied"]),
        ("bluebook backup run", ["cp, then sync", "md5sum of what was copied"]),
        ("bluebook backup verify", ["sha256sum of both sides"]),
    ):
        beside = sum(min(cost.wall for cost in costs[reference]) for reference in references)
        ratio = min(cost.wall for cost in costs[name]) / beside
        print(f"{name} takes {ratio:.2f} x {' and '.join(references)}")


if __name__ == "__main__":
    main()
