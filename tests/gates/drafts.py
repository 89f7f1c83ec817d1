"""A small good dataset to plant faults in, and the way through files to a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bluebook.gates.dataset import read_dataset
from bluebook.gates.report import GateReport
from bluebook.gates.run import run_gate
from bluebook.params import GateParams
from bluebook.records import DatasetRow, ExamItem, Example, Message, Origin, TokenCount, encode, write_jsonl
from bluebook.subjects.subject import Suite

MAX_TOKENS = 100
TAGS = (("<thought>", "<world>"), ("<user>", "<assistant>"), ("<instruction>", "<action>"))
THINGS = [
    "kettle",
    "ladder",
    "window",
    "bicycle",
    "lantern",
    "teapot",
    "garden",
    "drawer",
    "carpet",
    "mirror",
    "violin",
    "bucket",
]
DEEDS = ["mend", "clean", "paint", "borrow", "carry", "measure"]
PLACES = ["attic", "harbour", "orchard", "library", "kitchen"]

Plant = Callable[["Draft"], None]


@dataclass
class Draft:
    """Rows and what they are held against, free to be spoiled before they are written."""

    train: list[DatasetRow]
    validation: list[DatasetRow]
    examples: dict[str, Example]
    items: list[ExamItem]
    holdout: list[ExamItem]
    tails: dict[str, bytes] = field(default_factory=dict)  # bytes put behind a split's rows

    def row(self, id: str) -> DatasetRow:
        return next(row for row in (*self.train, *self.validation) if row.id == id)

    def write(self, id: str, *, prompt: str | None = None, response: str | None = None) -> None:
        """Put a text into a row and into its example alike."""
        row, example = self.row(id), self.examples[id]
        if prompt is not None:
            row.prompt[-1].content = example.prompt = prompt
        if response is not None:
            row.completion[0].content = example.response = response


def texts(number: int) -> tuple[str, str]:
    """A prompt and a response that no other number has; the mode goes round."""
    ask, answer = TAGS[number % len(TAGS)]
    thing, deed, place = THINGS[number % 12], DEEDS[number // 12 % 6], PLACES[number % 5]
    return (
        f"{ask}: Number {number}: shall I {deed} the old {thing} in our {place} today?",
        f"{answer}: The {thing} can wait until the {place} is dry; {deed} it on day {number}.",
    )


def row_of(example: Example) -> DatasetRow:
    return DatasetRow(
        id=example.id,
        prompt=[Message(role="user", content=example.prompt)],
        completion=[Message(role="assistant", content=example.response)],
        tokens=TokenCount(prompt=20, completion=20),
    )


def item_of(number: int, kind: str) -> ExamItem:
    prompt, reference = texts(number)
    return ExamItem(
        id=f"item{number}",
        exam="small",
        version="1.0.0",
        kind=kind,
        prompt=prompt,
        reference=reference,
        constructs=["mode:dual"],
    )


def good(train: int = 24, validation: int = 6) -> Draft:
    """A dataset that keeps every rule: ids r000, r001 … in training, v000 … in validation, two rows a
    group."""
    ids = [(f"r{n:03}", "train") for n in range(train)] + [
        (f"v{n:03}", "validation") for n in range(validation)
    ]
    examples = {}
    for number, (id, split) in enumerate(ids):
        prompt, response = texts(number)
        origin = Origin(kind="record", ref=id, group=f"{split}-{number // 2}")
        examples[id] = Example(
            id=id,
            subject="persona",
            prompt=prompt,
            response=response,
            constructs=[],
            origin=origin,
            split=split,
        )
    rows = [row_of(example) for example in examples.values()]
    practice, holdout = (
        item_of(train + validation + 1, "practice"),
        item_of(train + validation + 2, "holdout"),
    )
    return Draft(rows[:train], rows[train:], examples, [practice], [holdout])


def write(draft: Draft, root: Path) -> Path:
    """The draft as files below `root`, as the stages before the gate leave them."""
    folder = root / "data/datasets/persona"
    for split, rows in (("train", draft.train), ("validation", draft.validation)):
        path = folder / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(encode(row) + b"\n" for row in rows) + draft.tails.get(split, b""))
    write_jsonl(root / "data/examples/persona.jsonl", draft.examples.values())
    write_jsonl(root / "data/exams/persona/small.jsonl", draft.items)
    write_jsonl(root / "data/holdout/persona.jsonl", draft.holdout)
    return folder


def gate(
    draft: Draft,
    root: Path,
    suite: Suite | None = None,
    *,
    minimum_samples: int = 10,
    too_few: str = "fail",
    waivers: dict[str, str] | None = None,
    page: Path | None = None,
    program: Callable[[str], str | None] = lambda response: None,
) -> GateReport:
    """The report on a draft; generic rules alone where no `suite` is given."""
    dataset = read_dataset(
        write(draft, root),
        root / "data/examples/persona.jsonl",
        root / "data/exams/persona",
        root / "data/holdout/persona.jsonl",
        max_tokens=MAX_TOKENS,
        near_duplicate=0.85,
        program=program,
    )
    params = GateParams(minimum_samples=minimum_samples, too_few=too_few, waivers=waivers or {})
    return run_gate("persona", dataset, suite or Suite(), params, dataset_sha256="0" * 64, page=page)


def broken(report: GateReport) -> dict[str, list[str]]:
    """Each broken rule with the ids of its failing rows."""
    return {rule.name: [failure.id for failure in rule.failing] for rule in report.rules if not rule.passed}
