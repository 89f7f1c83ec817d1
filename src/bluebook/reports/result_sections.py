"""The page's second half: what training did, what the model has learned and what it writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bluebook.reports.charts import Line, Point, legend, line_chart
from bluebook.reports.data_sections import missing, percent, section, short
from bluebook.reports.history import Revision
from bluebook.reports.inputs import Construct
from bluebook.reports.markup import Html, element, join, table
from bluebook.reports.pictures import drawn_sides
from bluebook.reports.pictures import legend as marks
from bluebook.reports.view import BEST, WEAKEST, GradedItem, View

_OPENING = 110  # characters of an answer that its closed line shows


def loss(view: View, anchor: str) -> Html:
    """Training and validation loss over the steps, against the untrained base."""
    title = "How training went"
    train = Line(
        "training", "train", [Point(row.step, row.loss) for row in view.losses if row.loss is not None]
    )
    validation = Line(
        "validation",
        "validation",
        [Point(row.step, row.eval_loss) for row in view.losses if row.eval_loss is not None],
        dots=True,
    )
    if not train.points and not validation.points:
        return section(anchor, title, missing("an adapter"))
    base = None if view.training is None else view.training.base_validation_loss
    level = None if base is None else Point(0.0, base)
    words = f"Loss by step: {_told(train)}; {_told(validation)}" + (
        f"; base {base:.3f}" if base is not None else ""
    )
    level_name = None if base is None else f"untrained base on validation, {base:.3f}"
    figure = element(
        "figure",
        legend([train, validation], level_name),
        line_chart([train, validation], words, "optimiser step", level),
    )
    rows = [
        [f"{row.step:,}", _loss(row.loss), _loss(row.eval_loss), _rate(row.learning_rate)]
        for row in view.losses
        if row.eval_loss is not None or row is view.losses[0] or row is view.losses[-1]
    ]
    numbers = element(
        "details",
        element("summary", "The same in numbers"),
        table(
            ["step", "training loss", "validation loss", "learning rate"],
            rows,
            "Loss in nats a token",
            "counts",
        ),
    )
    note = element(
        "p",
        "Mean negative log-likelihood of the supervised tokens, in nats a token. Lower is better.",
        class_="note",
    )
    return section(anchor, title, _recipe(view), note, figure, numbers)


def _recipe(view: View) -> Html | None:
    if view.training is None:
        return None
    found = view.training
    what = "the whole model" if found.method == "full" else found.method
    return element(
        "p",
        f"Trained {what}, {found.parameters_trained:,} weights, on {found.rows:,} rows for "
        f"{found.epochs:g} epochs ({found.steps:,} steps); the base is {view.base}.",
    )


def _told(line: Line) -> str:
    if not line.points:
        return f"{line.name} not measured"
    return f"{line.name} from {line.points[0].y:.3f} to {line.points[-1].y:.3f}"


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def answers(view: View, anchor: str) -> Html:
    """Exam items with the expected and the written answer, filtered by construct and kind of error."""
    title = "What it writes"
    if not view.items:
        return section(anchor, title, missing("graded answers"))
    shown = f"All {view.items_in_all:,} graded answers, weakest first."
    if len(view.items) < view.items_in_all:
        shown = (
            f"{len(view.items):,} of {view.items_in_all:,} graded answers, weakest first: at least the "
            f"{WEAKEST} weakest and the {BEST} best of each construct."
        )
    intro = element("p", shown, class_="note")
    drawn = marks() if any(item.drawing for item in view.items) else None
    return section(anchor, title, intro, drawn, _filter(view, anchor), *[_item(item) for item in view.items])


def _filter(view: View, anchor: str) -> Html:
    constructs = Counter(construct for item in view.items for construct in item.item.constructs)
    categories = Counter(category for item in view.items for category in _categories(item))
    any_construct = element("option", "all constructs", value="")
    any_outcome = element("option", "all answers", value="")
    return element(
        "form",
        element(
            "label",
            "Construct",
            element(
                "select",
                any_construct,
                [
                    element("option", f"{name} ({count})", value=name)
                    for name, count in sorted(constructs.items())
                ],
            ),
        ),
        element(
            "label",
            "Outcome",
            element(
                "select",
                any_outcome,
                [
                    element("option", f"{name.replace('_', ' ')} ({count})", value=name)
                    for name, count in sorted(categories.items())
                ],
            ),
        ),
        element("p", "shown: ", element("output", aria_live="polite"), class_="note"),
        class_="filter",
        id=f"{anchor.rsplit('-', 1)[0]}-filter",
        aria_label="Filter answers",
    )


def _categories(item: GradedItem) -> list[str]:
    return sorted({error.category for error in item.grade.errors}) or ["no error"]


def _item(graded: GradedItem) -> Html:
    item, answer, grade = graded.item, graded.answer, graded.grade
    categories = _categories(graded)
    opening = " ".join(answer.text.split())[:_OPENING] or "(nothing)"
    chips = [element("li", short(construct), class_="chip") for construct in item.constructs]
    chips += [
        element("li", name.replace("_", " "), class_="chip bad") for name in categories if name != "no error"
    ]
    summary = element(
        "summary",
        element("span", f"{grade.score:.2f}", class_="score", aria_label=f"score {grade.score:.2f}"),
        element("span", opening, class_="opening"),
        element("ul", chips, class_="chips"),
    )
    errors = [
        element("li", f"{error.category.replace('_', ' ')} ({error.construct}): {error.detail}")
        for error in grade.errors
    ]
    inside = element(
        "div",
        element(
            "p",
            f"{item.id}, {item.exam} {item.version}, {answer.mode}, ended by {answer.finish}",
            class_="note",
        ),
        element("p", "prompt", class_="side-title"),
        element("p", item.prompt, class_="text"),
        drawn_sides(graded) if graded.drawing else _sides(graded),
        element("ul", errors) if errors else None,
        class_="inside",
    )
    return element(
        "details",
        summary,
        inside,
        class_="card item",
        data_constructs="\n".join(item.constructs),
        data_errors="\n".join(categories),
    )


def _sides(graded: GradedItem) -> Html:
    """Both texts beside each other."""
    texts = (("expected", graded.item.reference), ("written", graded.answer.text))
    return element(
        "div",
        [
            element("div", element("p", title, class_="side-title"), element("p", text, class_="text"))
            for title, text in texts
        ],
        class_="sides",
    )


def history(view: View, anchor: str) -> Html | None:
    """Mastery at earlier revisions; nothing where there is only the present one."""
    past = list(view.revisions)
    if view.holdout is None or not past:
        return None
    tags: tuple[str, ...] = ()
    # The last commit may hold what the work tree holds: one column, not two, before the commit and after it.
    if past[-1].mastery == view.holdout:
        tags = past.pop().tags
    if not past:
        return None
    columns = [(_label(entry), entry.mastery) for entry in past] + [(", ".join(tags) or "now", view.holdout)]
    names = sorted({name for _, mastery in columns for name in mastery.constructs})
    rows: list[list[Html | str]] = [
        ["exam version", *[mastery.version for _, mastery in columns]],
        ["items", *[f"{mastery.n:,}" for _, mastery in columns]],
        ["score", *[percent(mastery.score) for _, mastery in columns]],
        ["valid answers", *[percent(mastery.valid_rate) for _, mastery in columns]],
        *[[name, *[_accuracy(mastery.constructs.get(name)) for _, mastery in columns]] for name in names],
    ]
    command = element("code", "bluebook diff REV")
    note = element(
        "p", "Committed results, oldest first. ", command, " tests the differences.", class_="note"
    )
    whole = table(["", *[label for label, _ in columns]], rows, "Mastery by revision", "counts")
    return section(anchor, "How it came here", note, whole)


def _label(entry: Revision) -> Html:
    names: Sequence[str] = entry.tags or (entry.commit[:8],)
    return element("span", ", ".join(names), title=entry.subject_line)


def _accuracy(found: Construct | None) -> Html | str:
    if found is None:
        return ""
    known = element("small", f"{found.status}, n = {found.n:,}", class_="num")
    return join([element("span", percent(found.accuracy), class_=f"status {found.status}"), " ", known])
