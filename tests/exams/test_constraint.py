"""Held to a language: what random weights write under it, and what they may not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bluebook.errors import BluebookError, DataError
from bluebook.exams.answer import answer
from bluebook.exams.canary import refuse_silent, said
from bluebook.exams.engine import Asked
from bluebook.exams.inprocess import Candidate, InProcess, language_of
from bluebook.exams.partial import Partial
from bluebook.families import family_named
from bluebook.records import Answer, Message
from bluebook.steps import Step
from bluebook.subjects.subject import Continuation
from tests.exams.conftest import exam
from tests.exams.test_answer import candidate
from tests.toy import Prefix

RUNNING = Step("6.2", "Ask")
GRAMMAR = 'start: "set" (" " /[a-z]{1,6}/)+ "."'


class Worded(Prefix):
    """A toy with a grammar and nothing to say beyond it."""

    grammar: str | None = GRAMMAR


class Listed(Prefix):
    """A toy that is written line by line: declared letters, then a sum of declared ones."""

    grammar: str | None = "start: /[^!]*/"

    def continuation(self, text: str, room: int) -> Continuation:
        lines = text.splitlines()
        letters = "".join(line[-1] for line in lines if line.startswith("let"))
        if any(line.startswith("sum") for line in lines):
            return Continuation(end=True)
        found = (
            []
            if len(letters) > 3
            else ["/let [a-z]/" if not letters else f"/let / (/[a-z]/ & ~/[{letters}]/)"]
        )
        return Continuation(patterns=[*found, *([f"/sum( [{letters}])+?/"] if letters else [])])


class Headed(Listed):
    """The same, with what all declarations begin with told apart from the letters."""

    def continuation(self, text: str, room: int) -> Continuation:
        found = super().continuation(text, room)
        letters = [body for body in found.patterns if body.startswith("/let")]
        return Continuation(
            headed=[("let", body.replace("/let ", "/ ", 1)) for body in letters],
            patterns=[body for body in found.patterns if body not in letters],
            end=found.end,
        )


class Spaced(Prefix):
    """A toy of two paragraphs, with a blank line or one more word between them."""

    grammar: str | None = "start: /[^!]*/"

    def continuation(self, text: str, room: int) -> Continuation:
        lines = text.split("\n") if text else []
        match len(lines):
            case 0:
                return Continuation(texts=["begin"])
            case 1:
                return Continuation(texts=[""], patterns=["/[a-z]{1,4}/"])
            case 2:
                return Continuation(texts=["end"])
            case _:
                return Continuation(end=True)


@pytest.fixture
def qwen() -> Candidate:
    return candidate("qwen3")


def engine(sitting: Candidate, subject: Prefix, **more: float) -> InProcess:
    settings = {"tokens": 60, "batch": 8} | more
    return InProcess(sitting, language=language_of(sitting, subject), **settings)  # type: ignore[arg-type]


def ask(asked: InProcess, folder: Path, count: int = 12) -> list[Answer]:
    return answer(asked, exam(count), partial=Partial(folder / "kept.jsonl", "run"), running=RUNNING)


def test_each_item_is_asked_in_both_modes_and_sorted(qwen: Candidate, tmp_path: Path) -> None:
    found = ask(engine(qwen, Worded()), tmp_path)
    names = [(row.item, row.mode) for row in found]
    assert names == sorted(names)
    assert {row.mode for row in found} == {"constrained", "free"}
    assert len(found) == 24
    free = InProcess(qwen, tokens=60, batch=8)
    assert ask(free, tmp_path / "free") == [row for row in found if row.mode == "free"]


@pytest.mark.parametrize("family", ["qwen", "gptj", "llama2"])
def test_what_is_held_to_a_grammar_is_in_it(qwen: Candidate, tmp_path: Path, family: str) -> None:
    wrapped = family_named("qwen")
    other = family_named(family)
    sitting = replace(
        qwen,
        family=msgspec.structs.replace(
            wrapped, answer_prefix=other.answer_prefix, answer_suffix=other.answer_suffix
        ),
    )
    found = [row for row in ask(engine(sitting, Worded()), tmp_path) if row.mode == "constrained"]
    ended = [row for row in found if row.finish == "stop"]
    assert ended
    for row in ended:
        assert re.fullmatch(r"set( [a-z]{1,6})+\.", row.text), row.text


def test_a_line_follows_from_the_lines_before(qwen: Candidate, tmp_path: Path) -> None:
    found = [row for row in ask(engine(qwen, Listed()), tmp_path, 24) if row.mode == "constrained"]
    ended = [row for row in found if row.finish == "stop"]
    assert ended
    for row in ended:
        *lets, total = row.text.split("\n")
        letters = [line.removeprefix("let ") for line in lets]
        assert len(set(letters)) == len(letters) <= 4
        assert re.fullmatch(rf"sum( [{''.join(letters)}])+", total), row.text
    assert len({row.text for row in ended}) > 1


def test_a_head_is_part_of_the_line(qwen: Candidate, tmp_path: Path) -> None:
    whole = ask(engine(qwen, Listed()), tmp_path / "whole")
    assert ask(engine(qwen, Headed()), tmp_path / "headed") == whole
    llama = family_named("llama2")  # which puts a space before an answer
    wrapped = msgspec.structs.replace(
        qwen.family, answer_prefix=llama.answer_prefix, answer_suffix=llama.answer_suffix
    )
    spaced = replace(qwen, family=wrapped)
    whole = ask(engine(spaced, Listed()), tmp_path / "spaced")
    assert ask(engine(spaced, Headed()), tmp_path / "both") == whole


def test_a_line_may_be_empty_and_is_no_place_to_end(qwen: Candidate, tmp_path: Path) -> None:
    found = [row for row in ask(engine(qwen, Spaced()), tmp_path, 24) if row.mode == "constrained"]
    assert {row.finish for row in found} == {"stop"}
    assert all(re.fullmatch(r"begin\n[a-z]{0,4}\nend", row.text) for row in found)

    class Blank(Spaced):
        def continuation(self, text: str, room: int) -> Continuation:
            return msgspec.structs.replace(super().continuation(text, room), patterns=[])

    only = [row for row in ask(engine(qwen, Blank()), tmp_path / "blank") if row.mode == "constrained"]
    assert {row.text for row in only} == {"begin\n\nend"}


def test_the_company_is_no_part_of_a_constrained_answer(qwen: Candidate, tmp_path: Path) -> None:
    assert ask(engine(qwen, Listed(), batch=1), tmp_path / "one") == ask(
        engine(qwen, Listed()), tmp_path / "many"
    )


def test_an_answer_that_takes_too_long_is_a_timeout(qwen: Candidate, tmp_path: Path) -> None:
    found = ask(engine(qwen, Worded(), seconds=0.0), tmp_path)
    assert {row.finish for row in found} <= {"timeout", "stop"}
    assert all(row.tokens == 1 for row in found)


def test_what_is_streamed_is_what_is_answered(qwen: Candidate, tmp_path: Path) -> None:
    asked = engine(qwen, Listed())
    for row in ask(asked, tmp_path, 4):
        [item] = [item for item in exam(4) if item.id == row.item]
        assert "".join(asked.stream(Asked(item, row.mode).messages, row.mode)) == row.text


def test_a_subject_without_a_grammar_cannot_be_constrained(qwen: Candidate) -> None:
    asked = engine(qwen, Prefix())
    assert list(asked.modes) == ["free"]
    with pytest.raises(BluebookError, match="grammar"):
        list(asked.stream([Message(role="user", content="x")], "constrained"))


def test_an_adapter_that_changes_nothing_is_refused(qwen: Candidate) -> None:
    [item] = exam(1)
    base = said(qwen, item)
    refuse_silent(candidate("qwen3", seed=2), item, base, Path("models/adapters/other"))
    with pytest.raises(DataError, match="silent adapter"):
        refuse_silent(candidate("qwen3"), item, base, Path("models/adapters/same"))
