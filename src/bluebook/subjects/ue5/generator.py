"""Programs that are valid by construction, over the whole catalogue, with instructions made from them.

A program grows from an entry: steps of the catalogue follow one another, split and join, and every input is given
what fits its type: a literal, a variable, what an event or an earlier step says, or a pure node that is grown in
turn. The catalogue alone says which pins there are and what they take, so a node type added to it is taught as
soon as it is there. Motifs that people know (count up, compare and branch, repeat by timer) are set among them.

One combination of node types in `RESERVED_SHARE` is never generated for training: exams draw from those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random

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

RESERVED_SHARE = 8
_TRIES = 200
# Numbered steps give the graph away; they are for those who want it exact, and asked for less often.
_WEIGHTS = {"notes": 3, "prose": 3, "request": 3, "steps": 2}


class Generator:
    """Generates over one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._index = Index(catalogue)

    def generate(
        self, constructs: Sequence[str], rng: Random, *, reserved: bool = False, nodes: int = 8
    ) -> Example:
        """An example that uses every node type that is named; `rng` picks the rest. About `nodes` nodes.

        Raises BluebookError for a name that is no node type, and for types that only go with others."""
        self._known(constructs)
        for _ in range(_TRIES):
            program = arrange(Plant(self._index, rng, constructs, nodes).program(), self.catalogue)
            if is_reserved(program) == reserved:
                return example(program, self.catalogue, rng)
        raise BluebookError(
            f"every program of {', '.join(constructs)} that was tried is kept for exams; name others"
        )

    def _known(self, constructs: Sequence[str]) -> None:
        for name in constructs:
            if self.catalogue.find(name) is None:
                near = self.catalogue.near(name)
                hint = f"; did you mean {near!r}?" if near else ""
                raise BluebookError(f"ue5 has no node type {name!r}{hint}")


def is_reserved(program: Program) -> bool:
    """Whether this combination of node types is for exams only."""
    types = sorted({node.type for graph in program.graphs for node in graph.nodes})
    return hashlib.blake2b("\n".join(types).encode(), digest_size=2).digest()[0] % RESERVED_SHARE == 0


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
