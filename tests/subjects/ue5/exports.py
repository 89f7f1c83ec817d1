"""The fixtures, and short ways to write exports of one's own."""

from __future__ import annotations

from pathlib import Path

from bluebook.subjects.ue5.export import ExportGraph
from bluebook.subjects.ue5.reading import parse_export, read_export

FIXTURES = Path(__file__).parent / "fixtures"


def fixture(name: str) -> ExportGraph:
    return read_export(FIXTURES / f"{name}.txt")


def text_of(name: str) -> str:
    return (FIXTURES / f"{name}.txt").read_text("utf-8")


def parse(text: str | bytes) -> ExportGraph:
    return parse_export(text.encode() if isinstance(text, str) else text, Path("paste.txt"))


def pin(number: int, name: str, *links: str, out: bool = False, kind: str = "exec") -> str:
    """A pin line; `links` are `Node Number`."""
    direction = 'Direction="EGPD_Output",' if out else ""
    ends = "".join(f"{node} {int(other):032X}," for node, other in (link.split() for link in links))
    linked = f"LinkedTo=({ends})," if ends else ""
    return (
        f'   CustomProperties Pin (PinId={number:032X},PinName="{name}",{direction}'
        f'PinType.PinCategory="{kind}",{linked}bHidden=False,)'
    )


def block(name: str, *lines: str, kind: str = "K2Node_CallFunction") -> str:
    return "\n".join(
        (f'Begin Object Class=/Script/BlueprintGraph.{kind} Name="{name}"', *lines, "End Object", "")
    )


def chain(length: int, ring: bool = False) -> str:
    """Nodes in a row, each one's `then` linked to the next one's `execute`; a ring has no ends."""
    blocks = []
    for at in range(length):
        before, after = (at - 1) % length, (at + 1) % length
        came = [f"N{before} {2 * before + 1}"] if at or ring else []
        goes = [f"N{after} {2 * after}"] if at < length - 1 or ring else []
        pins = pin(2 * at, "execute", *came), pin(2 * at + 1, "then", *goes, out=True)
        blocks.append(block(f"N{at}", *pins))
    return "".join(blocks)


def shape(graph: ExportGraph) -> list[object]:
    """What a graph says: its nodes with properties and pins, and its links by name."""
    nodes: list[object] = [
        (node.name, node.class_path, node.properties, [one.fields for one in node.pins])
        for node in graph.nodes
    ]
    return [*nodes, *links_by_name(graph)]


def links_by_name(graph: ExportGraph) -> list[str]:
    def end(place: tuple[int, int]) -> str:
        node = graph.nodes[place[0]]
        return f"{node.name}.{node.pins[place[1]].name}"

    return sorted(f"{end(link.source)} -> {end(link.target)}" for link in graph.links)
