"""A model behind an OpenAI-compatible server (vLLM, llama.cpp, Ollama, `transformers serve`), as an engine.

`doors.py` says how it is spoken to and proves it; `client.py` what each way of failing is called. Several items are
asked at a time: such servers write for many at once about as fast as for one. Each answer is streamed, so that one
that runs out of time keeps what was written.

A server knows a grammar, but not which names a text has declared: its constrained answers keep the grammar and may
break the subject's further rules.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

from bluebook.exams.client import Client, Passing, ServerError, Session
from bluebook.exams.doors import Asking, Line, Voice, find_line, reply_to
from bluebook.exams.engine import MODES, Asked, Group
from bluebook.records import Answer, Finish, Message, Mode

CANARIES = 4  # items that adapter and base are both asked
CANARY_TOKENS = 32  # of each; a trained adapter differs from its base sooner

T = TypeVar("T")
R = TypeVar("R")


class NotApplied(ServerError):
    """The adapter answers as its base does."""


class Server:
    """One model of a server that was tried and found able."""

    def __init__(
        self,
        client: Client,
        model: str,
        voice: Voice,
        *,
        name: str = "",
        max_new_tokens: int,
        grammar: str | None = None,
        at_once: int = 8,
        base_model: str | None = None,
    ) -> None:
        """Tries the server: the model's name, our bytes, the grammar. Raises a ServerError, by its name.

        `name` says which weights `model` is meant to be. No server proves that; see `base_model` for what can be.
        `base_model` is the base's name on the same server, by which an adapter that is not applied is found out.
        """
        self._client, self._limit, self._grammar = client, max_new_tokens, grammar
        self._meant = name
        self._at_once, self._base_model = at_once, base_model
        self._line: Line = asyncio.run(self._meet(model, voice))

    @property
    def name(self) -> str:
        return f"{self._meant} as {self._line.model} on a server".removeprefix(" as ")

    @property
    def modes(self) -> Sequence[Mode]:
        return MODES if self._line.dialect is not None else ("free",)

    def plan(self, asked: Sequence[Asked]) -> list[Group]:
        """Each item by itself, the longest first, so that those waited for at the end are short."""
        return [
            [one] for one in sorted(asked, key=lambda one: (-len(one.item.prompt), one.item.id, one.mode))
        ]

    def write(self, groups: Iterable[Group]) -> Iterator[list[Answer]]:
        """See `Engine.write`. Before all others a few items are asked of the base too, where it has a name."""
        return _given(lambda give: self._write(list(groups), give))

    def stream(self, messages: Sequence[Message], mode: Mode) -> Generator[str, None, Finish]:
        """See `Engine.stream`. Tried again only while nothing is written: what is out stays out."""
        return _given(lambda give: self._tell(messages, mode, give))

    async def _meet(self, model: str, voice: Voice) -> Line:
        async with self._client.session() as session:
            return await find_line(session, model, voice, self._grammar)

    async def _write(self, groups: Sequence[Group], give: Callable[[list[Answer]], None]) -> None:
        following = iter(groups)

        async def work() -> None:
            for group in following:  # shared: each worker takes the next
                give([await self._answer(session, asked) for asked in group])

        async with self._client.session() as session:
            if self._base_model is None:
                print(
                    f"{self.name}: no base_model in local.yaml, so not tried against its base",
                    file=sys.stderr,
                )
            else:
                await self._try_adapter(session, [group[0] for group in groups], self._base_model)
            workers = [asyncio.create_task(work()) for _ in range(self._at_once)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()

    async def _answer(self, session: Session, asked: Asked) -> Answer:
        written: list[str] = []
        asking = self._asking(asked.messages, asked.mode)
        finish: Finish = "error"  # where there is no room for an answer
        if asking is not None:
            finish = await session.again(lambda: self._once(session, asking, written))
        text = self._line.voice.content("".join(written))
        return Answer(
            item=asked.item.id,
            model=self.name,
            mode=asked.mode,
            text=text,
            tokens=self._line.voice.tokens(text, finish),
            finish=finish,
        )

    async def _tell(self, messages: Sequence[Message], mode: Mode, give: Callable[[str], None]) -> Finish:
        written: list[str] = []
        told = ""

        def heard() -> None:
            nonlocal told
            text = self._line.voice.content("".join(written))
            if len(text) > len(told) and text.startswith(told):
                give(text[len(told) :])
                told = text

        asking = self._asking(messages, mode)
        if asking is None:
            return "error"

        async def attempt() -> Finish:
            try:
                return await self._once(session, asking, written, heard)
            except Passing as failed:
                if told:
                    raise failed.error from None
                raise

        async with self._client.session() as session:
            return await session.again(attempt)

    def _asking(self, messages: Sequence[Message], mode: Mode) -> Asking | None:
        """The request; None where the prompt leaves no room for an answer."""
        limit = min(self._limit, self._line.voice.context - len(self._line.voice.prompt(messages)))
        if limit <= 0:
            return None
        if mode == "free":
            return self._line.asking(messages, limit)
        if self._grammar is None or self._line.dialect is None:
            raise ServerError(f"{self.name}: it cannot be constrained, only asked free")
        return self._line.asking(messages, limit, self._line.voice.framed(self._grammar))

    async def _once(
        self,
        session: Session,
        asking: Asking,
        written: list[str],
        heard: Callable[[], object] = lambda: None,
    ) -> Finish:
        """One try of an answer. Its pieces are put into `written`, and `heard` is called for each."""
        written.clear()
        try:
            async with (
                asyncio.timeout(self._client.seconds),
                aclosing(session.events(*asking)) as events,
            ):
                async for event in events:
                    piece = self._line.piece(session, asking.path, event)
                    written.append(piece.text)
                    heard()
                    if piece.finish is not None:
                        return piece.finish
            raise session.dropped(asking.path)
        except TimeoutError:
            if not any(written):  # slow, or dead? One token is asked for, and Silent raised where none comes
                await session.post(asking.path, {**asking.body, "max_tokens": 1})
            return "timeout"

    async def _try_adapter(self, session: Session, asked: Sequence[Asked], base_model: str) -> None:
        """Raises NotApplied where the base answers every one of a few items as the adapter does.

        One item would prove nothing, so with less than two nothing is tried.
        """
        sample = asked[:: max(1, len(asked) // CANARIES)][:CANARIES]
        lines = (self._line, replace(self._line, model=base_model))
        for one in sample:
            texts = set()
            for line in lines:
                texts.add(await reply_to(session, line, one.messages, CANARY_TOKENS))
            if len(texts) > 1:
                return
        if len(sample) > 1:
            raise NotApplied(
                f"the adapter {self._line.model} and its base {base_model} answer {len(sample)} exam items alike: the "
                f"server does not apply the adapter. Look at how it was loaded (vLLM: --enable-lora, --lora-modules)"
            )


def _given(work: Callable[[Callable[[T], None]], Coroutine[Any, Any, R]]) -> Generator[T, None, R]:
    """What `work` gives to its argument, as soon as it does; returns what `work` returns.

    `work` goes on only while somebody waits for what comes next. Closing the generator cancels it.
    """
    with asyncio.Runner() as runner:
        given: asyncio.Queue[T | None] = asyncio.Queue()

        async def run() -> R:
            try:
                return await work(given.put_nowait)
            finally:
                given.put_nowait(None)

        task = runner.get_loop().create_task(run())
        try:
            while (found := runner.run(given.get())) is not None:
                yield found
            return runner.run(_result(task))
        except asyncio.CancelledError:
            # Nobody here cancels what is waited for but Ctrl-C: one that comes while `run` begins is forgotten by its
            # count (CPython sets it to 0 after its handler is there), and only the cancelling is left of it.
            raise KeyboardInterrupt from None


async def _result(task: asyncio.Task[R]) -> R:
    return await task
