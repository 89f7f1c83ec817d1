from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

from bluebook.doctor.packages import packages, pins, python, required

ROOT = Path(__file__).parents[2]
LOCK = "alpha==1.2\nbeta-lib==2.0  # via alpha\n# a remark\n\ngamma==3.1\n"
PROJECT = '[project]\ndependencies = ["alpha>=1", "Beta_Lib[extra]>=2"]\n'


def repository(folder: Path) -> Path:
    (folder / "requirements.lock").write_text(LOCK)
    (folder / "pyproject.toml").write_text(PROJECT)
    return folder


def levels(root: Path, installed: dict[str, str]) -> list[tuple[str, str]]:
    def version(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    return [(finding.level, finding.found) for finding in packages(root, version)]


HERE = {"alpha": "1.2", "beta-lib": "2.0", "gamma": "3.1"}


def test_an_old_python_blocks() -> None:
    assert python((3, 10, 4))[0].level == "blocks"
    assert python((3, 12, 0))[0].level == "fine"


def test_all_as_pinned(tmp_path: Path) -> None:
    [(level, _)] = levels(repository(tmp_path), HERE | {"alpha": "1.2+cpu"})
    assert level == "fine"


def test_a_missing_package_blocks_only_if_the_project_imports_it(tmp_path: Path) -> None:
    root = repository(tmp_path)
    [(level, found)] = levels(root, {k: v for k, v in HERE.items() if k != "beta-lib"})
    assert level == "blocks" and "beta-lib" in found
    [(level, found)] = levels(root, {k: v for k, v in HERE.items() if k != "gamma"})
    assert level == "warning" and "gamma" in found


def test_another_version_is_a_warning_with_both_versions(tmp_path: Path) -> None:
    [(level, found)] = levels(repository(tmp_path), HERE | {"alpha": "1.3"})
    assert level == "warning" and "alpha 1.3" in found and "1.2" in found


def test_a_folder_that_is_no_repository_blocks(tmp_path: Path) -> None:
    assert [finding.level for finding in packages(tmp_path)] == ["blocks"]


def test_the_projects_own_files_are_understood() -> None:
    names = {name.lower().replace("_", "-") for name in pins((ROOT / "requirements.lock").read_text())}
    assert required((ROOT / "pyproject.toml").read_text()) <= names
