"""The whole graph, small, as a new user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from .conftest import Checkout, make_checkout

DATA = ("data/records", "data/examples", "data/holdout", "data/datasets", "data/gates")


def test_the_graph_ends_in_a_mastery_table(built: Checkout) -> None:
    for subject in yaml.safe_load((built.path / "params.yaml").read_text())["subjects"]:
        mastery = json.loads((built.path / f"metrics/{subject}/mastery.json").read_text())
        assert mastery["n"] > 0
        assert set(mastery["baselines"]) == {"retrieval", "constant"}
        assert mastery["constructs"]
    status = built.run("bluebook", "status", "--json")
    assert json.loads(status.stdout)["stale"] == {}


def test_the_ledger_adds_up(built: Checkout) -> None:
    lines = (built.path / "data/records/persona.ledger.jsonl").read_text().splitlines()
    ledger = [json.loads(line) for line in lines]
    files = [p for p in (built.path / "data/raw/persona").rglob("*") if p.is_file()]
    assert len(ledger) == len({line["path"] for line in ledger}) == len(files)
    records = (built.path / "data/records/persona.jsonl").read_text().splitlines()
    assert sum(line["pairs"] for line in ledger) == len(records)


def test_a_second_run_does_nothing(built: Checkout) -> None:
    assert "up to date" in built.run("dvc", "repro").stdout


def test_a_clean_clone_writes_the_same_bytes(built: Checkout, tmp_path: Path) -> None:
    other = make_checkout(tmp_path / "elsewhere")
    other.run("dvc", "repro", "gate")
    assert other.bytes_below(*DATA) == built.bytes_below(*DATA)


@pytest.mark.parametrize(
    ("edited", "untouched"),
    [
        ("src/bluebook/exams/mastery.py", {"ingest", "compose", "base", "export", "gate", "train", "answer"}),
        ("src/bluebook/reports", {"ingest", "compose", "base", "export", "gate", "train", "answer", "grade"}),
    ],
)
def test_an_edit_makes_stale_only_what_uses_it(built: Checkout, edited: str, untouched: set[str]) -> None:
    file = built.path / edited
    file = next(iter(sorted(file.glob("*.py")))) if file.is_dir() else file
    before = file.read_text()
    try:
        file.write_text(before + "\n# edited\n")
        stale = {name.partition("@")[0] for name in json.loads(built.run("dvc", "status", "--json").stdout)}
    finally:
        file.write_text(before)
    assert stale
    assert not stale & untouched


def test_a_failing_gate_stops_training(built: Checkout) -> None:
    before = (built.path / "params.yaml").read_text()
    try:
        built.edit_params({"subjects": {"persona": {"expect": {"mode_share": 0.9}}}})
        failed = built.run("dvc", "repro", "train@persona", check=False)
        assert failed.returncode != 0
        assert "share_dual" in failed.stdout + failed.stderr
        assert not (built.path / "data/gates/persona.json").exists()
        assert json.loads((built.path / "metrics/persona/gate.json").read_text())["passed"] == 0
        assert any((built.path / "reports/gates/persona").iterdir())
    finally:
        (built.path / "params.yaml").write_text(before)
        built.run("dvc", "repro", "gate@persona")
