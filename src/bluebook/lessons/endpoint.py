"""A teacher model behind HTTP: one question, one reply, what it cost, and a transcript of it all.

Nothing leaves the machine unless `local.yaml` names a teacher. Three things are kept by this module, whatever a
server does:

- *the budget*: before a question is sent its worst case is added up (a byte of the request is at most one token, the
  reply at most `max_tokens`), and a question that could pass the budget is not sent. What was sent and not answered
  counts as its worst case, because it may have been billed; it is written down before it is sent, so that a killed
  process has not asked for nothing;
- *the transcript*: every question and reply, a line each way. A question that it holds the reply to is not asked
  again, so that an interrupted run pays once, and a recorded transcript answers with no network at all;
- *the key*: it stands in one header and nowhere else. Whatever a server says is cleared of it before it is written,
  raised or returned.

Redirects are not followed: they would carry the key to another host.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from bluebook.errors import BluebookError
from bluebook.params import TeacherSettings
from bluebook.records import encode, read_jsonl

MILLION = 1_000_000
LARGEST_REPLY = 8_000_000  # bytes; no answer of so few tokens is longer
_SHOWN = 120  # characters of a reply that an error quotes


class TeacherError(BluebookError):
    """The teacher model gave nothing that can be used. The classes below say why."""


class TeacherUnreachable(TeacherError):
    """No server listens there, or its name is not known."""


class TeacherHung(TeacherError):
    """The reply was not whole in time."""


class TeacherDropped(TeacherError):
    """The connection ended before the reply did."""


class TeacherStatus(TeacherError):
    """The server answered with an HTTP error: a wrong key or model, too many requests, a fault of its own."""


class TeacherRefused(TeacherError):
    """The model would not answer."""


class TeacherGarbage(TeacherError):
    """A reply that is not what was asked for."""


class TeacherOverBudget(TeacherError):
    """The question could cost more than is left of the budget; it was not sent."""


class Exchange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line of the transcript. A question leaves two: `asked`, with its worst cost, and then what became of it.
    Costs are in the currency of the prices."""

    number: int
    outcome: Literal["asked", "answered", "failed"]
    question: str  # hash of the request
    cost: float
    request: dict[str, Any] | None = None
    reply: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    error: str | None = None


class Reply(NamedTuple):
    """What the model wrote, and what the reply cost: 0 where the transcript held it."""

    text: str
    cost: float


class _Said(NamedTuple):
    text: str
    tokens_in: int | None
    tokens_out: int | None
    ended: str  # `stop`, `length` or `refusal`


class Teacher:
    """An endpoint with its budget and its transcript."""

    def __init__(self, settings: TeacherSettings, transcript: Path, *, offline: bool = False) -> None:
        """Raises TeacherError for a URL or a key that cannot be used. `offline` answers from the transcript alone and
        needs no key."""
        self.settings = settings
        self.transcript = transcript
        self.offline = offline
        self._key = "" if offline else _key(settings)
        if not offline:
            _drop_torn_line(transcript)
        self._exchanges = list(read_jsonl(transcript, Exchange)) if transcript.exists() else []
        parts = urlsplit(settings.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise TeacherError(
                "local.yaml: teacher.url must be http(s)://host/path without a name or a password; the key belongs "
                "into the environment variable that teacher.key_variable names"
            )

    @property
    def spent(self) -> float:
        """What all questions of the transcript cost, or may have cost."""
        return sum({exchange.number: exchange.cost for exchange in self._exchanges}.values())

    def ask(self, system: str, question: str) -> Reply:
        """The model's reply. Raises a TeacherError that says what became of the question."""
        request = self._request(system, question)
        body = encode(request)
        name = hashlib.sha256(body).hexdigest()[:16]
        for exchange in self._exchanges:
            if exchange.question == name and exchange.outcome == "answered":
                return Reply(exchange.reply or "", 0.0)
        if self.offline:
            raise TeacherError(
                f"{self.transcript}: holds no reply to this question, and the teacher is not asked"
            )
        return self._send(request, body, name)

    def _send(self, request: dict[str, Any], body: bytes, name: str) -> Reply:
        settings = self.settings
        worst = (len(body) * settings.price_in + settings.max_tokens * settings.price_out) / MILLION
        if self.spent + worst > settings.budget:
            raise TeacherOverBudget(
                f"the teacher has cost {self.spent:.4f} of {settings.budget:.4f}, and this question may cost "
                f"{worst:.4f}; raise teacher.budget in local.yaml, or go on without it"
            )
        number = 1 + max((exchange.number for exchange in self._exchanges), default=0)
        self._record(Exchange(number=number, outcome="asked", question=name, cost=worst, request=request))
        cost = worst
        try:
            status, raw = self._post(body)
            told = self._clear(raw.decode("utf-8", "replace"))
            if status != 200:
                cost = 0.0  # errors are not billed
                raise TeacherStatus(f"the teacher answered with HTTP {status}: {told[:_SHOWN]!r}")
            said = (_openai if settings.kind == "openai" else _anthropic)(told)
            # A server that does not count is believed to have used all it might.
            used_in = len(body) if said.tokens_in is None else said.tokens_in
            used_out = settings.max_tokens if said.tokens_out is None else said.tokens_out
            cost = (used_in * settings.price_in + used_out * settings.price_out) / MILLION
            if said.ended == "refusal":
                raise TeacherRefused(f"the teacher would not answer: {said.text[:_SHOWN]!r}")
            if said.ended == "length":
                raise TeacherGarbage(
                    f"the reply was cut after {settings.max_tokens} tokens; raise teacher.max_tokens"
                )
        except TeacherError as error:
            cost = 0.0 if isinstance(error, TeacherUnreachable) else cost
            why = f"{type(error).__name__}: {error}"
            self._record(Exchange(number=number, outcome="failed", question=name, cost=cost, error=why))
            raise
        answered = Exchange(
            number=number,
            outcome="answered",
            question=name,
            cost=cost,
            reply=said.text,
            tokens_in=used_in,
            tokens_out=used_out,
        )
        self._record(answered)
        return Reply(said.text, cost)

    def _request(self, system: str, question: str) -> dict[str, Any]:
        shared = {"model": self.settings.model, "max_tokens": self.settings.max_tokens}
        asked = [{"role": "user", "content": question}]
        if self.settings.kind == "anthropic":
            return {**shared, "system": system, "messages": asked}
        return {**shared, "messages": [{"role": "system", "content": system}, *asked]}

    def _post(self, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(self.settings.url)
        path = parts.path.rstrip("/")
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.settings.kind == "anthropic":
            path += "/messages"
            headers |= {"anthropic-version": "2023-06-01"} | ({"x-api-key": self._key} if self._key else {})
        else:
            path += "/chat/completions"
            headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        seconds = self.settings.seconds
        connection = kind(parts.hostname or "", parts.port, timeout=seconds)
        try:
            connection.connect()
        except OSError as error:
            why = self._clear(str(error))
            raise TeacherUnreachable(
                f"no teacher answers at {parts.hostname}: {why}; look at teacher.url in local.yaml"
            ) from None
        with _deadline(connection, seconds) as late:
            try:
                return _talk(connection, path, body, headers)
            except (HTTPException, OSError) as error:
                if late.is_set() or isinstance(error, TimeoutError):
                    raise TeacherHung(f"the teacher's reply was not whole after {seconds:g} s") from None
                why = self._clear(f"{type(error).__name__} {error}")
                raise TeacherDropped(f"the teacher's connection ended before its reply did: {why}") from None
            finally:
                connection.close()

    def _record(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)
        self.transcript.parent.mkdir(parents=True, exist_ok=True)
        with self.transcript.open("ab") as out:
            out.write(self._clear(encode(exchange).decode()).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())

    def _clear(self, text: str) -> str:
        return text.replace(self._key, "(key)") if self._key else text


def _key(settings: TeacherSettings) -> str:
    """The key, from the environment. Errors name the variable, never what it holds."""
    if settings.key_variable is None:
        return ""
    key = os.environ.get(settings.key_variable, "").strip()
    if not key:
        raise TeacherError(
            f"the environment variable {settings.key_variable} (teacher.key_variable in local.yaml) is not set; it "
            f"holds the teacher's key"
        )
    # http.client would quote a key with a line break in its error.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise TeacherError(
            f"the environment variable {settings.key_variable} does not hold a key: it has spaces"
        )
    return key


def _drop_torn_line(transcript: Path) -> None:
    """Cut what a killed process left of its last line. Its question then counts as asked, or was never sent."""
    if not transcript.exists():
        return
    raw = transcript.read_bytes()
    whole = raw.rfind(b"\n") + 1
    if whole < len(raw):
        os.truncate(transcript, whole)


@contextmanager
def _deadline(connection: HTTPConnection, seconds: float) -> Iterator[threading.Event]:
    """Ends the connection after `seconds`. A socket's own timeout begins anew with every byte, so a server that says a
    byte now and then would hold us for ever."""
    late = threading.Event()
    line = connection.sock  # the connection forgets it once it has read the headers

    def end() -> None:
        late.set()
        try:
            line.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _talk(
    connection: HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    connection.request("POST", path, body, dict(headers))
    response = connection.getresponse()
    raw = response.read(LARGEST_REPLY + 1)
    if response.length:  # `read` with a limit does not mind that the rest never came
        raise HTTPException(f"{response.length} bytes of the reply are missing")
    if len(raw) > LARGEST_REPLY:
        raise HTTPException(f"a reply of more than {LARGEST_REPLY} bytes")
    return response.status, raw


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Chat(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class _Block(msgspec.Struct):
    type: str
    text: str = ""


class _Messages(msgspec.Struct):
    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage | None = None


def _openai(told: str) -> _Said:
    """A reply of `/chat/completions`."""
    reply = _decode(told, _Chat)
    if not reply.choices:
        raise TeacherGarbage("the teacher's reply has no choices")
    first, usage = reply.choices[0], reply.usage or _Usage()
    refused = first.message.refusal
    ended = "refusal" if refused or first.finish_reason == "content_filter" else first.finish_reason or "stop"
    return _Said(refused or first.message.content or "", usage.prompt_tokens, usage.completion_tokens, ended)


def _anthropic(told: str) -> _Said:
    """A reply of `/messages`."""
    reply = _decode(told, _Messages)
    usage = reply.usage or _Usage()
    read = [usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens]
    text = "".join(block.text for block in reply.content if block.type == "text")
    ended = {"max_tokens": "length", "refusal": "refusal"}.get(reply.stop_reason or "", "stop")
    tokens_in = None if usage.input_tokens is None else sum(count or 0 for count in read)
    return _Said(text, tokens_in, usage.output_tokens, ended)


def _decode(told: str, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(told, type=kind)
    except msgspec.DecodeError as error:
        raise TeacherGarbage(
            f"the teacher's reply is not the API's: {error}; it says {told[:_SHOWN]!r}"
        ) from None
