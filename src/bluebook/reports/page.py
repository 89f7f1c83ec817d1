"""reports/index.html: one page over all subjects, whole in itself.

Nothing is fetched: style and script stand in the page, and its content security policy forbids everything
else, so a report can be mailed or kept. There is no clock in it: the same results give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from bluebook.reports import data_sections as data
from bluebook.reports import pictures
from bluebook.reports import result_sections as results
from bluebook.reports.cycle_section import teaching
from bluebook.reports.gate_section import gate
from bluebook.reports.health_section import health
from bluebook.reports.markup import Html, element, join
from bluebook.reports.mastery_section import mastery
from bluebook.reports.view import View

_PARTS = {
    "dataset": ("Dataset", data.curated),
    "files": ("Files", data.ledger),
    "samples": ("Before and after", data.samples),
    "gate": ("Gate", gate),
    "training": ("Training", results.loss),
    "health": ("Health", health),
    "mastery": ("Mastery", mastery),
    "answers": ("Answers", results.answers),
    "history": ("History", results.history),
    "cycles": ("Cycles", teaching),
}


def page(views: Sequence[View]) -> str:
    """The whole document."""
    script = _asset("page.js")
    drawings = [item.drawing for view in views for item in view.items if item.drawing]
    sides = [side for drawing in drawings for pair in drawing.pairs for side in (pair.expected, pair.actual)]
    has_pictures = any(side is not None and side.text for side in sides)  # for the script to draw
    style = _asset("page.css") + (pictures.style() if drawings else "")
    run = [script, *(pictures.script_texts() if has_pictures else ())]
    subjects, links = [], []
    for view in views:
        drawn = {key: draw(view, f"{anchor(view.name)}-{key}") for key, (_, draw) in _PARTS.items()}
        kept = {key: part for key, part in drawn.items() if part is not None}
        subjects.append(_subject(view, list(kept.values())))
        links.append(_links(view, list(kept)))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=pictures.policy(run)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        # An empty icon: a browser asks a server for one otherwise.
        Html('<link rel="icon" href="data:,">'),
        element("title", "Bluebook: " + (", ".join(view.name for view in views) or "no subjects")),
        element("style", Html(style)),
    )
    body = element(
        "body",
        element("a", "Skip to the results", href="#results", class_="skip"),
        element(
            "div",
            element("header", element("h1", "Bluebook"), class_="brand"),
            element(
                "div",
                element("nav", links, aria_label="Sections"),
                element("main", subjects, id="results", tabindex=-1),
                class_="columns",
            ),
            class_="frame",
        ),
        element("script", Html(script)),
        pictures.scripts() if has_pictures else None,
    )
    return f'<!doctype html>\n<html lang="en">\n{head}\n{body}\n</html>\n'


def anchor(name: str) -> str:
    """A subject's name as the start of its sections' ids."""
    return "s-" + "".join(char if char.isalnum() else "-" for char in name)


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _links(view: View, keys: Sequence[str]) -> Html:
    start = anchor(view.name)
    name = element("a", view.name, href=f"#{start}", class_="subject-link")
    others = [element("li", element("a", _PARTS[key][0], href=f"#{start}-{key}")) for key in keys]
    return element("ul", element("li", name), others, class_="of")


def _subject(view: View, parts: Sequence[Html]) -> Html:
    start = anchor(view.name)
    return element(
        "section",
        element("p", "Subject", class_="kicker"),
        element("h2", view.name, id=f"{start}-name"),
        element("dl", _facts(view), class_="facts"),
        element("dl", _figures(view), class_="figures"),
        *parts,
        id=start,
        class_="subject",
        aria_labelledby=f"{start}-name",
    )


def _facts(view: View) -> Html:
    """What the results belong to."""
    told = [("model", view.model), ("base", view.base)]
    told += [
        (f"{exam.exam} exam", f"version {exam.version}") for exam in (view.holdout, view.practice) if exam
    ]
    return join(element("div", element("dt", name), element("dd", value)) for name, value in told if value)


def _figure(name: str, value: str, note: str, class_: str = "") -> Html:
    shown = element("dd", element("span", value, class_=class_ or None), element("small", note))
    return element("div", element("dt", name), shown)


def _figures(view: View) -> Html:
    """The few numbers that a reader wants first; what is not built is left out."""
    found = []
    if view.outcomes:
        found.append(_figure("Input files", f"{view.outcomes.total():,}", f"{view.outcomes['kept']:,} kept"))
    if view.examples:
        validation = view.examples["validation"]
        found.append(
            _figure("Examples", f"{view.examples.total():,}", f"{validation:,} of them for validation")
        )
    if view.gate is not None:
        waived = sum(rule.waiver is not None for rule in view.gate.rules)
        word, class_ = ("passed", "good") if view.gate.passed else ("failed", "bad")
        note = f"{len(view.gate.rules)} rules, " + (f"{waived} waived" if waived else "none waived")
        found.append(_figure("Gate", word, note, class_))
    if view.holdout is not None:
        exam = view.holdout
        interval = f"{data.interval(exam.low, exam.high)}, n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{exam.n:,}"
        found.append(_figure("Unseen items, score", data.percent(exam.score), interval))
        found.append(_figure("Valid answers", data.percent(exam.valid_rate), f"of {exam.n:,}"))
        statuses = [construct.status for construct in exam.constructs.values()]
        learned = sum(status not in ("untested", "learning") for status in statuses)
        found.append(_figure("Constructs mastered", f"{learned} of {len(statuses)}", "at 85 % or more"))
    return join(found)
