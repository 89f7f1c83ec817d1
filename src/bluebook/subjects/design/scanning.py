"""What every part of the reader uses: the place in the text, the patterns of its words, and words that stand for
themselves (prose, expressions, statements)."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

from bluebook.subjects.design.program import MAX_DEPTH

END = "\0"  # what the reader finds behind the text and one more line end, which ends a comment
CLOSERS = {"(": ")", "[": "]", "{": "}", "<": ">"}
OPERATORS = "|&+*=<>^%-/"  # behind one of these an expression goes on in the next line
LEADING = "|&+*=<>^%?"  # before one of these, too


class Fault(Exception):
    """A place where the text leaves the language. `final`: layout cannot tell the place better."""

    def __init__(self, offset: int, expected: str, final: bool = False) -> None:
        self.offset, self.expected, self.final = offset, expected, final


class Mode(Enum):
    """Where members stand, which decides what they may be."""

    DOCUMENT = "an element or a statement"
    SCRIPT = "a statement"
    ELEMENT = "a member"
    OBJECT = "a key"
    METHOD = "a part of the contract"
    SCENARIO = "a step"
    RELATIONSHIPS = "a relationship"


_FIELDLESS = (Mode.DOCUMENT, Mode.SCRIPT)
_WITH_STATEMENTS = (Mode.DOCUMENT, Mode.SCRIPT, Mode.METHOD, Mode.ELEMENT)
_BODIES = {"Scenario": Mode.SCENARIO, "Test": Mode.SCENARIO, "Relationships": Mode.RELATIONSHIPS}


class Patterns:
    """Compiled from the grammar's terminals; `match` methods, each from an offset."""

    def __init__(self, words: dict[str, str]) -> None:
        name, string, path = words["NAME"], words["STRING"].replace("(", "(?:"), words["PATH"]
        comment = f"{words['LINE_COMMENT']}|{words['BLOCK_COMMENT'].replace('(', '(?:')}"
        dotted = words["DOTTED"].replace("(", "(?:")
        number = words["NUMBER"].replace("(", "(?:")
        more = r"(?=[ \t\r]*(?:\}|\n\s*[\w\"}]))"  # a field ends here, and no operator begins the next line

        def match(
            pattern: str,
        ) -> Any:  # never None for those that match nothing at all, which types cannot say
            return re.compile(pattern).match

        self.gap = match(rf"\s*(?:(?:{comment})\s*)*")
        self.blank = match(r"[ \t\r]*")
        self.field = match(
            rf"\s*({name})[ \t]*:[ \t]*(?:({string})|({dotted})(\[\])?(\?)?|({number}))"
            rf"(?:[ \t]*(,)|{more})"
        )
        self.item = match(rf"\s*(?:({string})|(\w[\w .<>=+*%!?&|^~@#$-]*))(?:,|(?=\s*\]))")
        self.head = match(rf"({name})((?:\.{name})*)[ \t]*(\?)?[ \t]*([:({{<]?)")
        self.name = match(rf"[ \t]*({name})")
        self.called = match(rf"[ \t]*(?:{words['CALLED'].replace('(', '(?:')})")
        self.words = match(r"[ \t]*([^\W_][^\n{}\[\]()\"';:,]*?)[ \t\r\n]*(?=\{)")
        self.dotted = match(dotted)
        self.string = match(string)
        self.quoted = match(words["QUOTED"])
        self.path = match(path)
        self.number = re.compile(words["NUMBER"]).fullmatch
        self.comment = match(comment)
        self.plain = match(r"(?:[^\[\](){}\"'/:;,\n`\0]+|(?<=\w)')+")
        self.found = match(rf"[ \t]*found[ \t]+in[ \t]*(?={path})")
        self.statement = match(rf"{dotted}(?:[ \t]*\(|[ \t]*[-+*/%^|&]?=(?!=))")
        self.shape = match(rf"({name})\s*(?:(?:{comment})\s*)*(?:([(<])|(\{{))")
        self.scene = match(
            rf"(Scenario|Test)[ \t]+(?:[^\W\d][\w \t]*|{words['CALLED'].replace('(', '(?:')})\s*\{{"
        )
        called = words["CALLED"].replace("(", "(?:")
        self.inner = match(
            rf"([A-Z]\w*)[ \t]+(?:{name}|{called})\s*\{{(?=[ \t]*(?:\n|\}}|//|{name}\??[ \t]*:))"
        )
        self.unmarked = match(r"[^\W\d][^,\]\n{]*\{[ \t]*(?:\n|//|\})")
        self.in_ = re.compile(r"\bin\b").search
        self.else_ = match(r"else\b")


class Scanner:
    """A text, and how far it has been read: up to `at`, which methods leave behind what they took."""

    def __init__(self, text: str, patterns: Patterns, start: int = 0) -> None:
        self.text = text + "\n" + END
        self.at = start
        self.depth = 0
        self.patterns = patterns
        self.extensions: dict[str, int] = {}

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise too_deep(self.at)

    def leave(self, closer: str) -> None:
        if self.text[self.at] != closer:
            raise Fault(self.at, f"`{closer}`")
        self.at += 1
        self.depth -= 1

    def extension(self, name: str, offset: int) -> None:
        self.extensions.setdefault(name, offset)

    def forget(self, known: int) -> None:
        """Drop all but the first `known` extensions: what was read was something else."""
        for name in list(self.extensions)[known:]:
            del self.extensions[name]

    def balanced(self, stops: str, *, lines: bool, colons: bool = False, braces: bool = True) -> str:
        """Words up to one of `stops` or a closing bracket, both outside of brackets, and up to the end of the line
        where `lines`. White space between words becomes one blank, comments go. Outside of brackets a colon is
        refused unless `colons` or where every sign is taken (`stops` is empty), and so is a brace unless `braces`."""
        phrase = _Phrase(self, stops, lines, colons or not stops, braces)
        phrase.read()
        self.at = phrase.at
        return _joined(phrase.parts)


class _Phrase:
    """Words while they are read. A part that begins with `\0` is a string and stays as it is."""

    def __init__(self, scanner: Scanner, stops: str, lines: bool, colons: bool, braces: bool) -> None:
        self.text, self.patterns = scanner.text, scanner.patterns
        self.start = self.at = scanner.at
        self.room = MAX_DEPTH - scanner.depth
        self.stops, self.lines, self.colons, self.braces = stops, lines, colons, braces
        self.parts: list[str] = []
        self.open: list[str] = []  # closing brackets that are due
        self.behind_string = False

    def read(self) -> None:
        text, plain = self.text, self.patterns.plain
        while True:
            words = plain(text, self.at)
            if words is not None:
                self.at = words.end()
                self.parts.append(words[0])
                self.behind_string = self.behind_string and words[0].isspace()
            sign = text[self.at]
            if not self.open and (sign in self.stops or sign in ")]}"):
                return
            if sign == END:
                if self.open:
                    raise Fault(self.at, f"`{self.open[-1]}`")
                return
            if sign == "\n":
                if self.lines and not self.open and not self.goes_on():
                    return
                self.blank(self.at + 1)
            elif sign == '"':
                self.string()
            elif not self.comment(sign):
                self.behind_string = False
                self.sign(sign)

    def blank(self, end: int) -> None:
        self.parts.append(" ")
        self.at = end

    def string(self) -> None:
        found = self.patterns.string(self.text, self.at)
        if found is None:
            raise unclosed(self.at)
        if self.behind_string:
            raise Fault(self.at, "`,`")
        self.behind_string = True
        self.kept(found)

    def kept(self, found: re.Match[str]) -> None:
        self.parts.append("\0" + found[0])
        self.at = found.end()

    def comment(self, sign: str) -> bool:
        """Skip a comment; `//` behind a colon is part of an address."""
        found = (
            self.patterns.comment(self.text, self.at)
            if sign == "/" and self.text[self.at - 1] != ":"
            else None
        )
        if found is not None:
            self.blank(found.end())
        return found is not None

    def sign(self, sign: str) -> None:
        """Anything else: a bracket, a quoted word, a path, a single sign."""
        if sign in "([{":
            self.opened(sign)
        elif sign in ")]}":
            if self.open.pop() != sign:
                raise Fault(self.at, "another bracket")
        elif sign in "'`":
            quoted = (self.patterns.quoted if sign == "'" else self.patterns.path)(self.text, self.at)
            if quoted is not None:
                self.kept(quoted)
                return
        elif sign == ":" and not self.open and not self.colons and self.text[self.at + 1] != "/":
            raise Fault(self.before_colon(), "`,`")
        self.parts.append(sign)
        self.at += 1

    def opened(self, sign: str) -> None:
        if sign == "{" and not self.braces and not self.open:
            raise Fault(self.at, "`,`")
        self.open.append(CLOSERS[sign])
        if len(self.open) > self.room:
            raise too_deep(self.at)

    def before_colon(self) -> int:
        """Where the word before the colon begins: the comma is missing before it."""
        end = self.at
        while end > self.start and self.text[end - 1].isspace():
            end -= 1
        while end > self.start and (self.text[end - 1].isalnum() or self.text[end - 1] == "_"):
            end -= 1
        return end

    def goes_on(self) -> bool:
        """Whether an expression goes on behind the end of a line: an operator stands on either side of it."""
        if not self.stops:
            return False
        last = next((part for part in reversed(self.parts) if not part.isspace()), "")
        if last and last.rstrip()[-1] in OPERATORS and not last.startswith("\0"):
            return True
        return self.text[self.patterns.gap(self.text, self.at).end()] in LEADING


def too_deep(offset: int) -> Fault:
    return Fault(offset, f"at most {MAX_DEPTH} brackets within one another", final=True)


def unclosed(offset: int) -> Fault:
    return Fault(offset, 'a closing `"` in the same line', final=True)


def _joined(parts: list[str]) -> str:
    """Strings as they are, white space between other words one blank."""
    if len(parts) == 1:
        return " ".join(parts[0].split()) if not parts[0].startswith("\0") else parts[0][1:]
    if not any(part.startswith("\0") for part in parts):
        return " ".join("".join(parts).split())
    strings: list[str] = []
    for index, part in enumerate(parts):
        if part.startswith("\0"):
            strings.append(part[1:])
            parts[index] = "\0"
    pieces = " ".join("".join(parts).split()).split("\0")
    out = [pieces[0]]
    for string, piece in zip(strings, pieces[1:], strict=True):
        out += (string, piece)
    return "".join(out)
