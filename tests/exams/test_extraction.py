"""Programs inside answers, in the toy language and in a real one of many lines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluebook.exams.extraction import program_within
from bluebook.exams.grade import grade, grade_exam
from bluebook.exams.taxonomy import KINDS, outcome
from bluebook.records import ExamItem, Grade, GradeError, Lenient
from bluebook.subjects.design.language import parse as parse_design
from bluebook.subjects.subject import ParseError
from bluebook.subjects.ue5.language import parse as parse_blueprint
from tests.exams.conftest import exam, written
from tests.subjects.design.designs import BOOK
from tests.toy import Prefix, canonical

PARSE = Prefix().parse
ONE = "add(1, mul(2, 3))"
BLUEPRINT = """BLUEPRINT: BP_Lamp
GRAPH: EventGraph
NODE n1: Event_BeginPlay
NODE n2: PrintString [InString="on"]
EXEC n1.Then -> n2.Execute"""

WRAPPINGS = [
    "{}",
    "```\n{}\n```",
    "```text\n{}\n```\n",
    "Here is what you asked for:\n\n{}",
    "{}\n\nThis joins two nodes.",
    "<think>\nadd first, then multiply: add(9, 9)\n</think>\n{}",
    "<think>a moment</think>{}",
    "Sure.\n```\n{}\n```\nAnything else?",
]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_what_is_wrapped_is_found(wrapping: str) -> None:
    found = program_within(wrapping.format(ONE), PARSE)
    assert found is not None
    assert canonical(found) == canonical(PARSE(ONE))
    blueprint = program_within(wrapping.format(BLUEPRINT), parse_blueprint)
    assert blueprint is not None
    assert len(blueprint.graphs[0].nodes) == 2
    # A language that writes its thinking down: what is taken off for others belongs to the program.
    design = program_within(wrapping.format(BOOK), parse_design)
    assert design is not None
    assert [section.heading for section in design.thinking][:1] == ["PROBLEM UNDERSTANDING"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing of the kind",
        f"{ONE}\n{ONE}",  # which of the two?
        f"The result of {ONE} is wanted.",  # not on lines of its own
        "<think>add(1, 2)",
    ],
)
def test_what_is_no_program_is_not_made_one(text: str) -> None:
    assert program_within(text, PARSE) is None


@pytest.mark.parametrize("broken", range(2, 5))
def test_a_program_with_a_broken_line_is_not_cut_to_one_that_parses(broken: int) -> None:
    lines = BLUEPRINT.split("\n")
    lines.insert(broken, "NODE ][")
    assert program_within("\n".join(lines), parse_blueprint) is None


def test_two_blueprints_are_no_answer() -> None:
    assert program_within(f"First:\n{BLUEPRINT}\nOr rather:\n{BLUEPRINT}", parse_blueprint) is None


def test_two_fenced_blueprints_are_no_answer() -> None:
    assert program_within(f"```\n{BLUEPRINT}\n```\nor\n```\n{BLUEPRINT}\n```", parse_blueprint) is None


def test_the_fence_tells_where_free_text_ends() -> None:
    def parse(text: str) -> str:
        if not text.startswith("<say>: "):
            raise ParseError(1, 1, "<say>:", text[:9])
        return text

    assert program_within("Sure:\n```\n<say>: one\ntwo\n```\nIs that it?", parse) == "<say>: one\ntwo"
    assert program_within("Sure:\n<say>: one\ntwo", parse) == "<say>: one\ntwo"


@given(
    st.lists(st.sampled_from([*BLUEPRINT.split("\n"), "", "```", "Prose, a line.", "NODE ]["]), max_size=12)
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_found_stands_in_the_text_line_by_line(lines: list[str]) -> None:
    seen: list[str] = []

    def recorded(text: str) -> str:
        parse_blueprint(text)
        seen.append(text)
        return text

    found = program_within("\n".join(lines), recorded)
    assert found is None or found in "\n".join(lines)


def item() -> ExamItem:
    return next(one for one in exam(20) if len(one.constructs) > 1)


def test_the_score_is_strict_and_the_grade_tells_what_leniency_would_give(subject: Prefix) -> None:
    asked = item()
    fenced = grade(asked, written(asked, f"```\n{asked.reference}\n```"), subject)
    assert (fenced.valid, fenced.score) == (False, 0.0)
    assert [error.category for error in fenced.errors] == ["format"]
    assert fenced.lenient == Lenient(valid=True, score=1.0)
    plain = grade(asked, written(asked, asked.reference), subject)
    assert (plain.score, plain.lenient) == (1.0, None)
    # A text that was cut is no answer in either reading.
    assert grade(asked, written(asked, f"```\n{asked.reference}\n```", "length"), subject).lenient is None
    faulty = grade(asked, written(asked, "```\nadd(1, 100)\n```"), subject)
    assert faulty.lenient == Lenient(valid=False, score=0.0)


def test_both_rates_and_the_outcomes_of_an_exam(subject: Prefix) -> None:
    items = exam(50)
    texts = [
        [one.reference, f"```\n{one.reference}\n```", "prose", "add(1, 100)", "sub(98, 97)"][place % 5]
        for place, one in enumerate(items)
    ]
    answers = [written(one, text) for one, text in zip(items, texts, strict=True)]
    answers[2].finish = "timeout"
    found = grade_exam(subject, items, answers).mastery.modes["free"]
    assert found.outcomes == {"no_error": 10, "unfinished": 1, "format": 19, "rule": 10, "content": 10}
    assert sum(found.outcomes.values()) == found.n
    assert (found.parse_rate, found.lenient.parse_rate) == (0.6, 0.8)
    assert (found.valid_rate, found.lenient.valid_rate) == (0.4, 0.6)
    assert found.lenient.score == pytest.approx(found.score + 0.2)


def test_the_worst_error_is_the_outcome() -> None:
    def with_errors(*kinds: str) -> Grade:
        errors = [GradeError(category="x", construct="", detail="", kind=kind) for kind in kinds]  # type: ignore[arg-type]
        return Grade(item="i", mode="free", valid=False, score=0.0, errors=errors, per_construct={})

    assert outcome(with_errors()) == "no_error"
    for place, kind in enumerate(KINDS):
        assert outcome(with_errors(*list(KINDS)[place:], kind)) == kind
