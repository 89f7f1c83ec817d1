"""The page in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bluebook.reports.page import page
from bluebook.reports.view import gather
from tests.reports.browser import CHROMIUM, Page, chromium

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def report(built: Callable[..., Path]) -> Path:
    root = built()
    built("a subject with <a> long & unusual name")
    file = root / "index.html"
    views = [
        gather(root, name, "embedded")
        for name in ("sailing", "a subject with <a> long & unusual name", "empty")
    ]
    file.write_text(page(views))
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1600])
def test_it_loads_quietly_and_fits(tab: Page, report: Path, width: int, scheme: str) -> None:
    tab.open(report, width, scheme=scheme)
    tab.value("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.complaints() == []
    assert tab.requests() == [report.as_uri()]


def test_light_and_dark_differ(tab: Page, report: Path) -> None:
    colours = {
        scheme: tab.open(report, 1000, scheme=scheme).value("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert colours["light"] != colours["dark"]


# WCAG 2.1's contrast ratio of every piece of text to what is painted behind it.
CONTRAST = """(() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || node.closest("script, style, svg")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${node.className} ${walker.currentNode.data.trim()}`);
  }
  return [...new Set(found)];
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_that_wcag_aa_asks_for(tab: Page, report: Path, scheme: str) -> None:
    assert tab.open(report, 1000, scheme=scheme).value(CONTRAST) == []


SHOWN = "document.querySelectorAll('#s-sailing .item:not([hidden])').length"


def test_answers_are_filtered_by_construct_and_outcome(tab: Page, report: Path) -> None:
    tab.open(report, 1000)
    assert tab.value(SHOWN) == 90
    choose = """((index, value) => {
      const select = document.querySelectorAll('#s-sailing-filter select')[index];
      select.value = value;
      select.dispatchEvent(new Event('input', {bubbles: true}));
    })"""
    tab.value(f"{choose}(0, 'mode:gale')")
    assert tab.value(SHOWN) == 30
    tab.value(f"{choose}(1, 'wrong_tag')")
    assert tab.value(SHOWN) == 8
    assert tab.value("document.querySelector('#s-sailing-filter output').textContent") == "8 of 90"


def test_a_construct_of_the_mastery_table_leads_to_its_answers(tab: Page, report: Path) -> None:
    tab.open(report, 1000)
    tab.value("document.querySelector('a[data-construct=\"mode:calm\"]').click()")
    assert tab.value(SHOWN) == 30
    assert tab.value("location.hash") == "#s-sailing-answers"


def test_pictures_have_words_and_controls_have_labels(tab: Page, report: Path) -> None:
    tab.open(report, 1000)
    assert tab.value("document.querySelectorAll('svg:not([aria-label]):not([aria-hidden])').length") == 0
    assert tab.value("[...document.querySelectorAll('select')].every(each => each.labels.length === 1)")
    assert tab.value("[...document.querySelectorAll('table')].every(each => each.caption.textContent)")


def test_it_prints(tab: Page, report: Path) -> None:
    tab.open(report, 1000)
    assert len(tab.call("Page.printToPDF")["data"]) > 10_000
