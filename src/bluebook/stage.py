"""What every stage file shares: its arguments, and errors as one line instead of a traceback."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable

from bluebook.errors import BluebookError


def run(main: Callable[..., None]) -> None:
    """Call `main` with the command line's arguments.

    Exits 1 with the message when it raises BluebookError, and 2 with the stage's docstring for wrong arguments.
    """
    arguments = sys.argv[1:]
    try:
        inspect.signature(main).bind(*arguments)
    except TypeError:
        print(inspect.getdoc(sys.modules[main.__module__]), file=sys.stderr)
        raise SystemExit(2) from None
    try:
        main(*arguments)
    except BluebookError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
