"""The graphics cards of this machine in PyTorch's order, and which of them `device: auto` takes.

PyTorch numbers cards by speed, nvidia-smi by slot: the same number can mean two cards. PCI addresses join what the
two say. A driver that has once been asked through PyTorch shows this process the same cards for ever, so where
there are several they are looked at in a child process; hiding all but one still works afterwards.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import msgspec

DRM = Path("/sys/class/drm")
QUERY = ("pci.bus_id", "display_active", "driver_version", "memory.used", "name")
LOOK_SECONDS = 60  # a cold driver on a machine with eight cards needs some 20
SMI_SECONDS = 20
SMALLEST = 4 << 30  # bytes; below, not even the smallest model of a hub is trained
SMALL_SHARE = 0.5  # of the largest card's memory: such a card is there for something else


class Card(msgspec.Struct, kw_only=True, frozen=True):
    """A card as PyTorch sees it. `memory` and `free` in bytes; `address` is the PCI address, empty if unknown."""

    index: int
    name: str
    memory: int
    free: int
    architecture: str  # `sm_90`, `gfx906`
    integrated: bool
    address: str
    display: bool = False  # a screen hangs on it


class Seen(msgspec.Struct, kw_only=True, frozen=True):
    """What PyTorch says of its build and the cards; `error` in its words where it cannot reach them."""

    torch: str
    cuda: str | None
    hip: str | None
    architectures: list[str]  # that the build has kernels for
    cards: list[Card]
    error: str = ""


class SmiCard(msgspec.Struct, kw_only=True, frozen=True):
    """A card as nvidia-smi sees it. `used` in bytes."""

    address: str
    display: bool
    driver: str
    used: int
    name: str


class Choice(msgspec.Struct, kw_only=True, frozen=True):
    """The card to train on, None for the CPU, and why each other card was passed over, by its index."""

    card: Card | None
    passed_over: dict[int, str]

    @property
    def device(self) -> str:
        return "cpu" if self.card is None else f"cuda:{self.card.index}"


def choose(cards: Sequence[Card]) -> Choice:
    """The first card that only computes; failing that one with a screen, failing that an integrated one.

    A card with less than half of the largest one's memory counts after those with more, screen or not, and one
    with less than 4 GiB is never taken.
    """
    largest = max((card.memory for card in cards), default=0)

    def drawbacks(card: Card) -> dict[str, bool]:
        return {  # the worst first
            "integrated": card.integrated,
            "less than half of the largest card's memory": card.memory < SMALL_SHARE * largest,
            "a screen hangs on it": card.display,
        }

    able = [card for card in cards if card.memory >= SMALLEST]
    chosen = min(able, key=lambda card: (*drawbacks(card).values(), card.index), default=None)
    passed_over = {}
    for card in cards:
        if card is not chosen:
            reasons = [why for why, holds in drawbacks(card).items() if holds]
            if card.memory < SMALLEST:
                reasons = ["less than 4 GiB of memory"]
            passed_over[card.index] = ", ".join(reasons) or "another card comes first"
    return Choice(card=chosen, passed_over=passed_over)


def parse_smi(text: str) -> list[SmiCard]:
    """The cards of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`; lines of another shape are left out."""
    found = []
    for fields in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(fields) != len(QUERY):
            continue  # a warning between the lines
        address, display, driver, used, name = (field.strip() for field in fields)
        found.append(
            SmiCard(
                address=normal_address(address),
                display=display == "Enabled",
                driver=driver,
                used=int(used) << 20 if used.isdigit() else 0,  # "[N/A]" on cards that share memory
                name=name,
            )
        )
    return found


def normal_address(address: str) -> str:
    """`00000000:1A:00.0` and `0000:1a:00.0` name one card; this is the kernel's way to write it."""
    domain, _, rest = address.lower().partition(":")
    return f"{int(domain, 16):04x}:{rest}" if rest else address.lower()


def smi_cards() -> list[SmiCard]:
    """What nvidia-smi says; nothing where it is missing, fails or hangs (the doctor looks into that)."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    query = [command, f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=False, timeout=SMI_SECONDS)
    except subprocess.TimeoutExpired:
        return []
    return parse_smi(done.stdout) if done.returncode == 0 else []


def kernel_displays(drm: Path = DRM) -> set[str]:
    """PCI addresses of the cards with a screen plugged in, as the Linux kernel's graphics drivers know them."""
    found = set()
    for status in drm.glob("card*-*/status"):
        if status.read_text().strip() == "connected":
            card = drm / status.parent.name.partition("-")[0] / "device"
            found.add(card.resolve().name.lower())
    return found


def with_displays(cards: Iterable[Card], addresses: set[str]) -> list[Card]:
    return [msgspec.structs.replace(card, display=card.address in addresses) for card in cards]


def look() -> Seen:
    """What PyTorch sees from this process, and with it the driver is bound to the cards visible now."""
    import torch

    cards: list[Card] = []
    error = ""
    if torch.version.cuda or torch.version.hip:
        try:
            torch.cuda.init()
            cards = [_card(index) for index in range(torch.cuda.device_count())]
        except (RuntimeError, AssertionError) as caught:  # what torch raises for a missing or old driver
            error = str(caught).strip().splitlines()[0]
    return Seen(
        torch=str(torch.__version__),
        cuda=torch.version.cuda,
        hip=torch.version.hip,
        architectures=torch.cuda.get_arch_list() if cards else [],
        cards=cards,
        error=error,
    )


def _card(index: int) -> Card:
    import torch

    found = torch.cuda.get_device_properties(index)
    free, _ = torch.cuda.mem_get_info(index)
    amd = torch.version.hip is not None
    # Builds for old AMD cards do not tell the place; such a card then counts as one without a screen.
    place = [getattr(found, f"pci_{part}_id", -1) for part in ("domain", "bus", "device")]
    return Card(
        index=index,
        name=found.name,
        memory=found.total_memory,
        free=free,
        architecture=found.gcnArchName.partition(":")[0] if amd else f"sm_{found.major}{found.minor}",
        integrated=bool(found.is_integrated),
        address="" if -1 in place else "{:04x}:{:02x}:{:02x}.0".format(*place),
    )


@cache
def seen() -> Seen:
    """What PyTorch sees from a child process, so that this one can still hide cards. Cards with screens are marked.

    A child that fails or hangs is told in `error`, with no cards.
    """
    # -P keeps the working folder, which is the user's repository, out of the child's imports.
    command = [sys.executable, "-P", "-m", "bluebook.cards"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LOOK_SECONDS, check=False)
        found = msgspec.json.decode(done.stdout, type=Seen)
    except subprocess.TimeoutExpired:
        return _unseen(f"looking at the cards did not end within {LOOK_SECONDS} s")
    except msgspec.DecodeError:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return _unseen(f"looking at the cards ended with {done.returncode}: {lines[-1] if lines else ''}")
    displays = kernel_displays() | {card.address for card in smi_cards() if card.display}
    return msgspec.structs.replace(found, cards=with_displays(found.cards, displays))


def _unseen(error: str) -> Seen:
    return Seen(torch="", cuda=None, hip=None, architectures=[], cards=[], error=error)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(look()))
