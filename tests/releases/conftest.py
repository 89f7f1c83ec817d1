"""A repository that can be released: real Git, real DVC, and a graph whose stages are real but take no time.

Its subject is called persona, because commands know subjects by name. `skill.txt` says how many of twenty items of each
construct are answered right; `build.py` is every stage.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SUBJECT = "persona"
SKILL = {"mode:agent": 19, "mode:dual": 12}
BUILD = '''
"""Every stage of the graph: python build.py STAGE"""
import json
import sys
from pathlib import Path

from bluebook.artifacts import write_json
from bluebook.exams.mastery import mastery, totals
from bluebook.records import Answer, ExamItem, Grade

SUBJECT = "persona"
metrics = Path("metrics") / SUBJECT


def skill():
    return json.loads(Path("skill.txt").read_text())


def ingest():
    write_json(metrics / "ingest.json", {"files": 3, "records": 2, "outcomes": {"kept": 2, "dropped": 1}})
    Path("data/records").mkdir(exist_ok=True)
    Path("data/records/persona.jsonl").write_text("one\\ntwo\\n")


def base():
    Path("models/base").mkdir(parents=True, exist_ok=True)
    Path("models/base/model.safetensors").write_bytes(b"base" * 1000)
    named = {"source": "embedded", "location": ".", "revision": None, "family": "qwen", "parameters": 4000}
    write_json(Path("models/base/base.json"), named | {"model_type": "qwen3", "weights_sha256": "0" * 64})


def gate():
    red = Path("data/raw/persona/red").exists()
    why = {"severity": "failure", "why": "a rule", "remedy": "mend it"}
    rules = [
        {"name": "no_secrets", "kind": "rows", "passed": not red, **why},
        {"name": "few", "kind": "count", "passed": False, "waiver": "small on purpose", **why, "severity": "waived"},
    ]
    write_json(metrics / "gate.json", {"passed": int(not red), "rows": {"train": 2}, "rules": rules})
    composed = {"examples": {"train": 2}, "lessons": 1, "generated": 0, "holdout": 40, "lesson_share": 0.5}
    write_json(metrics / "compose.json", composed)
    write_json(metrics / "export.json", {"rows": {"train": 2}, "supervised_tokens": {"train": 9}})
    if red:
        sys.exit(1)
    Path("data/gates").mkdir(exist_ok=True)
    write_json(Path("data/gates/persona.json"), {"passed": True})


def train():
    folder = Path("models/adapters/persona")
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "adapter.bin").write_bytes(json.dumps(skill()).encode() * 1000)
    (folder / "deep/config.json").write_text("{}")
    (folder / "Zebra.txt").write_text("sorted by code point, not by letter")
    told = {"method": "full", "rows": 2, "steps": 3, "epochs": 1.0, "parameters_trained": 4000}
    write_json(metrics / "train.json", told | {"validation_loss": 1.5, "base_validation_loss": 2.5})


def grade():
    items, answers, grades = [], [], []
    for name, right in skill().items():
        for number in range(20):
            item = f"{name}-{number}"
            good = float(number < right)
            asked = {"exam": "toy", "version": "1", "kind": "holdout", "prompt": item, "reference": "x"}
            items.append(ExamItem(id=item, constructs=[name], **asked))
            answers.append(Answer(item=item, model="m", mode="free", text="x", tokens=1, finish="stop"))
            known = {"valid": True, "score": good, "errors": [], "per_construct": {name: good}}
            grades.append(Grade(item=item, mode="free", **known))
    worth = {"constant": totals(grades[:4]), "retrieval": totals(grades[::2])}
    write_json(metrics / "mastery.json", mastery("persona", items, answers, grades, worth))
    Path("data/grades").mkdir(exist_ok=True)
    from bluebook.records import write_jsonl

    write_jsonl(Path("data/grades/persona.jsonl"), grades)


def health():
    write_json(metrics / "health.json", {"findings": []})
    write_json(metrics / "retention.json", {"mastered_before": 0, "kept": 0, "rate": 1.0, "constructs": {}})


for folder in ("data", "metrics/persona"):
    Path(folder).mkdir(parents=True, exist_ok=True)
globals()[sys.argv[1]]()
'''


def _stage(name: str, deps: Sequence[str], outs: Sequence[str], metrics: Sequence[str]) -> dict[str, object]:
    return {
        "cmd": f"python build.py {name}",
        "deps": ["build.py", *deps],
        "outs": [*outs, *({f"metrics/${{key}}/{name}.json": {"cache": False}} for name in metrics)],
    }


def _graph() -> dict[str, object]:
    raw, adapter = "data/raw/${key}", "models/adapters/${key}"
    each = {
        "ingest": _stage("ingest", [raw], ["data/records/${key}.jsonl"], ["ingest"]),
        "gate": _stage(
            "gate",
            [raw, "data/records/${key}.jsonl"],
            ["data/gates/${key}.json"],
            ["gate", "compose", "export"],
        ),
        "train": _stage(
            "train", ["models/base", "data/gates/${key}.json", "skill.txt"], [adapter], ["train"]
        ),
        "grade": _stage("grade", [adapter, "skill.txt"], ["data/grades/${key}.jsonl"], ["mastery"]),
        "health": _stage("health", ["metrics/${key}/mastery.json"], [], ["health", "retention"]),
    }
    stages: dict[str, object] = {
        name: {"foreach": {SUBJECT: None}, "do": stage} for name, stage in each.items()
    }
    stages["base"] = {"cmd": "python build.py base", "deps": ["build.py"], "outs": ["models/base"]}
    return {"stages": stages}


def quiet(_: str) -> None:
    """Tells nobody."""


class World:
    """One repository, and the commands that people run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "DVC_NO_ANALYTICS": "1",
            "OMP_NUM_THREADS": "1",
        }

    def run(
        self, *command: str, check: bool = True, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=cwd or self.root, env=self.environment, capture_output=True, text=True, check=False
        )
        if check:
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).stdout

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A verb under way, with all that it starts in a process group that can be killed."""
        return subprocess.Popen(
            ["bluebook", *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def teach(self, **skill: int) -> None:
        """Train and grade anew with another skill, and commit."""
        known = {name.replace(":", "_"): name for name in SKILL}
        changed = SKILL | {known[name]: right for name, right in skill.items()}
        (self.root / "skill.txt").write_text(json.dumps(changed))
        self.rebuild("another skill")

    def rebuild(self, message: str) -> None:
        self.run("dvc", "repro", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def tags(self) -> list[str]:
        return self.git("tag").split()

    def bytes_of_outputs(self, root: Path | None = None) -> dict[str, bytes]:
        top = root or self.root
        files = [file for name in ("data", "models", "metrics") for file in (top / name).rglob("*")]
        return {
            file.relative_to(top).as_posix(): file.read_bytes()
            for file in sorted(files)
            if file.is_file() and "cards" not in file.parts
        }


def make_world(root: Path) -> World:
    for folder in ("data/raw/persona", "data/lessons/persona", "data/exams/persona"):
        (root / folder).mkdir(parents=True)
        (root / folder / "one.txt").write_text(folder)
    (root / "build.py").write_text(BUILD)
    (root / "skill.txt").write_text(json.dumps(SKILL))
    (root / "dvc.yaml").write_text("# a graph\n" + yaml.safe_dump(_graph()))
    shutil.copy2(ROOT / "params.yaml", root)
    shutil.copy2(ROOT / "data/sources.yaml", root / "data")
    shutil.copy2(ROOT / ".dvcignore", root)
    (root / ".gitignore").write_text("/logs/\n.*.tmp\n__pycache__/\n/local.yaml\n")
    world = World(root)
    world.git("init", "--quiet", "--initial-branch=main")
    world.git("config", "user.name", "Test")
    world.git("config", "user.email", "test@example.com")
    world.run("dvc", "init", "--quiet")
    world.run("dvc", "config", "core.analytics", "false")
    world.rebuild("a subject")
    return world


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Not to be changed: tests take a copy."""
    return make_world(tmp_path_factory.mktemp("releases") / "built")


@pytest.fixture
def world(built: World, tmp_path: Path) -> World:
    shutil.copytree(built.root, tmp_path / "world", symlinks=True)
    return World(tmp_path / "world")
