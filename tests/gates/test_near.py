"""The filter before the near-duplicate index spares look-ups and never changes what is found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bluebook.corpus.duplicates import NearIndex, fingerprint
from bluebook.gates.dataset import Dataset, Line
from bluebook.gates.near import near_rows
from tests.gates.drafts import good, item_of

WORDS = st.lists(st.sampled_from(["red", "goat", "hill", "7", "a", "."]), min_size=1, max_size=9).map(
    " ".join
)
PAIRS = st.tuples(WORDS, WORDS)


@given(
    st.lists(PAIRS, min_size=1, max_size=6),
    st.lists(PAIRS, min_size=1, max_size=12),
    st.sampled_from([0.3, 0.6, 0.85]),
)
def test_the_filter_leaves_no_near_row_out(
    items: list[tuple[str, str]], rows: list[tuple[str, str]], threshold: float
) -> None:
    draft = good(len(rows), 0)
    for id, (prompt, response) in zip(sorted(draft.examples), rows, strict=True):
        draft.write(id, prompt=prompt, response=response)
    exam = [item_of(number, "holdout") for number in range(len(items))]
    index = NearIndex(threshold)
    for item, (item.prompt, item.reference) in zip(exam, items, strict=True):
        index.add(item.id, fingerprint(item.prompt, item.reference))
    dataset = Dataset(
        lines=[Line(split="train", number=n, row=row) for n, row in enumerate(draft.train, 1)],
        examples=draft.examples,
        exam_items=exam,
        max_tokens=100,
        near_duplicate=threshold,
        program=lambda response: None,
    )
    plain = {n: key for n, pair in enumerate(rows) if (key := index.find(fingerprint(*pair))) is not None}
    assert near_rows(dataset).exam == plain
