"""The sample data is what data/README.md says it is, and comes out of `ingest` as it says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from bluebook import params, subjects
from bluebook.records import ExamItem, Example, Outcome, read_jsonl
from bluebook.subjects.persona.memories import PersonaRecord
from bluebook.subjects.subject import Subject

Planted = dict[str, tuple[str, str | None, int, list[str]]]

ROOT = Path(__file__).parents[3]
RAW = ROOT / "data/raw/persona"
PLANTED = re.compile(r"^\| ([^|]+) \| (\w+) \| (\w*) \| (\d+) \| ([\w, ]*) \| `([^`]+)` \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def persona() -> Subject:
    return subjects.load("persona", params.load(ROOT / "params.yaml"))


@pytest.fixture(scope="module")
def ingested(persona: Subject) -> list[object]:
    return list(persona.ingest(RAW))


@pytest.fixture(scope="module")
def records(ingested: list[object]) -> list[PersonaRecord]:
    return [item for item in ingested if isinstance(item, PersonaRecord)]


@pytest.fixture(scope="module")
def ledger(ingested: list[object]) -> dict[str, Outcome]:
    return {item.path: item for item in ingested if isinstance(item, Outcome)}


@pytest.fixture(scope="module")
def planted() -> Planted:
    """Path -> outcome, reason, pairs and changes, as the table says."""
    text = (ROOT / "data/README.md").read_text("utf-8")
    found = {
        path: (outcome, reason or None, int(pairs), changes.split(", ") if changes else [])
        for _, outcome, reason, pairs, changes, path in PLANTED.findall(text)
    }
    assert len(found) == text.count("| `memory/") > 80
    return found


def test_every_file_has_one_line_in_the_ledger(ledger: dict[str, Outcome]) -> None:
    files = {path.relative_to(RAW).as_posix() for path in RAW.rglob("*") if path.is_file()}
    assert set(ledger) == files
    assert f"{len(files)} files" in (ROOT / "data/README.md").read_text("utf-8")


def test_each_planted_case_comes_out_as_the_table_says(
    ledger: dict[str, Outcome],
    records: list[PersonaRecord],
    planted: Planted,
) -> None:
    changed: dict[str, set[str]] = {}
    for record in records:
        changed.setdefault(record.metadata.path, set()).update(record.metadata.changes)
    came_out = {
        path: (ledger[path].outcome, ledger[path].reason, ledger[path].pairs, sorted(changed.get(path, ())))
        for path in planted
    }
    assert came_out == planted


def test_every_other_file_is_kept_as_it_is(
    ledger: dict[str, Outcome],
    records: list[PersonaRecord],
    planted: Planted,
) -> None:
    others = {path: outcome for path, outcome in ledger.items() if path not in planted}
    assert {(outcome.outcome, outcome.reason) for outcome in others.values()} == {("kept", None)}
    changes = {
        change for record in records if record.metadata.path in others for change in record.metadata.changes
    }
    assert changes <= {"trimmed", "long_form"}


def test_no_mode_is_rare_and_long_replies_are(records: list[PersonaRecord]) -> None:
    modes = Counter(record.mode for record in records)
    assert len(records) >= 450
    assert min(modes.values()) > 0.25 * len(records)
    assert 0.05 <= sum(record.metadata.long_output for record in records) / len(records) <= 0.10


def test_no_planted_secret_gets_through(records: list[PersonaRecord]) -> None:
    """A piece of each planted secret, looked for in every record."""
    secrets = (
        "sallowlock.example", "555-0143", "Heron-4711", "Fake0Fake1", "AKIAIOSF", "ghp_01", "4111 1111",
        "0532 0130", "/home/dorrie", "203.0.113", "MIIBVg", "eyJhbGci",
    )  # fmt: skip
    raw = "".join(path.read_bytes().decode("utf-8", "ignore") for path in RAW.rglob("*.json"))
    for secret in secrets:
        assert secret in raw
        for record in records:
            assert secret not in f"{record.user_text} {record.assistant_text} {record.metadata}"


def test_lessons_and_exams_are_in_the_language_and_apart_from_the_memories(
    persona: Subject, records: list[PersonaRecord]
) -> None:
    lessons = list(read_jsonl(ROOT / "data/lessons/persona/001-tags.jsonl", Example))
    items = list(read_jsonl(ROOT / "data/exams/persona/practice.jsonl", ExamItem))
    for text, constructs in [
        *((lesson.response, lesson.constructs) for lesson in lessons),
        *((item.reference, item.constructs) for item in items),
    ]:
        reply = persona.parse(text)
        assert persona.check(reply) == []
        assert f"mode:{reply.mode}" in constructs
        assert persona.compare(reply, reply).score == 1.0
    assert Counter(item.constructs[0] for item in items) == dict.fromkeys(
        ("mode:dual", "mode:emulation", "mode:agent"), 12
    )
    prompts = [*(lesson.prompt for lesson in lessons), *(item.prompt for item in items)]
    prompts += [example.prompt for record in records for example in persona.format(record)]
    assert len(set(prompts)) == len(prompts)


def test_names_of_the_exam_are_those_of_the_data(records: list[PersonaRecord]) -> None:
    """An exam on a type of memory that training never sees would measure nothing."""
    items = read_jsonl(ROOT / "data/exams/persona/practice.jsonl", ExamItem)
    seen = {f"source:{record.metadata.source_type}" for record in records}
    assert {
        construct for item in items for construct in item.constructs if construct.startswith("source:")
    } <= seen
