"""Where every subject stands: its gate, its mastery and what of the graph is stale.

Mastery and gate are read from metrics, which Git holds, so a fresh clone can tell them before anything is
built. What is stale only DVC knows; it is asked in a process of its own, while the rest is read.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from bluebook.errors import DataError
from bluebook.exams.mastery import Mastery
from bluebook.reports.inputs import GateResult, Health, read_optional

Changed = dict[str, dict[str, str | dict[str, str]]]  # as `dvc status --json` says it


T = TypeVar("T")


class SubjectStatus(msgspec.Struct, kw_only=True):
    """None where a stage has not run yet, or has left a file of another version; `unreadable` names those."""

    gate: GateResult | None
    health: Health | None
    holdout: Mastery | None
    practice: Mastery | None
    unreadable: list[str] = []


class Staleness(msgspec.Struct, kw_only=True):
    """`stages` by name with what changed; None where DVC could not tell, and `error` says why."""

    stages: dict[str, list[str]] | None
    error: str | None = None


def subject_status(root: Path, name: str) -> SubjectStatus:
    metrics = root / "metrics" / name
    unreadable: list[str] = []

    def read(file: str, kind: type[T]) -> T | None:
        # One stale file must not hide the others, nor what DVC says of it.
        try:
            return read_optional(metrics / file, kind)
        except DataError as error:
            unreadable.append(str(error))
            return None

    return SubjectStatus(
        gate=read("gate.json", GateResult),
        health=read("health.json", Health),
        holdout=read("mastery.json", Mastery),
        practice=read("practice.json", Mastery),
        unreadable=unreadable,
    )


def start_dvc(root: Path) -> subprocess.Popen[bytes]:
    """`dvc status` under way; `staleness` waits for it."""
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", "status", "--json"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def staleness(running: subprocess.Popen[bytes]) -> Staleness:
    """What DVC found stale, by stage."""
    output, errors = running.communicate()
    if running.returncode != 0:
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        return Staleness(stages=None, error=lines[-1] if lines else "dvc status failed without a message")
    found = msgspec.json.decode(output, type=dict[str, list[str | Changed]])
    return Staleness(stages={stage: _changes(told) for stage, told in sorted(found.items())})


def _changes(told: Sequence[str | Changed]) -> list[str]:
    """DVC's shapes as one list: `changed command`; `deps` and `outs` with what happened to each path; and for
    a file of parameters what happened to each key."""
    changes: list[str] = []
    for entry in told:
        if isinstance(entry, str):
            changes.append(entry)
            continue
        for paths in entry.values():
            for path, state in sorted(paths.items()):
                keys = {path: state} if isinstance(state, str) else state
                changes += [f"{name} {happened}" for name, happened in sorted(keys.items())]
    return changes
