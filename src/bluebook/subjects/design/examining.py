"""Exams: designs that are kept for them, asked for in words that training never hears.

A practice exam asks about domains that training knows. A holdout exam does so for part of its items, and for the rest
about domains that training never saw; `domains:seen` and `domains:unseen` say which, so that mastery tells them apart.

A draw is seeded: the same code gives the same bytes. Where the generator changes, so do the items, and with them the
exam's version, which is a hash of its content.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from typing import NamedTuple

from msgspec.structs import replace

from bluebook.errors import BluebookError
from bluebook.records import ExamItem, Example, encode
from bluebook.subjects.design.domains import Domain, domains
from bluebook.subjects.design.generator import ExamKind, Generator
from bluebook.subjects.design.stages import Stage

SEEN, UNSEEN = "domains:seen", "domains:unseen"
UNSEEN_SHARE = 0.4  # of a holdout's items
STAGE_SHARES: Mapping[Stage, int] = {"simple": 4, "structured": 4, "complex": 2, "novel": 2}
_CANDIDATES = 5
_DRAWS = 2_000  # for one item, at most


class Plan(NamedTuple):
    """What to draw. `taken` are responses that the exam must not have."""

    kind: ExamKind
    items: int
    seed: str
    taken: Collection[str] = ()


def exam(generator: Generator, name: str, plan: Plan, prefix: str = "") -> list[ExamItem]:
    """An exam; ids begin with its name, or with `prefix`. Raises BluebookError where the plan does not work out."""
    items = [
        ExamItem(
            id=f"{prefix or name}-{number:03}",
            exam=name,
            version="",
            kind=plan.kind,
            prompt=one.prompt,
            reference=one.response,
            constructs=one.constructs,
        )
        for number, one in enumerate(draw(generator, plan), 1)
    ]
    version = hashlib.sha256(b"\n".join(encode(item) for item in items)).hexdigest()[:12]
    return [replace(item, version=version) for item in items]


def draw(generator: Generator, plan: Plan) -> list[Example]:
    """Examples as planned: stages by their shares, domains in turn, and of several candidates the one that shows what
    has come least."""
    rng = Random(plan.seed)
    unseen = round(UNSEEN_SHARE * plan.items) if plan.kind == "holdout" else 0
    known = [one for one in domains().values() if not one.unseen]
    never = [one for one in domains().values() if one.unseen]
    drawn: list[Example] = []
    seen: Counter[str] = Counter()
    used = {*plan.taken}
    prompts: set[str] = set()
    for places, count in ((known, plan.items - unseen), (never, unseen)):
        rng.shuffle(places)
        for at, stage in enumerate(_stages(count)):
            # In turn; a domain of which nothing of this stage is kept leaves its place to the next ones.
            turn = places[at % len(places) :] + places[: at % len(places)]
            fresh = (
                one
                for one in _draws(generator, plan.kind, stage, turn, rng)
                if one.response not in used and one.prompt not in prompts
            )
            new = list(islice(fresh, _CANDIDATES))
            if not new:
                raise BluebookError(f"{plan.seed}: only {len(drawn)} of {plan.items} items could be drawn")
            best = max(new, key=lambda one: sum(1 / (1 + seen[name]) ** 2 for name in one.constructs))
            drawn.append(_marked(best, plan.kind, places[0].unseen))
            seen.update(best.constructs)
            used.add(best.response)
            prompts.add(best.prompt)
    return drawn


def _stages(count: int) -> list[Stage]:
    """So many stages by their shares, mixed."""
    whole = sum(STAGE_SHARES.values())
    wheel = [stage for stage, share in STAGE_SHARES.items() for _ in range(share)]
    return [wheel[at * 5 % whole] for at in range(count)]


def _draws(
    generator: Generator, kind: ExamKind, stage: Stage, turn: Sequence[Domain], rng: Random
) -> Iterator[Example]:
    for attempt in range(_DRAWS):
        one = generator.for_exam(stage, turn[attempt // 60 % len(turn)], kind, rng)
        if one is not None:
            yield one


def _marked(one: Example, kind: ExamKind, unseen: bool) -> Example:
    if kind == "practice":
        return one
    return replace(one, constructs=sorted([*one.constructs, UNSEEN if unseen else SEEN]))
