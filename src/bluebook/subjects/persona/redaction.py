"""Secrets and personal data, replaced by typed placeholders such as `[EMAIL]` on both sides of a pair.

Three kinds of evidence count: a shape that only a secret has (a PEM block, a token with its vendor's prefix), a
checksum (Luhn for cards, mod 97 for IBANs), and a label that announces the value ("my password is …"). A number
alone is no evidence: order ids, years, versions, times, prices and colours stay as they are.

Left alone on purpose: loopback, unspecified and netmask addresses (127.x, 0.x, 255.x, ::1), dotted quads of single
digits (versions, section numbers), `git@host:` remotes, public keys and certificates, hashes and UUIDs without a
label. The documentation ranges (203.0.113.x, example.org) are replaced: people write them where a real one stood.

Replacing is idempotent: no placeholder looks like a secret, and no label takes a placeholder for its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

from bluebook.subjects.persona.announced import may_announce, without_announced


class Redacted(NamedTuple):
    """`kinds` names what was replaced, without brackets, sorted and without repetition."""

    text: str
    kinds: tuple[str, ...]


class _Rule(NamedTuple):
    """Matches of `pattern` become `[kind]`, or what `judge` makes of them; None from `judge` leaves a match alone.

    `needs`: one of these substrings is in every match. Looking for them costs a tenth of the regular expression."""

    kind: str
    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    judge: Callable[[re.Match[str]], str | None] | None = None

    def apply(self, text: str, kinds: set[str]) -> str:
        if self.needs and not any(need in text for need in self.needs):
            return text

        def replacement(match: re.Match[str]) -> str:
            new = self.judge(match) if self.judge else f"[{self.kind}]"
            if new is None:
                return match[0]
            kinds.add(self.kind)
            return new

        return self.pattern.sub(replacement, text)


def redact(text: str) -> Redacted:
    """`text` with every secret replaced by its placeholder; unchanged where there is none."""
    lower = text.lower()
    digits = _DIGIT.search(text) is not None
    numbers = digits and _NUMBER.search(text) is not None
    long_word = digits and len(max(text.split(), key=len)) >= 16
    groups = (
        long_word and _TOKENS,
        ("/" in text or "\\" in text) and _PATHS,
        numbers and _NUMBERS,
        digits and (text.count(":") > 1 or text.count("-") > 4) and _HEX_NUMBERS,
        ("@" in text or " dot " in lower or "dot]" in lower or "dot)" in lower) and _EMAILS,
    )
    announced = may_announce(lower, digits=digits, numbers=numbers)
    key_block = "PRIVATE KEY" in text
    if not (announced or key_block or any(groups)):
        return Redacted(text, ())
    kinds: set[str] = set()
    if key_block:
        text = _without_private_keys(text, kinds)
    tokens, paths, decimal, hexadecimal, emails = groups
    for rule in (*(tokens or ()), *(paths or ())):
        text = rule.apply(text, kinds)
    if announced:
        text = without_announced(text, kinds)
    for rule in (*(emails or ()), *(hexadecimal or ()), *(decimal or ())):
        text = rule.apply(text, kinds)
    return Redacted(text, tuple(sorted(kinds)))


_DIGIT = re.compile(r"[0-9]")
# Five digits near each other: the least that any number rule below asks for.
_NUMBER = re.compile(r"[0-9][ ().\-/\u00a0\u2011\u2013]{0,3}(?:[0-9][ ().\-/\u00a0\u2011\u2013]{0,3}){4}")

# --- Private keys ---------------------------------------------------------------------------------------------------

_KEY_MARK = re.compile(r"-{3,5} ?(BEGIN|END) (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{3,5}")
# A body whose END line is missing: headers such as `Proc-Type: 4,ENCRYPTED` and runs of base64.
_KEY_BODY = re.compile(
    r"(?:(?:\s|\\n|\\r){0,8}(?:[A-Z][A-Za-z-]{3,20}: [^\n]{1,80}(?=\n)|[A-Za-z0-9+/]{16,}={0,2}))*(?:\s?\.\.\.)?"
)
_BASE64_LINE = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")


def _without_private_keys(text: str, kinds: set[str]) -> str:
    """Whole blocks; a block that lost its end goes with its body, one that lost its beginning with the lines above."""
    marks = list(_KEY_MARK.finditer(text))
    out: list[str] = []
    position = 0
    for number, mark in enumerate(marks):
        if mark.start() < position:
            continue
        before = text[position : mark.start()]
        if mark[1] == "END":
            before = _without_base64_tail(before)
            position = mark.end()
        elif number + 1 < len(marks) and marks[number + 1][1] == "END":
            position = marks[number + 1].end()
        else:
            body = _KEY_BODY.match(text, mark.end())
            position = body.end() if body else mark.end()
        out += before, "[PRIVATE_KEY]"
    if out:
        kinds.add("PRIVATE_KEY")
    return "".join(out) + text[position:]


def _without_base64_tail(text: str) -> str:
    lines = text.split("\n")
    while lines and (not lines[-1].strip() or _BASE64_LINE.fullmatch(lines[-1].strip())):
        lines.pop()
    if lines and (words := lines[-1].rsplit(None, 1)) and _BASE64_LINE.fullmatch(words[-1]):
        lines[-1] = lines[-1][: -len(words[-1])]
    return "\n".join(lines)


# --- Tokens with a shape of their own -------------------------------------------------------------------------------

_START = r"(?<![A-Za-z0-9_-])"


def _token(kind: str, *shapes: str, needs: tuple[str, ...]) -> _Rule:
    return _Rule(kind, needs, re.compile(f"{_START}(?:{'|'.join(shapes)})"))


def _digit_inside(kind: str) -> Callable[[re.Match[str]], str | None]:
    """`sk-` or `key-` may begin ordinary compounds; a key holds digits."""
    return lambda match: f"[{kind}]" if _DIGIT.search(match[0]) else None


def _random_looking(match: re.Match[str]) -> str | None:
    """A long run of both cases and digits, in which no case or digit run is long, is not a word in any language."""
    run = match[0]
    if run.islower() or run.isupper():  # hashes and UUIDs
        return None
    changes = len(_CLASS_RUN.findall(run))
    return "[API_KEY]" if changes * 3 >= len(run) and sum(c.isdigit() for c in run) >= 4 else None


_CLASS_RUN = re.compile(r"[A-Z]+|[a-z]+|[0-9]+")

_TOKENS: tuple[_Rule, ...] = (
    _Rule(
        "WEBHOOK_URL",
        ("://",),
        re.compile(
            r"(?i)https://(?:hooks\.slack\.com/\w|(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/"
            r"|[\w.-]+\.webhook\.office\.com/|hooks\.zapier\.com/|api\.telegram\.org/bot)[^\s\"'<>)\]]+"
        ),
    ),
    _token("JWT", r"eyJ[\w-]{6,}(?:\.[\w-]{4,}){1,4}\.?(?![\w-])", needs=("eyJ",)),
    _token("AWS_KEY", r"A(?:KIA|SIA|ROA|IDA|GPA|NPA|NVA|BIA|CCA)[A-Z0-9]{12,}", needs=("IA", "ROA", "IDA", "PA", "VA", "CCA")),
    _token("GITHUB_TOKEN", r"gh[pousr]_[A-Za-z0-9]{16,}", r"github_pat_\w{16,}", needs=("gh", "github_pat_")),
    _token("GITLAB_TOKEN", r"gl[a-z]{2,5}-[\w-]{16,}", needs=("gl",)),
    _token("SLACK_TOKEN", r"(?:xox[a-z]|xapp)(?:\.xox[a-z])?-[\w-]{10,}", needs=("xox", "xapp")),
    _token("STRIPE_KEY", r"(?:sk|rk|pk)_(?:live|test)_\w{8,}", r"whsec_[\w+/=]{16,}", needs=("k_", "whsec_")),
    _token(
        "API_KEY",
        r"AIza[\w-]{24,}",  # Google
        r"ya29\.[\w-]{16,}",
        r"GOCSPX-[\w-]{16,}",
        r"SG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
        r"(?:AC|SK)[0-9a-f]{32}",  # Twilio
        r"hf_[A-Za-z0-9]{20,}",  # Hugging Face
        r"npm_[A-Za-z0-9]{24,}",
        r"pypi-[\w-]{16,}",
        r"do[opr]_v1_[0-9a-f]{32,}",  # DigitalOcean
        r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{24,}",  # Shopify
        r"dapi[0-9a-f]{32}",  # Databricks
        r"(?:gsk_|xai-|pplx-|r8_|lin_api_|ntn_|secret_|hvs\.|dp\.pt\.|ATATT|sq0[a-z]{3}-|EAA[A-Z])[\w=-]{20,}",
        needs=("AIza", "ya29.", "GOCSPX-", "SG.", "AC", "SK", "hf_", "npm_", "pypi-", "_v1_", "shp", "dapi", "gsk_", "xai-", "pplx-",
               "r8_", "lin_", "ntn_", "secret_", "hvs.", "dp.pt", "ATATT", "sq0", "EAA"),  # fmt: skip
    ),
    _token("API_KEY", r"\d{8,10}:AA[A-Za-z0-9_-]{33}(?![\w-])", needs=(":AA",)),  # Telegram
    _Rule("API_KEY", ("sk-", "key-"), re.compile(_START + r"(?:sk|key)-[\w-]{16,}"), _digit_inside("API_KEY")),
    _Rule(
        "TOKEN",
        ("earer ", "EARER ", "asic ", "oken "),
        re.compile(r"(?i)(\b(?:bearer|basic|authorization:\s*token)\s+)[\w.~+/=-]{12,}"),
        lambda match: f"{match[1]}[TOKEN]" if _DIGIT.search(match[0]) else None,
    ),
    _Rule("API_KEY", (), re.compile(r"(?<![\w/=&.+-])[A-Za-z0-9_-]{32,}(?![\w/=.+-]\w)"), _random_looking),
    _Rule("WALLET", ("0x",), re.compile(r"\b0x[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?\b")),
    _Rule("WALLET", ("bc1",), re.compile(r"\bbc1[a-z0-9]{25,62}\b")),
)

# --- Where people and machines live ---------------------------------------------------------------------------------


def _home(match: re.Match[str]) -> str | None:
    return None if match["user"].lower() in {"shared", "public", "linuxbrew", "..."} else "[HOME_PATH]"


_PATHS: tuple[_Rule, ...] = (
    _Rule(
        "CREDENTIALS",
        ("://",),
        re.compile(r"(?<=://)[^\s/@:\"'<>\[\]]{0,64}:[^\s/@\"'<>\[\]]{1,128}@"),
        lambda match: "[CREDENTIALS]@",
    ),
    _Rule(
        "HOME_PATH",
        ("/home/", "sers/"),
        re.compile(r"(?:(?<![\w.~%-])|(?<=[a-z]:)|(?<=/mnt/[a-z]))/(?:home|[Uu]sers)/(?P<user>[^\s/\\:;,*?\"'<>|()\[\]`]+)"),
        _home,
    ),
    _Rule(
        "HOME_PATH",
        ("sers\\", "SERS\\"),
        re.compile(
            r"(?i)\b[a-z]:\\{1,2}(?:users|documents and settings)\\{1,2}"
            r"(?P<user>[^\\/:*?\"<>|\r\n]{1,40}(?=\\)|[^\s\\/:*?\"<>|,;()\[\]]+)"
        ),
        _home,
    ),
    _Rule("HOME_PATH", ("sers/",), re.compile(r"(?i)\b[a-z]:/users/(?P<user>[^\s/\\:*?\"<>|,;()\[\]]+)"), _home),
)

# --- Numbers --------------------------------------------------------------------------------------------------------

_SEPARATOR = "[ \u00a0.\u2011\u2013-]"
# National lengths (ISO 13616 registry); a country that is not listed is taken at the length that checks.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FO FI GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS", 23: "AE GI IL IQ TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "PT", 26: "IS TR", 27: "FR GR IT MC MR SM", 28: "AL AZ CY DO GT HU LB PL", 29: "BR PS QA UA", 30: "JO KW MU",
        31: "MT SC",
    }.items()
    for country in countries.split()
}  # fmt: skip


def _iban(match: re.Match[str]) -> str | None:
    candidate = match[0]
    compact = re.sub(r"[ \u00a0-]", "", candidate).upper()
    known = _IBAN_LENGTHS.get(compact[:2])
    for length in [known] if known else range(min(len(compact), 34), 14, -1):
        if len(compact) < length:
            continue
        digits = "".join(str(int(c, 36)) for c in compact[4:length] + compact[:4])
        if int(digits) % 97 == 1:
            kept, end = 0, 0
            for end, character in enumerate(candidate):
                if kept == length:
                    break
                kept += character.isalnum()
            else:
                end += 1
            rest = candidate[end:]
            if not rest or not rest[0].isalnum():
                return "[IBAN]" + rest
    return None


def _card(match: re.Match[str]) -> str | None:
    """Luhn's check, and a prefix and length that a card network issues."""
    digits = re.sub(r"\D", "", match[0])
    doubled = (int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits)))
    if sum(d - 9 if d > 9 else d for d in doubled) % 10 or not _CARD_NETWORK.fullmatch(digits):
        return None
    return "[CREDIT_CARD]"


_CARD_NETWORK = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"
    r"|(?:6011|65\d\d|64[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}|(?:50|5[6-9]|6\d)\d{11,17}"
)


def _ipv4(match: re.Match[str]) -> str | None:
    octets = match[0].split(".")
    if any(int(o) > 255 or (len(o) > 1 and o[0] == "0") for o in octets) or all(len(o) == 1 for o in octets):
        return None
    return None if octets[0] in {"0", "127", "255"} else "[IPV4]"


def _ipv6(match: re.Match[str]) -> str | None:
    try:
        address = IPv6Address(match[0])
    except AddressValueError:
        return None
    return None if address.is_loopback or address.is_unspecified else "[IPV6]"


def _phone(match: re.Match[str]) -> str | None:
    digits = sum(c.isdigit() for c in match[0])
    return "[PHONE]" if 8 <= digits <= 15 else None


_PHONE_LABEL = re.compile(
    r"(?i)\b(?:phone|telephone|tel|mobile|cell|call|text|ring|fax|whatsapp|dial|(?:my|his|her|our|their|your) number)\b"
    r"(?: (?:me|us|him|her|them|my|the|number|no|is|at|on|phone|cell|mobile))*\.?:? *\+?\Z"
)


def _called_phone(match: re.Match[str]) -> str | None:
    """Digits without the shape of a telephone number, which a word before them calls one."""
    called = _PHONE_LABEL.search(match.string, max(0, match.start() - 40), match.start())
    return "[PHONE]" if called and 7 <= sum(c.isdigit() for c in match[0]) <= 13 else None


_S = _SEPARATOR
_EDGE = r"(?<![\w#$€£.,/:+-])"  # not inside a word, an amount, an id, a date or a decimal
_NUMBERS: tuple[_Rule, ...] = (
    _Rule("IBAN", (), re.compile(r"(?<![\w-])[A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,40}"), _iban),
    _Rule("CREDIT_CARD", (), re.compile(rf"(?<![\w.#-])\d(?:{_S}?\d){{12,18}}(?![\w-]|\.\d|{_S}\d)"), _card),
    _Rule("SSN", ("-", "\u2011", "\u2013"), re.compile(r"(?<![\w-])\d{3}([-\u2011\u2013])\d{2}\1\d{4}(?![\w-])")),
    _Rule(
        "IPV4",
        (".",),
        re.compile(r"(?<![\w.-])(?<!version )(?<!release )(?<!build )(?<!§ )\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)"),
        _ipv4,
    ),
    _Rule(
        "PHONE",
        (),
        re.compile(
            rf"(?=[+(0-9])(?:(?<![\w+])\+[1-9](?:[ ().\-/\u00a0\u2011\u2013]{{0,2}}\d){{7,15}}(?!\w)"  # +44 20 7946 0958
            rf"|{_EDGE}(?:1{_S})?(?:\(\d{{3}}\) ?|\d{{3}}{_S})\d{{3}}{_S}\d{{4}}(?![\w-]|\.\d|/\d)"  # (555) 010-4477
            rf"|{_EDGE}\(?0\d{{1,4}}\)?[ \u00a0/-]\d{{3,4}}[ \u00a0-]?\d{{3,5}}(?![\w-]|\.\d|/\d)"  # 020 7946 0958
            rf"|{_EDGE}0\d(?:[ .\u00a0-]\d\d){{4}}(?![\w-]|\.\d)"  # 06 12 34 56 78
            rf"|{_EDGE}00[1-9](?:[ \u00a0/-]?\d){{8,13}}(?![\w-]|\.\d)"  # 0049 151 23456789
            rf"|{_EDGE}0\d{{2,4}}[ \u00a0/-]\d{{5,8}}(?![\w-]|\.\d))"  # 0151 23456789
        ),
        _phone,
    ),
    _Rule("PHONE", (), re.compile(rf"(?<![\w#$€£.,-])\(?[0-9]{{2,5}}\)?(?:{_S}?\d){{5,10}}(?![\w-]|\.\d)"), _called_phone),
)
_HEX_NUMBERS: tuple[_Rule, ...] = (
    _Rule("MAC", (":", "-"), re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])")),
    _Rule("IPV6", (":",), re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]{3,39}(?:\.\d[\d.]*)?(?![\w:])"), _ipv6),
)

# --- Mail addresses -------------------------------------------------------------------------------------------------

# What stands where a top-level domain would in `icon@2x.png`.
_NOT_DOMAINS = frozenset("png jpg jpeg gif svg webp css js ts tsx md txt pdf".split())


def _email(match: re.Match[str]) -> str | None:
    remote = match["local"] == "git" and match.string[match.end() : match.end() + 1] in {":", "/"}
    return None if remote or match["top"].lower() in _NOT_DOMAINS else "[EMAIL]"


_EMAILS: tuple[_Rule, ...] = (
    _Rule(
        "EMAIL",
        ("@",),
        re.compile(r"(?<![\w.%+'-])(?P<local>[\w.%+'-]{1,64})@(?:[\w-]{1,63}\.){1,8}(?P<top>[^\W\d_]{2,24})(?![\w-])"),
        _email,
    ),
    _Rule(
        "EMAIL",
        ("dot", "DOT", "Dot"),
        re.compile(
            r"(?i)(?<![\w.%+-])[\w.%+-]{1,64}(?:"
            r"\s?[\[({<]\s?at\s?[\])}>]\s?[\w-]{1,63}(?:\s?[\[({<]\s?dot\s?[\])}>]\s?[\w-]{2,24}){1,3}"
            r"|\sat\s(?!(?:the|a|an|this|that|my|your)\b)[\w-]{1,63}(?:\sdot\s[\w-]{2,24}){0,2}\sdot\s(?:com|org|net|edu|gov|io|co|de|fr|uk|pl|eu|me))\b"
        ),
    ),
)
