"""Elements of a design, made from a domain. Each function makes one kind; `recipes.py` puts beside it what it names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from bluebook.subjects.design.domains import Algorithm, Domain, Entity, Operation, Slot
from bluebook.subjects.design.program import (
    Array,
    Element,
    Field,
    Flow,
    Found,
    Line,
    List,
    Literal,
    Member,
    Method,
    Named,
    Object,
    Parameter,
    Prose,
    Shaped,
    Statement,
    Step,
    Text,
    Type,
    Value,
)

COLUMN_TYPES = {
    "string": "String",
    "int": "Int",
    "float": "Decimal",
    "bool": "Bool",
    "timestamp": "Timestamp",
}
OUTSIDE = ("MailSender", "mail/sender.bp")  # a service of somebody else's, and where its blueprint lies


def plural(word: str) -> str:
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    if word.endswith(("lf", "oaf")):
        return word[:-1] + "ves"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def lower(name: str) -> str:
    """A type's name as that of a variable."""
    return name[0].lower() + name[1:]


def upper(name: str) -> str:
    return name[0].upper() + name[1:]


# What elements are called


def data_name(domain: Domain) -> str:
    return f"{domain.title}Data"


def schema_name(domain: Domain) -> str:
    return f"{domain.title}Schema"


def events_name(domain: Domain) -> str:
    return f"{domain.title}Events"


def panel_name(domain: Domain) -> str:
    return f"{domain.title}Panel"


def rules_name(entity: Entity) -> str:
    return f"{entity.name}Rules"


def listing_name(entity: Entity) -> str:
    return f"list{plural(entity.name)}"


def scan_name(entity: Entity, value: str) -> str:
    return f"Any{upper(value)}{entity.name}"


def scenario_name(operation: Operation) -> str:
    return f"{upper(operation.name)}Works"


def test_name(operation: Operation) -> str:
    return f"{upper(operation.name)}Fails"


def migration_name(slot: Slot) -> str:
    return f"Add{upper(slot.name)}"


def texts(values: Iterable[str]) -> List:
    return List(tuple(Text(value) for value in values))


def prose(values: Iterable[str]) -> List:
    return List(tuple(Prose(value) for value in values))


# Types


def type_name(slot: Slot, typed: Collection[str]) -> Type:
    """The type of a slot where only the names in `typed` are defined: an entity is else its id, a state a string."""
    if slot.is_plain or slot.type in typed:
        name = slot.type
    else:
        name = "string" if slot.type.endswith("State") else f"{slot.type}Id"
    return Array(Named(name)) if slot.many else Named(name)


def slot_name(slot: Slot, typed: Collection[str]) -> str:
    is_id = not (slot.is_plain or slot.type in typed or slot.many or slot.type.endswith("State"))
    return f"{slot.name}Id" if is_id else slot.name


def type_of(entity: Entity, slots: Sequence[Slot], typed: Collection[str] = ()) -> Element:
    members = tuple(Field(slot_name(slot, typed), type_name(slot, typed)) for slot in slots)
    return Element("Type", entity.name, members)


def enum_of(name: str, values: Sequence[str]) -> Element:
    return Element("Type", name, (Field("enum", texts(values)),))


def page_of() -> Element:
    """A page of anything, with where the next one begins."""
    return Element(
        "Type",
        "Page",
        (Field("items", Array(Named("T"))), Field("next", Named("string"))),
        generics=(Named("T"),),
    )


# Services


def signature(operation: Operation, typed: Collection[str], body: tuple[Member, ...] | None = None) -> Method:
    parameters = tuple(Parameter(slot_name(slot, typed), type_name(slot, typed)) for slot in operation.takes)
    return Method(operation.name, parameters, type_name(operation.gives, typed), body)


def method(operation: Operation, typed: Collection[str]) -> Method:
    contract: tuple[Member, ...] = (
        Field("preconditions", prose(operation.needs)),
        Field("postconditions", prose(operation.ensures)),
    )
    if operation.fails:
        contract += (Field("errors", prose(operation.fails)),)
    return signature(operation, typed, contract)


def listing(entity: Entity, typed: Collection[str]) -> Method:
    """A method that lists what there is, page by page."""
    item = Named(entity.name if entity.name in typed else f"{entity.name}Id")
    contract = (
        Field("preconditions", prose(["size is above 0"])),
        Field("postconditions", prose([f"at most size {lower(plural(entity.name))} are given"])),
        Field("errors", prose(["BadCursor"])),
    )
    parameters = (Parameter("cursor", Named("string")), Parameter("size", Named("int")))
    return Method(listing_name(entity), parameters, Named("Page", (item,)), contract)


def service(
    name: str,
    methods: Iterable[Method],
    *,
    dependencies: Mapping[str, Value] | None = None,
    invariants: Sequence[str] = (),
) -> Element:
    members: list[Member] = []
    if dependencies:
        members.append(
            Field("dependencies", Object(tuple(Field(key, one) for key, one in dependencies.items())))
        )
    if invariants:
        members.append(Field("invariants", prose(invariants)))
    members.append(Field("methods", Object(tuple(methods))))
    return Element("Service", name, tuple(members))


def outside() -> dict[str, Value]:
    return {"mail": Found(OUTSIDE[1], OUTSIDE[0])}


def module(domain: Domain, operations: Sequence[Operation], entity: Entity) -> Element:
    """The public side of a service, as a summary file has it."""
    shape = Object(tuple(Field(slot.name, Named(slot.type)) for slot in entity.plain))
    errors = [error for operation in operations for error in operation.fails]
    return Element(
        "Module",
        domain.service,
        (
            Field("functions", List(tuple(signature(operation, ()) for operation in operations))),
            Field("types", List((Shaped(Named(entity.name), shape),))),
            Field("throws", prose(errors)),
        ),
    )


def component(
    name: str, dependencies: Mapping[str, str], shows: Sequence[str], actions: Sequence[str]
) -> Element:
    members = (
        Field("dependencies", Object(tuple(Field(key, Named(one)) for key, one in dependencies.items()))),
        Field("shows", texts(shows)),
        Field("actions", texts(actions)),
    )
    return Element("Component", name, members)


# Storage


def table(entity: Entity, domain: Domain, slots: Sequence[Slot], kept: Collection[str]) -> Element:
    """`kept` names the entities that have tables beside this one; others are only known by id."""
    columns = [Field("id", _column("UUID", ("primaryKey", Literal("true"))))]
    for slot in slots:
        if slot.type in domain.states:
            column = _column("String", ("enum", texts(domain.states[slot.type])))
        elif not slot.is_plain:
            key = [("foreignKey", Text(f"{plural(slot.type)}.id"))] if slot.type in kept else []
            column = _column("UUID", *key)
        elif domain.rules.get(slot.name) == "is unique":
            column = _column(COLUMN_TYPES[slot.type], ("unique", Literal("true")))
        else:
            column = _column(COLUMN_TYPES[slot.type])
        columns.append(Field(slot_name(slot, ()), column))
    return Element("Table", plural(entity.name), (Field("columns", Object(tuple(columns))),))


def _column(kind: str, *more: tuple[str, Value]) -> Object:
    return Object((Field("type", Named(kind)), *(Field(key, value) for key, value in more)))


def database(domain: Domain, tables: Sequence[Element]) -> Element:
    return Element("Database", data_name(domain), tuple(tables))


def schema(domain: Domain, tables: Sequence[Element]) -> Element:
    return Element("Schema", schema_name(domain), tuple(tables))


def relationships(entities: Sequence[Entity]) -> Element:
    """How the tables of these entities belong together, by the ids that they hold of each other."""
    kept = {entity.name for entity in entities}
    found = [
        Element(
            "",
            f"{lower(entity.name)}{upper(slot.name)}",
            (
                Field("from", Text(f"{plural(entity.name)}.{slot.name}Id")),
                Field("to", Text(f"{plural(slot.type)}.id")),
                Field("type", Text("many-to-one")),
            ),
        )
        for entity in entities
        for slot in entity.slots
        if slot.type in kept
    ]
    return Element("Relationships", "", tuple(found))


def transaction(operation: Operation) -> Element:
    steps = tuple(
        Object((Field("type", Text(kind)), Field("table", Text(plural(entity)))))
        for kind, entity in operation.touches
    )
    return Element(
        "Transaction",
        upper(operation.name),
        (
            Field("operations", List(steps)),
            Field("onError", Text("rollback")),
            Field("postconditions", prose(operation.ensures)),
        ),
    )


def workflow(operation: Operation) -> Element:
    _, entity = operation.touches[0]
    steps = [f"check that {need}" for need in operation.needs] + [
        f"see to it that {ensured}" for ensured in operation.ensures
    ]
    return Element(
        "Operation",
        upper(operation.name),
        (
            Field("type", Text("workflow")),
            Field("table", Text(plural(entity))),
            Field("steps", texts(steps)),
        ),
    )


def migration(entity: Entity, slot: Slot) -> Element:
    up = (Field("action", Text("addColumn")), Field("column", Text(slot.name)))
    down = (Field("action", Text("dropColumn")), Field("column", Text(slot.name)))
    return Element(
        "Migration",
        migration_name(slot),
        (
            Field("table", Text(plural(entity.name))),
            Field("version", Literal("2")),
            Field("up", List((Object((*up, Field("type", Named(COLUMN_TYPES[slot.type])))),))),
            Field("down", List((Object(down),))),
        ),
    )


# What must hold, what happens, how it is found out


def validation(entity: Entity, rules: Mapping[str, str]) -> Element:
    return Element(
        "Validation",
        rules_name(entity),
        tuple(Field(key, Text(rule)) for key, rule in rules.items()),
    )


def behavior(name: str, rules: Mapping[str, str]) -> Element:
    inside = Object(tuple(Field(event, Text(then)) for event, then in rules.items()))
    return Element("Behavior", name, (Field("rules", inside),))


def algorithm(one: Algorithm, typed: Collection[str]) -> Element:
    parameters = tuple(Field(slot_name(slot, typed), type_name(slot, typed)) for slot in one.takes)
    return Element(
        "Algorithm",
        one.name,
        (
            Field("input", Object(parameters)),
            Field("output", type_name(one.gives, typed)),
            Field("steps", texts(one.steps)),
        ),
    )


def scan(entity: Entity, value: str) -> Element:
    """An algorithm written as flow: whether any entity is in a state."""
    each = lower(entity.name)
    inside = Flow("if", f'{each}.state == "{value}"', (Statement("return true"),))
    return Element(
        "Algorithm",
        scan_name(entity, value),
        (
            Flow("for", f"{each} in {lower(plural(entity.name))}", (inside,)),
            Statement("return false"),
        ),
    )


def scenario(operation: Operation) -> Element:
    first, *others = operation.ensures
    steps: list[Member] = [Field("Preconditions", prose(operation.needs))]
    given = " and ".join(f"the {slot.name}" for slot in operation.takes)
    steps += [
        Step("Given", given),
        Step("When", f"{operation.name} is called"),
        Step("Then", first),
        *(Step("And", other) for other in others),
    ]
    if operation.fails:
        paths = (f"{when} -> {error}" for error, when in operation.fails.items())
        steps.append(Field("ErrorPaths", prose(paths)))
    return Element("Scenario", scenario_name(operation), tuple(steps))


def test(operation: Operation) -> Element:
    lines = [
        Line(f"{operation.name} fails with {error} when {when}.") for error, when in operation.fails.items()
    ]
    return Element("Test", test_name(operation), tuple(lines))
