from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from bluebook.reports.markup import Html, element, join


class Reader(HTMLParser):
    """Reads HTML back: the tags that were opened, the attribute `title` and the text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.title: str | None = None
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.title = dict(attrs).get("title")

    def handle_data(self, data: str) -> None:
        self.text += data


# Without characters that HTML cannot hold at all; those are replaced, see below.
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


@given(TEXT)
def test_any_text_comes_back_as_itself_and_never_as_markup(text: str) -> None:
    read = Reader(element("p", text, title=text))
    assert (read.tags, read.text, read.title) == (["p"], text, text)


def test_html_is_not_escaped_again() -> None:
    assert element("p", Html("<b>x</b>"), ["&", Html("&amp;")], None) == "<p><b>x</b>&amp;&amp;</p>"


def test_attributes() -> None:
    made = element("input", class_="a", data_filter="b", hidden=True, id=None, open=False, tabindex=0)
    assert made == '<input class="a" data-filter="b" hidden tabindex="0">'


def test_characters_that_html_forbids_are_replaced() -> None:
    assert join(["a\x00b\ud800c\x1b\td\n"]) == "a�b�c�\td\n"
