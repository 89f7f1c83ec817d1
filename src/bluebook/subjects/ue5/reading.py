"""An export, from a file to its graph. What cannot be one is refused and named; what is damaged is read as
far as it goes, with a warning for each thing that is odd."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bluebook.subjects.ue5 import kinds
from bluebook.subjects.ue5.decoding import decode
from bluebook.subjects.ue5.export import ExportError, ExportGraph, Node, Warning
from bluebook.subjects.ue5.links import resolve
from bluebook.subjects.ue5.objects import read_objects


def read_export(path: Path) -> ExportGraph:
    """The graph that the file holds. Raises ExportError for anything but a graph whose nodes have pins."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ExportError(path, None, "unknown", f"cannot be read: {error.strerror}") from error
    return parse_export(raw, path)


def parse_export(raw: bytes, path: Path) -> ExportGraph:
    """The graph in `raw`; `path` is for messages. Raises ExportError for anything else."""
    with _collector_off():
        lines, odd = decode(raw)
        objects, damage = read_objects(lines)
        nodes = [node for node in objects if kinds.is_graph_node(node)]
        if not nodes:
            raise _no_graph(path, objects, kinds.is_level(lines))
        graph = _graph(path, nodes, [node for node in objects if not kinds.is_graph_node(node)])
    graph.warnings += odd + damage
    graph.warnings.sort()
    return graph


def inner_graphs(node: Node, path: Path) -> Iterator[tuple[Node, ExportGraph]]:
    """Graphs inside a node, such as what a collapsed node stands for: each with its owner.

    Raises ExportError for an inner graph whose nodes have no pins."""
    for owner in node.children:
        nodes = [child for child in owner.children if kinds.is_graph_node(child)]
        if nodes:
            yield (
                owner,
                _graph(path, nodes, [child for child in owner.children if not kinds.is_graph_node(child)]),
            )


@contextmanager
def _collector_off() -> Iterator[None]:
    """Nothing in an export is cyclic, and the collector would walk all of it again and again: a sixth of the
    time at 100 MB."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _graph(path: Path, nodes: list[Node], others: list[Node]) -> ExportGraph:
    found = kinds.kinds_of(nodes)
    if found and not kinds.READABLE.intersection(found):
        kind = kinds.kind_name(found)
        [name, *_] = found
        message = (
            f"{kinds.NAMES[name]}, not a Blueprint ({nodes[0].class_name or 'no class'}); "
            "copy nodes from a Blueprint's graph"
        )
        raise ExportError(path, found[name].line, name if len(found) == 1 else kind, message)
    wiring = resolve(nodes)
    return ExportGraph(
        path=path,
        kind=kinds.kind_name(found),
        nodes=nodes,
        others=others,
        links=wiring.links,
        dangling=wiring.dangling,
        warnings=[*wiring.warnings, *_same_names(nodes), *_mixture(found)],
    )


def _same_names(nodes: Iterable[Node]) -> Iterator[Warning]:
    first: dict[str, Node] = {}
    for node in nodes:
        same = first.setdefault(node.name.lower(), node)
        if same is not node:
            yield Warning(
                node.line, "duplicate-name", f"{node.name} is also the name of line {same.line}'s node"
            )


def _mixture(found: dict[str, Node]) -> Iterator[Warning]:
    for kind, node in list(found.items())[1:]:
        yield Warning(node.line, "mixed-kinds", f"{node.class_name} is a node of kind {kind} among others")


def _no_graph(path: Path, objects: list[Node], is_level: bool) -> ExportError:
    """Why there is no graph, in the words of what there is."""
    if is_level:
        return ExportError(
            path, 1, "level", "actors of a level, not a graph; copy nodes from a Blueprint's graph"
        )
    found = kinds.kinds_of(objects)
    kind = "widget" if "widget" in found else next(iter(found), "unknown")
    if not objects:
        message = "no `Begin Object` line: expected text copied from a Blueprint's graph"
        return ExportError(path, 1, kind, message)
    inner = next((node for node in objects if any(map(kinds.is_graph_node, _below(node)))), None)
    if inner:
        message = (
            f"{inner.name} is a whole {inner.class_name}; open its graph, select the nodes and copy those"
        )
        return ExportError(path, inner.line, kind, message)
    classes = ", ".join(sorted({node.class_name or node.name for node in objects})[:3])
    message = (
        f"{kinds.NAMES.get(kind, 'no nodes')}, no graph ({classes}); copy nodes from a Blueprint's graph"
    )
    return ExportError(path, objects[0].line, kind, message)


def _below(node: Node) -> Iterator[Node]:
    waiting = list(node.children)
    while waiting:
        inner = waiting.pop()
        yield inner
        waiting += inner.children
