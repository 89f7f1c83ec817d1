"""How fast memories are curated from a pack, and whether memory stays flat. Prints figures by name.

    python benchmarks/curation.py                     peak memory and speed at 10^4, 10^5 and 10^6 memories
    python benchmarks/curation.py --pack PACK.jsonl   the same with a pack of your own, repeated and perturbed
    python benchmarks/curation.py --sizes 10000       fewer sizes

Every size runs in a process of its own, so that its peak is its own. The invented memories have the lengths
and the mix of a real store: mostly one short exchange, some talks, monologues, long replies and secrets.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bluebook import params
from bluebook.params import convert
from bluebook.records import Outcome
from bluebook.subjects.persona.ingest import ingest
from bluebook.subjects.persona.memories import IngestPolicy, PersonaRecord

SIZES = (10_000, 100_000, 1_000_000)
BATCH = 5_000  # invented memories; more are made by perturbing these
WORDS = (
    *(
        "the",
        "a",
        "barge",
        "lock",
        "keeper",
        "fog",
        "pump",
        "oar",
        "rope",
        "mast",
        "tide",
        "gull",
        "lamp",
        "wharf",
    ),
    *(
        "ferry",
        "crane",
        "buoy",
        "saw",
        "left",
        "found",
        "lost",
        "sold",
        "mended",
        "and",
        "with",
        "under",
        "over",
    ),
    *(
        "before",
        "after",
        "never",
        "always",
        "slowly",
        "twice",
        "I",
        "you",
        "we",
        "they",
        "it",
        "was",
        "had",
        "said",
    ),
    *("thought", "wrote", "old", "wet", "small"),
)
TYPES = (
    "chat",
    "conversation",
    "inner_dialogue",
    "reflection",
    "dream",
    "journal",
    "observation",
    "action",
    "task",
)


def sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(4, 20))).capitalize() + rng.choice(".....!?")


def text(rng: random.Random, most: int) -> str:
    return " ".join(sentence(rng) for _ in range(rng.randint(1, most)))


def memory(rng: random.Random, number: int) -> dict[str, Any]:
    """One invented memory. The shares are those that a real store showed."""
    kind = rng.choice(TYPES)
    common = {
        "id": f"evt-{20240101000000 + number}",
        "timestamp": "2024-03-03T08:10:00.000Z",
        "type": kind,
        "entities": [],
        "tags": [kind],
        "importance": 0.5,
        "links": [],
        "userId": "user-01",
        "metadata": {
            "cognitiveMode": rng.choice(("dual", "emulation", "agent")),
            "conversationId": f"c-{number % 997}",
        },
    }
    dice = rng.random()
    user, reply = text(rng, 3), text(rng, 2)
    if dice < 0.16:
        return common | {"content": user}
    if dice < 0.24:
        turns = [{"role": "user" if n % 2 == 0 else "assistant", "content": sentence(rng)} for n in range(6)]
        return common | {"content": turns[0]["content"][:80], "messages": turns}
    if dice < 0.29:
        return common | {"content": f"User: {user}\n\nAssistant: {reply}"}
    if dice < 0.35:
        return common | {"content": user, "response": text(rng, 20)}
    if dice < 0.38:
        return common | {
            "content": f"{user} Write to gull{number}@posteo.example.",
            "response": f"Certainly! {reply}",
        }
    return common | {"content": user, "response": reply}


def lines(base: list[dict[str, Any]], size: int) -> Iterator[str]:
    """`size` pack lines: the base over and over, each round with words of its own against duplicates."""
    for number in range(size):
        entry = base[number % len(base)]
        round_, changed = number // len(base), dict(entry)
        changed["path"] = f"{round_:04d}/{entry['path']}"
        said = entry.get("memory")
        if round_ and isinstance(said, dict) and isinstance(said.get("content"), str):
            extra = f" {WORDS[round_ % len(WORDS)]} {WORDS[round_ // len(WORDS) % len(WORDS)]} {round_}"
            said = said | {"content": said["content"] + extra}
            if isinstance(said.get("messages"), list):
                said["messages"] = [
                    turn | {"content": f"{turn['content']}{extra}"} if isinstance(turn, dict) else turn
                    for turn in said["messages"]
                ]
            changed["memory"] = said
        yield json.dumps(changed)


def policy() -> IngestPolicy:
    return convert(params.load().subject("persona").ingest, IngestPolicy, params.PARAMS)


def peak_mib() -> float:
    """This process's own peak; on Linux `ru_maxrss` is handed on from the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        return (
            next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) / 1024
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def measure(pack: Path) -> dict[str, float]:
    """One run: memories a second of CPU time and by the clock, and the process's peak in MiB."""
    idle = peak_mib()
    clock, cpu, files, records = time.perf_counter(), time.process_time(), 0, 0
    for row in ingest(pack, policy(), seed=7):
        files += isinstance(row, Outcome)
        records += isinstance(row, PersonaRecord)
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    return {
        "records": records,
        "memories_per_cpu_second": round(files / cpu),
        "memories_per_second": round(files / clock),
        "idle_mib": round(idle, 1),
        "peak_mib": round(peak_mib(), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pack", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    rng = random.Random(7)
    if arguments.pack:
        base = [json.loads(line) for line in arguments.pack.read_text("utf-8").splitlines() if line.strip()]
    else:
        base = [{"path": f"{n:05d}.json", "memory": memory(rng, n)} for n in range(BATCH)]
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            pack = Path(folder) / "pack.jsonl"
            with pack.open("w") as out:
                out.writelines(f"{line}\n" for line in lines(base, size))
            command = [sys.executable, __file__, "--measure", str(pack)]
            figures = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        for name, figure in figures.items():
            print(f"curation.{size}.{name}: {figure}", flush=True)


if __name__ == "__main__":
    main()
