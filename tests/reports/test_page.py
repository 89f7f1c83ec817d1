from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from bluebook.errors import DataError
from bluebook.records import Answer, ExamItem, Grade, GradeError, Sample, read_jsonl, write_jsonl
from bluebook.reports.page import page
from bluebook.reports.view import BEST, WEAKEST, GradedItem, View, chosen, gather, grouped
from tests.reports.conftest import SUBJECT, mastery, write_json

Build = Callable[..., Path]
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\" ' & \x00 </style></title> <thought>: \u202e"


class Outline(HTMLParser):
    """The tags of a page, the ids and the links to them, and the text that a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.references: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [(found["href"] or "")[1:]] if tag == "a" else []
        self.references += [value or "" for key, value in attrs if key in ("href", "src") and tag != "a"]
        self.references += (found.get("aria-labelledby") or "").split()

    def handle_data(self, data: str) -> None:
        self.words += data


def view_of(root: Path, name: str = SUBJECT) -> View:
    return gather(root, name, "embedded")


def test_the_whole_page(built: Build) -> None:
    found = Outline(page([view_of(built())]))
    for said in (
        "sailing@0123456789ab",  # the model
        "records exam",
        "harbour",
        "Four fathoms at low water",
        "one word",  # a reason of the ledger
        "a quiet summer",  # a waiver
        "e19",  # a failing row
        "untrained base on validation, 6.900",
        "62.0",  # an accuracy
        "retrieval",
        "4.100 → 1.920",  # base's and adapter's loss
        "nothing in place of <deck>",  # an error
        "regression was seen",  # health
        "To do: see to lesson_share",
        "exam was seen",
    ):
        assert said in found.words, said


def test_ids_are_unique_and_every_link_has_its_target(built: Build) -> None:
    root = built()
    built("rowing")
    found = Outline(page([view_of(root), view_of(root, "rowing")]))
    assert len(found.ids) == len(set(found.ids))
    assert found.links
    assert set(found.links) <= set(found.ids)


def test_nothing_is_fetched(built: Build) -> None:
    text = page([view_of(built())])
    assert not re.search(r"""(?:src|href|action)\s*=\s*["']?(?:https?:|//|file:)""", text)
    assert not re.search(r"@import|url\(", text)
    assert "default-src &#x27;none&#x27;" in text


def test_the_same_results_give_the_same_bytes(built: Build) -> None:
    root = built()
    assert page([view_of(root)]) == page([view_of(root)])


def test_data_never_becomes_markup(built: Build, tmp_path: Path) -> None:
    root = built()
    harmless = Outline(page([view_of(root)]))
    sample = Sample(
        id=EVIL, construct=EVIL, before={EVIL: EVIL, "b": "x"}, after={EVIL: "", "b": EVIL}, changes=[EVIL]
    )
    write_jsonl(root / f"data/records/{SUBJECT}.samples.jsonl", [sample])
    write_json(root / f"metrics/{SUBJECT}/mastery.json", mastery() | {"exam": EVIL, "errors": {EVIL: 1}})
    item = ExamItem(
        id="i000", exam=EVIL, version=EVIL, kind="holdout", prompt=EVIL, reference=EVIL, constructs=[EVIL]
    )
    write_jsonl(root / f"data/holdout/{SUBJECT}.jsonl", [item])
    write_jsonl(
        root / f"data/answers/{SUBJECT}.jsonl",
        [Answer(item="i000", model=EVIL, mode="free", text=EVIL, tokens=1, finish="stop")],
    )
    text = page([view_of(root)])
    found = Outline(text)
    assert "<script>alert" not in text
    assert found.tags.count("script") == harmless.tags.count("script") == 1
    assert "img" not in found.tags
    assert "thought" not in found.tags
    assert "<script>alert(1)</script>" in found.words


def test_a_healthy_cycle_is_said_to_be_one(built: Build) -> None:
    root = built()
    write_json(root / f"metrics/{SUBJECT}/health.json", {"findings": []})
    assert "No rule found anything" in Outline(page([view_of(root)])).words


def test_before_anything_is_built(tmp_path: Path) -> None:
    """The page of a fresh clone says what is missing, for every part but the history."""
    found = Outline(page([view_of(tmp_path, "sailing")]))
    assert found.words.count("Not built yet") == 8


@pytest.mark.parametrize(
    "missing",
    [
        "metrics/sailing/mastery.json",
        "metrics/sailing/gate.json",
        "metrics/sailing/train.json",
        "metrics/sailing/loss.json",
        "data/answers/sailing.jsonl",
        "data/records/sailing.ledger.jsonl",
        "data/records/sailing.samples.jsonl",
        "data/examples/sailing.jsonl",
        "data/holdout/sailing.jsonl",
    ],
)
def test_any_part_may_be_missing(built: Build, missing: str) -> None:
    root = built()
    (root / missing).unlink()
    page([view_of(root)])


def test_a_page_without_subjects() -> None:
    assert "no subjects" in page([])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"subject": 3}', "\xff"])
def test_a_malformed_file_is_named(built: Build, text: str) -> None:
    root = built()
    file = root / f"metrics/{SUBJECT}/mastery.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"metrics/sailing/mastery\.json"):
        view_of(root)


def test_keys_that_a_report_does_not_know_are_left_alone(built: Build) -> None:
    root = built()
    expected = page([view_of(root)])
    write_json(
        root / f"metrics/{SUBJECT}/mastery.json", mastery() | {"subject": SUBJECT, "of_a_later_version": [1]}
    )
    assert page([view_of(root)]) == expected


def test_an_exam_without_items_is_no_result(built: Build) -> None:
    root = built()
    empty = mastery() | {"n": 0, "constructs": {}, "baselines": {}, "exam": "", "version": ""}
    write_json(root / f"metrics/{SUBJECT}/practice.json", empty)
    assert view_of(root).practice is None


def test_the_ledger_is_counted(built: Build) -> None:
    found = view_of(built())
    assert found.outcomes.total() == 60
    assert found.reasons.total() == 60 - found.outcomes["kept"]
    assert found.pairs == 2 * found.outcomes["kept"]
    assert found.examples == {"train": 108, "validation": 12}


def _graded(index: int, score: float, constructs: list[str]) -> GradedItem:
    name = f"i{index:05}"
    return GradedItem(
        item=ExamItem(
            id=name, exam="e", version="1", kind="holdout", prompt="p", reference="r", constructs=constructs
        ),
        answer=Answer(item=name, model="m", mode="free", text="t", tokens=1, finish="stop"),
        grade=Grade(item=name, mode="free", valid=True, score=score, errors=[], per_construct={}),
    )


def test_of_many_answers_the_weakest_and_best_of_each_construct_are_shown() -> None:
    common = [_graded(index, index / 1000, ["common"]) for index in range(1000)]
    rare = [_graded(5000 + index, 0.5, ["common", "rare"]) for index in range(3)]
    every = sorted([*common, *rare], key=lambda graded: graded.grade.score)
    shown = chosen(every)
    assert len(shown) == WEAKEST + BEST + len(rare)
    assert [graded.grade.score for graded in shown] == sorted(graded.grade.score for graded in shown)
    assert common[0] in shown
    assert common[-1] in shown
    assert all(graded in shown for graded in rare)


def test_constructs_are_grouped_by_their_kind() -> None:
    assert grouped(["mode:b", "Loop", "mode:a"]) == {"construct": ["Loop"], "mode": ["mode:a", "mode:b"]}


def test_the_stage_writes_the_page(built: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    root = built("persona")
    monkeypatch.chdir(root)
    repository = Path(__file__).parents[2]
    (root / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    runpy.run_path(str(repository / "stages/report.py"))["main"]()
    assert "Four fathoms" in (root / "reports/index.html").read_text("utf-8")
    assert [file.name for file in (root / "reports").iterdir()] == ["index.html"]


def test_parts_stand_beside_those_of_the_baselines(built: Build) -> None:
    root = built()
    found = mastery()
    found["parts"] = {"edges": {"precision": 0.5, "recall": 0.5, "f1": 0.4321}}
    for baseline in found["baselines"].values():
        baseline["parts"] = {"edges": {"precision": 0.1, "recall": 0.1, "f1": 0.1234}}
    write_json(root / "metrics" / SUBJECT / "mastery.json", found)
    words = Outline(page([view_of(root)])).words
    assert "43.2" in words and "12.3" in words


def _mode(score: float, found: float, **outcomes: int) -> dict[str, object]:
    reading = {"parse_rate": found, "valid_rate": 0.5, "score": 0.515}
    whole = {"n": 90, "score": score, "low": 0.1, "high": 0.9, "parse_rate": 0.321, "valid_rate": 0.25}
    return whole | {"outcomes": outcomes, "lenient": reading}


def test_both_modes_extraction_and_outcomes_stand_beside_each_other(built: Build) -> None:
    root = built()
    modes = {
        "free": _mode(0.1234, 0.654, format=7, no_error=83),
        "constrained": _mode(0.777, 1.0, no_error=90),
    }
    write_json(root / "metrics" / SUBJECT / "mastery.json", mastery() | {"modes": modes})
    grades = [
        Grade(
            item=f"i{index:03}", mode=mode, valid=True, score=1.0, per_construct={"mode:calm": float(mode == "free")},
            errors=[GradeError(category="torn_sail", construct="mode:calm", detail="", kind="rule")][: index < 3],
        )
        for index in range(90)
        for mode in ("constrained", "free")
    ]  # fmt: skip
    write_jsonl(root / f"data/grades/{SUBJECT}.jsonl", grades)
    answers = list(read_jsonl(root / f"data/answers/{SUBJECT}.jsonl", Answer))
    again = [msgspec.structs.replace(answer, mode="constrained") for answer in answers]
    write_jsonl(root / f"data/answers/{SUBJECT}.jsonl", [*answers, *again])
    view = view_of(root)
    assert view.by_mode["holdout", "constrained"]["mode:calm"].accuracy == 0.0
    assert view.by_mode["holdout", "free"]["mode:calm"].n == 90
    assert view.errors["holdout", "free"].counts == {("rule", "torn_sail"): 3}
    words = Outline(page([view])).words
    for said in ("the adapter, constrained", "77.7", "12.3", "32.1", "65.4", "51.5", "torn sail", "calm 3"):
        assert said in words, said


@pytest.mark.parametrize(("kept", "said"), [(True, "1 still are"), (False, "mastered no more")])
def test_what_was_mastered_before_and_is_no_more_is_named(built: Build, kept: bool, said: str) -> None:
    root = built()
    found = {"mode:gale": {"best": 0.9123, "now": 0.4321, "kept": kept}}
    write_json(
        root / "metrics" / SUBJECT / "retention.json",
        {"mastered_before": 1, "kept": int(kept), "rate": float(kept), "constructs": found},
    )
    words = Outline(page([view_of(root)])).words
    assert said in words
    assert ("91.2" in words) is not kept
