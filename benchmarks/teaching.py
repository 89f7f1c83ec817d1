"""What the teaching loop does: a Blueprint model that was never taught a third of its exam's node types, in cycles.

python benchmarks/teaching.py [--cycles 3] [--folder DIR]

Works in a clone of this checkout, which `make run` must have built: the clone shares its DVC cache, so the base is
taken from there and not built again. The clone differs in its training data: no lesson, and no example from exports or
the generator has a node type of `LEFT_OUT`. Its exams are drawn as those of this checkout are and ask for all of the
core's node types, in programs of at most `MOST` nodes. Sub-graphs of exports train there, but none is held out: the
embedded base writes next to none of them right, whatever it is taught.
Then `bluebook teach ue5` runs. Printed are the minutes of the whole command and the history table; `--folder` keeps the
clone, with a commit for each cycle.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from bluebook.records import write_jsonl
from bluebook.reports.cycles import cycles
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.examining import Plan, exam
from bluebook.subjects.ue5.generator import CORE, ExamKind, Generator

ROOT = Path(__file__).parents[1]
SUBJECT = "ue5"
LEFT_OUT = CORE[1::3]  # seven of twenty-two, not picked by hand
GENERATED = 7200
LESSON = 2400
MOST, ITEMS = 5, 130  # nodes of an exam's program, and programs


def run(folder: Path, *command: str) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "DVC_NO_ANALYTICS": "1",
    }
    subprocess.run(command, cwd=folder, env=environment, check=True)


def school(folder: Path) -> None:
    """A clone whose training material lacks `LEFT_OUT`, committed."""
    run(ROOT, "git", "clone", "--quiet", str(ROOT), str(folder))
    run(folder, "dvc", "cache", "dir", "--local", str(ROOT / ".dvc/cache"))
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text("utf-8"))
    mine = params["subjects"][SUBJECT]
    mine["compose"].update(generated=GENERATED, without=list(LEFT_OUT), holdout_share=0.0)
    mine["lessons"]["size"] = LESSON
    mine["ingest"]["max_nodes"] = MOST
    path.write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")
    for lesson in (folder / "data/lessons" / SUBJECT).glob("*.jsonl"):
        lesson.unlink()
    (folder / "data/lessons" / SUBJECT / ".gitkeep").touch()  # Git keeps no empty folder, and DVC wants it
    generator = Generator(shipped())
    kinds: tuple[ExamKind, ...] = ("practice", "holdout")
    for kind in kinds:
        items = exam(generator, f"{SUBJECT}-core-{kind}", Plan(kind, ITEMS, f"teaching {kind}", most=MOST))
        write_jsonl(folder / "data/exams" / SUBJECT / f"{kind}.jsonl", items)
    for key, value in (("user.name", "Bluebook"), ("user.email", "bluebook@localhost")):
        run(folder, "git", "config", key, value)
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "Seven node types are left out")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cycles", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch) / "school").resolve()
        school(folder)
        started = time.monotonic()
        try:
            run(folder, "bluebook", "teach", SUBJECT, "--cycles", str(options.cycles))
        except subprocess.CalledProcessError as error:
            if error.returncode != 1:  # 1: some construct is not mastered, which is a result
                raise
        minutes = (time.monotonic() - started) / 60
        print(f"{len(LEFT_OUT)} of {len(CORE)} node types left out; {minutes:.1f} minutes in all")
        for cycle in cycles(folder, SUBJECT):
            print(
                f"{cycle.number} {cycle.outcome:<10} {cycle.exam} score {cycle.score:.3f} "
                f"[{cycle.low:.3f}, {cycle.high:.3f}] n={cycle.n} mastered {cycle.mastered}/{cycle.targets} "
                f"{cycle.minutes:.1f} min"
            )


if __name__ == "__main__":
    main()
