"""The thinking before a blueprint: three sections in their order, each with points that say something, and the names
that it prepares found again in the blueprint. How a thing is worded is nobody's business here.

Codes of `check_thinking`: `missing_section`, `section_order`, `unknown_section`, `empty_section`, `thin_section` (few
different words), `repeated_point`, `unprepared_blueprint` (a name that the preparation gives, and no blueprint has).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from msgspec import structs

from bluebook.subjects.design.printing import print_body
from bluebook.subjects.design.program import Place, Program, Section, Source
from bluebook.subjects.subject import Diagnostic

HEADINGS = ("PROBLEM UNDERSTANDING", "STRATEGIC APPROACH", "DESIGN PREPARATION")
CONSTRUCT = "thinking"
_SUBSTANCE = 5  # different words of three letters or more that a section holds at the least

_NAME = re.compile(r"[^\W\d]\w*")
_WORD = re.compile(r"\w{3,}")
# What nobody writes but as a name: camelCase, PascalCase of two parts or more, snake_case.
_COMPOUND = re.compile(r"(?:[a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*|[A-Za-z]\w*_\w+)")


def check_thinking(program: Program) -> list[Diagnostic]:
    """What is wrong with the thinking; nothing where the text is a bare blueprint."""
    if program.thinking is None:
        return []
    sections = program.thinking
    found = [*_order(sections, program.source)]
    for section in sections:
        if section.heading in HEADINGS:
            found += _substance(section, program.source)
    found += _agreement(program)
    return found


def prepared(sections: Sequence[Section]) -> list[str]:
    """The names that the preparation gives, each once: compound names anywhere, and single capitalised words where a
    point lists them (`Tables: Books, Loans`)."""
    names: dict[str, None] = {}
    for section in sections:
        if section.heading == HEADINGS[2]:
            for point in section.points:
                names |= dict.fromkeys(_names(point))
    return list(names)


def agreement(program: Program) -> float:
    """The share of prepared names that the blueprint has; of none, all."""
    names = prepared(program.thinking or ())
    known = _known(program)
    return sum(name in known for name in names) / len(names) if names else 1.0


def _names(point: str) -> Iterator[str]:
    for name in _NAME.findall(point):
        if _COMPOUND.fullmatch(name):
            yield name
    _, colon, listed = point.partition(":")
    words = [word.strip(" .`") for word in listed.split(",")] if colon else []
    if words and all(_NAME.fullmatch(word) for word in words):
        yield from (word for word in words if word[0].isupper())


def _known(program: Program) -> set[str]:
    return set(_NAME.findall(print_body(program.items)))


def _fault(source: Source, section: Section | None, code: str, message: str) -> Diagnostic:
    line, column = source.position(section.place) if section else (1, 1)
    return Diagnostic(line=line, column=column, code=code, message=message, construct=CONSTRUCT)


def _order(sections: Sequence[Section], source: Source) -> Iterator[Diagnostic]:
    named = [section.heading for section in sections]
    for heading in HEADINGS:
        if heading not in named:
            yield _fault(source, None, "missing_section", f"there is no section {heading}:")
    furthest = -1
    for section in sections:
        if section.heading not in HEADINGS:
            what = f"no section {section.heading!r}" if section.heading else "text before the first heading"
            near = get_close_matches(section.heading, HEADINGS, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; the sections are {', '.join(HEADINGS)}"
            yield _fault(source, section, "unknown_section", what + hint)
            continue
        place = HEADINGS.index(section.heading)
        if place <= furthest:
            again = "a second time" if named.count(section.heading) > 1 else f"before {HEADINGS[furthest]}"
            message = (
                f"{section.heading} belongs {again}"
                if again != "a second time"
                else f"{section.heading} again"
            )
            yield _fault(source, section, "section_order", message)
        furthest = max(furthest, place)


def _substance(section: Section, source: Source) -> Iterator[Diagnostic]:
    if not section.points:
        yield _fault(
            source, section, "empty_section", f"{section.heading} has no points; write them as - lines"
        )
        return
    words = {word.lower() for point in section.points for word in _WORD.findall(point)}
    if len(words) < _SUBSTANCE:
        message = f"{section.heading} has {len(words)} different words; say at least {_SUBSTANCE}"
        yield _fault(source, section, "thin_section", message)
    folded = [" ".join(point.lower().split()) for point in section.points]
    for index, point in enumerate(folded):
        if point in folded[:index]:
            message = f"the point {section.points[index]!r} is there twice"
            yield _fault(source, section, "repeated_point", message)


def _agreement(program: Program) -> Iterator[Diagnostic]:
    known = _known(program)
    for section in program.thinking or ():
        for name in prepared((section,)):
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                message = f"{name} is prepared, and the blueprint has no {name}{hint}"
                at = program.source.text.find(name, section.place.offset) if program.source.text else -1
                written = structs.replace(section, place=Place(at))
                yield _fault(program.source, written, "unprepared_blueprint", message)
