"""What every stage file shares: the subject argument, and errors as one line instead of a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from bluebook.errors import BluebookError

# Nothing leaves this machine unless a remote, hub or teacher is named.
QUIET = {
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def run(main: Callable[..., None]) -> None:
    """Call `main` with the command line's arguments; exit 1 with the message when it raises BluebookError."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        main(*sys.argv[1:])
    except BluebookError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
