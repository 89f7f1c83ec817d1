"""`bluebook ue5 stats`, as a shell calls it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bluebook import cli
from tests.subjects.ue5.exports import FIXTURES

COUNTS = {"nodes", "comments", "knots", "pins", "exec_links", "data_links", "dangling", "one_sided"}
KEYS = {"file", "kind", "warnings"} | COUNTS


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *paths: Path) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["bluebook", "ue5", "stats", *map(str, paths)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    code = ended.value.code
    assert isinstance(code, int)
    return code, capsys.readouterr().out


def test_one_line_for_each_export(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(monkeypatch, capsys, FIXTURES / "lamp.txt", FIXTURES / "tricky.txt")
    lamp, tricky = map(json.loads, out.splitlines())
    assert code == 0  # warnings are no refusal
    assert lamp.keys() == KEYS
    assert (lamp["file"], lamp["kind"], lamp["nodes"], lamp["warnings"]) == (
        str(FIXTURES / "lamp.txt"),
        "k2",
        6,
        [],
    )
    assert [sorted(warning) for warning in tricky["warnings"]] == [["code", "line", "text"]] * 3


def test_a_refusal_is_a_line_too_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(monkeypatch, capsys, FIXTURES / "controlrig.txt", FIXTURES / "lamp.txt")
    refused, read = map(json.loads, out.splitlines())
    assert code == 1
    assert sorted(refused) == ["error", "file", "kind"] and refused["kind"] == "rigvm"
    assert read["nodes"] == 6


def test_a_folder_is_every_file_below_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = run(monkeypatch, capsys, FIXTURES)
    files = [json.loads(line)["file"] for line in out.splitlines()]
    assert files == sorted(map(str, FIXTURES.glob("*.txt")))


def test_a_path_that_is_not_there_is_wrong_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, capsys, FIXTURES / "gone.txt")[0] == 2
