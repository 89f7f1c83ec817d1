"""Drafts aim at what is weak, in proportion, and never at what an exam asks."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bluebook.corpus.duplicates import fingerprint, near, normalise
from bluebook.lessons.aims import UNASKED, aims, share_out
from bluebook.lessons.draft import CAP, Draft, Evidence, allot, draft, room
from bluebook.params import LessonParams
from bluebook.records import Grade, GradeError, encode
from tests import toy
from tests.lessons.material import Language, evidence, example, nothing_practised

POLICY = LessonParams(size=30, weak_below=0.85, replay=0.2)


def train(count: int, words: list[str], kind: str = "record", seed: int = 1) -> list:
    rng = Random(seed)
    return [example([rng.choice(words)], rng, kind) for _ in range(count)]


def drafted(given: Evidence, seed: int = 7, **changes: float) -> Draft:
    return draft(Language(), given, replace(POLICY, **changes), near_duplicate=0.85, seed=seed)


@settings(max_examples=25)
@given(
    st.integers(1, 60),
    st.integers(0, 40),
    st.dictionaries(st.sampled_from(sorted(toy.SIGNS)), st.integers(1, 6)),
    st.dictionaries(st.sampled_from(sorted(toy.SIGNS)), st.integers(1, 6)),
    st.integers(0, 40),
)
def test_whatever_the_evidence_a_draft_is_capped_new_and_apart(
    records: int, lessons: int, right: dict[str, int], wrong: dict[str, int], size: int
) -> None:
    taught = train(records, ["add", "mul"]) + train(lessons, ["add"], "lesson", seed=2)
    given = evidence(taught, right, wrong)
    made = drafted(given, size=size)
    share = (lessons + len(made.rows)) / (len(taught) + len(made.rows))
    assert not made.rows or share <= CAP
    keys = [(normalise(row.prompt), toy.canonical(Language().parse(row.response))) for row in made.rows]
    known = {(normalise(one.prompt), toy.canonical(Language().parse(one.response))) for one in taught}
    assert len(set(keys)) == len(keys) and not set(keys) & known
    for row in made.rows:
        assert not Language().check(Language().parse(row.response))
        assert row.target in row.constructs and row.target in row.why
        for asked in given.exams:
            assert normalise(asked.prompt) != normalise(row.prompt)
            assert toy.canonical(Language().parse(asked.reference)) != toy.canonical(
                Language().parse(row.response)
            )
            assert not near(
                fingerprint(asked.prompt, asked.reference), fingerprint(row.prompt, row.response), 0.85
            )
    missing = sum(made.dropped.get(why, 0) for why in ("over_share", "not_needed", "not_found"))
    if any(aim.kind != "replay" for aim in made.aims):
        assert len(made.rows) + missing == size


def test_the_weaker_the_more() -> None:
    given = evidence(
        train(300, ["add", "mul", "sub"]), {"add": 20, "mul": 12, "sub": 4}, {"mul": 8, "sub": 16}
    )
    counts = Counter(row.target for row in drafted(given, size=60).rows)
    assert counts["sub"] > counts["mul"] > 0
    assert counts["add"] == 4  # mastered: replay alone, for a third of what is asked
    assert {row.aim for row in drafted(given).rows} == {"weak", "replay"}


def test_what_training_lacks_is_the_weakest_even_where_practice_does_not_ask_it() -> None:
    taught = train(200, ["add", "mul"])
    given = evidence(taught, {"add": 5}, {"add": 5, "sub": 5})
    found = {aim.construct: aim for aim in drafted(given).aims}
    assert found["sub"].kind == "absent" and found["sub"].weight > found["add"].weight
    unasked = evidence(taught, {"add": 1}, {"add": 9})
    made = drafted(unasked, size=40)
    counts = Counter(row.target for row in made.rows)
    assert 0 < counts["sub"] <= UNASKED * 40 < counts["add"]
    assert "no training example" in next(row.why for row in made.rows if row.target == "sub")
    blind = replace(unasked, practice=nothing_practised(), grades=[])
    assert {row.target for row in drafted(blind).rows} == {"sub"}


def test_nothing_weak_gives_no_draft() -> None:
    given = evidence(train(100, ["add", "mul", "sub"]), {"add": 9, "mul": 9, "sub": 9}, {})
    assert drafted(given).rows == []


def test_one_weak_construct_does_not_take_the_whole_draft() -> None:
    given = evidence(train(300, ["add", "mul", "sub"]), {"add": 9, "mul": 9, "sub": 8}, {"sub": 2})
    made = drafted(given, size=50)
    assert sum(row.target == "sub" for row in made.rows) == 9  # 20 % of the 43 that replay leaves
    assert made.dropped["not_needed"] == 34


def test_the_same_evidence_gives_the_same_bytes_and_another_seed_others() -> None:
    given = evidence(train(120, ["add", "mul"]), {"add": 3}, {"mul": 9})
    one, same, other = (b"\n".join(map(encode, drafted(given, seed).rows)) for seed in (1, 1, 2))
    assert one == same != other


def test_a_promoted_draft_is_followed_by_another_one() -> None:
    taught = train(120, ["add", "mul"])
    first = drafted(evidence(taught, {}, {"mul": 9}))
    later = evidence([*taught, *first.rows], {}, {"mul": 9})
    assert not {row.id for row in first.rows} & {row.id for row in drafted(later).rows}


def test_a_missing_wire_brings_both_its_ends_together() -> None:
    grade = Grade(
        item="p",
        mode="free",
        valid=True,
        score=0.5,
        errors=[GradeError(category="missing_exec", construct="sub", detail="mul.Then -> sub.Execute")],
        per_construct={"sub": 0.0, "mul": 1.0, "add": 1.0},
    )
    found = {aim.construct: aim for aim in aims({}, [grade], [], ["add", "mul", "sub"], weak_below=0.85)}
    assert found["sub"].partners == {"mul": 1} and found["mul"].partners == {"sub": 1}
    assert found["add"].partners == {}
    assert "missing_exec 1 times" in found["sub"].why


def test_lessons_of_now_leave_less_room() -> None:
    assert room(train(60, ["add"])) == 40
    assert room(train(60, ["add"]) + train(40, ["add"], "lesson")) == 0
    assert room([]) == 0


@given(st.dictionaries(st.text(min_size=1), st.floats(0.01, 9), max_size=8), st.integers(0, 99))
def test_shares_are_whole_and_add_up(weights: dict[str, float], places: int) -> None:
    shares = share_out(weights, places)
    assert sum(shares.values()) == (places if weights else 0)
    total = sum(weights.values())
    assert all(abs(shares[name] - places * weights[name] / total) < 1 + 1e-9 for name in weights)


def test_no_replay_where_nothing_is_mastered() -> None:
    found = aims({}, [], [], ["add", "mul"], weak_below=0.85)
    assert allot(found, 10, 0.5) == {"add": 5, "mul": 5}
