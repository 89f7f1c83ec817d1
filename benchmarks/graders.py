"""What the graders give to answers of which one knows what they are worth.

python benchmarks/graders.py

For each subject with a practice exam: the reference itself, nothing, one reference for all items, the next item's
reference, the prompt given back, the reference with its last line twice or not at all, and in wrappings that only a
lenient reading takes off. In the language of `ue5` also with other node ids and in another order, under another
Blueprint name, and with two nodes too many; in that of `design` with its elements in another order, with the first one
under another name, and with one too many. Prints the share of valid answers, the mean score, the
mean over all constructs that the items name, and the mean score of a lenient reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import fmean

from bluebook import params, subjects
from bluebook.exams.grade import grade
from bluebook.records import Answer, ExamItem, Grade, read_jsonl
from bluebook.subjects.subject import Subject

ROOT = Path(__file__).parents[1]
Writer = Callable[[Sequence[ExamItem], int], str]  # the answer to one of the items


def repeated(reference: str) -> str:
    return f"{reference}\n{reference.rsplit(chr(10), maxsplit=1)[-1]}"


def cut(reference: str) -> str:
    return reference.rpartition("\n")[0]


def renumbered(reference: str) -> str:
    """Other ids, and the lines below GRAPH in another order."""
    rng = Random(reference)
    ids = sorted(set(re.findall(r"^NODE (n[0-9]+):", reference, re.MULTILINE)))
    new = dict(zip(ids, rng.sample([f"m{number}" for number in range(len(ids))], len(ids)), strict=True))
    text = re.sub(r"\bn[0-9]+\b", lambda found: new.get(found[0], found[0]), reference)
    head, graph, body = text.partition("\nGRAPH: EventGraph\n")
    lines = body.split("\n")
    return head + graph + "\n".join(rng.sample(lines, len(lines)))


def renamed(reference: str) -> str:
    return re.sub("^BLUEPRINT: .*", "BLUEPRINT: BP_SomethingElse", reference)


def overgrown(reference: str) -> str:
    more = "NODE x1: Event_Destroyed", "NODE x2: PrintString", "EXEC x1.Then -> x2.Execute"
    return "\n".join((reference, *more))


def shuffled(reference: str) -> str:
    """The elements of a blueprint in another order."""
    head, body = reference.removesuffix("\n</blueprint>").split("<blueprint>\n")
    elements = body.split("\n\n")
    return (
        f"{head}<blueprint>\n"
        + "\n\n".join(Random(reference).sample(elements, len(elements)))
        + "\n</blueprint>"
    )


def renamed_throughout(reference: str) -> str:
    """The first element under another name, wherever it is named."""
    found = re.search(r"<blueprint>\n\w+ (\w+)", reference)
    return re.sub(rf"\b{found[1]}\b", "SomethingElse", reference) if found else reference


def extended(reference: str) -> str:
    return reference.replace("\n</blueprint>", "\n\nType NobodyAsked {\n  label: string\n}\n</blueprint>")


WRITERS: dict[str, Writer] = {
    "reference": lambda items, at: items[at].reference,
    "empty": lambda items, at: "",
    "constant": lambda items, at: items[0].reference,
    "next item's": lambda items, at: items[(at + 1) % len(items)].reference,
    "prompt": lambda items, at: items[at].prompt,
    "last line twice": lambda items, at: repeated(items[at].reference),
    "last line cut": lambda items, at: cut(items[at].reference),
    "in a code fence": lambda items, at: f"```\n{items[at].reference}\n```",
    "after a sentence": lambda items, at: f"Here is what you asked for:\n{items[at].reference}",
    "before a sentence": lambda items, at: f"{items[at].reference}\nThat is all.",
    "after thinking": lambda items, at: f"<think>first, then</think>\n{items[at].reference}",
}
OWN: dict[str, dict[str, Writer]] = {
    "ue5": {
        "renumbered": lambda items, at: renumbered(items[at].reference),
        "renamed": lambda items, at: renamed(items[at].reference),
        "two nodes more": lambda items, at: overgrown(items[at].reference),
    },
    "design": {
        "shuffled": lambda items, at: shuffled(items[at].reference),
        "first renamed": lambda items, at: renamed_throughout(items[at].reference),
        "a type more": lambda items, at: extended(items[at].reference),
    },
}


def grades(subject: Subject, items: Sequence[ExamItem], write: Writer) -> list[Grade]:
    """Every item graded with the answer that `write` gives to it."""
    return [
        grade(
            item,
            Answer(item=item.id, model="", mode="free", text=write(items, at), tokens=0, finish="stop"),
            subject,
        )
        for at, item in enumerate(items)
    ]


def main() -> None:
    settings = params.load()
    for name in sorted(settings.subjects):
        exam = ROOT / f"data/exams/{name}/practice.jsonl"
        if not exam.exists():
            print(f"{name}: no {exam.relative_to(ROOT)}")
            continue
        subject, items = subjects.load(name, settings), list(read_jsonl(exam, ExamItem))
        print(f"{name}, {len(items)} items{'':10} valid    score  constructs  leniently")
        for writer, write in (WRITERS | OWN.get(name, {})).items():
            graded = grades(subject, items, write)
            shown = [value for one in graded for value in one.per_construct.values()]
            valid, score = fmean(one.valid for one in graded), fmean(one.score for one in graded)
            lenient = fmean((one.lenient or one).score for one in graded)
            print(f"  {writer:20} {valid:8.3f} {score:8.3f} {fmean(shown):8.3f} {lenient:12.3f}")


if __name__ == "__main__":
    main()
