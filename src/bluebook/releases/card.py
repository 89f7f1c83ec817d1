"""The model card of a version, as Markdown: a function of what is committed, so that the same commit gives the same
card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import yaml

from bluebook.releases.facts import NOT_STATED, Facts, Source
from bluebook.reports.comparison import Change
from bluebook.reports.inputs import Construct, Mastery

WORSE = ("forgotten", "slipped", "gone", "fell")
FIGURES = {"n", "valid", "score", "accuracy", "95 % interval", "then", "now", "p", "files", "bytes"}


def card_path(subject: str) -> Path:
    return Path(f"models/cards/{subject}.md")


def card(facts: Facts) -> str:
    sections = [
        _head(facts),
        _exam(facts),
        _mastery(facts.holdout),
        _regressions(facts),
        _data(facts),
        _gate(facts),
        _training(facts),
        _loading(facts),
    ]
    return "\n".join(line for section in sections for line in [*section, ""])


def summary(found: Mastery) -> str:
    """The holdout's score in one line, as the tag's message has it too."""
    return (
        f"score {found.score:.3f} ({found.low:.3f} to {found.high:.3f}) on {found.n} items of {found.exam} "
        f"{found.version}, {found.mode}"
    )


def _head(facts: Facts) -> Iterator[str]:
    yield f"# {facts.subject} {facts.version}"
    yield ""
    yield (
        f"Written by `bluebook release {facts.subject} {facts.version}`; do not edit. The version is the commit of the "
        f"tag `{facts.subject}@{facts.version}`."
    )
    yield ""
    yield f"- **{summary(facts.holdout)}** (95 % interval)"
    base = facts.base
    where = (
        "built in this repository, nothing downloaded" if base.source == "embedded" else f"`{base.location}`"
    )
    revision = f" at revision `{base.revision}`" if base.revision else ""
    size = f", {base.parameters:,} parameters" if base.parameters else ""
    yield f"- base: {where}{revision}, family {base.family}{size}"
    if base.weights_sha256:
        yield f"- base weights: sha256 `{base.weights_sha256}`"
    if base.source != "embedded":
        yield f"- base licence: {facts.base_terms.licence}"
    yield f"- method: {facts.trained.method}, {facts.trained.parameters_trained:,} parameters trained"
    yield f"- adapter: `models/adapters/{facts.subject}`, DVC md5 `{facts.adapter_md5}`"


def _exam(facts: Facts) -> Iterator[str]:
    yield "## Exams"
    yield ""
    rows = []
    for kind, found in (("holdout", facts.holdout), ("practice", facts.practice)):
        if found is None or not found.n:
            continue
        name = f"{kind}: {found.exam} {found.version}"
        for mode, one in sorted(found.modes.items()):
            counted = f"the model, {mode}{' (counts)' if mode == found.mode else ''}"
            rows.append((name, counted, str(one.n), _percent(one.valid_rate), f"{one.score:.3f}", _span(one)))
        for baseline, other in sorted(found.baselines.items()):
            rows.append((name, f"baseline: {baseline}", str(other.n), "", f"{other.score:.3f}", _span(other)))
    yield from _table(("exam", "answers from", "n", "valid", "score", "95 % interval"), rows)
    yield ""
    yield (
        "`retrieval` answers with the nearest training example, `constant` with one text for all; both have learned "
        "nothing. No holdout item is in the training data; the gate proves it."
    )


def _mastery(found: Mastery) -> Iterator[str]:
    yield "## Mastery, construct by construct"
    yield ""
    rows = [
        (name, str(one.n), _percent(one.accuracy) if one.n else "", _between(one), _status(one))
        for name, one in sorted(found.constructs.items())
    ]
    yield from _table(("construct", "n", "accuracy", "95 % interval", "status"), rows)
    yield ""
    yield "`?`: the status was reached, but the interval's lower end lies under it. `untested`: fewer than 20 items."


def _status(found: Construct) -> str:
    luck = found.status in ("mastered", "ship", "production") and not found.firm
    return f"{found.status}{' ?' if luck else ''}"


def _regressions(facts: Facts) -> Iterator[str]:
    yield "## Regressions"
    yield ""
    if facts.previous is None:
        yield "This is the first version."
    elif facts.changes is None or facts.changes.refused is not None:
        yield f"Not compared with `{facts.previous}`: {facts.changes.refused if facts.changes else 'it has no result'}."
    else:
        yield from _since(facts.previous, facts.changes.changes)
        if facts.changes.score is not None:
            score = facts.changes.score
            yield ""
            yield (
                f"Score on the same {score.n} items: {score.before:.3f} then, {score.after:.3f} now, "
                f"{score.difference:+.3f} ({score.low:+.3f} to {score.high:+.3f}, p = {score.p:.4f})."
            )
        if facts.changes.unpaired is not None:
            yield ""
            yield f"Not compared item by item: {facts.changes.unpaired}."
    if facts.retention is not None and facts.retention.lost:
        yield ""
        yield f"Mastered in some earlier cycle and not now: {', '.join(facts.retention.lost)}."


def _since(previous: str, changes: Sequence[Change]) -> Iterator[str]:
    worse = [change for change in changes if change.verdict in WORSE]
    better = [change.construct for change in changes if change.verdict == "learned"]
    if not worse:
        yield f"None since `{previous}`: no construct is worse on the same exam."
    else:
        yield f"Since `{previous}`, on the same exam:"
        yield ""
        rows = [
            (
                change.construct,
                change.verdict,
                _percent(change.before.accuracy) if change.before else "",
                _percent(change.after.accuracy) if change.after else "",
                "" if change.p is None else f"{change.p:.3f}",
            )
            for change in worse
        ]
        yield from _table(("construct", "verdict", "then", "now", "p"), rows)
    if better:
        yield ""
        yield f"Learned since: {', '.join(better)}."


def _data(facts: Facts) -> Iterator[str]:
    yield "## Data"
    yield ""
    yield from _table(
        ("source", "what", "licence", "files", "bytes", "DVC md5"),
        [_source(source) for source in facts.sources],
    )
    yield ""
    ingested, composed, exported = facts.ingested, facts.composed, facts.exported
    outcomes = _counts(ingested.outcomes)
    yield f"- {ingested.files:,} raw files ({outcomes}) gave {ingested.records:,} records"
    yield (
        f"- {_counts(composed.examples)} examples, {composed.lessons:,} of them from lessons "
        f"({_percent(composed.lesson_share)} of training), {composed.generated:,} generated; {composed.holdout:,} set "
        f"aside for the holdout exam; dropped: {_counts(composed.dropped)}"
    )
    yield (
        f"- {_counts(exported.rows)} rows, {_counts(exported.supervised_tokens)} supervised tokens; rejected: "
        f"{_counts(exported.rejected)}"
    )


def _source(source: Source) -> tuple[str, ...]:
    licence = source.terms.licence
    return (
        f"`{source.name}`",
        source.terms.what,
        f"**{licence}**" if licence == NOT_STATED else licence,
        "" if source.files is None else f"{source.files:,}",
        f"{source.size:,}" if source.size else "",
        f"`{source.md5}`" if source.md5 else "",
    )


def _gate(facts: Facts) -> Iterator[str]:
    yield "## Gate"
    yield ""
    rules = facts.gate.rules
    kept = sum(rule.passed for rule in rules)
    yield f"Passed: {kept} of {len(rules)} rules kept by {_counts(facts.gate.rows)} rows."
    broken = [rule for rule in rules if not rule.passed or rule.waiver is not None]
    if broken:
        yield ""
        rows = [(rule.name, rule.severity, rule.why, rule.waiver or "") for rule in broken]
        yield from _table(("rule", "", "it says", "waived because"), rows)
    else:
        yield ""
        yield "No rule is waived."


def _training(facts: Facts) -> Iterator[str]:
    trained = facts.trained
    yield "## Training"
    yield ""
    yield (
        f"{trained.rows:,} rows, {trained.steps:,} steps, {trained.epochs:g} epochs; validation loss "
        f"{_loss(trained.validation_loss)} nats a token ({_loss(trained.base_validation_loss)} before the first step)."
    )
    findings = [
        one for one in (facts.health.findings if facts.health else []) if one.level in ("CRITICAL", "WARNING")
    ]
    if findings:
        yield ""
        for finding in findings:
            yield f"- {finding.level}: {finding.rule}: {finding.detail}"
    yield ""
    yield f"The subject's part of `params.yaml`, with seed {facts.seed}:"
    yield ""
    yield "```yaml"
    yield yaml.safe_dump(msgspec.to_builtins(facts.settings), sort_keys=True, width=100).rstrip()
    yield "```"


def _loading(facts: Facts) -> Iterator[str]:
    subject, version, base = facts.subject, facts.version, facts.base
    yield "## Loading it"
    yield ""
    yield "The whole state behind it, verified, in a clone of this repository:"
    yield ""
    yield f"    bluebook restore {subject} {version.removeprefix('v')}"
    yield f"    bluebook ask {subject} PROMPT"
    yield ""
    yield "The adapter alone, from anywhere:"
    yield ""
    yield f"    dvc artifacts get REPOSITORY {subject} --rev {version} --out {subject}"
    yield ""
    yield "```python"
    yield "from transformers import AutoModelForCausalLM, AutoTokenizer"
    yield ""
    if facts.trained.method == "full":
        yield f'model = AutoModelForCausalLM.from_pretrained("{subject}")'
    else:
        yield "from peft import PeftModel"
        yield ""
        where = "models/base" if base.source == "embedded" else base.location
        revision = f', revision="{base.revision}"' if base.revision else ""
        yield f'base = AutoModelForCausalLM.from_pretrained("{where}"{revision})'
        yield f'model = PeftModel.from_pretrained(base, "{subject}")'
    yield f'tokenizer = AutoTokenizer.from_pretrained("{subject}")'
    yield 'turns = [{"role": "user", "content": "…"}]'
    yield "text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)"
    yield "```"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(headings) + " |"
    yield "|" + "|".join("---:" if heading in FIGURES else "---" for heading in headings) + "|"
    for row in rows:
        yield "| " + " | ".join(_cell(text) for text in row) + " |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _span(found: object) -> str:
    return f"{found.low:.3f} to {found.high:.3f}"  # type: ignore[attr-defined]


def _between(found: Construct) -> str:
    return f"{100 * found.low:.0f} to {100 * found.high:.0f} %"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "none"


def _loss(found: float | None) -> str:
    return "none" if found is None else f"{found:.3f}"
