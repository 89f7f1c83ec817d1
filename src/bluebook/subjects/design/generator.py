"""Designs that are valid by construction, with the prompts that ask for them and the thinking that leads to them.

A recipe draws a design from a domain, one of `domains.yaml` or an invented one, so everything that it names is there;
thinking prepares exactly what the blueprint then has. Domains that are `unseen` are never generated: holdout exams ask
about them.

Of the others one combination in `RESERVED_SHARE` (a domain's elements and methods, by name) is kept for exams too, half
of them for each kind; and exams ask in words that training never hears (`wordings.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from random import Random
from typing import Literal

from bluebook.errors import BluebookError
from bluebook.records import Example, Origin
from bluebook.subjects.design import inventing
from bluebook.subjects.design.constructs import constructs
from bluebook.subjects.design.domains import Domain, domains
from bluebook.subjects.design.printing import print_program
from bluebook.subjects.design.program import Element, Program, Section, elements, methods
from bluebook.subjects.design.recipes import RECIPES, Draw, Sketch, article, listed, names_of
from bluebook.subjects.design.stages import PRIMER, STAGES, Stage
from bluebook.subjects.design.thinking import HEADINGS
from bluebook.subjects.design.wordings import (
    APPROACHES,
    CONSTRAINTS,
    GISTS,
    KNOWN,
    PROMPTS,
    REGISTERS,
    UNDERSTANDING,
    WANTS,
    Purpose,
)

STAGE, DOMAIN = "stage:", "domain:"  # constructs that say where an example comes from
INVENTED_SHARE = 0.5  # of designs for which nobody names a domain
# In the primer, where a model is to learn to take names from the prompt: a base reads no unheard words.
PRIMER_INVENTED_SHARE, UNHEARD_SHARE = 0.75, 0.4
RESERVED_SHARE = 7
LONGEST = 2_300  # letters of prompt and response together; the embedded context is to hold them all
ExamKind = Literal["practice", "holdout"]
_TRIES = 2_000
# Shares of the words of a prompt, one of them drawn for each.
CARELESSNESS = (0.0, 0.3, 0.7)
_PLAIN = re.compile("[a-z]+")
_ANY_WORDS = sorted(
    {
        word
        for pool in (*PROMPTS.values(), *WANTS.values())
        for pattern in pool.train
        for word in pattern.split(" ")
        if _PLAIN.fullmatch(word)
    }
)
# Where nobody names a stage: mostly what is short. The embedded base reads these.
_USUAL: Mapping[Stage, int] = {"simple": 7, "structured": 3, "complex": 0, "novel": 0}
_PRIMER: Mapping[Stage, int] = {"simple": 3, "structured": 3, "complex": 2, "novel": 2}


class Generator:
    """Generates over all domains of `domains.yaml` and over invented ones."""

    def __init__(self) -> None:
        self._seen = tuple(one for one in domains().values() if not one.unseen)
        self._unseen = tuple(one for one in domains().values() if one.unseen)
        self._kinds = _kinds_by_stage(self._seen)

    @property
    def unseen(self) -> list[str]:
        """The names of the domains that nothing is trained on."""
        return [one.name for one in self._unseen]

    @property
    def names(self) -> list[str]:
        """Every construct that `generate` can be asked for."""
        kinds = {name for found in self._kinds.values() for name in found}
        places = {inventing.NAME, *(one.name for one in self._seen)}
        return sorted({*kinds, *(STAGE + one for one in STAGES), *(DOMAIN + place for place in places)})

    def generate(self, wanted: Sequence[str], rng: Random) -> Example:
        """An example for training that shows every construct of `wanted`; `rng` picks the rest. `stage:primer` is
        one of no stage of the curriculum, and mostly short.

        Raises BluebookError for a construct that there is not, and for those that never come together."""
        is_primer = STAGE + PRIMER in wanted
        wanted = [name for name in wanted if name != STAGE + PRIMER]
        unknown = sorted(set(wanted) - set(self.names))
        if unknown:
            raise BluebookError(
                f"designs for training have no construct {unknown[0]!r}; there are {', '.join(self.names)}"
            )
        shares = _PRIMER if is_primer else _USUAL
        stages, places, kinds = self._wanted(wanted, shares)
        invented, unheard = (PRIMER_INVENTED_SHARE, UNHEARD_SHARE) if is_primer else (INVENTED_SHARE, 0.0)
        if len(places) < 2:
            invented = 0.0 if places else 1.0
        for _ in range(_TRIES):
            stage = rng.choices(stages, [shares[one] or 0.001 for one in stages])[0]
            place = rng.choice(places) if rng.random() >= invented else inventing.invent(rng, unheard)
            sketch = self.sketch(stage, place, rng, unseen=False)
            if reserved_for(sketch) is not None or _has_twins(sketch):
                continue
            made = example(sketch, stage, "train", rng, is_primer=is_primer)
            if kinds <= set(made.constructs) and fits(made):
                return made
        raise BluebookError(f"no design for training shows {', '.join(wanted)} together; name others")

    def _wanted(
        self, wanted: Sequence[str], shares: Mapping[Stage, int]
    ) -> tuple[list[Stage], list[Domain], set[str]]:
        """The stages, the domains (none where an invented one is wanted) and the kinds that fit what is wanted."""
        asked = {name.removeprefix(STAGE) for name in wanted if name.startswith(STAGE)}
        at = {name.removeprefix(DOMAIN) for name in wanted if name.startswith(DOMAIN)}
        kinds = {name for name in wanted if not name.startswith((STAGE, DOMAIN))}
        stages = [
            stage for stage in STAGES if (not asked or stage in asked) and kinds <= self._kinds[stage].keys()
        ]
        if not stages or len(asked) > 1 or len(at) > 1:
            raise BluebookError(f"no design for training shows {', '.join(wanted)} together; name others")
        if not asked and (usual := [stage for stage in stages if shares[stage]]):
            stages = usual
        return stages, [one for one in self._seen if not at or one.name in at], kinds

    def sketch(self, stage: Stage, domain: Domain, rng: Random, *, unseen: bool) -> Sketch:
        """A design of a stage in a domain; where two domains meet, both are seen or both unseen."""
        others = [one for one in (self._unseen if unseen else self._seen) if one is not domain]
        return rng.choice(RECIPES[stage])(Draw(domain, others, rng))

    def for_exam(self, stage: Stage, domain: Domain, kind: ExamKind, rng: Random) -> Example | None:
        """An example for an exam; None where the design that was drawn is one that is not kept for it."""
        sketch = self.sketch(stage, domain, rng, unseen=domain.unseen)
        if not domain.unseen and reserved_for(sketch) != kind:
            return None
        made = example(sketch, stage, kind, rng)
        return made if fits(made) else None


def _has_twins(sketch: Sketch) -> bool:
    """Whether two elements have one name, as where an invented `Page` is read page by page."""
    named = [(element.kind, element.name) for element in sketch.elements]
    return len(named) > len({*named})


def fits(made: Example) -> bool:
    return len(made.prompt) + len(made.response) <= LONGEST


def _kinds_by_stage(places: Collection[Domain]) -> dict[Stage, dict[str, int]]:
    """Which kinds and contract parts designs of each stage show, found by drawing some."""
    rng, found = Random("kinds"), dict[Stage, dict[str, int]]()
    for stage in STAGES:
        found[stage] = {}
        for recipe in RECIPES[stage]:
            for domain in list(places)[:6]:
                others = [one for one in places if one is not domain]
                for name in constructs(Program(recipe(Draw(domain, others, rng)).elements)):
                    found[stage][name] = found[stage].get(name, 0) + 1
    return found


def combination(sketch: Sketch) -> list[str]:
    """What a design is made of, by name: domains, elements and methods."""
    program = Program(sketch.elements)
    named = {f"{element.kind} {element.name}" for element in elements(program)}
    named |= {method.name for element in elements(program) for method in methods(element)}
    return sorted({*named, *(DOMAIN + domain.name for domain in sketch.domains)})


def reserved_for(sketch: Sketch) -> ExamKind | None:
    """The kind of exam that this combination is kept for; None for one to train on."""
    share, kind = hashlib.blake2b("\n".join(combination(sketch)).encode(), digest_size=2).digest()
    if share % RESERVED_SHARE:
        return None
    return "holdout" if kind % 2 else "practice"


def example(
    sketch: Sketch, stage: Stage, purpose: Purpose, rng: Random, *, is_primer: bool = False
) -> Example:
    """A design with a prompt and the thinking before it. The primer asks carelessly, see `careless`."""
    register = rng.choice(REGISTERS)
    carelessness = rng.choice(CARELESSNESS) if is_primer else 0.0
    about = listed([domain.about for domain in sketch.domains])
    a_about = listed([article(domain.about) for domain in sketch.domains])
    place = {"about": about, "a_about": a_about, "A_about": a_about[0].upper() + a_about[1:]}
    wants = _joined(
        [
            careless(rng.choice(WANTS[said.kind].of(purpose)), carelessness, rng).format(**said.words)
            for said in sketch.said
        ]
    )
    prompt = careless(rng.choice(PROMPTS[register].of(purpose)), carelessness, rng).format(
        wants=wants, **place
    )
    program = Program(sketch.elements, thinking=thinking(sketch, stage, purpose, place, rng))
    response = print_program(program)
    digest = hashlib.blake2b(f"{prompt}\n{response}".encode(), digest_size=10).hexdigest()
    return Example(
        id=f"g-{digest}",
        subject="design",
        prompt=prompt,
        response=response,
        constructs=sorted(
            {
                *constructs(program),
                STAGE + (PRIMER if is_primer else stage),
                *(DOMAIN + domain.name for domain in sketch.domains),
            }
        ),
        origin=Origin(kind="generated", ref=f"design/{stage}/{register}", group=f"g-{digest}"),
    )


def thinking(
    sketch: Sketch, stage: Stage, purpose: Purpose, place: Mapping[str, str], rng: Random
) -> tuple[Section, ...]:
    """The three sections. Preparation names every element and method that the blueprint then has."""
    said = sketch.said[:1] if stage == "simple" else sketch.said[:4]
    gists = listed([GISTS[one.kind].format(**one.words) for one in said])
    understood = [rng.choice(UNDERSTANDING.of(purpose)).format(gists=gists, **place)]
    if stage != "simple":
        named = {
            one.words[key] for one in sketch.said for key in ("Name", "Other", "Entity") if key in one.words
        }
        if named:
            understood.append(rng.choice(KNOWN.of(purpose)).format(known=listed(sorted(named))))
    approach = [rng.choice(APPROACHES[one.kind]) for one in said]
    return (
        Section(HEADINGS[0], tuple(understood)),
        Section(HEADINGS[1], tuple(dict.fromkeys(approach))),
        Section(HEADINGS[2], (*prepared(sketch.elements), f"Constraint: {CONSTRAINTS[said[-1].kind]}")),
    )


def prepared(made: Sequence[Element]) -> list[str]:
    """What the blueprint will have: kinds with names, tables and methods too."""
    program = Program(tuple(made))
    kinds = names_of(list(elements(program)))
    points = [f"{kind}: {', '.join(names)}" for kind, names in kinds.items()]
    calls = [method.name for element in elements(program) for method in methods(element)]
    return [*points, f"Methods: {', '.join(dict.fromkeys(calls))}"] if calls else points


def careless(pattern: str, rate: float, rng: Random) -> str:
    """A pattern of which this share of the words makes way for nothing or for up to two others. What it has in braces
    stays.

    People ask in words that training never heard. A model that knows no others than those of its patterns is thrown off
    by one new word, and forgets even how a design is written.
    """
    if not rate:
        return pattern
    kept = []
    for word in pattern.split(" "):
        if not _PLAIN.fullmatch(word) or rng.random() >= rate:
            kept.append(word)
        else:
            kept += rng.choices(_ANY_WORDS, k=rng.choice((0, 0, 1, 1, 2)))
    return " ".join(kept)


def _joined(wants: Sequence[str]) -> str:
    """Short things asked for are joined by `and`, longer ones by `;`."""
    return " and ".join(wants) if len(wants) < 3 else f"{'; '.join(wants[:-1])}; and {wants[-1]}"
