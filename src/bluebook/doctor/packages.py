"""Python and the installed packages, against what this version was tested with."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bluebook.doctor.findings import Finding, blocks, fine, warning

OLDEST_PYTHON = (3, 11)
NAMED = 5  # packages in one line
INSTALL = "run `make run`, or `pip install --requirement requirements.lock` in this environment"

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;#]+)")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def python(found: tuple[int, ...] = tuple(sys.version_info[:3])) -> list[Finding]:
    said = ".".join(map(str, found))
    if found[:2] < OLDEST_PYTHON:
        return [
            blocks("python", f"{said}; needed is 3.11 or newer", "`rm -r .venv; make run PYTHON=python3.11`")
        ]
    return [fine("python", f"{said} in {sys.prefix}")]


def pins(lock: str) -> dict[str, str]:
    """Names and versions of a lock file's `name==version` lines."""
    return {match[1]: match[2] for line in lock.splitlines() if (match := _PIN.match(line.strip()))}


def required(pyproject: str) -> set[str]:
    """The packages that the project itself imports, names normalised."""
    listed = tomllib.loads(pyproject).get("project", {}).get("dependencies", [])
    return {_normal(match[0]) for entry in listed if (match := _NAME.match(entry))}


def packages(root: Path, installed: Callable[[str], str] = version) -> list[Finding]:
    """`requirements.lock` against what `installed` says of each name.

    A missing package that the project imports blocks; any other difference is a warning: it may well work, and
    nobody has tried.
    """
    try:
        wanted = pins((root / "requirements.lock").read_text("utf-8"))
        own = required((root / "pyproject.toml").read_text("utf-8"))
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        return [blocks("packages", f"no {missing} here", "run this in the root of a Bluebook repository")]
    found: dict[str, str | None] = {}
    for name in wanted:
        try:
            found[name] = installed(name)
        except PackageNotFoundError:
            found[name] = None
    absent = [name for name, there in found.items() if there is None]
    needed = [name for name in absent if _normal(name) in own]
    # `2.13.0+cpu` is the same version, built for another machine.
    others = [
        f"{name} {there} (tested: {wanted[name]})"
        for name, there in found.items()
        if there is not None and there.partition("+")[0] != wanted[name]
    ]
    findings = []
    if needed:
        findings.append(blocks("packages", f"missing: {_list(needed)}", INSTALL))
    if rest := [name for name in absent if name not in needed]:
        findings.append(warning("packages", f"missing, used by others: {_list(rest)}", INSTALL))
    if others:
        findings.append(warning("packages", f"another version: {_list(others)}", INSTALL))
    return findings or [fine("packages", f"{len(wanted)} packages as in requirements.lock")]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _list(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
