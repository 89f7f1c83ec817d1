"""The artifact entry: added once, with every other byte of the graph kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bluebook.errors import DataError
from bluebook.releases.entry import with_artifact

GRAPH = b"# a remark\nstages:\n  base:   # another\n    cmd: x\n"


def test_the_first_entry_makes_the_section() -> None:
    made = with_artifact(GRAPH, "persona")
    assert made.startswith(GRAPH)
    assert yaml.safe_load(made)["artifacts"] == {
        "persona": {"path": "models/adapters/persona", "type": "model"}
    }
    assert with_artifact(made, "persona") == made


def test_a_further_entry_joins_the_section_wherever_it_stands() -> None:
    graph = b"vars: []\nartifacts:\n  other:\n    path: x  # kept\n" + GRAPH
    made = with_artifact(graph, "ue5")
    assert set(graph.splitlines()) <= set(made.splitlines())
    assert sorted(yaml.safe_load(made)["artifacts"]) == ["other", "ue5"]


def test_an_entry_for_another_path_is_refused() -> None:
    graph = GRAPH + b"artifacts:\n  persona:\n    path: elsewhere\n"
    with pytest.raises(DataError, match="elsewhere"):
        with_artifact(graph, "persona")


def test_a_section_that_takes_no_line_is_refused() -> None:
    with pytest.raises(DataError, match="takes no entry"):
        with_artifact(GRAPH + b"artifacts: {other: {path: x}}\n", "persona")


@pytest.mark.parametrize("raw", [b"", b"- 1", b"a: ["])
def test_what_is_no_graph_is_refused(raw: bytes) -> None:
    with pytest.raises(DataError):
        with_artifact(raw, "persona")


def test_the_graph_of_this_repository_takes_an_entry_for_every_subject() -> None:
    root = Path(__file__).parents[2]
    raw = (root / "dvc.yaml").read_bytes()
    for subject in yaml.safe_load((root / "params.yaml").read_text())["subjects"]:
        made = yaml.safe_load(with_artifact(raw, subject))
        assert made["artifacts"][subject]["path"] == f"models/adapters/{subject}"
        assert made["stages"] == yaml.safe_load(raw)["stages"]
