"""The health rules: pure functions from evidence to findings.

A rule that cannot judge (no validation rows, too short a curve, no earlier cycle) finds nothing. Every level
says what it asks of the reader: INFO nothing, SUGGESTION a thought, WARNING a look before the next cycle,
CRITICAL that this adapter be not used as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import fmean, median

import msgspec

from bluebook.health.evidence import LEVELS, Evidence, ExamDigest, Finding, Past
from bluebook.reports.comparison import SIGNIFICANT, holm

MEMORISED = 0.05  # nats a token: below this the answers are known by heart
MEMORISING = 0.5  # training loss as a share of the validation loss
RISEN = 1.05  # last validation loss over the lowest
QUARTERS = 8  # points of the curve from which its quarters mean anything
FLAT = 0.01  # relative fall of the loss from the run's second quarter to its third
DIVERGED = 1.1  # last quarter's loss over the lowest quarter's
SPIKE = 10.0  # largest gradient norm over the median one
LESSONS = 0.40  # of the training examples
DUPLICATES = 0.05  # of the examples before they were dropped
REJECTED = 0.05  # of the examples: too long
UNFINISHED = 0.05  # of the answers
FELL = 0.10  # of a construct's items, net
ENOUGH = 20  # items: the fewest at which a construct's accuracy says anything
STAGNANT = 0.01  # gain of the score over three cycles
DONE = 0.97  # a score from here has little left to gain


class Health(msgspec.Struct, kw_only=True):
    """`metrics/S/health.json`: worst findings first; `levels` counts them, so that `dvc metrics diff` shows a
    change."""

    findings: list[Finding]
    levels: dict[str, int]


def judge(evidence: Evidence) -> Health:
    """Every rule's findings, worst level first, then in the order of the rules."""
    found = [finding for rule in RULES for finding in rule(evidence)]
    found.sort(key=lambda finding: LEVELS.index(finding.level))
    return Health(
        findings=found,
        levels={level: sum(finding.level == level for finding in found) for level in LEVELS},
    )


def memorising(evidence: Evidence) -> Iterator[Finding]:
    train, validation = evidence.training.train_loss, evidence.training.validation_loss
    advice = "fewer epochs, a lower learning rate, or more and more varied material"
    if train < MEMORISED:
        yield Finding(
            rule="memorising",
            level="CRITICAL",
            value=train,
            threshold=MEMORISED,
            detail=f"the training loss ended at {train:.4f}: the examples are known by heart",
            advice=advice,
        )
    elif validation is not None and train < MEMORISING * validation:
        yield Finding(
            rule="memorising",
            level="WARNING",
            value=round(train / validation, 4),
            threshold=MEMORISING,
            detail=f"the training loss ended at {train:.3f}, far under the validation loss of {validation:.3f}",
            advice=advice,
        )


def overfitting(evidence: Evidence) -> Iterator[Finding]:
    measured = [(p.eval_loss, p.step) for p in evidence.curve if p.eval_loss is not None]
    if len(measured) < 2:
        return
    lowest, step = min(measured)
    if lowest > 0 and measured[-1][0] > RISEN * lowest:
        yield Finding(
            rule="overfitting",
            level="WARNING",
            value=round(measured[-1][0] / lowest, 4),
            threshold=RISEN,
            detail=f"the validation loss was lowest at step {step} ({lowest:.3f}) and ended at {measured[-1][0]:.3f}",
            advice=f"stop near step {step}: fewer epochs",
        )


def plateau(evidence: Evidence) -> Iterator[Finding]:
    """Only the middle of a run is judged: at its end the schedule takes the learning rate to zero."""
    quarters = _quarters(evidence)
    if quarters is None:
        return
    fall = (quarters[1] - quarters[2]) / quarters[1]
    if 0 <= fall < FLAT:
        yield Finding(
            rule="plateau",
            level="SUGGESTION",
            value=round(fall, 4),
            threshold=FLAT,
            detail=f"the loss fell by {fall:.1%} from the second quarter of the run to the third",
            advice="fewer epochs give the same; a higher learning rate or other material may give more",
        )


def divergence(evidence: Evidence) -> Iterator[Finding]:
    quarters = _quarters(evidence)
    if quarters is None:
        return
    ratio = quarters[3] / min(quarters[:3])
    if ratio > DIVERGED:
        yield Finding(
            rule="divergence",
            level="CRITICAL",
            value=round(ratio, 4),
            threshold=DIVERGED,
            detail=f"the loss of the run's last quarter is {quarters[3]:.3f}, {ratio:.2f} times the lowest quarter's",
            advice="a lower learning rate or a longer warm-up; look for gradient spikes",
        )


def _quarters(evidence: Evidence) -> list[float] | None:
    """Mean training loss of each quarter of the run, so that one noisy point decides nothing."""
    losses = [point.loss for point in evidence.curve]
    if len(losses) < QUARTERS:
        return None
    cuts = [round(len(losses) * part / 4) for part in range(5)]
    means = [fmean(losses[start:end]) for start, end in pairwise(cuts)]
    return means if min(means) > 0 else None


def gradient_spikes(evidence: Evidence) -> Iterator[Finding]:
    norms = [(p.grad_norm, p.step) for p in evidence.curve if p.grad_norm is not None]
    if len(norms) < QUARTERS:
        return
    usual = median(norm for norm, _ in norms)
    largest, step = max(norms)
    if largest > SPIKE * usual > 0:
        yield Finding(
            rule="gradient_spikes",
            level="WARNING",
            value=round(largest / usual, 2),
            threshold=SPIKE,
            detail=f"a gradient norm of {largest:.3g} by step {step}; the median is {usual:.3g}",
            advice="look at the longest and oddest rows; lower the learning rate or lengthen the warm-up",
        )


def warmup(evidence: Evidence) -> Iterator[Finding]:
    """The trainer's own reading of `warmup_share`: below 1 a share of all steps, from 1 a number of steps."""
    steps = evidence.training.steps
    warming = math.ceil(evidence.warmup * steps) if evidence.warmup < 1 else round(evidence.warmup)
    if warming >= steps:
        yield Finding(
            rule="warmup",
            level="CRITICAL",
            value=warming,
            threshold=steps,
            detail=f"{warming} steps of warm-up in a run of {steps}: the learning rate never reached its value",
            advice="a smaller warmup_share",
        )


def lesson_share(evidence: Evidence) -> Iterator[Finding]:
    share = evidence.corpus.lesson_share
    if share > LESSONS:
        yield Finding(
            rule="lesson_share",
            level="WARNING",
            value=share,
            threshold=LESSONS,
            detail=f"{share:.1%} of the training examples are lessons",
            advice="more raw material, or retire lessons whose constructs are mastered",
        )


def duplicates(evidence: Evidence) -> Iterator[Finding]:
    """Of the material: duplicates are already left out of the dataset, but each cost someone the collecting."""
    corpus = evidence.corpus
    repeated = sum(corpus.dropped.get(reason, 0) for reason in ("duplicate", "near_duplicate"))
    share = repeated / max(corpus.formatted + corpus.lessons + corpus.generated, 1)
    if share > DUPLICATES:
        yield Finding(
            rule="duplicates",
            level="SUGGESTION",
            value=round(share, 4),
            threshold=DUPLICATES,
            detail=f"{repeated} examples repeated another one and were left out",
            advice="look for the source that repeats itself; more varied material teaches more",
        )


def truncation(evidence: Evidence) -> Iterator[Finding]:
    """Nothing is ever cut before training: what is too long is left out, and what was left out is not learned."""
    export = evidence.export
    long = export.rejected.get("too long", 0)
    share = long / max(export.examples, 1)
    if long:
        yield Finding(
            rule="truncation",
            level="WARNING" if share > REJECTED else "SUGGESTION",
            value=round(share, 4),
            threshold=REJECTED if share > REJECTED else 0.0,
            detail=f"{long} of {export.examples} examples are longer than export.max_tokens and were left out",
            advice="raise export.max_tokens, or split the long ones",
        )


def unfinished(evidence: Evidence) -> Iterator[Finding]:
    for kind, exam in evidence.cycle.exams.items():
        share = exam.unfinished / exam.n
        if share > UNFINISHED:
            yield Finding(
                rule="unfinished",
                level="WARNING",
                value=round(share, 4),
                threshold=UNFINISHED,
                detail=f"{exam.unfinished} of {exam.n} answers in the {kind} exam did not end by themselves",
                advice="compare exam.max_new_tokens with completion_tokens in export.json; else the model does not "
                "learn to stop",
            )


def untaught(evidence: Evidence) -> Iterator[Finding]:
    """The names come from the exams, never from a list of their own that could go stale."""
    asked = {construct for exam in evidence.cycle.exams.values() for construct in exam.constructs}
    taught = evidence.corpus.constructs.get("train", {})
    missing = sorted(construct for construct in asked if not taught.get(construct))
    if missing:
        yield Finding(
            rule="untaught",
            level="WARNING",
            value=len(missing),
            threshold=0,
            detail=f"asked in an exam and in no training example: {', '.join(missing)}",
            advice="add material or a lesson for each",
        )


def regression(evidence: Evidence) -> Iterator[Finding]:
    """Constructs that answer fewer of the very same items than one cycle ago.

    The exact one-sided McNemar test, Holm-adjusted over the constructs: of the items whose verdict changed, how
    likely is it that as many turned wrong by chance? McNemar (1947), Psychometrika 12:153-157.
    """
    if not evidence.earlier:
        return
    before = evidence.earlier[-1]
    compared: list[tuple[str, str, int, int, int]] = []
    for kind, exam in evidence.cycle.exams.items():
        then = before.cycle.exams.get(kind)
        if then is None or then.items != exam.items:
            yield _incomparable(kind, exam, then, before)
        for construct, now in exam.constructs.items():
            was = then.constructs.get(construct) if then is not None else None
            if was is not None and was.items == now.items and len(now.right) >= ENOUGH:
                pairs = list(zip(was.right, now.right, strict=True))
                compared.append(
                    (kind, construct, pairs.count(("1", "0")), pairs.count(("0", "1")), len(pairs))
                )
    p_values = holm([_mcnemar(lost, gained) for _, _, lost, gained, _ in compared])
    for (kind, construct, lost, gained, n), p in zip(compared, p_values, strict=True):
        if (lost - gained) / n > FELL:
            yield Finding(
                rule="regression",
                level="CRITICAL" if p < SIGNIFICANT else "WARNING",
                value=round((lost - gained) / n, 4),
                threshold=FELL,
                detail=f"{construct}: of the same {n} items of the {kind} exam {lost} turned wrong and {gained} right "
                f"since {before.commit[:8]} ({_told(p)})",
                advice=f"`bluebook diff {before.commit[:8]}`; mix earlier material in, or lower the learning rate",
            )


def _incomparable(kind: str, exam: ExamDigest, then: ExamDigest | None, before: Past) -> Finding:
    kept = set() if then is None else {(name, shown.items) for name, shown in then.constructs.items()}
    same = sum((name, shown.items) in kept for name, shown in exam.constructs.items())
    return Finding(
        rule="exam_changed",
        level="INFO",
        value=same,
        threshold=len(exam.constructs),
        detail=f"the {kind} exam has other items, or another mode, than at {before.commit[:8]}; {same} of "
        f"{len(exam.constructs)} constructs kept theirs and are compared",
        advice="",
    )


def _told(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _mcnemar(lost: int, gained: int) -> float:
    changed = lost + gained
    return sum(math.comb(changed, k) for k in range(lost, changed + 1)) / (1 << changed)


def stagnation(evidence: Evidence) -> Iterator[Finding]:
    """Three cycles, this one among them, on the same items."""
    for kind, exam in evidence.cycle.exams.items():
        scores = _scores(kind, exam, evidence.earlier)[-3:]
        if len(scores) == 3 and max(scores[1:]) - scores[0] < STAGNANT and exam.score < DONE:
            yield Finding(
                rule="stagnation",
                level="WARNING",
                value=round(max(scores[1:]) - scores[0], 4),
                threshold=STAGNANT,
                detail=f"the {kind} exam's score over three cycles: {', '.join(f'{score:.3f}' for score in scores)}",
                advice="look at the failing answers; other lessons, a larger base or another adapter size",
            )


def _scores(kind: str, exam: ExamDigest, earlier: Sequence[Past]) -> list[float]:
    """The scores of an unbroken row of cycles on this exam's items, this one's last."""
    scores = [exam.score]
    for past in reversed(earlier):
        then = past.cycle.exams.get(kind)
        if then is None or then.items != exam.items:
            break
        scores.insert(0, then.score)
    return scores


RULES: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
    memorising,
    overfitting,
    divergence,
    gradient_spikes,
    warmup,
    plateau,
    lesson_share,
    duplicates,
    truncation,
    unfinished,
    untaught,
    regression,
    stagnation,
)
