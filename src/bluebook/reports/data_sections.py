"""The page's first part: what became of the raw material."""

from __future__ import annotations

from collections import Counter

from bluebook.records import Sample
from bluebook.reports.charts import Part, count_bar, share_bar
from bluebook.reports.difference import difference
from bluebook.reports.markup import Html, element, join, table
from bluebook.reports.view import View, grouped

_COLOURS = 8  # the style sheet's series, s1 to s8
_PROMPT = {"prompt", "system", "user"}  # fields of a sample that come before what answers them
_OUTCOMES = {
    "kept": "became records",
    "dropped": "left out by a rule",
    "duplicate": "said before, word for word or nearly",
    "unpaired": "no reply to learn from",
    "quarantined": "could not be read",
}


def section(anchor: str, title: str, *children: Html | None) -> Html:
    """One titled part of a subject."""
    heading = element("h3", title, id=f"{anchor}-title")
    return element("section", heading, children, id=anchor, class_="part", aria_labelledby=f"{anchor}-title")


def missing(what: str) -> Html:
    return element("p", f"Not built yet: {what}. Run ", element("code", "dvc repro"), ".", class_="missing")


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def interval(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {percent(high)}"


def short(construct: str) -> str:
    """A construct without its group's name, which the heading above it says."""
    return construct.partition(":")[2] or construct


def curated(view: View, anchor: str) -> Html:
    """Shares of each kind of construct in the examples."""
    title = "What the dataset is made of"
    if not view.examples:
        return section(anchor, title, missing("the examples"))
    total = sum(view.examples.values())
    splits = ", ".join(f"{count:,} {split or 'unsplit'}" for split, count in sorted(view.examples.items()))
    intro = element("p", f"{total:,} examples after curation: {splits}.", class_="note")
    parts = [
        _construct_group(kind, names, view.constructs, view.examples)
        for kind, names in grouped(view.constructs).items()
    ]
    return section(anchor, title, intro, *parts)


def _construct_group(
    kind: str, names: list[str], counts: dict[str, Counter[str]], examples: Counter[str]
) -> Html:
    total, splits = sum(examples.values()), sorted(examples)
    ranked = sorted(names, key=lambda name: (-sum(counts[name].values()), name))
    sums = {name: sum(counts[name].values()) for name in ranked}
    # One bar only where the constructs divide the examples among them and there are colours to tell them
    # apart.
    divided = sum(sums.values()) == total and len(ranked) <= _COLOURS
    roles = {name: f"s{index}" if divided else "" for index, name in enumerate(ranked, 1)}
    bar = share_bar([Part(short(name), sums[name], roles[name]) for name in ranked], f"Shares by {kind}")
    most = max(sums.values())
    rows = [
        [
            join(
                [
                    element("i", class_=f"swatch {roles[name]}", aria_hidden="true") if divided else None,
                    short(name),
                ]
            ),
            percent(sums[name] / total),
            *[f"{counts[name][split]:,}" for split in splits],
            None if divided else count_bar(sums[name], most),
        ]
        for name in ranked
    ]
    if divided:
        rows = [row[:-1] for row in rows]
    headings = [kind, "share", *[split or "unsplit" for split in splits], *([] if divided else [""])]
    return element(
        "div",
        element("h4", f"By {kind}"),
        bar if divided else None,
        table(headings, rows, f"Examples by {kind}", "counts" if divided else "counts bars"),
    )


def ledger(view: View, anchor: str) -> Html:
    """What became of every input file, and why files were left out."""
    title = "What became of every file"
    if not view.outcomes:
        return section(anchor, title, missing("the ledger"))
    total = sum(view.outcomes.values())
    intro = element(
        "p",
        f"{total:,} input files, each counted once; "
        f"{view.outcomes['kept']:,} of them gave {view.pairs:,} records.",
        class_="note",
    )
    order = [name for name in _OUTCOMES if view.outcomes[name]]
    roles = dict(zip(_OUTCOMES, ("s3", "s2", "s4", "s7", "s5"), strict=True))
    bar = share_bar(
        [Part(name, view.outcomes[name], roles[name]) for name in order], "Input files by outcome"
    )
    outcomes = table(
        ["outcome", "files", "share", "meaning"],
        [
            [
                join([element("i", class_=f"swatch {roles[name]}", aria_hidden="true"), name]),
                f"{view.outcomes[name]:,}",
                percent(view.outcomes[name] / total),
                _OUTCOMES[name],
            ]
            for name in order
        ],
        "Input files by outcome",
        "counts",
    )
    reasons = _reasons(view.reasons)
    return section(anchor, title, intro, bar, outcomes, reasons)


def _reasons(reasons: Counter[tuple[str, str]]) -> Html | None:
    if not reasons:
        return None
    ranked = sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    most = ranked[0][1]
    rows = [
        [reason.replace("_", " "), outcome, f"{count:,}", count_bar(count, most)]
        for (outcome, reason), count in ranked
    ]
    return join(
        [
            element("h4", "Reasons given"),
            table(["reason", "outcome", "files", ""], rows, "Input files by reason", "counts bars"),
        ]
    )


def samples(view: View, anchor: str) -> Html:
    """Raw against curated text, a few records of each construct."""
    title = "Before and after curation"
    if not view.samples:
        return section(anchor, title, missing("the samples"))
    by_construct: dict[str, list[Sample]] = {}
    # What curation changed is what people come to see; untouched records stand last.
    for sample in sorted(view.samples, key=lambda sample: (not sample.changes, sample.construct, sample.id)):
        by_construct.setdefault(sample.construct, []).append(sample)
    intro = element(
        "p",
        "What was ",
        element("del", "taken out"),
        " and what was ",
        element("ins", "put in"),
        ". Secrets and personal data were replaced before these samples were written.",
        class_="note",
    )
    groups = [
        element(
            "details",
            element("summary", f"{short(construct)} ({len(some)})"),
            map(_sample, some),
            open=True,
            class_="samples",
        )
        for construct, some in sorted(by_construct.items())
    ]
    return section(anchor, title, intro, *groups)


def _sample(sample: Sample) -> Html:
    fields = sorted({*sample.before, *sample.after}, key=lambda name: (name not in _PROMPT, name))
    kept = [name for name in fields if sample.before.get(name) == sample.after.get(name)]
    changed = [name for name in fields if name not in kept]
    chips = [element("li", change.replace("_", " "), class_="chip") for change in sample.changes]
    return element(
        "article",
        [
            join([_title(f"{_words(name)}, unchanged"), element("p", sample.after[name], class_="text")])
            for name in kept
        ],
        [_sides(_words(name), sample.before.get(name), sample.after.get(name)) for name in changed],
        element("ul", chips, class_="chips", aria_label="changes") if chips else None,
        class_="card",
        aria_label=f"sample {sample.id}",
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _title(text: str) -> Html:
    return element("p", text, class_="side-title")


def _sides(name: str, before: str | None, after: str | None) -> Html:
    """One field on both sides with the differing words marked; a side that lacks the field is left out."""
    pieces = difference(before or "", after or "")
    left = [
        element("del", piece.text) if piece.kind == "removed" else piece.text
        for piece in pieces
        if piece.kind != "added"
    ]
    right = [
        element("ins", piece.text) if piece.kind == "added" else piece.text
        for piece in pieces
        if piece.kind != "removed"
    ]
    sides = [
        element("div", _title(f"{name}, {side}"), element("p", text, class_="text"))
        for side, whole, text in (("raw", before, left), ("curated", after, right))
        if whole is not None
    ]
    return element("div", sides, class_="sides")
