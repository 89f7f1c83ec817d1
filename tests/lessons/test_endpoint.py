"""One exchange with a teacher, against a real server on loopback that behaves as badly as servers do."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from bluebook.lessons.endpoint import (
    Exchange,
    Teacher,
    TeacherDropped,
    TeacherError,
    TeacherGarbage,
    TeacherHung,
    TeacherOverBudget,
    TeacherRefused,
    TeacherStatus,
    TeacherUnreachable,
)
from bluebook.params import TeacherSettings
from bluebook.records import read_jsonl

from .teacher_server import Answer, Server, chat, saying, send

KEY = "sk-planted-0123456789"


def settings(url: str, **changes: Any) -> TeacherSettings:
    given: dict[str, Any] = {
        "url": url, "model": "m", "kind": "openai", "key_variable": "TEACHER_KEY", "price_in": 1.0, "price_out": 4.0,
        "budget": 1.0, "seconds": 5.0, "max_tokens": 1000,
    }  # fmt: skip
    return TeacherSettings(**{**given, **changes})


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "teacher-toy.jsonl"


def test_an_openai_reply_its_cost_and_its_transcript(transcript: Path) -> None:
    with Server(saying(chat("yes", 100, 50))).running() as server:
        teacher = Teacher(settings(server.url), transcript)
        reply = teacher.ask("be short", "is it so?")
    assert reply == ("yes", (100 * 1.0 + 50 * 4.0) / 1e6)
    [(path, headers, body)] = server.asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert [exchange.outcome for exchange in read_jsonl(transcript, Exchange)] == ["asked", "answered"]
    assert teacher.spent == pytest.approx(reply.cost)


def test_an_anthropic_reply(transcript: Path) -> None:
    value = {
        "content": [{"type": "thinking"}, {"type": "text", "text": "yes"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 90},
    }
    with Server(saying(value)).running() as server:
        reply = Teacher(settings(server.url, kind="anthropic"), transcript).ask("be short", "is it so?")
    assert reply == ("yes", (100 * 1.0 + 5 * 4.0) / 1e6)
    [(path, headers, body)] = server.asked
    assert path == "/v1/messages"
    assert headers["x-api-key"] == KEY
    assert body["system"] == "be short"


def drop(handler: BaseHTTPRequestHandler, body: object) -> None:
    """Half a reply, and the connection ends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')


def vanish(handler: BaseHTTPRequestHandler, body: object) -> None:
    """Nothing at all, and the connection ends."""
    handler.close_connection = True


REFUSED = chat("", finish_reason="content_filter")
ANTHROPIC_REFUSED = {
    "content": [],
    "stop_reason": "refusal",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


@pytest.mark.parametrize(
    ("answer", "kind", "error"),
    [
        (drop, "openai", TeacherDropped),
        (vanish, "openai", TeacherDropped),
        (saying(b"<html>busy</html>"), "openai", TeacherGarbage),
        (saying(b"\xff\xfe"), "openai", TeacherGarbage),
        (saying({"choices": []}), "openai", TeacherGarbage),
        (saying(chat("...", finish_reason="length")), "openai", TeacherGarbage),
        (saying(chat("half a")), "anthropic", TeacherGarbage),
        (saying(REFUSED), "openai", TeacherRefused),
        (saying(ANTHROPIC_REFUSED), "anthropic", TeacherRefused),
        (lambda handler, body: send(handler, {"error": "who are you?"}, 401), "openai", TeacherStatus),
        (lambda handler, body: send(handler, {"error": "too many"}, 429), "openai", TeacherStatus),
        (lambda handler, body: send(handler, b"", 307), "openai", TeacherStatus),
    ],
)
def test_each_fault_is_caught_by_name(
    transcript: Path, answer: Answer, kind: str, error: type[TeacherError]
) -> None:
    with Server(answer).running() as server:
        teacher = Teacher(settings(server.url, kind=kind), transcript)
        with pytest.raises(error):
            teacher.ask("be short", "is it so?")
    last = list(read_jsonl(transcript, Exchange))[-1]
    assert last.outcome == "failed"
    assert last.error is not None and last.error.startswith(error.__name__)


def test_a_server_that_hangs_is_left_in_time(transcript: Path) -> None:
    def hang(handler: BaseHTTPRequestHandler, body: object) -> None:
        server.released.wait()

    server = Server(hang)
    with server.running(), pytest.raises(TeacherHung, match=r"0\.3 s"):
        Teacher(settings(server.url, seconds=0.3), transcript).ask("", "are you there?")


@pytest.mark.parametrize("headers_first", [True, False])
def test_a_server_that_trickles_is_left_in_time(transcript: Path, headers_first: bool) -> None:
    """Every byte restarts a socket's own timeout."""

    def trickle(handler: BaseHTTPRequestHandler, body: object) -> None:
        if headers_first:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
        try:
            while not server.released.wait(0.05):
                handler.wfile.write(b" " if headers_first else b"H")
                handler.wfile.flush()
        except OSError:
            return

    server = Server(trickle)
    with server.running(), pytest.raises(TeacherHung):
        Teacher(settings(server.url, seconds=0.4), transcript).ask("", "are you there?")


def test_where_nobody_listens(transcript: Path) -> None:
    with Server(saying({})).running() as server:
        url = server.url
    teacher = Teacher(settings(url), transcript)
    with pytest.raises(TeacherUnreachable, match=r"teacher\.url"):
        teacher.ask("", "are you there?")
    assert teacher.spent == 0.0


def test_a_question_that_may_pass_the_budget_is_not_sent(transcript: Path) -> None:
    with Server(saying(chat("yes", 100, 50))).running() as server:
        # The reply alone may cost 1000 tokens of 4 a million.
        with pytest.raises(TeacherOverBudget):
            Teacher(settings(server.url, budget=0.0041), transcript).ask("", "x" * 500)
        assert server.asked == []
        teacher = Teacher(settings(server.url, budget=0.0048), transcript)
        assert teacher.ask("", "x" * 500).text == "yes"
        with pytest.raises(TeacherOverBudget, match=r"0\.0003 of 0\.0048"):
            teacher.ask("", "y" * 500)
    assert len(server.asked) == 1


def test_the_budget_outlives_the_process_and_counts_what_may_have_been_billed(transcript: Path) -> None:
    with Server(drop).running() as server:
        with pytest.raises(TeacherDropped):
            Teacher(settings(server.url), transcript).ask("", "one")
        again = Teacher(settings(server.url, budget=0.005), transcript)
        assert again.spent > 0.004  # the whole reply, which may have been written
        with pytest.raises(TeacherOverBudget):
            again.ask("", "two")


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 5}])
def test_a_server_that_does_not_count_is_believed_to_have_used_all(transcript: Path, usage: object) -> None:
    with Server(saying({**chat("yes"), "usage": usage})).running() as server:
        assert Teacher(settings(server.url), transcript).ask("", "one").cost >= 0.004


def test_a_transcript_answers_again_without_server_key_or_cost(
    transcript: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(saying(chat("yes"))).running() as server:
        Teacher(settings(server.url), transcript).ask("be short", "one")
        assert Teacher(settings(server.url), transcript).ask("be short", "one") == ("yes", 0.0)
    assert len(server.asked) == 1
    monkeypatch.delenv("TEACHER_KEY")
    recorded = Teacher(settings("http://127.0.0.1:9/v1"), transcript, offline=True)
    assert recorded.ask("be short", "one").text == "yes"
    with pytest.raises(TeacherError, match="no reply to this question"):
        recorded.ask("be short", "another")


def test_a_line_cut_by_a_kill_is_dropped(transcript: Path) -> None:
    with Server(saying(chat("yes"))).running() as server:
        Teacher(settings(server.url), transcript).ask("", "one")
        whole = transcript.read_bytes()
        transcript.write_bytes(whole[:-7])
        teacher = Teacher(settings(server.url), transcript)
        assert teacher.spent > 0.004  # asked, and nobody knows what became of it
        assert teacher.ask("", "one").text == "yes"
    assert len(server.asked) == 2


def echo(handler: BaseHTTPRequestHandler, body: object) -> None:
    """What a careless proxy does: the request's headers in the reply."""
    send(handler, chat(f"you sent {handler.headers['Authorization']}"))


def echo_error(handler: BaseHTTPRequestHandler, body: object) -> None:
    send(handler, {"error": f"no such key: {handler.headers['Authorization']}"}, 401)


@pytest.mark.parametrize("answer", [echo, echo_error])
def test_the_key_is_in_no_output_no_error_and_no_transcript(transcript: Path, answer: Answer) -> None:
    told = ""
    with Server(answer).running() as server:
        teacher = Teacher(settings(server.url), transcript)
        try:
            told = teacher.ask("", "one").text
        except TeacherStatus as error:
            told = str(error)
    assert "(key)" in told
    assert KEY not in told
    assert KEY not in transcript.read_text()


@pytest.mark.parametrize("planted", ["", "two words", f"{KEY}\nX-Other: 1"])
def test_a_key_that_is_none_is_refused_by_its_variable(
    transcript: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    monkeypatch.setenv("TEACHER_KEY", planted)
    with pytest.raises(TeacherError, match="TEACHER_KEY") as raised:
        Teacher(settings("http://127.0.0.1:9/v1"), transcript)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("url", ["ftp://host/v1", "host/v1", f"https://me:{KEY}@host/v1"])
def test_a_url_that_is_none_or_holds_a_password_is_refused(transcript: Path, url: str) -> None:
    with pytest.raises(TeacherError, match=r"teacher\.url") as raised:
        Teacher(settings(url), transcript)
    assert KEY not in str(raised.value)
