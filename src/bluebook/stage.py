"""What every stage file shares: its arguments, and errors as one line instead of a traceback."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path

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
