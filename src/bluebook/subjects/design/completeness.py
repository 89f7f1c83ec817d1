"""How complete a design is: a share for each thing that a whole design has, and their mean.

    preconditions, postconditions   methods whose contract has some
    errors              methods that say which errors there are (or, with an empty list, that there are none)
    scenario_methods    methods that a scenario or a test is about
    scenario_errors     errors of methods that a scenario, a test or an error path is about
    resolution          references that lead somewhere
    entities, verbs     things and actions of the prompt that the design has, where there is a prompt

What a design cannot have is no part of it: without methods there are no contracts to count. Verbs are looked for in
what acts (methods, operations, steps), things in all words. A scenario is about a method when it has the method's name,
or the words that the name is made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bluebook.records import Share
from bluebook.subjects.design.constructs import CONTRACT, walk
from bluebook.subjects.design.printing import member_text, print_body
from bluebook.subjects.design.program import (
    Element,
    Field,
    Line,
    List,
    Method,
    Object,
    Program,
    Prose,
    Statement,
    Step,
    Text,
    Value,
    elements,
    methods,
)
from bluebook.subjects.design.references import resolution
from bluebook.subjects.design.stems import STOP, name_stems, prose_stems, stem

ACTING = ("Service", "Component", "Module", "Operation", "Transaction", "Migration", "Behavior", "Algorithm")

# What a prompt asks a designer to do, and how: no part of what is designed.
_ASKING = frozenset(
    stem(word)
    for word in """design blueprint write build make give me please need want using use simple complex system service
    application app module component feature support implement implementation that include provide handle way thing
    should example good new one two three four five six seven eight nine ten also must sure show model
    about across after against ago along among anybody anyone anything around because become before begin behind being
    belong below beside between beyond bit bring call called case come during easy enough even ever everybody everyone
    everything fail first get given go great happen hard help hold inside instead keep kind know large last late later
    least less let like little long look lot many maybe mean might miss missing much name named near never next nobody
    none nothing now often old outside part people perhaps place possible problem promise put quite rather really
    right same say second see seem several short since small somebody someone something soon still stay step sure take
    talk tell think third though through time together toward try turn understand until upon useful usual want well
    whether whole why within word work wrong yet""".split()  # noqa: SIM905
)
_ACTIONS = frozenset(
    stem(word)
    for word in """accept activate add adjust alert allocate analyse analyze apply approve archive assign attach audit
    authenticate authorise authorize backup balance bill block book borrow calculate cancel charge check checkout
    classify clean close collect compare compress compute confirm connect convert copy count create decrypt delete
    deliver deploy detect disable dispatch display download draw edit enable encrypt enrol enroll escalate estimate
    evaluate export extract fetch filter find format forward generate get grade group import index inspect invite
    invoice issue join lend list load lock log login logout loan manage map match measure merge message monitor move
    notify open order parse pause pay plan post predict print process publish purchase query rank rate read receive
    recommend record recover refund register reject release remind remove rename renew rent repair replace replicate
    report request reserve reset resize resolve restore resume retrieve return reverse review revoke rotate route run
    save scale scan schedule score search select send sell share ship sign sort split start stop store submit
    subscribe suggest summarise summarize suspend swap sync tag test track transfer transform translate trigger
    unlock update upload validate verify view visit vote water weigh withdraw""".split()  # noqa: SIM905
)
_BEFORE_THINGS = ("a", "an", "the", "of", "each", "every", "their", "its", "new", "own")
# Actions that are things as often; in the plural, or behind an action, they are.
_EITHER = frozenset(
    stem(word)
    for word in """audit backup bill block book charge check copy display draw export group import index invoice issue
    list load lock log loan map match measure message order plan post process purchase rank rate record report request
    review route run score share ship sort stock store tag test track transfer trigger view visit
    vote""".split()  # noqa: SIM905
)
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


class Completeness(msgspec.Struct, frozen=True):
    """`parts` in the order of the module's list, those that apply; `missing` names what lowers each, in words."""

    parts: dict[str, Share]
    missing: dict[str, list[str]]

    @property
    def score(self) -> float:
        """The mean of the parts; 0 where there is nothing to measure."""
        return sum(part.recall for part in self.parts.values()) / len(self.parts) if self.parts else 0.0


def completeness(program: Program, prompt: str | None = None) -> Completeness:
    """How complete a design is, and for a prompt how much of it the design has."""
    parts: dict[str, Share] = {}
    missing: dict[str, list[str]] = {}

    def count(name: str, wanted: Sequence[str], found: Iterable[bool]) -> None:
        lacking = [one for one, is_there in zip(wanted, found, strict=True) if not is_there]
        if wanted:
            parts[name] = Share(len(wanted) - len(lacking), len(wanted), len(wanted))
            missing[name] = lacking

    all_methods = [method for element in elements(program) for method in methods(element)]
    names = [method.name for method in all_methods]
    for part in ("preconditions", "postconditions"):
        count(part, names, [bool(_items(method, part)) for method in all_methods])
    count("errors", names, [_field(method, "errors") is not None for method in all_methods])
    told = _Told(program)
    count("scenario_methods", names, [told.about(name) for name in names])
    errors = list(dict.fromkeys(error for method in all_methods for error in _items(method, "errors")))
    count("scenario_errors", errors, [told.about(error) for error in errors])
    found = resolution(program)
    if found.uses.total():
        total = found.uses.total()
        parts["resolution"] = Share(total - len(found.dangling), total, total)
        missing["resolution"] = [each.name for each in found.dangling]
    if prompt is not None:
        things, actions = asked(prompt)
        text = print_body(program.items)
        has, does = prose_stems(text), _acts(program)
        count("entities", list(things), [thing in has for thing in things.values()])
        count("verbs", list(actions), [action in does for action in actions.values()])
    return Completeness(parts, missing)


def asked(prompt: str) -> tuple[dict[str, str], dict[str, str]]:
    """The things and the actions that a prompt names, each word with its stem. A verb is one of a list; a word that
    may be either (`order`, `record`) is a thing behind an article, an adjective or `of`."""
    things: dict[str, str] = {}
    actions: dict[str, str] = {}
    before = ""
    for word in _words(prompt):
        root = stem(word)
        low = word.lower()
        if low not in STOP and root not in _ASKING and len(word) > 2:
            is_thing = root in _EITHER and (low.endswith("s") or stem(before) in _ACTIONS)
            is_action = root in _ACTIONS and before not in _BEFORE_THINGS and not is_thing
            target = actions if is_action else things
            if root not in target.values():
                target[low] = root
        before = low
    return things, actions


def _words(prompt: str) -> Iterator[str]:
    """The words of a prompt; names that are made of several are taken apart."""
    for found in _WORD.finditer(prompt):
        parts = _PART.findall(found[0])
        yield from parts if len(parts) > 1 else (found[0],)


class _Told:
    """What scenarios, tests and error paths are about."""

    def __init__(self, program: Program) -> None:
        texts: list[str] = []
        for node in walk(program.items):
            if isinstance(node, Element) and node.kind in ("Scenario", "Test"):
                texts.append(node.name)
                texts += [each.text for each in node.members if isinstance(each, Step | Line | Statement)]
                texts += [member_text(each, "") for each in node.members if isinstance(each, Field)]
            elif (isinstance(node, Field) and CONTRACT.get(node.key.lower()) == "error_paths") or (
                isinstance(node, Field) and node.key == "behaviors"
            ):
                texts.append(member_text(node, ""))
        self.names = set(re.findall(r"[^\W\d]\w*", "\n".join(texts)))
        self.stems = [prose_stems(text) for text in texts]

    def about(self, name: str) -> bool:
        words = frozenset(name_stems(name)) - STOP
        return name in self.names or any(words and words <= stems for stems in self.stems)


def _field(method: Method, part: str) -> Field | None:
    return next(
        (
            each
            for each in method.body or ()
            if isinstance(each, Field) and CONTRACT.get(each.key.lower()) == part
        ),
        None,
    )


def _items(method: Method, part: str) -> list[str]:
    """What a part of the contract says, an item each."""
    field = _field(method, part)
    value: Value | None = field.value if field is not None else None
    match value:
        case None:
            return []
        case List(items=items):
            return [each.text for each in items if isinstance(each, Prose | Text)]
        case Object(members=members):
            return [each.key for each in members if isinstance(each, Field)]
        case _:
            return [member_text(field, "").partition(": ")[2]] if field is not None else []


def _acts(program: Program) -> set[str]:
    """The stems of what acts: names of methods and of acting elements, steps, statements."""
    found: set[str] = set()
    for node in walk(program.items):
        match node:
            case Method(name=name):
                found |= set(name_stems(name))
            case Element(kind=kind, name=name) if kind in ACTING:
                found |= set(name_stems(name))
            case Step(text=text) | Line(text=text) | Statement(text=text):
                found |= prose_stems(text)
            case Field(key="steps" | "actions" | "rules" | "behaviors"):
                found |= prose_stems(member_text(node, ""))
    return found
