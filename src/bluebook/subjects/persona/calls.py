"""Orders that a tool carries out, and what may be said after the call."""

from __future__ import annotations

from typing import NamedTuple

REMARKS = (
    " says that it's {opinion}.",
    " is done; I'll tell {person} {soon}.",
    " gives {count}, which is {opinion}.",
    " worked. The {thing} can wait until {clock}.",
    " leaves only the {adj} {thing} to be {order.done}.",
    " went through at {clock}.",
    " has nothing new. I'll look again {soon}.",
)


class Call(NamedTuple):
    """An order that one tool can carry out. An argument is a text with slots, a range of whole numbers or a
    choice.
    """

    request: str
    tool: str
    arguments: dict[str, str | range | tuple[str, ...]]


CALLS = (
    Call("Set a timer for the {food}.", "set_timer", {"minutes": range(1, 60), "label": "{food}"}),
    Call(
        "Remind me to {order} the {thing} {soon}.",
        "add_reminder",
        {"text": "{order} the {thing}", "when": "{soon}"},
    ),
    Call("What's the weather doing in {place}?", "weather", {"place": "{place}", "hours": range(1, 48)}),
    Call(
        "Send {person} a message about the {thing}.",
        "send_message",
        {"to": "{person}", "text": "The {thing} is {adj}."},
    ),
    Call(
        "Add {food} and {many:fruit} to the shopping list.",
        "add_items",
        {"list": "shopping", "first": "{food}", "second": "{many:fruit}"},
    ),
    Call(
        "Look up how to {order} {a:thing}.", "search", {"query": "{order} {a:thing}", "limit": range(1, 10)}
    ),
    Call("Turn the light in {place} down a little.", "dim_light", {"room": "{place}", "level": range(5, 95)}),
    Call("How many {many:thing} have we got?", "count_items", {"item": "{thing}"}),
    Call(
        "Note that the {thing} needs to be {order.done}.",
        "write_note",
        {"title": "{thing}", "text": "needs to be {order.done}"},
    ),
    Call("Wake me at {clock}.", "set_alarm", {"time": "{clock}", "repeat": ("never", "daily", "weekdays")}),
    Call("Play something {adj}.", "play_music", {"mood": "{adj}", "volume": range(1, 11)}),
    Call("Mark the {thing} as done.", "mark_done", {"task": "{order} the {thing}"}),
    Call(
        "What does {a:adj} {thing} cost?",
        "price",
        {"item": "{adj} {thing}", "currency": ("EUR", "GBP", "USD", "HUF")},
    ),
    Call(
        "Find a train to {place} {soon}.",
        "find_train",
        {"to": "{place}", "when": "{soon}", "changes": range(0, 3)},
    ),
    Call("Book a table for {count} {soon}.", "book_table", {"people": range(2, 12), "when": "{soon}"}),
    Call("Who has the {tool}?", "find_item", {"item": "{tool}"}),
    Call("Heat {place} before I come home.", "set_heating", {"room": "{place}", "celsius": range(14, 24)}),
    Call(
        "Translate '{adj} {thing}' for {person}.",
        "translate",
        {"text": "{adj} {thing}", "to": ("de", "fr", "hu", "pl", "es")},
    ),
    Call("Water the {plant} beside {place}.", "water", {"plant": "{plant}", "litres": range(1, 30)}),
    Call(
        "Share the bill between {count} of us.",
        "split_bill",
        {"people": range(2, 12), "total": range(10, 400)},
    ),
    Call(
        "Order {count} {many:thing} in {colour}.",
        "order",
        {"item": "{thing}", "quantity": range(1, 50), "colour": "{colour}"},
    ),
    Call("Log that the {animal} was in {place}.", "log_sighting", {"animal": "{animal}", "place": "{place}"}),
)
