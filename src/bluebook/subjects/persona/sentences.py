"""Where sentences end, and how a reply is made short without cutting one.

`sentences` splits at `.`, `!`, `?` and their kin in other scripts and at line ends; not after titles,
abbreviations, initials and list numbers, and not where the text goes on in a small letter after an ellipsis
or a closing quote. The parts joined give the text back, byte for byte. `trim` keeps whole sentences from the
beginning. Code, JSON and calls are atomic: half of one is worth nothing.

A full stop that may belong to an abbreviation ends nothing: a sentence too long costs a few words, one cut
short is broken text in the training set."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLOSERS = "\"'”’»›)\\]}*_`」』）】"  # they belong to the sentence before them
_STOPS = ".!?؟۔।…‽"
# It begins with one set of characters, to which a search skips at a quarter of the time that alternatives take;
# the lookbehinds tell them apart. One of them keeps a long run of stops from being tried again from each of
# its characters.
_BOUNDARY = re.compile(
    rf"[{_STOPS}。！？｡\n](?:(?<=[{_STOPS}])(?<![{_STOPS}][{_STOPS}])(?P<stops>[{_STOPS}]*)[{_CLOSERS}]*(?:\s+|\Z)"
    rf"|(?<=[。！？｡])[。！？｡]*[{_CLOSERS}]*\s*"  # no blank follows in Chinese and Japanese
    r"|(?<=\n)\s*)"
)
_TITLES = frozenset(
    """mr mrs ms mx dr prof rev hon st sr fr capt col gen lt sgt maj cmdr adm gov sen rep pres messrs mme
    mlle hr sra srta""".split()  # noqa: SIM905
)
_ABBREVIATIONS = frozenset(
    """e.g i.e eg ie cf vs viz etc approx ca incl excl dept univ nos vol vols pp ch eds jr inc ltd corp bros
    ave blvd a.m p.m ph.d b.a m.a feb aug sept oct nov dec tues thurs z.b d.h u.a bzw usw ggf p.ej núm pág
    st""".split()  # noqa: SIM905
)
# These are words too; they abbreviate only before a number ("No. 5", "p. 12", "Jan. 3").
_BEFORE_NUMBERS = frozenset(
    "no p fig sec art nr op ext tel c ca jan mar apr jun jul sep mon wed fri sat sun".split()  # noqa: SIM905
)
# What begins a sentence far more often than it follows an initial or an abbreviation.
_OPENERS = frozenset(
    """a after all also an and as at but by can did do for from had has have he her here his how however i if
    in is it its let most my no not now of on one or our please she should so some such than that the their
    then there these they this those though to was we well were what when where which while who why will with
    would yes yet you your i'm i've i'd i'll it's that's he's she's we're they're you're there's
    don't""".split()  # noqa: SIM905
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_WORD_AHEAD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def sentences(text: str) -> list[str]:
    """The sentences of `text`, each with the blanks that follow it; joined they are `text`."""
    return list(each_sentence(text))


def each_sentence(text: str) -> Iterator[str]:
    """`sentences` one at a time: who needs the first few of a long text does not pay for all of them."""
    start = 0
    for match in _BOUNDARY.finditer(text):
        end = match.end()
        if end < len(text) and not _ends_sentence(text, match, start):
            continue
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def _ends_sentence(text: str, match: re.Match[str], start: int) -> bool:
    """Does the boundary at `match` end the sentence that began at `start`? More text follows."""
    whole, more = match.group(0, "stops")
    following = text[match.end()]
    if whole[0] == "\n":  # a line that was only wrapped goes on in a small letter
        return whole.count("\n") > 1 or not following.islower()
    if more is None or "\n" in whole:
        return True
    stop = whole[0] + more
    quoted = len(stop) < len(whole.rstrip())  # a quote or bracket closes here
    if stop != ".":
        trailing_off = stop[-1] in ".…" and stop != "?."
        return not (following.islower() and (quoted or trailing_off))
    if quoted:
        return not following.islower()
    return not _belongs_to_word(text, match, start, following)


def _belongs_to_word(text: str, match: re.Match[str], start: int, following: str) -> bool:
    """Is the full stop at `match` part of a title, an abbreviation, an initial or a list number?"""
    at = match.start()
    before = text[max(start, at - 40) : at].rsplit(None, 1)
    word = before[-1].lstrip("([{\"'“‘«—–/") if before else ""
    if len(before) == 1 and at - start < 5 and (word.isdigit() or len(word) == 1):
        return word != "I" or following.islower()  # "1. Fold the map", "a. …"
    lower = word.lower()
    if lower in _BEFORE_NUMBERS and following.isdigit():
        return True
    if lower in _TITLES and word[:1].isupper():
        return True
    if word == "I":
        return False
    initial = "." in word or (len(word) == 1 and word.isupper())
    if lower in _ABBREVIATIONS or (initial and _INITIALS.fullmatch(word)):
        ahead = _WORD_AHEAD.match(text, match.end())
        return not ahead or ahead[0][0].islower() or ahead[0].lower().replace("’", "'") not in _OPENERS
    return False


# --- Trimming -----------------------------------------------------------------------------------------------

# Where a reply may stop. Narrower than a sentence's end: after an ellipsis, a colon or an emoji it reads as
# cut off.
_FULL_STOP = re.compile(r"(?<![.…])[.!?。！？][\"'”’»)\]*_`]*\Z|[!?。！？][.…]+\Z")


def trim(text: str, *, max_sentences: int, max_words: int, prefer_words: int) -> str:
    """The first sentences of `text`: at most `max_sentences`, and no more words than `prefer_words` or
    `max_words`.

    At least one sentence always stands, however long; atomic text comes back whole. Words are what blanks
    separate."""
    if is_atomic(text):
        return text
    limit = min(prefer_words, max_words)
    words = stop = end = 0
    for number, sentence in enumerate(each_sentence(text)):
        words += len(sentence.split())
        if stop and (number >= max_sentences or words > limit):
            break
        end += len(sentence)
        if end == len(text) or _may_stop(text, end):
            stop = end
    return text[:stop].rstrip()


def _may_stop(text: str, end: int) -> bool:
    kept = text[:end].rstrip()
    if _FULL_STOP.search(kept, max(0, len(kept) - 12)):
        return True
    return text.startswith("\n", len(kept)) and kept[-1:] not in ":,;…" and not kept.endswith("..")


# --- Atomic texts -------------------------------------------------------------------------------------------

# Begins with one set of characters, too: a bracketed aside in a long reply cost more than all its words.
_CALL_OR_JSON = re.compile(
    r"[({\[,=](?:(?<=[\w\])]\()\s*[{\[]\s*[\"'{\[\]}\d]"
    r"|(?<=[{\[,])\s*[\"'][\w $@.-]{1,64}[\"']\s*:|(?<=\w=)\{[\"'])"
)
_WHOLE_CALL = re.compile(r"[A-Za-z_][\w.]{0,80}\([^\n]*\);?")
_CODE_LINE = re.compile(
    r"""(?x)\s*(?:[$#>]\ \S|>>>\ |\#!|sudo\ |def\ \w+\(|class\ \w+[(:]|import\ [\w.]+\Z
    |from\ [\w.]+\ import[ ]
        |return\b.*;?\Z
    |(?:const|let|var)\ \w+\ ?=|function\b|async\ |public\ |private\ |\#include
    |SELECT\ .+\ FROM\ |INSERT\ INTO\ |UPDATE\ \w+\ SET\ |(?:git|npm|pip|docker|cd|ls|mkdir|curl|apt|python3?
      |echo|export)\ [\w./"$~-]+
    |</?\w+[^>]*>\s*\Z|[})\]]+[;,]?\Z|@\w+\Z|\w+\s*=\s*\S|[a-z_][\w.]*\(.*\)\Z)"""
)


def is_atomic(text: str) -> bool:
    """Is `text` code, JSON or a call, or does it hold a code block? Such a text is never shortened."""
    if "```" in text or "~~~" in text:
        return True
    bare = text.strip()
    bracketed = "(" in text or "{" in text or "[" in text
    if bracketed and (_CALL_OR_JSON.search(bare) or _WHOLE_CALL.fullmatch(bare)):
        return True
    if not _is_code(bare.split("\n", 1)[0]):  # code is code from its first line
        return False
    lines = [line for line in bare.splitlines() if line.strip()]
    code = sum(_is_code(line) and line.rstrip()[-1] not in ".!?" for line in lines)
    return code * 2 > len(lines)


def _is_code(line: str) -> bool:
    return line.endswith((";", "{")) or _CODE_LINE.match(line) is not None
