"""Texts derived from the grammar at random, rule by rule, and whether constrained decoding would write a text."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from random import Random

from lark import Lark
from llguidance import LLMatcher, LLTokenizer

from bluebook.subjects.design.language import grammar

WORDS = {
    "NAME": ("a", "Books", "id", "given", "Test", "type", "errors", "null"),
    "DOTTED": ("a", "param.x", "Books", "id"),
    "WORD": ("a", "is", "valid", "90°", "don't", "in", "Upper", "e.g."),
    "UPPER": ("Service", "Type", "Table", "Foo"),
    "NUMBER": ("1", "2.5", "-3", "1e-5"),
    "FIGURE": ("3", "2."),
    "STRING": ('"x"', '"a, b: {"', '"\\d+"', '""'),
    "CALLED": ("'a name'", '"b"'),
    "QUOTED": ("'q'", "'a, }'"),
    "PATH": ("`a/b.bp`",),
    "HEADING": ("PROBLEM UNDERSTANDING:", "OTHER:"),
    "POINT": ("- a point", "- Tables: Books"),
    "ASSIGN": ("=", "+="),
    "OPERATOR": ("+", "->", "<", "|", ">=", "-", "*", "/"),
    "SIGN": ("!", "@", "$"),
    "STEP": ("Given ", "Then "),
    "RETURN": ("return ",),
    "IN": ("in ",),
    "FOR": ("for ",),
    "FUNCTION": ("function ",),
    "ELSE": ("else ",),
    "ELSE_IF": ("else if",),
    "FOUND_IN": ("found in",),
    "_NL": ("\n",),
}
_ENDLESS = 10**9
_LONGEST = 400  # words of a derived text


@cache
def lark() -> Lark:
    return Lark(grammar(), parser="earley", lexer="dynamic", start=["start", "document"])


@cache
def _rules() -> tuple[dict[str, list[list[tuple[str, bool]]]], dict[str, int], dict[str, str]]:
    """Expansions of each rule as (symbol, whether a terminal), the least depth of each rule, and literal terminals."""
    rules = defaultdict(list)
    for rule in lark().rules:
        rules[rule.origin.name].append([(symbol.name, symbol.is_term) for symbol in rule.expansion])
    depth = dict.fromkeys(rules, _ENDLESS)
    changed = True
    while changed:
        changed = False
        for name, expansions in rules.items():
            least = min(_depth(expansion, depth) for expansion in expansions)
            if least < depth[name]:
                depth[name], changed = least, True
    return rules, depth, {terminal.name: terminal.pattern.value for terminal in lark().terminals}


def _depth(expansion: list[tuple[str, bool]], depth: dict[str, int]) -> int:
    return 1 + max((depth[name] for name, is_term in expansion if not is_term), default=0)


def derived(rng: Random, start: str = "document") -> str | None:
    """A text of words that the grammar's rules put one after another, blanks between most; None where it grew too
    long. It may still not be in the language, where two words without a blank are another one."""
    rules, depth, literals = _rules()
    out = ""
    count = 0
    waiting = [(start, False, rng.choice((6, 9, 12, 16)))]
    while waiting:
        name, is_term, room = waiting.pop()
        if is_term:
            count += 1
            word = rng.choice(WORDS[name]) if name in WORDS else literals[name]
            out += (" " if out and out[-1] != "\n" and rng.random() < 0.85 else "") + word
            continue
        if count > _LONGEST:
            return None
        fitting = [each for each in rules[name] if _depth(each, depth) <= max(room, depth[name])]
        waiting.extend((*symbol, room - 1) for symbol in reversed(rng.choice(fitting)))
    return out


@cache
def _matcher() -> LLMatcher:
    matcher = LLMatcher(LLTokenizer("byte"), LLMatcher.grammar_from_lark(grammar()))
    assert not matcher.is_error(), matcher.get_error()
    return matcher


def writable(text: str) -> bool:
    """Whether constrained decoding could write this response and stop."""
    matcher = _matcher().deep_copy()
    matcher.reset()
    letters = list(text.encode())
    return bool(matcher.try_consume_tokens(letters) == len(letters) and matcher.is_accepting())
