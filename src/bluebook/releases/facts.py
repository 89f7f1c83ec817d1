"""All that a model card says, read from the work tree and from earlier versions' tags; nothing is measured here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from bluebook import params
from bluebook.errors import DataError
from bluebook.releases.outputs import LOCK, Dependency, Lock, read_lock
from bluebook.releases.versions import released
from bluebook.reports.inputs import GateResult, Health, Mastery, Training, read_metric, read_optional
from bluebook.reports.retention import Retention
from bluebook.reports.sides import SubjectChanges, subject_changes
from bluebook.teaching.repository import Repository

SOURCES = Path("data/sources.yaml")
NOT_STATED = "not stated"

T = TypeVar("T")


class Terms(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a source is and under which licence, as `data/sources.yaml` states it."""

    what: str = ""
    licence: str = NOT_STATED


class Source(msgspec.Struct, kw_only=True, frozen=True):
    """One thing that a model has learned from or is examined with. `files` and `size` (bytes) as `dvc.lock` counts."""

    name: str
    terms: Terms
    md5: str = ""
    files: int | None = None
    size: int = 0


class Base(msgspec.Struct, kw_only=True):
    """The part of `base.json` that a card says."""

    source: str
    location: str
    revision: str | None
    family: str
    parameters: int | None
    weights_sha256: str | None


class Ingested(msgspec.Struct, kw_only=True):
    files: int
    records: int
    outcomes: dict[str, int] = {}


class Composed(msgspec.Struct, kw_only=True):
    examples: dict[str, int]  # by split
    lessons: int
    generated: int
    holdout: int
    lesson_share: float
    dropped: dict[str, int] = {}


class Exported(msgspec.Struct, kw_only=True):
    rows: dict[str, int]
    supervised_tokens: dict[str, int]
    rejected: dict[str, int] = {}


class Facts(msgspec.Struct, kw_only=True):
    """What the card of one version says. `changes` are since the version `previous`."""

    subject: str
    version: str
    seed: int
    settings: params.SubjectParams
    base: Base
    base_terms: Terms
    adapter_md5: str
    sources: list[Source]
    ingested: Ingested
    composed: Composed
    exported: Exported
    gate: GateResult
    trained: Training
    holdout: Mastery
    practice: Mastery | None
    retention: Retention | None
    health: Health | None
    previous: str | None
    changes: SubjectChanges | None


def gather(repository: Repository, version: str) -> Facts:
    """Raises DataError for a metric that is missing or malformed."""
    root, subject = repository.root, repository.subject
    metrics = root / "metrics" / subject
    settings = params.load(root / params.PARAMS)
    stated = read_sources(root / SOURCES)
    base: Base = read_metric(root / "models/base/base.json", Base)
    lock = read_lock((root / LOCK).read_bytes())
    earlier = [one for one in released(repository) if one.version != version]
    previous = earlier[-1].tag if earlier else None
    return Facts(
        subject=subject,
        version=version,
        seed=settings.seed,
        settings=settings.subject(subject),
        base=base,
        base_terms=stated.get(base.location, Terms()),
        adapter_md5=_output_md5(lock, f"models/adapters/{subject}"),
        sources=_sources(settings, subject, lock, stated),
        ingested=read_metric(metrics / "ingest.json", Ingested),
        composed=read_metric(metrics / "compose.json", Composed),
        exported=read_metric(metrics / "export.json", Exported),
        gate=read_metric(metrics / "gate.json", GateResult),
        trained=read_metric(metrics / "train.json", Training),
        holdout=read_metric(metrics / "mastery.json", Mastery),
        practice=read_optional(metrics / "practice.json", Mastery),
        retention=read_optional(metrics / "retention.json", Retention),
        health=read_optional(metrics / "health.json", Health),
        previous=previous,
        changes=None if previous is None else _changes(root, subject, previous),
    )


def _changes(root: Path, subject: str, previous: str) -> SubjectChanges | None:
    found = subject_changes(root, previous, None)
    return next((one for one in found if one.subject == subject), None)


def read_sources(path: Path) -> dict[str, Terms]:
    """Terms by source; none where there is no file. Raises DataError for a file that states them otherwise."""
    try:
        loaded: Any = yaml.safe_load(path.read_text("utf-8"))
        return msgspec.convert(loaded or {}, dict[str, Terms])
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise DataError(path, None, f"expected `PATH: {{what: …, licence: …}}`: {error}") from error


def _sources(settings: params.Params, subject: str, lock: Lock, stated: dict[str, Terms]) -> list[Source]:
    deps = {dep.path: dep for stage in lock.stages.values() for dep in stage.deps}
    names = [settings.subject(subject).raw, f"data/lessons/{subject}", f"data/exams/{subject}"]
    found = []
    for name in names:
        dep = deps.get(name, Dependency(path=name))
        terms = stated.get(name, Terms())
        found.append(Source(name=name, terms=terms, md5=dep.md5, files=dep.nfiles, size=dep.size))
    return found


def _output_md5(lock: Lock, path: str) -> str:
    return next((out.md5 for stage in lock.stages.values() for out in stage.outs if out.path == path), "")
