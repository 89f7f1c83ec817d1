"""Grades added up: a proportion for the whole exam and for each construct, never without its n and its
interval.

A status says what was measured; `firm` says whether n is large enough to believe it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from bluebook.errors import BluebookError
from bluebook.exams.taxonomy import in_language, outcomes
from bluebook.records import Answer, ExamItem, Grade, Mode, ReferenceLoss, Share

Z95 = 1.959963984540054  # the normal distribution's 97.5 % quantile
MINIMUM = 20  # below this many items a construct is untested
Status = Literal["untested", "learning", "mastered", "ship", "production"]
THRESHOLDS: tuple[tuple[Status, float], ...] = (("production", 0.97), ("ship", 0.95), ("mastered", 0.85))


class ConstructMastery(msgspec.Struct, kw_only=True):
    """Accuracy: the mean over the `n` items that name the construct of what their grades say of it; `right` of
    them show it wholly right."""

    n: int
    right: int
    accuracy: float
    low: float
    high: float
    status: Status
    firm: bool


class Part(msgspec.Struct, kw_only=True):
    """One kind of thing over all answers together: of those given, the share that is right, of those wanted, the
    share that is given, and their harmonic mean."""

    precision: float
    recall: float
    f1: float


class Reading(msgspec.Struct, kw_only=True):
    """What answers are worth if read in one way: the share in the subject's language, the share of valid ones, and
    their mean score."""

    parse_rate: float
    valid_rate: float
    score: float


class Totals(msgspec.Struct, kw_only=True):
    """`n` graded answers: the share in the subject's language, the share of valid ones, their mean score and its
    interval; what the subject counts in parts; and how many ended how (`taxonomy.py`), which adds up to `n`.

    An answer is its whole text. `lenient` says what it would be if the program found inside a text counted, as
    `extraction.py` finds it."""

    n: int
    parse_rate: float
    valid_rate: float
    score: float
    low: float
    high: float
    parts: dict[str, Part]
    outcomes: dict[str, int]
    lenient: Reading


class LossMean(msgspec.Struct, kw_only=True):
    """Mean negative log-likelihood of the references in nats a token, every token of the `n` items counting
    alike."""

    n: int
    tokens: int
    adapter: float
    base: float


class Mastery(msgspec.Struct, kw_only=True):
    """What a set of answers shows. `n` counts the answered items; `unanswered` ones are in no other figure.

    Every figure is of the answers of one `mode`, but for `modes`: there are the totals of each mode that was
    graded, so that not knowing and not formatting can be told apart. Several exams add up to one: their names
    and versions are joined by `+`. `errors` counts the grades' errors by category; `baselines` are what two
    things that have learned nothing get for the same items from the same grader; `loss` has the key `all` and
    one for each construct, and is empty where no losses were measured.
    """

    subject: str
    exam: str
    version: str
    mode: Mode
    n: int
    unanswered: int
    valid_rate: float
    score: float
    low: float
    high: float
    parts: dict[str, Part]
    constructs: dict[str, ConstructMastery]
    baselines: dict[str, Totals]
    errors: dict[str, int]
    loss: dict[str, LossMean]
    modes: dict[Mode, Totals]


class Interval(NamedTuple):
    low: float
    high: float


def wilson(mean: float, n: int, z: float = Z95) -> Interval:
    """The Wilson score interval of a proportion `mean` seen in `n` trials; (0, 1) where there are none.

    (mean + z²/2n ± z √(mean (1 - mean)/n + z²/4n²)) / (1 + z²/n)

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc.
    22 (1927) 209-212. Unlike mean ± z·s/√n it stays within [0, 1] and has a width at 0 and at 1.

    It serves for the mean of scores in [0, 1] too, where it is never too narrow by more than the
    approximation itself: of all such scores with a given mean, those that are only 0 or 1 vary most, with
    variance mean (1 - mean), because x² <= x on [0, 1].
    """
    if n == 0:
        return Interval(0.0, 1.0)
    centre = mean + z * z / (2 * n)
    reach = z * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At 0 and 1 the bound is the mean itself; rounding must not put it on the other side.
    return Interval(
        max(0.0, min(mean, (centre - reach) / scale)), min(1.0, max(mean, (centre + reach) / scale))
    )


def construct_mastery(values: Sequence[float]) -> ConstructMastery:
    """Status and interval of one construct from what each item says of it.

    `firm` is about a threshold that was reached, so it is false for `learning` and `untested`.
    """
    n = len(values)
    accuracy = _mean(values)
    interval = wilson(accuracy, n)
    status: Status = "untested" if n < MINIMUM else "learning"
    firm = False
    if n >= MINIMUM:
        for name, threshold in THRESHOLDS:
            if accuracy >= threshold:
                status, firm = name, interval.low >= threshold
                break
    return ConstructMastery(
        n=n,
        right=sum(value >= 1 for value in values),
        accuracy=accuracy,
        low=interval.low,
        high=interval.high,
        status=status,
        firm=firm,
    )


def totals(grades: Sequence[Grade]) -> Totals:
    score = _mean([grade.score for grade in grades])
    interval = wilson(score, len(grades))
    return Totals(
        n=len(grades),
        parse_rate=_mean([float(in_language(grade)) for grade in grades]),
        valid_rate=_mean([float(grade.valid) for grade in grades]),
        score=score,
        low=interval.low,
        high=interval.high,
        parts=_parts(grades),
        outcomes=outcomes(grades),
        lenient=_lenient(grades),
    )


def _lenient(grades: Sequence[Grade]) -> Reading:
    return Reading(
        parse_rate=_mean([float(in_language(grade) or grade.lenient is not None) for grade in grades]),
        valid_rate=_mean([float((grade.lenient or grade).valid) for grade in grades]),
        score=_mean([(grade.lenient or grade).score for grade in grades]),
    )


def _parts(grades: Sequence[Grade]) -> dict[str, Part]:
    sums: dict[str, Share] = defaultdict(Share)
    for grade in grades:
        for name, share in grade.parts.items():
            sums[name] += share
    return {
        name: Part(precision=share.precision, recall=share.recall, f1=share.f1)
        for name, share in sorted(sums.items())
    }


def mastery(
    subject: str,
    items: Sequence[ExamItem],
    answers: Sequence[Answer],
    grades: Sequence[Grade],
    baselines: Mapping[str, Totals],
    *,
    mode: Mode = "free",
) -> Mastery:
    """Add up `grades`, one for each of `answers`, on `items`; `mode` is the one that counts. The order of none
    of them matters."""
    by_mode: dict[Mode, list[Grade]] = defaultdict(list)
    for grade in grades:
        by_mode[grade.mode].append(grade)
    modes = {name: totals(found) for name, found in sorted(by_mode.items())}
    counted = by_mode[mode]
    whole = modes.get(mode) or totals(counted)
    # Also what no answer shows: a construct that the exam asks and nobody answered is untested, not absent.
    shown: dict[str, list[float]] = {name: [] for item in items for name in item.constructs}
    for grade in counted:
        for construct, value in grade.per_construct.items():
            shown[construct].append(value)
    versions = exam_versions(items)
    categories = Counter(error.category for grade in counted for error in grade.errors)
    return Mastery(
        subject=subject,
        exam="+".join(versions),
        version="+".join(versions.values()),
        mode=mode,
        n=whole.n,
        unanswered=len(items) - whole.n,
        valid_rate=whole.valid_rate,
        score=whole.score,
        low=whole.low,
        high=whole.high,
        parts=whole.parts,
        constructs={construct: construct_mastery(values) for construct, values in sorted(shown.items())},
        baselines=dict(baselines),
        errors=dict(sorted(categories.items())),
        loss=_losses(items, answers),
        modes=modes,
    )


def exam_versions(items: Iterable[ExamItem]) -> dict[str, str]:
    """Version by exam, sorted by name. Raises BluebookError where one exam has items of two versions."""
    versions: dict[str, str] = {}
    for item in items:
        if versions.setdefault(item.exam, item.version) != item.version:
            raise BluebookError(
                f"exam {item.exam!r} has items of version {versions[item.exam]} and of {item.version} (item "
                f"{item.id!r}); one exam has one version"
            )
    return dict(sorted(versions.items()))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _losses(items: Sequence[ExamItem], answers: Sequence[Answer]) -> dict[str, LossMean]:
    # A reference is as probable whatever the mode of decoding: an item counts once, however often it is answered.
    measured = {answer.item: answer.reference_loss for answer in answers if answer.reference_loss is not None}
    groups: dict[str, list[ReferenceLoss]] = defaultdict(list)
    for item in items:
        if item.id in measured:
            for name in {"all", *item.constructs}:
                groups[name].append(measured[item.id])
    return {name: _loss_mean(losses) for name, losses in sorted(groups.items())}


def _loss_mean(losses: Sequence[ReferenceLoss]) -> LossMean:
    tokens = sum(loss.tokens for loss in losses)
    return LossMean(
        n=len(losses),
        tokens=tokens,
        adapter=math.fsum(loss.adapter * loss.tokens for loss in losses) / tokens,
        base=math.fsum(loss.base * loss.tokens for loss in losses) / tokens,
    )
