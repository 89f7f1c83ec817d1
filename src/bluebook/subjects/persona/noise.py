"""Pairs that teach nothing: garbage, refusals, artifacts of the machinery, notices about the memory system
itself.

Decided here is what the texts alone show. What metadata say (discarded, negative feedback, feedback records)
is the reader's business. Every rule looks at a whole side: a reply that quotes an error, refuses one thing
and offers another, or laughs "ha ha ha" is a reply. Tool calls, JSON and error results are what agent mode is
made of, so in that mode only what no tool would say counts as an artifact.

The words returned are values of `memories.Reason`.
"""

from __future__ import annotations

import json
import re
from typing import Literal

from bluebook.subjects.persona.context import strip_injected
from bluebook.subjects.persona.filler import is_boilerplate
from bluebook.subjects.persona.sentences import each_sentence
from bluebook.subjects.persona.substrings import folded, holds_any

Rejection = Literal["garbage", "refusal", "system_artifact", "self_notification", "one_word", "nothing_left"]


def rejection(user: str, assistant: str, mode: str = "emulation") -> Rejection | None:
    """Why this pair must not be taught, judged by its raw texts; None when nothing speaks against it.

    Call it before anything is replaced, with the pair's mode. A monologue is judged with "" for the other
    side."""
    if is_self_notification(user) or is_self_notification(assistant):
        return "self_notification"
    if not _is_visible(user) or not _is_visible(assistant):
        return "nothing_left"
    if is_artifact(assistant, mode):
        return "system_artifact"
    if is_refusal(assistant):
        return "refusal"
    if is_garbage(assistant) or is_garbage(user):
        return "garbage"
    if says_nothing(user, assistant):
        return "one_word"
    return None


def _is_visible(text: str) -> bool:
    return not text.isspace() and text != "" and (text.isascii() or _VISIBLE.search(text) is not None)


_VISIBLE = re.compile(r"[^\s\u200b-\u200f\u2060\ufeff\ufffd]")


# --- Notices of the memory system about itself --------------------------------------------------------------

_NOTICE = re.compile(
    r"""(?ix)\W*(?:(?:successfully|automatically|auto-?)\s)?
    (?:curated|processed|organi[sz]ed|indexed|archived|generated|synced|synchroni[sz]ed|exported|imported
      |summari[sz]ed
      |consolidated|ingested|captured|re-?indexed|merged|cleaned\ up|backed\ up|prepared|collected|compressed
      |pruned|embedded|analy[sz]ed)
    \s(?:\d[\d,.]*|no|all)\s(?:\w+\s){0,2}?
    (?:memor(?:y|ies)|episodes|training\ (?:samples?|pairs?|data|examples?)|embeddings?
      |samples?\ for\ training|vectors?|dreams?|reflections?|episodic\ \w+)\b[^\n]*"""
)
_SUBSYSTEM = re.compile(
    r"""(?ix)[^\w\s"'(]{1,4}\s*(?:\[?\w+\]?\s){0,2}?(?:lora|adapter|fine-?tun\w+|training\ (?:run|cycle
        |data\w*)|curat(?:or|ion)|organi[sz]er|memory\ (?:index|curation|sync\w*)|dataset|embeddings?|index
        (?:ing)?)
    \b[^\n]{0,60}\b(?:started|starting|complete[d]?|finished|failed|queued|activated|loaded|scheduled|updated
      |ready)\b[^\n]*"""
)


def is_self_notification(text: str) -> bool:
    """A notice of the memory system about itself, such as "📚 Archived 12 memories.", and nothing else."""
    if not 8 < len(text) < 240:
        return False
    bare = text.strip()
    if _NOTICE.fullmatch(bare):
        return True
    return not bare[:1].isalnum() and _SUBSYSTEM.fullmatch(bare) is not None


# --- Artifacts ----------------------------------------------------------------------------------------------

_EMPTY_VALUES = (
    "undefined", "null", "nan", "nil", "[object object]", "[object promise]", "(null)", "<null>", "(empty)",
    "[empty]", "<empty>", "{}", "[]", "[no response]", "<no response>", "(no response)", "[no output]",
)  # fmt: skip
# What a program prints when it fails, at the start of a reply; no persona and no tool call speaks like that.
_TRACE = re.compile(
    r"""(?x)(?:```\w*\s+)?(?:
      Traceback\ \(most\ recent\ call\ last\) | Exception\ in\ thread\ | goroutine\ \d+\ \[ | panic:[ ]
      | npm\ ERR!
    | Uncaught\ (?:\(in\ promise\)\ )?\w*(?:Error|Exception) | Unhandled\ ?(?:[Pp]romise|[Rr]ejection
      |[Ee]xception)
    | Segmentation\ fault | (?:\w+\.)*[A-Z]\w*(?:Error|Exception)(?::\ |\n\s+at\ )
      | \s*File\ "[^"\n]+",\ line\ \d+
    | \s+at\ \S+\ \([^()\n]+:\d+(?::\d+)?\) | <!DOCTYPE\ |<\?xml\ |<html[\s>]
    )"""
)
_ERROR_LINE = re.compile(
    r"""(?ix)(?:\[?(?:error|fatal|critical|exception|warn(?:ing)?)\]?(?:\ (?:code\ )?\d{3})?\s*[:\]]\s*|
        (?-i:E[A-Z]{4,12})\b|(?:http(?:/\d\.\d)?\ )?[45]\d\d\ (?:bad\ |internal\ |service\ |gateway[ ]
        |too\ many|not\ found|unauthorized|forbidden)
    |\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*\]?\s+\[?(?:error|info|warn|debug|trace|fatal)\b|failed\ to[ ]
      (?:fetch|load|parse|connect)\b[^.!?\n]{0,80}\Z)"""
)
_TOOL_SYNTAX = re.compile(
    r"""(?ix)(?:```\w*\s+)?(?:
      <\ ?/?(?:tool_?(?:calls?|responses?|results?|use|code|output)|function_?(?:calls?|results?)?
      |function=[\w.]+|invoke|antml:\w+|tools|search_results?)(?:\s[^<>]*)?>
    | \[/?(?:tool_(?:calls|results)|available_tools)\] | <\|python_tag\|> | functions?\.\w+\s*\(
      | to=functions
    | (?:thought:[^\n]*\n+)?action:\s*[\w.]+\s*\n+\s*action\ input: | final\ answer:\s
    | (?:observation|tool\ (?:call|result|output|response)|function\ call)\s*:\s*[{\[]
    )"""
)
_CALL = re.compile(r"[A-Za-z_][\w.]{1,80}\(\s*\{.*\}\s*\);?", re.DOTALL)
_ELEMENT = re.compile(
    r"<(?!(?:user|assistant|thought|world|instruction|action)\b)([A-Za-z_][\w:.-]*)(?:\s[^<>]*)?>.*</\1>",
    re.DOTALL,
)


def is_artifact(reply: str, mode: str = "emulation") -> bool:
    """Does a machine speak here instead of the persona: a dump, a trace, leaked tool syntax or a leaked
    prompt?"""
    bare = reply.strip()
    if len(bare) < 24 and bare.lower() in _EMPTY_VALUES:
        return True
    head = bare[:80]
    structured = bare[:1] in _STRUCTURED_START
    if not structured and not (
        ":" in head or "<" in head or "(" in head or head.lower().startswith(_MACHINE_STARTS)
    ):
        return False
    if mode == "agent":
        return _TRACE.match(bare) is not None
    return (
        _TRACE.match(bare) is not None
        or _ERROR_LINE.match(bare) is not None
        or _TOOL_SYNTAX.match(bare) is not None
        or (structured and (_is_json(bare) or _ELEMENT.fullmatch(bare) is not None))
        or (bare[-1:] in ")};" and _CALL.fullmatch(bare) is not None)
        or strip_injected(bare) != bare
    )


_STRUCTURED_START = frozenset("{[<#`*")
# How machines begin to speak where neither a bracket nor a colon betrays them early.
_MACHINE_STARTS = (
    "4", "5", "20", "http", "error", "fatal", "econn", "segmentation", "failed", "npm", "unhandled",
    "uncaught", "you are", "panic", "goroutine", "exception", "relevant", "retrieved",
)  # fmt: skip


def _is_json(text: str) -> bool:
    """A JSON object or list of objects or strings, whole or cut off."""
    if text.startswith(('{"', '[{"', '["', "{\n", '{ "', "[\n")):
        try:
            json.loads(text)
        except ValueError:
            return re.match(r"[\[{\s]*\"[^\"\n]{1,64}\"\s*[:,]", text) is not None
        except RecursionError:
            return True
        return True
    return False


# --- Refusals -----------------------------------------------------------------------------------------------

_SORRY = (
    r"(?:(?:i'm|i\ am)\ (?:(?:really|very|so|truly|deeply)\ )?(?:sorry|afraid)|sorry|unfortunately"
    r"|regrettably|(?:my|i)\ apologi\w+(?:\ for[^,.!?\n]{1,40})?)[,;.]?\ (?:but\ |that\ )?"
)
_MACHINE = (
    r"(?:as\ )?an?\ (?:(?:large|helpful|responsible)\ )?(?:ai|language\ model|artificial\ intelligence"
    r"|virtual\ assistant|chatbot)\b[^,.!?\n]{0,60}"
)
_CANNOT = (
    r"(?:can't|cannot|can\ not|won't\ be\ able\ to|will\ not\ be\ able\ to|won't|will\ not|(?:'m|am)\ "
    r"(?:unable|not\ able|not\ allowed|not\ permitted|not\ designed|not\ programmed|not\ comfortable)"
    r"(?:\ to)?|must\ decline\ to|have\ to\ decline\ to|decline\ to|don't\ feel\ comfortable)"
)
_REFUSING = re.compile(
    rf"""(?ix)(?:{_SORRY})?(?:{_MACHINE},?\ )?(?:but\ )?I\ ?{_CANNOT}\ (?:
      (?:assist|comply|fulfil+)\b(?!\ (?:him|her|them|my))(?:\ (?:you|with|to))*(?:\ (?:that|this|it|your
      |such\ an?|any\ such|the))?(?:\ [\w-]+){{0,4}}
    | help(?:\ you)?(?:\ (?:out\ )?with\ (?:that|this|it|your\ request|such\ an?\ \w+|th(?:at|is)\ (?:request
      |question|topic|task|matter)))?(?:\ (?:request|question|at\ (?:this|the)\ (?:time|moment)|right\ now))?
    | (?:provide|generate|create|produce|offer|give|write|share|answer|discuss|respond\ to|engage\ in
      |engage\ with|participate\ in|continue\ with|process|complete|do)\b[^.!?\n]{{0,60}}\b(?:request
      |conversation|content|requests|medical\ advice|legal\ advice|financial\ advice|this\ topic|that\ topic
      |that\ (?:kind|type|sort)\ of\ \w+|such\ \w+)
    )[^\w\n]*"""
)
_DISCLAIMING = re.compile(
    rf"""(?ix)(?:{_SORRY})?(?:but\ |please\ note\ that\ |note\ that\ |however,\ )?(?:
      {_MACHINE},?\ (?:and\ )?(?:I\ ?(?:can't|cannot|can\ not|don't|do\ not|am\ not|'m\ not|have\ no|lack
      |won't|am\ unable|'m\ unable|was\ (?:not\ )?(?:trained|designed))|my\ (?:knowledge|training|responses?
      |abilit\w+))(?:(?!,?\ but\b)[^.!?\n]){{0,240}}
    | I(?:'m|\ am)\ (?:just\ |only\ |merely\ )?{_MACHINE}(?:(?!,?\ but\b)[^.!?\n]){{0,160}}
    | I\ (?:don't|do\ not)\ have\ (?:any\ )?(?:personal\ (?:opinions?|feelings|experiences?|beliefs
      |preferences|emotions)|access\ to\ (?:real-?time|current)\b)(?:(?!,?\ but\b)[^.!?\n]){{0,120}}
    | my\ (?:knowledge\ cut-?off|training\ data)\b[^.!?\n]{{0,120}}
    | I\ was\ (?:trained|created|developed)\ by\ [^.!?\n]{{1,60}}
    | (?:that|this|your\ request)\ (?:violates|goes\ against|is\ against)\ (?:my|our|the)\ (?:\w+\ )?
      (?:guidelines|polic(?:y|ies)|programming|terms)[^.!?\n]{{0,80}}
    )[^\w\n]*"""
)
# Every refusal begins with one of these and holds one of those.
_REFUSAL_START = re.compile(
    r"(?i)\W*(?:I\b|as |sorry|unfortunately|regrettably|my |please|that |this |your |but |note |however"
    r"|of course|certainly|sure|absolutely|you )"
)
_REFUSAL_SIGNS = (
    "assist", "comply", "fulfil", "help", "request", "conversation", "content", "advice", "topic", "such",
    "knowledge", "personal", "trained", " ai", "language model", "chatbot", "artificial", "real-time",
    "guidelines", "polic", "training",
)  # fmt: skip
_ADVISING = re.compile(
    r"""(?ix)(?:(?:I'm\ |I\ am\ )?sorry|I\ apologi[sz]e[^.!?\n]{0,60}|my\ apologies|unfortunately
    |(?:please\ |I\ (?:would\ )?(?:recommend|suggest|advise|encourage)\ (?:that\ )?(?:you\ (?:to\ )?)?|you[ ]
      (?:should|may\ want\ to|might\ want\ to)\ |it(?:'s|\ is)\ best\ to\ )
      (?:see|consult(?:ing)?|seek(?:ing)?|contact(?:ing)?|speak(?:ing)?|talk(?:ing)?|reach(?:ing)?\ out|try
      (?:ing)?|ask(?:ing)?|rephras(?:e|ing)|refer(?:ring)?|check(?:ing)?)\b[^.!?\n]{0,120}
    )[^\w\n]*"""
)


def is_refusal(reply: str) -> bool:
    """Nothing but refusals, disclaimers of an assistant, apologies and advice to ask someone else.

    A refusal with an offer ("… but I can order you a coffee") says something and is kept."""
    if not _REFUSAL_START.match(reply):
        return False
    if not holds_any(folded(reply), _REFUSAL_SIGNS):
        return False
    refused = False
    for sentence in each_sentence(reply.replace("’", "'")):
        bare = sentence.strip()
        if _REFUSING.fullmatch(bare) or _DISCLAIMING.fullmatch(bare):
            refused = True
        elif not (_ADVISING.fullmatch(bare) or is_boilerplate(bare)):
            return False
    return refused


# --- Garbage ------------------------------------------------------------------------------------------------

_VOWELS = "aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýœ"
_SUSPECT = re.compile(r"[bcdfghjklmnpqrstvwxz]{4}|([a-z])\1\1", re.IGNORECASE)
_IMPLAUSIBLE = re.compile(
    rf"(?=[a-z]{{3,}}\Z)(?:[^{_VOWELS}]+\Z|.*(?:[bcdfghjklmnpqrstvwxz]{{5}}|q(?!u)|([b-df-hj-np-tv-z])\1\1))"
)
_LETTERS = re.compile(r"[^\W\d_]+")
_LAUGHTER = re.compile(
    r"a*(?:h+[aeio]+)+h*|(?:[jx][aei]+)+|lo+l|la|na|da|doo|no+|yes+|yeah|go+|blah|tick|tock|knock|row|very"
    r"|so+|wow"
)
_FOREIGN = re.compile(r"[^\W\d_a-zA-Z]")


def is_garbage(text: str) -> bool:
    """One phrase over and over, a mashed keyboard, or signs without a word."""
    return _is_repetition(text) or _is_gibberish(text)


def _is_repetition(text: str) -> bool:
    """At least seven words of which few differ, in phrases that follow on themselves; laughter and "no no no"
    are speech."""
    if len(text) < 13:  # seven letters and six blanks
        return False
    words = text.split()
    if len(words) < 7 or len(set(words)) * 3 > len(words):
        return False
    words = [word.strip(".,!?;:…-—\"'").lower() for word in words]
    return _repeated_share(words) >= 0.6 and not all(_LAUGHTER.fullmatch(word) for word in set(words))


def _repeated_share(words: list[str]) -> float:
    """The share of words that stand where the same word stood one period before, for the best period up to
    12."""
    best = 0
    for period in range(1, min(12, len(words) // 2) + 1):
        best = max(best, sum(a == b for a, b in zip(words, words[period:], strict=False)) + period)
    return best / len(words)


def _is_gibberish(text: str) -> bool:
    data = text.encode("utf-8", "replace")
    vowels = len(data) - len(data.translate(None, b"aeiou"))  # a third of the time of five times `count`
    if vowels * 5 >= len(text) or not _SUSPECT.search(text):
        return "\ufffd" in text and text.count("\ufffd") * 5 > len(text)
    if _FOREIGN.search(text):  # which clusters a language allows is known here for English only
        return False
    words = _LETTERS.findall(text.lower())
    bad = sum(_IMPLAUSIBLE.match(word) is not None for word in words)
    if len(words) == 1:
        return bad == 1 and len(words[0]) >= 8
    return len(words) >= 3 and bad * 2 > len(words) and not text.isupper()


# --- Short --------------------------------------------------------------------------------------------------

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_ACKNOWLEDGEMENTS = frozenset(
    """ok okay k kk yes yeah yep yup ya no nope nah sure right true fine good great cool nice thanks thx ty hm
    hmm mhm uh um ah oh lol haha ha wow done test what y n idk maybe indeed alright ja nein oui non si sí да
    нет""".split()  # noqa: SIM905
)


def says_nothing(user: str, assistant: str) -> bool:
    """One word on either side, the reply an echo or a bare acknowledgement. "Hi" and "Hello" greet each
    other, and "Who?" and "Anna." tell something."""
    if not (_is_one_word(user) and _is_one_word(assistant)):
        return False
    said, reply = ("".join(_LETTERS.findall(text.lower())) for text in (user, assistant))
    return not reply or reply == said or reply in _ACKNOWLEDGEMENTS


def _is_one_word(text: str) -> bool:
    """One word between blanks; in scripts that write no blanks, a few characters."""
    bare = text.strip()
    if len(bare.split(None, 1)) > 1:
        return False
    return len(bare) <= 4 or not _UNSPACED.search(bare)
