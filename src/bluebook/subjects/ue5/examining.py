"""Exams and a lesson on the core node types, drawn from the generator.

Each has at least `LEAST` items for every node type of `CORE`, because mastery calls anything below that untested. An
exam's combinations of node types are reserved: the generator makes none of them for training, and those of other
material that trains are given as `taken` and left out. Items are small (`FEWEST` to `MOST` nodes, answers of up to
`LONGEST` bytes), no two are the same program, and no combination comes more often than `SAME` times.

A draw is seeded: the same code gives the same bytes. Where the generator changes, so do the items, and with them the
exam's version, which is a hash of its content.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from random import Random
from typing import NamedTuple

from msgspec.structs import replace

from bluebook.errors import BluebookError
from bluebook.records import ExamItem, Example, Origin, encode
from bluebook.subjects.ue5.arranging import canonical
from bluebook.subjects.ue5.generator import CORE, ExamKind, Generator
from bluebook.subjects.ue5.language import parse

LEAST = 20
FEWEST, MOST, LONGEST, SAME = 3, 8, 560, 2
_CANDIDATES = 4
_ROUNDS = 100  # of candidates for one item: a later edition of an exam finds many combinations taken
_DRAWS = 4_000  # for one item, at most: most combinations are kept for something else

Combination = frozenset[str]  # of node types


class Plan(NamedTuple):
    """What to draw: `items` examples with `least` for each core node type, of combinations kept for `reserved`
    (None: for training) and not in `taken`, of at most `most` nodes."""

    reserved: ExamKind | None
    items: int
    seed: str
    least: int = LEAST
    taken: Collection[Combination] = ()
    most: int = MOST


def exam(generator: Generator, name: str, plan: Plan, prefix: str = "") -> list[ExamItem]:
    """An exam of the kind that its plan reserves combinations for; ids begin with its name, or with `prefix`. Raises
    BluebookError where the plan does not work out."""
    assert plan.reserved is not None, "an exam has reserved combinations"
    items = [
        ExamItem(
            id=f"{prefix or name}-{number:03}",
            exam=name,
            version="",
            kind=plan.reserved,
            prompt=one.prompt,
            reference=one.response,
            constructs=one.constructs,
        )
        for number, one in enumerate(draw(generator, plan), 1)
    ]
    version = hashlib.sha256(b"\n".join(encode(item) for item in items)).hexdigest()[:12]
    return [replace(item, version=version) for item in items]


def lesson(generator: Generator, name: str, plan: Plan) -> list[Example]:
    """A lesson of combinations to train on. Raises BluebookError where the plan does not work out."""
    assert plan.reserved is None, "a lesson has combinations to train on"
    return [
        replace(
            one,
            id=f"lesson-{name}-{number:03}",
            origin=Origin(kind="lesson", ref=name, group=f"lesson-{name}-{number:03}"),
        )
        for number, one in enumerate(draw(generator, plan), 1)
    ]


def draw(generator: Generator, plan: Plan) -> list[Example]:
    """Examples as planned: each of them is asked for the node type that has come least, and is the one of several
    candidates that adds most for its size."""
    rng = Random(plan.seed)
    drawn: list[Example] = []
    seen: Counter[str] = Counter()
    programs: set[str] = set()
    combinations: Counter[Combination] = Counter(dict.fromkeys(plan.taken, SAME))
    while len(drawn) < plan.items:
        rarest = min(CORE, key=lambda name: (seen[name], name))
        new: list[Example] = []
        for _ in range(_ROUNDS):
            fresh = _candidates(generator, plan, rarest, rng)
            new = [
                one
                for one in fresh
                if combinations[frozenset(one.constructs)] < SAME and _program(one, generator) not in programs
            ]
            if new or not fresh:
                break
        if not new:
            raise BluebookError(f"{plan.seed}: only {len(drawn)} of {plan.items} examples could be drawn")
        best = max(new, key=lambda one: _worth(one, seen, plan.least))
        drawn.append(best)
        seen.update(best.constructs)
        programs.add(_program(best, generator))
        combinations[frozenset(best.constructs)] += 1
    missing = [name for name in CORE if seen[name] < plan.least]
    if missing:
        raise BluebookError(
            f"{plan.seed}: fewer than {plan.least} of {', '.join(missing)}; draw more examples"
        )
    return drawn


def _candidates(generator: Generator, plan: Plan, construct: str, rng: Random) -> Sequence[Example]:
    found: list[Example] = []
    for _ in range(_DRAWS):
        one = generator.core((construct, rng.choice(CORE)), rng, plan.reserved)
        if one is not None and _is_small(one, plan.most):
            found.append(one)
        if len(found) == _CANDIDATES:
            break
    return found


def _is_small(one: Example, most: int) -> bool:
    nodes = sum(line.startswith("NODE") for line in one.response.split("\n"))
    return FEWEST <= nodes <= most and len(one.response.encode()) <= LONGEST


def _worth(one: Example, seen: Counter[str], least: int) -> float:
    wanted = sum(max(0, least - seen[name]) for name in one.constructs)
    return wanted / len(one.response)


def _program(one: Example, generator: Generator) -> str:
    return canonical(parse(one.response), generator.catalogue)


def combination(response: str) -> Combination:
    """The node types of a program's text."""
    return frozenset(node.type for graph in parse(response).graphs for node in graph.nodes)
