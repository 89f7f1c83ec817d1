"""A memory to its turns, whatever shape it was stored in. The first shape that fits decides:

    messages              [{role, content}…] two fields            prompt + response, question + answer,
    userMessage + assistantResponse, content + response questions, answers    a session's prompts and what was
    said to them transcript            `User: … Assistant: …`, `Q: … A: …`, a chat export, `🤔 … 💭 …`, all in
    `content` metadata              innerCuriosity, a card's two messages, a tool's inputs

A text that only one side has said is not a pair, and neither is a tool event whose content merely repeats the
tool's name: nothing is invented to complete them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bluebook.subjects.persona.memories import Reason
from bluebook.subjects.persona.reading import Memory, Message, Metadata
from bluebook.subjects.persona.transcripts import (
    Role,
    Turn,
    turns_of_chat_export,
    turns_of_transcript,
    without_label,
)

_ROLES: dict[str, Role] = {
    "user": "user",
    "human": "user",
    "me": "user",
    "customer": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "gpt": "assistant",
    "persona": "assistant",
}
_TEXTS = frozenset({"content", "prompt", "question", "userMessage", "messages"})
_NEITHER = frozenset({"", "system", "developer", "tool", "function", "ipython", "context", "observation"})
_THINKING = re.compile(
    r"^\s*\U0001f914\s*(?P<user>.+?)\s*\n\s*\U0001f4ad\s*(?P<assistant>.+?)\s*$", re.DOTALL
)
_TOOL_NOTE = re.compile(
    r"(?i)^\W*(?:(?:invok|execut|call|us|runn?)(?:ed|ing|es|e)?|ran|tool|skill|function|command|operator)\b.{0,12}?"
    r"(?:\b(?:skill|tool|function|command|action|call|invocation|result)s?\b|:)"
)


def turns(memory: Memory) -> list[Turn] | Reason:
    """Everything that was said, in order; or why there are no two sides."""
    if memory.messages:
        roles = _roles(memory.messages)
        said = [Turn(roles[turn.role], turn.content) for turn in memory.messages]
        return (
            said if any(turn.role == "assistant" and turn.text.strip() for turn in said) else Reason.NO_REPLY
        )
    for user, assistant in (
        (memory.prompt, memory.response),
        (memory.question, memory.answer),
        (memory.userMessage, memory.assistantResponse),
    ):
        if user is not None and assistant is not None:
            return _two_fields(user, assistant)
    if memory.content is None:
        return _without_content(memory)
    if not memory.content.strip():
        return Reason.EMPTY_FIELD
    reply = memory.response if memory.response is not None else memory.answer
    if reply is not None and reply.strip():
        return _with_reply(memory.content, reply)
    inside = _inside(memory.content, memory.metadata)
    if inside is not None:
        return inside
    if reply is not None or "response" in memory.wrong:
        return Reason.NO_REPLY
    return Reason.NO_PROMPT if memory.observation is not None else Reason.MONOLOGUE


def _roles(messages: list[Message]) -> dict[str, Role]:
    """What each role is called here. Where one side is known and one name is left, that is the other side."""
    roles: dict[str, Role] = {turn.role: _ROLES.get(turn.role.strip().lower(), "other") for turn in messages}
    missing = {"user", "assistant"} - set(roles.values())
    names = [role for role, side in roles.items() if side == "other" and role.strip().lower() not in _NEITHER]
    if len(missing) == 1 and len(names) == 1:
        roles[names[0]] = "user" if "user" in missing else "assistant"
    return roles


def _two_fields(user: str, assistant: str) -> list[Turn] | Reason:
    if not user.strip():
        return Reason.EMPTY_FIELD
    return (
        [Turn("user", without_label(user)), Turn("assistant", assistant)]
        if assistant.strip()
        else Reason.NO_REPLY
    )


def _without_content(memory: Memory) -> list[Turn] | Reason:
    session = _session(memory.questions, memory.answers)
    if session:
        return session
    if not _TEXTS.isdisjoint(memory.wrong):
        return Reason.WRONG_TYPE
    if memory.title is not None and memory.status is not None:
        return Reason.TASK
    asked = memory.prompt or memory.question or memory.userMessage
    return Reason.NO_REPLY if asked and asked.strip() else Reason.EMPTY_FIELD


def _with_reply(content: str, reply: str) -> list[Turn]:
    """Content and reply. A content that holds the talk so far is split; one that already ends in the reply
    too."""
    if "\n" in content:
        said = turns_of_transcript(content)
        if said:
            if said[-1].role == "user":
                return [*said, Turn("assistant", reply)]
            if said[-1].text.strip() == reply.strip():
                return said
            return [Turn("user", content), Turn("assistant", reply)]  # a transcript that the user shows
    return [Turn("user", without_label(content)), Turn("assistant", reply)]


def _inside(content: str, metadata: Metadata | None) -> list[Turn] | Reason | None:
    """The turns that `content` itself holds, or that the metadata hold beside it."""
    said = turns_of_transcript(content)
    if said:
        return said
    if "\n" in content:
        thinking = _THINKING.match(content)
        if thinking:
            return [Turn("user", thinking["user"]), Turn("assistant", thinking["assistant"])]
        declared = metadata is not None and metadata.chat is not None
        export = turns_of_chat_export(content, declared=declared)
        if export is not None:
            return export or Reason.NO_OWN_VOICE
    return _from_metadata(content, metadata) if metadata is not None else None


def _from_metadata(content: str, metadata: Metadata) -> list[Turn] | Reason | None:
    curious = metadata.innerCuriosity
    if isinstance(curious, dict):
        question, answer = curious.get("question"), curious.get("answer")
        if isinstance(question, str) and isinstance(answer, str) and question.strip() and answer.strip():
            return [Turn("user", question), Turn("assistant", answer)]
    if metadata.userMessage is not None and metadata.assistantResponse is not None:
        return _two_fields(metadata.userMessage, metadata.assistantResponse)
    if metadata.chat is not None:
        return Reason.NO_OWN_VOICE
    if not metadata.toolName:
        return None
    note = content.startswith(metadata.toolName) or _TOOL_NOTE.match(content)
    if note or not isinstance(metadata.toolInputs, dict):
        return Reason.TOOL_EVENT
    try:
        inputs = json.dumps(metadata.toolInputs, ensure_ascii=False)
    except RecursionError:
        return Reason.NESTED_TOO_DEEPLY
    return [Turn("user", content), Turn("assistant", f"{metadata.toolName}({inputs})")]


def _session(questions: Any, answers: Any) -> list[Turn]:
    """A session's questions, each with the answer that names it."""
    if not isinstance(questions, list) or not isinstance(answers, list):
        return []
    said = {
        answer["questionId"]: answer["content"]
        for answer in answers
        if isinstance(answer, dict)
        and isinstance(answer.get("questionId"), str)
        and isinstance(answer.get("content"), str)
    }
    result: list[Turn] = []
    for question in questions:
        if not isinstance(question, dict) or not isinstance(question.get("prompt"), str):
            continue
        answer = said.get(question["id"]) if isinstance(question.get("id"), str) else None
        if answer is not None:
            result += [Turn("user", question["prompt"]), Turn("assistant", answer)]
    return result
