"""What a release and a restore take, on the graph of six quick stages that their tests build.

python benchmarks/releases.py
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.releases.conftest import SUBJECT, World, make_world

RUNS = 5


def seconds(world: World, *command: str) -> float:
    began = time.monotonic()
    world.run("bluebook", *command)
    return time.monotonic() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder) / "world")
        versions = [f"1.{number}.0" for number in range(RUNS)]
        taken = {
            "release": [seconds(world, "release", SUBJECT, version) for version in versions],
            "restore": [seconds(world, "restore", SUBJECT, version) for version in versions],
        }
        for what, times in taken.items():
            print(
                f"{what}: median {statistics.median(times):.1f} s of {RUNS} ({min(times):.1f} to {max(times):.1f})"
            )


if __name__ == "__main__":
    main()
