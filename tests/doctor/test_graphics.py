from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bluebook import params
from bluebook.cards import Card, Seen, SmiCard
from bluebook.doctor import computing
from bluebook.doctor.computing import judged
from bluebook.doctor.findings import Finding
from bluebook.doctor.graphics import device_of, graphics, machine
from bluebook.doctor.trials import TRIALS, Trial
from bluebook.params import Local
from bluebook.training import quantisation
from tests.test_cards import GIB, card

CPU = Seen(torch="2.13.0+cpu", cuda=None, hip=None, architectures=[], cards=[])


def cuda(*cards: Card, error: str = "") -> Seen:
    return Seen(
        torch="2.13.0", cuda="12.8", hip=None, architectures=["sm_90"], cards=list(cards), error=error
    )


def smi(*cards: Card) -> list[SmiCard]:
    return [SmiCard(address=c.address, display=c.display, driver="570.1", used=0, name=c.name) for c in cards]


def found(seen: Seen, device: str = "auto", there: list[SmiCard] | None = None) -> list[Finding]:
    there = smi(*seen.cards) if there is None else there
    return [f for f in graphics(seen, there, device, smi_there=bool(there)) if f.level != "fine"]


def only(findings: list[Finding]) -> Finding:
    [finding] = findings
    assert finding.advice
    return finding


def test_nothing_is_wrong_with_a_cpu_or_a_free_card() -> None:
    assert found(CPU) == found(cuda(card(0), card(1))) == []
    told = [f.found for f in graphics(cuda(card(0, display=True), card(1)), smi(card(0)))]
    assert "570.1" in told[0] and "CUDA 12.8" in told[0]
    assert "passes it over" in told[1] and "takes it" in told[2]


def test_a_card_that_this_torch_cannot_use() -> None:
    assert "not built for CUDA" in only(found(CPU, there=smi(card(0)))).found
    told = only(found(cuda(error="The NVIDIA driver on your system is too old"), there=smi(card(0))))
    assert told.level == "warning" and "too old" in told.found and "570.1" in told.advice


def test_nvidia_smi_that_fails() -> None:
    told = only(
        [f for f in graphics(cuda(error="no driver"), [], "auto", smi_there=True) if f.level != "fine"]
    )
    assert "nvidia-smi" in told.advice


def test_a_look_that_hung_blocks_unless_the_cpu_is_asked_for() -> None:
    hung = Seen(torch="", cuda=None, hip=None, architectures=[], cards=[], error="did not end within 60 s")
    assert only(found(hung)).level == "blocks"
    assert only(found(hung, "cpu")).level == "note"


@pytest.mark.parametrize("device", ["cuda:2", "cuda:x", "gpu", "mps"])
def test_a_device_that_is_not_there_blocks(device: str) -> None:
    assert only(found(cuda(card(0)), device)).level == "blocks"


def test_the_card_with_the_screen_is_told_only_where_it_trains() -> None:
    screen, free = card(0, display=True), card(1)
    assert "screen" in only(found(cuda(screen))).found
    assert found(cuda(screen, free)) == []
    assert "screen" in only(found(cuda(screen, free), "cuda:0")).found
    assert device_of(cuda(screen, free), "auto") == "cuda:1"
    assert device_of(cuda(screen, free), "cpu") == "cpu"


def test_memory_that_others_hold() -> None:
    busy = msgspec.structs.replace(card(0), free=10 * GIB)
    assert "14.0 GiB" in only(found(cuda(busy))).found


def test_a_card_hidden_from_torch() -> None:
    assert "Card 1" in only(found(cuda(card(0)), there=smi(card(0), card(1)))).found


def test_an_old_amd_card_gets_the_build_that_works() -> None:
    old = msgspec.structs.replace(card(0), architecture="gfx906")
    seen = Seen(torch="2.13.0", cuda=None, hip="7.1", architectures=["gfx90a"], cards=[old])
    assert "2.4.1" in only(found(seen)).advice
    strange = msgspec.structs.replace(old, architecture="gfx803")
    assert "gfx803" in only(found(msgspec.structs.replace(seen, cards=[strange]))).found


def test_little_memory() -> None:
    assert [f.level for f in machine(2, 3 * GIB)] == ["warning"]
    assert [f.level for f in machine(2, 16 * GIB)] == ["fine"]


def judgement(failing: set[str], device: str = "cuda:0", dtype: str = "auto") -> list[tuple[str, str]]:
    outcomes = [Trial(name=name, works=name not in failing, detail="planted") for name in TRIALS]
    local = msgspec.structs.replace(Local(), dtype=dtype)
    return [(f.probe, f.level) for f in judged(outcomes, device, local) if f.level != "fine"]


@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        (set(), []),
        ({"float32"}, [("float32", "blocks")]),
        ({"bfloat16"}, [("bf16", "note")]),
        ({"sdpa math"}, [("attention", "blocks")]),
        ({"sdpa flash"}, []),
        ({"sdpa flash", "sdpa memory-efficient"}, [("attention", "note")]),
        ({"flash-attn"}, [("attention", "warning")]),
    ],
    ids=lambda value: str(sorted(value)),  # a set's own order differs between test workers
)
def test_failed_trials(failing: set[str], expected: list[tuple[str, str]]) -> None:
    assert judgement(failing) == expected


def test_bfloat16_blocks_where_it_is_asked_for() -> None:
    assert judgement({"bfloat16"}, dtype="bfloat16") == [("bf16", "blocks")]


def quantised(works: bool, method: str) -> list[tuple[str, str]]:
    """What is found for nf4 where a subject's method is `method`, and the card does or does not take it."""
    whole = params.load(Path(__file__).parents[2] / "params.yaml")
    name, subject = next(iter(whole.subjects.items()))
    train = msgspec.structs.replace(subject.train, method=method, quantisation="nf4")
    changed = msgspec.structs.replace(whole, subjects={name: msgspec.structs.replace(subject, train=train)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantisation, "trial", lambda *_: quantisation.Trial(works, "planted"))
        return [(f.probe, f.level) for f in computing.quantisation("nf4", "cuda:0", changed)]


def test_quantisation_blocks_only_who_wants_it() -> None:
    assert quantised(True, "qlora") == [("nf4", "fine")]
    assert quantised(False, "qlora") == [("nf4", "blocks")]
    assert quantised(False, "lora") == [("nf4", "note")]


def test_a_quantisation_trial_that_hangs_is_a_finding() -> None:
    [found] = computing.quantisation("int8", "cpu", None, seconds=0.05)
    assert found.level == "note" and "no answer" in found.found
