"""How designs are asked for and thought about. Each thing can be said in several ways, and no way of asking that an
exam uses is used for training: `train`, `practice` and `holdout` share no pattern.

In a pattern, `{a_about}` is the place with its article, `{about}` without; `{wants}` is what is asked for. The words of
one piece (`{entity}`, `{fields}`, `{does}` …) come from `recipes.py`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Purpose = Literal["train", "practice", "holdout"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
Register = Literal["brief", "notes", "question", "request", "story"]
REGISTERS: tuple[Register, ...] = get_args(Register)


class Pool(NamedTuple):
    """Patterns by purpose."""

    train: tuple[str, ...]
    practice: tuple[str, ...]
    holdout: tuple[str, ...]

    def of(self, purpose: Purpose) -> tuple[str, ...]:
        found: tuple[str, ...] = getattr(self, purpose)
        return found


PROMPTS: dict[Register, Pool] = {
    "brief": Pool(
        (
            "Design {wants} for {a_about}.",
            "Missing at {a_about}: {wants}. Design it.",
            "Blueprint for {a_about}: {wants}.",
            "Give {a_about} {wants}.",
            "Write the blueprint of {wants} for {a_about}.",
            "Specification for {a_about}: {wants}. Think first.",
            "Sketch {wants}. It is meant for {a_about}.",
            "Draw up {wants} for {a_about}.",
            "{A_about} lacks {wants}; fill the gap.",
            "Make {wants}, to be used in {a_about}.",
            "Task: {wants}. Place: {about}.",
            "Describe {wants} in such a way that {a_about} can build it.",
        ),
        ("Work out {wants}; the user is {a_about}.",),
        ("For {a_about}, specify {wants}.", "Wanted at {a_about}: {wants}."),
    ),
    "notes": Pool(
        (
            "{about}: {wants}",
            "notes, {about}; {wants}",
            "{wants} ({about})",
            "{about}. {wants}.",
            "{wants}, {about}",
            "idea for {a_about}: {wants}",
            "{about} -> {wants}",
            "must have at the {about}: {wants}",
            "project {about}, {wants}",
            "* {wants} * {about}",
        ),
        ("todo for {a_about}: {wants}",),
        ("{about} / {wants}", "jotted down at {a_about}: {wants}"),
    ),
    "question": Pool(
        (
            "How would you design {wants} for {a_about}?",
            "What would {wants} look like in {a_about}?",
            "Which design gives {a_about} {wants}?",
            "Is there a good design of {wants} for {a_about}?",
            "If {a_about} asked for {wants}, what would you write?",
            "How does {a_about} get {wants}?",
            "May {a_about} have {wants}?",
            "Would you draft {wants} on behalf of {a_about}?",
            "What has to be settled before {a_about} builds {wants}?",
            "Who can lay out {wants} for {a_about}?",
            "Why not build {wants} into {a_about}?",
        ),
        ("Can you plan {wants} with {a_about} in mind?",),
        ("Could {a_about} be given {wants}?", "What would you suggest to {a_about} for {wants}?"),
    ),
    "request": Pool(
        (
            "We run {a_about}. Please design {wants}.",
            "I look after {a_about} and would like {wants}.",
            "Please give our {about} {wants}.",
            "Kindly plan {wants}. I work at {a_about}.",
            "Hello, {a_about} here. We need {wants}.",
            "I want {wants} at my {about}.",
            "Our {about} has to get {wants} by Monday.",
            "My team at {a_about} is asking for {wants}.",
            "As the owner of {a_about} I order {wants}.",
            "You would do {a_about} a favour with {wants}.",
            "{A_about} is my customer and pays for {wants}.",
        ),
        ("My sister keeps {a_about}; she would be glad of {wants}.",),
        ("I am new at {a_about} and have to deliver {wants}.", "Help {a_about} out with {wants}."),
    ),
    "story": Pool(
        (
            "Our {about} still works on paper. Think about {wants} and write the blueprint.",
            "Things go wrong at {a_about} because nobody planned {wants}. Plan it now.",
            "Yesterday at {a_about} somebody asked for {wants}. Write it down as a design.",
            "For years {a_about} did without {wants}. That ends today.",
            "Since {a_about} has been growing, it needs {wants}.",
            "Two people at {a_about} argued about {wants}. Settle it by a design.",
            "Every morning {a_about} opens without {wants}. Change that.",
            "When {a_about} moved house, one thing was forgotten: {wants}.",
            "It was raining when the head of {a_about} thought of {wants}. Make it real.",
            "An inspector told {a_about} to set up {wants}.",
        ),
        ("Last week {a_about} lost its papers; from now on there shall be {wants}.",),
        (
            "Here is my problem: {a_about} is without {wants}.",
            "The old program of {a_about} is gone. Replace it by {wants}.",
        ),
    ),
}

WANTS: dict[str, Pool] = {
    "type": Pool(
        (
            "a type {Name} with {typed}",
            "{a_Name} type of {fields}",
            "a type for {an_entity} with {typed}",
            "the data of {an_entity} as {Name}: {fields}",
            "a data type {Name}, its fields {typed}",
            "{Name} made of {typed}",
            "one structure {Name} for {an_entity}: {fields}",
        ),
        ("a record {Name} ({typed})", "a record of {an_entity} ({fields}) called {Name}"),
        ("a type {Name} that knows {typed}", "what {an_entity} is, by {fields}, as {Name}"),
    ),
    "enum": Pool(
        (
            "a type {Name} of {quoted}",
            "the states {quoted} as {Name}",
            "a type for the states of {an_entity}: {values}",
            "an enumeration {Name} over {quoted}",
            "{Name} for {an_entity}, whose values are {quoted}",
            "the choice of {values} under the name {Name}",
        ),
        ("a list {Name} of states: {quoted}",),
        (
            "a type {Name} that is one of {quoted}",
            "the states that {an_entity} goes through, {values}, as {Name}",
        ),
    ),
    "service": Pool(
        (
            "a service {Name} with {methods} to {does}",
            "a service {Name} that can {does} by {methods}",
            "{a_Name} with {methods} to {does} or fail with {errors}",
            "a service {Name} to {does}, errors {errors}",
            "a service to {does} that fails when {when}",
            "some service {Name} offering {methods}, in order to {does}",
            "{Name}, the service that will {does} with {methods} and report {errors}",
            "calls {methods} on {Name} to {does}",
            "a service that will {does}, but not when {when}",
        ),
        (
            "a service called {Name} so that staff can {does} with {methods}",
            "a service called {Name} ({methods}) that knows the errors {errors}",
        ),
        (
            "{a_Name} service whose job is to {does} in {methods}",
            "a service {Name} for those who {does} by {methods}, unless {when}",
            "{methods} in a service {Name} with the errors {errors}",
        ),
    ),
    "table": Pool(
        (
            "a table {Name} with {typed}",
            "a database {Data} that keeps {entities} with {typed}",
            "storage for {entities}: {typed}",
            "a database {Data} with {Name}: {fields}",
            "{Name} inside {Data}, columns {typed}",
            "a database table {Name} made of {typed}",
            "persistent {entities} with {fields}, in the database {Data}",
        ),
        ("a place {Data} to store {entities} and their {fields}",),
        (
            "{Name} in a database {Data}, each with {typed}",
            "a table {Name} that remembers {fields} of {entities}",
        ),
    ),
    "relationships": Pool(
        (
            "tables for {entities} in {Data} and how they belong together",
            "a database {Data} of {entities} with relationships",
            "{Data}, a database in which {entities} point to each other",
            "linked tables for {entities}, database {Data}",
        ),
        ("related tables that hold {entities} in {Data}",),
        ("the way {entities} hang together in a database {Data}",),
    ),
    "validation": Pool(
        (
            "{Name} with {quoted}",
            "checks {Name} on {an_entity}: {quoted}",
            "a validation of {entities} so that {rules}",
            "validation {Name} of {an_entity}, namely {quoted}",
            "{Name}, to make sure that {rules}",
        ),
        ("rules {Name} that {an_entity} keeps ({quoted})",),
        (
            "a guard {Name} against bad {entities}: {quoted}",
            "{Name}, by which for each {entity} {rules}",
        ),
    ),
    "behavior": Pool(
        (
            "behavior {Name} with {quoted}",
            "a behavior {Name}: {quoted}",
            "automatic behavior {Name}: {rules}",
            "an automatic {Name} doing {quoted}",
            "{Name} as behavior, meaning {rules}",
        ),
        ("something called {Name} that by itself does this: {quoted}",),
        (
            "a behavior {Name} that nobody has to start: {quoted}",
            "{Name}, which acts {rules}",
        ),
    ),
    "algorithm": Pool(
        (
            "an algorithm {Name} to {does}",
            "an algorithm {Name}: {quoted}",
            "an algorithm {Name} that can {does} ({quoted})",
            "the steps to {does}",
            "{Name}, an algorithm made of the steps {quoted}",
            "a computation {Name} that will {does}",
        ),
        ("a procedure {Name} to {does}", "a procedure {Name} ({quoted})"),
        (
            "a way {Name}, step after step, to {does}: {quoted}",
            "the algorithm {Name} by which to {does}",
        ),
    ),
    "scan": Pool(
        (
            'an algorithm {Name} that tells whether any {entity} is "{value}"',
            '{Name}, a search for {entities} that are "{value}"',
            "an algorithm that tells whether any {entity} is {value}",
            'a loop {Name} over {entities} looking for "{value}"',
            "a check by the name of {Name} for any {entity} being {value}",
        ),
        ('a quick look {Name} whether some {entity} is "{value}"',),
        ('an answer {Name} to whether {an_entity} is "{value}", by going through all {entities}',),
    ),
    "scenario": Pool(
        (
            "a scenario {Name} of how to {does}",
            "a scenario {Name} with given, when and then for those who {does}",
            "given, when and then of {Name}: people {does}",
            "a worked example {Name} of those who {does}",
        ),
        ("an acceptance scenario {Name} in which people {does}",),
        ("the story {Name} of a try to {does}, with what can go wrong",),
    ),
    "test": Pool(
        (
            "a test {Name} that {method} of {Service} fails when {when}",
            "a test {Name} of {method} in {Service} for the case that {when}",
            "a unit test {Name}, where {method} of {Service} breaks because {when}",
            "{Name} as a test: {Service} must not do {method} if {when}",
        ),
        ("proof {Name} that {method} of {Service} refuses when {when}",),
        ("a test {Name} of {method} from {Service} in case {when}",),
    ),
    "transaction": Pool(
        (
            "a transaction {Name} to {does}, all or nothing",
            "a safe transaction {Name} that can {does}",
            "{Name}, a transaction in order to {does}",
            "a transaction {Name} for whoever will {does}",
        ),
        ("one transaction {Name} in which to {does}, undone if it fails",),
        ("a way {Name} to {does} that never stops halfway",),
    ),
    "operation": Pool(
        (
            "an operation {Name} to {does}",
            "the workflow {Name} to {does}",
            "{Name} as an operation to {does}",
            "an operation {Name} of several steps for people to {does}",
        ),
        ("an operation {Name} by which staff {does}",),
        ("a workflow {Name} for those who {does}",),
    ),
    "migration": Pool(
        (
            "a migration {Name} that adds {a_field} to {entities}",
            "a change {Name} of the database: {entities} get {a_field}",
            "{Name}: migrate {entities} to have {a_field}",
            "a schema change {Name} giving {entities} {a_field}",
        ),
        ("a migration {Name} after which {entities} have {a_field}",),
        ("{a_field} for all {entities} that are stored already, by {Name}",),
    ),
    "module": Pool(
        (
            "a summary of the module {Name} with {methods}",
            "the public side of {Name}: {methods}",
            "an overview of {Name} as a module, with {methods}",
            "the exported functions {methods} of the module {Name}",
        ),
        ("a module summary ({methods}) of {Name}",),
        ("what others may call in {Name}, namely {methods}",),
    ),
    "schema": Pool(
        (
            "a schema {Name} with {entities}",
            "a database schema {Name} for {entities}",
            "a schema by name {Name}, made up of {entities}",
            "{Name}: a schema holding {entities}",
        ),
        ("a schema {Name} that covers {entities}",),
        ("{entities} in one schema {Name}",),
    ),
    "component": Pool(
        (
            "a component {Panel} that shows {entities} and calls {Name}",
            "a screen component {Panel} on {Name} for {methods}",
            "a user interface {Panel} using {Name} to list {entities}",
            "{Panel}, a view with {methods} of {Name}",
        ),
        ("a component {Panel} on top of {Name} for {entities}",),
        ("a panel {Panel} where people see {entities} and use {Name}",),
    ),
    "page": Pool(
        (
            "a service {Service} with {method} page by page",
            "paging through {entities} by {method} of {Service}",
            "a paged list of {entities} in {Service} through {method}",
            "{Service} returning {entities} in pages, {method}",
        ),
        ("pages of {entities} from {method} in {Service}",),
        ("all {entities} by {method} of {Service}, but never more than a page at once",),
    ),
    "outside": Pool(
        (
            "mail through the MailSender found in `mail/sender.bp`",
            "the MailSender of `mail/sender.bp` for mails",
            "mails that go through `mail/sender.bp` and its MailSender",
            "the existing MailSender from `mail/sender.bp`",
        ),
        ("use of MailSender, which lies in `mail/sender.bp`",),
        ("letters sent by MailSender (see `mail/sender.bp`)",),
    ),
    "invariant": Pool(
        (
            "a promise that {rules} at all times",
            "invariants: {rules}",
            "a law that holds for ever: {rules}",
            "the invariant {rules}",
        ),
        ("the certainty that always {rules}",),
        ("no moment in which it is not so that {rules}",),
    ),
    "audit": Pool(
        (
            "a trail of who changed what",
            "a record of every change",
            "a log of each change",
            "an audit of all edits",
        ),
        ("a history of all changes",),
        ("proof of who did what and when",),
    ),
    "offline": Pool(
        (
            "work that goes on when the network is gone",
            "calls that wait while there is no network",
            "working offline",
            "a queue for times without a connection",
        ),
        ("use without any network for hours",),
        ("service on days when no line works",),
    ),
    "undo": Pool(
        (
            "a way to undo the last step",
            "an undo for slips",
            "an undo button",
            "taking back the latest action",
        ),
        ("one step back after a mistake",),
        ("a remedy for a wrong click",),
    ),
    "crowd": Pool(
        (
            "order when a thousand people come at once",
            "a queue for the rush hour",
            "a waiting line for busy hours",
            "handling of a sudden rush",
        ),
        ("calm on the day when everybody calls",),
        ("fairness when all want it in the same minute",),
    ),
    "forget": Pool(
        (
            "names that are forgotten after a year",
            "no names kept longer than a year",
            "deletion of names after twelve months",
            "a yearly clean-up of names",
        ),
        ("names that disappear when a year is over",),
        ("privacy, with every name gone after a year",),
    ),
    "agree": Pool(
        (
            "nothing costly unless two people agree",
            "a second pair of eyes on costly steps",
            "a four-eyes check of costly things",
            "confirmation by a second person",
        ),
        ("two signatures where much money moves",),
        ("approval by somebody else when it is dear",),
    ),
    "bridge": Pool(
        (
            "one desk for both {Name} and {Other}",
            "a component that joins {Name} with {Other}",
            "one screen in front of {Name} and {Other}",
            "a gateway to {Name} plus {Other}",
        ),
        ("a common front of {Name} and {Other}",),
        ("{Name} and {Other} behind a single counter",),
    ),
}

# What the thinking says. `{gists}` is what it is about, `{known}` what the prompt says of it.
UNDERSTANDING = Pool(
    ("To settle for {a_about}: {gists}.", "It must be clear {gists}.", "Asked for {a_about}: {gists}."),
    ("The point for {a_about} is {gists}.",),
    ("To be found out at {a_about} is {gists}.",),
)
KNOWN = Pool(
    ("Known from the start: {known}.", "Given by name: {known}."),
    ("The prompt names {known}.",),
    ("At hand: {known}.",),
)

GISTS: dict[str, str] = {
    "type": "what is known of {an_entity}",
    "enum": "in which states {an_entity} can be",
    "service": "how to {does}",
    "table": "where {entities} are kept",
    "relationships": "how {entities} belong together",
    "validation": "which {entities} are right",
    "behavior": "what happens by itself",
    "algorithm": "how to {does}",
    "scan": "whether any {entity} is {value}",
    "scenario": "what happens to those who {does}",
    "test": "when {method} must fail",
    "transaction": "how to {does} without stopping halfway",
    "operation": "in which steps to {does}",
    "migration": "how {entities} get {a_field}",
    "module": "what others may call",
    "schema": "how {entities} are stored together",
    "component": "what people see",
    "page": "how many {entities} are read at once",
    "outside": "who sends the mail",
    "invariant": "what always holds",
    "audit": "who changed what",
    "offline": "what happens without a network",
    "undo": "how a slip is undone",
    "crowd": "what happens in the rush",
    "forget": "how long names are kept",
    "agree": "who must agree",
    "bridge": "how both sides meet",
}

APPROACHES: dict[str, tuple[str, ...]] = {
    "type": ("Keep each fact in one typed field.", "One type holds all that is known."),
    "enum": ("List the states and allow none but these.", "A closed list keeps out every other state."),
    "service": (
        "Give each method a contract with its errors.",
        "State what must hold before and after each call.",
    ),
    "table": ("One table with its own key for each row.", "Every row gets an id that never changes."),
    "relationships": (
        "Let ids point from the many to the one.",
        "Join the tables by keys that point from one to another.",
    ),
    "validation": (
        "Check each field by one rule of its own.",
        "Refuse every value that breaks one of the rules.",
    ),
    "behavior": ("React to events and wait for nobody.", "One rule for each event that may happen."),
    "algorithm": (
        "Lead step by step from the input to the output.",
        "Take small steps that can each be checked.",
    ),
    "scan": ("Look through all and stop with the first hit.", "One loop with one condition inside will do."),
    "scenario": (
        "Tell what is given, what happens and what then holds.",
        "One story that also says what can fail.",
    ),
    "test": ("Try the very case that has to fail.", "Look for the error and not only the result."),
    "transaction": (
        "Make all changes or roll every one back.",
        "Group the changes so that none stands alone.",
    ),
    "operation": ("Check first what must hold and change later.", "Order the work as checks, then changes."),
    "migration": ("Add one column and know how to drop it.", "Describe the step forward and the way back."),
    "module": ("Show the signatures and hide all the rest.", "List only what others are meant to use."),
    "schema": ("Put all the tables under one common schema.", "One schema owns every table and its keys."),
    "component": ("Let the component show and the service decide.", "Keep all rules out of what is shown."),
    "page": ("Read one page after another with a cursor.", "Never read more than one page at once."),
    "outside": (
        "Use the sender that exists already for mail.",
        "Leave all mail to the sender that is there.",
    ),
    "invariant": ("Say what holds before and after every call.", "Write down once what must never break."),
    "audit": ("Store one entry for every change that is made.", "Never change any entry of the trail."),
    "offline": ("Keep calls waiting until the network is back.", "Lose nothing while the line is dead."),
    "undo": ("Remember the last step and its opposite.", "Know for each step how to take it back."),
    "crowd": ("Take the waiting calls one after another.", "Serve first whoever has waited the longest."),
    "forget": ("Replace old names by numbers every night.", "Sweep out the old names once each night."),
    "agree": ("Ask one more person before anything counts.", "Hold the step back until two have signed."),
    "bridge": (
        "Put one component over the two services.",
        "Join the two services only where people meet them.",
    ),
}

# What the preparation holds on to, beside the names.
CONSTRAINTS: dict[str, str] = {
    "type": "every field has one plain type",
    "enum": "no other state may ever occur",
    "service": "each method says how it can fail",
    "table": "every row has its own key",
    "relationships": "every key leads to a table here",
    "validation": "each rule speaks about one field",
    "behavior": "nobody has to start any of this",
    "algorithm": "each step uses only what came before",
    "scan": "the loop ends with an answer",
    "scenario": "every error has its own path",
    "test": "the right error must come out",
    "transaction": "nothing may remain half done",
    "operation": "checks come before every change",
    "migration": "the way back must stay open",
    "module": "only public names are listed here",
    "schema": "every table belongs to this schema",
    "component": "the component holds no rules itself",
    "page": "no page may grow too large",
    "outside": "the sender lies in another file",
    "invariant": "no call may break what holds",
    "audit": "entries are only ever added",
    "offline": "queued calls keep their order",
    "undo": "only the last step can be undone",
    "crowd": "nobody may overtake those who wait",
    "forget": "numbers must not lead back to names",
    "agree": "the two must be different people",
    "bridge": "neither service knows the other one",
}
