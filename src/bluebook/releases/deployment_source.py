"""What is deployed: one subject's adapter with its base, how it was graded, and the commit that all of it is from."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import msgspec
from transformers import AutoConfig, PreTrainedTokenizerBase

from bluebook.artifacts import sha256, sidecar_path
from bluebook.errors import BluebookError, DataError
from bluebook.exams.items import read_items
from bluebook.families import Family, family_named
from bluebook.models import ADAPTER_MANIFEST, AdapterManifest, load_tokenizer, read_manifest
from bluebook.params import ExamParams
from bluebook.records import Answer, DatasetRow, Grade, read_jsonl
from bluebook.releases.deployment_canary import Canary, canary
from bluebook.releases.gguf_vocabulary import vocabulary
from bluebook.releases.modelfile import system_text
from bluebook.subjects.subject import Subject

CONTEXT = 8192  # tokens that are served at most: what some models could hold fills a card


class Source(NamedTuple):
    """What is deployed, read. `digest` is the adapter's, `context` in tokens."""

    subject: Subject
    exam: ExamParams
    base: Path
    adapter: Path
    manifest: AdapterManifest
    digest: str
    tokenizer: PreTrainedTokenizerBase
    family: Family
    context: int
    system: str | None
    asked: Canary
    commit: str
    date: str

    @property
    def label(self) -> str:
        return f"{self.subject.name}-{self.digest[:12]}"

    @property
    def base_name(self) -> str:
        base = self.manifest.base
        return "embedded" if base.source == "embedded" else base.location

    @property
    def own_cut(self) -> bool:
        """Whether the tokenizer cuts text in a way that llama.cpp does not know."""
        return not vocabulary(self.tokenizer, max(self.tokenizer.get_vocab().values()) + 1).exact


def read_source(root: Path, subject: Subject, exam: ExamParams) -> Source:
    """The adapter of `subject` in the repository `root`.

    Raises BluebookError where something is not there, or the adapter is not the one that was graded.
    """
    name = subject.name
    commit, date = commit_of(root)
    base, adapter = root / "models/base", root / "models/adapters" / name
    manifest: AdapterManifest = read_manifest(adapter, ADAPTER_MANIFEST, AdapterManifest)
    digest = sha256(adapter)
    answers = root / "data/answers" / f"{name}.jsonl"
    require_answers_of(digest, answers, name)
    items = read_items(root / "data/exams" / name, root / "data/holdout" / f"{name}.jsonl", exam.max_items)
    grades = there(root / "data/grades" / f"{name}.jsonl")
    rows = read_jsonl(there(root / "data/datasets" / name / "train.jsonl"), DatasetRow)
    config = AutoConfig.from_pretrained(base, local_files_only=True).get_text_config()
    return Source(
        subject=subject,
        exam=exam,
        base=base,
        adapter=adapter,
        manifest=manifest,
        digest=digest,
        tokenizer=load_tokenizer(base),
        family=family_named(manifest.base.family),
        context=min(config.max_position_embeddings, CONTEXT),
        system=system_text(rows),
        asked=canary(items, list(read_jsonl(answers, Answer)), list(read_jsonl(grades, Grade))),
        commit=commit,
        date=date,
    )


def commit_of(root: Path) -> tuple[str, str]:
    """Id and date of the commit that is checked out."""
    done = subprocess.run(
        ["git", "show", "--no-patch", "--format=%H %cI", "HEAD"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise BluebookError("what is deployed is dated by its commit, and here is none; commit first")
    found, date = done.stdout.split()
    return found, date


def there(file: Path) -> Path:
    if not file.exists():
        raise DataError(file, None, "not found; run `dvc repro` first")
    return file


def require_answers_of(digest: str, answers: Path, name: str) -> None:
    """Raise DataError unless the answers were written by the adapter that is there."""
    recorded = msgspec.json.decode(there(sidecar_path(there(answers))).read_bytes())
    if recorded["inputs"].get(f"models/adapters/{name}") != digest:
        raise DataError(
            answers,
            None,
            f"another adapter wrote these answers than the one in models/adapters/{name}, which is not graded yet; "
            f"run `dvc repro grade@{name}`",
        )
