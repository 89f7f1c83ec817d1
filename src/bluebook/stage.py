"""What every stage file shares: its arguments, and errors as one line instead of a traceback."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

import bluebook
from bluebook.artifacts import disk_full, full_disk
from bluebook.errors import BluebookError, Stopped


def run(main: Callable[..., None]) -> None:
    """Call `main` with the command line's arguments.

    Exits 1 with the message when it raises BluebookError or the disk is full, 2 with the stage's docstring for
    wrong arguments, and 0 when a person stopped it.
    """
    arguments = sys.argv[1:]
    try:
        inspect.signature(main).bind(*arguments)
    except TypeError:
        print(inspect.getdoc(sys.modules[main.__module__]), file=sys.stderr)
        raise SystemExit(2) from None
    try:
        _own_code()
        main(*arguments)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
    except BluebookError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if not disk_full(error):
            raise
        print(f"error: {full_disk(Path(error.filename or '.'))}", file=sys.stderr)
        raise SystemExit(1) from None


def _own_code() -> None:
    """Start this stage again where it runs with the code of another checkout.

    `dvc exp run --queue` runs the graph in a copy of the repository, while `bluebook` is installed from the
    repository itself: its code may be edited while the experiment waits, and dvc.lock would name other code than
    what ran.
    """
    source = Path("src").absolute()
    if not (source / "bluebook").is_dir() or Path(bluebook.__file__).absolute().is_relative_to(source):
        return
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if paths[0] == str(source):
        raise BluebookError(
            f"the code comes from {bluebook.__file__}, though {source} is the first of PYTHONPATH"
        )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(source), *paths]))}
    os.execve(sys.executable, sys.orig_argv, environment)
