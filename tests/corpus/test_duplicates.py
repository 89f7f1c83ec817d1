"""What counts as one: measured against the plain definition, and the traps."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.corpus.duplicates import (
    PERMUTATIONS,
    RECALL,
    NearIndex,
    bands,
    fingerprint,
    jaccard,
    near,
    normalise,
)

WORDS = (
    "kettle ladder river orange quiet seven under letter window answer colour basket morning walk garden "
    "paper stone often bring house winter train gentle pocket figure hollow market narrow" + " "
).split()
TEXT = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)


def sentence(rng: Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words))


@pytest.mark.parametrize(
    ("left", "right"),
    [("Hello  there", "hello\nthere "), ("ﬁne", "FINE"), ("Straße", "STRASSE"), ("１２", "12")],
)
def test_normalising_makes_case_width_and_space_one(left: str, right: str) -> None:
    assert normalise(left) == normalise(right)


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == normalise(normalise(once))


def test_jaccard_is_shared_over_all() -> None:
    assert jaccard({"a", "b", "c"}, {"b", "c", "d"}) == 0.5
    assert jaccard(set(), set()) == 1.0


@given(TEXT, TEXT)
def test_a_pair_is_near_itself(prompt: str, response: str) -> None:
    pair = fingerprint(prompt, response)
    assert near(pair, fingerprint(prompt.upper(), f" {response}"), 1.0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=2, max_size=12), st.sampled_from([0.5, 0.7, 0.85]))
def test_the_index_calls_nothing_near_that_is_not(pairs: list[tuple[str, str]], threshold: float) -> None:
    index = NearIndex(threshold)
    for number, pair in enumerate(pairs):
        found = index.find(fingerprint(*pair))
        if found is not None:
            assert near(fingerprint(*pair), fingerprint(*pairs[int(found)]), threshold)
        index.add(str(number), fingerprint(*pair))


def test_the_index_finds_what_the_definition_finds() -> None:
    """100 pairs, each followed by one with a changed word; the index may miss what its recall allows."""
    rng = Random(3)
    threshold = 0.7
    pairs = []
    for _ in range(100):
        prompt, response = sentence(rng, 30), sentence(rng, 30)
        changed = prompt.split()
        changed[rng.randrange(30)] = "marble"
        pairs += [(prompt, response), (" ".join(changed), response)]
    prints = [fingerprint(*pair) for pair in pairs]
    wanted = {j for i, j in combinations(range(len(prints)), 2) if near(prints[i], prints[j], threshold)}
    index, found = NearIndex(threshold), set()
    for number, pair in enumerate(prints):
        if index.find(pair) is not None:
            found.add(number)
        index.add(str(number), pair)
    assert len(wanted) > 80
    assert found <= wanted
    assert len(found) >= len(wanted) * 0.97


def test_fewest_bands_that_keep_the_recall() -> None:
    for threshold in (0.3, 0.5, 0.7, 0.85, 0.95):
        count = bands(threshold)
        rows = PERMUTATIONS // count
        assert 1 - (1 - threshold**rows) ** count >= RECALL
        if count > 8:
            assert 1 - (1 - threshold ** (rows * 2)) ** (count // 2) < RECALL


LONG = (
    "Please tell me again what the gardener said about the old wall behind the house by the river this week"
)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((LONG, "Yes."), (LONG, "No.")),
        (("Is it raining?", "Yes."), ("Is it late?", "Yes.")),
        ((f"{LONG} at 7", "The wall is sound."), (f"{LONG} at 8", "The wall is sound.")),
        (("Write it for an amount: " + LONG, "add(a, b)"), ("Write it for an amount: " + LONG, "add(a; b)")),
        ((LONG, "She said it would stand for years."), (LONG, "She said nothing at all about it.")),
    ],
)
def test_what_differs_where_it_matters_stays_two(left: tuple[str, str], right: tuple[str, str]) -> None:
    assert not near(fingerprint(*left), fingerprint(*right), 0.85)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((LONG, "Yes."), (LONG + "!!", "yes.")),
        ((LONG, "She said it would stand."), (f"{LONG}, please", "She said it would stand.")),
        (("wait…", "Here."), ("Wait", "here.")),
    ],
)
def test_what_differs_in_nothing_that_matters_is_one(left: tuple[str, str], right: tuple[str, str]) -> None:
    assert near(fingerprint(*left), fingerprint(*right), 0.85)


def test_the_first_of_several_is_named() -> None:
    index = NearIndex(0.85)
    index.add("a", fingerprint(LONG, "Yes."))
    index.add("b", fingerprint(LONG + "!", "Yes."))
    assert index.find(fingerprint(LONG, "yes.")) == "a"
    assert index.find(fingerprint("Another question altogether", "yes.")) is None
