"""What the model has learned, exam by exam: both modes of decoding beside the baselines, how answers went wrong,
each construct, and whether what was mastered before still is."""

from __future__ import annotations

from collections.abc import Mapping

from bluebook.exams.mastery import MINIMUM, THRESHOLDS
from bluebook.exams.taxonomy import CLEAN, KINDS
from bluebook.reports.charts import interval_bar
from bluebook.reports.data_sections import interval, missing, percent, section, short
from bluebook.reports.inputs import Baseline, Construct, Mastery
from bluebook.reports.markup import Html, element, join, table
from bluebook.reports.retention import Retention
from bluebook.reports.view import ExamErrors, View, grouped


def mastery(view: View, anchor: str) -> Html:
    """Accuracy per construct with n and interval, beside what models without training score."""
    title = "What it has learned"
    kinds = ((view.holdout, "holdout"), (view.practice, "practice"))
    exams = [(exam, kind) for exam, kind in kinds if exam is not None]
    if not exams:
        return section(anchor, title, missing("the mastery table"))
    edges = ", ".join(f"{status} from {percent(edge, 0)}" for status, edge in reversed(THRESHOLDS))
    intro = element(
        "p",
        f"Accuracy with its Wilson 95 % interval. A construct is {edges}, where the lines behind the bars "
        f"stand; learning below, and untested with fewer than {MINIMUM} items. A status is firm when the "
        "interval's lower bound reaches it too.",
        class_="note",
    )
    blocks = [_exam(exam, kind, view, anchor) for exam, kind in exams]
    kept = _retention(view.retention) if view.retention is not None else None
    return section(anchor, title, intro, *blocks, kept)


def _exam(exam: Mastery, kind: str, view: View, anchor: str) -> Html:
    heading = element("h4", f"{exam.exam}, version {exam.version}: {exam.n:,} items, {exam.mode} decoding")
    unanswered = f"{exam.unanswered:,} items are unanswered and in no figure here."
    other = next((mode for mode in sorted(exam.modes) if mode != exam.mode), None)
    others = view.by_mode.get((kind, other), {}) if other is not None else {}
    blocks = []
    for group, names in grouped(exam.constructs).items():
        ranked = sorted(names, key=lambda name: (exam.constructs[name].accuracy, name))
        has_loss = any(name in exam.loss for name in ranked)
        headings = [group, "accuracy", "status", ""]
        headings += [other] if other is not None and others else []
        headings += ["loss, base to adapter"] if has_loss else []
        cells = [_construct(name, exam, others, anchor, has_loss) for name in ranked]
        blocks.append(table(headings, cells, f"Mastery by {group}, weakest first", "counts bars second"))
    return join(
        [
            heading,
            element("p", unanswered, class_="bad") if exam.unanswered else None,
            _overall(exam),
            _extraction(exam) if exam.modes else None,
            _parts(exam) if exam.parts else None,
            _errors(view.errors.get((kind, exam.mode), ExamErrors()), exam),
            *blocks,
        ]
    )


def _overall(exam: Mastery) -> Html:
    """The mean score of each mode and of both baselines."""
    whole = Baseline(n=exam.n, score=exam.score, low=exam.low, high=exam.high)
    modes: Mapping[str, Baseline] = exam.modes or {exam.mode: whole}
    rows = [_scored(f"the adapter, {mode}", found, "mastered") for mode, found in sorted(modes.items())]
    rows += [_scored(name, found, "plain") for name, found in exam.baselines.items()]
    return table(["score", "value", "n", ""], rows, "Mean score against the baselines", "counts bars")


def _scored(name: str, found: Baseline, role: str) -> list[Html | str]:
    bar = interval_bar(found.score, found.low, found.high, role)
    return [name, _measured(percent(found.score), interval(found.low, found.high)), f"{found.n:,}", bar]


def _extraction(exam: Mastery) -> Html:
    """Answers as they stand beside the programs found inside them."""
    rows = []
    for mode, found in sorted(exam.modes.items()):
        lenient = found.lenient
        rows.append(
            [
                mode,
                percent(found.parse_rate),
                percent(lenient.parse_rate),
                percent(found.valid_rate),
                percent(lenient.valid_rate),
                percent(found.score),
                percent(lenient.score),
            ]
        )
    headings = ["decoding", "in the language", "within", "valid", "within", "score", "within"]
    note = element(
        "p",
        "Strictly, an answer is its whole text, and that is what scores. \u201cWithin\u201d counts a program inside it "
        "too: in a code fence, behind a sentence or a block of thinking.",
        class_="note",
    )
    return join(
        [table(headings, rows, "Answers as they stand, and the programs found within", "counts"), note]
    )


def _errors(found: ExamErrors, exam: Mastery) -> Html | None:
    """Outcomes that add up to all answers, and below them each kind's errors with the constructs they concern."""
    whole = exam.modes.get(exam.mode)
    if whole is None or not whole.outcomes:
        return None
    clean = f"{whole.outcomes.get(CLEAN, 0):,}"
    rows: list[list[Html | str]] = [
        ["no error", clean, "", "the grader finds nothing wrong; the score says how near it is"]
    ]
    for kind, meaning in KINDS.items():
        if not whole.outcomes.get(kind) and kind not in {error for error, _ in found.counts}:
            continue
        rows.append([kind, f"{whole.outcomes.get(kind, 0):,}", "", meaning])
        ranked = sorted(
            (
                (category, count)
                for (of, category), count in found.counts.items()
                if of == kind and category != kind
            ),
            key=lambda entry: (-entry[1], entry[0]),
        )
        rows += [[_category(name), "", f"{count:,}", _concerned(found, name)] for name, count in ranked]
    note = element("p", "An answer counts once, by the worst that is wrong with it.", class_="note")
    headings = ["outcome", "answers", "errors", "what it is, and where it is most often"]
    return join([table(headings, rows, "How answers end", "counts"), note])


def _category(name: str) -> Html:
    return element("small", name.replace("_", " "))


def _concerned(found: ExamErrors, category: str) -> str:
    constructs = found.constructs.get(category)
    ranked = sorted(constructs.items() if constructs else (), key=lambda entry: (-entry[1], entry[0]))
    shown = [f"{short(name)} {count:,}" for name, count in ranked[:4] if name]
    more = len(ranked) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if shown and more > 0 else "")


def _retention(found: Retention) -> Html:
    heading = element("h4", "What was mastered before")
    if not found.mastered_before:
        words = "No earlier result on this version of the exam had mastered anything."
        return join([heading, element("p", words, class_="note")])
    words = (
        f"Of {found.mastered_before} constructs that an earlier result on this version of the exam had mastered, "
        f"{found.kept} still are: {percent(found.rate)}."
    )
    rows = [
        [short(name), percent(kept.best), percent(kept.now)]
        for name, kept in found.constructs.items()
        if not kept.kept
    ]
    lost = (
        table(["mastered no more", "best so far", "now"], rows, "Forgotten constructs", "counts")
        if rows
        else None
    )
    return join([heading, element("p", words, class_="bad" if rows else None), lost])


def _parts(exam: Mastery) -> Html:
    """Of what the subject counts in parts: the harmonic mean of precision and recall over all answers together."""
    rows = [("the adapter", exam.parts), *((name, base.parts) for name, base in exam.baselines.items())]
    cells = [[name, *(percent(parts[part].f1) for part in exam.parts)] for name, parts in rows]
    return table(["F1", *exam.parts], cells, "What is right, part by part", "counts")


def _measured(value: str, interval: str) -> Html:
    return join([element("span", value, class_="num"), " ", element("small", interval, class_="num")])


def _construct(
    name: str, exam: Mastery, others: Mapping[str, Construct], anchor: str, has_loss: bool
) -> list[Html | str]:
    found: Construct = exam.constructs[name]
    subject_anchor = anchor.rsplit("-", 1)[0]
    link = element(
        "a",
        short(name),
        href=f"#{subject_anchor}-answers",
        data_filter=f"{subject_anchor}-filter",
        data_construct=name,
    )
    known = f"n = {found.n:,}" + (", firm" if found.firm else "")
    status = join(
        [
            element("span", found.status, class_=f"status {found.status}"),
            " ",
            element("small", known, class_="num"),
        ]
    )
    cells: list[Html | str] = [
        link,
        _measured(percent(found.accuracy), interval(found.low, found.high)),
        status,
        interval_bar(found.accuracy, found.low, found.high, found.status),
    ]
    if others:
        cells.append(percent(others[name].accuracy) if name in others else "")
    if has_loss:
        pair = exam.loss.get(name)
        cells.append("" if pair is None else _loss_pair(pair.base, pair.adapter))
    return cells


def _loss_pair(base: float, adapter: float) -> Html:
    better = adapter < base
    change = f"{100 * (adapter - base) / base:+.0f} %" if base else ""
    return element(
        "span",
        f"{base:.3f} → {adapter:.3f} ",
        element("small", change, class_="good" if better else "bad"),
        class_="num",
    )
