"""Export: whole rows or named rejections, counted in the tokens that training will see."""

from __future__ import annotations

import msgspec
import pytest

from bluebook.corpus.export import Exported, Plain, export, percentiles
from bluebook.errors import BluebookError
from bluebook.families import chat_template, encode_row, families, family_named
from bluebook.records import Example, Origin, Region
from tests.families.speakers import PHI3, byte_level


def example(id: str, prompt: str = "Where is it?", response: str = "Here.", **changes: object) -> Example:
    made = Example(
        id=id,
        subject="toy",
        prompt=prompt,
        response=response,
        constructs=["c"],
        origin=Origin(kind="record", ref="r", group=id),
        split="train",
    )
    return msgspec.structs.replace(made, **changes)


def exported(*examples: Example, family: str = "qwen", max_tokens: int = 200) -> Exported:
    speaks = family_named(family)
    return export(examples, byte_level(speaks, chat_template(speaks)), speaks, max_tokens=max_tokens)


@pytest.mark.parametrize("name", sorted(families()))
def test_rows_carry_contents_unchanged_and_count_what_training_sees(name: str) -> None:
    family = family_named(name)
    one = example("a", prompt="<user>: Wo?\n\n2 µm", response="<assistant>: Dort.\nHier.")
    row = exported(one, family=name).rows["train"][0]
    assert [(m.role, m.content) for m in row.prompt] == [("user", one.prompt)]
    assert [(m.role, m.content) for m in row.completion] == [("assistant", one.response)]
    encoded = encode_row(byte_level(family), family, row.prompt, one.response)
    assert (row.tokens.prompt, row.tokens.completion) == (len(encoded.prompt), len(encoded.completion))


def test_rows_say_where_they_come_from_and_what_they_exercise() -> None:
    row = exported(example("a", constructs=["d", "c"])).rows["train"][0]
    assert (row.origin, row.constructs) == ("record", ["d", "c"])


def test_a_row_over_the_budget_is_rejected_whole_and_by_name() -> None:
    fits = exported(example("a")).rows["train"][0].tokens
    budget = fits.prompt + fits.completion
    result = exported(example("a"), example("b", response="Here!!"), max_tokens=budget)
    assert [row.id for row in result.rows["train"]] == ["a"]
    assert [(r.id, r.reason, r.tokens) for r in result.rejected] == [("b", "too long", budget + 1)]


def test_what_the_family_cannot_carry_is_rejected_by_name() -> None:
    result = exported(
        example("a"),
        example("b", response="<|eot_id|>"),
        example("c", prompt="Where is it?\n"),
        example("d", response=""),
        family="llama3",
    )
    assert {r.id: r.reason for r in result.rejected} == {
        "b": "control token in assistant",
        "c": "white space at the ends of user",
        "d": "empty assistant",
    }
    assert result.counts["rejected"] == {
        "control token in assistant": 1,
        "empty assistant": 1,
        "white space at the ends of user": 1,
    }


def test_a_system_text_goes_where_the_family_puts_it() -> None:
    with_system = example("a", system="Be exact.")
    row = exported(with_system).rows["train"][0]
    assert [m.role for m in row.prompt] == ["system", "user"]
    assert exported(with_system).plain["train"] == [Plain(input="Be exact.\n\nWhere is it?", output="Here.")]
    refused = exported(example("b"), with_system, family="gemma")
    assert [r.reason for r in refused.rejected] == ["no place for a system text"]


def test_plain_lines_go_with_the_rows() -> None:
    result = exported(
        example("a"), example("b", split="validation", prompt="When?"), example("c", response="long " * 99)
    )
    assert result.plain == {
        "train": [Plain(input="Where is it?", output="Here.")],
        "validation": [Plain(input="When?", output="Here.")],
    }
    assert [row.id for row in result.rows["validation"]] == ["b"]


def test_counts_are_those_of_the_rows() -> None:
    result = exported(example("a"), example("b", response="Over there."), example("c", split="validation"))
    counts = result.counts
    assert counts["examples"] == 3
    assert counts["rows"] == {"train": 2, "validation": 1}
    assert counts["template_verified"] is True
    assert counts["family"] == "qwen"
    # One token a byte and one stop token.
    assert counts["supervised_tokens"] == {
        "train": len("Here.Over there.") + 2,
        "validation": len("Here.") + 1,
    }
    assert counts["completion_tokens"] == {"p50": 6, "p95": 12, "max": 12}


def test_rows_carry_the_subjects_regions_and_the_dataset_their_names() -> None:
    family = family_named("qwen")

    def regions_of(response: str) -> list[Region]:
        return [Region(name="head", start=0, end=2), Region(name="tail", start=2, end=len(response))]

    found = export(
        [example("a"), example("b", split="validation")],
        byte_level(family, chat_template(family)),
        family,
        max_tokens=200,
        regions_of=regions_of,
    )
    assert found.rows["train"][0].regions == regions_of("Here.")
    assert found.regions == ["head", "tail"]
    assert exported(example("a")).regions == []


@pytest.mark.parametrize("spans", [[(0, 6)], [(2, 2)], [(0, 3), (2, 5)], [(3, 5), (0, 2)], [(-1, 2)]])
def test_spans_that_cannot_be_are_the_subjects_fault(spans: list[tuple[int, int]]) -> None:
    family = family_named("qwen")
    with pytest.raises(BluebookError, match="example a: the subject says"):
        export(
            [example("a")],
            byte_level(family, chat_template(family)),
            family,
            max_tokens=200,
            regions_of=lambda response: [Region(name="r", start=start, end=end) for start, end in spans],
        )


def test_another_template_than_the_family_is_refused_before_any_row() -> None:
    phi3 = family_named("phi3")
    tokenizer = byte_level(phi3, PHI3.replace("<|end|>\n", "<|end|>"))
    with pytest.raises(BluebookError, match="does not write what"):
        export([example("a")], tokenizer, phi3, max_tokens=100)


def test_no_row_left_says_why() -> None:
    with pytest.raises(BluebookError, match="too long"):
        exported(example("a"), max_tokens=5)
    with pytest.raises(BluebookError, match="0 examples"):
        exported()


def test_an_example_without_a_split_is_refused() -> None:
    with pytest.raises(BluebookError, match="compose"):
        exported(example("a", split=""))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7], {"p50": 7, "p95": 7, "max": 7}),
        (list(range(100, 0, -1)), {"p50": 50, "p95": 95, "max": 100}),
        ([1, 2, 3], {"p50": 2, "p95": 3, "max": 3}),
    ],
)
def test_percentiles_are_the_nearest_rank(values: list[int], expected: dict[str, int]) -> None:
    assert percentiles(values) == expected
