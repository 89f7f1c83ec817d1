"""A server on loopback that writes what a test says and fails when a test says so.

It speaks as vLLM does: three endpoints, `usage`, server-sent events, `structured_outputs`. It renders nothing and
counts tokens with the test's tokenizer.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bluebook.exams.doors import Voice
from bluebook.families import family_named
from bluebook.records import Message
from tests.exams.test_answer import byte_tokenizer

Fault = Callable[["Handler"], None]


def voice(context: int = 4096) -> Voice:
    return Voice(byte_tokenizer(), family_named("qwen"), context)


class Fake(ThreadingHTTPServer):
    """`answers` maps a model's name to what it writes after a prompt. Each of `faults` spoils one request, in order,
    the probes included. What was asked lies in `seen`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Callable[[str], str]] = {"toy": lambda prompt: "add(1, 2)"}
        self.faults: list[Fault | None] = []
        self.seen: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.doors = {"tokens", "text", "chat"}
        self.begin_tokens = 0  # put in front of every prompt, as some servers do
        self.obeys = ""  # the field of a request whose grammar it obeys
        self.voice = voice()
        self.released = threading.Event()  # ends whatever hangs
        self.lock = threading.Lock()
        self.running = self.most = 0  # requests at the same time

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Fake
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.seen.append((self.path, self.body, dict(self.headers)))
            self.server.running += 1
            self.server.most = max(self.server.most, self.server.running)
            fault = self.server.faults.pop(0) if self.server.faults else None
        try:
            (fault or Handler.answer)(self)
        finally:
            with self.server.lock:
                self.server.running -= 1

    def prompt(self) -> tuple[str, str, list[int]]:
        """The door, the prompt and its ids."""
        spoken = self.server.voice
        if self.path.endswith("/chat/completions"):
            ids = spoken.prompt([Message(**turn) for turn in self.body["messages"]])
            return "chat", spoken.tokenizer.decode(ids), ids
        given = self.body["prompt"]
        if isinstance(given, str):
            return "text", given, spoken.tokenizer.encode(given, add_special_tokens=False)
        return "tokens", spoken.tokenizer.decode(given), given

    def answer(self, model: str | None = None, break_off: bool = False) -> None:
        door, prompt, ids = self.prompt()
        if door not in self.server.doors or self.body["model"] not in self.server.answers:
            self.reply(404, {"detail": f"no door {door} or no model {self.body['model']}"})
            return
        name = model or self.body["model"]
        text = self.grammatical() or self.server.answers[self.body["model"]](prompt)
        words = re.findall(r"<\|\w+\|>|\w+|\W", text)[: self.body["max_tokens"]]
        cut = len("".join(words)) < len(text)
        counted = len(ids) + (self.server.begin_tokens if door != "tokens" else 0)

        def event(piece: str, reason: str | None) -> dict[str, Any]:
            held = (
                {"delta": {"content": piece}, "message": {"content": piece}}
                if door == "chat"
                else {"text": piece}
            )
            return {
                "model": name,
                "choices": [{**held, "finish_reason": reason}],
                "usage": {"prompt_tokens": counted},
            }

        if not self.body.get("stream"):
            self.reply(200, event("".join(words), "length" if cut else "stop"))
            return
        self.begin(200, "text/event-stream")
        for word in words:
            self.send(event(word, None))
        if not break_off:
            self.send(event("", "length" if cut else "stop"))
            self.wfile.write(b"data: [DONE]\n\n")

    def grammatical(self) -> str:
        """What an obedient server writes."""
        field = self.body.get(self.server.obeys) if self.server.obeys else None
        grammar = field["grammar"] if isinstance(field, dict) else field
        only = re.search(r'^start: "(\w+)"', grammar or "", re.M)
        return only[1] if only else ""

    def begin(self, status: int, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def send(self, value: object) -> None:
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
        self.wfile.flush()

    def reply(self, status: int, value: object, **headers: str) -> None:
        self.begin(status, "application/json", **headers)
        self.wfile.write(json.dumps(value).encode())


def hang(handler: Handler) -> None:
    """Takes the request and never says a word."""
    handler.server.released.wait()


def drop(handler: Handler) -> None:
    """Closes the connection before an answer."""
    handler.close_connection = True
    handler.connection.close()


def break_off(handler: Handler) -> None:
    """Ends in the middle of a stream."""
    handler.answer(break_off=True)


def no_http(handler: Handler) -> None:
    handler.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")
    handler.close_connection = True


def garbage(handler: Handler) -> None:
    handler.begin(200, "text/html")
    handler.wfile.write(b"<html>welcome to the router</html>")


def empty_choice(handler: Handler) -> None:
    handler.reply(200, {"model": "toy", "usage": {"prompt_tokens": len(handler.prompt()[2])}})


def other_model(handler: Handler) -> None:
    handler.answer(model="another")


def no_usage(handler: Handler) -> None:
    handler.reply(200, {"model": "toy", "choices": [{"text": "a", "finish_reason": "stop"}]})


def slow(handler: Handler) -> None:
    """Begins to write and goes no further."""
    handler.begin(200, "text/event-stream")
    handler.send({"model": "toy", "choices": [{"text": "add(", "finish_reason": None}]})
    handler.server.released.wait()


def failing(status: int, **headers: str) -> Fault:
    """Repeats what it was sent, as careless servers do, the key included."""

    def fault(handler: Handler) -> None:
        handler.reply(status, {"detail": f"you said {handler.headers.get('Authorization')}"}, **headers)

    return fault


@contextmanager
def serving() -> Iterator[Fake]:
    server = Fake()
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def sent(server: Fake, field: str) -> Sequence[Any]:
    return [body.get(field) for _, body, _ in server.seen]
