"""What the graph costs: the cold run, and `dvc repro` with nothing to do beside an empty graph of as many stages.

python benchmarks/graph.py [--cold]

Works in a clean clone of this checkout, in a temporary folder. Without --cold the clone's stages are committed as they
are (`dvc commit`) from the outputs of this checkout, so `make run` must have run here before.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
RUNS = 5


def _run(folder: Path, *command: str) -> float:
    """Seconds that the whole process took."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "DVC_NO_ANALYTICS": "1",
    }
    started = time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.monotonic() - started


def _clone(folder: Path, with_outputs: bool) -> None:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    if with_outputs:
        for name in ("data", "models", "metrics", "reports"):
            shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
        shutil.copy2(ROOT / "dvc.lock", folder / "dvc.lock")
        _run(folder, "dvc", "commit", "--force", "--quiet")


def _empty_graph(folder: Path, stages: int) -> None:
    """A chain of `stages` stages that copy one small file."""
    chain = {
        f"s{i}": {"cmd": f"cp f{i} f{i + 1}", "deps": [f"f{i}"], "outs": [f"f{i + 1}"]} for i in range(stages)
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": chain}))
    (folder / "f0").write_text("x")
    for command in (("git", "init", "-q"), ("dvc", "init", "-q"), ("dvc", "repro", "-q")):
        _run(folder, *command)


def _stages(folder: Path) -> int:
    graph = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    subjects = yaml.safe_load((folder / "params.yaml").read_text())["subjects"]
    return sum(len(subjects) if "foreach" in stage else 1 for stage in graph.values())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cold", action="store_true", help="measure the cold run as well (minutes)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        ours, empty = Path(temporary, "ours"), Path(temporary, "empty")
        _clone(ours, with_outputs=not arguments.cold)
        if arguments.cold:
            print(f"cold dvc repro: {_run(ours, 'dvc', 'repro'):.1f} s (budget 720 s)", flush=True)
        empty.mkdir()
        count = _stages(ours)
        _empty_graph(empty, count)
        # In turn, so that a drift of the machine's speed meets both.
        pairs = [(_run(ours, "dvc", "repro"), _run(empty, "dvc", "repro")) for _ in range(RUNS)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"no-op dvc repro, {count} stages: {mine:.2f} s (budget 3 s)")
    print(f"empty graph, {count} stages: {theirs:.2f} s; ratio {ratio:.2f} (budget 1.3)")


if __name__ == "__main__":
    main()
