"""What a teacher proposes: judged like every lesson, asked without a word of any exam."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bluebook.lessons.endpoint import Teacher, TeacherGarbage
from bluebook.lessons.judge import Judge
from bluebook.lessons.teacher import ExamInPrompt, Secrets, Weak, propose, reword
from bluebook.params import TeacherSettings
from bluebook.records import DraftRow, ExamItem, Example, Origin
from tests.toy import Prefix

from .teacher_server import Answer, Server, chat, saying, send

WEAK = [Weak("mul", "mul: accuracy 0.20 over 20 practice items")]
SUBJECT = Prefix()
SUBJECT.grammar = 'start: WORD "(" start "," start ")" | NUMBER'  # so that programs are compared as programs
TRAIN = [SUBJECT.generate(["add", "sub"], Random(seed)) for seed in range(12)]
ITEM = ExamItem(
    id="secret",
    exam="toy",
    version="1",
    kind="practice",
    prompt="(3 + (2 * (5 - (7 * 8))))",
    reference="add(3, mul(2, sub(5, mul(7, 8))))",
    constructs=["mul"],
)


def draft_row(example: Example) -> DraftRow:
    return DraftRow(
        id=example.id,
        subject=example.subject,
        prompt=example.prompt,
        response=example.response,
        constructs=example.constructs,
        origin=Origin(kind="lesson", ref="draft", group=example.id),
        aim="weak",
        target="mul",
        why="mul: weak",
    )


class Classroom:
    """A teacher behind a server, and the judge of what it says."""

    def __init__(self, url: str, folder: Path, offline: bool = False) -> None:
        settings = TeacherSettings(
            url=url, model="m", kind="openai", key_variable=None, price_in=1.0, price_out=1.0, budget=1.0, seconds=5.0
        )  # fmt: skip
        self.teacher = Teacher(settings, folder / "teacher.jsonl", offline=offline)
        self.judge = Judge(SUBJECT, [ITEM], TRAIN, 0.85)

    def propose(self, wanted: int = 4, weak: list[Weak] = WEAK, examples: list[Example] = TRAIN) -> Any:
        secrets = Secrets([ITEM])
        return propose(
            self.teacher, SUBJECT, self.judge, secrets, weak=weak, examples=examples, wanted=wanted
        )


def proposing(*pairs: tuple[str, str]) -> Answer:
    rows = [{"prompt": prompt, "response": response} for prompt, response in pairs]
    return saying(chat(f"Here you are:\n```json\n{json.dumps(rows)}\n```\nGood luck!"))


def test_proposals_are_judged_like_every_lesson(tmp_path: Path) -> None:
    answer = proposing(
        ("(4 * 6)", "mul(4, 6)"),
        ("(4 * 6)", "mul(4, 6)"),  # said twice
        ("(4 * 7)", "mul(4, 7"),  # not in the language
        ("(4 * 700)", "mul(4, 700)"),  # against its rules
        (ITEM.prompt, "mul(1, 2)"),  # an exam's prompt
        (
            "what is it",
            "add(mul(2, sub(5, mul(8, 7))), 3)",
        ),  # an exam's program, its arguments the other way round
    )
    with Server(answer).running() as server:
        found = Classroom(server.url, tmp_path).propose()
    assert [(row.prompt, row.response, row.target, row.constructs) for row in found.rows] == [
        ("(4 * 6)", "mul(4, 6)", "mul", ["mul"])
    ]
    assert found.refused == {"duplicate": 1, "invalid": 2, "exam_prompt": 1, "exam_program": 1}
    assert found.cost > 0


def test_the_question_names_constructs_and_shows_training_examples_and_no_exam(tmp_path: Path) -> None:
    leaky = Example(
        id="leaky",
        subject=SUBJECT.name,
        prompt=f"please write {ITEM.prompt} for me",
        response="mul(9, 9)",
        constructs=["mul"],  # of the weak construct, so it would be shown first
        origin=TRAIN[0].origin,
    )
    with Server(proposing()).running() as server:
        Classroom(server.url, tmp_path).propose(examples=[leaky, *TRAIN])
    said = "\n".join(message["content"] for message in server.asked[0][2]["messages"])
    assert WEAK[0].why in said
    assert str(SUBJECT.grammar) in said
    assert any(example.prompt in said for example in TRAIN)
    assert ITEM.prompt not in said
    assert ITEM.reference not in said


def test_an_exams_text_in_a_question_stops_it_before_it_is_sent(tmp_path: Path) -> None:
    planted = [Weak("mul", f"mul: wrong in {ITEM.prompt.upper()}")]
    with Server(proposing()).running() as server:
        with pytest.raises(ExamInPrompt, match="secret"):
            Classroom(server.url, tmp_path).propose(weak=planted)
        assert server.asked == []


@pytest.mark.parametrize(
    "text", ["I would rather not.", "[1, 2]", '[{"prompt": "(1 + 2)"}]', "[" * 100_000, '[{"prompt": "(1 ']
)
def test_garbage_is_caught_by_name(tmp_path: Path, text: str) -> None:
    with Server(saying(chat(text))).running() as server, pytest.raises(TeacherGarbage):
        Classroom(server.url, tmp_path).propose()


def test_other_wordings_keep_the_response_and_are_judged(tmp_path: Path) -> None:
    lessons = [draft_row(SUBJECT.generate(["mul"], Random(seed))) for seed in (101, 102)]

    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        rows = [
            {"of": 1, "prompt": "multiply them, would you"},
            {"of": 2, "prompt": lessons[1].prompt},  # not another wording at all
            {"of": 7, "prompt": "of nothing that was asked"},
        ]
        send(handler, chat(json.dumps(rows)))

    with Server(answer).running() as server:
        room = Classroom(server.url, tmp_path)
        for lesson in lessons:
            assert room.judge.take(lesson) is None
        found = reword(room.teacher, room.judge, Secrets([ITEM]), lessons=lessons)
    assert [(row.prompt, row.response) for row in found.rows] == [
        ("multiply them, would you", lessons[0].response)
    ]
    assert found.refused == {"duplicate": 1, "unknown_number": 1}


def test_a_recorded_transcript_gives_the_same_lessons_without_a_server(tmp_path: Path) -> None:
    with Server(proposing(("(4 * 6)", "mul(4, 6)"))).running() as server:
        live = Classroom(server.url, tmp_path).propose()
    recorded = Classroom("http://127.0.0.1:9/v1", tmp_path, offline=True).propose()
    assert [row.id for row in recorded.rows] == [row.id for row in live.rows]
    assert recorded.cost == 0.0
