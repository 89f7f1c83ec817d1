"""Outputs appear whole or not at all, and say where they came from."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from bluebook.artifacts import (
    atomic_folder,
    atomic_writer,
    disk_full,
    full_disk,
    require_space,
    sha256,
    sidecar_path,
    write_json,
    write_sidecar,
)
from bluebook.errors import BluebookError


class Boom(Exception):
    pass


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_bytes(b"old")
    with pytest.raises(Boom), atomic_writer(file) as out:
        out.write(b"half")
        raise Boom
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_failed_folder_leaves_the_old_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with atomic_folder(folder) as new:
        (new / "a").write_text("1")
    with pytest.raises(Boom), atomic_folder(folder) as new:
        (new / "b").write_text("2")
        raise Boom
    assert [file.name for file in folder.iterdir()] == ["a"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_bytes(b"old")
    script = textwrap.dedent(
        """
        import os, pathlib, signal, sys
        from bluebook.artifacts import atomic_writer
        with atomic_writer(pathlib.Path(sys.argv[1])) as out:
            out.write(b"half")
            out.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert file.read_bytes() == b"old"
    with atomic_writer(file) as out:
        out.write(b"new")
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_the_hash_of_a_folder_sees_names_and_contents_but_not_sidecars(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a").write_text("1")
    first = sha256(tmp_path)
    (tmp_path / ".artifact.json").write_text("{}")
    assert sha256(tmp_path) == first
    (tmp_path / "sub/a").write_text("2")
    second = sha256(tmp_path)
    (tmp_path / "sub/a").rename(tmp_path / "sub/b")
    assert len({first, second, sha256(tmp_path)}) == 3


def test_a_sidecar_tells_inputs_parameters_and_counts(tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out.jsonl"
    source.write_text("in")
    output.write_text("out")
    write_sidecar(
        output, stage="s", inputs=[source], parameters={"k": 1}, counts={"rows": 1}, packages=["msgspec"]
    )
    told = json.loads(sidecar_path(output).read_text())
    assert told["inputs"] == {source.as_posix(): sha256(source)}
    assert told["sha256"] == sha256(output)
    assert told["parameters"] == {"k": 1}
    assert told["counts"] == {"rows": 1}
    assert set(told["versions"]) == {"bluebook", "msgspec"}


def test_json_is_sorted_and_ends_with_a_newline(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    write_json(file, {"b": 1, "a": {"d": 1, "c": 2}})
    assert file.read_text() == '{\n  "a": {\n    "c": 2,\n    "d": 1\n  },\n  "b": 1\n}\n'


class TestFullDisk:
    """Against the device that is always full; links to it, because some writers replace what they write to."""

    @pytest.fixture
    def full(self, tmp_path: Path) -> Path:
        (tmp_path / "full").symlink_to("/dev/full")
        return tmp_path / "full"

    def test_is_seen_in_python_s_own_error(self, full: Path) -> None:
        with pytest.raises(OSError) as found, full.open("wb", buffering=0) as out:
            out.write(b"x")
        assert disk_full(found.value)

    def test_is_seen_in_the_error_of_torch(self, full: Path) -> None:
        with pytest.raises(RuntimeError) as found:
            torch.save({"weights": torch.zeros(100_000)}, full)
        assert disk_full(found.value)

    @pytest.mark.parametrize("error", [OSError(errno.EACCES, "denied"), RuntimeError("CUDA out of memory.")])
    def test_is_not_seen_in_other_errors(self, error: Exception) -> None:
        assert not disk_full(error)

    def test_is_told_with_path_and_need(self, tmp_path: Path) -> None:
        told = str(full_disk(tmp_path / "not/there/yet", 3_200_000_000))
        assert str(tmp_path / "not/there/yet") in told and "about 3.2 GB are needed" in told

    def test_room_is_asked_for_beforehand(self, tmp_path: Path) -> None:
        require_space(tmp_path / "new", 1)
        with pytest.raises(BluebookError, match="are needed"):
            require_space(tmp_path / "new", 10**18)
