"""One page that shows it all, offline (step 9.1).

python stages/report.py
"""

from __future__ import annotations

from pathlib import Path

from bluebook import params
from bluebook.artifacts import atomic_writer
from bluebook.reports.page import page
from bluebook.reports.view import gather
from bluebook.stage import run
from bluebook.steps import step
from bluebook.subjects import load

REPORT = Path("reports/index.html")


def main() -> None:
    with step("9.1", f"Write {REPORT}") as running:
        settings = params.load()
        views = [
            gather(Path(), name, settings.base.source, load(name, settings))
            for name in sorted(settings.subjects)
        ]
        text = page(views)
        with atomic_writer(REPORT) as out:
            out.write(text.encode())
        running.note(f"{len(views)} subjects, {len(text) // 1024} KiB")


if __name__ == "__main__":
    run(main)
