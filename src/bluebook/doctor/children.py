"""Child processes with a time limit: what crashes or hangs there is a finding here."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

import msgspec

AFTER_KILL = 5.0  # seconds; a process that waits for a driver cannot even be killed


class Ended(msgspec.Struct, kw_only=True, frozen=True):
    """How a child ended: `how` is empty when it ended well, else one line that says what happened."""

    output: str
    errors: str
    how: str


def run(command: Sequence[str], limit: float, environment: Mapping[str, str] | None = None) -> Ended:
    """Run `command` for at most `limit` seconds, then kill it with all that it has started."""
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that its own children can be killed with it
            env=None if environment is None else {**os.environ, **environment},
        )
    except OSError as error:
        return Ended(output="", errors="", how=f"cannot be started: {error.strerror}")
    how = ""
    try:
        output, errors = child.communicate(timeout=limit)
        how = _ending(child.returncode)
    except subprocess.TimeoutExpired:
        how = f"did not end within {limit:g} s"
        os.killpg(child.pid, signal.SIGKILL)
        try:
            output, errors = child.communicate(timeout=AFTER_KILL)
        except subprocess.TimeoutExpired as stuck:
            output, errors = stuck.output or b"", stuck.stderr or b""
            how += " and cannot be killed: the driver hangs"
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise
    return Ended(output=output.decode("utf-8", "replace"), errors=errors.decode("utf-8", "replace"), how=how)


def _ending(code: int) -> str:
    if code < 0:
        return f"crashed with {signal.Signals(-code).name}"
    return f"ended with {code}" if code else ""
