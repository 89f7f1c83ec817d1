"""What a design refers to, and whether it is there.

    type          a capitalised type of a parameter, a result, a field of a type, a base
    dependency    what a component depends on: an element of the text, or one that is found in a file
    table         `table: "Books"` of an operation, a transaction or a migration, and `through`
    foreign_key   `foreignKey: "Books.id"` or `references: …` of a column
    column        the column of a foreign key, of a relationship or of an index
    relationship  `from`, `to` and `inverseOf` of a relationship

Known without being written: primitive types, column types, types of identifiers (`BookId`) and names all in capitals. A
component outside the text is written ``PaymentGateway found in `payments.bp` ``; so is a type.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from bluebook.subjects.design.constructs import children, walk
from bluebook.subjects.design.program import (
    Element,
    Field,
    Found,
    Item,
    List,
    Member,
    Method,
    Named,
    Object,
    Place,
    Program,
    Prose,
    Shaped,
    Text,
    Value,
    elements,
)

KINDS = ("type", "dependency", "table", "foreign_key", "column", "relationship")

PRIMITIVES = frozenset(
    """int integer long short bigint smallint float double decimal number numeric money bit byte bytes binary blob bool
    boolean string str char text varchar uuid guid date time datetime timestamp duration interval json xml url uri email
    enum file stream object any void null none nothing true false array list map set dict dictionary tuple record
    function error exception optional promise result""".split()  # noqa: SIM905
)
# Elements whose fields are types; those of others hold settings.
TYPE_KINDS = frozenset(
    "Type Data Struct Record Entity Model Event Message Class Interface DataStructure".split()  # noqa: SIM905
)
NO_TYPES = frozenset({"Scenario", "Test", "Operation", "Transaction", "Migration", "Relationships", "Schema"})


class Dangling(msgspec.Struct, frozen=True):
    """A reference to what is not there. `construct` is the kind of element that refers; `near` what may be meant."""

    kind: str
    name: str
    place: Place
    construct: str
    near: str | None = None


class Resolution(msgspec.Struct):
    """How many references there are, by kind, and which of them lead nowhere."""

    uses: Counter[str]
    dangling: list[Dangling]

    @property
    def rate(self) -> float:
        """The share of references that lead somewhere; of none, all do."""
        total = self.uses.total()
        return 1 - len(self.dangling) / total if total else 1.0


def resolution(program: Program) -> Resolution:
    return _Resolver(program).run()


class _Resolver:
    """The names of one design, and the references found so far."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.elements = list(elements(program))
        self.found = Resolution(Counter(), [])
        self.types = {each.name for each in self.elements if each.kind and each.kind not in NO_TYPES}
        self.tables: dict[str, set[str]] = {}
        self.relationships: set[str] = set()
        for node in walk(program.items):
            match node:
                case Found(name=str(name)):
                    self.types.add(name)
                case Shaped(type=Named(name=name)):
                    self.types.add(name)
                case Element(kind="Table"):
                    self.tables[node.name] = _columns(node)
                case Element(kind="Relationships"):
                    self.relationships |= {each.name for each in node.members if isinstance(each, Element)}
                case Field(key="createTable" | "renameTable", value=Object() as value):
                    self.migrated(value)

    def migrated(self, value: Object) -> None:
        """A table that a migration makes or renames; what its columns are may change again."""
        name = _string(_at(value, "name") or _at(value, "to"))
        if name is not None:
            self.tables.setdefault(name, set())

    def run(self) -> Resolution:
        for item in self.program.items:
            self.member(item, None, frozenset())
        return self.found

    def use(self, kind: str, name: str, known: Iterable[str], place: Place, construct: str) -> bool:
        """Count a reference; whether it leads somewhere."""
        self.found.uses[kind] += 1
        names = known if isinstance(known, set | dict) else set(known)
        if name in names:
            return True
        near = get_close_matches(name, list(names), 1, 0.75)
        self.found.dangling.append(Dangling(kind, name, place, construct, near[0] if near else None))
        return False

    # Walking: `element` is the innermost one, `generics` the names of types that it and its methods introduce.

    def member(self, member: Member, element: Element | None, generics: frozenset[str]) -> None:
        match member:
            case Element():
                self.element(member, generics)
            case Method():
                self.method(member, element, generics)
            case Field():
                self.field(member, element, generics)
            case _:
                for each in children(member):
                    if isinstance(each, Element | Method | Field):
                        self.member(each, element, generics)

    def element(self, element: Element, generics: frozenset[str]) -> None:
        generics |= {each.name for each in element.generics if isinstance(each, Named)}
        if element.base is not None and element.base not in generics:
            self.type_name(element.base, element.place, element.kind)
        if element.kind == "Relationships":
            for each in element.members:
                if isinstance(each, Element):
                    self.relationship(each)
            return
        for member in element.members:
            if element.kind in TYPE_KINDS and isinstance(member, Field):
                self.typed_field(member, element.kind, generics)
            self.member(member, element, generics)
        if element.kind == "Table":
            self.table(element)

    def method(self, method: Method, element: Element | None, generics: frozenset[str]) -> None:
        construct = element.kind if element else ""
        generics |= {each.name for each in method.generics if isinstance(each, Named)}
        kinds = [each.type for each in method.parameters if each.type is not None]
        self.used_types(kinds + ([method.returns] if method.returns is not None else []), construct, generics)
        for member in method.body or ():
            self.member(member, element, generics)

    def field(self, field: Field, element: Element | None, generics: frozenset[str]) -> None:
        construct = element.kind if element else ""
        name = _string(field.value)
        match field.key:
            case "dependencies":
                self.dependencies(field, construct)
                return
            case "foreignKey" | "references" if name is not None:
                self.foreign_key(name, field.place, construct)
            case "table" | "through" if name is not None and construct not in TYPE_KINDS:
                self.use("table", name, self.tables, field.place, construct)
        for each in children(field):
            self.inside(each, element, generics)

    def inside(self, value: object, element: Element | None, generics: frozenset[str]) -> None:
        """What a value holds."""
        match value:
            case Object():
                for member in value.members:
                    self.member(member, element, generics)
            case List():
                for item in value.items:
                    self.inside(item, element, generics)
            case Shaped():
                for member in value.body.members:
                    if isinstance(member, Field):
                        self.typed_field(member, element.kind if element else "", generics)
                    self.member(member, element, generics)
            case Method() | Element():
                self.member(value, element, generics)

    # Kinds of reference

    def typed_field(self, field: Field, construct: str, generics: frozenset[str]) -> None:
        """A field whose value is its type; a list, such as that of an enumeration, is none."""
        if not isinstance(field.value, List | Found):
            self.used_types([field.value], construct, generics)

    def used_types(self, values: Iterable[Value], construct: str, generics: frozenset[str]) -> None:
        """Types, and the types inside them."""
        for node in walk(list(values)):
            if isinstance(node, Named) and node.name not in generics:
                self.type_name(node.name, node.place, construct)

    def type_name(self, name: str, place: Place, construct: str) -> None:
        if "." in name or not name[0].isupper() or is_known(name):
            return
        self.use("type", name, self.types, place, construct)

    def dependencies(self, field: Field, construct: str) -> None:
        """Values of an object, or items of a list: names of elements, or found in a file."""
        values: list[tuple[Value | Item, Place]]
        match field.value:
            case Object(members=members):
                values = [(each.value, each.place) for each in members if isinstance(each, Field)]
            case List(items=items):
                values = [(each, field.place) for each in items]
            case _:
                values = [(field.value, field.place)]
        for value, place in values:
            match value:
                case Named(name=name) | Prose(text=name) | Text(text=name):
                    if name[:1].isupper() and " " not in name:
                        self.use("dependency", name, self.types, place, construct)
                case Found() | Shaped():
                    self.found.uses["dependency"] += 1

    def foreign_key(self, name: str, place: Place, construct: str) -> None:
        table, _, column = name.partition(".")
        if self.use("foreign_key", table, self.tables, place, construct):
            self.column(table, column, place, construct)

    def column(self, table: str, column: str, place: Place, construct: str) -> None:
        """A column, where the table says which it has."""
        if column and self.tables.get(table):
            self.use("column", column, self.tables[table], place, construct)

    def table(self, table: Element) -> None:
        """The columns that indexes and the primary key of a table name."""
        for field in table.members:
            if not isinstance(field, Field) or field.key not in ("indexes", "primaryKey"):
                continue
            for node in walk([field.value]):
                names = node if isinstance(node, List) and field.key == "primaryKey" else None
                place = field.place
                if isinstance(node, Field) and node.key == "columns" and isinstance(node.value, List):
                    names, place = node.value, node.place
                for item in names.items if names else ():
                    name = _string(item)
                    if name is not None:
                        self.column(table.name, name.split(" ")[0], place, "Table")

    def relationship(self, relationship: Element) -> None:
        for field in relationship.members:
            name = _string(field.value) if isinstance(field, Field) else None
            if name is None or not isinstance(field, Field):
                continue
            match field.key:
                case "from" | "to":
                    table, _, column = name.partition(".")
                    if self.use("relationship", table, self.tables, field.place, "Relationships"):
                        self.column(table, column, field.place, "Relationships")
                case "through":
                    self.use("table", name, self.tables, field.place, "Relationships")
                case "inverseOf":
                    self.use("relationship", name, self.relationships, field.place, "Relationships")


def is_known(name: str) -> bool:
    """Whether a type needs no definition."""
    return name.lower() in PRIMITIVES or name.endswith(("Id", "ID")) or (len(name) > 1 and name.isupper())


def _columns(table: Element) -> set[str]:
    field = table.field("columns")
    if field is None:
        return set()
    match field.value:
        case Object(members=members):
            return {each.key for each in members if isinstance(each, Field)}
        case List(items=items):
            names = [
                _string(_at(item, "name") if isinstance(item, Object) else item)
                for item in items
                if not isinstance(item, Method | Element)
            ]
            return {name for name in names if name is not None}
    return set()


def _at(value: Object, key: str) -> Value | None:
    return next((each.value for each in value.members if isinstance(each, Field) and each.key == key), None)


def _string(value: object) -> str | None:
    """A name, in quotes or without."""
    match value:
        case Text(text=text) | Prose(text=text):
            return text
        case Named(name=name, arguments=()):
            return name
    return None
