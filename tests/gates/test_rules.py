"""Every generic rule, seen failing on exactly the row that was spoiled, and on nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bluebook.errors import DataError
from bluebook.families import control_tokens
from bluebook.gates.dataset import read_dataset
from bluebook.gates.rules import RULES, wrong_roles
from bluebook.records import Message, TokenCount, encode
from tests.gates.drafts import MAX_TOKENS, Draft, Plant, broken, gate, good, row_of, texts, write


def cut_line(draft: Draft) -> None:
    draft.tails["train"] = encode(draft.train[0])[:40] + b"\n"


def two_objects(draft: Draft) -> None:
    line = encode(draft.validation.pop())
    draft.tails["validation"] = line + b" " + line + b"\n"


def bad_bytes(draft: Draft) -> None:
    draft.tails["train"] = encode(draft.train.pop()).replace(b"old", b"\xffld") + b"\n"


def wrong_field(draft: Draft) -> None:
    draft.tails["train"] = encode(draft.train.pop()).replace(b'"completion":[', b'"answer":[') + b"\n"


def blank_line(draft: Draft) -> None:
    draft.tails["train"] = b"\n"


def no_newline(draft: Draft) -> None:
    draft.tails["train"] = encode(draft.train.pop())


def swapped(draft: Draft) -> None:
    draft.train[3], draft.train[4] = draft.train[4], draft.train[3]


def user_completes(draft: Draft) -> None:
    draft.row("r003").completion[0].role = "user"


def two_user_turns(draft: Draft) -> None:
    draft.row("r003").prompt = [Message(role="user", content=t) for t in ("First", "then.")]
    draft.examples["r003"].prompt = "First\nthen."


def assistant_asks(draft: Draft) -> None:
    draft.row("r003").prompt[0].role = "assistant"


def empty_system(draft: Draft) -> None:
    draft.row("r003").prompt.insert(0, Message(role="system", content=" \n"))
    draft.examples["r003"].system = " \n"


def empty_reply(draft: Draft) -> None:
    draft.write("r003", response="")


def no_tokens(draft: Draft) -> None:
    draft.row("v002").tokens = TokenCount(prompt=12, completion=0)


def too_long(draft: Draft) -> None:
    draft.row("v002").tokens = TokenCount(prompt=MAX_TOKENS - 9, completion=10)


def token_in_prompt(draft: Draft) -> None:
    draft.write("r007", prompt="<user>: what does <|im_end|> do in a template?")


def token_in_reply(draft: Draft) -> None:
    draft.write("r007", response=f"<assistant>: it ends a turn, like {control_tokens()[-1]} does.")


def no_example(draft: Draft) -> None:
    del draft.examples["r009"]


def prompt_changed(draft: Draft) -> None:
    draft.row("r009").prompt[0].content += " "


def reply_changed(draft: Draft) -> None:
    draft.row("r009").completion[0].content = draft.row("r009").completion[0].content.replace("dry", "cold")


def system_added(draft: Draft) -> None:
    draft.row("r009").prompt.insert(0, Message(role="system", content="Be brief."))


def side_changed(draft: Draft) -> None:
    draft.examples["v001"].split = "train"


def twin(draft: Draft) -> None:
    """The same pair under another id, in other case and spacing."""
    prompt, response = texts(2)
    draft.write("r011", prompt=prompt.upper(), response=f"  {response}")


def same_prompt_across(draft: Draft) -> None:
    draft.write("v003", prompt=draft.examples["r001"].prompt.replace(" ", "  "))


def near_across(draft: Draft) -> None:
    prompt, response = _long_pair("today")
    draft.write("v003", prompt=prompt, response=response)
    prompt, response = _long_pair("tonight")
    draft.write("r001", prompt=prompt, response=response)


def group_across(draft: Draft) -> None:
    draft.examples["v004"].origin = msgspec.structs.replace(
        draft.examples["v004"].origin, group=draft.examples["r000"].origin.group
    )


def asks_practice_item(draft: Draft) -> None:
    draft.write("r013", prompt=draft.items[0].prompt.upper())


def asks_holdout_item(draft: Draft) -> None:
    draft.write("v005", prompt=draft.holdout[0].prompt)


def near_holdout_item(draft: Draft) -> None:
    draft.holdout[0].prompt, draft.holdout[0].reference = _long_pair("today")
    prompt, response = _long_pair("tonight")
    draft.write("v005", prompt=prompt, response=response)


def quotes_practice_item(draft: Draft) -> None:
    """An item hidden in a longer prompt, too long to be near it."""
    prompt, draft.items[0].reference = _long_pair("today")
    draft.items[0].prompt = prompt
    draft.write("r013", prompt=f"{_preface()} {prompt} {_preface('afterwards')}")


def quotes_holdout_reply(draft: Draft) -> None:
    """A long reply of the holdout, told again under another prompt."""
    draft.holdout[0].reference = f"<assistant>: {_preface('slowly')}"
    draft.write(
        "v005", prompt="<user>: How was it?", response=f"<assistant>: Well then. {_preface('slowly')}"
    )


def _preface(how: str = "before") -> str:
    return (
        f"It was told {how} in the long evenings at the harbour, when nets were mended and nobody was in a hurry, that "
        "the miller kept three clocks, each of them wrong in its own way, and that he asked his visitors which was the "
        "kindest, because a clock that is late forgives, one that is early warns, and one that stands is right twice."
    )


def _long_pair(when: str) -> tuple[str, str]:
    """Two of these differ in one word of forty."""
    prompt = (
        "<user>: The river rose over the lower meadow, the goats stand on the bridge, nobody has seen the "
        f"ferryman since the market, and the mill wheel turns backwards {when}; what should we do first?"
    )
    response = (
        "<assistant>: Bring the goats up the hill, then send two people with a rope to look for the ferryman."
    )
    return prompt, response


CASES: list[tuple[Plant, str, str]] = [
    (cut_line, "standalone_json", "train.jsonl:25"),
    (two_objects, "standalone_json", "validation.jsonl:6"),
    (bad_bytes, "standalone_json", "train.jsonl:24"),
    (wrong_field, "standalone_json", "train.jsonl:24"),
    (blank_line, "standalone_json", "train.jsonl:25"),
    (no_newline, "standalone_json", "train.jsonl:24"),
    (swapped, "sorted_ids", "r003"),
    (user_completes, "roles", "r003"),
    (two_user_turns, "roles", "r003"),
    (assistant_asks, "roles", "r003"),
    (empty_system, "text_present", "r003"),
    (empty_reply, "text_present", "r003"),
    (no_tokens, "tokens_counted", "v002"),
    (too_long, "token_budget", "v002"),
    (token_in_prompt, "no_family_tokens", "r007"),
    (token_in_reply, "no_family_tokens", "r007"),
    (no_example, "from_example", "r009"),
    (prompt_changed, "content_unchanged", "r009"),
    (reply_changed, "content_unchanged", "r009"),
    (system_added, "content_unchanged", "r009"),
    (side_changed, "split_kept", "v001"),
    (twin, "no_duplicates", "r011"),
    (same_prompt_across, "splits_disjoint", "v003"),
    (near_across, "splits_not_near", "r001"),
    (group_across, "groups_whole", "v004"),
    (asks_practice_item, "exam_disjoint", "r013"),
    (asks_holdout_item, "exam_disjoint", "v005"),
    (near_holdout_item, "exam_not_near", "v005"),
    (quotes_practice_item, "exam_not_quoted", "r013"),
    (quotes_holdout_reply, "exam_not_quoted", "v005"),
]


@pytest.mark.parametrize(("plant", "rule", "id"), CASES, ids=[plant.__name__ for plant, _, _ in CASES])
def test_a_planted_fault_fails_its_rule_and_names_its_row(
    plant: Plant, rule: str, id: str, tmp_path: Path
) -> None:
    draft = good()
    plant(draft)
    report = gate(draft, tmp_path)
    assert broken(report) == {rule: [id]}
    assert not report.passed


def test_one_id_twice(tmp_path: Path) -> None:
    """A row that is there twice is also a duplicate of itself; only the second is at fault, by its line."""
    draft = good()
    draft.train.insert(6, row_of(draft.examples["r005"]))
    report = gate(draft, tmp_path)
    assert broken(report) == {"unique_ids": ["r005"], "no_duplicates": ["r005"]}
    assert {failure.where for rule in report.rules for failure in rule.failing} == {"train.jsonl:7"}


def test_every_rule_has_been_seen_failing() -> None:
    assert {rule.name for rule in RULES} == {rule for _, rule, _ in CASES} | {"unique_ids"}


def test_a_good_dataset_passes(tmp_path: Path) -> None:
    report = gate(good(), tmp_path)
    assert broken(report) == {}
    assert report.passed
    assert report.rows == {"train": 24, "validation": 6}


def test_a_system_text_that_the_example_has_is_fine(tmp_path: Path) -> None:
    draft = good()
    draft.row("r003").prompt.insert(0, Message(role="system", content="You keep it short."))
    draft.examples["r003"].system = "You keep it short."
    assert gate(draft, tmp_path).passed


def test_earlier_turns_alternate() -> None:
    row = row_of(good().examples["r003"])
    row.prompt[:0] = [Message(role="user", content="Hello."), Message(role="assistant", content="Hello.")]
    assert wrong_roles(row) == ""


def _after_the_tag(response: str) -> str:
    """A stand-in for a subject's canonical program: here the reply, whatever its tag."""
    return response.partition(": ")[2]


def test_an_equal_program_is_an_overlap_under_any_prompt(tmp_path: Path) -> None:
    draft = good()
    reply = _after_the_tag(draft.examples["r001"].response)
    draft.write("v000", response=f"<other>: {reply}")
    draft.write("v001", response=f"<other>: {_after_the_tag(draft.holdout[0].reference)}")
    assert gate(draft, tmp_path / "free").passed
    report = gate(draft, tmp_path / "programs", program=_after_the_tag)
    assert broken(report) == {"splits_disjoint": ["v000"], "exam_disjoint": ["v001"]}


def test_only_what_differs_in_one_number_is_not_near(tmp_path: Path) -> None:
    draft = good()
    prompt, response = _long_pair("at 6")
    draft.holdout[0].prompt, draft.holdout[0].reference = prompt, response
    draft.write("v005", prompt=prompt.replace("at 6", "at 7"), response=response)
    assert gate(draft, tmp_path).passed


def test_every_failing_row_is_named(tmp_path: Path) -> None:
    """Great Expectations shows twenty rows by default; the report has all."""
    draft = good(train=60)
    for row in draft.train:
        row.tokens = TokenCount(prompt=0, completion=1)
    assert broken(gate(draft, tmp_path)) == {"tokens_counted": [f"r{n:03}" for n in range(60)]}


def test_an_empty_dataset_fails_whatever_too_few_says(tmp_path: Path) -> None:
    report = gate(good(0, 0), tmp_path, too_few="warn")
    assert broken(report) == {"training_rows": [], "minimum_samples": []}
    assert not report.passed


@pytest.mark.parametrize(
    "missing", ["datasets/persona/validation.jsonl", "examples/persona.jsonl", "holdout/persona.jsonl"]
)
def test_a_missing_file_is_named(missing: str, tmp_path: Path) -> None:
    write(good(), tmp_path)
    (tmp_path / "data" / missing).unlink()
    with pytest.raises(DataError, match=missing):
        read_dataset(
            tmp_path / "data/datasets/persona",
            tmp_path / "data/examples/persona.jsonl",
            tmp_path / "data/exams/persona",
            tmp_path / "data/holdout/persona.jsonl",
            max_tokens=MAX_TOKENS,
            near_duplicate=0.85,
            program=_after_the_tag,
        )
