"""Domains made up on the spot, of everyday words and of words that nobody has heard.

A model that only ever sees two dozen domains learns them by heart. Of made-up ones there are always more, and the one
way to get their names right is to take them from the prompt. What people name has pieces that never stood side by side
before, and so have the unheard words. No entity of a domain that training must not see is among the everyday ones.
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
_RULES = {
    "string": ("is not empty", "is unique", "is at most {n} letters long"),
    "int": ("is at least {n}", "is at most {n}", "is above 0"),
    "float": ("is above 0", "is at most {n}", "is at least {n}"),
    "timestamp": ("lies in the past", "lies ahead"),
    "bool": ("is never unknown",),
}


def unheard(rng: Random) -> str:
    """A word that nobody has heard."""
    return "".join(rng.choice(_ONSETS) + rng.choice(_RIMES) for _ in range(rng.randint(2, 3)))


def _drawn(words: Sequence[str], count: int, share: float, rng: Random) -> list[str]:
    """Different words, this share of them unheard."""
    drawn = rng.sample(words, count)
    return [unheard(rng) if rng.random() < share else word for word in drawn]


def invent(rng: Random, unheard_share: float = 0.0) -> Domain:
    """A domain as `domains.yaml` could have it. `unheard_share` is of its nouns and verbs."""
    nouns = [noun[0].upper() + noun[1:] for noun in _drawn(_NOUNS, 3, unheard_share, rng)]
    place = " ".join(
        unheard(rng) if rng.random() < unheard_share / 2 else part for part in rng.choice(_PLACES).split()
    )
    state = f"{nouns[2]}State"
    entities = {}
    for at, noun in enumerate(nouns):
        fields = rng.sample(_FIELDS, rng.randint(2, 3) if at < 2 else 2)
        slots = [slot_of(field) for field in fields]
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
        states={state: tuple(rng.sample(_STATES, 3))},
        operations=tuple(_operation(nouns, verb, rng) for verb in _drawn(_VERBS, 3, unheard_share, rng)),
        rules=rules,
        behaviors=dict(_behavior(nouns, rng) for _ in range(2)),
        algorithm=_algorithm(nouns, rng),
        grows=(entities[rng.choice(nouns[:2])], grown),
    )


def lowered(noun: str) -> str:
    return noun[0].lower() + noun[1:]


def _lacks(entity: Entity, field: str) -> bool:
    return all(slot.name != field.partition(" ")[0] for slot in entity.slots)


def _operation(nouns: list[str], verb: str, rng: Random) -> Operation:
    noun, other = rng.sample(nouns, 2)
    thing, beside = lowered(noun), lowered(other)
    before, after, wrong, missing = rng.sample(_STATES, 4)
    takes = [Slot(thing, noun)]
    if rng.random() < 0.5:
        takes.append(Slot(beside, other) if rng.random() < 0.5 else slot_of(rng.choice(_FIELDS)))
    more = f" with {_one(beside)}" if len(takes) > 1 and takes[1].type == other else ""
    return Operation(
        name=f"{verb}{noun}",
        does=f"{verb} {_one(thing)}{more}",
        takes=tuple(takes),
        gives=Slot("result", rng.choice((noun, noun, "bool", "int"))),
        needs=(f"the {thing} is {before}", f"the {beside} is {missing}"),
        ensures=(f"the {thing} is {after}",),
        fails={
            f"{noun}{wrong.capitalize()}": f"the {thing} is {wrong}",
            f"{other}Missing": f"the {beside} is missing",
        },
        touches=((rng.choice(("create", "update")), noun),),
    )


def _behavior(nouns: list[str], rng: Random) -> tuple[str, str]:
    noun, other = rng.sample(nouns, 2)
    state = rng.choice(_STATES)
    return f"{lowered(noun)}{state.capitalize()}", f"{rng.choice(_VERBS)} the {lowered(other)}"


def _algorithm(nouns: list[str], rng: Random) -> Algorithm:
    noun = rng.choice(nouns)
    thing = lowered(noun)
    first, second, third = rng.sample(_VERBS, 3)
    state = rng.choice(_STATES)
    kind = rng.choice(("int", "float", "bool", "string"))
    return Algorithm(
        name=f"{noun}{rng.choice(_ENDINGS)}",
        does=f"{first} every {thing}",
        takes=(Slot(thing, noun), slot_of(rng.choice(_FIELDS))),
        gives=Slot("result", kind),
        steps=(f"{first} the {thing}", f"{second} what is {state}", f"{third} the rest"),
    )


def _one(thing: str) -> str:
    return f"an {thing}" if thing[0] in "aeiou" else f"a {thing}"
