"""Design briefs as people keep them: one to a file, or many in a JSONL file.

A brief is what was asked, then the answer. As a text file (`.md`, `.txt`, `.bp`) it is the prompt, the thinking and
the blueprint one after another; lines between two `---` at its top may name its `domain` and its `stage`. As a line of
JSONL it is one of

    {prompt, response}    {user_query, response}    {prompt, thinking, blueprint}    {text}

with `text` as in a text file, and `domain` (or `category`) and `stage` where they are known.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from bluebook.errors import DataError
from bluebook.records import Outcome, Sample
from bluebook.subjects.design.checker import check
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.policies import IngestPolicy
from bluebook.subjects.design.printing import print_program
from bluebook.subjects.design.program import Element, Program
from bluebook.subjects.design.records import DesignRecord
from bluebook.subjects.design.stages import STAGES, Stage
from bluebook.subjects.subject import ParseError

_SAMPLES = 12  # briefs before and after, for people to look at
_HEAD = re.compile(r"---\n((?:\w+:[^\n]*\n)*)---\n")
_OPENING = re.compile(r"^<(?:thinking|blueprint)>", re.MULTILINE)
_SPEAKER = re.compile(r"\A(?:User|Prompt):\s*", re.IGNORECASE)


class Reason(StrEnum):
    """Why a file gave no record, or what is worth saying of one that did."""

    PARTLY = "partly"  # kept: some of its briefs could not be
    NO_PROMPT = "no_prompt"
    NO_DESIGN = "no_design"
    NO_THINKING = "no_thinking"
    NOT_IN_LANGUAGE = "not_in_language"
    FAULTY = "faulty"  # something in it breaks a rule: a reference that leads nowhere, say
    DUPLICATE = "duplicate"
    TOO_LARGE = "too_large"
    NOT_TEXT = "not_text"
    NOT_JSON = "not_json"
    OTHER_FILE = "other_file"


_UNPAIRED = {Reason.NO_PROMPT, Reason.NO_DESIGN, Reason.NO_THINKING}


class Brief(NamedTuple):
    """One brief as it was found."""

    prompt: str
    response: str
    domain: str = ""
    stage: str = ""


class _Line(msgspec.Struct):
    """A line of JSONL; whatever else it says is left aside."""

    prompt: str = ""
    user_query: str = ""
    response: str = ""
    thinking: str = ""
    blueprint: str = ""
    text: str = ""
    domain: str = ""
    category: str = ""
    stage: str = ""


def ingest(raw: Path, policy: IngestPolicy) -> Iterator[DesignRecord | Sample | Outcome]:
    """Records sorted by id, a few samples, then one Outcome per file sorted by path. Never writes below `raw`.

    Raises DataError where `raw` is neither a folder nor a file."""
    if not raw.exists():
        raise DataError(raw, None, "not found; expected a folder of design briefs, or a JSONL file of them")
    run = _Run(policy)
    base = raw if raw.is_dir() else raw.parent
    files = sorted(path for path in raw.rglob("*") if path.is_file()) if raw.is_dir() else [raw]
    outcomes = [run.file(path, path.relative_to(base).as_posix()) for path in files]
    records = sorted(run.records.values(), key=lambda record: record.id)
    yield from records
    for record in records[:_SAMPLES]:
        found = run.before[record.id]
        yield Sample(
            id=record.id,
            construct=f"stage:{record.stage}",
            before={"prompt": found.prompt, "response": found.response},
            after={"prompt": record.prompt, "response": record.response},
            changes=["layout"] if found.response != record.response else [],
        )
    yield from sorted(outcomes, key=lambda outcome: outcome.path)


class _Run:
    """Everything read so far. `records` by prompt and response."""

    def __init__(self, policy: IngestPolicy) -> None:
        self.policy = policy
        self.records: dict[tuple[str, str], DesignRecord] = {}
        self.before: dict[str, Brief] = {}

    def file(self, path: Path, name: str) -> Outcome:
        try:
            if path.stat().st_size > self.policy.max_bytes:
                return _outcome(name, Reason.TOO_LARGE)
            text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            return _outcome(name, Reason.NOT_TEXT)
        except OSError:
            return _outcome(name, Reason.NOT_TEXT)
        if path.suffix == ".jsonl":
            try:
                briefs = list(lines(text))
            except msgspec.DecodeError:
                return _outcome(name, Reason.NOT_JSON)
        elif path.suffix in (".md", ".txt", ".bp"):
            briefs = [brief(text)]
        else:
            return _outcome(name, Reason.OTHER_FILE)
        lost = [fault for each in briefs if (fault := self.take(each, name)) is not None]
        kept = len(briefs) - len(lost)
        if kept:
            faults = any(fault is not Reason.DUPLICATE for fault in lost)
            return Outcome(
                path=name,
                original_id=None,
                outcome="kept",
                reason=Reason.PARTLY if faults else None,
                pairs=kept,
            )
        return _outcome(name, lost[0] if lost else Reason.NO_DESIGN)

    def take(self, found: Brief, source: str) -> Reason | None:
        """Keep a brief, or say why not."""
        prompt = found.prompt.strip()
        if not prompt:
            return Reason.NO_PROMPT
        if "<blueprint>" not in found.response:
            return Reason.NO_DESIGN
        try:
            program = parse(found.response)
        except ParseError:
            return Reason.NOT_IN_LANGUAGE
        if not program.thinking:
            return Reason.NO_THINKING
        if check(program):
            return Reason.FAULTY
        response = print_program(program)
        if (prompt, response) in self.records:
            return Reason.DUPLICATE
        id = f"b-{_digest(prompt + response)}"
        self.before[id] = found
        self.records[prompt, response] = DesignRecord(
            id=id,
            prompt=prompt,
            response=response,
            stage=_stage(found.stage, program),
            domain=re.sub(r"\W+", "_", found.domain.strip().lower()),
            source=source,
            group=f"b-{_digest(prompt)}",
        )
        return None


def brief(text: str) -> Brief:
    """The brief that a text file holds."""
    said: dict[str, str] = {}
    if head := _HEAD.match(text):
        for line in head[1].splitlines():
            key, _, value = line.partition(":")
            said[key] = value.strip()
        text = text[head.end() :]
    opening = _OPENING.search(text)
    at = opening.start() if opening else len(text)
    prompt = _SPEAKER.sub("", text[:at].strip())
    return Brief(prompt, text[at:].strip(), said.get("domain", ""), said.get("stage", ""))


def lines(text: str) -> Iterator[Brief]:
    """The briefs of a JSONL file. Raises msgspec.DecodeError."""
    decode = msgspec.json.Decoder(_Line).decode
    for line in text.split("\n"):
        if not line.strip():
            continue
        found = decode(line)
        response = found.response
        if found.thinking and found.blueprint:
            response = (
                f"<thinking>\n{found.thinking}\n</thinking>\n<blueprint>\n{found.blueprint}\n</blueprint>"
            )
        prompt = found.prompt or found.user_query
        if found.text and not prompt:
            prompt, response, *_ = brief(found.text)
        yield Brief(prompt, response, found.domain or found.category, found.stage)


def _stage(said: str, program: Program) -> Stage:
    """The stage that a brief declares, or by how many elements its design has."""
    for stage in STAGES:
        if said == stage:
            return stage
    count = sum(isinstance(item, Element) for item in program.items)
    return "simple" if count < 2 else "structured" if count < 4 else "complex"


def _outcome(name: str, reason: Reason) -> Outcome:
    """What became of a file that gave no record."""
    kind = "quarantined" if reason in (Reason.NOT_TEXT, Reason.NOT_JSON) else "dropped"
    if reason in _UNPAIRED:
        kind = "unpaired"
    if reason is Reason.DUPLICATE:
        kind = "duplicate"
    return msgspec.convert(
        {"path": name, "original_id": None, "outcome": kind, "reason": str(reason), "pairs": 0}, Outcome
    )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()
