"""Boilerplate that assistants wrap around what they say, taken away where it is a whole clause or a whole
sentence.

Two kinds. An opening leads into what follows: "Certainly!", "Okay, so", "As an AI language model, I can tell
you that". A whole sentence says nothing wherever it stands: "I hope this helps!", "Great question!", "Please
note that as an AI I cannot verify this." Every pattern reaches from the start of a sentence to a mark that
closes it, so a phrase that means something ("Certainly not", "Let me start the kettle", "As an aide", "I hope
this helps the roses") never fits. A bare "Certainly!" in the middle stays where it answers a question of the
same text or may be quoted speech.

A reply of nothing but filler comes back unchanged: "Of course." is then the answer, and what is worthless for
other reasons is the business of `noise`. Idempotent, because stripping goes on until nothing changes."""

from __future__ import annotations

import re

from bluebook.subjects.persona.sentences import sentences
from bluebook.subjects.persona.substrings import folded, holds_any


def strip_filler(text: str) -> str:
    """`text` without its filler; `text` itself where there is none, or nothing else."""
    if not _may_hold_filler(text):
        return text
    stripped = text
    while (shorter := _strip_once(stripped)) != stripped:
        stripped = shorter
    return stripped if _WORD.search(stripped) else text


def has_filler(text: str) -> bool:
    """What the gate asks. False for everything that `strip_filler` returns."""
    return strip_filler(text) != text


def is_boilerplate(sentence: str) -> bool:
    """Is this one sentence, whole, filler wherever it stands?"""
    return _SENTENCE.fullmatch(_straight(sentence).strip()) is not None


_WORD = re.compile(r"\w")


def _straight(text: str) -> str:
    """Plain apostrophes and blanks, one for one: offsets hold in both texts. `str.translate` takes ten times
    as long."""
    if text.isascii():
        return text
    return text.replace("’", "'").replace("‘", "'").replace("ʼ", "'").replace("\u00a0", " ")


# --- The phrases --------------------------------------------------------------------------------------------

_ASSENT = r"(?:certainly|of\ course|absolutely|sure\ thing|sure)"
_PAUSE = r"(?:\s*[!.…]+|\s*[,:]|\s*[—–]|\s+-+(?=\s))\s*+"  # what may close an opening
_AN_AI = (
    r"(?:an?|your)\ (?:(?:large|helpful|mere|simple|humble|friendly)\ )?"
    r"(?:ai|a\.i\.|artificial\ intelligence|language\ model|llm|chatbot|virtual\ assistant"
    r"|digital\ assistant)"
    r"(?:[- ](?:powered|based))?(?:\ (?:large\ )?(?:language\ model|assistant|model|chatbot|system|program"
    r"|companion|bot))?"
    r"(?:\ (?:trained|developed|created|made|built)\ by\ [^,.!?\n]{1,40})?"
)
_AS_AI = rf"(?:(?:speaking\ )?as|being)\ {_AN_AI}"
_LACKS = (
    r"(?:can't|cannot|can\ not|don't|do\ not|won't|am\ not|'m\ not|have\ no|lack|may\ not|might\ not|(?:'m"
    r"|am)\ unable"
    r"|(?:'m|am)\ (?:only|just|limited))"
)
_NO_BUT = r"(?:(?!,?\ (?:but|however|though)\b)[^.!?\n])"
_PREFACE = (
    r"(?:(?:but|so|well|however|that\ said|unfortunately|sorry|i'm\ sorry|i\ apologi[sz]e)[,.]?\ (?:but\ )?)?"
    r"(?:(?:please\ )?(?:note|remember|keep\ in\ mind|be\ aware)(?:\ that\b|,),?\ |i\ should\ (?:note|mention"
    r"|add)\ that,?\ )?"
)
_SO_MEANS = (
    r"(?:far\b|good\b|be\ it|long\b|much\b|many\b|few\b|little\b|close\b|it\ goes|what\?|do\ I\b|am\ I\b"
    r"|did\ I\b|they\ say)"
)

_AI_OPENING = re.compile(
    rf"""(?ix)\s*(?:
      {_PREFACE}{_AS_AI},?\ +I(?:\ (?:can|could|would|must|should|will|have\ to|want\ to|'d\ like\ to)|'d
      |'ll)\ \w+(?:\ (?:you|say|know|out)){{0,2}}\ that\b,?\ +
    | {_PREFACE}{_AS_AI},?\ +I\ ?{_LACKS}\b[^.!?\n]{{0,120}}?[,;—–-]?\ +(?:but|however|though)\b,?\ +
    | {_PREFACE}I(?:'m|\ am)\ (?:(?:just|only|merely|simply)\ )?(?:{_AN_AI}|here\ to\ (?:help|assist)
      (?:\ you)?)
        (?:,?\ (?:and|so)\ I\ ?{_LACKS}\b[^.!?\n]{{0,120}}?)?(?:\s*[,;—–]|\s+-)?\ +(?:but|however|though
        |so)\b,?\ +
    | {_PREFACE}{_AS_AI}(?:\s*[,—–:]\s*|\ +(?=I\b|my\b))
    | (?:while|(?:even\ )?though|although)\ I(?:'m|\ am)\ (?:just\ |only\ )?{_AN_AI},\ *
    | it(?:'s|\ is)\ (?:also\ )?(?:important\ to\ note|worth\ noting)\ that\b,?\ +
    )"""
)
_OPENING = re.compile(
    rf"""(?ix)\s*(?:[^\w\s"“”'(\[<{{`|*_\#-]{{1,4}}\s*)?(?:
      {_ASSENT}{_PAUSE}(?!(?:not|sir|madam|ma'am|miss|dear|love|darling|honey|mate|boss|captain|doctor|mum|mom
      |dad)\W*(?:[.!?]|$))
    | (?:okay|ok|alright|all\ right|right(?=,)),?\ +so\b,?\ +(?!{_SO_MEANS})
    | (?:(?:okay|ok|alright|well|so|hmm+|sure),?\ +)?let\ me\ (?:just\ )?think(?:\ (?:about\ )?(?:this|that
      |it))?
        (?:\ for\ a\ (?:moment|second|minute|bit))?{_PAUSE}
    | (?:(?:first|okay|ok|alright|so|well),?\ +)?let\ me\ (?:just\ )?(?:start|begin)\ (?:off\ )?by\ \w+ing[ ]
      (?:that\b,?|[:,])\ *
    | (?:(?:sure|okay|ok|alright),\ )?here\ you\ (?:go|are)\s*:\s*
    | (?:(?:sure|okay|ok|alright),\ )?here(?:'s|\ is|\ are)\ (?:what\ I(?:'ve)?\ (?:found|think|know|have
      |suggest|recommend|would\ suggest
      |came\ up\ with|can\ tell\ you)
        (?:\ (?:for\ you|so\ far|out|about\ (?:that|this|it)))?|(?:my|the|your|an)\ (?:answer|response|reply)
        (?:\ to\ your\ question)?)\s*:\s*
    | (?:(?:that(?:'s|\ is)|what)\ an?\ )?(?:really\ |very\ |such\ a\ )?
        (?:great|good|excellent|fantastic|wonderful|interesting|thoughtful|fascinating
        |insightful)\ question{_PAUSE}
    )"""
)
_MORE = r"(?:other|more|further|additional|follow-?up|specific)"
_ASKING = (
    rf"(?:you\ (?:ever\ )?(?:have|need|want)\ (?:any(?:thing)?\ )?(?:{_MORE}\ |else\b\ ?)*(?:questions?"
    rf"|concerns?|help|assistance|support|clarification|information)?"
    r"(?:(?:\ or|,)\ (?:concerns?|comments?|need\ (?:any\ |further\ |more\ )?(?:help|assistance"
    r"|clarification|anything(?:\ else)?)))*"
    r"(?:\ (?:with|about|on|regarding)\ (?:this|that|it|anything(?:\ else)?))?"
    r"|(?:there(?:'s|\ is)|you(?:'d|\ would)\ like)\ (?:to\ (?:know|ask|discuss)\ )?anything\ (?:else"
    r"|more)(?:\ (?:that\ )?(?:I\ can|you(?:'d|\ would)?)\ [^.!?,\n]{2,40})?"
    r"|I\ can\ (?:help|assist|be\ of)\b(?:\ (?:you|further|with|in|any|anything|else|more|other|way"
    r"|assistance|help|service|today))*"
    r"|you(?:'d|\ would)\ like\ (?:any\ )?(?:to\ know\ more|(?:more|further)\ (?:information|details|help))"
    r"|you(?:'d\ like|\ would\ like|\ want)\ me\ to\ (?:elaborate|clarify|explain\ further))"
)
_WHEN = rf"(?:if|whenever|any\ ?time|when|should)(?:\ {_ASKING})?"
_TODAY = r"(?:\ (?:today|now|further|again|at\ all|any\ ?time|at\ any\ time|right\ now|tonight|for\ now))*"
_REACH = (
    r"(?:ask(?:\ me)?(?:\ (?:away|anything|(?:any\ )?(?:other\ |more\ |further\ "
    r"|follow-?up\ )?questions))?|reach\ (?:out|back)"
    r"(?:\ to\ me)?|let\ me\ know|contact\ me|get\ in\ touch|message\ me)"
)

_SENTENCE = re.compile(
    rf"""(?ix)(?:and\ |so\ |but\ |well,?\ |anyway,?\ |again,\ |please\ |please,\ )?(?:
      (?:I\ )?(?:really\ |truly\ )?hope\ you\ (?:find|found)\ (?:this|that|it)\ (?:helpful|useful)
    | (?:I\ )?(?:really\ |truly\ |sincerely\ |do\ )?(?:hope|trust)\ (?:that\ )?(?:this|that|it|these|those
      |the\ above
      |my\ (?:answer|reply|response|explanation))
        (?:\ (?:information|answer|explanation|tips?|response))?\ (?:helps?|helped|was\ helpful|is\ helpful
        |has\ been\ helpful|clarifies\ things|answers?\ your\ question)
        (?:\ (?:you|out|a\ (?:bit|little|lot)|some))*
    | (?:just\ |please\ |do\ )*let\ me\ know\ (?:{_WHEN}|if\ (?:that|this|it)\ helps|how\ (?:else\ )?I\ can[ ]
      (?:help|assist)(?:\ you)?){_TODAY}
    | (?:I'm\ (?:always\ )?here|just\ ask)\ {_WHEN}{_TODAY}
    | (?:was|is)\ (?:this|that)\ helpful
    | do\ you\ have\ any\ (?:other|more|further)\ questions{_TODAY}
    | would\ you\ like\ (?:some\ |any\ )?help\ with\ anything\ else{_TODAY}
    | I\ can\ (?:certainly\ |definitely\ |absolutely\ )?(?:help|assist)\ (?:you\ )?with\ (?:that|this)
    | (?:how|what)\ (?:can|may|else\ can)\ I\ (?:help|assist)(?:\ you)?\ further
    | (?:this\ is|that's|it's)\ (?:just|only)\ my\ (?:opinion|view)\ {_AS_AI}
    | (?:just\ |please\ |always\ |you\ can\ )*(?:feel\ free|don't\ (?:ever\ )?hesitate
      |do\ not\ hesitate)\ to\ {_REACH}(?:\ {_WHEN})?{_TODAY}
    | (?:if|should)\ {_ASKING}{_TODAY},?\ (?:just\ |please\ |then\ )*(?:(?:feel\ free|don't\ hesitate
      |do\ not\ hesitate)\ to\ {_REACH}|{_REACH}|I'm\ (?:always\ )?(?:here(?:\ to\ help)?|(?:happy
      |glad)\ to\ help)){_TODAY}
    | (?:is|was)\ there\ anything\ (?:else|more)\ (?:that\ )?(?:I\ can\ (?:help|assist|do)|you(?:'d
      |\ would)?\ (?:like\ to\ (?:know|ask|discuss)|like\ help|need\ help|want\ to\ (?:know|ask)))
        (?:\ (?:you|with|for|about))*{_TODAY}
    | (?:can|may|could)\ I\ (?:help|assist)(?:\ you)?\ with\ anything\ (?:else|more){_TODAY}
    | (?:is\ there\ )?(?:any|some)thing\ else\ (?:that\ )?I\ can\ (?:help|assist|do)(?:\ (?:you|with
      |for))*{_TODAY}
    | (?:what|how)\ else\ (?:can|may)\ I\ (?:help|assist|do)(?:\ (?:you|with|for))*{_TODAY}
    | (?:I(?:'m|\ am)\ )?(?:(?:always|just|only|simply)\ )*here\ to\ (?:help|assist)(?:\ you)?(?:\ (?:out
      |with[ ]
      (?:that|this|anything(?:\ else)?|whatever\ you\ need)|{_WHEN}))?{_TODAY}
    | (?:(?:{_ASSENT}|yes),?\ )?(?:(?:I(?:'m|\ am|'d\ be|\ would\ be|'ll\ be|\ will\ be)\ )?(?:(?:more\ than
      |very|so|only\ too)\ )?(?:happy|glad|delighted|pleased)|I(?:'d|\ would)\ love)\ to\ (?:help|assist)
        (?:\ (?:you|out|with\ (?:that|this|your\ (?:question|request)|anything(?:\ else)?)|{_WHEN}))*{_TODAY}
    | (?:thanks|thank\ you)\ for\ (?:your\ (?:question|inquiry|enquiry|patience)|reaching\ out)
    | let\ me\ (?:(?:try\ to|just)\ )?(?:explain|clarify|elaborate|(?:break|figure)\ (?:this|that|it)\ (?:down
      |out)|help(?:\ you)?\ with\ (?:that|this))(?:\ for\ you)?
    | (?:okay,?\ |ok,?\ |well,?\ |so,?\ |hmm+,?\ )?let\ me\ (?:just\ )?think(?:\ about\ (?:this|that|it))?
      (?:\ for\ a\ (?:moment|second|minute|bit))?
    | {_PREFACE}(?:{_AS_AI},?\ )?I(?:'m|\ am)\ (?:just\ |only\ |merely\ |simply\ |still\ )?{_AN_AI}(?:,?[ ]
      (?:and|so)\ (?:(?:I\ ?)?{_LACKS}|please)\b{_NO_BUT}{{0,160}})?
    | {_PREFACE}{_AS_AI},?\ I\ ?{_LACKS}\b{_NO_BUT}{{0,200}}
    | {_PREFACE}I\ ?{_LACKS}\b{_NO_BUT}{{0,160}}\ {_AS_AI}
    | (?:(?:that(?:'s|\ is)|what)\ an?\ )?(?:really\ |very\ )?(?:great|good|excellent|fantastic|wonderful
      |interesting|thoughtful|fascinating|insightful)\ question
    )\W*"""
)
_EXCLAIMED = re.compile(r"(?i)(?:certainly|of course|absolutely|sure thing)\s*!+\W*")
_ASIDE = re.compile(rf"(?ix),\ +{_AS_AI},\ +")

# Where filler may begin inside a sentence: the one before it lacks its full stop ("… fit me Let me know if
# …").
_GLUED = re.compile(
    r" (?<=\w )(?=(?:Let me know|Feel free|Please (?:note|let|feel|don't)|Is there any|Anything else"
    r"|If you (?:have|need)|(?:I (?:really )?hope|Hope) (?:this|that|it)|Don't hesitate"
    r"|I'm (?:just |always |only )?here to|(?:Happy|I'd be happy|I'm happy) to (?:help|assist)"
    r"|Can I (?:help|assist)|What else|As an AI)\b)"
)
_LONGEST_GLUED = 300
_JOINED_BY = frozenset(
    "and but so because that if as then or when while since though although say said".split()  # noqa: SIM905
)

# One of these begins, or is in, every lower-cased text that holds filler.
_FIRST = (
    "certainly", "of course", "absolutely", "sure", "ok", "alright", "all right", "right,", "here",
)  # fmt: skip
_INSIDE = (
    "help", "let me ", "question", "feel free", "hesitate", "assist", "anything", "certainly", "of course",
    "absolutely", "sure thing", "reaching out", "patience", "else can", "important to note", "worth noting",
    "just ask", "i'm here", "elaborate", " ai", "language model", "a.i.", "artificial",
    "chatbot", "llm",
)  # fmt: skip


def _may_hold_filler(text: str) -> bool:
    lower = folded(text)
    return lower.lstrip(" \t\r\n").startswith(_FIRST) or holds_any(lower, _INSIDE)


# --- Taking it away -----------------------------------------------------------------------------------------


def _strip_once(text: str) -> str:
    """`text` less every whole sentence of filler and every opening; what begins anew gets its capital."""
    plain = _straight(text)
    kept: list[str] = []
    position = 0
    asked = quoting = False  # by what stands before: what a later trim cuts off must not change the verdict
    for sentence in sentences(plain):
        original = text[position : position + len(sentence)]
        position += len(sentence)
        bare = sentence.strip()
        if _SENTENCE.fullmatch(bare) or (kept and not asked and not quoting and _EXCLAIMED.fullmatch(bare)):
            if kept and "\n" in original and not kept[-1].endswith("\n"):
                kept[-1] = kept[-1].rstrip() + "\n"
            continue
        asked = bare.endswith("?")
        quoting = quoting or '"' in bare or "“" in bare
        kept.append(_without_clauses(sentence, original, first=not kept))
    result = "".join(kept)
    if result == text:
        return text
    first = text.lstrip()[:1]
    return _capitalised(result.strip()) if first.isupper() else result.strip()


def _without_clauses(plain: str, original: str, *, first: bool) -> str:
    """One sentence without its openings (every kind in the first sentence, an AI's elsewhere), without
    asides, and without whole sentences of filler that stand behind it for want of a full stop."""
    start, end, opened = 0, len(plain), False
    while opening := _AI_OPENING.match(plain, start) or (_OPENING.match(plain, start) if first else None):
        start, opened = opening.end(), True
    for glue in reversed(list(_GLUED.finditer(plain, start))):
        glued = plain[glue.end() : end].strip() if end - glue.end() < _LONGEST_GLUED else ""
        if (
            not _SENTENCE.fullmatch(glued)
            or plain[max(0, glue.start() - 40) : glue.start()].rsplit(None, 1)[-1] in _JOINED_BY
        ):
            break
        end = glue.start()
    pieces: list[str] = []
    for aside in _ASIDE.finditer(plain, start, end):
        pieces += original[start : aside.start()], ", "
        start = aside.end()
    pieces.append(original[start:end])
    if end < len(plain):
        pieces.append(original[len(plain.rstrip()) :])
    kept = "".join(pieces)
    return _capitalised(kept) if opened and plain.lstrip()[:1].isupper() else kept


def _capitalised(text: str) -> str:
    """A capital on the first letter, also behind an opening quote; `iPhone` keeps its spelling."""
    at = 1 if text[:1] in ("'", '"', "“", "‘", "(") else 0
    if not text[at : at + 1].islower() or (
        text[at + 1 : at + 2].isupper() and text[at + 2 : at + 3].islower()
    ):
        return text
    return text[:at] + text[at].upper() + text[at + 1 :]
