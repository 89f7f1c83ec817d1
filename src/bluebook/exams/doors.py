"""How a server is spoken to, so that the model sees the very bytes that it saw in training.

OpenAI-compatible servers like to render a conversation with a template of their own. So each is spoken to through the
first of three doors that is proven to pass our bytes on:

    tokens   /v1/completions with token ids: nothing is left to render. vLLM, llama.cpp
    text     /v1/completions with our rendering. `transformers serve`, which takes no ids
    chat     /v1/chat/completions: the server renders. Ollama, which renders what its completions are given again

The proof is what the server counts: for two conversations its `usage.prompt_tokens` must be our own number. Another
template, a second begin token, or markers read as plain text make another number. No door proven: nothing is asked.

Whether a server can be constrained is found out by trying too: where a grammar allows one word, only a server that
obeys it writes that word.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from transformers import AutoConfig, PreTrainedTokenizerBase

from bluebook.exams.client import Refused, ServerError, Session
from bluebook.families import Family, encode_prompt, family_named, read_completion, render_prompt
from bluebook.models import base_manifest, load_tokenizer
from bluebook.records import Finish, Message

Door = Literal["tokens", "text", "chat"]
DOORS: tuple[Door, ...] = ("tokens", "text", "chat")
WORD = "bluebook"  # what an obedient server writes where nothing else is allowed
FINISHES: dict[str, Finish] = {"stop": "stop", "length": "length"}

Dialect = Callable[
    [str], dict[str, Any]
]  # the fields of a request that hold a grammar, Lark as llguidance reads it
DIALECTS: tuple[Dialect, ...] = (
    lambda grammar: {"structured_outputs": {"grammar": grammar}},  # vLLM
    lambda grammar: {"grammar": f"%llguidance {{}}\n{grammar}"},  # llama.cpp, built with LLAMA_LLGUIDANCE
)


def _turns(*contents: str) -> list[Message]:
    roles: Sequence[Literal["user", "assistant"]] = ("user", "assistant")
    return [Message(role=roles[place % 2], content=content) for place, content in enumerate(contents)]


PROBES = (_turns("Good morning."), _turns("Good morning.", "Is it?", "It rains."))


class WrongModel(ServerError):
    """Another model answered than the one that was asked."""


class OtherBytes(ServerError):
    """No door passes our bytes on."""


@dataclass(frozen=True)
class Voice:
    """How the model was spoken to in training. `context`: tokens that it holds, prompt and answer together."""

    tokenizer: PreTrainedTokenizerBase
    family: Family
    context: int

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        return encode_prompt(self.tokenizer, self.family, messages)

    def content(self, written: str) -> str:
        """The answer in what a server wrote: without the stop token and all that may follow it, the family's
        wrapping and other special tokens."""
        text = read_completion(self.family, written.partition(self.family.stop_token)[0])
        for token in self.tokenizer.all_special_tokens:
            text = text.replace(token, "")
        return text

    def tokens(self, text: str, finish: Finish) -> int:
        """The length of an answer, stop token included. Counted here: servers count differently, or not at all."""
        return len(self.tokenizer.encode(text, add_special_tokens=False)) + (finish == "stop")

    def framed(self, grammar: str) -> str:
        """The grammar of a subject with what the family writes around an answer."""
        opening, closing = self.family.answer_prefix, self.family.answer_suffix
        if not opening and not closing:
            return grammar
        parts = [json.dumps(opening)] * bool(opening) + ["response"] + [json.dumps(closing)] * bool(closing)
        return f"start: {' '.join(parts)}\nresponse: %lark {{\n{grammar}\n}}\n"


def load_voice(base: Path) -> Voice:
    """The voice of the base in this folder. Its weights are not read."""
    config = AutoConfig.from_pretrained(base, local_files_only=True).get_text_config()
    family = family_named(base_manifest(base).family)
    return Voice(load_tokenizer(base), family, config.max_position_embeddings)


class Asking(NamedTuple):
    """One request."""

    path: str
    body: dict[str, Any]


class Piece(NamedTuple):
    """What one event of an answer adds to it, and how the answer ends where this is its last."""

    text: str
    finish: Finish | None


@dataclass(frozen=True)
class Line:
    """A model of a server and how it is spoken to; `dialect` is None where no grammar is obeyed."""

    model: str
    voice: Voice
    door: Door
    dialect: Dialect | None = None

    def asking(self, messages: Sequence[Message], limit: int, grammar: str | None = None) -> Asking:
        """The request for at most `limit` tokens, each the most probable one. `grammar` needs a dialect."""
        body: dict[str, Any] = {"model": self.model, "max_tokens": limit, "temperature": 0}
        # A base whose own end token is another one would run on past the family's.
        body["stop"] = [self.voice.family.stop_token]
        if grammar is not None and self.dialect is not None:
            body |= self.dialect(grammar)
        if self.door == "chat":
            body["messages"] = [{"role": turn.role, "content": turn.content} for turn in messages]
            return Asking("/v1/chat/completions", body)
        tokens = self.door == "tokens"
        body["prompt"] = self.voice.prompt(messages) if tokens else render_prompt(self.voice.family, messages)
        return Asking("/v1/completions", body)

    def piece(self, session: Session, path: str, reply: dict[str, Any]) -> Piece:
        """What a reply, or an event of one, says. Raises WrongModel, Garbled, and Passing for an error in it."""
        if "error" in reply:
            raise session.dropped(path, str(reply["error"]))
        self._check_model(session, path, reply.get("model"))
        choices = reply.get("choices")
        if choices == []:
            return Piece("", None)  # an event of figures alone
        if not isinstance(choices, list) or not isinstance(choices[0], dict):
            raise session.garbled(path, "`choices`, a list", reply)
        choice = choices[0]
        if self.door == "chat":
            holder = choice.get("delta") or choice.get("message") or {}
            text = holder.get("content") if isinstance(holder, dict) else None
        else:
            text = choice.get("text")
        reason = choice.get("finish_reason")
        if not isinstance(text, str | None) or not isinstance(reason, str | None):
            raise session.garbled(path, "a text and a `finish_reason`", reply)
        return Piece(text or "", None if reason is None else FINISHES.get(reason, "error"))

    def _check_model(self, session: Session, path: str, found: object) -> None:
        # `transformers serve` adds the revision to a model's name.
        if found != self.model and not str(found).startswith(f"{self.model}@"):
            garbled = session.garbled(path, f"an answer of the model {self.model!r}", found)
            raise WrongModel(
                f"{garbled}. The names of a server's models: /v1/models; ours: `model` in local.yaml"
            )


async def find_line(session: Session, model: str, voice: Voice, grammar: str | None) -> Line:
    """The line to `model`, through the first door that passes our bytes on; with a dialect where there is a grammar
    and the server obeys it, else it is told why not."""
    line = await _find_door(session, model, voice)
    if grammar is None:
        return line
    said = []
    for dialect in DIALECTS:
        trial = replace(line, dialect=dialect)
        try:
            word = await reply_to(session, trial, PROBES[0], 16, voice.framed(f'start: "{WORD}"'))
            if voice.content(word).strip() != WORD:
                said.append(f"a grammar that allows {WORD!r} was answered with {word!r}")
                continue
            await reply_to(session, trial, PROBES[0], 1, voice.framed(grammar))
            return trial
        except Refused as refused:
            said.append(str(refused))
    print(
        f"{model}: asked free only, because the server obeys no grammar: {'; '.join(said)}", file=sys.stderr
    )
    return line


async def _find_door(session: Session, model: str, voice: Voice) -> Line:
    ours = [len(voice.prompt(messages)) for messages in PROBES]
    refusals, said = [], []
    for door in DOORS:
        line = Line(model, voice, door)
        try:
            counts = [await _count(session, line, messages) for messages in PROBES]
        except Refused as refused:
            if refused.status in {401, 403}:
                raise
            refusals.append(refused)
            said.append(f"{door}: {refused}")
            continue
        if counts == ours:
            return line
        said.append(f"{door}: it counts {counts} tokens where ours are {ours}")
    if len(refusals) == len(DOORS):
        raise refusals[-1]
    raise OtherBytes(
        f"{model}: the server would not show the model what it saw in training. {'; '.join(said)}. Serve it with the "
        f"tokenizer and the chat template of models/base"
    )


async def _count(session: Session, line: Line, messages: Sequence[Message]) -> object:
    """The tokens that the server counts in a prompt."""
    asking = line.asking(messages, 1)
    reply = await session.again(lambda: session.post(*asking))
    line.piece(session, asking.path, reply)
    usage = reply.get("usage")
    if not isinstance(usage, dict) or not isinstance(usage.get("prompt_tokens"), int):
        raise session.garbled(asking.path, "`usage.prompt_tokens`, by which our bytes are proven", reply)
    return usage["prompt_tokens"]


async def reply_to(
    session: Session, line: Line, messages: Sequence[Message], limit: int, grammar: str | None = None
) -> str:
    """What the model writes, at most `limit` tokens, as the server tells it."""
    asking = line.asking(messages, limit, grammar)
    return line.piece(session, asking.path, await session.again(lambda: session.post(*asking))).text
