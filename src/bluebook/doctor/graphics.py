"""Cards, driver and build of PyTorch: which card trains, and what stands in its way."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from bluebook import cards
from bluebook.cards import Choice, Seen, SmiCard
from bluebook.doctor.findings import Finding, blocks, fine, gib, note, warning

BUSY = 0.2  # of the card's memory taken by others: a batch that fits an empty card may not fit
# Cards that current builds have no working kernels for, with the last build known to work on them.
OLD_AMD = {"gfx906": "torch 2.4.1 for ROCm 6.0, `dtype: float32`; later builds fault on it"}


def machine(cores: int, memory: int) -> list[Finding]:
    said = f"{cores} cores, {gib(memory)} of memory"
    if memory < 4 << 30:
        return [warning("machine", said, "the embedded base needs 4 GiB; close other programs or add swap")]
    return [fine("machine", said)]


def graphics(
    seen: Seen, smi: Sequence[SmiCard], device: str = "auto", smi_there: bool | None = None
) -> list[Finding]:
    """What `seen` (PyTorch) and `smi` (nvidia-smi) say, for the `device` of local.yaml."""
    if smi_there is None:
        smi_there = shutil.which("nvidia-smi") is not None
    if seen.torch == "":
        advice = "update or reset the driver, restart the machine; until then `device: cpu` in local.yaml"
        return [blocks("cards", seen.error, advice) if device != "cpu" else note("cards", seen.error, advice)]
    build = f"torch {seen.torch}" + (
        f" for CUDA {seen.cuda}" if seen.cuda else f" for ROCm {seen.hip}" if seen.hip else ""
    )
    if not seen.cards:
        return [*_none(seen, smi, build, smi_there), *_asked(seen, device)]
    driver = f", driver {smi[0].driver}" if smi else ""
    findings = [fine("cards", f"{build}{driver}")]
    choice = cards.choose(seen.cards)
    for card in seen.cards:
        why = choice.passed_over.get(card.index, "")
        said = f"cuda:{card.index} {card.name}, {gib(card.memory)}, {card.architecture}"
        findings.append(
            fine(
                "cards",
                said + (f"; `device: auto` passes it over: {why}" if why else "; `device: auto` takes it"),
            )
        )
    findings += _others(seen, smi)
    return [*findings, *_asked(seen, device), *_chosen(seen, choice, device)]


def device_of(seen: Seen, device: str) -> str:
    """The device that training would use: what local.yaml names, or what `auto` means here."""
    return cards.choose(seen.cards).device if device == "auto" else device


def _none(seen: Seen, smi: Sequence[SmiCard], build: str, smi_there: bool) -> list[Finding]:
    if not smi and smi_there:
        return [
            warning(
                "cards",
                f"{build} sees no card, and nvidia-smi fails",
                "`nvidia-smi` says why; often the driver was updated and needs a restart",
            )
        ]
    if not smi:
        return [fine("cards", f"{build}; no card: everything runs on the CPU")]
    names = ", ".join(card.name for card in smi)
    if seen.cuda is None:
        return [
            warning(
                "cards",
                f"{names} is there, and {build} is not built for CUDA",
                "`rm -r .venv; make run` takes the build for the card",
            )
        ]
    advice = f"update the NVIDIA driver (now {smi[0].driver}), or install a torch for an older CUDA"
    return [warning("cards", f"{names} is there, and {build} cannot use it: {seen.error}", advice)]


def _others(seen: Seen, smi: Sequence[SmiCard]) -> list[Finding]:
    hidden = [card.name for card in smi if card.address not in {found.address for found in seen.cards}]
    if seen.cards and all(card.address for card in seen.cards) and hidden:
        return [
            note(
                "cards",
                f"hidden from torch: {', '.join(hidden)}",
                "CUDA_VISIBLE_DEVICES says which cards are shown",
            )
        ]
    return []


def _asked(seen: Seen, device: str) -> list[Finding]:
    """A device that local.yaml names must be there; stages refuse it otherwise."""
    kind, _, number = device.partition(":")
    if device in {"auto", "cpu"}:
        return []
    if kind != "cuda" or (number and not number.isdigit()):
        return [blocks("local", f"local.yaml: device {device!r} is none", "auto, cpu, cuda or cuda:N")]
    if int(number or 0) >= len(seen.cards):
        said = f"local.yaml asks for {device}; torch sees {len(seen.cards)} cards"
        return [blocks("local", said, "`device: auto` takes what there is")]
    return []


def _chosen(seen: Seen, choice: Choice, device: str) -> list[Finding]:
    number = device.partition(":")[2]
    if device == "auto":
        card = choice.card
    elif device.startswith("cuda") and (number or "0").isdigit() and int(number or 0) < len(seen.cards):
        card = seen.cards[int(number or 0)]
    else:
        card = None
    if card is None:
        return []
    findings = []
    if card.display:
        advice = "plug the screen into another card, or name a card without one as `device` in local.yaml"
        findings.append(
            warning("cards", f"a screen hangs on cuda:{card.index}, which trains: it will stutter", advice)
        )
    if card.free < (1 - BUSY) * card.memory:
        said = f"{gib(card.memory - card.free)} of cuda:{card.index} are taken by other programs"
        findings.append(
            warning(
                "cards", said, "`nvidia-smi` (or `rocm-smi --showpids`) lists them; end what was left over"
            )
        )
    if card.architecture in OLD_AMD:
        findings.append(
            warning(
                "cards",
                f"{card.architecture} is no longer supported by ROCm",
                f"known to work: {OLD_AMD[card.architecture]}",
            )
        )
    elif seen.hip and card.architecture not in seen.architectures:
        findings.append(
            warning(
                "cards",
                f"this torch has no kernels for {card.architecture}",
                "install the build of torch for this card",
            )
        )
    return findings
