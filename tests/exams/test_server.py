"""The engine that asks a server: what it sends, what it makes of answers, and every way in which a server fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bluebook.errors import BluebookError
from bluebook.exams.client import Client, Garbled, Refused, ServerError, Silent, Unreachable
from bluebook.exams.doors import OtherBytes, Voice, WrongModel
from bluebook.exams.engine import Asked
from bluebook.exams.server import NotApplied, Server
from bluebook.families import family_named, render_prompt
from bluebook.records import Answer, Message, Mode
from tests.exams.conftest import exam
from tests.exams.servers import (
    Fake,
    Fault,
    break_off,
    drop,
    empty_choice,
    failing,
    garbage,
    hang,
    no_http,
    no_usage,
    other_model,
    serving,
    slow,
    voice,
)

GRAMMAR = 'start: "add(" NUMBER ", " NUMBER ")"\nNUMBER: /[0-9]+/\n'
HELLO = [Message(role="user", content="(1 + 2)")]


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving() as server:
        yield server


class Pauses:
    """Stands for time that passes between two tries."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def engine(fake: Fake, *, seconds: float = 10.0, pauses: Pauses | None = None, **more: Any) -> Server:
    key = more.pop("key_variable", None)
    client = Client(fake.url, key_variable=key, seconds=seconds, pauses=(1.0, 4.0), sleep=pauses or Pauses())
    settings: dict[str, Any] = {"max_new_tokens": 40, **more}
    return Server(client, settings.pop("model", "toy"), settings.pop("voice", voice()), **settings)


def ask(server: Server, count: int = 1, mode: Mode = "free") -> list[Answer]:
    asked = [Asked(item, mode) for item in exam(count)]
    return [answer for group in server.write(server.plan(asked)) for answer in group]


def spoil(fake: Fake, *faults: Fault | None) -> None:
    """For the requests from now on."""
    fake.faults = list(faults)


def test_every_item_is_answered_once(fake: Fake) -> None:
    fake.answers["toy"] = lambda prompt: f"echo {prompt}"
    items = exam(30)
    found = ask(engine(fake, max_new_tokens=200), 30)
    assert sorted(answer.item for answer in found) == sorted(item.id for item in items)
    by_id = {answer.item: answer for answer in found}
    for item in items:
        assert by_id[item.id].text == f"echo user\n{item.prompt}"
        assert (by_id[item.id].finish, by_id[item.id].mode) == ("stop", "free")


def test_tokens_are_counted_with_the_stop_token(fake: Fake) -> None:
    [answer] = ask(engine(fake))
    assert (answer.text, answer.tokens, answer.finish) == ("add(1, 2)", 10, "stop")
    [answer] = ask(engine(fake, max_new_tokens=3))
    assert (answer.text, answer.tokens, answer.finish) == ("add(1", 5, "length")


def test_several_are_asked_at_a_time_and_not_more(fake: Fake) -> None:
    server = engine(fake, at_once=4)
    together = threading.Barrier(4, timeout=10)

    def meet(prompt: str) -> str:
        together.wait()  # broken unless four are there at once
        return "add(1, 2)"

    fake.answers["toy"] = meet
    fake.most = 0
    assert len(ask(server, 12)) == 12
    assert fake.most == 4


@pytest.mark.parametrize(("doors", "path"), [("tokens", ""), ("text", ""), ("chat", "/chat")])
def test_the_model_is_shown_what_it_saw_in_training(fake: Fake, doors: str, path: str) -> None:
    fake.doors = {doors}
    server = engine(fake)
    assert [answer.text for answer in ask(server, 2)] == ["add(1, 2)"] * 2
    asked_path, body, _ = fake.seen[-1]
    assert asked_path == f"/v1{path}/completions"
    turns = [Message(role="user", content=next(i.prompt for i in exam(2) if i.prompt in shown(body)))]
    ours = render_prompt(family_named("qwen"), turns)
    expected: Any = {
        "tokens": voice().prompt(turns),
        "text": ours,
        "chat": [{"role": "user", "content": turns[0].content}],
    }
    assert body["messages" if doors == "chat" else "prompt"] == expected[doors]
    assert body["temperature"] == 0


def shown(body: dict[str, Any]) -> str:
    if "messages" in body:
        return str(body["messages"][-1]["content"])
    given = body["prompt"]
    return given if isinstance(given, str) else str(voice().tokenizer.decode(given))


def test_a_second_begin_token_is_found_out_and_gone_around(fake: Fake) -> None:
    fake.begin_tokens = 1
    ask(engine(fake))
    assert isinstance(fake.seen[-1][1]["prompt"], list)


def test_a_server_that_would_show_other_bytes_is_refused(fake: Fake) -> None:
    fake.begin_tokens, fake.doors = 1, {"text", "chat"}
    with pytest.raises(OtherBytes, match="text: it counts"):
        engine(fake)


def test_a_template_that_only_an_earlier_turn_gives_away_is_refused(fake: Fake) -> None:
    """The server drops what was said before the last turn."""
    fake.doors = {"chat"}

    class Forgetful(Voice):
        def prompt(self, messages: Any) -> list[int]:
            return super().prompt(messages[-1:])

    fake.voice = Forgetful(fake.voice.tokenizer, fake.voice.family, 4096)
    with pytest.raises(OtherBytes):
        engine(fake)


def test_a_prompt_without_room_is_an_answer_and_short_room_a_limit(fake: Fake) -> None:
    [item] = exam(1)
    length = len(voice().prompt([Message(role="user", content=item.prompt)]))
    [answer] = ask(engine(fake, voice=voice(context=length)))
    assert (answer.finish, answer.tokens, answer.text) == ("error", 0, "")
    [answer] = ask(engine(fake, voice=voice(context=length + 2)))
    assert answer.finish == "length"


def test_special_tokens_that_a_server_shows_are_no_text(fake: Fake) -> None:
    fake.answers["toy"] = lambda prompt: "<|endoftext|>add(1, 2)<|im_end|>\n<|im_start|>user"
    [answer] = ask(engine(fake, max_new_tokens=100))
    assert answer.text == "add(1, 2)"


# Faults. Those of the first requests meet the probes, those after them the answers.


@pytest.mark.parametrize("fault", [drop, no_http, failing(500), failing(503), failing(429)])
@pytest.mark.parametrize("when", ["probe", "answer"])
def test_what_passes_is_tried_again(fake: Fake, fault: Fault, when: str) -> None:
    pauses = Pauses()
    if when == "probe":
        spoil(fake, fault, fault)
    server = engine(fake, pauses=pauses)
    if when == "answer":
        spoil(fake, fault, fault)
    assert [answer.text for answer in ask(server)] == ["add(1, 2)"]
    assert pauses.taken == [1.0, 4.0]


def test_an_answer_that_broke_off_is_asked_for_again_whole(fake: Fake) -> None:
    server = engine(fake)
    spoil(fake, break_off)
    assert [answer.text for answer in ask(server)] == ["add(1, 2)"]


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (drop, Unreachable),
        (no_http, Unreachable),
        (failing(500), Unreachable),
        (failing(429), Unreachable),
        (failing(401), Refused),
        (failing(302, Location="http://127.0.0.1:9"), Refused),
        (garbage, Garbled),
        (other_model, WrongModel),
    ],
)
@pytest.mark.parametrize("when", ["probe", "answer"])
def test_each_way_of_failing_has_a_name(
    fake: Fake, fault: Fault, name: type[BluebookError], when: str
) -> None:
    server = None if when == "probe" else engine(fake)
    spoil(fake, *[fault] * 20)
    with pytest.raises(name) as raised:
        ask(server or engine(fake), 3)
    assert "127.0.0.1" in str(raised.value)


@pytest.mark.parametrize("fault", [empty_choice, no_usage])
def test_a_reply_that_proves_nothing_is_refused(fake: Fake, fault: Fault) -> None:
    spoil(fake, fault)
    with pytest.raises(Garbled):
        engine(fake)


def test_the_servers_own_pause_is_kept_and_too_long_a_one_is_not_waited_for(fake: Fake) -> None:
    pauses = Pauses()
    spoil(fake, failing(429, Retry_After="17"), failing(429, Retry_After="tomorrow"))
    engine(fake, pauses=pauses)
    assert pauses.taken == [17.0, 4.0]
    spoil(fake, failing(429, Retry_After="86400"))
    with pytest.raises(Unreachable, match="429"):
        engine(fake)


def test_nobody_there_is_unreachable(fake: Fake) -> None:
    client = Client("http://127.0.0.1:1/v1/", seconds=5, pauses=(0.0,), sleep=Pauses())
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1/v1/completions"):
        Server(client, "toy", voice(), max_new_tokens=5)


def test_a_model_that_is_not_there_is_refused_in_the_servers_words(fake: Fake) -> None:
    with pytest.raises(Refused, match="no model nobody"):
        engine(fake, model="nobody")


def test_a_server_that_hangs_is_silent(fake: Fake) -> None:
    spoil(fake, hang)
    with pytest.raises(Silent):
        engine(fake, seconds=0.05)
    fake.faults = []
    server = engine(fake)
    server._client.seconds = 0.05
    spoil(fake, *[hang] * 20)
    with pytest.raises(Silent):
        ask(server, 3)


def test_an_answer_that_takes_too_long_is_an_answer(fake: Fake) -> None:
    """Also one that had not begun, as long as the server is alive: the exam goes on."""
    server = engine(fake, at_once=1)
    server._client.seconds = 0.2
    spoil(fake, slow, hang)
    found = ask(server, 3)
    assert sorted((answer.finish, answer.text) for answer in found) == [
        ("stop", "add(1, 2)"),
        ("timeout", ""),
        ("timeout", "add("),
    ]


# Keys.


def test_the_key_is_sent_and_never_told(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    key = "sk-very-secret-0123456789"
    monkeypatch.setenv("TEST_SERVER_KEY", key)
    caplog.set_level(logging.DEBUG)
    server = engine(fake, key_variable="TEST_SERVER_KEY")
    assert fake.seen[-1][2]["Authorization"] == f"Bearer {key}"
    told = []
    for fault in (failing(400), failing(500)):
        spoil(fake, *[fault] * 20)
        with pytest.raises(ServerError) as raised:
            ask(server)
        told.append(str(raised.value))
    assert all("you said Bearer ***" in words for words in told)
    shown = capfd.readouterr()
    for words in (*told, caplog.text, shown.out, shown.err, repr(server), repr(vars(server))):
        assert key not in words


@pytest.mark.parametrize("held", [None, "", "  "])
def test_a_key_that_is_not_there_is_named(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, held: str | None
) -> None:
    monkeypatch.delenv("TEST_SERVER_KEY", raising=False)
    if held is not None:
        monkeypatch.setenv("TEST_SERVER_KEY", held)
    with pytest.raises(ServerError, match="TEST_SERVER_KEY"):
        engine(fake, key_variable="TEST_SERVER_KEY")
    assert not fake.seen


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://a", "http://", "http://me:secret@127.0.0.1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ServerError, match=r"local\.yaml") as raised:
        Client(url, seconds=1)
    assert "secret" not in str(raised.value)


def test_a_proxy_of_the_environment_is_not_used(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert ask(engine(fake))


# Constraint.


@pytest.mark.parametrize("field", ["structured_outputs", "grammar"])
def test_constrained_where_the_server_obeys_a_grammar(fake: Fake, field: str) -> None:
    fake.obeys = field
    server = engine(fake, grammar=GRAMMAR)
    assert list(server.modes) == ["constrained", "free"]
    ask(server, mode="constrained")
    held = fake.seen[-1][1][field]
    assert GRAMMAR in (held["grammar"] if field == "structured_outputs" else held)
    ask(server, mode="free")
    assert field not in fake.seen[-1][1]


def test_a_server_that_ignores_a_grammar_is_asked_free_only(
    fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    server = engine(fake, grammar=GRAMMAR)
    assert list(server.modes) == ["free"]
    assert "obeys no grammar" in capsys.readouterr().err
    with pytest.raises(ServerError, match="constrained"):
        ask(server, mode="constrained")


def test_a_familys_wrapping_stands_in_the_grammar() -> None:
    from llguidance import LLMatcher

    wrapped = Voice(voice().tokenizer, family_named("llama2"), 4096)
    framed = wrapped.framed(GRAMMAR)
    assert LLMatcher.validate_grammar(LLMatcher.grammar_from_lark(framed)) == ""
    assert framed.startswith('start: " " response " "')
    assert voice().framed(GRAMMAR) == GRAMMAR


# The adapter.


def test_an_adapter_that_is_not_applied_is_found_out(fake: Fake) -> None:
    fake.answers["base"] = fake.answers["toy"]
    server = engine(fake, base_model="base")
    with pytest.raises(NotApplied, match="toy and its base base"):
        ask(server, 6)
    fake.answers["base"] = lambda prompt: "I am the base"
    assert len(ask(server, 6)) == 6


# One reply, as it is written.


def test_a_reply_comes_piece_by_piece(fake: Fake) -> None:
    server = engine(fake)
    writing = server.stream(HELLO, "free")
    pieces = []
    with pytest.raises(StopIteration) as ended:
        while True:
            pieces.append(next(writing))
    assert (ended.value.value, "".join(pieces)) == ("stop", "add(1, 2)")
    assert len(pieces) > 1


def test_a_reply_shows_no_special_token(fake: Fake) -> None:
    fake.answers["toy"] = lambda prompt: "add<|im_end|> more"
    server = engine(fake)
    assert "".join(server.stream(HELLO, "free")) == "add"


def test_what_is_out_stays_out(fake: Fake) -> None:
    server = engine(fake)
    spoil(fake, drop, None)
    assert "".join(server.stream(HELLO, "free")) == "add(1, 2)"
    spoil(fake, break_off, None)
    writing = server.stream(HELLO, "free")
    with pytest.raises(Unreachable):
        list(writing)


def test_a_reply_that_nobody_waits_for_is_given_up(fake: Fake) -> None:
    server = engine(fake)
    spoil(fake, slow)
    writing = server.stream(HELLO, "free")
    assert next(writing) == "add("
    writing.close()
    assert "".join(server.stream(HELLO, "free")) == "add(1, 2)"
