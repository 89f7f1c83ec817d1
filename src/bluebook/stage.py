"""What every stage file shares: its arguments, and errors as one line instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bluebook.errors import BluebookError


def run(main: Callable[..., None]) -> None:
    """Call `main` with the command line's arguments; exit 1 with the message when it raises BluebookError."""
    try:
        main(*sys.argv[1:])
    except BluebookError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
