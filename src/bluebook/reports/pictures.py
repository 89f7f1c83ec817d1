"""Graphs as Unreal draws them, in pages that open without a network.

The web component `ueblueprint/` reads a graph's text and draws it in the browser; `pictures.js` calls it once a
picture comes into view, so that a page of hundreds opens at once. A page carries the component once and each
graph as compressed text. Every picture stands in a shadow root: neither style sheet reaches into the other.

What differs between two graphs is marked by colour, by the kind of line and in words.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

from bluebook.records import encode
from bluebook.reports.markup import Html, element, join
from bluebook.reports.view import Broken, GradedItem
from bluebook.subjects.subject import Picture

Side = Literal["expected", "actual"]
_TITLES: dict[Side, str] = {"expected": "expected", "actual": "written"}
_COMPONENT = "ueblueprint"
_FACE = re.compile(r"@font-face\{[^}]*\}")
_FONT = re.compile(r'url\("\.\./font/([\w-]+\.woff2)"\)')


def scripts() -> list[Html]:
    """The component and what calls it, whole in themselves; for the end of a body that has pictures."""
    return [
        element("template", element("style", Html(_styles()[1])), id="picture-style"),
        element("script", Html(_asset(f"{_COMPONENT}/ueblueprint.min.js")), type="module"),
        element("script", Html(_asset("pictures.js")), type="module"),
    ]


def style() -> str:
    """Style of the page around the pictures, fonts included; these a shadow root cannot declare."""
    return _styles()[0]


def policy(scripts: Sequence[str]) -> str:
    """A content security policy under which these inline scripts run and nothing at all is fetched."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "font-src data:; form-action 'none'; base-uri 'none'"
    )


def script_texts() -> list[str]:
    """What `scripts` runs, for `policy`."""
    return [_asset(f"{_COMPONENT}/ueblueprint.min.js"), _asset("pictures.js")]


def figure(picture: Picture, side: Side | None = None, compared: bool = True) -> Html:
    """One graph, drawn once it is seen. `side` says which of two it is, if it is one of two; `compared`, whether
    the other one could be drawn."""
    title = _TITLES[side] if side else picture.title
    counts = f"{_many(picture.nodes, 'node')}, {_many(picture.wires, 'wire')}"
    words = f"{picture.title}: {counts}" if side else counts
    if side and compared:
        words += f"; {_odd(picture, side)}"
    if picture.svg:
        caption = element(
            "figcaption", element("span", title, class_="picture-title"), element("small", words)
        )
        return element("figure", caption, Html(picture.svg), class_="diagram")
    buttons = [
        element("button", sign, type="button", data_zoom=step, aria_label=f"{label}: {title}")
        for sign, step, label in (("−", "-1", "zoom out"), ("+", "1", "zoom in"), ("fit", "fit", "show all"))
    ]
    return element(
        "figure",
        element(
            "figcaption",
            element("span", title, class_="picture-title"),
            element("small", words),
            element("span", buttons, class_="zoom"),
        ),
        element("div", class_="canvas", role="group", aria_label=f"{title}, {words}"),
        element("p", class_="trouble", role="status"),
        class_="picture",
        data_side=side,
        data_counts=f"{picture.nodes} {picture.pins} {picture.wires}",
        data_graph=base64.b64encode(zlib.compress(picture.text.encode("utf-8", "replace"), 9)).decode(),
        data_odd=encode([picture.odd_nodes, picture.odd_wires, picture.odd_values]).decode()
        if side
        else None,
    )


def drawn_sides(graded: GradedItem) -> Html:
    """What was expected beside what was written, as pictures; the texts are folded away below them."""
    drawing = graded.drawing
    assert drawing is not None
    reference, answer = graded.item.reference, graded.answer.text
    # What stands beside a text is compared with nothing.
    compared = drawing.expected_broken is None and drawing.actual_broken is None
    rows = [
        element(
            "div",
            _side("expected", pair.expected, reference, drawing.expected_broken, compared),
            _side("actual", pair.actual, answer, drawing.actual_broken, compared),
            class_="sides drawn",
        )
        for pair in drawing.pairs
    ]
    texts = element(
        "details",
        element("summary", "The same as text"),
        element(
            "div",
            [
                element(
                    "div", element("p", title, class_="side-title"), element("pre", text, class_="text code")
                )
                for title, text in (("expected", reference), ("written", answer))
            ],
            class_="sides",
        ),
    )
    return join([*rows, texts])


def _side(side: Side, picture: Picture | None, text: str, broken: Broken | None, compared: bool) -> Html:
    title = element("p", _TITLES[side], class_="picture-title")
    if broken is not None:
        return element("div", title, _broken(text, broken))
    if picture is None:
        return element("div", title, element("p", "no such graph", class_="missing"))
    return element("div", figure(picture, side, compared))


def _broken(text: str, broken: Broken) -> Html:
    """A text that cannot be parsed, with the place where it leaves the language."""
    lines = text.split("\n")
    place = min(broken.line, len(lines)) - 1
    line = lines[place]
    # An error at the end of a line has nothing to underline but the line's last letter.
    column = min(broken.column, max(len(line), 1)) - 1
    before = "".join(f"{each}\n" for each in lines[:place]) + line[:column]
    after = "".join(f"\n{each}" for each in lines[place + 1 :])
    return join(
        [
            element("p", f"Not in the language: {broken.message}", class_="bad"),
            element("pre", before, element("mark", line[column:] or " "), after, class_="broken"),
        ]
    )


def legend() -> Html:
    """What the marks mean, for a page that compares."""
    kinds = (
        ("missing", "expected, and not written"),
        ("extra", "written, and not expected"),
        ("value", "there on both sides, but set differently"),
    )
    return element(
        "ul",
        [
            element("li", element("i", class_=f"mark {kind}", aria_hidden="true"), words)
            for kind, words in kinds
        ],
        class_="legend marks",
    )


def picture_page(title: str, pictures: Sequence[Picture]) -> str:
    """A whole document: the graphs of one file, one under another."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy(script_texts())),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        Html('<link rel="icon" href="data:,">'),
        element("title", title),
        element("style", Html(_asset("page.css") + style())),
    )
    hint = "Click a graph, then drag with the right button to move it and turn the wheel to zoom."
    body = element(
        "body",
        element(
            "main",
            element("h1", title),
            element("p", hint, class_="note"),
            [figure(picture) for picture in pictures],
            element(
                "noscript", element("p", "The graphs are drawn by a script, which is switched off here.")
            ),
            class_="gallery",
        ),
        scripts(),
    )
    return f'<!doctype html>\n<html lang="en">\n{head}\n{body}\n</html>\n'


def _odd(picture: Picture, side: Side) -> str:
    """What is marked, in words."""
    kind = "missing" if side == "expected" else "extra"
    found = [
        f"{_many(len(odd), name)} {said}"
        for odd, name, said in (
            (picture.odd_nodes, "node", kind),
            (picture.odd_wires, "wire", kind),
            (picture.odd_values, "node", "set differently"),
        )
        if odd
    ]
    return ", ".join(found) or "nothing differs"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


@cache
def _styles() -> tuple[str, str]:
    """The style of a page and that of a shadow root."""

    def inline(found: re.Match[str]) -> str:
        font = (files(__package__) / _COMPONENT / found[1]).read_bytes()
        return f'url("data:font/woff2;base64,{base64.b64encode(font).decode()}")'

    component = _asset(f"{_COMPONENT}/ueb-style.min.css")
    faces = _FONT.sub(inline, "".join(_FACE.findall(component)))
    return faces + _asset("pictures.css"), _FACE.sub("", component) + _asset("marks.css")
