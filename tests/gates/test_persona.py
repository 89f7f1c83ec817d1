"""The persona's part of the gate, each rule seen failing on exactly the row that was spoiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from bluebook.subjects.persona.suite import ExpectPolicy, expectations
from bluebook.subjects.subject import Suite
from tests.gates.drafts import Draft, Plant, broken, gate, good


@pytest.fixture(scope="module")
def suite() -> Suite:
    return expectations(ExpectPolicy(mode_share=0.2, short_share=0.9, short_words=40))


# In `good()` the ids r000, r003, r006 … are dual, r001, r004 … emulation and r002, r005 … agent rows.


def no_tag(draft: Draft) -> None:
    draft.write("r003", prompt="What is it about the harbour that makes me drowsy?")


def tags_of_two_modes(draft: Draft) -> None:
    draft.write("r003", prompt="<user>: What is it about the harbour that makes me drowsy?")


def tag_and_nothing(draft: Draft) -> None:
    draft.write("r004", response="<assistant>: ")


def tag_not_first(draft: Draft) -> None:
    draft.write("r004", response="Well, <assistant>: the ladder is wet.")


def foreign_tag_in_reply(draft: Draft) -> None:
    draft.write("r004", response="<assistant>: the ladder is wet.\n<world>: so is the orchard.")


def own_tag_again(draft: Draft) -> None:
    draft.write("v001", prompt=f"{draft.examples['v001'].prompt}\n<user>: and the gate?")


def filler(draft: Draft) -> None:
    draft.write("r005", response="<action>: As an AI language model, I would oil the bicycle.")


def secret_in_prompt(draft: Draft) -> None:
    draft.write("r007", prompt="<user>: did you answer the letter from nobody@nowhere-at-all.org yet?")


def secret_in_reply(draft: Draft) -> None:
    draft.write("v004", response="<assistant>: Ask mina.kettle@nowhere-at-all.org for the spare lantern.")


def token_of_no_family(draft: Draft) -> None:
    draft.write("r010", response="<assistant>: The reply began with <|made_up_marker|> and then went on.")


ROWS: list[tuple[Plant, str, str]] = [
    (no_tag, "own_tags", "r003"),
    (tags_of_two_modes, "own_tags", "r003"),
    (tag_and_nothing, "own_tags", "r004"),
    (tag_not_first, "own_tags", "r004"),
    (foreign_tag_in_reply, "no_foreign_tags", "r004"),
    (own_tag_again, "no_foreign_tags", "v001"),
    (filler, "no_filler", "r005"),
    (secret_in_prompt, "no_secrets", "r007"),
    (secret_in_reply, "no_secrets", "v004"),
    (token_of_no_family, "no_control_tokens", "r010"),
]


@pytest.mark.parametrize(("plant", "rule", "id"), ROWS, ids=[plant.__name__ for plant, _, _ in ROWS])
def test_a_planted_fault_fails_its_rule_and_names_its_row(
    plant: Plant, rule: str, id: str, suite: Suite, tmp_path: Path
) -> None:
    draft = good()
    plant(draft)
    report = gate(draft, tmp_path, suite)
    found = broken(report)
    assert rule in found
    assert found[rule] == [id]
    # A row without its own tag has no mode, so what stands in the other side's tag position is foreign too.
    allowed = {"own_tags", "no_foreign_tags"} if rule == "own_tags" else {rule}
    assert set(found) <= allowed
    assert not report.passed


def long_replies(draft: Draft) -> None:
    for number in range(4):
        words = " ".join(f"{word}{number}" for word in ["slowly"] * 41)
        draft.write(f"r{number:03}", response=f"{draft.examples[f'r{number:03}'].response} {words}")


def few_of(mode: int) -> Plant:
    """Keep three rows of one mode, a tenth of the rest and less than the fifth that is asked for."""

    def plant(draft: Draft) -> None:
        draft.train = [
            row for number, row in enumerate(draft.train) if number % 3 != mode or number in range(9)
        ]
        draft.validation = [row for number, row in enumerate(draft.validation) if number % 3 != mode]

    return plant


SHARES: list[tuple[Plant, str]] = [
    (long_replies, "short_replies"),
    (few_of(0), "share_dual"),
    (few_of(1), "share_emulation"),
    (few_of(2), "share_agent"),
]


@pytest.mark.parametrize(("plant", "rule"), SHARES, ids=[rule for _, rule in SHARES])
def test_a_share_that_falls_short(plant: Plant, rule: str, suite: Suite, tmp_path: Path) -> None:
    draft = good()
    plant(draft)
    report = gate(draft, tmp_path, suite)
    assert list(broken(report)) == [rule]
    assert not report.passed


def test_every_rule_of_the_suite_has_been_seen_failing(suite: Suite) -> None:
    assert {rule.name for rule in suite.rows} == {rule for _, rule, _ in ROWS}
    assert {rule.name for rule in suite.shares} == {rule for _, rule in SHARES}


def test_good_rows_and_what_only_looks_like_a_fault_pass(suite: Suite, tmp_path: Path) -> None:
    draft = good()
    draft.write("r000", prompt="<thought>: why does the form say <user>: twice, next to <world>?")
    draft.write("r001", response="<assistant>: Certainly not; software like that belongs in a museum.")
    draft.write("r002", response="<action>: Bring bus 512 to bay 7 at 18:45 and note it in the diary.")
    report = gate(draft, tmp_path, suite)
    assert broken(report) == {}
    assert report.passed
