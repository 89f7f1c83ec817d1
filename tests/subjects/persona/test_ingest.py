"""Folders and packs of memories from end to end: what comes out, that it adds up, and that it repeats."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bluebook.records import Outcome, Sample, encode
from bluebook.subjects.persona import sorting
from bluebook.subjects.persona.ingest import ingest
from bluebook.subjects.persona.memories import IngestPolicy, PersonaRecord, Reason

POLICY = IngestPolicy(
    short_words=40, max_words=120, max_sentences=3, long_words=300, long_share=0.075, max_bytes=100_000
)
SHARED = Path(os.environ.get("BLUEBOOK_SHARED", "../shared"))


class Result:
    def __init__(self, rows: Iterable[PersonaRecord | Sample | Outcome]) -> None:
        self.rows = list(rows)
        self.records = [row for row in self.rows if isinstance(row, PersonaRecord)]
        self.samples = [row for row in self.rows if isinstance(row, Sample)]
        self.ledger = {row.path: row for row in self.rows if isinstance(row, Outcome)}
        self.bytes = b"\n".join(map(encode, self.rows))


def run(raw: Path, seed: int = 7, policy: IngestPolicy = POLICY) -> Result:
    return Result(ingest(raw, policy, seed))


def write(root: Path, memories: dict[str, Any]) -> Path:
    root.mkdir(exist_ok=True)
    for name, memory in memories.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(memory if isinstance(memory, bytes) else json.dumps(memory).encode())
    return root


def pack(path: Path, folder: Path) -> Path:
    """The folder's files as a pack, the way packs are written: parsed where they are JSON, else in base64."""
    lines = []
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        data, line = file.read_bytes(), {"path": file.relative_to(folder).as_posix()}
        try:
            value = msgspec.json.decode(data)
            lines.append(line | {"memory": value})
        except (ValueError, RecursionError):
            lines.append(line | {"raw_b64": base64.b64encode(data).decode()})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def talk(user: str, reply: str, **fields: Any) -> dict[str, Any]:
    return {"id": "evt-1", "type": "chat", "content": user, "response": reply, "metadata": {}} | fields


MIXED: dict[str, Any] = {
    "2024/01/a.json": talk("Is the ferry late?", "By an hour, they say.", metadata={"conversationId": "c"}),
    "2024/01/b.json": talk("is the FERRY late", "By an hour they say"),
    "2024/01/c.json": {"type": "dream", "content": "The stairs were wet paper."},
    "2024/01/d.json": talk("I saw the locks.", "And the keeper? He never sleeps.", type="dream"),
    "2024/01/e.json": b"{",
    "2024/01/f.json.bak": b"{}",
    "2024/01/g.json": talk("Mail ilse.k@posteo.example, would you?", "I wrote to her.", type="transaction"),
    "2024/01/h.json": {
        "type": "chat",
        "metadata": {"sessionId": "c", "cognitiveMode": "dual"},
        "messages": [
            {"role": "user", "content": "The barge leaks."},
            {"role": "assistant", "content": "Then pump it."},
            {"role": "user", "content": "Is the ferry late?"},
            {"role": "assistant", "content": "By an hour, they say."},
        ],
    },
    "tasks/t.json": {"id": "t", "title": "Mend the pump", "status": "todo"},
}


def test_every_file_has_its_outcome_and_every_record_its_file(tmp_path: Path) -> None:
    result = run(write(tmp_path / "raw", MIXED))
    assert {path: (line.outcome, line.reason, line.pairs) for path, line in result.ledger.items()} == {
        "2024/01/a.json": ("kept", None, 1),
        "2024/01/b.json": ("duplicate", "duplicate", 0),
        "2024/01/c.json": ("unpaired", "monologue", 0),
        "2024/01/d.json": ("kept", None, 1),
        "2024/01/e.json": ("quarantined", "not_json", 0),
        "2024/01/f.json.bak": ("dropped", "not_a_memory", 0),
        "2024/01/g.json": ("kept", "unknown_type", 1),
        "2024/01/h.json": ("kept", None, 1),
        "tasks/t.json": ("unpaired", "task", 0),
    }
    assert [record.id for record in result.records] == sorted({record.id for record in result.records})
    by_path = {record.metadata.path: record for record in result.records}
    assert by_path["2024/01/a.json"].user_text == "Is the ferry late?"
    assert by_path["2024/01/a.json"].metadata.original_id == "evt-1"
    assert (by_path["2024/01/d.json"].mode, by_path["2024/01/h.json"].mode) == ("dual", "dual")
    assert by_path["2024/01/a.json"].metadata.group == by_path["2024/01/h.json"].metadata.group
    assert by_path["2024/01/g.json"].metadata.redactions


def test_rows_come_as_records_then_samples_then_the_ledger(tmp_path: Path) -> None:
    result = run(write(tmp_path / "raw", MIXED))
    kinds = [type(row).__name__ for row in result.rows]
    assert kinds == sorted(kinds, key=["PersonaRecord", "Sample", "Outcome"].index)
    assert list(result.ledger) == sorted(result.ledger)


def test_folder_and_pack_give_the_same_bytes_every_time(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", MIXED)
    lines = pack(tmp_path / "pack.jsonl", folder).read_text().splitlines(keepends=True)
    (tmp_path / "backwards.jsonl").write_text("".join(reversed(lines)))
    assert run(folder).bytes == run(folder).bytes == run(tmp_path / "pack.jsonl").bytes
    assert run(tmp_path / "backwards.jsonl").bytes == run(folder).bytes


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", MIXED)
    code = (
        "import sys; from pathlib import Path; from bluebook.records import encode;"
        "from bluebook.subjects.persona.ingest import ingest;"
        "from bluebook.subjects.persona.memories import IngestPolicy;"
        f"rows = ingest(Path(sys.argv[1]), IngestPolicy(**{msgspec.structs.asdict(POLICY)}), 7);"
        "sys.stdout.buffer.write(b'\\n'.join(map(encode, rows)))"
    )
    env = os.environ | {"PYTHONHASHSEED": "123"}
    other = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, check=True, env=env)
    assert other.stdout == run(folder).bytes


def test_sorting_on_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "raw", MIXED)
    in_memory = run(folder).bytes
    monkeypatch.setattr(sorting, "RUN_BYTES", 300)
    monkeypatch.setattr(sorting, "RUNS", 2)
    assert run(folder).bytes == in_memory


def test_raw_files_are_never_touched(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", MIXED)

    def state() -> list[tuple[str, int, str]]:
        return [
            (
                p.as_posix(),
                p.stat().st_mtime_ns,
                hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "",
            )
            for p in sorted(folder.rglob("*"))
        ]

    before = state()
    run(folder)
    assert state() == before


def test_samples_show_before_and_after_without_secrets(tmp_path: Path) -> None:
    result = run(
        write(
            tmp_path / "raw", {"a.json": talk("Write ilse.k@posteo.example", "Certainly! The mail is away.")}
        )
    )
    (sample,) = result.samples
    (record,) = result.records
    assert (sample.id, sample.construct) == (record.id, record.mode)
    assert sample.after == {"user": record.user_text, "assistant": "The mail is away."}
    assert sample.before["assistant"] == "Certainly! The mail is away."
    assert "posteo" not in repr(sample)
    assert set(sample.changes) == {"secrets_replaced", "filler_removed"}


def test_ids_of_two_spaces_do_not_make_one_group(tmp_path: Path) -> None:
    memories = {
        "a.json": talk("The barge leaks.", "Then pump it.", metadata={"conversationId": "x"}),
        "b.json": talk("The oar broke.", "Take the other.", metadata={"parentEventId": "x"}),
        "x": talk("no", "memory"),
        "c.json": talk("The mast fell.", "Timber, then."),
        "d.json": talk("The gull stole it.", "They do that.", metadata={"chat": {"conversationId": "x"}}),
    }
    groups = {r.metadata.path: r.metadata.group for r in run(write(tmp_path / "raw", memories)).records}
    assert groups["a.json"] == groups["d.json"]
    assert len(set(groups.values())) == 3


def test_a_path_twice_in_a_pack_is_one_line_that_says_so(tmp_path: Path) -> None:
    lines = [
        {"path": "a.json", "memory": talk("The barge leaks.", "Then pump it.")},
        {"path": "b.json", "memory": talk("The oar broke.", "Take the other.")},
        {"path": "a.json", "memory": talk("The mast fell.", "Timber, then.")},
    ]
    path = tmp_path / "pack.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ledger = run(path).ledger
    assert (ledger["a.json"].pairs, ledger["a.json"].reason) == (2, "repeated_path")
    assert ledger["b.json"].pairs == 1


def story(n: int, sentences: int) -> str:
    return " ".join(
        f"Barge {n} of {s} carried salt and rope past the old lock in the rain." for s in range(sentences)
    )


def test_long_replies_are_flagged_and_rationed(tmp_path: Path) -> None:
    memories = {f"{n}.json": talk(f"Tell me of barge {n}.", story(n, 20 if n % 3 else 1)) for n in range(300)}
    result = run(write(tmp_path / "raw", memories))
    lengths = [(len(record.assistant_text.split()), record.metadata.long_output) for record in result.records]
    assert len(lengths) == 300
    assert all(
        (length > POLICY.short_words) == flagged and length <= POLICY.long_words
        for length, flagged in lengths
    )
    assert 0.05 <= sum(flagged for _, flagged in lengths) / 300 <= 0.10
    assert run(tmp_path / "raw", seed=8).bytes != result.bytes
    assert all(record.assistant_text.endswith("rain.") for record in result.records)


# --- Robustness ---

text = st.text(max_size=60) | st.sampled_from(
    ["User: a\nAssistant: b", "[08:10] Me: x\n[08:11] J: y", "\ud83d", "<|im_end|>"]
)
value = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
turn = st.fixed_dictionaries(
    {}, optional={"role": st.sampled_from(["user", "assistant", "tool"]) | value, "content": text | value}
)
memory = st.fixed_dictionaries(
    {},
    optional={
        "id": text | value,
        "type": st.sampled_from(["chat", "dream", "action", "tool_use"]) | value,
        "content": text | value,
        "response": text | value,
        "prompt": text | value,
        "messages": st.lists(turn, max_size=5) | value,
        "metadata": st.dictionaries(
            st.sampled_from(
                ["cognitiveMode", "multi_turn", "discard", "chat", "toolName", "toolInputs", "sessionId"]
            ),
            value,
        )
        | value,
        "tags": value,
        "questions": value,
        "answers": value,
    },
)
contents = (
    st.binary(max_size=200)
    | memory.map(lambda m: json.dumps(m).encode())
    | value.map(lambda v: json.dumps(v).encode())
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(contents, min_size=1, max_size=6))
def test_whatever_the_files_hold_each_has_one_line(tmp_path: Path, files: list[bytes]) -> None:
    raw = tmp_path / hashlib.sha256(repr(files).encode()).hexdigest()[:12]
    result = run(write(raw, {f"{n}.json": data for n, data in enumerate(files)}))
    assert list(result.ledger) == sorted(f"{n}.json" for n in range(len(files)))
    assert sum(line.pairs for line in result.ledger.values()) == len(result.records)
    for line in result.ledger.values():
        assert (line.outcome == "kept") == (line.pairs > 0)
        assert line.reason in set(Reason) or (line.outcome == "kept" and line.reason is None)
    as_lines = raw.with_suffix(".jsonl")
    as_lines.write_bytes(b"\n".join(data.replace(b"\n", b" ") or b"{}" for data in files))
    assert len(run(as_lines).ledger) == sum(not data.replace(b"\n", b" ").isspace() for data in files)


# --- The labelled corpus ---


def test_the_labelled_corpus_scores(tmp_path: Path) -> None:
    archive, scorer = SHARED / "corpora/persona.tar.gz", SHARED / "tools/score_memories.py"
    if not archive.exists() or not scorer.exists():
        pytest.skip(f"no {archive}; set BLUEBOOK_SHARED to the folder that holds corpora/ and tools/")
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path], check=True)
    source = tmp_path / "persona"
    policy = msgspec.structs.replace(POLICY, max_bytes=1_000_000)
    result = run(source / "memories.jsonl", policy=policy)
    for name, rows in (("records", result.records), ("ledger", result.ledger.values())):
        (tmp_path / name).write_bytes(b"".join(encode(row) + b"\n" for row in rows))
    files = [tmp_path / "records", tmp_path / "ledger", source / "labels.jsonl"]
    limits = ["--pack", str(source / "memories.jsonl"), "--min", "score=0.99"]
    scored = subprocess.run(
        [sys.executable, scorer, *files, *limits], capture_output=True, text=True, check=False
    )
    assert scored.returncode == 0, scored.stdout
