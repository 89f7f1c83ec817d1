"""How long people wait for the light verbs: whole processes, from the shell's point of view.

python benchmarks/commands.py [--runs 10]

Run it in the root of the repository. `status` is measured without DVC's own time, which `benchmarks/graph.py`
has. The best of the runs counts, because whatever else the machine does only slows them; the processor time
beside it depends less on that.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXPORT = Path(__file__).parents[1] / "tests/subjects/ue5/fixtures/lamp.txt"
REPLY = "<world>: The ferry is late; wait by the lamp.\n"
# The verb's work with the waiting for DVC taken out.
STATUS = """
from pathlib import Path
from bluebook import params
from bluebook.reports.status import subject_status
from bluebook.reports.terminal import print_status
print_status({name: subject_status(Path(), name) for name in params.load().subjects})
"""


def measure(command: list[str], runs: int) -> tuple[float, float]:
    """Seconds on the wall and of processor time, each the best of `runs`."""
    walls, processors = [], []
    for _ in range(runs):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(walls), min(processors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as scratch:
        reply = Path(scratch) / "reply.txt"
        reply.write_text(REPLY)
        verb = ["-m", "bluebook.cli"]
        measured = {
            "bluebook --help": [*verb, "--help"],
            "bluebook check persona FILE": [*verb, "check", "persona", str(reply)],
            "bluebook ue5 stats FILE": [*verb, "ue5", "stats", str(EXPORT)],
            "bluebook status, without DVC": ["-c", STATUS],
        }
        print(f"{'command':30} {'wall':>8} {'processor':>10}")
        for name, command in measured.items():
            wall, processor = measure(command, runs)
            print(f"{name:30} {wall:6.3f} s {processor:8.3f} s")


if __name__ == "__main__":
    main()
