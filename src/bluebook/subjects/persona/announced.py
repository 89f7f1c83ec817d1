"""Secrets that only a label gives away: "my password is …", `DB_PASSWORD=…`, "passport number: …".

A label alone is not enough: "my password is too short" announces nothing. After a plain `is` a value counts
when it looks like no word (a digit, a symbol, a capital inside), is quoted, or ends the clause and is none of
the words that are said of passwords ("wrong", "required", "expired" …)."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise

from bluebook.subjects.persona.substrings import folded, holds_any


def may_announce(lower: str, *, digits: bool, numbers: bool) -> bool:
    """A quick look at the folded text. `digits`: it holds some; `numbers`: five near each other."""
    return names_password(lower) or (
        digits
        and (
            _names_pin(lower)
            or (_has_sign(lower) and holds_any(lower, _KEY_WORDS))
            or (numbers and holds_any(lower, _IDENTITY_WORDS))
            or "cvv" in lower
            or "cvc" in lower
        )
    )


def without_announced(text: str, kinds: set[str]) -> str:
    """`text` with every announced secret replaced; the kinds found are added to `kinds`."""
    lower = folded(text)
    if names_password(lower) or _names_pin(lower):
        if (
            holds_any(lower, _PASSWORD_NAMES)
            or _PASS.search(lower)
            or _PIN.search(lower)
            or _names_it_otherwise(lower)
        ):
            text = _PASSWORD.sub(partial(_password, kinds), text)
        if holds_any(lower, _NAMED_AFTERWARDS):
            text = _AFTERWARDS.sub(partial(_password_before, kinds), text)
    if _has_sign(lower) and holds_any(lower, _KEY_WORDS):
        text = _KEY.sub(partial(_key, kinds), text)
    if "cv" in lower or holds_any(lower, _IDENTITY_WORDS):
        text = _IDENTITY.sub(partial(_identity, kinds), text)
    return text


def _has_sign(lower: str) -> bool:
    return ":" in lower or "=" in lower or " is " in lower or " was " in lower


def names_password(lower: str) -> bool:
    """Does a folded text hold the beginning of a word for a password?"""
    if "pass" in lower and holds_any(lower, _PASS_WORDS):
        return True
    return (
        ("pw" in lower and ("pwd" in lower or "pw:" in lower))
        or "kennwort" in lower
        or "contrase" in lower
        or "senha" in lower
        or _names_it_otherwise(lower)
    )


def _names_pin(lower: str) -> bool:
    return " code" in lower or ("pin" in lower and holds_any(lower, _PIN_WORDS))


def _names_it_otherwise(lower: str) -> bool:
    """The words that are not ASCII, which stand in the folded text as bytes and with their capitals."""
    if lower.isascii() or not holds_any(lower, _LEADS):
        return False
    return _OTHERWISE.search(lower.encode("latin-1").decode()) is not None


_PASS_WORDS = ("passw", "passp", "passc", "passe", "pass:", "pass=", "pass =")
_LEADS = ("\xd0", "\xc5")  # the first bytes of Cyrillic letters and of `ł`
_OTHERWISE = re.compile("(?i)hasł|парол")
_PIN_WORDS = (" pin ", "pin:", "pin=", "pin is", "pin code", "pin number", "pin no")
_KEY_WORDS = ("token", "secret", "apikey", " key", "_key", "-key", "auth", "credential", "sig=", "signature")
_IDENTITY_WORDS = (
    "ssn", "social sec", "passport", "licen", "national", "identity", "tax id", "account", "routing",
    "sort code",
)  # fmt: skip

_VALUE = r"""(?P<value>"[^"\n]{3,64}"|'[^'\n]{3,64}'|`[^`\n]{3,64}`|“[^”\n]{3,64}”|[^\s"'`“”]{3,128})"""
_OWNER = r"(?:my|our|the|his|her|their|your|its|that|this)"
_PASSWORD = re.compile(
    r"""(?ix)(?P<label>(?<![a-zа-я])(?:
        (?P<pass>pass)|(?P<pin>pin(?:[ ]?(?:code|number|no\.?))?|(?:verification|security|one-time|access|door
        |otp|2fa)[ ]code)
        |passw(?:or)?d|passphrase|passcode|pwd|pw|passwort|kennwort|contrase(?:ñ|n)a|mot[ ]de[ ]passe|senha
        |hasło|пароль)
      ["'`*_]{0,3}
      (?:[ ](?:for|to|of|at|on|in)[ ][^.,:;!?=\n]{1,40}?(?=\s?[:=]|[ ](?:is|was|remains|stays)[ ]))?
      (?:\s{0,3}(?P<sign>:=|=>|[:=：])(?!=)|[ ](?P<verb>is|was|ist|lautet|est|es|é|to|remains|stays|будет|это
      |->|→)(?:[ ]now)?(?:[ ]still)?:?|(?='s\s)'s|(?=[ ]))
      ["'`*_]{0,2}?\s{0,3})
    """
    + _VALUE
)
_AFTERWARDS = re.compile(
    rf"(?i)(?<![^\s\"'`])(?P<value>[^\s\"'`]{{5,64}})"
    rf"(?P<label>[\"'`]? (?:is|was|as|for) {_OWNER} (?:\w+ ){{0,2}}?"
    rf"(?:password|passphrase|passcode|pin)\b)"
)
# What every match of the two holds. "Passenger" and "the code" pass the first look, which need not be exact;
# a search for these takes a tenth of the time of the patterns, whose first characters differ.
_PASSWORD_NAMES = (
    "pw", "mot de passe", "kennwort", "contrase", "senha", "verification code", "security code",
    "one-time code", "access code", "door code", "otp code", "2fa code",
)  # fmt: skip
_PASS = re.compile(r"pass(?![abd-oq-vx-z])")
_PIN = re.compile(r"pin(?![abd-mo-z])")
_NAMED_AFTERWARDS = ("password", "passphrase", "passcode", " pin")
_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]*\]")
_TRAILING = ".,;:!?)]}\"'`”’…"
# What is said of a password or given as its type; never a value.
_SAID_OF_PASSWORDS = frozenset(
    """about above accepted again already also always another any are back bad been being below between blank
    broken case changed compromised correct curious default different easy empty encrypted enough exactly
    expired false fine forgotten from gone good great guessable hard hashed hers here hidden his important
    incorrect inside insecure invalid just known leaked like long longer lost mandatory mine missing needed
    never nice none null nothing obvious okay old only optional ours out please private protected public
    required reset right safe same saved secret secure sensitive set shared short simple something somewhere
    stolen stored str string strong stuck temporary text that the their theirs there this too true undefined
    unique unknown unsafe used useless valid very weak what when where which why with working written wrong
    yours you your""".split()  # noqa: SIM905
)


def _looks_random(value: str) -> bool:
    """No word: a digit, a symbol inside, or a capital after a small letter."""
    inside = value.strip("-–—_*~")
    return (
        any(c.isdigit() for c in inside)
        or any(not c.isalnum() and c not in "-'’" for c in inside)
        or any(a.islower() and b.isupper() for a, b in pairwise(inside))
    )


def _password(kinds: set[str], match: re.Match[str]) -> str:
    value = match["value"]
    bare = value.rstrip(_TRAILING) if value[0] not in "\"'`“" else value
    if _PLACEHOLDER.search(value) or not _is_password(match, bare):
        return match[0]
    kinds.add("PASSWORD")
    return f"{match['label']}[PASSWORD]{value[len(bare) :]}"


def _password_before(kinds: set[str], match: re.Match[str]) -> str:
    value = match["value"]
    if _PLACEHOLDER.search(value) or not any(c.isdigit() for c in value):
        return match[0]
    kinds.add("PASSWORD")
    return f"[PASSWORD]{match['label']}"


def _is_password(match: re.Match[str], value: str) -> bool:
    core = value.strip("\"'`“”")
    if len(core) < 3:
        return False
    if match["pin"]:
        return core.isdigit() and 4 <= len(core) <= 8
    letters, digits = any(c.isalpha() for c in core), any(c.isdigit() for c in core)
    if match["pass"]:
        return letters and digits and match["sign"] is not None
    if match["sign"]:
        if core.lower() in _SAID_OF_PASSWORDS or core[0] in "$<{%*•" or re.match(r"[\w.]+\(", core):
            return False
        return _looks_random(core) or value != core or _ends_clause(match)
    if match["verb"] is None:  # "password hunter2"
        return letters and digits and not core[0].isupper()
    if digits:
        return letters or len(core) >= 4
    if value != core or _looks_random(core):
        return True
    said = core.lower()
    plain = said in _SAID_OF_PASSWORDS or said.endswith(("ed", "ing", "able", "ible", "ly"))
    return match["verb"].lower() != "to" and len(core) >= 5 and not plain and _ends_clause(match)


def _ends_clause(match: re.Match[str]) -> bool:
    value = match["value"]
    rest = match.string[match.end() : match.end() + 2]
    return (
        value[-1] in ".,;!?" or not rest.strip() or rest[0] in "\n)" or rest[:2] in {" -", " –", " —", " ("}
    )


_KEY = re.compile(
    r"""(?ix)(?P<label>(?<![a-z])(?:
        (?:api|access|secret|auth|client|consumer|signing|encryption|account|app|session|refresh|licen[cs]e
        |recovery|shared)
          [ _-]?(?:access[ _-]?|api[ _-]?)?(?:key|token|secret|code|signature)(?:[ _-]id)?
        |apikey|authorization|token|secret|credentials?|sig|signature)
      ["'`*]{0,3}(?:\s{0,3}(?:[:=]|=>|:=)(?!=)|[ ](?:is|was))[ \t"'`*]{0,3})
    (?P<value>[\w+/~.-]{8,}={0,2})
    """
)


def _key(kinds: set[str], match: re.Match[str]) -> str:
    value = match["value"].rstrip(".")
    if not (any(c.isdigit() for c in value) and any(c.isalpha() for c in value)):
        return match[0]
    kinds.add("API_KEY")
    return f"{match['label']}[API_KEY]{match['value'][len(value) :]}"


_IDENTITY = re.compile(
    r"""(?ix)(?P<label>\b(?:(?P<SSN>ssn|social[ ]security(?:[ ](?:number|no\.?))?)
        |(?P<CVV>cv[vc]2?|card[ ]verification[ ](?:code|value))
        |(?P<ID_NUMBER>(?:passport|driver'?s?[ ]licen[cs]e|national[ ]insurance|national[ ]id|identity[ ]card
        |tax[ ]id)
            (?:[ ](?:number|no\.?|id))?)
        |(?P<ACCOUNT_NUMBER>(?:bank[ ])?account[ ](?:number|no\.?)|routing[ ](?:number|no\.?)|sort[ ]code))
      (?:\s{0,2}[:=#]|[ ](?:is|was))?\s{1,2}\#?)
    (?P<value>[A-Z]{0,3}\d(?:[ -]?[A-Z0-9]){2,15})(?![\w-])
    """
)


def _identity(kinds: set[str], match: re.Match[str]) -> str:
    kind = next(name for name in ("SSN", "CVV", "ID_NUMBER", "ACCOUNT_NUMBER") if match[name])
    digits = sum(c.isdigit() for c in match["value"])
    if not (3 <= digits <= 4 if kind == "CVV" else digits == 9 if kind == "SSN" else digits >= 6):
        return match[0]
    kinds.add(kind)
    return f"{match['label']}[{kind}]"
