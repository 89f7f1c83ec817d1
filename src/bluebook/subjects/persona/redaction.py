"""Secrets and personal data, replaced by typed placeholders such as `[EMAIL]` on both sides of a pair.

Three kinds of evidence count: a shape that only a secret has (a PEM block, a token with its vendor's prefix),
a checksum (Luhn for cards, mod 97 for IBANs), and a label that announces the value ("my password is …"). A
number alone is no evidence: order ids, years, versions, times, prices and colours stay as they are.

Left alone on purpose: loopback, unspecified and netmask addresses (127.x, 0.x, 255.x, ::1), dotted quads of
single digits (versions, section numbers), `git@host:` remotes, public keys and certificates, hashes and UUIDs
without a label. The documentation ranges (203.0.113.x, example.org) are replaced: people write them where a
real one stood.

Replacing is idempotent: no placeholder looks like a secret, and no label takes a placeholder for its value.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bluebook.subjects.persona.announced import may_announce, names_password, without_announced
from bluebook.subjects.persona.numbers import HEX_NUMBERS, NUMBERS
from bluebook.subjects.persona.rule import Rule
from bluebook.subjects.persona.substrings import folded
from bluebook.subjects.persona.tokens import BEARER, SHAPELESS_TOKENS, TOKENS, without_private_keys


class Redacted(NamedTuple):
    """`kinds` names what was replaced, without brackets, sorted and without repetition."""

    text: str
    kinds: tuple[str, ...]


def redact(text: str) -> Redacted:
    """`text` with every secret replaced by its placeholder; unchanged where there is none.

    A replacement can lay bare what it touched ("a@b.iec@d.ie"), so passes follow until one finds nothing. No
    rule matches a placeholder: what stands outside placeholders shrinks with every pass."""
    found: set[str] = set()
    while True:
        text, kinds = _pass(text)
        if not kinds:
            return Redacted(text, tuple(sorted(found)) if found else ())
        found |= kinds


def _pass(text: str) -> tuple[str, set[str]]:
    """Every rule once. Most texts hold no secret: one look at their signs and a few words settles that for
    three of four, and chooses the rules that could apply to the others."""
    lower = folded(text)
    data = text.encode("utf-8", "replace")
    signs = data.translate(None, _NO_SIGNS)  # for a long text an eighth of a regular expression's time
    dotted = " dot " in lower or "dot]" in lower or "dot)" in lower
    key_block = "private key" in lower
    if not (signs or dotted or key_block or names_password(lower)):
        return text, set()
    digits = len(signs.translate(None, _NO_DIGITS))
    numbers = digits >= _FEWEST and _NUMBER.search(text) is not None
    announced = may_announce(lower, digits=digits > 0, numbers=numbers)
    rest: list[Rule] = []
    if dotted or b"@" in signs:
        rest += _EMAILS
    if digits and ((lower.count(":") > 1 and _COLONED.search(text)) or lower.count("-") > 4):
        rest += HEX_NUMBERS
    if numbers:  # only ASCII digits are counted, and the patterns take those of every script
        rest += [rule for rule in NUMBERS if rule.digits <= digits] if text.isascii() else NUMBERS
    kinds: set[str] = set()
    long_words = _long_words(text) if digits and _LONG in data.translate(_SHAPE) else ""
    if key_block:
        text = without_private_keys(text, kinds)
    if long_words:
        for rule in TOKENS:
            text = rule.apply(text, kinds, long_words)
        text = BEARER.apply(text, kinds)
        for rule in SHAPELESS_TOKENS:
            text = rule.apply(text, kinds, long_words)
    if b"/" in signs or b"\\" in signs:
        for rule in _PATHS:
            text = rule.apply(text, kinds)
    if announced:
        text = without_announced(text, kinds)
    for rule in rest:
        text = rule.apply(text, kinds)
    return text, kinds


def _long_words(text: str) -> str:
    """The words that may be or hold a token; "" where none is as long as nearly all of them are.

    A tenth of the text where there are any, so looking for what each token needs costs a tenth, too."""
    words = [word for word in text.split() if len(word) >= _SHORTEST_TOKEN]
    return " ".join(words) if words and max(map(len, words)) >= _LONG_WORD else ""


_LONG_WORD = 16  # without a word so long no rule for tokens is tried
_SHORTEST_TOKEN = 12  # a shorter word holds no token, not even where there is a long one
# Blanks, and `x` for all else: a long word becomes a long run of one character, found in a tenth of the time
# that splitting takes. Bytes are no fewer than characters, so none is missed.
_SHAPE = bytes(c if chr(c).isspace() and c < 128 else ord("x") for c in range(256))
_LONG = b"x" * _LONG_WORD
_FEWEST = 5  # digits of the shortest number
# All bytes but those of which every match holds one, unless a word announces it.
_NO_SIGNS = bytes(set(range(256)) - set(b"0123456789/\\@"))
_NO_DIGITS = b"/\\@"
_COLONED = re.compile(r"[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:")
# Five digits near each other: the least that any number rule below asks for.
_NUMBER = re.compile(r"[0-9][ ().\-/\u00a0\u2011\u2013]{0,3}(?:[0-9][ ().\-/\u00a0\u2011\u2013]{0,3}){4}")

# --- Where people and machines live -------------------------------------------------------------------------


def _home(match: re.Match[str]) -> str | None:
    return None if match["user"].lower() in {"shared", "public", "linuxbrew", "..."} else "[HOME_PATH]"


_PATHS: tuple[Rule, ...] = (
    Rule(
        "CREDENTIALS",
        ("://",),
        re.compile(r"(?<=://)[^\s/@:\"'<>\[\]]{0,64}:[^\s/@\"'<>\[\]]{1,128}@"),
        lambda match: "[CREDENTIALS]@",
    ),
    Rule(
        "HOME_PATH",
        ("/home/", "sers/"),
        re.compile(
            r"(?:(?<![\w.~%-])|(?<=[a-z]:)|(?<=/mnt/[a-z]))/(?:home|[Uu]sers)/"
            r"(?P<user>[^\s/\\:;,*?\"'<>|()\[\]`]+)"
        ),
        _home,
    ),
    Rule(
        "HOME_PATH",
        ("sers\\", "SERS\\"),
        re.compile(
            r"(?i)\b[a-z]:\\{1,2}(?:users|documents and settings)\\{1,2}"
            r"(?P<user>[^\\/:*?\"<>|\r\n]{1,40}(?=\\)|[^\s\\/:*?\"<>|,;()\[\]]+)"
        ),
        _home,
    ),
    Rule(
        "HOME_PATH", ("sers/",), re.compile(r"(?i)\b[a-z]:/users/(?P<user>[^\s/\\:*?\"<>|,;()\[\]]+)"), _home
    ),
)

# --- Mail addresses -----------------------------------------------------------------------------------------

# What stands where a top-level domain would in `icon@2x.png`.
_NOT_DOMAINS = frozenset("png jpg jpeg gif svg webp css js ts tsx md txt pdf".split())  # noqa: SIM905


def _email(match: re.Match[str]) -> str | None:
    remote = match["local"] == "git" and match.string[match.end() : match.end() + 1] in {":", "/"}
    return None if remote or match["top"].lower() in _NOT_DOMAINS else "[EMAIL]"


_EMAILS: tuple[Rule, ...] = (
    Rule(
        "EMAIL",
        ("@",),
        re.compile(
            r"(?<![\w.%+'-])(?P<local>[\w.%+'-]{1,64}+)@(?:[\w-]{1,63}\.){1,8}(?P<top>[^\W\d_]{2,24})(?![\w-])"
        ),
        _email,
    ),
    Rule(
        "EMAIL",
        ("dot", "DOT", "Dot"),
        re.compile(
            r"(?i)(?<![\w.%+-])[\w.%+-]{1,64}(?:"
            r"\s?[\[({<]\s?at\s?[\])}>]\s?[\w-]{1,63}(?:\s?[\[({<]\s?dot\s?[\])}>]\s?[\w-]{2,24}){1,3}"
            r"|\sat\s(?!(?:the|a|an|this|that|my|your)\b)[\w-]{1,63}(?:\sdot\s[\w-]{2,24}){0,2}\sdot\s"
            r"(?:com|org|net|edu|gov|io|co|de|fr|uk|pl|eu|me))\b"
        ),
    ),
)
