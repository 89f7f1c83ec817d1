"""Programs that are valid by construction, over the whole catalogue, with instructions made from them.

A program grows from an entry: steps of the catalogue follow one another, split and join, and every input is given
what fits its type: a literal, a variable, what an event or an earlier step says, or a pure node that is grown in
turn. The catalogue alone says which pins there are and what they take, so a node type added to it is taught as
soon as it is there. Motifs that people know (count up, compare and branch, repeat by timer) are set among them.
Half of the programs that nobody asks anything of are small and made of `CORE` alone, the node types that people use
most.

One combination of node types in `RESERVED_SHARE` is never generated for training: exams draw from those, and a
practice exam never from the same ones as a holdout exam.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import Literal

from bluebook.errors import BluebookError
from bluebook.records import Example, Origin
from bluebook.subjects.ue5.arranging import arrange
from bluebook.subjects.ue5.catalogue import Catalogue
from bluebook.subjects.ue5.feeding import Index
from bluebook.subjects.ue5.growing import Plant
from bluebook.subjects.ue5.instructions import instruct
from bluebook.subjects.ue5.printing import print_program
from bluebook.subjects.ue5.program import Program
from bluebook.subjects.ue5.wordings import REGISTERS, Register

# The node types that real graphs and lessons use most, by counts over both, that a small graph can be made of.
CORE = (
    "AddInt",
    "Branch",
    "CastToCharacter",
    "Delay",
    "DestroyActor",
    "Event_ActorBeginOverlap",
    "Event_BeginPlay",
    "Event_Custom",
    "Event_InputAction",
    "Event_Tick",
    "FlipFlop",
    "ForLoop",
    "GreaterThan",
    "LessThan",
    "MultiplyFloat",
    "PrintString",
    "Sequence",
    "SetActorHiddenInGame",
    "SetTimerByFunctionName",
    "SubtractFloat",
    "VariableGet",
    "VariableSet",
)
CORE_SHARE = 0.5
NODES = (2, 7)  # about as many nodes, at least and at most
CORE_NODES = (3, 6)
RESERVED_SHARE = 8
ExamKind = Literal["practice", "holdout"]
_TRIES = 200
# Numbered steps give the graph away; they are for those who want it exact, and asked for less often.
_WEIGHTS = {"notes": 3, "prose": 3, "request": 3, "steps": 2}


class Generator:
    """Generates over one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._index = Index(catalogue)
        self._core = Index(catalogue, CORE)

    @property
    def names(self) -> list[str]:
        """The node types that can be asked for; of a family (`CastTo*`) its members in the core."""
        index = self._index
        listed = {name for name in (*index.entries, *index.steps, *index.pure) if not name.endswith("*")}
        return sorted(listed | set(CORE))

    def generate(self, constructs: Sequence[str], rng: Random, *, nodes: int | None = None) -> Example:
        """An example for training that uses every node type that is named; `rng` picks the rest. About `nodes`
        nodes; without it as many as `rng` says, and fewer where the core alone is drawn from: for half of the
        programs that nobody asks anything of, and for all that are asked for core types alone.

        Raises BluebookError for a name that is no node type, and for types that only go with others."""
        self._known(constructs)
        # A core type is best learned small and among the types that people use most.
        is_core = nodes is None and (
            set(constructs) <= set(CORE) if constructs else rng.random() < CORE_SHARE
        )
        nodes = nodes or rng.randint(*NODES)
        for _ in range(_TRIES):
            made = (
                self.core(constructs, rng, None)
                if is_core
                else self._grow(self._index, constructs, rng, None, nodes)
            )
            if made is not None:
                return made
        raise BluebookError(
            f"every program of {', '.join(constructs)} that was tried is kept for exams; name others"
        )

    def core(self, constructs: Sequence[str], rng: Random, reserved: ExamKind | None) -> Example | None:
        """A small example of core node types, with those that are named; None where its combination is not one that
        is kept for `reserved` (None: for training)."""
        return self._grow(self._core, constructs, rng, reserved, rng.randint(*CORE_NODES))

    def _grow(
        self, index: Index, constructs: Sequence[str], rng: Random, reserved: ExamKind | None, nodes: int
    ) -> Example | None:
        program = Plant(index, rng, constructs, nodes).program()
        if reserved_for(program) != reserved:
            return None
        return example(arrange(program, self.catalogue), self.catalogue, rng)

    def _known(self, constructs: Sequence[str]) -> None:
        for name in constructs:
            if self.catalogue.find(name) is None:
                near = self.catalogue.near(name)
                hint = f"; did you mean {near!r}?" if near else ""
                raise BluebookError(f"ue5 has no node type {name!r}{hint}")


def reserved_for(program: Program) -> ExamKind | None:
    """The kind of exam that this combination of node types is kept for; None for one to train on."""
    types = sorted({node.type for graph in program.graphs for node in graph.nodes})
    share, kind = hashlib.blake2b("\n".join(types).encode(), digest_size=2).digest()
    if share % RESERVED_SHARE:
        return None
    return "holdout" if kind % 2 else "practice"


def example(program: Program, catalogue: Catalogue, rng: Random) -> Example:
    """An arranged program with an instruction in a register that `rng` picks."""
    register: Register = rng.choices(REGISTERS, [_WEIGHTS[name] for name in REGISTERS])[0]
    prompt = instruct(program, catalogue, register, rng)
    response = print_program(program)
    digest = hashlib.blake2b(f"{prompt}\n{response}".encode(), digest_size=10).hexdigest()
    return Example(
        id=f"g-{digest}",
        subject="ue5",
        prompt=prompt,
        response=response,
        constructs=sorted({node.type for graph in program.graphs for node in graph.nodes}),
        origin=Origin(kind="generated", ref=f"ue5/{register}", group=f"g-{digest}"),
    )
