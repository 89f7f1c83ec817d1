"""Numbers of persons, accounts and machines. Where there is a checksum it decides; elsewhere the way digits
are grouped.

A number without grouping, checksum or name is no evidence: it may be an id, a year or a price."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

from bluebook.subjects.persona.rule import Rule

_SEPARATOR = "[ \u00a0.\u2011\u2013-]"
# National lengths (ISO 13616 registry); a country that is not listed is taken at the length that checks.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FO FI GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS", 23: "AE GI IL IQ TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "PT", 26: "IS TR", 27: "FR GR IT MC MR SM", 28: "AL AZ CY DO GT HU LB PL", 29: "BR PS QA UA",
        30: "JO KW MU", 31: "MT SC",
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
            rest = candidate[_position_after(candidate, length) :]
            if not rest[:1].isalnum():
                return "[IBAN]" + rest
    return None


def _position_after(text: str, count: int) -> int:
    """Where `text` goes on after `count` letters and digits."""
    positions = [position for position, character in enumerate(text) if character.isalnum()]
    return positions[count - 1] + 1


def _card(match: re.Match[str]) -> str | None:
    """Luhn's check, and a prefix and length that a card network issues."""
    digits = re.sub(r"\D", "", match[0])
    doubled = (int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits)))
    if sum(d - 9 if d > 9 else d for d in doubled) % 10 or not _CARD_NETWORK.fullmatch(digits):
        return None
    return "[CREDIT_CARD]"


_CARD_NETWORK = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}|3(?:0[0-5]"
    r"|[689]\d)\d{11}"
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
    r"(?i)\b(?:phone|telephone|tel|mobile|cell|call|text|ring|fax|whatsapp|dial|(?:my|his|her|our|their"
    r"|your) number)\b"
    r"(?: (?:me|us|him|her|them|my|the|number|no|is|at|on|phone|cell|mobile))*\.?:? *\+?\Z"
)


def _called_phone(match: re.Match[str]) -> str | None:
    """Digits without the shape of a telephone number, which a word before them calls one."""
    called = _PHONE_LABEL.search(match.string, max(0, match.start() - 40), match.start())
    return "[PHONE]" if called and 7 <= sum(c.isdigit() for c in match[0]) <= 13 else None


_S = _SEPARATOR
_EDGE = r"(?<![\w#$€£.,/:+-])"  # not inside a word, an amount, an id, a date or a decimal
_END = r"(?![\w-]|\.\d)"
NUMBERS: tuple[Rule, ...] = (
    Rule("IBAN", (), re.compile(r"(?<![\w-])[A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,40}"), _iban),
    Rule(
        "CREDIT_CARD",
        (),
        re.compile(rf"(?<![\w.#-])\d(?:{_S}?\d){{12,18}}(?![\w-]|\.\d|{_S}\d)"),
        _card,
        digits=13,
    ),
    Rule(
        "SSN",
        ("-", "\u2011", "\u2013"),
        re.compile(r"(?<![\w-])\d{3}([-\u2011\u2013])\d{2}\1\d{4}(?![\w-])"),
        digits=9,
    ),
    Rule(
        "IPV4",
        (".",),
        re.compile(
            r"(?<![\w.-])(?<!version )(?<!release )(?<!build )(?<!§ )\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)"
        ),
        _ipv4,
    ),
    Rule(
        "PHONE",
        (),
        re.compile(
            r"(?=[+(0-9])(?:"
            r"(?<![\w+])\+[1-9](?:[ ().\-/\u00a0\u2011\u2013]{0,2}\d){7,15}(?!\w)"  # +44 20 7946 0958
            rf"|{_EDGE}(?:1{_S})?(?:\(\d{{3}}\) ?|\d{{3}}{_S})\d{{3}}{_S}\d{{4}}{_END}"  # (555) 010-4477
            rf"|{_EDGE}\(?0\d{{1,4}}\)?[ \u00a0/-]\d{{3,4}}[ \u00a0-]?\d{{3,5}}{_END}(?!/\d)"  # 020 7946 0958
            rf"|{_EDGE}0\d(?:[ .\u00a0-]\d\d){{4}}{_END}"  # 06 12 34 56 78
            rf"|{_EDGE}00[1-9](?:[ \u00a0/-]?\d){{8,13}}{_END}"  # 0049 151 23456789
            rf"|{_EDGE}0\d{{2,4}}[ \u00a0/-]\d{{5,8}}{_END})"  # 0151 23456789
        ),
        _phone,
        digits=8,
    ),
    Rule(
        "PHONE",
        (),
        re.compile(rf"(?<![\w#$€£.,-])\(?[0-9]{{2,5}}\)?(?:{_S}?\d){{5,10}}{_END}"),
        _called_phone,
        digits=7,
    ),
)
HEX_NUMBERS: tuple[Rule, ...] = (
    Rule(
        "MAC",
        (":", "-"),
        re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])"),
    ),
    Rule(
        "IPV6",
        (":",),
        re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]{3,39}(?:\.\d[\d.]*)?(?![\w:])"),
        _ipv6,
    ),
)
