"""A wrong key is named; what stands in the repository is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bluebook import params, subjects
from bluebook.errors import BluebookError, ParamsError

ROOT = Path(__file__).parents[1]


def _written(tmp_path: Path, change: Any) -> Path:
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    change(tree)
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(tree))
    return file


def test_the_repository_loads_with_every_subject() -> None:
    settings = params.load(ROOT / "params.yaml")
    for name in settings.subjects:
        assert subjects.load(name, settings).name == name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda tree: tree.update(sed=1), "sed"),
        (lambda tree: tree.pop("seed"), "seed"),
        (lambda tree: tree["subjects"]["persona"]["train"].update(epochs="many"), r"epochs"),
        (lambda tree: tree["subjects"]["persona"]["gate"].update(min_samples=1), "min_samples"),
        (lambda tree: tree["subjects"]["persona"]["train"].update(method="lorra"), "lorra"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, change: Any, named: str) -> None:
    with pytest.raises(ParamsError, match=named):
        params.load(_written(tmp_path, change))


@pytest.mark.parametrize("group", ["ingest", "expect"])
def test_a_subjects_own_keys_are_checked_too(tmp_path: Path, group: str) -> None:
    settings = params.load(_written(tmp_path, lambda tree: tree["subjects"]["persona"][group].update(typo=1)))
    with pytest.raises(ParamsError, match="typo"):
        subjects.load("persona", settings)


def test_an_unknown_subject_lists_the_known_ones() -> None:
    settings = params.load(ROOT / "params.yaml")
    with pytest.raises(BluebookError, match="persona"):
        settings.subject("nobody")
    with pytest.raises(BluebookError, match="persona"):
        subjects.load("nobody", settings)


def test_local_settings_are_optional(tmp_path: Path) -> None:
    assert params.load_local(tmp_path / "local.yaml") == params.Local()
    file = tmp_path / "local.yaml"
    file.write_text("")
    assert params.load_local(file) == params.Local()
    file.write_text("device: cpu\n")
    assert params.load_local(file).device == "cpu"
    file.write_text("devise: cpu\n")
    with pytest.raises(ParamsError, match="devise"):
        params.load_local(file)


def test_no_params_says_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="root of a Bluebook repository"):
        params.load(tmp_path / "params.yaml")
