"""Secrets that their shape gives away: private keys, and tokens with the prefix of whoever issues them."""

from __future__ import annotations

import re
from collections.abc import Callable

from bluebook.subjects.persona.rule import Rule

# --- Private keys -------------------------------------------------------------------------------------------

_KEY_MARK = re.compile(r"-{3,5} ?(BEGIN|END) (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{3,5}")
# A body whose END line is missing: headers such as `Proc-Type: 4,ENCRYPTED` and runs of base64.
_KEY_BODY = re.compile(
    r"(?:(?:\s|\\n|\\r){0,8}(?:[A-Z][A-Za-z-]{3,20}: [^\n]{1,80}(?=\n)|[A-Za-z0-9+/]{16,}={0,2}))*"
    r"(?:\s?\.\.\.)?"
)
_BASE64_LINE = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")


def without_private_keys(text: str, kinds: set[str]) -> str:
    """Whole blocks; a block that lost its end goes with its body, one that lost its beginning with the lines
    above."""
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


# --- Tokens with a shape of their own -----------------------------------------------------------------------

_DIGIT = re.compile(r"[0-9]")
_START = r"(?<![A-Za-z0-9_-])"


def _token(kind: str, *shapes: str, needs: tuple[str, ...]) -> Rule:
    return Rule(kind, needs, re.compile(f"{_START}(?:{'|'.join(shapes)})"))


def _digit_inside(kind: str) -> Callable[[re.Match[str]], str | None]:
    """`sk-` or `key-` may begin ordinary compounds; a key holds digits."""
    return lambda match: f"[{kind}]" if _DIGIT.search(match[0]) else None


def _random_looking(match: re.Match[str]) -> str | None:
    """A long run of both cases and digits, in which no case or digit run is long, is not a word in any
    language."""
    run = match[0]
    if run.islower() or run.isupper():  # hashes and UUIDs
        return None
    changes = len(_CLASS_RUN.findall(run))
    return "[API_KEY]" if changes * 3 >= len(run) and sum(c.isdigit() for c in run) >= 4 else None


_CLASS_RUN = re.compile(r"[A-Z]+|[a-z]+|[0-9]+")

_ISSUERS = (
    "AIza", "ya29.", "GOCSPX-", "SG.", "AC", "SK", "hf_", "npm_", "pypi-", "_v1_", "shp", "dapi", "gsk_",
    "xai-", "pplx-", "r8_", "lin_", "ntn_", "secret_", "hvs.", "dp.pt", "ATATT", "sq0", "EAA",
)  # fmt: skip
TOKENS: tuple[Rule, ...] = (
    Rule(
        "WEBHOOK_URL",
        ("://",),
        re.compile(
            r"(?i)https://(?:hooks\.slack\.com/\w|(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/"
            r"|[\w.-]+\.webhook\.office\.com/|hooks\.zapier\.com/|api\.telegram\.org/bot)[^\s\"'<>)\]]+"
        ),
    ),
    _token("JWT", r"eyJ[\w-]{6,}(?:\.[\w-]{4,}){1,4}\.?(?![\w-])", needs=("eyJ",)),
    _token(
        "AWS_KEY",
        r"A(?:KIA|SIA|ROA|IDA|GPA|NPA|NVA|BIA|CCA)[A-Z0-9]{12,}",
        needs=("IA", "ROA", "IDA", "PA", "VA", "CCA"),
    ),
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
        r"(?:gsk_|xai-|pplx-|r8_|lin_api_|ntn_|secret_|hvs\.|dp\.pt\.|ATATT|sq0[a-z]{3}-"
        r"|EAA[A-Z])[\w=-]{20,}",
        needs=_ISSUERS,
    ),
    _token("API_KEY", r"\d{8,10}:AA[A-Za-z0-9_-]{33}(?![\w-])", needs=(":AA",)),  # Telegram
    Rule("API_KEY", ("sk-", "key-"), re.compile(_START + r"(?:sk|key)-[\w-]{16,}"), _digit_inside("API_KEY")),
)
# The one whose need is a word of its own, before the token.
BEARER = Rule(
    "TOKEN",
    ("earer ", "EARER ", "asic ", "oken "),
    re.compile(r"(?i)(\b(?:bearer|basic|authorization:\s*token)\s+)[\w.~+/=-]{12,}"),
    lambda match: f"{match[1]}[TOKEN]" if _DIGIT.search(match[0]) else None,
)
SHAPELESS_TOKENS: tuple[Rule, ...] = (
    Rule("API_KEY", (), re.compile(r"(?<![\w/=&.+-])[A-Za-z0-9_-]{32,}(?![\w/=.+-]\w)"), _random_looking),
    Rule("WALLET", ("0x",), re.compile(r"\b0x[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?\b")),
    Rule("WALLET", ("bc1",), re.compile(r"\bbc1[a-z0-9]{25,62}\b")),
)
