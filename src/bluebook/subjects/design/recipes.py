"""Which elements make a design, and how hard a design is: the four stages of the curriculum.

    simple       one element, or one with what it names
    structured   two or three that need each other
    complex      a service with its data, its storage and how it is tried
    novel        two domains that meet, or demands that no domain has by itself

A recipe takes what it needs from a domain, so whatever an element names is there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import NamedTuple

from bluebook.subjects.design import pieces
from bluebook.subjects.design.domains import Domain, Entity, Operation, Slot
from bluebook.subjects.design.pieces import lower, plural, upper
from bluebook.subjects.design.program import Element, Field, Named, Text, Value
from bluebook.subjects.design.stages import Stage


class Said(NamedTuple):
    """A piece of a design as prompt and thinking speak of it: which of the wordings, and the words in them."""

    kind: str
    words: Mapping[str, str]


class Sketch(NamedTuple):
    """A design before it is worded. `domains` are those that it is about, the first one's name first."""

    domains: tuple[Domain, ...]
    elements: tuple[Element, ...]
    said: tuple[Said, ...]


Recipe = Callable[["Draw"], Sketch]


class Draw:
    """What one design draws from a domain."""

    def __init__(self, domain: Domain, others: Sequence[Domain], rng: Random) -> None:
        self.domain, self.others, self.rng = domain, others, rng

    def entity(self) -> Entity:
        return self.rng.choice(list(self.domain.entities.values()))

    def plain_entity(self) -> Entity:
        """One with at least two fields that name nothing else."""
        return self.rng.choice([one for one in self.domain.entities.values() if len(one.plain) > 1])

    def stateful(self) -> tuple[Entity, str]:
        """The entity that has a state, and the name of the state's type."""
        return next(
            (one, slot.type)
            for one in self.domain.entities.values()
            for slot in one.slots
            if slot.type in self.domain.states
        )

    def some(self, slots: Sequence[Slot], least: int = 2) -> list[Slot]:
        """At least `least` of the slots, in their order."""
        chosen = set(self.rng.sample(range(len(slots)), self.rng.randint(min(least, len(slots)), len(slots))))
        return [slot for at, slot in enumerate(slots) if at in chosen]

    def operation(self) -> Operation:
        """An operation with some of its contract."""
        return self.shortened(self.rng.choice(self.domain.operations))

    def operations(self, count: int) -> list[Operation]:
        return [self.shortened(one) for one in self.rng.sample(self.domain.operations, count)]

    def shortened(self, one: Operation) -> Operation:
        rng = self.rng
        fails = rng.sample(list(one.fails), rng.randint(1, len(one.fails)))
        return one._replace(
            needs=tuple(rng.sample(one.needs, rng.randint(1, len(one.needs)))),
            ensures=tuple(rng.sample(one.ensures, rng.randint(1, len(one.ensures)))),
            fails={error: one.fails[error] for error in fails},
        )

    def types(self, operations: Sequence[Operation]) -> tuple[list[Element], list[Entity]]:
        """The types that these operations name, and those named by them in turn."""
        wanted = [slot.type for one in operations for slot in (*one.takes, one.gives) if not slot.is_plain]
        return self.types_of(wanted)

    def types_of(self, wanted: Sequence[str]) -> tuple[list[Element], list[Entity]]:
        names = list(dict.fromkeys(wanted))
        for name in names:  # grows while it is read
            if name in self.domain.entities:
                for slot in self.domain.entities[name].slots:
                    if not slot.is_plain and slot.type not in names:
                        names.append(slot.type)
        found: list[Element] = []
        known: list[Entity] = []
        for name in names:
            if name in self.domain.states:
                found.append(pieces.enum_of(name, self.domain.states[name]))
            else:
                known.append(self.domain.entities[name])
                found.append(pieces.type_of(known[-1], known[-1].slots, names))
        return found, known

    def sketch(self, elements: Sequence[Element], *said: Said) -> Sketch:
        return Sketch((self.domain,), tuple(elements), said)


# How things are spoken of


def article(word: str) -> str:
    return f"an {word}" if word[0].lower() in "aeiou" else f"a {word}"


def listed(words: Sequence[str], last: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _entity(entity: Entity) -> dict[str, str]:
    word = lower(entity.name)
    return {
        "entity": word,
        "an_entity": article(word),
        "entities": plural(word),
        "Entity": entity.name,
        "an_Entity": article(entity.name),
    }


def _entities(entities: Sequence[Entity]) -> dict[str, str]:
    return {"entities": listed([plural(lower(one.name)) for one in entities])}


def _typed(slots: Sequence[Slot]) -> str:
    """Fields as notes have them, each with its type."""
    return listed([f"{slot.name} {slot.type}" for slot in slots])


def said_type(entity: Entity, slots: Sequence[Slot]) -> Said:
    fields = listed([slot.name for slot in slots])
    words = {"Name": entity.name, "a_Name": article(entity.name), "fields": fields, "typed": _typed(slots)}
    return Said("type", {**_entity(entity), **words})


def said_table(domain: Domain, entity: Entity, slots: Sequence[Slot]) -> Said:
    words = {
        "Name": plural(entity.name),
        "Data": pieces.data_name(domain),
        "fields": listed([slot.name for slot in slots]),
        "typed": _typed(slots),
    }
    return Said("table", {**_entity(entity), **words})


def said_relationships(domain: Domain, entities: Sequence[Entity]) -> Said:
    return Said("relationships", {**_entities(entities), "Data": pieces.data_name(domain)})


def _quoted(texts: Sequence[str]) -> list[str]:
    return [f'"{text}"' for text in texts]


def said_enum(entity: Entity, name: str, values: Sequence[str]) -> Said:
    words = {"Name": name, "values": listed(values), "quoted": listed(_quoted(values))}
    return Said("enum", {**_entity(entity), **words})


def said_service(domain: Domain, operations: Sequence[Operation]) -> Said:
    whens = [when for one in operations for when in one.fails.values()]
    return Said(
        "service",
        {
            "Name": domain.service,
            "a_Name": article(domain.service),
            "does": listed([one.does for one in operations]),
            "methods": listed([one.name for one in operations]),
            "errors": listed([error for one in operations for error in one.fails]),
            "when": listed(whens, "or when"),
        },
    )


def said_of(kind: str, name: str, domain: Domain, operation: Operation) -> Said:
    """An element of this name that is about one operation."""
    return Said(
        kind,
        {
            "Name": name,
            "Service": domain.service,
            "does": operation.does,
            "method": operation.name,
            "when": listed(list(operation.fails.values()), "or when"),
        },
    )


def said_rules(kind: str, entity: Entity, rules: Mapping[str, str]) -> Said:
    words = {
        "Name": pieces.rules_name(entity),
        "rules": listed([f"{key} {rule}" for key, rule in rules.items()]),
        "quoted": listed([f'{key} "{rule}"' for key, rule in rules.items()]),
    }
    return Said(kind, {**_entity(entity), **words})


def said_behavior(domain: Domain, rules: Mapping[str, str]) -> Said:
    words = {
        "Name": pieces.events_name(domain),
        "rules": listed([f"on {event} {then}" for event, then in rules.items()]),
        "quoted": listed([f'{event} "{then}"' for event, then in rules.items()]),
    }
    return Said("behavior", words)


def said_algorithm(draw: Draw) -> Said:
    one = draw.domain.algorithm
    return Said("algorithm", {"does": one.does, "Name": one.name, "quoted": listed(_quoted(one.steps))})


def said_scan(entity: Entity, value: str) -> Said:
    return Said("scan", {**_entity(entity), "value": value, "Name": pieces.scan_name(entity, value)})


# Simple: one element


def a_type(draw: Draw) -> Sketch:
    entity = draw.plain_entity()
    slots = draw.some(entity.plain)
    return draw.sketch([pieces.type_of(entity, slots)], said_type(entity, slots))


def an_enum(draw: Draw) -> Sketch:
    entity, name = draw.stateful()
    values = draw.domain.states[name]
    return draw.sketch([pieces.enum_of(name, values)], said_enum(entity, name, values))


def a_service(draw: Draw) -> Sketch:
    operation = draw.operation()
    element = pieces.service(draw.domain.service, [pieces.method(operation, ())])
    return draw.sketch([element], said_service(draw.domain, [operation]))


def a_table(draw: Draw) -> Sketch:
    entity = draw.plain_entity()
    slots = draw.some(entity.plain)
    table = pieces.table(entity, draw.domain, slots, ())
    return draw.sketch([pieces.database(draw.domain, [table])], said_table(draw.domain, entity, slots))


def a_validation(draw: Draw) -> Sketch:
    entity, rules = _rules(draw)
    return draw.sketch([pieces.validation(entity, rules)], said_rules("validation", entity, rules))


def _rules(draw: Draw) -> tuple[Entity, dict[str, str]]:
    entity = draw.rng.choice([one for one in draw.domain.entities.values() if draw.domain.rules_of(one)])
    return entity, draw.domain.rules_of(entity)


def a_behavior(draw: Draw) -> Sketch:
    rules = _events(draw)
    name = pieces.events_name(draw.domain)
    return draw.sketch([pieces.behavior(name, rules)], said_behavior(draw.domain, rules))


def _events(draw: Draw) -> dict[str, str]:
    events = draw.rng.sample(list(draw.domain.behaviors), draw.rng.randint(1, len(draw.domain.behaviors)))
    return {event: draw.domain.behaviors[event] for event in events}


def an_algorithm(draw: Draw) -> Sketch:
    return draw.sketch([pieces.algorithm(draw.domain.algorithm, ())], said_algorithm(draw))


def a_scan(draw: Draw) -> Sketch:
    entity, name = draw.stateful()
    value = draw.rng.choice(draw.domain.states[name])
    return draw.sketch([pieces.scan(entity, value)], said_scan(entity, value))


def a_test(draw: Draw) -> Sketch:
    operation = draw.operation()
    element = pieces.service(draw.domain.service, [pieces.method(operation, ())])
    return draw.sketch([element, pieces.test(operation)], _said_test(draw, operation))


def _said_test(draw: Draw, operation: Operation) -> Said:
    return said_of("test", pieces.test_name(operation), draw.domain, operation)


def _said_scenario(draw: Draw, operation: Operation) -> Said:
    return said_of("scenario", pieces.scenario_name(operation), draw.domain, operation)


# Structured: elements that need each other


def service_and_types(draw: Draw) -> Sketch:
    operations = draw.operations(draw.rng.randint(1, 2))
    found, known = draw.types(operations)
    typed = [element.name for element in found]
    service = pieces.service(draw.domain.service, [pieces.method(one, typed) for one in operations])
    entity = known[0] if known else None
    more = [said_type(entity, entity.slots)] if entity else []
    return draw.sketch([service, *found], said_service(draw.domain, operations), *more)


def related_tables(draw: Draw) -> Sketch:
    entities = _related(draw)
    kept = {entity.name for entity in entities}
    tables = [pieces.table(entity, draw.domain, entity.slots, kept) for entity in entities]
    return draw.sketch(
        [pieces.database(draw.domain, tables), pieces.relationships(entities)],
        said_relationships(draw.domain, entities),
    )


def _related(draw: Draw) -> list[Entity]:
    """An entity that names others, after those that it names."""
    naming = [
        one
        for one in draw.domain.entities.values()
        if any(slot.type in draw.domain.entities for slot in one.slots)
    ]
    chosen = draw.rng.choice(naming)
    named = {slot.type for slot in chosen.slots if slot.type in draw.domain.entities}
    return [draw.domain.entities[name] for name in sorted(named)] + [chosen]


def service_and_scenario(draw: Draw) -> Sketch:
    operation = draw.operation()
    service = pieces.service(draw.domain.service, [pieces.method(operation, ())])
    return draw.sketch(
        [service, pieces.scenario(operation)],
        said_service(draw.domain, [operation]),
        _said_scenario(draw, operation),
    )


def _touched(draw: Draw, operation: Operation) -> Element:
    """A database of what an operation touches."""
    names = list(dict.fromkeys(entity for _, entity in operation.touches))
    entities = [draw.domain.entities[name] for name in names]
    tables = [pieces.table(entity, draw.domain, entity.slots, names) for entity in entities]
    return pieces.database(draw.domain, tables)


def stored_transaction(draw: Draw) -> Sketch:
    operation = draw.operation()
    return draw.sketch(
        [_touched(draw, operation), pieces.transaction(operation)],
        said_of("transaction", upper(operation.name), draw.domain, operation),
    )


def stored_operation(draw: Draw) -> Sketch:
    operation = draw.operation()
    return draw.sketch(
        [_touched(draw, operation), pieces.workflow(operation)],
        said_of("operation", upper(operation.name), draw.domain, operation),
    )


def a_migration(draw: Draw) -> Sketch:
    entity, slot = draw.domain.grows
    slots = draw.some(entity.plain)
    table = pieces.table(entity, draw.domain, slots, ())
    return draw.sketch(
        [pieces.database(draw.domain, [table]), pieces.migration(entity, slot)],
        said_table(draw.domain, entity, slots),
        _said_migration(entity, slot),
    )


def _said_migration(entity: Entity, slot: Slot) -> Said:
    return Said(
        "migration", {**_entity(entity), "a_field": article(slot.name), "Name": pieces.migration_name(slot)}
    )


def a_module(draw: Draw) -> Sketch:
    operations = draw.operations(draw.rng.randint(1, 3))
    entity = draw.plain_entity()
    return draw.sketch(
        [pieces.module(draw.domain, operations, entity)],
        Said("module", {"Name": draw.domain.service, "methods": listed([one.name for one in operations])}),
        said_type(entity, entity.plain),
    )


def a_schema(draw: Draw) -> Sketch:
    entities = draw.rng.sample(list(draw.domain.entities.values()), 2)
    names = [entity.name for entity in entities]
    tables = [pieces.table(entity, draw.domain, entity.slots, names) for entity in entities]
    return draw.sketch(
        [pieces.schema(draw.domain, tables)],
        Said("schema", {**_entities(entities), "Name": pieces.schema_name(draw.domain)}),
    )


def a_component(draw: Draw) -> Sketch:
    operation = draw.operation()
    service = pieces.service(draw.domain.service, [pieces.method(operation, ())])
    return draw.sketch(
        [service, _panel(draw, [operation])],
        said_service(draw.domain, [operation]),
        _said_panel(draw, [operation]),
    )


def _panel(draw: Draw, operations: Sequence[Operation]) -> Element:
    entity, _ = draw.stateful()
    return pieces.component(
        pieces.panel_name(draw.domain),
        {"desk": draw.domain.service},
        [plural(lower(entity.name))],
        [one.name for one in operations],
    )


def _said_panel(draw: Draw, operations: Sequence[Operation]) -> Said:
    entity, _ = draw.stateful()
    words = {
        "Name": draw.domain.service,
        "Panel": pieces.panel_name(draw.domain),
        "methods": listed([one.name for one in operations]),
    }
    return Said("component", {**_entity(entity), **words})


def typed_validation(draw: Draw) -> Sketch:
    entity, rules = _rules(draw)
    slots = [slot for slot in entity.plain if slot.name in rules] or list(entity.plain)
    slots = [slot for slot in entity.plain if slot in slots or draw.rng.random() < 0.5]
    return draw.sketch(
        [pieces.type_of(entity, slots), pieces.validation(entity, rules)],
        said_type(entity, slots),
        said_rules("validation", entity, rules),
    )


def paged_service(draw: Draw) -> Sketch:
    entity = draw.plain_entity()
    slots = draw.some(entity.plain)
    service = pieces.service(draw.domain.service, [pieces.listing(entity, (entity.name,))])
    return draw.sketch(
        [service, pieces.page_of(), pieces.type_of(entity, slots)],
        Said(
            "page",
            {**_entity(entity), "Service": draw.domain.service, "method": pieces.listing_name(entity)},
        ),
        said_type(entity, slots),
    )


def typed_algorithm(draw: Draw) -> Sketch:
    one = draw.domain.algorithm
    found, known = draw.types_of([slot.type for slot in (*one.takes, one.gives) if not slot.is_plain])
    element = pieces.algorithm(one, [each.name for each in found])
    more = [said_type(known[0], known[0].slots)] if known else []
    return draw.sketch([element, *found], said_algorithm(draw), *more)


# Complex: a whole small system


def _extras(draw: Draw, operations: Sequence[Operation], count: int) -> tuple[list[Element], list[Said]]:
    """What goes beside a service that has a database: how it is tried, and `count` things more."""
    first = operations[0]
    events = _events(draw)
    entity, rules = _rules(draw)
    grown, slot = draw.domain.grows
    stateful, states = draw.stateful()
    value = draw.rng.choice(draw.domain.states[states])
    tried = [
        (pieces.scenario(first), _said_scenario(draw, first)),
        (pieces.test(first), _said_test(draw, first)),
    ]
    offered: list[tuple[Element, Said]] = [
        (pieces.transaction(first), said_of("transaction", upper(first.name), draw.domain, first)),
        (pieces.behavior(pieces.events_name(draw.domain), events), said_behavior(draw.domain, events)),
        (pieces.validation(entity, rules), said_rules("validation", entity, rules)),
        (pieces.migration(grown, slot), _said_migration(grown, slot)),
        (_panel(draw, operations), _said_panel(draw, operations)),
        (pieces.algorithm(draw.domain.algorithm, ()), said_algorithm(draw)),
        (pieces.scan(stateful, value), said_scan(stateful, value)),
    ]
    chosen = [draw.rng.choice(tried), *draw.rng.sample(offered, count)]
    return [element for element, _ in chosen], [said for _, said in chosen]


def _system(draw: Draw, operations: int, extras: int, *, typed: bool) -> Sketch:
    chosen = draw.operations(operations)
    found = draw.types(chosen)[0] if typed else []
    names = [element.name for element in found]
    said = [said_service(draw.domain, chosen)]
    dependencies: dict[str, Value] = {"data": Named(pieces.data_name(draw.domain))}
    if draw.rng.random() < 0.3:
        dependencies |= pieces.outside()
        said.append(Said("outside", {}))
    invariants: list[str] = []
    if draw.rng.random() < 0.3:
        entity, rules = _rules(draw)
        invariants = [f"{key} {rule}" for key, rule in rules.items()]
        said.append(said_rules("invariant", entity, rules))
    service = pieces.service(
        draw.domain.service,
        [pieces.method(one, names) for one in chosen],
        dependencies=dependencies,
        invariants=invariants,
    )
    entities = list(draw.domain.entities.values())
    kept = [entity.name for entity in entities]
    tables = [pieces.table(entity, draw.domain, entity.slots, kept) for entity in entities]
    more, spoken = _extras(draw, chosen, extras)
    storage = [pieces.database(draw.domain, tables)]
    if not typed:
        storage.append(pieces.relationships(entities))
        said.append(said_relationships(draw.domain, entities))
    return draw.sketch([service, *found, *storage, *more], *said, *spoken)


def typed_system(draw: Draw) -> Sketch:
    return _system(draw, draw.rng.randint(1, 2), draw.rng.randint(0, 1), typed=True)


def related_system(draw: Draw) -> Sketch:
    return _system(draw, draw.rng.randint(1, 2), draw.rng.randint(0, 2), typed=False)


# Novel: demands that no domain has by itself


def _audit(draw: Draw) -> list[Element]:
    entry = Element(
        "Type",
        "AuditEntry",
        (Field("what", Named("string")), Field("who", Named("string")), Field("when", Named("timestamp"))),
    )
    return [entry, pieces.behavior("AuditTrail", {"everyChange": "store an AuditEntry"})]


def _offline(draw: Draw) -> list[Element]:
    rules = {"networkGone": "keep calls in a queue", "networkBack": "send the queue in order"}
    return [pieces.behavior("OfflineQueue", rules)]


def _undo(draw: Draw) -> list[Element]:
    steps = pieces.texts(["read the last step", "do its opposite", "mark it as undone"])
    return [Element("Operation", "UndoLast", (Field("type", Text("workflow")), Field("steps", steps)))]


def _crowd(draw: Draw) -> list[Element]:
    return [pieces.component("WaitingLine", {"desk": draw.domain.service}, ["your place in the line"], [])]


def _forget(draw: Draw) -> list[Element]:
    steps = pieces.texts(["find names older than a year", "replace each by a number", "log how many"])
    return [Element("Operation", "ForgetNames", (Field("type", Text("workflow")), Field("steps", steps)))]


def _agree(draw: Draw) -> list[Element]:
    rules = (Field("signatures", Text("is at least 2")), Field("signers", Text("are different people")))
    return [Element("Validation", "TwoAgree", rules)]


TWISTS: dict[str, Callable[[Draw], list[Element]]] = {
    "audit": _audit,
    "offline": _offline,
    "undo": _undo,
    "crowd": _crowd,
    "forget": _forget,
    "agree": _agree,
}


def twisted(draw: Draw) -> Sketch:
    operations = draw.operations(draw.rng.randint(1, 2))
    service = pieces.service(draw.domain.service, [pieces.method(one, ()) for one in operations])
    names = draw.rng.sample(list(TWISTS), draw.rng.randint(1, 2))
    elements = [service, *(element for name in names for element in TWISTS[name](draw))]
    return draw.sketch(elements, said_service(draw.domain, operations), *(Said(name, {}) for name in names))


def bridged(draw: Draw) -> Sketch:
    """Two domains behind one component."""
    other = Draw(draw.rng.choice(draw.others), (), draw.rng)
    sides = [(each.domain, each.operation()) for each in (draw, other)]
    services = [pieces.service(domain.service, [pieces.method(one, ())]) for domain, one in sides]
    (left, first), (right, second) = sides
    joint = pieces.component(
        f"{left.title}{right.title}Desk",
        {lower(left.title): left.service, lower(right.title): right.service},
        [plural(lower(each.stateful()[0].name)) for each in (draw, other)],
        [first.name, second.name],
    )
    name = draw.rng.choice(list(TWISTS))
    more = TWISTS[name](draw)
    return Sketch(
        (left, right),
        (*services, joint, *more),
        (
            said_service(left, [first]),
            said_service(right, [second]),
            Said("bridge", {"Name": left.service, "Other": right.service}),
            Said(name, {}),
        ),
    )


RECIPES: dict[Stage, tuple[Recipe, ...]] = {
    "simple": (
        a_type,
        an_enum,
        a_service,
        a_table,
        a_validation,
        a_behavior,
        an_algorithm,
        a_scan,
        a_test,
    ),
    "structured": (
        service_and_types,
        related_tables,
        service_and_scenario,
        stored_transaction,
        stored_operation,
        a_migration,
        a_module,
        a_schema,
        a_component,
        typed_validation,
        paged_service,
        typed_algorithm,
    ),
    "complex": (typed_system, related_system),
    "novel": (twisted, bridged),
}


def names_of(elements: Collection[Element]) -> dict[str, list[str]]:
    """Kinds in order, with the names of their elements; each of the relationships has one, the block of them none."""
    found: dict[str, list[str]] = {}
    for element in elements:
        if element.name:
            found.setdefault(element.kind or "Relationships", []).append(element.name)
    return found
