"""Graphs in pages, as bytes and in a real browser. The component that draws them is also an independent reader
of what Unreal copies: what it draws of a text is what the text says."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from bluebook.exams.grade import grade_exam
from bluebook.records import Answer, ExamItem, write_jsonl
from bluebook.reports.page import page
from bluebook.reports.pictures import picture_page
from bluebook.reports.view import gather
from bluebook.subjects.subject import Picture
from bluebook.subjects.ue5.catalogue import shipped
from bluebook.subjects.ue5.export import ExportError
from bluebook.subjects.ue5.from_export import to_program
from bluebook.subjects.ue5.pictures import gallery
from bluebook.subjects.ue5.reading import parse_export, read_export
from bluebook.subjects.ue5.records import IngestPolicy
from bluebook.subjects.ue5.stats import counts
from bluebook.subjects.ue5.subject import Ue5
from bluebook.subjects.ue5.to_clipboard import to_clipboard
from tests.reports.browser import CHROMIUM, Page, chromium
from tests.subjects.ue5.exports import FIXTURES
from tests.subjects.ue5.programs import DOOR
from tests.subjects.ue5.test_pictures import WRONG

SAMPLES = sorted((Path(__file__).parents[2] / "data/raw/ue5").glob("*.txt"))
EXPORTS = Path(os.environ.get("BLUEBOOK_SHARED", "../shared")) / "corpora/ue5/exports"
CATALOGUE = shipped()
EVIL = "</script><script>alert(1)</script>"

in_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with chromium() as opened:
        yield opened


def drawing(file: Path) -> list[Picture]:
    """The file's pictures, then what `to-clipboard` makes of its translation; none where it is refused."""
    try:
        own = gallery(file.read_bytes(), file, CATALOGUE).pictures
    except ExportError:
        return []
    try:
        text = to_clipboard(to_program(read_export(file), CATALOGUE).program, CATALOGUE).text
    except ExportError:
        return own  # a graph, and not a Blueprint's
    counted = counts(parse_export(text.encode(), file))
    pasted = Picture(
        title="pasted",
        text=text,
        nodes=counted["nodes"],
        pins=counted["pins"],
        wires=counted["exec_links"] + counted["data_links"],
    )
    return [*own, pasted]


def item(name: str, answer: str) -> tuple[ExamItem, Answer]:
    return (
        ExamItem(
            id=name,
            exam="doors",
            version="1",
            kind="holdout",
            prompt="Hide it.",
            reference=DOOR,
            constructs=["Branch"],
        ),
        Answer(item=name, model="m", mode="free", text=answer, tokens=9, finish="stop"),
    )


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A page over four answers: right, wrong, not in the language, and hostile."""
    subject = Ue5(IngestPolicy(max_bytes=10_000, max_nodes=16, wordings=1), 7, CATALOGUE)
    broken = DOOR.replace("NODE n3: Branch", "NODE n3 Branch")
    hostile = DOOR.replace("It is open already", EVIL)
    asked = [item("right", DOOR), item("wrong", WRONG), item("broken", broken), item("hostile", hostile)]
    items, answers = [one for one, _ in asked], [other for _, other in asked]
    write_jsonl(tmp_path / "data/holdout/ue5.jsonl", items)
    write_jsonl(tmp_path / "data/answers/ue5.jsonl", answers)
    write_jsonl(tmp_path / "data/grades/ue5.jsonl", grade_exam(subject, items, answers).grades)
    file = tmp_path / "index.html"
    file.write_text(page([gather(tmp_path, "ue5", "embedded", subject)]))
    return file


def test_the_component_is_what_its_note_says() -> None:
    folder = files("bluebook.reports") / "ueblueprint"
    said = dict(
        re.findall(r"^\| `(\S+)` \| `([0-9a-f]{64})` \|$", (folder / "SOURCE.md").read_text("utf-8"), re.M)
    )
    assert said == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in said}
    shipped = {file.name for file in folder.iterdir()}
    assert shipped == {*said, "LICENSE", "LICENSE.lit", "SOURCE.md"}


def test_a_page_names_nothing_outside_itself() -> None:
    text = picture_page("a", gallery(DOOR.encode(), Path("a"), CATALOGUE).pictures)
    assert not re.search(r"url\((?![\"']?data:)", text)
    assert not re.search(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["'](?!data:)""", text)
    assert "default-src &#x27;none&#x27;" in text


def test_no_graph_can_become_markup() -> None:
    hostile = DOOR.replace("It is open already", EVIL)
    text = picture_page(EVIL, gallery(hostile.encode(), Path("a"), CATALOGUE).pictures)
    assert "<script>alert" not in text


def test_the_component_is_there_once_and_only_where_something_is_drawn(report: Path) -> None:
    text = report.read_text()
    assert text.count("ueb-viewport-body{") == 1
    assert text.count('class="picture"') == 7
    assert "ueb-" not in page([gather(report.parent / "none", "ue5", "embedded")])


def test_an_answer_that_is_no_program_shows_where_it_is_broken(report: Path) -> None:
    assert re.search(
        r"line 7, column 9: expected[^<]*</p><pre[^>]*>[^<]*NODE n3 <mark>Branch</mark>", report.read_text()
    )


@in_browser
@pytest.mark.parametrize("width", [360, 1600])
def test_items_are_drawn_when_they_are_opened(tab: Page, report: Path, width: int) -> None:
    tab.open(report, width)
    assert tab.value("document.querySelectorAll('[data-drawn]').length") == 0
    tab.value("document.querySelectorAll('details').forEach(each => { each.open = true })")
    for drawn, expected, trouble in tab.draw():
        assert drawn == expected
        assert trouble == ""
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.complaints() == []
    assert tab.requests() == [report.as_uri()]


MARKS = """[...document.querySelectorAll(".picture")].map((figure) => {
  const shadow = figure.querySelector(".canvas").shadowRoot;
  return ["missing", "extra", "value"].map((kind) => [
    shadow.querySelectorAll(`ueb-node[data-mark=${kind}]`).length,
    shadow.querySelectorAll(`ueb-link[data-mark=${kind}]`).length,
  ]);
})"""
LINES = """[...document.querySelectorAll(".picture")].flatMap((figure) => {
  const shadow = figure.querySelector(".canvas").shadowRoot;
  const styles = (what, key) => [...shadow.querySelectorAll(what)].map((each) => getComputedStyle(each)[key]);
  return [
    styles("[data-mark] > .ueb-node-border", "outlineStyle"),
    styles("[data-mark] .ueb-link-path", "strokeDasharray"),
  ];
}).flat()"""


@in_browser
def test_differences_are_marked_and_not_by_colour_alone(tab: Page, report: Path) -> None:
    tab.open(report, 1600)
    tab.value("document.querySelectorAll('details').forEach(each => { each.open = true })")
    tab.draw()
    order = tab.value(
        "[...document.querySelectorAll('.item')].map(each => each.querySelector('.note').textContent)"
    )
    found = dict(zip([name.split(",")[0] for name in order], _by_item(tab), strict=True))
    nothing = [[0, 0], [0, 0], [0, 0]]
    assert found["right"] == [nothing, nothing]
    assert found["broken"] == [nothing]
    assert found["wrong"] == [[[1, 3], [0, 0], [1, 0]], [[0, 0], [1, 2], [1, 0]]]
    assert found["hostile"] == [[[0, 0], [0, 0], [1, 0]], [[0, 0], [0, 0], [1, 0]]]
    lines = tab.value(LINES)
    assert {"dashed", "double", "dotted"} <= set(lines)
    assert "none" not in lines


def _by_item(tab: Page) -> list[list[list[list[int]]]]:
    marks = tab.value(MARKS)
    sizes = tab.value(
        "[...document.querySelectorAll('.item')].map(e => e.querySelectorAll('.picture').length)"
    )
    found = []
    for size in sizes:
        found.append(marks[:size])
        del marks[:size]
    return found


@in_browser
def test_a_graph_can_be_zoomed(tab: Page, tmp_path: Path) -> None:
    file = tmp_path / "door.html"
    file.write_text(picture_page("door", gallery(DOOR.encode(), Path("a"), CATALOGUE).pictures))
    tab.open(file, 1600)
    tab.draw()
    zoom = "document.querySelector('.canvas').shadowRoot.querySelector('ueb-blueprint').zoom"
    fitted = tab.value(zoom)
    for button, expected in ((0, fitted - 1), (2, fitted), (1, fitted + 1)):
        tab.value(f"document.querySelectorAll('.zoom button')[{button}].click()")
        assert tab.value(f"new Promise(done => requestAnimationFrame(() => done({zoom})))") == expected
    for kind in ("mousePressed", "mouseReleased"):
        tab.call("Input.dispatchMouseEvent", type=kind, x=800, y=300, button="left", clickCount=1)
    focused = zoom.replace(".zoom", ".focused")
    assert tab.value(focused) is True


@in_browser
def test_an_independent_reader_sees_the_same_graphs(tab: Page, tmp_path: Path) -> None:
    fixtures = [
        FIXTURES / f"{name}.txt"
        for name in ("lamp", "collapsed", "legacy", "material", "montage", "niagara", "tricky", "ue4")
    ]
    _reader_agrees(tab, tmp_path / "page.html", [*SAMPLES[::4], *fixtures])


@in_browser
@pytest.mark.slow
def test_an_independent_reader_sees_the_same_in_all_samples(tab: Page, tmp_path: Path) -> None:
    _reader_agrees(tab, tmp_path / "page.html", SAMPLES)


@in_browser
@pytest.mark.slow
@pytest.mark.skipif(
    not EXPORTS.is_dir(), reason=f"no {EXPORTS}; set BLUEBOOK_SHARED to the folder that holds corpora/"
)
def test_an_independent_reader_sees_the_same_in_real_exports(tab: Page, tmp_path: Path) -> None:
    for file in sorted(EXPORTS.glob("*.txt")):
        _reader_agrees(tab, tmp_path / "page.html", [file])


def _reader_agrees(tab: Page, where: Path, exports: list[Path]) -> None:
    pictures = [picture for file in exports for picture in drawing(file)]
    where.write_text(picture_page("graphs", pictures))
    tab.open(where, 500, 400)  # small, for painting takes most of the time
    found = tab.draw()
    assert len(found) == len(pictures)
    for picture, (drawn, expected, trouble) in zip(pictures, found, strict=True):
        assert (drawn, trouble) == (expected, ""), f"{exports[0].name} {picture.title}"
    assert tab.complaints() == []
    assert tab.requests() == [where.as_uri()]
