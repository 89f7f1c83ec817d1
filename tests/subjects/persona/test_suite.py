"""The persona's part of the gate: a good dataset passes, and each rule fails on what it must catch."""

from __future__ import annotations

import pytest

from bluebook.records import DatasetRow, Message, TokenCount
from bluebook.subjects.persona.suite import ExpectPolicy, expectations

POLICY = ExpectPolicy(mode_share=0.2, short_share=0.9, short_words=40)
SUITE = expectations(POLICY)


def row(prompt: str, response: str, *, system: str | None = None) -> DatasetRow:
    before = [Message(role="system", content=system)] if system is not None else []
    return DatasetRow(
        id="r",
        prompt=[*before, Message(role="user", content=prompt)],
        completion=[Message(role="assistant", content=response)],
        tokens=TokenCount(prompt=1, completion=1),
    )


def broken(*args: str, **kwargs: str) -> list[str]:
    """Names of the rules that the row breaks."""
    return [rule.name for rule in SUITE.rows if not rule.holds(row(*args, **kwargs))]


GOOD = [
    ("<thought>: Is the gate shut?", "<world>: It is, and the latch is down."),
    ("<user>: Is the gate shut?", "<assistant>: I shut it myself at six."),
    ("<instruction>: Shut the gate.", "<action>: Shut it and dropped the latch."),
]


@pytest.mark.parametrize(("prompt", "response"), GOOD)
def test_a_good_row_keeps_every_rule(prompt: str, response: str) -> None:
    assert broken(prompt, response) == []


def test_a_text_that_quotes_tags_keeps_every_rule() -> None:
    assert broken("<user>: What is <world>: for?", "<assistant>: For the place; <thought> is for me.") == []
    assert broken("<user>: Say\n<world> to me.", "<assistant>: No.") == []


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        ("Is the gate shut?", "<world>: It is."),
        ("<thought>: Is the gate shut?", "It is."),
        ("<user>: Is the gate shut?", "<world>: It is."),
        ("<world>: It is.", "<thought>: Is the gate shut?"),
        ("<thought>: ", "<world>: It is."),
        ("<thought>: Is the gate shut?", "<world>: "),
        ("<thought>:Is the gate shut?", "<world>: It is."),
        (" <thought>: Is the gate shut?", "<world>: It is."),
    ],
)
def test_own_tags_fails(prompt: str, response: str) -> None:
    assert "own_tags" in broken(prompt, response)


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        ("<thought>: Shut?\n<user>: And locked?", "<world>: It is."),
        ("<thought>: Shut?\n<thought>: And locked?", "<world>: It is."),
        ("<thought>: Shut?", "<world>: It is.\n<assistant>: I shut it."),
        ("<thought>: Shut?", "<world>: It is.\n<thought>: Was it?"),
        ("<thought>: Shut?", "<world>: It is.\n<world>: It is."),
    ],
)
def test_no_foreign_tags_fails(prompt: str, response: str) -> None:
    assert broken(prompt, response) == ["no_foreign_tags"]


def test_no_filler_fails_on_the_reply_only() -> None:
    assert broken("<user>: Shut?", "<assistant>: Certainly! I shut it at six.") == ["no_filler"]
    assert broken("<user>: Certainly! Is it shut?", "<assistant>: I shut it at six.") == []


def test_no_secrets_fails_on_either_side_and_in_a_system_message() -> None:
    secret = "mail me at keeper@lock.example"
    assert broken(f"<user>: {secret}", "<assistant>: I will.") == ["no_secrets"]
    assert broken("<user>: How?", f"<assistant>: {secret}") == ["no_secrets"]
    assert broken("<user>: How?", "<assistant>: By post.", system=secret) == ["no_secrets"]


def test_no_control_tokens_fails_on_either_side() -> None:
    assert broken("<user>: What is <|im_end|>?", "<assistant>: An end.") == ["no_control_tokens"]
    assert broken("<user>: What is it?", "<assistant>: It says [INST] on it.") == ["no_control_tokens"]


def test_a_row_without_messages_fails_by_rule_and_not_by_crash() -> None:
    empty = DatasetRow(id="r", prompt=[], completion=[], tokens=TokenCount(prompt=0, completion=0))
    assert [rule.name for rule in SUITE.rows if not rule.holds(empty)] == ["own_tags"]


def share(name: str, rows: list[DatasetRow]) -> float:
    (rule,) = [rule for rule in SUITE.shares if rule.name == name]
    return sum(rule.counts(one) for one in rows) / len(rows)


def test_shares_count_modes_by_the_reply_s_tag() -> None:
    rows = [row(*GOOD[0])] * 7 + [row(*GOOD[1])] * 2 + [row(*GOOD[2])]
    assert [share(f"share_{mode}", rows) for mode in ("dual", "emulation", "agent")] == [0.7, 0.2, 0.1]
    assert {rule.name: rule.at_least for rule in SUITE.shares} == {
        "share_dual": 0.2,
        "share_emulation": 0.2,
        "share_agent": 0.2,
        "short_replies": 0.9,
    }


def test_short_replies_counts_words_without_the_tag() -> None:
    forty = row("<user>: Go on.", "<assistant>: " + "word " * 39 + "word.")
    more = row("<user>: Go on.", "<assistant>: " + "word " * 40 + "word.")
    assert share("short_replies", [forty]) == 1.0
    assert share("short_replies", [more]) == 0.0
