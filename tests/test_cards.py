from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from bluebook import cards
from bluebook.cards import Card, choose, kernel_displays, normal_address, parse_smi, with_displays

GIB = 1 << 30
SMI = """\
00000000:01:00.0, Enabled, 570.86.10, 1523, NVIDIA GeForce RTX 4060
WARNING: infoROM is corrupted at gpu 00000000:41:00.0
00000000:41:00.0, Disabled, 570.86.10, 4, "NVIDIA RTX PRO 6000, Max-Q"
00000000:C1:00.0, Disabled, 570.86.10, [N/A], NVIDIA GB10
"""


def card(index: int, memory: float = 24, *, display: bool = False, integrated: bool = False) -> Card:
    return Card(
        index=index,
        name=f"Card {index}",
        memory=int(memory * GIB),
        free=int(memory * GIB),
        architecture="sm_90",
        integrated=integrated,
        address=f"0000:{index:02x}:00.0",
        display=display,
    )


@pytest.mark.parametrize(
    ("found", "device"),
    [
        ([], "cpu"),
        ([card(0)], "cuda:0"),
        ([card(0), card(1)], "cuda:0"),
        ([card(0, display=True), card(1)], "cuda:1"),
        ([card(0, display=True)], "cuda:0"),  # the only one: better than the CPU
        ([card(0, 16, integrated=True), card(1, 16)], "cuda:1"),
        ([card(0, 2), card(1, 24)], "cuda:1"),
        ([card(0, 96, display=True), card(1, 8)], "cuda:0"),  # a small spare card is no place to train
        ([card(0, 2, integrated=True)], "cpu"),
        ([card(0, 120, integrated=True)], "cuda:0"),  # machines whose one card shares all memory
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_card_that_trains(found: list[Card], device: str) -> None:
    choice = choose(found)
    assert choice.device == device
    assert set(choice.passed_over) == {c.index for c in found} - {int(device[5:]) if device != "cpu" else -1}
    assert all(choice.passed_over.values())


def test_a_card_that_is_passed_over_has_its_reason() -> None:
    passed_over = choose([card(0, 2), card(1, display=True), card(2, integrated=True), card(3)]).passed_over
    assert "4 GiB" in passed_over[0] and "screen" in passed_over[1] and "integrated" in passed_over[2]


def test_nvidia_smi_is_read() -> None:
    first, second, third = parse_smi(SMI)
    assert (first.address, first.display, first.driver, first.used) == (
        "0000:01:00.0", True, "570.86.10", 1523 << 20
    )  # fmt: skip
    assert (second.display, second.name) == (False, "NVIDIA RTX PRO 6000, Max-Q")
    assert third.used == 0
    assert parse_smi("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n") == []


def test_addresses_of_two_tools_are_one() -> None:
    assert normal_address("00000000:C1:00.0") == normal_address("0000:c1:00.0") == "0000:c1:00.0"
    # The numbers of the two tools differ; the address decides.
    ours = [msgspec.structs.replace(card(0), address="0000:41:00.0"), card(1)]
    marked = with_displays(ours, {found.address for found in parse_smi(SMI) if found.display})
    assert [found.display for found in marked] == [False, True]
    assert choose(marked).device == "cuda:0"


def test_screens_that_the_kernel_knows(tmp_path: Path) -> None:
    for number, address, status in ((0, "0000:03:00.0", "connected"), (1, "0000:0A:00.0", "disconnected")):
        (tmp_path / "devices" / address).mkdir(parents=True)
        port = tmp_path / f"card{number}-DP-1"
        port.mkdir()
        (port / "status").write_text(f"{status}\n")
        (tmp_path / f"card{number}").mkdir()
        (tmp_path / f"card{number}/device").symlink_to(tmp_path / "devices" / address)
    assert kernel_displays(tmp_path) == {"0000:03:00.0"}
    assert kernel_displays(tmp_path / "none") == set()


def test_a_look_that_fails_or_hangs_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    for script, told in (("echo torn >&2; exit 3", "ended with 3: torn"), ("sleep 30", "did not end within")):
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        monkeypatch.setattr(cards, "LOOK_SECONDS", 0.2)
        cards.seen.cache_clear()
        found = cards.seen()
        assert told in found.error and found.torch == "" and found.cards == []
    cards.seen.cache_clear()


def test_this_machine_is_seen_in_pytorchs_order() -> None:
    cards.seen.cache_clear()
    found = cards.seen()
    assert found.torch
    assert [seen.index for seen in found.cards] == list(range(len(found.cards)))
