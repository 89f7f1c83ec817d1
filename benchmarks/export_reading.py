"""How fast Unreal exports are read, beside a plain pass that only cuts the same bytes into lines.

    python benchmarks/export_reading.py                      one export of 100 MB, made from the test fixtures
    python benchmarks/export_reading.py --megabytes 10       a smaller one
    python benchmarks/export_reading.py --exports DIR        exports of your own, over and over

Speed is per second of processor time: what one core reads. Each pass runs in a process of its own, so
that its peak memory is its own. The fastest of three passes counts.
"""

from __future__ import annotations

import argparse
import itertools
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bluebook.subjects.ue5.export import ExportError
from bluebook.subjects.ue5.reading import read_export
from bluebook.subjects.ue5.stats import files_below

FIXTURES = Path(__file__).parents[1] / "tests/subjects/ue5/fixtures"
BLUEPRINTS = ("lamp.txt", "tricky.txt", "ue4.txt", "collapsed.txt", "montage.txt")
PASSES = 3


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--megabytes", type=int, default=100)
    ask.add_argument("--exports", type=Path)
    ask.add_argument("--pass", dest="what", choices=("read", "lines"), help=argparse.SUPPRESS)
    given = ask.parse_args()
    if given.what:
        measure(given.what, given.exports, given.megabytes * 1_000_000)
        return
    with tempfile.TemporaryDirectory() as scratch:
        source = given.exports or Path(scratch)
        if not given.exports:
            with (source / "export.txt").open("w") as out:
                out.writelines(invented(given.megabytes * 1_000_000))
        for what, name in (("lines", "splitlines alone"), ("read", "export reading")):
            print(f"{name}: {best(what, source, given.megabytes)}")


def invented(size: int) -> Iterator[str]:
    """Copies of the fixtures up to `size` bytes, each copy's nodes with names of their own."""
    templates = [template((FIXTURES / name).read_text()) for name in BLUEPRINTS]
    for copy in itertools.count():
        for text in templates:
            made = text.replace("\0", f"_{copy}")
            yield made
            size -= len(made)
        if size <= 0:
            return


def template(text: str) -> str:
    """The export with a NUL after each name of a node, wherever it stands."""
    names = set(re.findall(r'^Begin Object .*?Name="([^"]+)"', text, re.M))
    either = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.sub(rf"\b(?:{either})\b", lambda name: f"{name[0]}\0", text, flags=re.I)


def best(what: str, source: Path, megabytes: int) -> str:
    """The fastest pass's line."""
    command = [
        sys.executable,
        __file__,
        "--pass",
        what,
        "--exports",
        str(source),
        "--megabytes",
        str(megabytes),
    ]
    told = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(PASSES)]
    return max(told, key=lambda line: float(line.split()[0])).strip()


def measure(what: str, source: Path, size: int) -> None:
    """One pass over at least `size` bytes; prints its speed, its counts and its peak memory."""
    files = list(files_below([source]))
    done = nodes = links = refused = lines = 0
    spent = 0.0
    for file in itertools.cycle(files):
        begun = time.process_time()
        if what == "lines":
            lines += len(file.read_bytes().decode(errors="replace").splitlines())
        else:
            try:
                graph = read_export(file)
                nodes += len(graph.nodes)
                links += len(graph.links)
            except ExportError:
                refused += 1
        spent += time.process_time() - begun
        done += file.stat().st_size
        if done >= size:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = f"{lines:,} lines" if what == "lines" else f"{nodes:,} nodes, {links:,} links, {refused} refused"
    print(f"{done / 1e6 / spent:.0f} MB/s a core; {done / 1e6:.1f} MB, {counts}; peak {peak:.0f} MB")


if __name__ == "__main__":
    main()
