"""The artifact entry of a subject in `dvc.yaml`, by which `dvc artifacts get` finds its adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bluebook.errors import DataError

GRAPH = "dvc.yaml"


def with_artifact(raw: bytes, subject: str) -> bytes:
    """`dvc.yaml` with the subject's entry; the same bytes where it has one. All else stays as it was written.

    Raises DataError where the entry names another path, or where the file cannot take one."""
    before = _loaded(raw)
    wanted = {"path": f"models/adapters/{subject}", "type": "model"}
    there = before.get("artifacts") or {}
    if subject in there:
        if there[subject].get("path") != wanted["path"]:
            raise DataError(
                Path(GRAPH),
                None,
                f"artifacts.{subject} names {there[subject].get('path')!r}; expected {wanted['path']!r}",
            )
        return raw
    entry = f"  {subject}:\n" + "".join(f"    {key}: {value}\n" for key, value in wanted.items())
    text = raw.decode("utf-8")
    if "artifacts" in before:
        text = text.replace("\nartifacts:\n", f"\nartifacts:\n{entry}", 1)
    else:
        text = f"{text.rstrip()}\n\nartifacts:\n{entry}"
    changed = text.encode()
    if _loaded(changed) != before | {"artifacts": {**there, subject: wanted}}:
        raise DataError(
            Path(GRAPH), None, f"`artifacts:` is written in a way that takes no entry; add one for {subject}"
        )
    return changed


def _loaded(raw: bytes) -> dict[str, Any]:
    try:
        found = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise DataError(Path(GRAPH), None, f"not valid YAML: {error}") from error
    if not isinstance(found, dict):
        raise DataError(Path(GRAPH), None, "expected the graph's stages")
    return found
