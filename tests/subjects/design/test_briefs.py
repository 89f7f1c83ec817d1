"""Design briefs: every file ends as exactly one outcome, in whatever shape it comes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bluebook.errors import DataError
from bluebook.records import Outcome, Sample
from bluebook.subjects.design.briefs import brief, ingest, lines
from bluebook.subjects.design.checker import check
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.policies import IngestPolicy
from bluebook.subjects.design.printing import print_program
from bluebook.subjects.design.records import DesignRecord

RAW = Path(__file__).parents[3] / "data/raw/design"
POLICY = IngestPolicy(max_bytes=100_000)
RESPONSE = """<thinking>
PROBLEM UNDERSTANDING:
- A kettle must not boil dry, and people forget it.

STRATEGIC APPROACH:
- Watch the weight of the water and act early.

DESIGN PREPARATION:
- Behavior: KettleGuard
- Constraint: heating stops before the water is gone
</thinking>
<blueprint>
Behavior KettleGuard {
  rules: {waterLow: "switch off", lidOpen: "keep off"}
}
</blueprint>"""
PROMPT = "Guard a kettle."


def taken(raw: Path) -> tuple[list[DesignRecord], dict[str, Outcome], list[Sample]]:
    rows = list(ingest(raw, POLICY))
    records = [row for row in rows if isinstance(row, DesignRecord)]
    outcomes = {row.path: row for row in rows if isinstance(row, Outcome)}
    return records, outcomes, [row for row in rows if isinstance(row, Sample)]


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_sample_gives_what_it_is_said_to_give() -> None:
    """`data/README.md` has the table."""
    records, outcomes, samples = taken(RAW)
    told = {
        path.removeprefix("briefs/"): (one.outcome, one.reason, one.pairs) for path, one in outcomes.items()
    }
    assert (
        told.items()
        >= {
            "collected.jsonl": ("kept", "partly", 3),
            "compost.md": ("duplicate", "duplicate", 0),
            "cut-short.md": ("dropped", "not_in_language", 0),
            "dangling.md": ("dropped", "faulty", 0),
            "no-thinking.txt": ("unpaired", "no_thinking", 0),
            "only-a-question.md": ("unpaired", "no_design", 0),
            "garbled.txt": ("quarantined", "not_text", 0),
            "broken.jsonl": ("quarantined", "not_json", 0),
            "notes.pdf": ("dropped", "other_file", 0),
        }.items()
    )
    assert len(records) == sum(one.pairs for one in outcomes.values()) >= 12
    assert [record.id for record in records] == sorted(record.id for record in records)
    assert any("layout" in sample.changes for sample in samples)
    for record in records:
        program = parse(record.response)
        assert check(program) == [] and print_program(program) == record.response


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", f"{PROMPT}\n\n{RESPONSE}\n"),
        ("a.txt", f"Prompt: {PROMPT}\r\n\r\n" + RESPONSE.replace("\n", "\r\n")),
        ("a.bp", f"---\ndomain: kettles\nstage: simple\n---\n{PROMPT}\n{RESPONSE}"),
        ("a.jsonl", json.dumps({"prompt": PROMPT, "response": RESPONSE, "more": [1]}) + "\n\n"),
        ("a.jsonl", json.dumps({"user_query": PROMPT, "response": RESPONSE})),
        ("a.jsonl", json.dumps({"text": f"User: {PROMPT}\n\n{RESPONSE}"})),
        (
            "a.jsonl",
            json.dumps(
                {
                    "prompt": PROMPT,
                    "thinking": RESPONSE.partition("<thinking>\n")[2].partition("\n</thinking>")[0],
                    "blueprint": RESPONSE.partition("<blueprint>\n")[2].partition("\n</blueprint>")[0],
                }
            ),
        ),
    ],
)
def test_one_brief_in_every_shape_is_the_same_record(tmp_path: Path, name: str, text: str) -> None:
    written(tmp_path, name, text)
    [record], outcomes, _ = taken(tmp_path)
    assert (record.prompt, record.response, record.stage) == (PROMPT, RESPONSE, "simple")
    assert record.domain == ("kettles" if name == "a.bp" else "")
    assert (outcomes[name].outcome, outcomes[name].pairs) == ("kept", 1)


@pytest.mark.parametrize(
    ("text", "outcome", "reason"),
    [
        (RESPONSE, "unpaired", "no_prompt"),
        (PROMPT, "unpaired", "no_design"),
        ("", "unpaired", "no_prompt"),
        (f"{PROMPT}\n{RESPONSE.replace('<blueprint>', '<blueprint')}", "unpaired", "no_design"),
        (f"{PROMPT}\n{RESPONSE.replace('KettleGuard {', 'KettleGuard ')}", "dropped", "not_in_language"),
        (f"{PROMPT}\n{RESPONSE.replace('Behavior KettleGuard {', 'Behavior Guard {')}", "dropped", "faulty"),
        (b"\xff\xfe\x00", "quarantined", "not_text"),
        ("x" * 200_000, "dropped", "too_large"),
    ],
)
def test_what_is_no_brief_has_its_reason(
    tmp_path: Path, text: str | bytes, outcome: str, reason: str
) -> None:
    written(tmp_path, "a.md", text)
    records, outcomes, _ = taken(tmp_path)
    assert not records and (outcomes["a.md"].outcome, outcomes["a.md"].reason) == (outcome, reason)


def test_a_second_copy_is_a_duplicate_and_another_prompt_is_not(tmp_path: Path) -> None:
    written(tmp_path, "a.md", f"{PROMPT}\n{RESPONSE}")
    written(tmp_path, "b.md", f"\n {PROMPT} \n\n{RESPONSE}\n")
    written(tmp_path, "c.md", f"Guard my kettle, please.\n{RESPONSE}")
    records, outcomes, _ = taken(tmp_path)
    assert len(records) == 2
    assert [outcomes[name].outcome for name in ("a.md", "b.md", "c.md")] == ["kept", "duplicate", "kept"]


def test_a_single_file_may_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, "a.md", f"{PROMPT}\n{RESPONSE}")
    [record], outcomes, _ = taken(path)
    assert record.source == "a.md" and list(outcomes) == ["a.md"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        list(ingest(tmp_path / "nowhere", POLICY))


def test_a_stage_that_is_not_declared_follows_from_the_size() -> None:
    assert brief(f"---\nstage: novel\n---\n{PROMPT}\n{RESPONSE}").stage == "novel"
    assert next(lines(json.dumps({"prompt": PROMPT, "response": RESPONSE}))).stage == ""
