"""A small repository whose stages have all run, written with the structs that the stages use."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bluebook.records import (
    Answer,
    ExamItem,
    Example,
    Grade,
    GradeError,
    Origin,
    Outcome,
    Sample,
    write_jsonl,
)

SUBJECT = "sailing"
CONSTRUCTS = ("mode:calm", "mode:gale", "mode:harbour")
SOURCES = tuple(
    f"source:{name}"
    for name in ("log", "letter", "radio", "chart", "song", "diary", "order", "bill", "dream")
)


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def construct(accuracy: float, n: int, half: float = 0.06, status: str = "mastered") -> dict[str, Any]:
    return {
        "n": n,
        "accuracy": accuracy,
        "low": max(0.0, accuracy - half),
        "high": min(1.0, accuracy + half),
        "status": status,
        "firm": status == "ship",
    }


def mastery(score: float = 0.71, version: str = "1.0.0", **constructs: dict[str, Any]) -> dict[str, Any]:
    return {
        "subject": SUBJECT,
        "exam": "records",
        "version": version,
        "mode": "free",
        "n": 200,
        "valid_rate": 0.985,
        "score": score,
        "low": score - 0.03,
        "high": score + 0.03,
        "constructs": constructs
        or {
            "mode:calm": construct(0.99, 80, 0.02, "ship"),
            "mode:gale": construct(0.88, 70),
            "mode:harbour": construct(0.62, 50, 0.13, "learning"),
            **{name: construct(0.9, 9, 0.2, "untested") for name in SOURCES},
        },
        "baselines": {
            "retrieval": {"score": 0.31, "low": 0.25, "high": 0.37, "n": 200},
            "constant": {"score": 0.12, "low": 0.08, "high": 0.17, "n": 200},
        },
        "errors": {"wrong_tag": 3},
        "unanswered": 0,
        "loss": {
            "all": {"n": 200, "tokens": 3000, "adapter": 2.6, "base": 4.5},
            "mode:calm": {"n": 80, "tokens": 1000, "adapter": 1.92, "base": 4.1},
            "mode:gale": {"n": 70, "tokens": 1000, "adapter": 2.4, "base": 4.6},
            "mode:harbour": {"n": 50, "tokens": 1000, "adapter": 4.9, "base": 4.8},
        },
    }


def _write_data(root: Path, name: str) -> None:
    rng = Random(5)
    outcomes: list[Outcome] = []
    for index in range(60):
        outcome, reason = rng.choice(
            [("kept", None)] * 6
            + [
                ("dropped", "one_word"),
                ("dropped", "refusal"),
                ("duplicate", "duplicate"),
                ("unpaired", "monologue"),
            ]
            + [("quarantined", "not_json")]
        )
        pairs = 2 if outcome == "kept" else 0
        outcomes.append(
            Outcome(path=f"log/{index}.json", original_id=None, outcome=outcome, reason=reason, pairs=pairs)
        )
    write_jsonl(root / f"data/records/{name}.ledger.jsonl", outcomes)
    write_jsonl(
        root / f"data/examples/{name}.jsonl",
        [
            Example(
                id=f"e{index}",
                subject=name,
                prompt=f"<wind>: how is the sea at buoy {index}?",
                response="<deck>: Flat as slate.",
                constructs=[CONSTRUCTS[index % 7 % 3], SOURCES[index % len(SOURCES)]],
                split="validation" if index % 10 == 0 else "train",
                origin=Origin(kind="record", ref=f"r{index}", group=f"g{index}"),
            )
            for index in range(120)
        ],
    )
    write_jsonl(
        root / f"data/records/{name}.samples.jsonl",
        [
            Sample(
                id=f"r{index}",
                construct=CONSTRUCTS[index % 3],
                before={
                    "user": "How deep is it at the second mooring, and who lit the lamp?",
                    "assistant": "Sure! Four fathoms at low water. The keeper lit it. "
                    "I hope this helps! Write to [EMAIL] for the tables.",
                },
                after={
                    "user": "How deep is it at the second mooring, and who lit the lamp?",
                    "assistant": "Four fathoms at low water. The keeper lit it.",
                },
                changes=["filler", "sentences"],
            )
            for index in range(6)
        ],
    )


def _write_metrics(root: Path, name: str) -> None:
    metrics = root / "metrics" / name
    write_json(metrics / "mastery.json", mastery() | {"subject": name})
    write_json(metrics / "practice.json", mastery(0.83) | {"subject": name, "exam": "practice"})
    write_json(
        metrics / "train.json",
        {
            "method": "full",
            "rows": 108,
            "steps": 300,
            "epochs": 3.0,
            "parameters_trained": 2541312,
            "validation_loss": 2.4,
            "base_validation_loss": 6.9,
            "preflight": {"first_loss": 8.1},
        },
    )
    write_json(
        metrics / "health.json",
        {
            "findings": [
                {
                    "rule": rule,
                    "level": level,
                    "value": 0.41,
                    "threshold": 0.4,
                    "detail": f"{rule} was seen",
                    "advice": f"see to {rule}" if level != "INFO" else "",
                }
                for rule, level in (("regression", "CRITICAL"), ("lesson_share", "WARNING"), ("exam", "INFO"))
            ],
            "levels": {"CRITICAL": 1, "WARNING": 1, "SUGGESTION": 0, "INFO": 1},
        },
    )
    write_json(
        metrics / "gate.json",
        {
            "passed": 1,
            "rows": {"train": 108, "validation": 12},
            "failing_rows": {"own_tags": 0, "no_filler": 30},
            "rules": [
                {
                    "name": "own_tags",
                    "kind": "rows",
                    "why": "a reply opens with its own tag",
                    "passed": True,
                    "severity": "failure",
                },
                {
                    "name": "calm_share",
                    "kind": "share",
                    "why": "every weather is there",
                    "passed": False,
                    "severity": "waived",
                    "value": 0.14,
                    "threshold": 0.2,
                    "waiver": "a quiet summer",
                },
                {
                    "name": "no_filler",
                    "kind": "rows",
                    "why": "no filler in a reply",
                    "remedy": "curate again",
                    "passed": False,
                    "severity": "warning",
                    "failing": [
                        {"id": f"e{index}", "where": f"train.jsonl:{index}", "detail": "Sure!"}
                        for index in range(20)
                    ],
                },
                {
                    "name": "minimum_samples",
                    "kind": "count",
                    "why": "enough to learn from",
                    "passed": True,
                    "severity": "failure",
                    "value": 5200,
                    "threshold": 5000,
                },
            ],
        },
    )
    write_json(
        metrics / "loss.json",
        [
            {"step": step, "epoch": step / 100, "loss": 6.0 / (1 + step / 40) + 1.5, "learning_rate": 0.003}
            | ({"eval_loss": 6.1 / (1 + step / 40) + 1.7} if step % 100 == 0 else {})
            for step in range(1, 301)
        ],
    )


def _write_exam(root: Path, name: str) -> None:
    items, answers, grades = [], [], []
    for index in range(90):
        constructs = [CONSTRUCTS[index % 3], SOURCES[index % len(SOURCES)]]
        items.append(
            ExamItem(
                id=f"i{index:03}",
                exam="records",
                version="1.0.0",
                kind="holdout",
                prompt=f"<wind>: what is written beside mark {index}?",
                reference="<deck>: A bearing, two soundings and a name.",
                constructs=constructs,
            )
        )
        wrong = index % 4 == 0
        answers.append(
            Answer(
                item=f"i{index:03}",
                model=f"{name}@0123456789ab",
                mode="free",
                text="A bearing" if wrong else "<deck>: A bearing, two soundings and the name of a ship.",
                tokens=9,
                finish="stop",
            )
        )
        error = GradeError(category="wrong_tag", construct=constructs[0], detail="nothing in place of <deck>")
        grades.append(
            Grade(
                item=f"i{index:03}",
                mode="free",
                valid=not wrong,
                score=0.0 if wrong else 0.5 + index / 200,
                errors=[error] if wrong else [],
                per_construct={constructs[0]: float(not wrong)},
            )
        )
    write_jsonl(root / f"data/holdout/{name}.jsonl", items)
    write_jsonl(root / f"data/answers/{name}.jsonl", answers)
    write_jsonl(root / f"data/grades/{name}.jsonl", grades)


@pytest.fixture
def built(tmp_path: Path) -> Callable[..., Path]:
    """Writes one subject into the repository at `tmp_path` as if every stage had run; gives back the root."""

    def build(name: str = SUBJECT) -> Path:
        _write_data(tmp_path, name)
        _write_metrics(tmp_path, name)
        _write_exam(tmp_path, name)
        return tmp_path

    return build
