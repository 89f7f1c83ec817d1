"""Examples to dataset rows: conversations counted in the base's tokens, each whole or rejected by name.

A row holds messages and their token counts, never rendered text: training and serving render with the same
family at the last moment. Beside them lies the same data as plain `{"input", "output"}` in the subject's own
notation. It has no wrapper because other trainers put their own chat template around it, and a wrapper inside
a wrapper teaches a protocol that no server speaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from bluebook.errors import BluebookError
from bluebook.families import ChatTokenizer, Family, encode_row, refusal, verify_template
from bluebook.records import DatasetRow, Example, Message, Region, TokenCount

SPLITS = ("train", "validation")

RegionsOf = Callable[[str], list[Region]]


class Rejected(msgspec.Struct, kw_only=True, frozen=True):
    """An example that is in no dataset. `tokens`: prompt and completion; null where nothing was encoded."""

    id: str
    reason: str
    tokens: int | None


class Plain(msgspec.Struct, kw_only=True, frozen=True):
    """One line for another trainer. A system text stands before the prompt, as a paragraph of its own."""

    input: str
    output: str


class Exported(msgspec.Struct, kw_only=True):
    """Rows and plain lines by split, in the examples' order; `regions` are the names that the rows use; `counts` is
    what metrics show."""

    rows: dict[str, list[DatasetRow]]
    plain: dict[str, list[Plain]]
    rejected: list[Rejected]
    regions: list[str]
    counts: dict[str, Any]


def messages_of(example: Example) -> list[Message]:
    """The example's prompt as a conversation."""
    system = [] if example.system is None else [Message(role="system", content=example.system)]
    return [*system, Message(role="user", content=example.prompt)]


def export(
    examples: Iterable[Example],
    tokenizer: ChatTokenizer,
    family: Family,
    *,
    max_tokens: int,
    regions_of: RegionsOf = lambda response: [],
) -> Exported:
    """Every example as a row of its split, or among the rejected. `regions_of` tells the parts of a response.

    Rejected are examples that the family cannot carry unchanged and rows of more than `max_tokens` tokens,
    markers and stop token included. Raises BluebookError when the family is not what the tokenizer's own chat
    template writes, and when no row is left.
    """
    verified = verify_template(tokenizer, family)
    found = Exported(
        rows={s: [] for s in SPLITS}, plain={s: [] for s in SPLITS}, rejected=[], regions=[], counts={}
    )
    read = 0
    for example in examples:
        read += 1
        outcome = _row(example, tokenizer, family, max_tokens, regions_of)
        if isinstance(outcome, Rejected):
            found.rejected.append(outcome)
        elif example.split in SPLITS:
            found.rows[example.split].append(outcome)
            found.plain[example.split].append(_plain(example))
        else:
            raise BluebookError(f"example {example.id} has no split; run the compose stage first")
    rows = found.rows["train"]
    found.regions = sorted({r.name for split in SPLITS for row in found.rows[split] for r in row.regions})
    if read != sum(map(len, found.rows.values())) + len(found.rejected):
        raise BluebookError("export lost examples: what went in is not what came out and what was rejected")
    if not rows:
        reasons = Counter(rejected.reason for rejected in found.rejected)
        raise BluebookError(
            f"no training row is left of {read} examples; rejected: {dict(reasons)}. Raise export.max_tokens "
            f"({max_tokens}) or look at compose"
        )
    found.counts = {
        "family": family.name,
        "template_verified": verified,
        "examples": read,
        "rows": {split: len(found.rows[split]) for split in SPLITS},
        "rejected": dict(sorted(Counter(rejected.reason for rejected in found.rejected).items())),
        "supervised_tokens": {
            split: sum(row.tokens.completion for row in found.rows[split]) for split in SPLITS
        },
        "row_tokens": percentiles([row.tokens.prompt + row.tokens.completion for row in rows]),
        "completion_tokens": percentiles([row.tokens.completion for row in rows]),
    }
    return found


def _row(
    example: Example, tokenizer: ChatTokenizer, family: Family, max_tokens: int, regions_of: RegionsOf
) -> DatasetRow | Rejected:
    prompt = messages_of(example)
    completion = Message(role="assistant", content=example.response)
    if (reason := refusal(family, [*prompt, completion])) is not None:
        return Rejected(id=example.id, reason=reason, tokens=None)
    encoded = encode_row(tokenizer, family, prompt, example.response)
    tokens = TokenCount(prompt=len(encoded.prompt), completion=len(encoded.completion))
    if (total := tokens.prompt + tokens.completion) > max_tokens:
        return Rejected(id=example.id, reason="too long", tokens=total)
    regions = regions_of(example.response)
    end = 0
    for region in regions:
        if not end <= region.start < region.end <= len(example.response):
            raise BluebookError(
                f"example {example.id}: the subject says that {region.name} is characters {region.start} to "
                f"{region.end} of a response of {len(example.response)}; regions are in order and do not overlap"
            )
        end = region.end
    return DatasetRow(
        id=example.id,
        prompt=prompt,
        completion=[completion],
        tokens=tokens,
        regions=regions,
        origin=example.origin.kind,
        constructs=example.constructs,
    )


def _plain(example: Example) -> Plain:
    system = "" if example.system is None else f"{example.system}\n\n"
    return Plain(input=system + example.prompt, output=example.response)


def percentiles(values: Sequence[int]) -> dict[str, int]:
    """Median, 95th percentile (nearest rank) and maximum of at least one value."""
    ordered = sorted(values)

    def rank(share: int) -> int:
        return ordered[max(0, -(-share * len(ordered) // 100) - 1)]

    return {"p50": rank(50), "p95": rank(95), "max": ordered[-1]}
