"""What stands around a pair: context that a system pasted before the user's words, and turns that a pair
leans on.

`strip_injected` takes away blocks that a person would not type: bracketed or tagged context, headed profiles,
lists of retrieved memories, system prompts. A block needs both a form (a tag, a heading, a label with lines
of its own) and a name from a short vocabulary; "Context: my sister is visiting" in a sentence is the user's
own.

`leans_on_context` says that one pair of a conversation makes no sense alone. It asks for an explicit sign:
words that point at an earlier message ("as I said earlier", "the one you mentioned"), or a question that is
nothing but a pointer. Pronouns alone are no sign: most chat is full of them and still worth learning from.
"""

from __future__ import annotations

import re

from bluebook.subjects.persona.substrings import folded, holds_any

# --- Injected context ---------------------------------------------------------------------------------------

_KINDS = (
    r"(?:context|memor(?:y|ies)|history|profile|persona|personality|knowledge|documents?|facts|notes"
    r"|background|information|"
    r"snippets?|results?|prompt|instructions?|reminders?|guidelines|rules|conversations?|dialogue|chat|log"
    r"|summary|state|base|transcript)"
)
_QUALIFIERS = (
    r"(?:retrieved|relevant|related|recent|past|previous|prior|earlier|additional|background|injected"
    r"|current|known|"
    r"long[- _]?term|short[- _]?term|conversation(?:al)?|chat|dialogue|user(?:'s)?|agent|assistant"
    r"|episodic|semantic|system|"
    r"working|internal|hidden|search|personality|persona|memory|knowledge|session|rag)"
)
# "Relevant memories", "USER PERSONALITY PROFILE", "retrieved_context", "System prompt"; also bare where that
# is safe.
_QUALIFIED = rf"(?:{_QUALIFIERS}[- _]?)+{_KINDS}(?:[- _]{_KINDS})?"
_NAME = (
    rf"(?:{_QUALIFIED}|context|memor(?:y|ies)|system(?:[- _](?:prompt|message|instructions?|reminder"
    rf"|context))?)"
)

_TAG = re.compile(
    rf"(?i)<({_NAME}|instructions|profile|persona|documents|knowledge|rag)(?:\s[^<>\n]{{0,200}})?>"
)
_BRACKET = re.compile(rf"(?i)\[{_NAME}\s*(?::|\]|\n|[-–—]\s)")
# The bracket holds more than its label.
_LABELLED = re.compile(r"[^\]\s:–—-]\s*(?::|\n|[-–—]\s)\s*[^\]\s]")
_HEADING = re.compile(
    rf"(?i)#{{1,6}}[ \t]+\W{{0,4}}(?:{_NAME}|persona|profile|instructions)(?:\s(?:for|about|of"
    rf"|from)\s[^\n]{{1,40}}|[ \t]*\([^()\n]*\))?[^\w\n]*(?:\n|\Z)"
)
_LABEL = re.compile(
    rf"(?i)(?:\*\*|__)?(?:here (?:are|is) )?(?:the |your |some )?{_NAME}\b[^\n:.!?]{{0,40}}:(?:\*\*"
    rf"|__)?[ \t]*\n"
)
_SYSTEM = re.compile(
    r"(?i)(?:\[?system(?: (?:prompt|message|instructions?))?\]?\s*:\s*)(?=(?:you|your|act|always|never"
    r"|speak|respond|answer|reply|use|the (?:user|assistant)|this|today|date|do|be|below|current)\b)"
    r"|you are (?:now )?[^.\n]{0,80}\b(?:assistant|ai|language model|chatbot|digital (?:twin|personality"
    r"|extension|self|clone)|personality extension|persona)\b[^\n]{0,400}(?=\n)"
)
_SYS_BLOCK = re.compile(r"(?i)(?:<s>\s*)?(?:\[INST\]\s*)?<<SYS>>")
_USER_LABEL = re.compile(
    r"(?i)\s*(?:#{1,6}[ \t]*)?[\[*_]{0,2}(?:(?:current |new |latest |actual |the )?(?:user(?:'s)?|human)"
    r"(?: (?:message|input|query|question|request|says|said|prompt|turn))?"
    r"|(?:current |new |latest |actual )?(?:message|query|question|input|prompt))[\]*_]{0,2}\s*"
    r"(?::[*_]{0,2}\s*|\n\s*)"
)
_RULE = re.compile(r"\s*(?:[-=*_~]{3,}[ \t]*(?:\n|\Z)\s*)?")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n\s*")
_LISTED = re.compile(r"\s*(?:[-*•·–]\s|\d{1,3}[.)]\s|\[|evt-|>|[\w ]{1,30}:\s)")

_STARTS = (
    "[", "<", "#", "*", "_", "-", "=", "system", "you are", "here ", "the ", "your ", "some ", "retrieved",
    "relevant", "related", "recent", "past", "previous", "prior", "earlier", "additional", "background",
    "injected", "current", "known", "long", "short", "conversation", "chat", "dialogue", "user", "agent",
    "assistant", "episodic", "semantic", "working", "internal", "hidden", "search", "person", "memor",
    "knowledge", "session", "rag", "context",
)  # fmt: skip


def strip_injected(text: str) -> str:
    """The user's own words, byte for byte, without the blocks that a system pasted before them.

    "" when nothing else was there: the pair then has no user text."""
    rest = text
    if text.lstrip()[:16].lower().startswith(_STARTS):
        while (end := _block_end(rest)) is not None:
            rest = rest[end:]
            rest = rest[rule.end() :] if (rule := _RULE.match(rest)) else rest
        if rest is not text and (label := _USER_LABEL.match(rest)):
            rest = rest[label.end() :]
    return rest


def _block_end(text: str) -> int | None:
    """Where the injected block at the start of `text` ends, the blanks after it included; None without
    one."""
    start = len(text) - len(text.lstrip())
    if match := _TAG.match(text, start):
        close = text.lower().find(f"</{match[1].lower()}>", match.end())
        return close + len(match[1]) + 3 if close >= 0 else _paragraph_end(text, match.end())
    if _SYS_BLOCK.match(text, start):
        close = text.upper().find("<</SYS>>", start)
        return close + 8 if close >= 0 else None
    if _BRACKET.match(text, start):
        end = _bracket_end(text, start)
        if end is None or _LABELLED.search(text, start, end):
            return end
        return _paragraph_end(text, end) if text.startswith("\n", end) else _line_end(text, end)
    if match := _HEADING.match(text, start) or _label_with_list(text, start):
        body = match.end()
        if (blank := _BLANK_LINE.match(text, body - 1)) and _LISTED.match(text, blank.end()):
            body = blank.end()  # the heading's list stands below a blank line
        return _paragraph_end(text, body - 1)
    if match := _SYSTEM.match(text, start):
        blank = _BLANK_LINE.search(text, match.end())
        if blank:
            return blank.end()
        return _line_end(text, match.end()) if text[start] in "[sS" or "\n" in text[match.end() :] else None
    return None


def _label_with_list(text: str, start: int) -> re.Match[str] | None:
    match = _LABEL.match(text, start)
    return match if match and _LISTED.match(text, match.end()) else None


def _paragraph_end(text: str, start: int) -> int:
    blank = _BLANK_LINE.search(text, start)
    return blank.end() if blank else len(text)


def _line_end(text: str, start: int) -> int:
    line = text.find("\n", start)
    return line + 1 if line >= 0 else len(text)


def _bracket_end(text: str, start: int) -> int | None:
    depth = 0
    for position in range(start, min(len(text), start + 20_000)):
        depth += (text[position] == "[") - (text[position] == "]")
        if not depth:
            return position + 1
    return None


# --- Pairs that lean on other turns -------------------------------------------------------------------------

_WHEN = (
    r"(?:earlier|above|before|previously|already|just\ now|last\ time|(?:a\ (?:moment|minute|while)"
    r"|moments|minutes)\ ago)"
)
_SAID = (
    r"(?:said|mention(?:ed)?|noted|explained|described|told\ (?:you|me)|discussed|listed|wrote"
    r"|pointed\ out|stated|suggested|talked\ about"
    r"|asked|outlined|recommended|sent|shared|gave\ (?:you|me)|named|showed\ (?:you|me)|brought\ up)"
)
_TURN = (
    r"(?:message|question|answer|reply|response|turn|request|prompt|query|comment|email|instructions?"
    r"|conversation|chat|list|suggestion|example)s?"
)
# In a reply, words that point at an earlier turn of this conversation.
_REPLY_POINTS_BACK = re.compile(
    rf"""(?ix)\b(?:
      (?:as|like|what|which|that|one|ones|option|item)\ (?:was\ |were\ |is\ )?(?:I|we|you)?(?:'ve|'d|\ have
      |\ had)?\ ?(?:already\ |just\ |previously\ )?{_SAID}\ (?:(?:to\ )?(?:me|you)\ )?{_WHEN}
    | (?:noted|listed|mentioned|described|discussed|shown|outlined|stated|explained|given|suggested)\ (?:above
      |earlier|previously)
    | (?:your|my|our)\ (?:earlier|previous|prior|preceding|above)\ {_TURN}
    | (?:your|our)\ last\ (?:message|question|reply|request|prompt|conversation|chat)
    | (?:same|like|as)\ (?:\w+\ )?(?:as|in|for|with)\ the\ (?:previous|last|earlier|prior|first)\ (?:one|file
      |time|request|example|task|item|step|version|message)
    | (?:see|from|in|per)\ (?:the\ )?(?:above|(?:previous|earlier|last)\ {_TURN})
    | the\ (?:above-?mentioned|aforementioned|previously\ mentioned)
    )\b"""
)
# In a question, a pointer at a thing that only an earlier turn names.
_USER_POINTS_BACK = re.compile(
    rf"""(?ix)\b(?:
      (?:one|ones|thing|things|option|options|book|place|person|guy|woman|name|file|list|idea|part|point|link
      |first|second|third|last|other)\ (?:that\ |which\ )?(?:you|we|I)(?:'ve|'d|\ have|\ had
      |\ just)?\ {_SAID}\b
    | {_SAID}\ (?:earlier|above|just\ now|before\ that)
    | (?:your\ (?:last|first|earlier)|(?:your|my|our)\ (?:earlier|previous|prior|preceding))\ (?:message
      |question|answer|reply|response|request|suggestion|prompt|point)
    | (?:from|in)\ (?:the\ )?(?:above|your\ list)
    )\b"""
)
_ORDINAL = r"(?:first|second|third|fourth|fifth|last|next|other|former|latter|previous|1st|2nd|3rd)"
# A question that is nothing but a pointer, from end to end.
_BARE_POINTER = re.compile(
    rf"""(?ix)\W*(?:(?:ok|okay|and|so|but|yes|no|well|hm+|oh|then|now|sure|great|thanks|please|i'd\ (?:like
        |take|go\ for)|i'll\ take|i\ (?:want|choose|prefer|pick))[,.!]?\ )*(?:
      (?:what|how)\ about\ (?:the\ )?{_ORDINAL}(?:\ (?:one|two|three|option|few))?s?
    | (?:the\ {_ORDINAL}(?:\ (?:one|option|two|few))?s?|{_ORDINAL}\ (?:one|option))
        (?:,?\ (?:please|then|again|too))?
    | (?:number|option|no\.?)\ (?:one|two|three|four|five|\d|[a-d])(?:,?\ (?:please|then))?
    | (?:can\ you\ |could\ you\ )?(?:please\ )?(?:do|try|repeat|explain|say|show|tell|give|list|send)[ ]
      (?:me\ )?(?:it|that|this|them|those|the\ same)(?:\ (?:again|too|as\ well|for|with|to|on|in|the
      |{_ORDINAL}s?|one|ones|file|time|way|once\ more|please|more|instead))*
    | (?:who|what|which|where|when|how)\ (?:was|were|is|are|did|does|do)\ (?:she|he|it|they|that|those|this
      |these|the\ {_ORDINAL}(?:\ one)?)(?:\ (?:called|named|do|say))?\ again
    | (?:what|which|who)\ (?:one|ones)\ (?:again|exactly|was\ (?:it|that))
    | (?:and\ )(?:him|her|them|those|these|that\ one|this\ one|the\ rest)
    | same\ (?:again|for\ \w+(?:\ \w+)?|here\ but\ \w+)
    )\W*"""
)


def leans_on_context(user: str, assistant: str) -> bool:
    """Does this pair of a split conversation make no sense without the turns before it?"""
    if holds_any(folded(assistant), _REPLY_SIGNS) and _REPLY_POINTS_BACK.search(
        assistant.lower().replace("’", "'")
    ):
        return True
    if len(user) > 400:
        return False
    said = user.lower().replace("’", "'")
    if len(said) <= 80 and holds_any(said, _POINTER_SIGNS) and _BARE_POINTER.fullmatch(said):
        return True
    return holds_any(said, _USER_SIGNS) and _USER_POINTS_BACK.search(said) is not None


# One of these is in every text that the pattern below the same name fits.
_REPLY_SIGNS = (
    "earlier", "above", "before", "previous", "prior", "already", "ago", "just now", "last", "preceding",
    "first ", "aforement",
)  # fmt: skip
_POINTER_SIGNS = (
    "first", "second", "third", "fourth", "fifth", "last", "next", "other", "former", "latter", "previous",
    "1st", "2nd", "3rd", "number", "option", "no", "it", "that", "this", "them", "those", "these",
    "the same", "again", "him", "her", "rest", "same", "exactly",
)  # fmt: skip
_USER_SIGNS = (
    "mention", "said", "noted", "explained", "described", "told", "discussed", "listed", "wrote", "pointed",
    "stated", "suggest", "talked", "asked", "outlined", "recommend", "sent", "shared", "gave", "named",
    "showed", "brought", "earlier", "previous", "prior", "preceding", "above",
    "your last", "your first", "your list",
)  # fmt: skip
