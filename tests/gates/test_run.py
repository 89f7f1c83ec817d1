"""What a gate makes of its rules: severity, waivers, shares, and the three ways its report is told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bluebook.errors import GateError
from bluebook.gates.checks import Check
from bluebook.gates.expectations import judge
from bluebook.gates.report import failures, metrics, pass_file, table
from bluebook.records import DatasetRow, TokenCount, encode
from bluebook.subjects.subject import RowRule, ShareRule, Suite
from tests.gates.drafts import Draft, broken, gate, good


def spoiled() -> Draft:
    draft = good()
    for id in ("r004", "v001"):
        draft.row(id).tokens = TokenCount(prompt=0, completion=5)
    return draft


def _is_agent(row: DatasetRow) -> bool:
    return row.completion[0].content.startswith("<action>")


def agent_share(at_least: float) -> Suite:
    """A third of the good rows are agent rows."""
    return Suite(
        shares=[ShareRule(name="agent_share", why="enough agents", counts=_is_agent, at_least=at_least)]
    )


@pytest.mark.parametrize(("at_least", "passed"), [(0.49, True), (0.51, False)])
def test_a_share_may_be_the_mean_of_what_is_measured(at_least: float, passed: bool, tmp_path: Path) -> None:
    """Half of each row is good."""
    rule = ShareRule(name="goodness", why="rows are good", counts=lambda row: 0.5, at_least=at_least)
    report = gate(good(), tmp_path, Suite(shares=[rule]))
    assert report.passed is passed and metrics(report)["shares"]["goodness"] == 0.5


def test_a_waived_rule_is_judged_and_told_with_its_reason(tmp_path: Path) -> None:
    report = gate(spoiled(), tmp_path, waivers={"tokens_counted": "the counter is being mended"})
    assert report.passed
    assert broken(report) == {"tokens_counted": ["r004", "v001"]}
    assert metrics(report)["passed"] == 1
    assert metrics(report)["failing_rows"]["tokens_counted"] == 2
    assert pass_file(report)["waivers"] == {"tokens_counted": "the counter is being mended"}
    assert "the counter is being mended" in table(report)
    assert [line["id"] for line in failures(report)] == ["r004", "v001"]


def test_a_waiver_covers_only_its_rule(tmp_path: Path) -> None:
    draft = spoiled()
    draft.train[3], draft.train[4] = draft.train[4], draft.train[3]
    report = gate(draft, tmp_path, waivers={"tokens_counted": "known"})
    assert not report.passed
    assert [rule.name for rule in report.broken("failure")] == ["sorted_ids"]
    assert [rule.name for rule in report.broken("waived")] == ["tokens_counted"]


def test_a_waiver_of_a_rule_that_is_kept_is_stale(tmp_path: Path) -> None:
    report = gate(good(), tmp_path, waivers={"roles": "once needed"})
    assert report.passed
    assert report.stale_waivers == ["roles"]
    assert "roles" in table(report)


@pytest.mark.parametrize("waivers", [{"rolls": "a typing error"}, {"roles": "  "}])
def test_a_waiver_without_a_rule_or_a_reason_is_an_error(waivers: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(GateError, match=next(iter(waivers))):
        gate(good(), tmp_path, waivers=waivers)


@pytest.mark.parametrize(("too_few", "passed"), [("warn", True), ("fail", False)])
def test_too_few_rows_warn_or_fail(too_few: str, passed: bool, tmp_path: Path) -> None:
    report = gate(good(), tmp_path, minimum_samples=31, too_few=too_few)
    assert broken(report) == {"minimum_samples": []}
    assert report.passed is passed
    assert metrics(report)["counts"]["minimum_samples"] == 30


@pytest.mark.parametrize(("at_least", "passed"), [(1 / 3, True), (0.34, False)])
def test_a_share_is_held_against_its_threshold(at_least: float, passed: bool, tmp_path: Path) -> None:
    report = gate(good(), tmp_path, agent_share(at_least))
    assert report.passed is passed
    assert metrics(report)["shares"] == {"agent_share": pytest.approx(1 / 3, abs=1e-6)}


def test_a_line_that_cannot_be_read_has_no_say_in_a_share(tmp_path: Path) -> None:
    draft = good()
    draft.tails["train"] = b"{\n" * 10
    report = gate(draft, tmp_path, agent_share(1 / 3))
    assert list(broken(report)) == ["standalone_json"]


def test_a_share_of_nothing_is_no_pass(tmp_path: Path) -> None:
    report = gate(good(0, 0), tmp_path, agent_share(0.1))
    assert "agent_share" in broken(report)
    assert metrics(report)["shares"] == {"agent_share": 0.0}
    assert "nothing to measure" in table(report)


def test_a_subject_rule_names_its_rows(tmp_path: Path) -> None:
    suite = Suite(rows=[RowRule(name="no_r", why="ids start with v", holds=lambda row: row.id[0] == "v")])
    report = gate(good(train=30), tmp_path, suite)
    assert broken(report) == {"no_r": [f"r{n:03}" for n in range(30)]}
    text = table(report)
    assert "no_r" in text and "30 rows" in text and "r000 (train.jsonl:1)" in text


@pytest.mark.parametrize("name", ["roles", "id", "where"])
def test_a_rule_name_is_used_once(name: str, tmp_path: Path) -> None:
    with pytest.raises(GateError, match=name):
        gate(good(), tmp_path, Suite(rows=[RowRule(name=name, why="", holds=lambda row: True)]))


def test_a_rule_that_cannot_be_evaluated_is_no_pass() -> None:
    check = Check(
        name="agent_share",
        why="enough agents",
        remedy="",
        kind="share",
        severity="failure",
        values=np.array(["some", "text"]),
        threshold=0.1,
    )
    with pytest.raises(GateError, match="agent_share"):
        judge("persona", ["a", "b"], ["train.jsonl:1", "train.jsonl:2"], [check])


def test_the_same_dataset_gives_the_same_bytes(tmp_path: Path) -> None:
    told = []
    for copy in ("one", "two"):
        report = gate(spoiled(), tmp_path / copy)
        told.append([metrics(report), pass_file(report), list(failures(report)), table(report)])
    assert encode(told[0]) == encode(told[1])
    assert str(tmp_path) not in encode(told[0]).decode()


def test_data_docs_are_one_readable_page_without_network_or_script(tmp_path: Path) -> None:
    draft = spoiled()
    draft.row("r004").id = "<script>alert(1)</script>"
    page = tmp_path / "reports/index.html"
    why = "at least 34 % of the $rows are <agents>"
    suite = Suite(shares=[ShareRule(name="agent_share", why=why, counts=_is_agent, at_least=0.34)])
    report = gate(draft, tmp_path, suite, page=page, waivers={"agent_share": "few agents so far"})
    html = page.read_text("utf-8")
    assert not re.search(r"(?:src|href)=['\"]?(?:https?:)?//", html)
    assert "<script" not in html
    for rule in report.rules:
        assert rule.name in html
    assert "v001" in html and "few agents so far" in html
    assert "34 % of the $rows are &lt;agents&gt;" in html


@pytest.mark.parametrize(("too_few", "verdict"), [("warn", "passed"), ("fail", "failed")])
def test_the_page_tells_the_gates_verdict(too_few: str, verdict: str, tmp_path: Path) -> None:
    """Great Expectations alone would call a suite with a warning failed."""
    page = tmp_path / "index.html"
    gate(good(), tmp_path, minimum_samples=31, too_few=too_few, page=page)
    assert f"<title>Gate persona: {verdict}</title>" in page.read_text("utf-8")
