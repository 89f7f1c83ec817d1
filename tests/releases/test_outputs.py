"""Hashes as DVC makes them, and every kind of damage seen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bluebook.errors import BluebookError, DataError
from bluebook.releases.outputs import Output, outputs, read_lock, upstream, verify

from .conftest import World

ADAPTER = "models/adapters/persona"


def wanted(world: World) -> list[Output]:
    lock = read_lock((world.root / "dvc.lock").read_bytes())
    return outputs(upstream(lock, "health@persona").values())


def flip(path: Path) -> None:
    """One bit, with size and times as they were: what DVC does not look at again."""
    told = path.stat()
    path.chmod(0o644)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(raw)
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))


def truncate(path: Path) -> None:
    path.chmod(0o644)
    os.truncate(path, path.stat().st_size - 1)


def test_what_dvc_has_written_is_as_its_lock_says(world: World) -> None:
    found = wanted(world)
    assert {ADAPTER, "models/base", "metrics/persona/mastery.json"} <= {out.path for out in found}
    assert verify(world.root, found) == []


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink, lambda path: path.with_name("more").touch()])
@pytest.mark.parametrize("file", [f"{ADAPTER}/adapter.bin", f"{ADAPTER}/deep/config.json"])
def test_damage_in_a_folder_is_seen(world: World, harm: Callable[[Path], None], file: str) -> None:
    harm(world.root / file)
    assert [damage.path for damage in verify(world.root, wanted(world))] == [ADAPTER]


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
def test_damage_to_a_file_is_seen(world: World, harm: Callable[[Path], None]) -> None:
    harm(world.root / "data/grades/persona.jsonl")
    assert [damage.path for damage in verify(world.root, wanted(world))] == ["data/grades/persona.jsonl"]


def test_a_file_in_place_of_a_folder_is_missing(world: World) -> None:
    (world.root / ADAPTER).rename(world.root / "away")
    (world.root / ADAPTER).touch()
    assert [damage.found for damage in verify(world.root, wanted(world))] == ["missing"]


def test_what_dvc_ignores_is_no_damage(world: World) -> None:
    (world.root / ADAPTER / ".left.tmp").touch()
    assert verify(world.root, wanted(world)) == []


def test_upstream_is_what_a_stage_is_made_from_and_no_more() -> None:
    lock = read_lock(
        b"""
schema: '2.0'
stages:
  generate@a: {cmd: x, outs: [{path: data/generated/a.jsonl, md5: '1'}]}
  generate@b: {cmd: x, outs: [{path: data/generated/b.jsonl, md5: '2'}]}
  base: {cmd: x, deps: [{path: data/generated, md5: 3.dir}], outs: [{path: models/base, md5: 4.dir}]}
  train@a: {cmd: x, deps: [{path: models/base/base.json, md5: '5'}], outs: [{path: models/adapters/a, md5: 6.dir}]}
  train@b: {cmd: x, deps: [{path: models/base, md5: 4.dir}], outs: [{path: models/adapters/b, md5: 7.dir}]}
  report: {cmd: x, deps: [{path: models, md5: 8.dir}], outs: [{path: reports/index.html, md5: '9'}]}
"""
    )
    assert list(upstream(lock, "train@a")) == ["base", "generate@a", "generate@b", "train@a"]
    with pytest.raises(BluebookError, match="train@c"):
        upstream(lock, "train@c")


@pytest.mark.parametrize("raw", [b"stages: [1]", b"stages: {a: {outs: [{path: 1}]}}", b"a: [", b"\xff\xff"])
def test_a_lock_that_is_none_is_named(raw: bytes) -> None:
    with pytest.raises(DataError, match=r"dvc\.lock"):
        read_lock(raw)
