"""What `bluebook ue5` refuses, and how it says so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bluebook import cli

LAMP = (Path(__file__).parent / "subjects/ue5/fixtures/lamp.txt").read_bytes()
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """`bluebook ue5` with these arguments in an empty folder: its exit code and what it says on stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["bluebook", "ue5", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, capfd.readouterr().err

    return call


@pytest.mark.parametrize("verb", ["to-dsl", "to-clipboard", "picture"])
@pytest.mark.parametrize("out", ["graph.txt", "link.txt"])
def test_the_input_is_never_overwritten(run: Run, tmp_path: Path, verb: str, out: str) -> None:
    (tmp_path / "graph.txt").write_bytes(LAMP)
    (tmp_path / "link.txt").symlink_to("graph.txt")
    code, said = run(verb, "graph.txt", "-o", out)
    assert code == 2 and f"{out} is the input" in said
    assert (tmp_path / "graph.txt").read_bytes() == LAMP


def test_a_picture_does_not_replace_the_input_unasked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "graph.html").write_bytes(LAMP)
    assert run("picture", "graph.html")[0] == 2
    assert (tmp_path / "graph.html").read_bytes() == LAMP


@pytest.mark.parametrize("out", ["/proc/graph.bp", "graph.txt/graph.bp"])
def test_an_output_that_cannot_be_written_is_one_line(run: Run, tmp_path: Path, out: str) -> None:
    (tmp_path / "graph.txt").write_bytes(LAMP)
    code, said = run("to-dsl", "graph.txt", "-o", out)
    assert code == 1
    assert said.splitlines()[-1].startswith(f"error: {out.removesuffix('/graph.bp')}")
    assert "Traceback" not in said and ".tmp" not in said


def test_a_folder_without_files_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "exports/inner").mkdir(parents=True)
    assert run("stats", "exports") == (1, "no file below exports\n")


@pytest.mark.parametrize("raw", [b"", b" \n\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\0\1\2"])
def test_what_cannot_be_drawn_is_told(run: Run, tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "graph.bp").write_bytes(raw)
    said = "error: graph.bp: neither an export nor a text in the Blueprint language\n"
    assert run("picture", "graph.bp") == (1, said)


def test_a_mistake_in_a_text_is_placed_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "graph.bp").write_text("nonsense\n")
    code, said = run("picture", "graph.bp")
    assert (code, said.count("line 1"), said.count(":1")) == (1, 1, 0)
