"""The rules that hold for a dataset of any subject.

A rule finds the lines that break it and says of each what is wrong; the list at the end is all there is to
adding one. What a rule needs beyond one row (other rows, examples, exams) is in the Dataset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

import msgspec

from bluebook.corpus.duplicates import fingerprint, normalise
from bluebook.corpus.quotes import Quotes
from bluebook.families import control_tokens
from bluebook.gates.dataset import Dataset, Split, asked, replied
from bluebook.gates.near import near_rows
from bluebook.records import DatasetRow

# The index in `Dataset.lines` of each line that breaks the rule, and what is wrong with it ("" where the rule
# says all).
Findings = dict[int, str]


class Rule(msgspec.Struct, frozen=True):
    """A rule that every line must keep. `remedy` tells the reader of a failing gate what to do."""

    name: str
    why: str
    remedy: str
    find: Callable[[Dataset], Findings]


def each(fault: Callable[[DatasetRow], str]) -> Callable[[Dataset], Findings]:
    """A rule on single rows: `fault` says what is wrong with a row, "" where nothing is."""

    def find(dataset: Dataset) -> Findings:
        return {index: found for index, _, row in dataset.rows() if (found := fault(row))}

    return find


def unreadable(dataset: Dataset) -> Findings:
    return {index: line.fault for index, line in enumerate(dataset.lines) if line.row is None}


def repeated_ids(dataset: Dataset) -> Findings:
    return _repeats(dataset, ((index, row.id) for index, _, row in dataset.rows()))


def unsorted_ids(dataset: Dataset) -> Findings:
    """Lines whose id is smaller than the one before it in the same file."""
    found: Findings = {}
    split: Split | None = None
    previous = ""
    for index, line, row in dataset.rows():
        if line.split == split and row.id < previous:
            found[index] = f"comes after {previous}"
        split, previous = line.split, row.id
    return found


def wrong_roles(row: DatasetRow) -> str:
    """A prompt is an optional system message, then turns that alternate and end with the user's; a completion
    is one assistant message."""
    prompt = [message.role for message in row.prompt]
    turns = prompt[1:] if prompt[:1] == ["system"] else prompt
    expected = ["user" if index % 2 == 0 else "assistant" for index in range(len(turns))]
    if len(turns) % 2 == 0 or turns != expected:
        return f"prompt roles are {', '.join(prompt) or 'none'}"
    completion = [message.role for message in row.completion]
    return "" if completion == ["assistant"] else f"completion roles are {', '.join(completion) or 'none'}"


def empty_text(row: DatasetRow) -> str:
    for side in (row.prompt, row.completion):
        for message in side:
            if not message.content or message.content.isspace():
                return f"the {message.role} message is empty"
    return ""


def uncounted(row: DatasetRow) -> str:
    tokens = row.tokens
    return (
        "" if tokens.prompt > 0 and tokens.completion > 0 else f"{tokens.prompt} + {tokens.completion} tokens"
    )


def over_budget(dataset: Dataset) -> Findings:
    most = dataset.max_tokens
    return {
        index: f"{row.tokens.prompt + row.tokens.completion} tokens of {most}"
        for index, _, row in dataset.rows()
        if row.tokens.prompt + row.tokens.completion > most
    }


def control_token(row: DatasetRow) -> str:
    search = _control_pattern().search
    for side in (row.prompt, row.completion):
        for message in side:
            if match := search(message.content):
                return f"{match[0]!r} in the {message.role} message"
    return ""


@cache
def _control_pattern() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, control_tokens())))


def duplicate_rows(dataset: Dataset) -> Findings:
    """Rows of one split with the prompt and completion of an earlier row."""
    lines = dataset.lines
    return _repeats(
        dataset,
        ((index, (lines[index].split, pair.prompt, pair.response)) for index, pair in dataset.pairs.items()),
    )


def split_overlap(dataset: Dataset) -> Findings:
    """Validation rows with the prompt or the program of a training row."""
    lines, pairs, programs = dataset.lines, dataset.pairs, dataset.programs
    prompts = {pair.prompt: index for index, pair in pairs.items() if lines[index].split == "train"}
    taught = {told: index for index, told in programs.items() if lines[index].split == "train"}
    found: Findings = {}
    for index, pair in pairs.items():
        if lines[index].split != "validation":
            continue
        if pair.prompt in prompts:
            found[index] = f"prompt {_same_as(dataset, prompts[pair.prompt])}"
        elif programs.get(index) in taught:
            found[index] = f"program {_same_as(dataset, taught[programs[index]])}"
    return found


def exam_overlap(dataset: Dataset) -> Findings:
    """Rows with the prompt or the program of an exam item."""
    prompts = {normalise(item.prompt): item.id for item in dataset.exam_items}
    programs = {dataset.program(item.reference): item.id for item in dataset.exam_items}
    programs.pop(None, None)
    found: Findings = {}
    for index, pair in dataset.pairs.items():
        if pair.prompt in prompts:
            found[index] = f"prompt of exam item {prompts[pair.prompt]}"
        elif dataset.programs.get(index) in programs:
            found[index] = f"program of exam item {programs[dataset.programs[index]]}"
    return found


def near_exam(dataset: Dataset) -> Findings:
    """Rows nearly like an exam item, both prompt and completion."""
    return {index: f"nearly exam item {item}" for index, item in near_rows(dataset).exam.items()}


def quotes_exam(dataset: Dataset) -> Findings:
    """Rows that quote an exam item, as `corpus/quotes.py` counts it, and are not too like it as a whole."""
    quotes = Quotes()
    for item in dataset.exam_items:
        formal = dataset.program(item.reference) is not None
        quotes.add(item.id, fingerprint(item.prompt, item.reference), formal=formal)
    told = exam_overlap(dataset).keys() | near_rows(dataset).exam.keys()
    return {
        index: f"quotes exam item {item_id}"
        for index, pair in dataset.pairs.items()
        if index not in told and (item_id := quotes.find(pair)) is not None
    }


def near_validation(dataset: Dataset) -> Findings:
    """Training rows nearly like a validation row, both prompt and completion."""
    return {index: f"nearly validation row {id}" for index, id in near_rows(dataset).validation.items()}


def split_groups(dataset: Dataset) -> Findings:
    """Validation rows of a group that has training rows. Groups come from the examples, sides from the
    files."""
    group_of = {id: example.origin.group for id, example in dataset.examples.items()}
    train = {
        group_of[row.id]: index
        for index, line, row in dataset.rows()
        if line.split == "train" and row.id in group_of
    }
    return {
        index: f"group {group_of[row.id]} is in training too: {_same_as(dataset, train[group_of[row.id]])}"
        for index, line, row in dataset.rows()
        if line.split == "validation" and group_of.get(row.id) in train
    }


def unknown_rows(dataset: Dataset) -> Findings:
    examples = dataset.examples
    return {index: "" for index, _, row in dataset.rows() if row.id not in examples}


def changed_content(dataset: Dataset) -> Findings:
    """Rows whose texts are not their example's, byte for byte."""
    found: Findings = {}
    for index, _, row in dataset.rows():
        example = dataset.examples.get(row.id)
        if example is None:
            continue
        if [message.content for message in row.prompt if message.role == "system"] != _texts(example.system):
            found[index] = "the system text is not the example's"
        elif asked(row) != example.prompt:
            found[index] = "the prompt is not the example's"
        elif replied(row) != example.response:
            found[index] = "the completion is not the example's response"
    return found


def _texts(text: str | None) -> list[str]:
    return [] if text is None else [text]


def wrong_split(dataset: Dataset) -> Findings:
    found: Findings = {}
    for index, line, row in dataset.rows():
        example = dataset.examples.get(row.id)
        if example is not None and example.split != line.split:
            found[index] = f"its example belongs to {example.split or 'no split'}"
    return found


def _repeats(dataset: Dataset, keys: Iterable[tuple[int, object]]) -> Findings:
    """Every index whose key an earlier index has."""
    first: dict[object, int] = {}
    found: Findings = {}
    for index, key in keys:
        earlier = first.setdefault(key, index)
        if earlier != index:
            found[index] = _same_as(dataset, earlier)
    return found


def _same_as(dataset: Dataset, index: int) -> str:
    line = dataset.lines[index]
    return f"same as {line.id} ({line.where})"


_EXPORT = "the export did not write this row as it should; run `dvc repro export` and look at its report"
_COMPOSE = "compose keeps these apart; run `dvc repro compose`, and do not edit its outputs"

# In the order in which findings are best read: can it be read, is it well formed, is it what was meant, is it
# apart.
RULES: tuple[Rule, ...] = (
    Rule("standalone_json", "each line is one whole dataset row as JSON", _EXPORT, unreadable),
    Rule("unique_ids", "no id is used twice", _EXPORT, repeated_ids),
    Rule("sorted_ids", "rows are sorted by id, so that equal data gives equal bytes", _EXPORT, unsorted_ids),
    Rule(
        "roles",
        "a prompt ends with the user's turn and one assistant message completes it",
        _EXPORT,
        each(wrong_roles),
    ),
    Rule("text_present", "no message is empty", "drop or repair the record at its source", each(empty_text)),
    Rule("tokens_counted", "prompt and completion have at least one token each", _EXPORT, each(uncounted)),
    Rule(
        "token_budget",
        "prompt and completion together keep within export.max_tokens",
        "raise export.max_tokens, or split the record; a row is never cut",
        over_budget,
    ),
    Rule(
        "no_family_tokens",
        "no text holds a control token of any model family, which would end or open a turn",
        "neutralise the token where the subject reads its raw material",
        each(control_token),
    ),
    Rule("from_example", "each row has an example of its id", _COMPOSE, unknown_rows),
    Rule("content_unchanged", "a row holds its example's texts as they are", _EXPORT, changed_content),
    Rule("split_kept", "each row is on the side that its example was given", _EXPORT, wrong_split),
    Rule(
        "no_duplicates",
        "no two rows of a split have the same prompt and completion",
        _COMPOSE,
        duplicate_rows,
    ),
    Rule(
        "splits_disjoint",
        "no validation row has the prompt or the program of a training row",
        _COMPOSE,
        split_overlap,
    ),
    Rule(
        "splits_not_near",
        "no training row is a near-duplicate of a validation row",
        _COMPOSE,
        near_validation,
    ),
    Rule("groups_whole", "all rows of a group are on one side of the split", _COMPOSE, split_groups),
    Rule(
        "exam_disjoint",
        "no row has the prompt or the program of an exam or holdout item",
        _COMPOSE,
        exam_overlap,
    ),
    Rule("exam_not_near", "no row is a near-duplicate of an exam or holdout item", _COMPOSE, near_exam),
    Rule(
        "exam_not_quoted",
        "no row quotes half of an exam or holdout item, in runs of 13 words",
        _COMPOSE,
        quotes_exam,
    ),
)
