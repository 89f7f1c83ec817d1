"""Bytes to a memory, or to the reason why they hold none. Nothing here raises on bad input.

Well-formed memories take a typed fast path that builds only the fields curation needs. Whatever it rejects (a field of
another type, UTF-16, a lone surrogate, a list where an object should be) is read once more with Python's own JSON
reader, which accepts more and lets the reason be named. Both paths give the same memory for the same file.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

import msgspec

from bluebook.subjects.persona.memories import Reason

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_SURROGATES = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x00\x00\xfe\xff")
_ENCRYPTED = {"iv", "ciphertext"}
_OFFICIAL_TASK = {"title", "status"}


class Message(msgspec.Struct):
    role: str
    content: str


class Metadata(msgspec.Struct):
    """The keys of `metadata` that curation looks at; there may be others."""

    cognitiveMode: str | None = None
    conversationId: str | None = None
    sessionId: str | None = None
    parentEventId: str | None = None
    multi_turn: bool | str | None = None
    discard: bool | str | None = None
    reinforcementSignal: float | None = None
    curator: Any = None
    chat: Any = None
    innerCuriosity: Any = None
    userMessage: str | None = None
    assistantResponse: str | None = None
    toolName: str | None = None
    toolInputs: Any = None


class Memory(msgspec.Struct):
    """One memory as stored. A field that is absent or null is None; one of the wrong type is None and named in
    `wrong`."""

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
_FIELDS = tuple(f for f in Memory.__struct_fields__ if f not in {"wrong", "repaired", "metadata", "messages"})
_UNTYPED = {"questions", "answers"}


def read(data: bytes) -> Memory | Reason:
    """The memory that a file's bytes hold."""
    if not data.strip(b" \t\r\n\x00"):
        return Reason.EMPTY_FILE
    if not data.startswith(_BYTE_ORDER_MARKS):
        try:
            # Decoding first makes bytes that are no UTF-8 an error even in the fields that the typed path skips.
            return checked(_decoder.decode(data.decode()))
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
    """A memory from parsed JSON whose fields may be of any type."""
    if not isinstance(value, dict):
        return Reason.NOT_AN_OBJECT
    if value.keys() >= _ENCRYPTED:
        return Reason.ENCRYPTED
    reader = _Lenient()
    fields = {name: reader.field(Memory, name, value.get(name)) for name in _FIELDS}
    memory = Memory(**fields)
    memory.messages = reader.messages(value.get("messages"))
    memory.metadata = reader.metadata(value.get("metadata"))
    memory.wrong = tuple(reader.wrong)
    memory.repaired = reader.repaired
    return memory


class _Lenient:
    """Takes each field that has the right type and notes the names of the others."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.repaired = False

    def text(self, value: str) -> str:
        clean = _SURROGATES.sub(REPLACEMENT, value)
        self.repaired |= clean is not value and clean != value
        return clean

    def tree(self, value: Any) -> Any:
        """Untyped fields are walked by shapes.py; only their strings matter."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.tree(item) for key, item in value.items()}
        return value

    def field(self, owner: type[msgspec.Struct], name: str, value: Any) -> Any:
        kind = owner.__annotations__[name]
        if value is None:
            return None
        if kind == "Any":
            return self.tree(value)
        if isinstance(value, str) and "str" in kind:
            return self.text(value)
        if isinstance(value, bool) and "bool" in kind:
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            if "float" in kind:
                return float(value) if abs(value) < 1e9 else None
            if name in {"id", "conversationId", "sessionId", "parentEventId"}:
                return str(value)
        if isinstance(value, list) and "list[str]" in kind:
            return [self.text(item) for item in value if isinstance(item, str)]
        if name == "tags" and isinstance(value, str):
            return [part.strip() for part in self.text(value).split(",")]
        self.wrong.append(name)
        return None

    def metadata(self, value: Any) -> Metadata | None:
        if not isinstance(value, dict):
            return None
        names = Metadata.__struct_fields__
        return Metadata(**{name: self.field(Metadata, name, value.get(name)) for name in names})

    def messages(self, value: Any) -> list[Message] | None:
        """Turns with a role and a text; a turn without text keeps its place as an empty one, so that its neighbours
        are not taken for a pair."""
        if value is None:
            return None
        if not isinstance(value, list):
            self.wrong.append("messages")
            return None
        return [Message(*self._turn(turn)) for turn in value if isinstance(turn, dict)]

    def _turn(self, turn: dict[str, Any]) -> tuple[str, str]:
        role = turn.get("role", turn.get("from"))
        content = turn.get("content", turn.get("value"))
        if isinstance(content, list):  # text in parts, as chat APIs store it
            parts = [part.get("text") if isinstance(part, dict) else part for part in content]
            content = "\n".join(part for part in parts if isinstance(part, str))
        return (
            self.text(role) if isinstance(role, str) else "",
            self.text(content) if isinstance(content, str) else "",
        )
