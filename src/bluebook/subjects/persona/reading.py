"""Bytes to a memory, or to the reason why they hold none. Nothing here raises on bad input.

Well-formed memories take a typed fast path that builds only the fields curation needs. Whatever it rejects (a
field of another type, UTF-16, a lone surrogate, a list where an object should be) is read once more with
Python's own JSON reader, which accepts more and lets the reason be named. Both paths give the same memory for
the same file.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, get_type_hints

import msgspec

from bluebook.subjects.persona.memories import Reason

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_SURROGATES = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x00\x00\xfe\xff")
_ENCRYPTED = {"iv", "ciphertext"}


class Message(msgspec.Struct):
    role: str
    content: str


class Metadata(msgspec.Struct):
    """The keys of `metadata` that curation looks at; there may be others."""

    cognitiveMode: str | None = None
    conversationId: str | None = None
    sessionId: str | None = None
    parentEventId: str | None = None
    mode: str | None = None
    multi_turn: bool | int | str | None = None
    long_output: bool | int | str | None = None
    discard: bool | int | str | None = None
    feedbackType: str | None = None
    reinforcementSignal: float | None = None
    curator: Any = None
    chat: Any = None
    innerCuriosity: Any = None
    userMessage: str | None = None
    assistantResponse: str | None = None
    toolName: str | None = None
    toolInputs: Any = None


class Memory(msgspec.Struct):
    """One memory as stored. A field that is absent or null is None; one of the wrong type is None and named
    in `wrong`."""

    id: str | None = None
    type: str | None = None
    content: str | None = None
    response: str | None = None
    prompt: str | None = None
    question: str | None = None
    answer: str | None = None
    observation: str | None = None
    userMessage: str | None = None
    assistantResponse: str | None = None
    suitableForTraining: bool | None = None
    cognitiveMode: str | None = None
    memoryType: str | None = None
    title: str | None = None
    status: str | None = None
    messages: list[Message] | None = None
    questions: Any = None
    answers: Any = None
    tags: list[str] | None = None
    metadata: Metadata | None = None
    iv: str | None = None
    ciphertext: str | None = None
    wrong: tuple[str, ...] = ()
    repaired: bool = False  # a lone surrogate was replaced


_decoder = msgspec.json.Decoder(Memory)
_BY_HAND = {"wrong", "repaired", "metadata", "messages"}
_MEMORY_FIELDS = {name: kind for name, kind in get_type_hints(Memory).items() if name not in _BY_HAND}
_METADATA_FIELDS = get_type_hints(Metadata)
_ROLE_KEYS = ("role", "from", "sender", "author", "speaker")
_TEXT_KEYS = ("content", "value", "text", "message")
_IDS = {"id", "conversationId", "sessionId", "parentEventId"}


def read(data: bytes) -> Memory | Reason:
    """The memory that a file's bytes hold."""
    if not data.strip(b" \t\r\n\x00"):
        return Reason.EMPTY_FILE
    if not data.startswith(_BYTE_ORDER_MARKS):
        try:
            # Decoding first makes bytes that are no UTF-8 an error even in the fields that the typed path
            # skips.
            return checked(_decoder.decode(data if data.isascii() else data.decode()))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # read again below, which names the reason
    value = _parse(data)
    return value if isinstance(value, Reason) else from_object(value)


def checked(memory: Memory) -> Memory | Reason:
    return Reason.ENCRYPTED if memory.ciphertext is not None and memory.iv is not None else memory


def read_base64(text: str) -> Memory | Reason:
    """The memory in a pack line's `raw_b64`."""
    try:
        return read(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return Reason.MALFORMED_PACK_LINE


def parse_strictly(text: str) -> Any:
    """JSON without its common extensions. Raises ValueError, and RecursionError where it nests too deeply."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def _parse(data: bytes) -> Any | Reason:
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        return Reason.NOT_TEXT
    try:
        return parse_strictly(text)
    except ValueError:
        return Reason.NOT_JSON
    except RecursionError:
        return Reason.NESTED_TOO_DEEPLY


def from_object(value: Any) -> Memory | Reason:
    """A memory from parsed JSON with fields of any type: those of the right one are taken, the names of the
    others are noted."""
    if not isinstance(value, dict):
        return Reason.NOT_AN_OBJECT
    if value.keys() >= _ENCRYPTED:
        return Reason.ENCRYPTED
    try:
        clean = _without_surrogates(value)
        same = clean == value
    except RecursionError:
        return Reason.NESTED_TOO_DEEPLY
    memory = Memory(repaired=not same)
    wrong = _take(memory, clean, _MEMORY_FIELDS)
    if isinstance(clean.get("messages"), list):
        memory.messages = [_turn(turn) for turn in clean["messages"] if isinstance(turn, dict)]
    elif clean.get("messages") is not None:
        wrong.append("messages")
    if isinstance(clean.get("metadata"), dict):
        memory.metadata = Metadata()
        _take(memory.metadata, clean["metadata"], _METADATA_FIELDS)
    memory.wrong = tuple(wrong)
    return memory


def _take(target: msgspec.Struct, values: dict[str, Any], fields: dict[str, Any]) -> list[str]:
    """Set each of `fields` that `values` hold in its type; return the names of those of another type."""
    wrong = []
    for name, kind in fields.items():
        value = values.get(name)
        if name in _IDS and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        elif name == "tags" and isinstance(value, str):
            value = [tag.strip() for tag in value.split(",")]
        try:
            setattr(target, name, msgspec.convert(value, kind))
        except msgspec.ValidationError:
            wrong.append(name)
    return wrong


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _turn(turn: dict[str, Any]) -> Message:
    """A turn with whatever it has. One without text keeps its place, empty, so that its neighbours are not
    taken for a pair."""
    role = next((turn[key] for key in _ROLE_KEYS if key in turn), None)
    content = next((turn[key] for key in _TEXT_KEYS if key in turn), None)
    if isinstance(content, list):  # text in parts, as chat APIs store it
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        content = "\n".join(part for part in parts if isinstance(part, str))
    return Message(role if isinstance(role, str) else "", content if isinstance(content, str) else "")
