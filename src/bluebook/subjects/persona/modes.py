"""Which cognitive mode a memory teaches, and which rule said so.

    1. The type decides where it leaves no doubt: inner dialogue, reflections and dreams are dual; actions,
       tasks and tools are agent.
    2. For the other types (conversations and whatever else people store) a valid `metadata.cognitiveMode`
       decides.
    3. Else the type's default, which is emulation unless the table says otherwise.

A type is compared whole, in lower case, its words joined by `_`: `Tool-Use` is `tool_use`, and `transaction`
is not an `action`. A type that is in no table is unknown, and the ledger says so.
"""

from __future__ import annotations

import re

import msgspec

from bluebook.subjects.persona.memories import Mode

MODES: dict[str, Mode] = {"dual": "dual", "emulation": "emulation", "agent": "agent"}

# Other spellings and relatives of the types below. Add a type here and it has its relative's mode.
ALIASES = {
    "inner_monologue": "inner_dialogue",
    "inner_thought": "inner_dialogue",
    "thought": "inner_dialogue",
    "train_of_thought": "inner_dialogue",
    "inner_curiosity": "inner_dialogue",
    "reflection_summary": "reflection",
    "daydream": "dream",
    "audio_dream": "dream",
    "nightmare": "dream",
    "todo": "task",
    "tool": "tool_use",
    "tool_call": "tool_use",
    "tool_invocation": "tool_use",
    "tool_result": "tool_use",
    "function_call": "tool_use",
    "skill": "tool_use",
    "skill_invocation": "tool_use",
    "operator": "tool_use",
    "file_read": "tool_use",
    "file_write": "tool_use",
    "code_approval": "tool_use",
    "code_rejection": "tool_use",
    "dialogue": "conversation",
    "dialog": "conversation",
    "message": "conversation",
    "audio": "conversation",
    "audio_transcript": "conversation",
    "card_response": "conversation",
    "therapy": "therapy_session",
    "diary": "journal",
    "journal_entry": "journal",
    "note": "observation",
    "environment_observation": "observation",
    "curiosity": "curiosity_question",
}

# The type alone decides.
FIXED: dict[str, Mode] = {
    "inner_dialogue": "dual",
    "reflection": "dual",
    "dream": "dual",
    "action": "agent",
    "task": "agent",
    "tool_use": "agent",
}

# `metadata.cognitiveMode` decides; this is the mode where it is absent or no mode that can be trained.
DEFAULTS: dict[str, Mode] = {
    "conversation": "emulation",
    "chat": "emulation",
    "observation": "emulation",
    "journal": "emulation",
    "therapy_session": "emulation",
    "summary": "emulation",
    "operator_feedback": "emulation",
    "system": "emulation",
    "curiosity_question": "dual",
    "decision": "dual",
}
OTHERWISE: Mode = "emulation"

_WORDS = re.compile(r"[a-z0-9]+")
_JOINED = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Choice(msgspec.Struct, frozen=True, gc=False):
    """`source` is the type as the tables know it, else `unknown` or `none`."""

    mode: Mode
    rule: str
    source: str


_KNOWN: dict[str, str] = {name: name for name in (*FIXED, *DEFAULTS)} | ALIASES


def normalise(kind: str) -> str:
    """`Inner Dialogue`, `inner-dialogue` and `innerDialogue` are one type."""
    return "_".join(_WORDS.findall((kind if kind.isupper() else _JOINED.sub(" ", kind)).lower()))


def choose(kind: str | None, cognitive: str | None) -> Choice:
    """The mode of a memory whose `type` is `kind` and whose `metadata.cognitiveMode` is `cognitive`."""
    name = kind if kind in _KNOWN else normalise(kind or "")
    known = _KNOWN.get(name)
    if known is None:
        source = "unknown" if name else "none"
        tagged = _tagged(cognitive)
        return Choice(tagged, "metadata", source) if tagged else Choice(OTHERWISE, f"{source}_type", source)
    if known in FIXED:
        return Choice(FIXED[known], "type" if known == name else "alias", name)
    tagged = _tagged(cognitive)
    if tagged:
        return Choice(tagged, "metadata", name)
    return Choice(DEFAULTS[known], "type" if known == name else "alias", name)


def _tagged(cognitive: str | None) -> Mode | None:
    return MODES.get(cognitive.strip().lower()) if cognitive else None


def is_tool(source: str) -> bool:
    return _KNOWN.get(source) == "tool_use"
