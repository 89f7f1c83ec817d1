"""Counts of an export, one JSON line each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bluebook.subjects.ue5.export import ExportError, ExportGraph
from bluebook.subjects.ue5.reading import read_export


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """The files themselves, and every file below each folder, sorted."""
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file())
        else:
            yield path


def stats(path: Path) -> dict[str, Any]:
    """The counts of the export at `path`, or `{file, kind, error}` where it is refused.

    `nodes` counts comment boxes and reroutes too; links are pairs of pins, before reroutes are removed."""
    file = os.fsencode(path).decode(errors="replace")
    try:
        graph = read_export(path)
    except ExportError as refused:
        return {"file": file, "kind": refused.kind, "error": str(refused)}
    return {"file": file, **counts(graph)}


def counts(graph: ExportGraph) -> dict[str, Any]:
    exec_links = sum(link.is_exec for link in graph.links)
    return {
        "kind": graph.kind,
        "nodes": len(graph.nodes),
        "comments": sum(node.is_comment for node in graph.nodes),
        "knots": sum(node.is_knot for node in graph.nodes),
        "pins": sum(len(node.pins) for node in graph.nodes),
        "exec_links": exec_links,
        "data_links": len(graph.links) - exec_links,
        "dangling": len(graph.dangling),
        "one_sided": sum(not link.mutual for link in graph.links),
        "warnings": [{"line": line, "code": code, "text": text} for line, code, text in graph.warnings],
    }
