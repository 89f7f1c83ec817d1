"""Graphs as pictures: the text that Unreal's editor puts into the clipboard, for a page to draw.

A graph of the language is laid out by `layout.py`; a graph of an export stays where it was. What a node
collapses is a picture of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bluebook.errors import BluebookError
from bluebook.subjects.subject import ParseError, Picture, PicturePair
from bluebook.subjects.ue5.catalogue import Catalogue
from bluebook.subjects.ue5.decoding import decode
from bluebook.subjects.ue5.differing import Odd, differences
from bluebook.subjects.ue5.export import ExportGraph, Pin, PinEnd
from bluebook.subjects.ue5.fields import continues, split
from bluebook.subjects.ue5.language import parse
from bluebook.subjects.ue5.normalising import normalise
from bluebook.subjects.ue5.program import Graph, PinName, Program
from bluebook.subjects.ue5.reading import inner_graphs, parse_export
from bluebook.subjects.ue5.to_clipboard import GraphText, graph_texts
from bluebook.subjects.ue5.writing import object_text

_ANY_NODE = "/Script/Engine.EdGraphNode"
_RETOLD = frozenset({"PinId", "Direction", "LinkedTo", "SubPins", "ParentPin"})
# How everything that the editor copies begins; no line of the language does.
_EXPORT = re.compile(r"\s*+Begin\s", re.I)


class Gallery(msgspec.Struct):
    """The pictures of one file. `unexpressed` is what of it they do not show, by name; `warnings` are the
    reader's."""

    title: str
    pictures: list[Picture]
    unexpressed: list[str]
    warnings: list[str]


def gallery(raw: bytes, path: Path, catalogue: Catalogue) -> Gallery:
    """The graphs in `raw`, an export or a text in the language; `path` is for messages. Raises BluebookError
    with file and line for anything else."""
    lines, _ = decode(raw)
    if any(map(_EXPORT.match, lines)):
        export = parse_export(raw, path)
        warnings = [f"{path}:{warning.line}: {warning.text}" for warning in export.warnings]
        return Gallery(_blueprint(export) or path.stem, list(_drawn(export)), [], warnings)
    try:
        program = parse(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BluebookError(f"{path}:{line}: not UTF-8; save the text as UTF-8") from error
    except ParseError as error:
        raise BluebookError(f"{path}:{error.line}: {error}") from error
    found = graph_texts(program, catalogue)
    pictures = [_picture(graph.name, text) for graph, text in zip(program.graphs, found.graphs, strict=True)]
    return Gallery(program.blueprint, pictures, found.unexpressed, [])


def draw(expected: Program, actual: Program, catalogue: Catalogue) -> list[PicturePair]:
    """The graphs that are compared with each other, side by side, with what is odd about each."""
    programs = normalise(expected, catalogue), normalise(actual, catalogue)
    drawn = [
        list(zip(program.graphs, graph_texts(program, catalogue).graphs, strict=True)) for program in programs
    ]
    return [
        PicturePair(expected=_marked(one, drawn[0]), actual=_marked(other, drawn[1]))
        for one, other in differences(*programs)
    ]


def _marked(odd: Odd, drawn: list[tuple[Graph, GraphText]]) -> Picture | None:
    """The picture of the graph; None for one that only stands in."""
    # By identity: a faulty program may have two graphs of one name.
    text = next((text for graph, text in drawn if graph is odd.graph), None)
    if text is None:
        return None

    def end(pin: PinName, output: bool) -> tuple[str, str]:
        return text.names[pin.node], text.ids[pin.node, pin.pin, output]

    return msgspec.structs.replace(
        _picture(odd.graph.name, text),
        odd_nodes=[text.names[node] for node in odd.nodes],
        odd_wires=[(*end(source, True), *end(target, False)) for source, target in odd.wires],
        odd_values={text.names[node]: ", ".join(said) for node, said in odd.values.items()},
    )


def _picture(title: str, text: GraphText) -> Picture:
    return Picture(title=title, text=text.text, nodes=text.nodes, pins=text.pins, wires=text.wires)


def _drawn(export: ExportGraph) -> Iterator[Picture]:
    """The graph and those inside its nodes, outer ones first. A graph inside that has no pins is no picture."""
    waiting = [(_graph_name(export), export)]
    for title, graph in waiting:  # grows while it is walked
        yield Picture(
            title=title,
            text=_as_read(graph),
            nodes=len(graph.nodes),
            pins=sum(len(node.pins) for node in graph.nodes),
            wires=len(graph.links),
        )
        waiting += [
            (owner.name, inner) for node in graph.nodes for owner, inner in inner_graphs(node, graph.path)
        ]


def _as_read(graph: ExportGraph) -> str:
    """The graph's nodes as they were written, but for what makes a drawing fail: names and pin ids are those of
    one node and one pin, links are named at both ends, and what damage has cut short is left out."""
    links: dict[PinEnd, list[PinEnd]] = {}
    for link in graph.links:
        links.setdefault(link.source, []).append(link.target)
        links.setdefault(link.target, []).append(link.source)
    taken: set[str] = set()
    names = []
    for place, node in enumerate(graph.nodes):
        names.append(f"{node.name}_{place}" if node.name.lower() in taken else node.name)
        taken.add(node.name.lower())
    nodes = []
    for place, node in enumerate(graph.nodes):
        pins = []
        for number, pin in enumerate(node.pins):
            end = PinEnd(place, number)
            others = (f"{names[other.node]} {_pin_id(other)}," for other in links.get(end, ()))
            raw = _pin_line(pin, _pin_id(end), "".join(others))
            pins.append(msgspec.structs.replace(pin, raw=raw, _fields=None))
        body = [line for line in node.body if _is_whole(line)]
        # A comment box has no pins; one that has them has swallowed a node and is drawn as one.
        kind = _ANY_NODE if node.is_comment and node.pins else node.class_path
        nodes.append(
            msgspec.structs.replace(
                node, name=names[place], class_path=kind, body=body, pins=pins, _properties=None
            )
        )
    return "\n".join((*map(object_text, nodes), ""))


def _is_whole(line: str) -> bool:
    """Whether the line of a property ends as it should: not within a string or a bracket, nor in the next
    object's opening."""
    return continues(line, False, 0) == (False, 0) and "Begin Object" not in line


def _pin_id(end: PinEnd) -> str:
    return f"{end.node:016X}{end.pin:016X}"


def _pin_line(pin: Pin, name: str, links: str) -> str:
    """The pin as it was written, with another id and these links. Its parts are not named: split pins are
    drawn beside the pin they were split from, which the editor hides."""
    whole = split(pin.raw)[1]
    kept = list(pin.fields.items()) if whole else list(pin.fields.items())[:-1]
    told = {"PinId": name} | {key: value for key, value in kept if key not in _RETOLD}
    # Old engines write it without quotes, which drawing does not know.
    told |= {"Direction": '"EGPD_Output"'} if pin.is_output else {}
    told |= {"LinkedTo": f"({links})"} if links else {}
    return f"CustomProperties Pin ({''.join(f'{key}={value},' for key, value in told.items())})"


def _graph_name(export: ExportGraph) -> str:
    names = (node.graph_path.rpartition(":")[2] for node in export.nodes)
    return next(filter(None, names), "Graph")


def _blueprint(export: ExportGraph) -> str:
    """The name of the Blueprint that it was copied from; empty where the engine did not say."""
    paths = (node.graph_path.rpartition(":")[0] for node in export.nodes)
    return next(filter(None, paths), "").rpartition(".")[2].rpartition("/")[2]
