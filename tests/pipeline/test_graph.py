"""dvc.yaml says exactly what each stage uses: its code, no more and no less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
SUBJECTS = SOURCE / "bluebook/subjects"
GRAPH: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

# The frame that carries every stage. Its content hash would make all stages stale at every edit, trained
# weights included, while what it does to rows shows in the rows themselves.
FRAME = {
    "bluebook/__init__.py",
    "bluebook/artifacts.py",
    "bluebook/cards.py",  # decides where a run computes, as local.yaml does, and nothing else
    "bluebook/errors.py",
    "bluebook/params.py",
    "bluebook/records.py",
    "bluebook/runs.py",
    "bluebook/stage.py",
    "bluebook/steps.py",
    "bluebook/subjects/__init__.py",
    "bluebook/subjects/subject.py",
    "bluebook/corpus/__init__.py",
    "bluebook/exams/__init__.py",
    "bluebook/health/__init__.py",
    "bluebook/lessons/__init__.py",
    "bluebook/reports/__init__.py",
    "bluebook/training/__init__.py",
}

DATA = (".json", ".lark")  # read, not imported


def _modules(file: Path) -> Iterator[str]:
    """Dotted names that `file` imports from this project, at any depth of indentation."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(module: str) -> Path | None:
    if not module.startswith("bluebook"):
        return None
    path = SOURCE / Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def _closure(stage_file: Path) -> set[str]:
    """Every project file that the stage can import, the frame left out, relative to src/.

    Subjects are imported by name at run time: a stage that loads one uses its whole folder. One that only imports
    modules of a subject uses those; what the subject's `create` imports is for who loads it.
    """
    seen: set[Path] = set()
    queue = [stage_file]
    creators = set(SUBJECTS.glob("*/__init__.py"))
    while queue:
        file = queue.pop()
        if file == SUBJECTS / "__init__.py":
            found = [module for folder in SUBJECTS.iterdir() for module in folder.glob("*.py")]
        else:
            found = [path for path in map(_file, _modules(file)) if path and path not in creators]
        queue += {path for path in found if path not in seen}
        seen.update(found)
    names = {file.relative_to(SOURCE).as_posix() for file in seen}
    if SUBJECTS / "__init__.py" not in seen:
        return names - FRAME
    return {re.sub(r"subjects/\w+/.*", "subjects/${key}", name) for name in names - FRAME}


def _stages() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, stage in GRAPH.items():
        yield name, stage.get("do", stage)


@pytest.mark.parametrize(("name", "stage"), list(_stages()), ids=[name for name, _ in _stages()])
def test_deps_are_exactly_the_code_in_use(name: str, stage: dict[str, Any]) -> None:
    code = {dep.removeprefix("src/") for dep in stage["deps"] if dep.startswith("src/")} - FRAME
    code = {dep for dep in code if not dep.endswith(DATA)}
    used = _closure(ROOT / "stages" / f"{name}.py")

    def covered(file: str) -> bool:
        return any(file == dep or file.startswith(f"{dep}/") for dep in code)

    assert f"stages/{name}.py" in stage["deps"]
    assert not sorted(file for file in used if not covered(file)), "used but not in deps"
    assert not sorted(
        dep for dep in code if not any(file == dep or file.startswith(f"{dep}/") for file in used)
    ), "in deps but not used"


def test_the_catalogue_is_built_from_what_its_stage_names_and_is_never_its_own_source() -> None:
    """It lies in the folder that it is built from, so it names files there: a folder would hold its own output."""
    stage = GRAPH["catalogue"]
    assert "${catalogue.exports}" in stage["deps"] and "catalogue" in stage["params"]
    package = ROOT / "src/bluebook/subjects/ue5"
    read = {str(file.relative_to(ROOT)) for file in (package / "declared.json", package / "dsl.lark")}
    assert read <= set(stage["deps"])
    [output] = [name for out in stage["outs"] for name in out]
    assert not [dep for dep in stage["deps"] if output == dep or output.startswith(f"{dep}/")]


def test_graph_stays_small() -> None:
    subjects = yaml.safe_load((ROOT / "params.yaml").read_text())["subjects"]
    count = sum(len(subjects) if "foreach" in stage else 1 for stage in GRAPH.values())
    assert count <= 40


def test_local_settings_never_reach_the_graph() -> None:
    assert "local.yaml" not in (ROOT / "dvc.yaml").read_text()
    assert "local.yaml" in (ROOT / ".gitignore").read_text().split()
