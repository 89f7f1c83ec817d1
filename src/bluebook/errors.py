"""Errors that a person can act on. Commands and stages print the message and exit 1; there is no traceback."""

from __future__ import annotations

from pathlib import Path


class BluebookError(Exception):
    """Something the user can put right. The message says what was found, what was expected and what to do."""


class DataError(BluebookError):
    """A file that does not hold what it should."""

    def __init__(self, path: Path, line: int | None, message: str) -> None:
        where = f"{path}:{line}" if line else f"{path}"
        super().__init__(f"{where}: {message}")


class ParamsError(BluebookError):
    """A key in params.yaml or local.yaml that is unknown, missing or of the wrong type."""


class GateError(BluebookError):
    """A gate that did not pass."""


class PreflightError(BluebookError):
    """Training was refused before it began."""


class Stopped(BaseException):
    """A person asked a run to stop, and it did, with its state saved. Not an error: the process exits 0.

    Like KeyboardInterrupt no Exception, so that no library swallows it on its way out.
    """
