from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from bluebook.doctor import remote as probe
from bluebook.doctor.findings import Finding
from bluebook.doctor.remote import public, remote

SECOND = Path("/dev/shm")
SECRET = "s3cr3t-w0rd"


def repository(folder: Path, config: str = "", local: str = "") -> Path:
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text(config)
    if local:
        (folder / ".dvc/config.local").write_text(local)
    return folder


def with_remote(folder: Path, url: str, more: str = "") -> Path:
    return repository(folder, f"[core]\n    remote = backup\n['remote \"backup\"']\n    url = {url}\n", more)


def only(found: list[Finding]) -> Finding:
    [finding] = found
    return finding


def test_none(tmp_path: Path) -> None:
    found = only(remote(repository(tmp_path)))
    assert found.level == "note" and "remote set" in found.advice


def test_a_drive_that_is_not_mounted(tmp_path: Path) -> None:
    found = only(remote(with_remote(tmp_path, str(tmp_path / "absent"))))
    assert found.level == "warning" and "not there" in found.found


def test_the_same_drive(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    found = only(remote(with_remote(tmp_path, str(tmp_path / "store"))))
    assert found.level == "warning" and "own drive" in found.found
    assert not list((tmp_path / "store").iterdir())


@pytest.mark.skipif(
    not SECOND.is_dir() or SECOND.stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev,
    reason="needs a second file system",
)
def test_another_drive(tmp_path: Path) -> None:
    found = only(remote(with_remote(tmp_path, str(SECOND))))
    assert found.level == "fine", found


def test_secrets_of_a_remote_that_cannot_be_reached_are_never_told(tmp_path: Path) -> None:
    url = f"http://user:{SECRET}@127.0.0.1:9/store?token={SECRET}"
    root = with_remote(tmp_path, url, f"['remote \"backup\"']\n    password = {SECRET}\n")
    (root / "dvc.yaml").write_text("stages: {}\n")
    found = only(remote(root, limit=20))
    assert found.level == "warning" and "127.0.0.1:9/store" in found.found
    assert SECRET not in repr(found) and "user" not in found.found


def test_a_remote_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    found = only(remote(with_remote(tmp_path, "http://127.0.0.1:9/store"), limit=0.05))
    assert found.level == "warning" and "did not end within" in found.found


def test_a_remote_by_protocol_is_written_to_and_left_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    config = f"[core]\n    no_scm = true\n['remote \"backup\"']\n    url = {store}\n"
    root = repository(tmp_path, config)
    (root / "dvc.yaml").write_text("stages: {}\n")
    probe.main(str(root), "backup")
    assert capsys.readouterr().out == ""
    assert [path for path in store.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ssh://me:pw@host:22/data", "ssh://host:22/data"),
        ("s3://bucket/path?key=1#x", "s3://bucket/path"),
        ("/mnt/second", "/mnt/second"),
    ],
)
def test_public_part_of_a_url(url: str, shown: str) -> None:
    assert public(url) == shown
