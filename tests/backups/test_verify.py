"""Whatever is damaged, on either side, is named and mended from the other."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from bluebook.backups import manifest, store
from bluebook.backups.drive import Drive
from bluebook.backups.verify import Verified, verify

from .conftest import DAMAGES, World, bytes_below, damage, project_bytes
from .test_backup import newest

SEED = 20261130


def check(world: World) -> Verified:
    return verify(world.root, world.said.append)


def stored(world: World) -> list[str]:
    return sorted(name for name, size in store.listed(world.root / ".dvc/cache").items() if size)


def test_nothing_is_wrong(held: World) -> None:
    found = check(held)
    assert found.faults == []
    assert found.files_here == len(stored(held))
    assert found.files_there == len(newest(held).files)


@pytest.mark.parametrize("how", DAMAGES)
def test_the_drive_is_mended(held: World, how: str) -> None:
    rng = random.Random(SEED)
    before = bytes_below(held.drive.path, "log.jsonl", ".lock")
    names = sorted(newest(held).files)
    git = next(name for name in names if name.startswith("git/"))
    victims = {git, *(rng.choice([n for n in names if n.startswith(kind)]) for kind in ("rest/", "runs/"))}
    victims |= set(rng.sample([name for name in names if name.startswith("files/")], 5))
    for name in sorted(victims):
        damage(held.drive.path / name, how, rng)
    found = check(held)
    assert {fault.path for fault in found.faults} == victims
    assert {fault.what for fault in found.faults} == {"missing" if how == "deleted" else "rotten"}
    assert all(fault.side == "drive" and fault.mended for fault in found.faults)
    assert check(held).faults == []
    unlike_bundle = {
        name: digest for name, digest in before.items() if not name.startswith(("git/", "backups/"))
    }
    assert bytes_below(held.drive.path, "log.jsonl", ".lock").items() >= unlike_bundle.items()


@pytest.mark.parametrize("how", DAMAGES)
def test_the_cache_is_mended(held: World, how: str) -> None:
    rng = random.Random(SEED)
    before = bytes_below(held.root / ".dvc/cache")
    victims = set(rng.sample(stored(held), 6))
    for name in sorted(victims):
        damage(held.root / ".dvc/cache" / name, how, rng)
    found = check(held)
    assert {fault.path for fault in found.faults} == victims
    assert all(fault.side == "here" and fault.mended for fault in found.faults)
    assert bytes_below(held.root / ".dvc/cache") == before
    assert check(held).faults == []


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_manifest_is_mended_from_its_copy(held: World, how: str) -> None:
    path = manifest.path_of(held.drive, newest(held).label)
    before = path.read_bytes()
    damage(path, how, random.Random(SEED))
    [fault] = check(held).faults
    assert fault.mended and fault.path.endswith(manifest.MANIFEST)
    assert path.read_bytes() == before


def test_every_flipped_bit_of_a_manifest_is_noticed(held: World) -> None:
    rng = random.Random(SEED)
    path = manifest.path_of(held.drive, newest(held).label)
    whole = path.read_bytes()
    for _ in range(200):
        damage(path, "flipped", rng)
        found = manifest.listed(held.drive)
        same = found.good and found.good[0] == manifest.read(
            held.root / manifest.COPIES / f"{found.good[0].label}.json"
        )
        assert found.damaged or same  # white space between two values counts for nothing
        path.write_bytes(whole)


def test_what_is_rotten_on_both_sides_is_named_and_left(held: World) -> None:
    rng = random.Random(SEED)
    name = next(name for name in stored(held) if not name.endswith(".dir"))
    for top in (held.root / ".dvc/cache", held.drive.path):
        damage(top / name, "flipped", rng)
    found = check(held)
    assert [(fault.side, fault.path, fault.mended) for fault in found.faults] == [
        ("drive", name, False),
        ("here", name, False),
    ]
    assert (held.root / ".dvc/cache" / name).exists() and (held.drive.path / name).exists()


def test_the_list_of_a_folder_that_is_rotten_does_not_mislead(held: World) -> None:
    """One flipped digit in it would send for a file that never was."""
    listing = next((held.root / ".dvc/cache/files/md5").glob("*/*.dir"))
    listing.chmod(0o644)
    text = listing.read_text()
    digit = text.index('"md5": "') + len('"md5": "')
    listing.write_text(text[:digit] + ("1" if text[digit] == "0" else "0") + text[digit + 1 :])
    [fault] = check(held).faults
    assert fault.side == "here" and fault.path.endswith(listing.name) and fault.mended
    assert listing.read_text() == text


def test_what_a_damaged_object_is_for_is_said(held: World) -> None:
    for file in (held.root / ".dvc/cache/files/md5").glob("*/*"):
        file.unlink()
    meant = {fault.meant for fault in check(held).faults}
    assert "models/adapters/toy/part-0.bin" in meant and "data/grades/toy.jsonl of toy@v1.0.0" in meant


def test_git_is_mended_from_the_bundle(held: World) -> None:
    before = held.git("rev-list", "--objects", "--all")
    rng = random.Random(SEED)
    loose = sorted((held.root / ".git/objects").glob("[0-9a-f][0-9a-f]/*"))
    for file, how in zip(rng.sample(loose, 3), DAMAGES, strict=True):
        damage(file, how, rng)
    found = check(held)
    assert found.faults and all(fault.mended and fault.path == ".git" for fault in found.faults)
    held.git("fsck", "--full")
    assert held.git("rev-list", "--objects", "--all") == before
    assert check(held).faults == []


def test_a_damaged_pack_is_mended(held: World) -> None:
    held.git("gc", "--quiet")
    pack = next((held.root / ".git/objects/pack").glob("*.pack"))
    damage(pack, "truncated", random.Random(SEED))
    assert all(fault.mended for fault in check(held).faults)
    held.git("fsck", "--full")
    held.git("log", "--oneline")


def test_a_read_only_drive_still_mends_the_cache(held: World, mounted: object) -> None:
    place = mounted("size=64m")  # type: ignore[operator]
    shutil.copytree(held.drive.path, place, dirs_exist_ok=True)
    held.drive = Drive(place)
    held.set()
    held.backup()
    here, there = stored(held)[0], stored(held)[-1]
    damage(held.root / ".dvc/cache" / here, "deleted", random.Random(SEED))
    damage(place / there, "deleted", random.Random(SEED))
    remount(place, "ro")
    found = check(held)
    assert {(fault.side, fault.mended) for fault in found.faults} == {("here", True), ("drive", False)}
    assert "read-only" in found.why_not
    remount(place, "rw")
    assert all(fault.mended for fault in check(held).faults)


def remount(place: Path, how: str) -> None:
    import subprocess

    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)


def test_a_mended_project_is_the_old_one(held: World, tmp_path: Path) -> None:
    before = project_bytes(held.root)
    shutil.rmtree(held.root / ".dvc/cache/files/md5")
    check(held)
    assert project_bytes(held.root) == before
    held.restore(tmp_path / "again")
    assert project_bytes(tmp_path / "again") == before
