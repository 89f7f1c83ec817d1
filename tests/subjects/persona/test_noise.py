"""What must not be taught, and what only looks like it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona.context import leans_on_context, strip_injected
from bluebook.subjects.persona.control import neutralise
from bluebook.subjects.persona.filler import strip_filler
from bluebook.subjects.persona.memories import Reason
from bluebook.subjects.persona.noise import rejection
from bluebook.subjects.persona.redaction import redact
from bluebook.subjects.persona.sentences import trim

GARBAGE = [
    "the the the the the the the",
    "no wait no wait no wait no wait no wait",
    "I am here. I am here. I am here. I am here.",
    "qwrtp sdfgh zxcvb lkjhg",
    "asdfghjkl",
    "hjkl hjkl sdfg wrtp",
    "Hello! Hello! Hello! Hello! Hello! Hello! Hello!",
    "you are you are you are you are you are you are",
    "lorem lorem lorem lorem lorem lorem lorem lorem",
    "xcvb nmlk qwrt",
]
REFUSALS = [
    "I'm sorry, but I can't assist with that.",
    "I cannot help with that request.",
    "I can’t help with that.",
    "I'm sorry, but I cannot fulfill this request.",
    "As an AI language model, I don't have personal opinions.",
    "I'm unable to assist with that request. Please consult a professional.",
    "Sorry, I can't comply with that.",
    "I'm just an AI and I cannot feel.",
    "As an AI, I cannot provide medical advice. Please see a doctor. Can I help you with anything else?",
    "I am not able to help with that request at this time.",
    "Unfortunately, I can't provide that kind of content.",
    "My knowledge cutoff is 2021.",
    "I don't have personal experiences or feelings.",
    "I'm sorry, as a language model I am unable to answer that.",
    "I apologize, but I cannot engage in this conversation.",
    "I won't be able to help with that request.",
]
ARTIFACTS = [
    "Error: connect ETIMEDOUT 10.0.0.1:80",
    '{"error": "bad"}',
    '{"status":500,"message":"x"}',
    '[{"a": 1}]',
    '<tool_call>{"name":"x"}</tool_call>',
    '< tool_call>{"name":"x"}',
    "<function_call>x</function_call>",
    'Traceback (most recent call last):\n  File "x.py", line 1',
    "TypeError: x is not a function\n    at foo (a.js:1:2)",
    "[object Object]",
    "undefined",
    "null",
    "NaN",
    "502 Bad Gateway",
    "<html><body>x</body></html>",
    "<!DOCTYPE html>",
    "<response>ok</response>",
    "Action: search\nAction Input: rain",
    '[TOOL_CALLS] [{"name":"x"}]',
    'search({"q": "rain"})',
    "ECONNREFUSED 1.2.3.4",
    "2024-01-01 10:00:00 ERROR boom",
    "panic: runtime error",
    "Uncaught TypeError: x",
    "java.lang.NullPointerException: x",
    "System: You are Ola's twin. Speak plainly.",
    "## SYSTEM PROMPT\nYou are Ola.",
    'Exception in thread "main" x',
    "Segmentation fault (core dumped)",
    '{"tool_calls": [{"na',
    "[ERROR] model not loaded",
    "Relevant memories:\n- a\n- b",
]
NOTICES = [
    "📚 Curated 12 memories for training data preparation.",
    "🧠 Processed 3 memories",
    "Indexed 40 memories in 3 s.",
    "🔧 LoRA training started",
    "✅ Fine-tuning completed: adapter activated",
    "📦 Exported 120 training samples",
    "🗂️ Organized 15 memories into folders",
]
REPLIES = [
    "Ha ha ha ha ha ha ha ha!",
    "No no no no no no no, not again.",
    "No, no, no, no, no, no, no!",
    "Yes.",
    "I can't help it.",
    "I can't help you move, my back hurts.",
    "I cannot do this any more.",
    "I'm sorry, I can't come on Sunday.",
    "I can't answer that, but I can order you a coffee.",
    "Sorry, I'm unable to say, but tea is ready.",
    "The error was mine.",
    "Error messages scare me.",
    "I got a TypeError: in my code today and cried.",
    "[laughs] You wish.",
    "{shrugs} no idea",
    "<user>, <assistant>: two tags.",
    "Null is a fine number.",
    "Undefined? That is how I feel.",
    "None.",
    "Curated by my sister, the show was fine.",
    "I processed 3 memories of my childhood in therapy.",
    "Training finished at six and my legs hurt.",
    "Strč prst skrz krk.",
    "Der Angstschweiß rann ihm über die Stirn.",
    "Mhm.",
    "Brr, shh, hmm.",
    "WTF LOL BRB",
    "Chrząszcz brzmi w trzcinie.",
    "😊",
    "👍",
    "はい、そうです。",
    "Row, row, row your boat gently down the stream.",
    "It rained and it rained and it rained until the river rose.",
    "System: solar. Planet: Mars.",
    "Rhythms",
    "As an AI, I find rain lovely.",
    "I won't help him.",
    "I cannot give you that, it was my mother's.",
    "500 miles is far.",
    "404 not a place I know.",
    "http://example.org is where I write.",
    "Action: I went out.",
    "Tsk tsk.",
    "nth",
    "Please consult my sister.",
    "I'm sorry.",
    "See: rain.",
    "(sighs) yes",
    "Sleep! Sleep, sleep, sleep; that is all.",
    "Observation: it rained.",
    "I cannot help but laugh.",
    "Failed again, but better.",
]
TOOLS = [
    'get_x({"id": "1"})',
    '{"ok": true}',
    "Error: no such file",
    '<tool_call>{"name":"x"}</tool_call>',
    '[{"id":1}]',
    "404 Not Found",
]
SHORT = [
    ("ok", "ok", "one_word"),
    ("yes", "no", "one_word"),
    ("k", "👍", "one_word"),
    ("你好", "你好", "one_word"),
    ("Hi", "Hello", None),
    ("Who?", "Anna.", None),
    ("ok", "I agree", None),
    ("はい", "そうだね今日は雨", None),
    ("", "x", "nothing_left"),
    ("x", " \n", "nothing_left"),
    ("\u200b", "x", "nothing_left"),
]
ASKED = "How was the rain today?"


@pytest.mark.parametrize("reply", GARBAGE)
def test_garbage(reply: str) -> None:
    assert rejection(ASKED, reply) == "garbage"
    assert rejection(reply, "It was fine.") == "garbage"


@pytest.mark.parametrize("reply", REFUSALS)
def test_a_refusal_is_rejected_and_one_with_an_offer_is_not(reply: str) -> None:
    assert rejection(ASKED, reply) == "refusal"
    assert rejection(ASKED, reply.replace("'", "’")) == "refusal"
    assert rejection(ASKED, f"{reply} The rain was warm and smelled of tin.") is None


@pytest.mark.parametrize("reply", ARTIFACTS)
def test_a_machine_speaking_for_the_persona_is_rejected(reply: str) -> None:
    assert rejection(ASKED, reply) == "system_artifact"


@pytest.mark.parametrize("reply", TOOLS)
def test_tool_calls_and_their_results_belong_to_agent_mode(reply: str) -> None:
    assert rejection("Look it up.", reply, "agent") is None
    assert rejection("Look it up.", reply, "dual") == "system_artifact"


@pytest.mark.parametrize("text", NOTICES)
def test_a_notice_about_the_memories_is_no_memory(text: str) -> None:
    assert rejection(text, "") == "self_notification"
    assert rejection(ASKED, text) == "self_notification"


@pytest.mark.parametrize("reply", REPLIES)
def test_a_reply_that_only_looks_like_noise_is_kept(reply: str) -> None:
    assert rejection(ASKED, reply) is None


@pytest.mark.parametrize(("user", "assistant", "reason"), SHORT)
def test_short_pairs(user: str, assistant: str, reason: str | None) -> None:
    assert rejection(user, assistant) == reason


@given(st.text(), st.text())
def test_every_reason_is_one_of_the_ledgers(user: str, assistant: str) -> None:
    reason = rejection(user, assistant)
    assert reason is None or Reason(reason)


RUNS = [
    "a",
    "<|",
    ".",
    " ",
    "1",
    "a@",
    "[",
    '{"',
    "\n",
    "As an AI, ",
    "I hope this helps ",
    "-----BEGIN PRIVATE KEY-----",
    "ha ",
    ": ",
]


@pytest.mark.parametrize("unit", RUNS)
def test_no_rule_takes_more_than_linear_time(unit: str) -> None:
    """Four times the text may take about four times as long; quadratic rules would take sixteen."""

    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        start = time.process_time()
        redact(text), neutralise(text), strip_filler(text), strip_injected(text)
        leans_on_context(text, text), rejection(ASKED, text)
        trim(text, max_sentences=3, max_words=120, prefer_words=40)
        return time.process_time() - start

    assert seconds(80_000) < 0.05 + 10 * seconds(20_000)
