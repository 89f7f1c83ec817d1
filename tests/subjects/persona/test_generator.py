"""Generated examples: valid by construction, of what was asked for, the same for the same seed, and many."""

from __future__ import annotations

import json
import re
from random import Random

import pytest

from bluebook.errors import BluebookError
from bluebook.records import DatasetRow, Example, Message, TokenCount
from bluebook.subjects.persona.generator import SOURCES, generate, names
from bluebook.subjects.persona.grading import check, word_count
from bluebook.subjects.persona.notation import TAGS, parse, tags_in_place
from bluebook.subjects.persona.suite import ExpectPolicy, expectations
from bluebook.subjects.persona.vocabulary import VERBS, WORDS, inflect, plural, with_article

MANY = 2000


def sample(count: int, seed: int = 1) -> list[Example]:
    rng = Random(seed)
    return [generate([], rng) for _ in range(count)]


def row(example: Example) -> DatasetRow:
    return DatasetRow(
        id=example.id,
        prompt=[Message(role="user", content=example.prompt)],
        completion=[Message(role="assistant", content=example.response)],
        tokens=TokenCount(prompt=1, completion=1),
    )


def test_every_example_passes_parse_check_and_the_suite() -> None:
    examples = sample(MANY)
    suite = expectations(ExpectPolicy(mode_share=0.2, short_share=0.9, short_words=40))
    for example in examples:
        reply = parse(example.response)
        assert check(reply, 300) == []
        assert [at.tag for at in tags_in_place(example.prompt)] == [TAGS[reply.mode].prompt]
        assert f"mode:{reply.mode}" in example.constructs
        for rule in suite.rows:
            assert rule.holds(row(example)), (rule.name, example)
    for share in suite.shares:
        assert sum(share.counts(row(example)) for example in examples) >= share.at_least * MANY, share.name


def test_the_same_seed_gives_the_same_examples() -> None:
    assert sample(50, seed=9) == sample(50, seed=9)
    assert sample(50, seed=9) != sample(50, seed=10)


def test_examples_are_many_and_their_words_are_many() -> None:
    examples = sample(MANY)
    assert len({example.id for example in examples}) > 0.99 * MANY
    assert len({example.response for example in examples}) > 0.95 * MANY
    words = {word for e in examples for word in re.findall(r"[a-z']+", f"{e.prompt} {e.response}".lower())}
    assert len(words) > 1000


def test_no_slot_is_left_open_and_nothing_reads_like_a_mistake() -> None:
    for example in sample(MANY):
        text = f"{example.prompt} {example.response}"
        assert not re.search(
            r"\{[a-z]+(:[a-z]+)?\d?(\.[a-z]+)?\}|  |\s[,.?!]|\ba [aeio]|\ban [bcdfgjk]", text
        ), text


@pytest.mark.parametrize("mode", SOURCES)
def test_what_is_named_is_what_comes(mode: str) -> None:
    rng = Random(4)
    for source in SOURCES[mode]:
        example = generate([f"mode:{mode}", f"source:{source}"], rng)
        assert example.constructs == [f"mode:{mode}", f"source:{source}"]
        assert parse(example.response).mode == mode


def test_one_of_several_is_picked_and_a_type_brings_its_mode() -> None:
    rng = Random(4)
    picked = {next(iter(generate(["mode:dual", "mode:agent"], rng).constructs)) for _ in range(60)}
    assert picked == {"mode:dual", "mode:agent"}
    assert generate(["source:nightmare"], rng).constructs == ["mode:dual", "source:nightmare"]
    assert generate(["mode:dual", "source:conversation"], rng).constructs[0] == "mode:dual"


@pytest.mark.parametrize(
    "constructs", [["mode:angry"], ["dual"], ["source:draem"], ["mode:agent", "source:dream"]]
)
def test_what_the_persona_does_not_have_is_refused_by_name(constructs: list[str]) -> None:
    with pytest.raises(BluebookError, match=constructs[-1]):
        generate(constructs, Random(1))


def test_tool_calls_are_calls_with_json_arguments() -> None:
    rng = Random(2)
    for _ in range(200):
        body = parse(generate(["source:tool_use"], rng).response).body
        call = re.match(r"[a-z_]+\((\{.*?\})\)", body)
        assert call is not None, body
        assert json.loads(call[1])


def test_a_call_is_about_what_the_order_names() -> None:
    rng = Random(5)
    about = 0
    for _ in range(200):
        example = generate(["source:tool_use"], rng)
        arguments = json.loads(re.search(r"\{.*?\}", example.response)[0])  # type: ignore[index]
        about += any(str(value) in example.prompt for value in arguments.values())
    assert about > 150


def test_replies_are_short() -> None:
    assert max(word_count(parse(example.response).body) for example in sample(MANY)) <= 60


@pytest.mark.parametrize(
    ("entry", "forms"),
    [
        ("mend", ("mend", "mended", "mended", "mending", "mends")),
        ("move", ("move", "moved", "moved", "moving", "moves")),
        ("carry", ("carry", "carried", "carried", "carrying", "carries")),
        ("stay", ("stay", "stayed", "stayed", "staying", "stays")),
        ("drop", ("drop", "dropped", "dropped", "dropping", "drops")),
        ("wash", ("wash", "washed", "washed", "washing", "washes")),
        ("find/found", ("find", "found", "found", "finding", "finds")),
        ("write/wrote/written", ("write", "wrote", "written", "writing", "writes")),
        ("tie/tied", ("tie", "tied", "tied", "tying", "ties")),
        ("go/went/gone", ("go", "went", "gone", "going", "goes")),
    ],
)
def test_verbs_are_inflected(entry: str, forms: tuple[str, ...]) -> None:
    assert tuple(inflect(entry)) == forms


def test_nouns_are_inflected() -> None:
    nouns = ("lamp", "box", "cherry", "toy", "knife", "bread knife", "pair of pliers")
    assert [plural(noun) for noun in nouns] == [
        "lamps", "boxes", "cherries", "toys", "knives", "bread knives", "pairs of pliers",
    ]  # fmt: skip
    assert [with_article(noun) for noun in ("oar", "lamp", "honest man", "useful lamp", "hour")] == [
        "an oar", "a lamp", "an honest man", "a useful lamp", "an hour",
    ]  # fmt: skip


def test_no_list_of_words_repeats_itself() -> None:
    for name, words in WORDS.items():
        assert len(set(words)) == len(words), name
        assert all(words), name
    for name, verbs in VERBS.items():
        assert len({verb.base for verb in verbs}) == len(verbs), name


def test_every_construct_that_is_listed_can_be_generated() -> None:
    for name in names():
        assert name in generate([name], Random(name)).constructs
