"""What the next line of a response may be, so that a model that writes by it writes what `check` has no fault with.

A response grows line by line in the order of the canonical text. The preparation is a plan: what it names, the
blueprint has, each element once, and a blueprint can name nothing else. So types, tables, keys and dependencies lead
somewhere by construction. Every list and every text has a limit, and where the tokens that are left only just do for
what is planned, each line is offered in its shortest form alone: so an answer ends in time, whatever the model.

It does not write everything that the notation can: no comments, no file references but in dependencies, no statements
but one shape of flow. Such designs can be answered free.

Each part is a coroutine: it offers what may follow, is sent the line that was written, and goes on from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from bluebook.subjects.design.thinking import HEADINGS
from bluebook.subjects.subject import Continuation

Lines = Generator[Continuation, str, None]
LastLine = Generator[Continuation, str, str]  # ends with the line that was written last

MOST_POINTS = 5
LONGEST_POINT = 220  # letters
LONGEST_LINE = 140  # letters of any other line
LONG_SECTION = 210  # letters from which on a section gets no further point
MOST_PLANNED = 12  # lines of the preparation
LONGEST_NAME = 30  # letters, as the mean of a line of the preparation
MOST_FIELDS = 8
MOST_METHODS = 4
MOST_TABLES = 4
MOST_NAMED = 11  # names of the preparation, methods and relationships aside
# Tokens: of a line that a model stutters in (140 letters, a token each) and the rest of an element, of the shortest
# form of one thing that is planned beside its name, and of a method or a relationship.
LINE, PART, CALL = 190, 26, 42
THOUGHT = 450  # tokens kept for the preparation and the blueprint while the first two sections are written
SUBSTANCE = 5  # different words of a section, as `thinking.py` counts them

# Names of words, and texts of words, of limited length: a model that runs in circles gets out of them.
_NAME = "([A-Z][a-z]{0,14}){1,4}"
_KEY = "[a-z]{1,14}([A-Z][a-z]{0,14}){0,3}"
_WORDS = "[a-z][A-Za-z0-9-]{0,15}( [A-Za-z0-9-]{1,16}){1,13}"  # prose that is an item of a list
_SAID = "[A-Za-z][A-Za-z0-9]{0,20}(,? [A-Za-z0-9]{1,20}){0,15}"
_TEXT = f'"{_SAID}"'
_TEXTS = rf"\[{_TEXT}(, {_TEXT}){{0,4}}\]"
_STEPS = rf"({_TEXTS}|\[)"  # in one line, or begun
_ITEMS = rf"\[{_WORDS}(, {_WORDS}){{0,3}}\]"
_ERRORS = rf"\[{_NAME}(, {_NAME}){{0,5}}\]"
_PATH = f"{_WORDS} -> {_NAME}"
_PATHS = rf"(\[{_PATH}(, {_PATH}){{0,2}}\]|\[)"  # in one line, or begun
_POINT = r"- [A-Z][A-Za-z]{0,15}([,:;]? [A-Za-z0-9]{1,40}){3,50}\."
# What is said where a section has become as long as it may and still has too few different words.
_LAST_POINT = "- Nothing more can be told from what was asked."
_LAST_CONSTRAINT = "- Constraint: every name above has its element below"
_CONSTRAINT = "- Constraint: [a-z]{1,15}( [a-z]{1,15}){3,11}"
# What is written where room is short. As many keys as members, and one more.
_KEYS = ("id", "name", "state", "kind", "time", "place", "amount", "reason", "other")
_GIVEN = "[it is known]"
_PRIMITIVE = "string|int|float|bool|timestamp|Duration"
_COLUMN = "String|Int|Decimal|Bool|Timestamp|Date|Text|JSON"
_FOUND = rf"{_NAME} found in `[a-z]{{1,20}}\/[a-z]{{1,20}}\.bp`"
_WORD = re.compile(r"\w{3,}")

CONTAINERS = ("Database", "Schema")
CALLED = ("Service", "Module")
STORED = ("Relationships", "Transaction", "Migration")  # nothing without tables


class Plan(msgspec.Struct):
    """What the preparation names and the blueprint still lacks. `columns` are those of the tables written so far,
    `room` is the tokens that may still be written."""

    room: int
    left: dict[str, list[str]] = {}
    types: list[str] = []
    services: list[str] = []
    stores: list[str] = []
    tables: list[str] = []
    relations: list[str] = []
    methods: list[str] = []
    columns: dict[str, list[str]] = {}
    named: int = 0

    @property
    def spare(self) -> int:
        """Tokens that are left when everything planned is written in its shortest form, after one more line."""
        tables = [one for one in self.tables if one not in self.columns]
        parts = [*tables, *(name for names in self.left.values() for name in names)]
        calls = [*self.methods, *self.relations]
        unplanned = max(0, self.waiting(CALLED) - len(self.methods))  # each service has a method at least
        needed = PART * len(parts) + CALL * (len(calls) + unplanned)
        return self.room - LINE - needed - sum(map(len, parts + calls))  # a name: a token each letter

    @property
    def is_short(self) -> bool:
        return self.spare < 0

    @property
    def is_any(self) -> bool:
        return any(self.left.values()) or bool(self.relations)

    def note(self, kind: str, names: Sequence[str]) -> None:
        self.named += 0 if kind in ("Methods", "Relationships") else len(names)
        match kind:
            case "Table":
                self.tables = list(names)
            case "Methods":
                self.methods = list(names)
            case "Relationships":
                self.relations = list(names)
            case _:
                self.left[kind] = list(names)
        if kind == "Type":
            self.types = list(names)
        elif kind == "Service":
            self.services = list(names)
        elif kind == "Database":
            self.stores = list(names)

    def waiting(self, kinds: Sequence[str]) -> int:
        """How many elements of these kinds are still to be written."""
        return sum(len(self.left.get(kind, ())) for kind in kinds)

    def kind(self, generic: str = "") -> str:
        """A pattern for a type that resolves."""
        names = "|".join([_PRIMITIVE, *self.types, "[A-Z][A-Za-z]{1,20}Id", *([generic] if generic else [])])
        held = [name for name in ("Page",) if name in self.types]
        whole = [f"{name}<({names})>" for name in held] + [f"map<string, ({names})>", f"set<({names})>"]
        return rf"((({names})|{'|'.join(whole)})(\[\])?( \| null)?)"


@lru_cache(4096)  # a line's end asks what the next one's beginning asks again
def continuation(text: str, room: int) -> Continuation:
    """What may follow `text`, a whole number of lines, where `room` tokens may still be written."""
    # The lines before are sent through with the room of now. That changes what they would be offered, which nobody
    # reads, and not where they lead.
    answer = _answer(Plan(room))
    offered = next(answer)
    for line in text.split("\n") if text else ():
        offered = answer.send(line)
    return offered


def _texts(*texts: str) -> Continuation:
    return Continuation(texts=texts)


def _lines(*bodies: str) -> Continuation:
    return Continuation(patterns=[_within(f"/{body}/", LONGEST_LINE) for body in bodies])


def _said(plan: Plan, shortest: str, *bodies: str) -> Continuation:
    """A line of these patterns; where room is short, this text."""
    return _texts(shortest) if plan.is_short else _lines(*bodies)


def _within(pattern: str, most: int) -> str:
    """A pattern of texts of at most so many letters: a model that repeats itself gets to the end of the line."""
    return f"({pattern} & /.{{1,{most}}}/)"


def _but(body: str, lines: Sequence[str]) -> Continuation:
    """A point of this kind that is none of these."""
    known = "|".join(line.replace(".", r"\.") for line in lines)
    pattern = f"(/{body}/ & ~/({known})/)" if lines else f"/{body}/"
    return Continuation(patterns=[_within(pattern, LONGEST_POINT)])


def _several(*parts: Continuation) -> Continuation:
    return Continuation(
        texts=[text for part in parts for text in part.texts],
        patterns=[body for part in parts for body in part.patterns],
    )


def _answer(plan: Plan) -> Lines:
    yield _texts("<thinking>")
    for heading in HEADINGS[:-1]:
        yield _texts(f"{heading}:")
        yield from _section(plan)
    yield _texts(f"{HEADINGS[-1]}:")
    yield from _preparation(plan)
    yield _texts("<blueprint>")
    yield from _blueprint(plan)
    while True:
        yield Continuation(end=True)


# Thinking


def _section(plan: Plan) -> Lines:
    """Points, and the blank line behind them."""
    points: list[str] = []
    while True:
        offers = []
        if enough := _substance(points):
            offers.append(_texts(""))
        if len(points) < MOST_POINTS and sum(map(len, points)) < LONG_SECTION and plan.room > THOUGHT:
            offers.append(_but(_POINT, points))
        elif not enough:
            offers.append(_texts(_LAST_POINT))
        line = yield _several(*offers)
        if not line:
            return
        points.append(line)


def _substance(points: Sequence[str]) -> bool:
    words = {word.lower() for point in points for word in _WORD.findall(point)}
    return bool(points) and len(words) >= SUBSTANCE


def _preparation(plan: Plan) -> Lines:
    """Kinds with the names that the blueprint will have, then what it must keep; the closing tag."""
    points: list[str] = []
    kinds: list[str] = []
    closed = False  # after the constraint no more names
    while True:
        enough = plan.is_any and _substance(points)
        if len(points) >= MOST_PLANNED and not enough:
            points.append((yield _texts(_LAST_CONSTRAINT)))
            enough = True
        offers = [_texts("</thinking>")] if enough else []
        if len(points) < MOST_PLANNED and not (closed and enough):
            more = MOST_NAMED - plan.named
            if plan.spare >= CALL + LONGEST_NAME or not plan.is_any:
                offers += [_planned(plan, kind, more) for kind in _plannable(kinds, more)]
            offers += [] if closed else [_said(plan, _LAST_CONSTRAINT, _CONSTRAINT)]
        line = yield _several(*offers) if offers else _texts(_LAST_CONSTRAINT)
        if line == "</thinking>":
            return
        points.append(line)
        kind, _, names = line.removeprefix("- ").partition(": ")
        if kind == "Constraint":
            closed = True
            continue
        kinds.append(kind)
        plan.note(kind, list(dict.fromkeys(names.split(", "))))


def _plannable(kinds: Sequence[str], more: int) -> list[str]:
    """Kinds that may be planned next: each once, what is stored only where something stores it. `more`: names."""
    found = [kind for kind in _ELEMENTS if kind not in kinds and kind not in STORED and more > 0]
    if any(kind in kinds for kind in CONTAINERS):
        if "Table" in kinds:
            found += [kind for kind in STORED if kind not in kinds and (more > 0 or kind == "Relationships")]
        else:
            found.append("Table")
    if "Methods" not in kinds and any(kind in kinds for kind in CALLED):
        found.append("Methods")
    return found


def _planned(plan: Plan, kind: str, more: int) -> Continuation:
    name = _KEY if kind in ("Methods", "Relationships") else _NAME
    most = {"Type": 5, "Table": MOST_TABLES, "Methods": MOST_METHODS, "Relationships": 4}.get(kind, 2)
    if kind not in ("Methods", "Relationships", "Table"):
        most = min(most, max(more, 1))
    most = min(most, max(plan.spare // (CALL + LONGEST_NAME), 1))
    opening = f"- {kind}: "
    longest = min(len(opening) + most * LONGEST_NAME, LONGEST_LINE)
    return Continuation(patterns=[_within(f"/{opening}{name}(, {name}){{0,{most - 1}}}/", longest)])


# The blueprint


def _blueprint(plan: Plan) -> Lines:
    """The planned elements, a blank line between two, and the closing tag."""
    while True:
        line = yield _heads(plan)
        kind, _, rest = line.partition(" ")
        name = rest.removesuffix(" {")
        if kind == "Relationships":
            yield from _relationships(plan)
            plan.relations = []
        else:
            plan.left[kind].remove(name.partition("<")[0])
            yield from _ELEMENTS[kind](plan, name)
        if kind not in _CLOSED:
            yield _texts("}")
        if not plan.is_any:
            yield _texts("</blueprint>")
            return
        yield _texts("")


def _heads(plan: Plan) -> Continuation:
    heads = []
    is_stored = not plan.waiting(CONTAINERS)  # what names tables comes after them
    for kind, names in plan.left.items():
        if kind in (*STORED, "Operation") and not is_stored:
            continue
        for name in names:
            heads.append(f"{kind} {name} {{")
            if kind in ("Type", "Service"):
                heads.append(f"{kind} {name}<T> {{")
    if plan.relations and is_stored:
        heads.append("Relationships {")
    return _texts(*heads)


def _fields(plan: Plan, indent: str, body: str, shortest: str, above: str = "") -> Lines:
    """Members with keys of their own, parted by commas. `shortest` is a value, `above` the key of a member before."""
    used = [above] if above else []
    for count in range(1, MOST_FIELDS + 1):
        name = f"(/{_KEY}/ & ~/({'|'.join(used)})/)" if used else f"/{_KEY}/"
        comma = ",?" if count < MOST_FIELDS else ""
        member = f'"{indent}" {name} /: {body}{comma}/'
        free = next(key for key in _KEYS if key not in used)
        line = yield (
            _texts(f"{indent}{free}: {shortest}")
            if plan.is_short
            else Continuation(patterns=[_within(member, LONGEST_LINE)])
        )
        used.append(line.strip().partition(":")[0])
        if not line.endswith(","):
            return


class Member(NamedTuple):
    key: str
    body: str
    shortest: str  # of what the body describes
    needed: bool = True


def _ordered(plan: Plan, indent: str, *members: Member) -> LastLine:
    """Members in this order, those that are needed among them. The last one has no comma."""
    at = 0
    while True:
        needed = next((place for place in range(at, len(members)) if members[place].needed), len(members))
        offers = []
        for place in range(at, min(needed + 1, len(members))):
            one, later = members[place], members[place + 1 :]
            comma = "" if not later else "," if any(other.needed for other in later) else ",?"
            offers.append(
                (f"{indent}{one.key}: {one.body}{comma}", f"{indent}{one.key}: {one.shortest}{comma}")
            )
        shortest = offers[-1 if needed < len(members) else 0][1].removesuffix(",?")
        line = yield _said(plan, shortest, *(body for body, _ in offers))
        if not line.endswith(","):
            return line
        at = 1 + next(
            place for place, member in enumerate(members) if line.strip().startswith(f"{member.key}:")
        )


def _closing(indent: str, more: bool, done: bool) -> Continuation:
    """The end of a member: with a comma where another may follow, without where none must."""
    return _texts(*([f"{indent}}},"] if more else []), *([f"{indent}}}"] if done else []))


def _one_of(names: Sequence[str]) -> str:
    return f"({'|'.join(names)})"


def _type(plan: Plan, name: str) -> Lines:
    values = rf"  enum: \[{_TEXT}(, {_TEXT}){{1,5}}\]"
    fields = _fields(plan, "  ", plan.kind(_generic(name)), "string")
    first = next(fields)
    line = yield first if plan.is_short else _several(first, _lines(values))
    if line.startswith("  enum: ["):
        return
    while True:
        try:
            line = yield fields.send(line)
        except StopIteration:
            return


def _service(plan: Plan, name: str) -> Lines:
    stores = [one for one in (*plan.stores, *plan.services) if one != name]
    known = f"({_one_of(stores)}|{_FOUND})" if stores else _FOUND
    needs = rf"  dependencies: \{{{_KEY}: {known}(, {_KEY}: {known}){{0,2}}\}},"
    holds = f"  invariants: {_ITEMS},"
    opening = _texts("  methods: {")
    line = yield opening if plan.is_short else _several(_lines(needs, holds), opening)
    if line.startswith("  dependencies"):
        line = yield opening if plan.is_short else _several(_lines(holds), opening)
    if line.startswith("  invariants"):
        yield opening
    yield from _methods(plan, _generic(name))
    yield _texts("  }")


def _generic(name: str) -> str:
    return "T" if name.endswith("<T>") else ""


def _signature(plan: Plan, end: str, shortest_end: str, generic: str = "") -> Continuation:
    """A method with the name of one that is planned; any name where none is left. `end` is a pattern for what the
    line ends with."""
    name = _one_of(plan.methods) if plan.methods else _KEY
    kind = plan.kind(generic)
    parameter = f"{_KEY}: {kind}"
    shortest = f"    {plan.methods[0] if plan.methods else 'handle'}(id: string) -> bool{shortest_end}"
    return _said(plan, shortest, rf"    {name}\({parameter}(, {parameter}){{0,4}}\) -> {kind}{end}")


def _written(plan: Plan, line: str) -> None:
    name = line.strip().partition("(")[0]
    plan.methods = [one for one in plan.methods if one != name]


def _methods(plan: Plan, generic: str) -> Lines:
    others = plan.waiting(CALLED)
    for count in range(1, MOST_METHODS + 1):
        line = yield _signature(plan, r" \{", " {", generic)
        _written(plan, line)
        yield _said(plan, f"      preconditions: {_GIVEN},", f"      preconditions: {_ITEMS},")
        line = yield _said(plan, f"      postconditions: {_GIVEN}", f"      postconditions: {_ITEMS},?")
        if line.endswith(","):
            yield _said(plan, "      errors: [NotFound]", f"      errors: {_ERRORS}")
        more = len(plan.methods) > others and count < MOST_METHODS
        line = yield _closing("    ", more, others > 0 or not more)
        if not line.endswith(","):
            return


def _module(plan: Plan, name: str) -> Lines:
    others = plan.waiting(CALLED)
    yield _texts("  functions: [")
    for count in range(1, MOST_METHODS + 1):
        left = len(plan.methods) - 1
        more = left > others and count < MOST_METHODS
        comma = "" if not more else ",?" if others else ","
        line = yield _signature(plan, comma, "," if comma == "," else "")
        _written(plan, line)
        if not line.endswith(","):
            break
    line = yield _texts("  ]") if plan.is_short else _texts("  ],", "  ]")
    if not line.endswith(","):
        return
    throws = _said(plan, "  throws: [NotFound]", f"  throws: {_ERRORS}")
    line = yield throws if plan.is_short else _several(_texts("  types: ["), throws)
    if line.startswith("  throws"):
        return
    field = f"{_KEY}: ({_PRIMITIVE})"
    line = yield _said(plan, "    One {id: string}", rf"    {_NAME} \{{{field}(, {field}){{0,5}}\}}")
    line = yield _texts("  ]") if plan.is_short else _texts("  ],", "  ]")
    if line.endswith(","):
        yield throws


def _component(plan: Plan, name: str) -> Lines:
    known = f"({_one_of(plan.services)}|{_FOUND})" if plan.services else _FOUND
    needs = rf"\{{{_KEY}: {known}(, {_KEY}: {known}){{0,2}}\}}"
    yield from _ordered(
        plan,
        "  ",
        Member("dependencies", needs, "{}", needed=False),
        Member("shows", _TEXTS, '["All"]'),
        Member("actions", rf"({_TEXTS}|\[\])", "[]", needed=False),
    )


def _container(plan: Plan, name: str) -> Lines:
    others = plan.waiting(CONTAINERS)
    for count in range(1, MOST_TABLES + 1):
        left = [one for one in plan.tables if one not in plan.columns]
        heads = _texts(*(f"  Table {one} {{" for one in left))
        line = yield heads if left else _said(plan, "  Table All {", rf"  Table {_NAME} \{{")
        table = line.split()[1]
        plan.columns[table] = []
        yield from _columns(plan, table)
        left = [one for one in plan.tables if one not in plan.columns]
        more = len(left) > others and count < MOST_TABLES
        line = yield _closing("  ", more, others > 0 or not more)
        if not line.endswith(","):
            return


def _columns(plan: Plan, table: str) -> Lines:
    """In one line, or a column a line."""
    tables = _one_of(plan.tables or [table])
    plain = rf"\{{type: ({_COLUMN})(, (required|unique): true)?\}}"
    states = rf"\{{type: String, enum: {_TEXTS}\}}"
    key = rf'\{{type: UUID(, foreignKey: "{tables}\.id")?\}}'
    column = f"({plain}|{states}|{key})"
    first = r"id: \{type: UUID, primaryKey: true\}"
    inline = rf"    columns: \{{{first}(, {_KEY}: {column}){{0,3}}\}}"
    shortest = "    columns: {id: {type: UUID, primaryKey: true}}"
    line = yield _texts(shortest) if plan.is_short else _several(_lines(inline), _texts("    columns: {"))
    if line != "    columns: {":
        plan.columns[table] = re.findall(r"(\w+): \{type", line)
        return
    line = yield _lines(f"      {first},")
    plan.columns[table].append("id")
    fields = _fields(plan, "      ", column, "{type: String}", above="id")
    offered = next(fields)
    while True:
        line = yield offered
        plan.columns[table].append(line.strip().partition(":")[0])
        try:
            offered = fields.send(line)
        except StopIteration:
            break
    yield _texts("    }")


def _relationships(plan: Plan) -> Lines:
    ends = [f"{table}.{column}" for table, columns in plan.columns.items() for column in columns]
    keys = [end for end in ends if end.endswith("Id")] or ends
    while plan.relations:
        line = yield _texts(*(f"  {name} {{" for name in plan.relations))
        plan.relations.remove(line.split()[0])
        yield _texts(*(f'    from: "{end}",' for end in keys))
        yield _texts(*(f'    to: "{table}.id",' for table in plan.columns))
        yield _texts(*(f'    type: "{kind}"' for kind in ("many-to-one", "one-to-one", "many-to-many")))
        yield _closing("  ", bool(plan.relations), not plan.relations)


def _tables(plan: Plan) -> str:
    return f'"{_one_of(list(plan.columns))}"'


def _first(plan: Plan) -> str:
    """A table that has been written."""
    return next(iter(plan.columns))


def _transaction(plan: Plan, name: str) -> Lines:
    step = rf'\{{type: "(create|update|delete|check|select)", table: {_tables(plan)}\}}'
    yield from _ordered(
        plan,
        "  ",
        Member(
            "operations", rf"\[{step}(, {step}){{0,3}}\]", f'[{{type: "check", table: "{_first(plan)}"}}]'
        ),
        Member("onError", '"rollback"', '"rollback"'),
        Member("postconditions", _ITEMS, _GIVEN),
    )


def _operation(plan: Plan, name: str) -> Lines:
    stored = [Member("table", _tables(plan), f'"{_first(plan)}"', needed=False)] if plan.columns else []
    kind = Member("type", '"workflow"', '"workflow"')
    line = yield from _ordered(plan, "  ", kind, *stored, Member("steps", _STEPS, '["Do it"]'))
    yield from _below(plan, line, _TEXT, '"Do it"')


def _below(plan: Plan, line: str, item: str, shortest: str) -> Lines:
    """What stands below a list that its line only opens."""
    if not line.endswith("["):
        return
    for count in range(1, 6):
        line = yield _said(plan, f"    {shortest}", f"    {item}{',?' if count < 5 else ''}")
        if not line.endswith(","):
            break
    yield _texts("  ]")


def _migration(plan: Plan, name: str) -> Lines:
    added = rf'\[\{{action: "addColumn", column: "{_KEY}", type: ({_COLUMN})\}}\]'
    yield from _ordered(
        plan,
        "  ",
        Member("table", _tables(plan), f'"{_first(plan)}"'),
        Member("version", "[1-9]", "1"),
        Member("up", added, '[{action: "addColumn", column: "state", type: String}]'),
        Member(
            "down",
            rf'\[\{{action: "dropColumn", column: "{_KEY}"\}}\]',
            '[{action: "dropColumn", column: "state"}]',
        ),
    )


def _validation(plan: Plan, name: str) -> Lines:
    yield from _fields(plan, "  ", _TEXT, '"It is given"')


def _behavior(plan: Plan, name: str) -> Lines:
    inline = rf"  rules: \{{{_KEY}: {_TEXT}(, {_KEY}: {_TEXT}){{0,3}}\}}"
    shortest = '  rules: {id: "It is given"}'
    line = yield _texts(shortest) if plan.is_short else _several(_lines(inline), _texts("  rules: {"))
    if line == "  rules: {":
        yield from _fields(plan, "    ", _TEXT, '"It is given"')
        yield _texts("  }")


def _algorithm(plan: Plan, name: str) -> Lines:
    given = rf"  input: \{{{_KEY}: {plan.kind()}(, {_KEY}: {plan.kind()}){{0,4}}\}},"
    line = yield _said(plan, "  input: {id: string},", given, rf"  for {_KEY} in {_KEY} \{{")
    if line.startswith("  input"):
        yield _said(plan, "  output: bool,", f"  output: {plan.kind()},")
        line = yield _said(plan, '  steps: ["Do it"]', f"  steps: {_STEPS}")
        yield from _below(plan, line, _TEXT, '"Do it"')
        return
    each = line.split()[1]
    condition = rf'    if \({each}\.{_KEY} == "[a-z]{{1,20}}"\) \{{'
    yield _said(plan, f'    if ({each}.id == "open") {{', condition)
    yield _texts("      return true", "      return false")
    yield _texts("    }")
    yield _texts("  }")
    yield _texts("  return true", "  return false")


def _scenario(plan: Plan, name: str) -> Lines:
    said = "[a-zA-Z][A-Za-z0-9 ]{2,80}"
    line = yield _said(plan, "  Given it is open,", f"  Preconditions: {_ITEMS},", f"  Given {said},")
    if line.startswith("  Pre"):
        yield _said(plan, "  Given it is open,", f"  Given {said},")
    yield _said(plan, "  When it is done,", f"  When {said},")
    for word, more in (("Then", "[,.]"), ("(And|But)", "[,.]"), ("(And|But)", r"\.")):
        shortest = f"  {'Then' if word == 'Then' else 'And'} it is known."
        line = yield _said(plan, shortest, f"  {word} {said}{more}")
        if line.endswith("."):
            break
    line = yield _texts("}") if plan.is_short else _several(_lines(f"  ErrorPaths: {_PATHS}"), _texts("}"))
    if line != "}":
        yield from _below(plan, line, _PATH, "it is not there -> NotFound")
        yield _texts("}")


def _test(plan: Plan, name: str) -> Lines:
    said = r"  [A-Za-z][A-Za-z0-9]{1,30} [A-Za-z0-9 ]{5,100}\."
    yield _said(plan, "  Check that it works.", said)
    for count in range(4):
        line = yield _several(_lines(said) if count < 3 and not plan.is_short else _texts(), _texts("}"))
        if line == "}":
            return


_CLOSED = ("Scenario", "Test")  # write their closing bracket themselves: it may stand after several lines
_ELEMENTS: dict[str, Callable[[Plan, str], Lines]] = {
    "Service": _service,
    "Type": _type,
    "Database": _container,
    "Schema": _container,
    "Module": _module,
    "Component": _component,
    "Transaction": _transaction,
    "Operation": _operation,
    "Migration": _migration,
    "Validation": _validation,
    "Behavior": _behavior,
    "Algorithm": _algorithm,
    "Scenario": _scenario,
    "Test": _test,
}
