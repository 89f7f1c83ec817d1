"""Domains made up on the spot: everyday ones for a base, odd ones for the primer; designs of both without a fault."""

from __future__ import annotations

import re
from random import Random

from bluebook.subjects.design.checker import check
from bluebook.subjects.design.domains import Domain
from bluebook.subjects.design.generator import Generator, example
from bluebook.subjects.design.inventing import invent, unheard
from bluebook.subjects.design.language import parse
from bluebook.subjects.design.references import resolution
from bluebook.subjects.design.stages import STAGES

GENERATOR = Generator()


def _phrases(domain: Domain) -> list[str]:
    return [phrase for operation in domain.operations for phrase in (*operation.needs, *operation.ensures)]


def _fields(domain: Domain) -> set[str]:
    return {slot.name for entity in domain.entities.values() for slot in entity.plain if slot.name != "state"}


def test_unheard_words_hardly_ever_come_twice() -> None:
    rng = Random(1)
    words = [unheard(rng) for _ in range(500)]
    assert all(re.fullmatch("[a-z]{4,}", word) for word in words)
    assert len({*words}) > 480


def test_a_base_reads_everyday_domains() -> None:
    rng = Random(2)
    plain = [invent(rng) for _ in range(300)]
    assert all(re.fullmatch(r"the \w+ is \w+", phrase) for domain in plain for phrase in _phrases(domain))
    # So few fields are known that three hundred domains name each of them again and again.
    assert len(set().union(*map(_fields, plain))) < 60


def test_odd_domains_have_names_places_and_phrases_that_follow_no_pattern() -> None:
    rng = Random(3)
    odd = [invent(rng, 0.5) for _ in range(300)]
    phrases = [phrase for domain in odd for phrase in _phrases(domain)]
    plain = sum(bool(re.fullmatch(r"the \w+ is \w+", phrase)) for phrase in phrases)
    assert 0.3 < plain / len(phrases) < 0.7
    assert len(set().union(*map(_fields, odd))) > 500
    assert len({name for domain in odd for name in domain.entities}) > 500
    assert {len(domain.about.split()) for domain in odd} >= {1, 2, 3, 4}


def test_designs_of_odd_domains_have_no_fault() -> None:
    rng = Random(4)
    for number in range(160):
        stage = STAGES[number % len(STAGES)]
        sketch = GENERATOR.sketch(stage, invent(rng, 0.8), rng, unseen=False)
        made = example(sketch, stage, "train", rng, is_primer=True)
        program = parse(made.response)
        names = [(element.kind, element.name) for element in sketch.elements]
        if len({*names}) == len(names):  # the generator draws again where two elements have one name
            assert check(program) == [], made.response
            assert resolution(program).rate == 1.0
