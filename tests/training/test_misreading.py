"""Input noise is a fact about the example: nothing that is asked, taught or in the same batch changes by it."""

from __future__ import annotations

import torch

from bluebook.training.batching import IGNORED, Collator, split
from bluebook.training.misreading import misread

PROMPT = list(range(100, 110))


def example(number: int, length: int) -> dict[str, list[int]]:
    completion = [200 + (number * 37 + at * 11) % 300 for at in range(length)]
    return {"input_ids": PROMPT + completion, "labels": [IGNORED] * len(PROMPT) + completion}


EXAMPLES = [example(number, 300 + 40 * number) for number in range(6)]


def read(packed: bool, share: float = 0.1, seed: int = 3, few: int | None = None) -> list[list[int]]:
    batch = Collator(0, packed=packed)(EXAMPLES[:few])
    kept = {**batch, "input_ids": batch["input_ids"].clone(), "labels": batch["labels"].clone()}
    noisy = misread(batch, share, seed)
    assert all(torch.equal(batch[name], kept[name]) for name in ("input_ids", "labels"))
    return [found["input_ids"].tolist() for found, _ in split({**batch, "input_ids": noisy})]


def test_only_a_share_of_the_completion_is_misread_and_by_tokens_of_its_own() -> None:
    again = others = 0
    for given, found in zip(EXAMPLES, read(packed=True), strict=True):
        right = given["input_ids"]
        assert found[: len(PROMPT)] == PROMPT
        wrong = [at for at, (one, other) in enumerate(zip(right, found, strict=True)) if one != other]
        assert 0.05 < len(wrong) / (len(right) - len(PROMPT)) < 0.16
        assert all(found[at] in right[len(PROMPT) - 1 :] for at in wrong)
        again += sum(found[at] == right[at - 1] for at in wrong)
        others += sum(found[at] != right[at - 1] for at in wrong)
    assert 0.6 < again / others < 1.6


def test_it_follows_from_the_example_and_the_seed_alone() -> None:
    assert read(packed=True) == read(packed=False)
    assert read(packed=True)[:2] == read(packed=True, few=2)
    assert read(packed=True) != read(packed=True, seed=4)
    assert read(packed=True, share=0.0) == [given["input_ids"] for given in EXAMPLES]
