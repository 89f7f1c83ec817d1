"""Rows in a file are the rows that were given, however they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.training import rows as module
from bluebook.training.rows import Row, Rows, features

tokens = st.lists(st.integers(0, 200_000), max_size=5)
made = st.lists(
    st.builds(
        Row,
        id=st.text(st.characters(codec="utf-8"), max_size=5),
        prompt=tokens,
        completion=tokens,
        content=st.text(st.characters(codec="utf-8"), max_size=9),
        regions=tokens,
        states=tokens,
        injected=st.lists(st.booleans(), max_size=5),
    ),
    max_size=9,
)


@pytest.fixture(scope="module", autouse=True)
def short_parts() -> object:
    """Files of several parts, without a thousand rows."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch.setattr(module, "PART", 3)


@settings(deadline=None)
@given(made, st.slices(9), st.integers(-10, 10))
def test_stored_rows_are_a_sequence_like_the_list(given: list[Row], part: slice, index: int) -> None:
    stored: Sequence[Row] = Rows(iter(given))
    assert len(stored) == len(given)
    assert list(stored) == given
    assert list(stored) == given  # and once more
    assert stored[part] == given[part]
    if -len(given) <= index < len(given):
        assert stored[index] == given[index]
    else:
        with pytest.raises(IndexError):
            stored[index]


def test_features_are_those_of_each_row() -> None:
    given = [
        Row(str(n), [n, n + 1], [7] * n, "x", regions=[1] * n, injected=[n % 2 == 0] * n) for n in range(1, 8)
    ]
    found = features(Rows(given))
    assert len(found) == len(given)
    assert [dict(one) for one in found] == [row.features for row in given]
