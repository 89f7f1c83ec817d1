"""Spans of characters to regions of tokens, and what a weight may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bluebook.errors import DataError, ParamsError
from bluebook.families import chat_template, encode_row, family_named
from bluebook.records import (
    INJECTED,
    REGIONS_FILE,
    DatasetRow,
    Message,
    Region,
    TokenCount,
    read_jsonl,
    write_jsonl,
)
from bluebook.training.batching import IGNORED
from bluebook.training.losses import TokenLosses
from bluebook.training.regions import OTHER, Tally, region_names, token_regions, weights
from bluebook.training.rows import read_rows
from bluebook.training.train import train
from tests.families.speakers import byte_level
from tests.training.conftest import LOCAL, SETTINGS, dataset

NAMES = (OTHER, "call", INJECTED)


def regions(*spans: tuple[str, int, int]) -> list[Region]:
    return [Region(name=name, start=start, end=end) for name, start, end in spans]


def test_a_token_belongs_where_it_begins() -> None:
    found = token_regions(regions(("call", 2, 6)), [(-3, 0), (0, 2), (2, 4), (4, 7), (7, 9), (9, 9)], NAMES)
    assert found == [0, 0, 1, 1, 0, 0]


def test_a_token_that_touches_injected_text_is_injected() -> None:
    spans = [(0, 3), (3, 5), (5, 8)]
    assert token_regions(regions(("call", 0, 4), (INJECTED, 4, 6)), spans, NAMES) == [1, 2, 2]


@pytest.mark.parametrize("name", ["qwen", "llama3", "gptj", "qwen3"])
def test_rows_know_the_region_of_each_token_and_mask_what_was_injected(name: str, tmp_path: Path) -> None:
    """Whatever the family wraps around an answer: what is learned is the answer without the tool's words."""
    family = family_named(name)
    tokenizer = byte_level(family, chat_template(family))
    answer = "call(7)\n→ sept «7»\nIt is seven."
    given = answer.index("→"), answer.index("It")
    prompt = [Message(role="user", content="What is 7?")]
    encoded = encode_row(tokenizer, family, prompt, answer)
    row = DatasetRow(
        id="r",
        prompt=prompt,
        completion=[Message(role="assistant", content=answer)],
        tokens=TokenCount(prompt=len(encoded.prompt), completion=len(encoded.completion)),
        regions=regions(("call", 0, given[0]), (INJECTED, *given)),
    )
    write_jsonl(tmp_path / "train.jsonl", [row])
    assert list(read_jsonl(tmp_path / "train.jsonl", DatasetRow)) == [row]
    [found] = read_rows(tmp_path / "train.jsonl", tokenizer, family, NAMES)
    learned = tokenizer.decode([label for label in found.labels if label != IGNORED])
    assert learned == f"{family.answer_prefix}call(7)\nIt is seven.{family.answer_suffix}{family.stop_token}"
    called = [t for t, number in zip(found.completion, found.regions, strict=True) if number == 1]
    assert tokenizer.decode(called).strip() == "call(7)"
    assert all(len(values) == len(found.prompt + found.completion) for values in found.features.values())
    assert found.features["regions"][: len(found.prompt)] == [0] * len(found.prompt)
    with pytest.raises(DataError, match=r"train.jsonl:1: row r has regions .* call"):
        read_rows(tmp_path / "train.jsonl", tokenizer, family)


def test_names_are_those_of_the_dataset(tmp_path: Path) -> None:
    assert region_names(tmp_path) == (OTHER,)
    (tmp_path / REGIONS_FILE).write_text('["a","b"]')
    assert region_names(tmp_path) == (OTHER, "a", "b")
    (tmp_path / REGIONS_FILE).write_text('{"a":1}')
    with pytest.raises(DataError, match="list of region names"):
        region_names(tmp_path)


@given(
    st.lists(st.tuples(st.floats(0.01, 100), st.integers(0, 10**6)), min_size=2, max_size=6).filter(
        lambda rows: any(count for _, count in rows)
    )
)
def test_weights_keep_their_ratios_and_their_mean_is_one(rows: list[tuple[float, int]]) -> None:
    names = [OTHER, *map(str, range(len(rows) - 1))]
    asked, tokens = dict(zip(names, (w for w, _ in rows), strict=True)), [count for _, count in rows]
    found = weights(asked, names, tokens)
    assert sum(w * n for w, n in zip(found, tokens, strict=True)) == pytest.approx(sum(tokens))
    assert [w / found[0] for w in found] == pytest.approx([w / rows[0][0] for w, _ in rows])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"cal": 1.0}, "unknown region 'cal'; the rows of this subject have other, call$"),
        ({INJECTED: 1.0}, "never learned"),
        ({"call": 0.0}, "expected one above 0"),
        ({"call": -1.0}, "expected one above 0"),
        ({"call": float("nan")}, "expected one above 0"),
    ],
)
def test_a_weight_that_cannot_be_is_refused(asked: dict[str, float], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        weights(asked, NAMES, [1, 2, 3])


def test_a_tally_counts_each_token_once() -> None:
    tally = Tally(NAMES, torch.device("cpu"))
    assert tally.read() is None
    for nll, correct, numbers in (([1.0, 2.0], [True, False], [0, 1]), ([4.0], [True], [1])):
        tally.add(
            TokenLosses(torch.tensor(nll), torch.tensor(correct), torch.tensor(nll) / 2),
            torch.tensor(numbers),
        )
    found = tally.read()
    assert found is not None
    assert (found.loss, found.tokens, found.penalty) == (pytest.approx(7 / 3), 3, pytest.approx(7 / 6))
    assert found.regions.keys() == {OTHER, "call"}
    assert (found.regions["call"].loss, found.regions["call"].accuracy) == (3.0, 0.5)
    tally.clear()
    assert tally.read() is None


def test_training_tells_the_loss_of_each_region(base: Path, tmp_path: Path) -> None:
    data, out = dataset(base, tmp_path / "data", rows=16, validation=6), tmp_path / "out"
    out.mkdir()
    names = ["place", "thing"]
    (data / REGIONS_FILE).write_bytes(msgspec.json.encode(names))
    for split in ("train", "validation"):
        path, changed = data / f"{split}.jsonl", []
        for row in read_jsonl(path, DatasetRow):
            text = row.completion[0].content
            middle = text.index(" is in")
            row.regions = regions(("thing", 0, middle), ("place", middle, len(text)))
            changed.append(row)
        write_jsonl(path, changed)
    settings: Any = msgspec.structs.replace(SETTINGS, epochs=2, regions={"place": 2.0})
    trained = train(data, base, out, settings, seed=7, local=LOCAL)
    metrics = trained.metrics
    assert metrics.regions.keys() == {OTHER, *names}
    assert metrics.validation_loss == pytest.approx(
        sum(region.loss * region.tokens for region in metrics.regions.values())
        / sum(region.tokens for region in metrics.regions.values()),
        abs=1e-5,
    )
    assert metrics.regions[OTHER].tokens == metrics.validation_rows  # their stop tokens
    rows = [point.row() for point in trained.curve]
    assert all(row.keys() == rows[0].keys() for row in rows)  # or `dvc plots` draws nothing
    assert {f"{kind}/{name}" for kind in ("loss", "accuracy") for name in (OTHER, *names)} <= rows[0].keys()
    assert rows[-1]["objective"] != rows[-1]["loss"]
