"""HTML as values: text is escaped unless it is already HTML, so no data can become markup by accident.

    element("p", "a < b", class_="note")   ->   <p class="note">a &lt; b</p>

Attribute names lose a trailing underscore (`class_`) and turn the others into hyphens (`aria_label`); False
and None leave an attribute out, True writes its bare name.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Union

# Characters that HTML forbids even when escaped: C0 controls but tab and newlines, C1 controls, lone
# surrogates.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_VOID = {"br", "col", "hr", "input", "meta"}


class Html(str):
    """Text that is already HTML."""

    __slots__ = ()


# Recursive, so the names are quoted and `|` cannot join them.
Child = Union[str, Iterable["Child"], None]  # noqa: UP007
Attribute = str | int | float | bool | None


def escaped(text: str) -> Html:
    """`text` as HTML that shows it. Html comes back unchanged."""
    return text if isinstance(text, Html) else Html(html.escape(_FORBIDDEN.sub("\ufffd", text)))


def join(children: Iterable[Child]) -> Html:
    """The children one after another, each escaped unless it is Html."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        parts.append(escaped(child) if isinstance(child, str) else join(child))
    return Html("".join(parts))


def element(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """One element with its attributes and children."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    return f' {name}="{escaped(str(value))}"'


def table(headings: Iterable[Child], rows: Iterable[Iterable[Child]], caption: str, class_: str = "") -> Html:
    """A table that scrolls by itself where the page is narrow. The first cell of a row names the row."""
    head = element("tr", [element("th", heading, scope="col") for heading in headings])
    body = []
    for row in rows:
        first, *rest = row
        body.append(element("tr", element("th", first, scope="row"), [element("td", cell) for cell in rest]))
    whole = element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", body),
        class_=class_ or None,
    )
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)
