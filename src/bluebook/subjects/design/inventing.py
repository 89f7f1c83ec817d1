"""Domains made up on the spot, of everyday words and of words that nobody has heard.

A model that only ever sees two dozen domains learns them by heart. Of made-up ones there are always more, and the one
way to get their names right is to take them from the prompt. What people name has pieces that never stood side by side
before, and so have the unheard words; what they say follows no pattern, and neither do words in no order. No entity of
a domain that training must not see is among the everyday ones.

Nothing is unheard at a share of 0, which is what a base reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from bluebook.subjects.design.domains import Algorithm, Domain, Entity, Operation, Slot, slot_of

NAME = "invented"


def _words(text: str) -> list[str]:
    return [word.strip() for line in text.splitlines() for word in line.split(",") if word.strip()]


_ONSETS = _words("b, br, c, cl, d, dr, f, fl, g, gr, h, j, k, l, m, n, p, pl, r, s, st, t, tr, v, w, z")
_RIMES = _words(
    """
    a, ab, ack, am, an, ar, at, e, eck, ell, en, er, et, ick, il, im, in, ip, o, ock, ol, on, op, or, ot, u, ub, uck, um
    un, ur
    """
)
_PLACES = _words(
    """
    antique shop, art school, bicycle club, book fair, bowling club, brass band, brewery, bus depot
    cake shop, call centre, camp site, canoe club, cattle market, charity shop, cheese dairy
    climbing club, coal yard, coffee roaster, cookery school, county court, craft market
    dance school, day nursery, dog school, driving school, evening school, fire station, fish market
    flower shop, fun fair, game shop, garden centre, glass works, grain mill, hair salon
    hardware shop, hat maker, history club, ice rink, job office, judo club, key cutter, kite club
    language school, letting office, mountain hut, music school, night shelter, notary office
    nut farm, oil mill, opera house, paint shop, paper mill, pet shop, piano workshop, pottery
    print shop, radio club, record shop, riding school, rowing club, rubber plant, sailing school
    sawmill, scout camp, sewing room, shoe shop, skate park, soap works, sports hall, stage school
    steel works, swimming bath, tea house, tennis club, textile mill, theatre club, toy shop
    travel office, tree nursery, van hire, vineyard, wine bar, wood workshop, wool shop, yoga studio
    youth hostel, zoo
    """
)
_NOUNS = _words(
    """
    Album, Answer, Apron, Badge, Ball, Barrel, Basket, Bill, Blanket, Bolt, Bottle, Box, Brick
    Bridge, Brush, Bucket, Button, Cable, Cake, Camera, Candle, Card, Carpet, Cart, Case, Chain
    Chair, Chapter, Chart, Cheque, Coat, Coin, Colour, Contract, Costume, Course, Cover, Crate, Cup
    Curtain, Desk, Door, Drawer, Dress, Drum, Engine, Envelope, Event, Exhibit, Fence, File, Fiddle
    Flag, Floor, Folder, Form, Fork, Frame, Gate, Gift, Glass, Glove, Guide, Hammer, Handle, Hat
    Heater, Helmet, Hook, Horse, Invoice, Jacket, Jar, Job, Key, Kettle, Kit, Ladder, Lamp, Lantern
    Lecture, Lesson, Letter, Lid, Line, List, Lock, Locker, Mask, Mat, Menu, Message, Meter, Mirror
    Model, Motor, Mug, Nail, Note, Notice, Oven, Package, Page, Painting, Panel, Paper, Parcel, Pass
    Pattern, Pen, Permit, Photo, Pipe, Plan, Plant, Plate, Post, Poster, Prize, Pump, Puzzle, Quote
    Rack, Receipt, Recipe, Record, Ribbon, Ring, Roof, Rope, Rug, Saddle, Sample, Scarf, Screen
    Seal, Seat, Shift, Shirt, Shoe, Sign, Slot, Song, Spoon, Spring, Stage, Stamp, Stand, Step
    Stone, Stool, Story, Switch, Tank, Tape, Task, Tent, Theme, Thread, Tile, Timer, Token, Tool
    Torch, Towel, Toy, Tray, Tree, Trip, Trunk, Tube, Valve, Vase, Voucher, Wagon, Wall, Wheel
    Whistle, Window, Wire
    """
)
_WORKPLACES = _words(
    """
    Desk, Office, Counter, Board, Room, Register, Planner, Keeper, Book, Service, Manager, Store
    Control, Hub, Centre
    """
)
_FIELDS = _words(
    """
    name string, title string, label string, code string, colour string, owner string, note string
    street string, city string, size string, kind string, material string, maker string
    serial string, remark string, count int, number int, amount int, level int, year int, weeks int
    pages int, places int, rank int, width float, length float, depth float, price float, cost float
    share float, speed float, score float, heat float, paid bool, broken bool, clean bool
    locked bool, public bool, full bool, made timestamp, begun timestamp, ended timestamp
    opened timestamp, changed timestamp, sent timestamp, seen timestamp
    """
)
_STATES = _words(
    """
    new, old, open, shut, free, full, empty, clean, dirty, ready, late, early, broken, whole, loose
    tight, lost, found, sold, paid, kept, moved, mended, packed, marked, hidden, shown, wet, warm
    cold, fresh, stale, light, heavy, locked, public, private, safe, sharp, blunt
    """
)
_VERBS = _words(
    """
    add, adopt, arrange, borrow, call, carry, change, choose, clean, collect, colour, compare, copy
    count, cover, decorate, empty, fetch, file, fill, fit, fold, frame, gather, grade, hang, hide
    hold, inspect, join, keep, label, lift, light, list, load, lower, mark, measure, mend, mix
    mount, move, name, order, pack, paint, park, pick, place, polish, post, prepare, present, press
    print, pull, push, raise, read, repeat, replace, reserve, rinse, roll, save, seal, search, sell
    send, shape, share, show, shut, sort, split, stack, stamp, stop, stretch, swap, test, tie, touch
    trade, trim, tune, turn, unload, unpack, update, wash, watch, weigh, wind, wrap
    """
)
_ENDINGS = _words(
    """
    Total, Order, Count, Share, Choice, Rest, Check, Score
    """
)
_SMALL = _words(
    """
    the, a, of, to, is, are, once, until, by, what, that, which, more, than, its, one, for, with, from
    """
)
_RULES = {
    "string": ("is not empty", "is unique", "is at most {n} letters long"),
    "int": ("is at least {n}", "is at most {n}", "is above 0"),
    "float": ("is above 0", "is at most {n}", "is at least {n}"),
    "timestamp": ("lies in the past", "lies ahead"),
    "bool": ("is never unknown",),
}


def unheard(rng: Random) -> str:
    """A word that nobody has heard: of syllables, of two everyday words, or of the beginning of one and the end of
    another."""
    one, other = (word.lower() for word in rng.sample(_NOUNS, 2))
    match rng.randrange(3):
        case 0:
            return "".join(rng.choice(_ONSETS) + rng.choice(_RIMES) for _ in range(rng.randint(2, 3)))
        case 1:
            return one + other
        case _:
            return one[: rng.randint(2, len(one))] + other[-rng.randint(2, len(other)) :]


class _Words:
    """Everyday words, a share of which makes way for unheard ones."""

    def __init__(self, share: float, rng: Random) -> None:
        self._share, self._rng = share, rng

    def named(self, words: Sequence[str]) -> list[str]:
        """Each word, or an unheard one."""
        return [unheard(self._rng) if self._rng.random() < self._share else word for word in words]

    def drawn(self, words: Sequence[str], count: int) -> list[str]:
        """Different words, or unheard ones."""
        return [self._heard(word) for word in self._rng.sample(words, count)]

    def _heard(self, word: str) -> str:
        return unheard(self._rng) if self._is_odd() else word

    def _is_odd(self) -> bool:
        # Unlike `named`, this throws no dice at a share of 0: what a base reads stays what it was.
        return bool(self._share) and self._rng.random() < self._share

    def fields(self, count: int) -> list[str]:
        """Different fields, with their types."""
        drawn = [field.split() for field in self._rng.sample(_FIELDS, count)]
        return [f"{self._heard(name)} {kind}" for name, kind in drawn]

    def place(self) -> str:
        """What a domain is about, in two words or a few more."""
        parts = self.named(self._rng.choice(_PLACES).split())
        if self._is_odd():
            more = self._heard(self._rng.choice(_NOUNS).lower())
            parts = self._rng.choice(([more, *parts], [*parts, self._rng.choice(("of", "for", "by")), more]))
        return " ".join(parts)

    def said(self, opening: str, rest: str) -> str:
        """A phrase, or its opening and words in no order."""
        return f"{opening} {self._salad() if self._is_odd() else rest}"

    def _salad(self) -> str:
        kinds = (_SMALL, _SMALL, _STATES, _VERBS, _NOUNS)
        words = (self._rng.choice(self._rng.choice(kinds)).lower() for _ in range(self._rng.randint(2, 5)))
        return " ".join(self._heard(word) for word in words)


def invent(rng: Random, unheard_share: float = 0.0) -> Domain:
    """A domain as `domains.yaml` could have it. `unheard_share` is of its words."""
    words = _Words(unheard_share, rng)
    nouns = [noun[0].upper() + noun[1:] for noun in words.named(rng.sample(_NOUNS, 3))]
    place = words.place()
    state = f"{nouns[2]}State"
    entities = {}
    for at, noun in enumerate(nouns):
        slots = [slot_of(field) for field in words.fields(rng.randint(2, 3) if at < 2 else 2)]
        if at == 2:
            slots = [Slot(lowered(other), other) for other in nouns[: rng.randint(1, 2)]] + slots
            slots.append(Slot("state", state))
        entities[noun] = Entity(noun, tuple(slots))
    rules = {
        slot.name: rng.choice(_RULES[slot.type]).format(n=rng.randint(1, 99))
        for entity in entities.values()
        for slot in rng.sample(entity.plain, 1)
    }
    lacking = [field for field in _FIELDS if all(_lacks(one, field) for one in entities.values())]
    grown = slot_of(rng.choice(lacking))
    return Domain(
        name=NAME,
        title="".join(word.capitalize() for word in place.split()),
        about=place,
        service=nouns[rng.randrange(3)] + rng.choice(_WORKPLACES),
        unseen=False,
        entities=entities,
        states={state: tuple(words.drawn(_STATES, 3))},
        operations=tuple(_operation(nouns, verb, words, rng) for verb in words.named(rng.sample(_VERBS, 3))),
        rules=rules,
        behaviors=dict(_behavior(nouns, words, rng) for _ in range(2)),
        algorithm=_algorithm(nouns, words, rng),
        grows=(entities[rng.choice(nouns[:2])], grown),
    )


def lowered(noun: str) -> str:
    return noun[0].lower() + noun[1:]


def _lacks(entity: Entity, field: str) -> bool:
    return all(slot.name != field.partition(" ")[0] for slot in entity.slots)


def _operation(nouns: list[str], verb: str, words: _Words, rng: Random) -> Operation:
    noun, other = rng.sample(nouns, 2)
    thing, beside = lowered(noun), lowered(other)
    before, after, wrong, missing = words.drawn(_STATES, 4)
    takes = [Slot(thing, noun)]
    if rng.random() < 0.5:
        takes.append(Slot(beside, other) if rng.random() < 0.5 else slot_of(*words.fields(1)))
    more = f" with {_one(beside)}" if len(takes) > 1 and takes[1].type == other else ""
    return Operation(
        name=f"{verb}{noun}",
        does=words.said(verb, f"{_one(thing)}{more}"),
        takes=tuple(takes),
        gives=Slot("result", rng.choice((noun, noun, "bool", "int"))),
        needs=(words.said(f"the {thing}", f"is {before}"), words.said(f"the {beside}", f"is {missing}")),
        ensures=(words.said(f"the {thing}", f"is {after}"),),
        fails={
            f"{noun}{wrong.capitalize()}": words.said(f"the {thing}", f"is {wrong}"),
            f"{other}Missing": f"the {beside} is missing",
        },
        touches=((rng.choice(("create", "update")), noun),),
    )


def _behavior(nouns: list[str], words: _Words, rng: Random) -> tuple[str, str]:
    noun, other = rng.sample(nouns, 2)
    [state], [verb] = words.drawn(_STATES, 1), words.drawn(_VERBS, 1)
    return f"{lowered(noun)}{state.capitalize()}", words.said(verb, f"the {lowered(other)}")


def _algorithm(nouns: list[str], words: _Words, rng: Random) -> Algorithm:
    noun = rng.choice(nouns)
    thing = lowered(noun)
    first, second, third = words.drawn(_VERBS, 3)
    [state] = words.drawn(_STATES, 1)
    kind = rng.choice(("int", "float", "bool", "string"))
    return Algorithm(
        name=f"{noun}{rng.choice(_ENDINGS)}",
        does=words.said(first, f"every {thing}"),
        takes=(Slot(thing, noun), slot_of(*words.fields(1))),
        gives=Slot("result", kind),
        steps=(f"{first} the {thing}", f"{second} what is {state}", f"{third} the rest"),
    )


def _one(thing: str) -> str:
    return f"an {thing}" if thing[0] in "aeiou" else f"a {thing}"
