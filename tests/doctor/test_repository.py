from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from bluebook.doctor import repository as probe
from bluebook.doctor.findings import Finding

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with valid settings, one cached output and one that Git holds."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for key, value in (("user.email", "test@example.com"), ("user.name", "Test")):
        subprocess.run(["git", "-C", str(tmp_path), "config", key, value], check=True)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".dvc/config").write_text("")
    digest = hashlib.md5(b"rows\n").hexdigest()
    outs = [
        {"path": "data/rows.jsonl", "hash": "md5", "md5": digest, "size": 5},
        {"path": "metrics/one.json", "hash": "md5", "md5": "0" * 32, "size": 2},
    ]
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"make": {"outs": outs}}}))
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/one.json").write_text("{}")
    subprocess.run(["git", "-C", str(tmp_path), "add", "metrics"], check=True)
    cached(tmp_path).parent.mkdir(parents=True)
    cached(tmp_path).write_bytes(b"rows\n")
    return tmp_path


def cached(root: Path) -> Path:
    digest = hashlib.md5(b"rows\n").hexdigest()
    return root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]


def levels(found: list[Finding]) -> list[str]:
    return [finding.level for finding in found]


def test_a_healthy_repository(root: Path) -> None:
    assert levels(probe.git(root)) == ["fine"]
    assert levels(probe.dvc(root)) == ["fine"]
    found, params, local = probe.settings(root)
    assert set(levels(found)) == {"fine"}
    assert params is not None and local is not None


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert levels(probe.git(tmp_path)) == ["blocks"]
    monkeypatch.setenv("PATH", "")
    assert "not installed" in probe.git(tmp_path)[0].found


@pytest.mark.parametrize(("left", "told"), [("index.lock", "index.lock"), ("MERGE_HEAD", "merge")])
def test_unfinished_business_of_git(root: Path, left: str, told: str) -> None:
    (root / ".git" / left).touch()
    [found] = probe.git(root)
    assert found.level == "warning" and told in found.found + found.advice


def test_no_dvc(tmp_path: Path) -> None:
    assert levels(probe.dvc(tmp_path)) == ["blocks"]


def test_a_broken_config_blocks_and_none_of_it_is_told(root: Path) -> None:
    (root / ".dvc/config").write_text("['remote \"a\"']\n    url = /x\n    password\nsecret = 'word\n")
    [found] = probe.dvc(root)
    assert found.level == "blocks" and "secret" not in repr(found) and "word" not in found.found


def test_a_lock_that_a_process_holds(root: Path) -> None:
    lock = root / ".dvc/tmp/lock"
    lock.write_text(f" {os.getpid()}\n")
    assert levels(probe.dvc(root)) == ["fine"]  # DVC leaves the file behind; it is held by flock
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found = probe.dvc(root)[0]
    assert found.level == "note" and str(os.getpid()) in found.found


def test_a_path_lock_left_over(root: Path) -> None:
    def leave(pid: int) -> list[str]:
        entry = {"pid": pid, "cmd": "dvc repro"}
        (root / ".dvc/tmp/rwlock").write_text(json.dumps({"write": {str(root / "data"): entry}}))
        return levels(probe.dvc(root))

    gone = subprocess.Popen(["true"])
    gone.wait()
    assert leave(gone.pid) == ["fine"]  # DVC removes it by itself
    assert leave(os.getpid()) == ["warning", "fine"]
    (root / ".dvc/tmp/rwlock").write_text('{"write": ')
    assert levels(probe.dvc(root)) == ["blocks", "fine"]


def test_outputs_that_the_cache_lost_or_damaged(root: Path) -> None:
    cached(root).write_bytes(b"ro")
    [found] = probe.dvc(root)
    assert found.level == "warning" and "data/rows.jsonl" in found.found and str(cached(root)) in found.advice
    cached(root).unlink()
    [found] = probe.dvc(root)
    assert found.level == "note" and "1 of 1" in found.found
    (root / "dvc.lock").write_text("<<<<<<< ours\n")
    assert levels(probe.dvc(root)) == ["blocks"]
    (root / "dvc.lock").unlink()
    assert levels(probe.dvc(root)) == ["note"]


def test_broken_params_block_and_name_the_key(root: Path) -> None:
    params = (root / "params.yaml").read_text()
    for broken, key in (
        (params.replace("\nseed: ", "\nsead: "), "sead"),
        (params.replace("max_tokens: 1024", "max_tokens: many"), "max_tokens"),
        (params.replace("      max_sentences: 3\n", ""), "max_sentences"),  # typed by the subject
        (params.replace("  persona:", "  nobody:"), "nobody"),
        ("seed: [", "YAML"),
    ):
        (root / "params.yaml").write_text(broken)
        found = [finding for finding in probe.settings(root)[0] if finding.level == "blocks"]
        assert len(found) == 1 and key in found[0].found, broken
    (root / "params.yaml").unlink()
    assert "blocks" in levels(probe.settings(root)[0])


def test_broken_local_settings(root: Path) -> None:
    (root / "local.yaml").write_text("devise: cpu\n")
    found, _, local = probe.settings(root)
    assert levels(found) == ["fine", "blocks"] and local is None and "devise" in found[1].found
    (root / "local.yaml").write_text("threads: 4096\n")
    assert levels(probe.settings(root)[0]) == ["fine", "warning"]


def test_a_folder_in_the_cache_is_whole_only_with_its_files(root: Path) -> None:
    digest = hashlib.md5(b"rows\n").hexdigest()
    listing = root / ".dvc/cache/files/md5" / "ab" / ("c" * 30 + ".dir")
    listing.parent.mkdir(parents=True)
    out = {"path": "models/one", "md5": f"ab{'c' * 30}.dir", "size": 5, "nfiles": 1}
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": {"make": {"outs": [out]}}}))
    listing.write_text(json.dumps([{"md5": digest, "relpath": "inner/weights"}]))
    assert levels(probe.dvc(root)) == ["fine"]
    cached(root).unlink()
    [found] = probe.dvc(root)
    assert found.level == "note" and "models/one/inner/weights" in found.found
    for damage in (b"", b'[{"md5": "', b'[{"md5": "\xff", "relpath": "a"}]', b"{}"):
        listing.write_bytes(damage)
        [found] = probe.dvc(root)
        assert found.level == "warning" and str(listing) in found.advice


def test_without_git_it_is_named_and_nothing_breaks(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert levels(probe.git(root)) == ["blocks"]
    assert "blocks" not in levels(probe.dvc(root))
