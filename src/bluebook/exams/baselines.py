"""What a model that has learned nothing would score: the nearest training example's response, and a constant
one.

Both read the training side only and answer as a model would, so that the same grader grades them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bluebook.records import Answer, ExamItem, Example

BUCKETS = 1 << 18  # columns that n-grams are hashed to; a text has some hundreds, so few meet by chance
BLOCK = 32  # prompts looked up at once: BUCKETS x BLOCK floats are 32 MiB, and BLOCK scores an example
_GRAM = 4  # bytes; about a short word, in any script


def constant(items: Sequence[ExamItem], train: Sequence[Example]) -> list[Answer]:
    """The most frequent training response, the first in text order among equals, to every item."""
    counts = Counter(example.response for example in train)
    response = min(counts, key=lambda text: (-counts[text], text))
    return [_answer(item, "constant", response) for item in items]


def retrieval(items: Sequence[ExamItem], train: Sequence[Example]) -> list[Answer]:
    """The response of the training example whose prompt is nearest to the item's.

    Nearest: largest cosine of the prompts' TF-IDF vectors over byte 4-grams, case ignored. Equally near ones
    are decided by prompt, then by response, in text order; where nothing is shared at all, the first of all
    answers.
    """
    pairs = sorted({(example.prompt, example.response) for example in train})
    documents = _counts([prompt for prompt, _ in pairs])
    queries = _counts([item.prompt for item in items])
    weights = _inverse_document_frequency(documents)
    documents, queries = _unit_rows(documents, weights), _unit_rows(queries, weights)
    nearest: list[int] = []
    for start in range(0, len(items), BLOCK):
        block = queries[start : start + BLOCK].toarray().T
        nearest += np.asarray(documents @ block).argmax(axis=0).tolist()  # the first of equals
    return [_answer(item, "retrieval", pairs[index][1]) for item, index in zip(items, nearest, strict=True)]


def _answer(item: ExamItem, name: str, text: str) -> Answer:
    return Answer(item=item.id, model=name, mode="free", text=text, tokens=0, finish="stop")


def _counts(texts: Sequence[str]) -> csr_matrix:
    """One row a text: how often each n-gram stands in it, columns in order."""
    columns: list[NDArray[np.int32]] = []
    counts: list[NDArray[np.float32]] = []
    for text in texts:
        found, often = np.unique(_grams(text), return_counts=True)
        columns.append(found)
        counts.append(often.astype(np.float32))
    starts = np.cumsum([0, *map(len, columns)])
    return csr_matrix(
        (np.concatenate(counts), np.concatenate(columns), starts),
        shape=(len(texts), BUCKETS),
        dtype=np.float32,
    )


def _grams(text: str) -> NDArray[np.int32]:
    """The bucket of each run of four bytes. The spaces around it give even an empty text a run."""
    raw = np.frombuffer(f"  {text.lower()}  ".encode("utf-8", "surrogatepass"), np.uint8)
    runs = np.zeros(len(raw) - _GRAM + 1, np.uint32)
    for offset in range(_GRAM):
        runs = (runs << np.uint32(8)) | raw[offset : offset + len(runs)]
    # Multiplicative hashing (Knuth, TAOCP 3, 6.4): the high bits of the product with 2^32 over the golden
    # ratio.
    return ((runs * np.uint32(2654435769)) >> np.uint32(32 - 18)).astype(np.int32)


def _inverse_document_frequency(documents: csr_matrix) -> NDArray[np.float32]:
    """ln((1 + N) / (1 + df)) + 1: the smoothed weight, which is positive for every n-gram, unseen ones
    included."""
    holding = np.bincount(documents.indices, minlength=BUCKETS)
    weights: NDArray[np.float32] = (np.log((1 + documents.shape[0]) / (1 + holding)) + 1).astype(np.float32)
    return weights


def _unit_rows(counts: csr_matrix, weights: NDArray[np.float32]) -> csr_matrix:
    """Weighted rows of length 1, in place of `counts`' own data."""
    counts.data *= weights[counts.indices]
    lengths = np.sqrt(np.add.reduceat(counts.data**2, counts.indptr[:-1]))
    counts.data /= np.repeat(lengths, np.diff(counts.indptr))
    return counts
