"""Who answers: one interface for models in this process, in another, and on another machine.

An engine is a model with whatever it takes to write: tokenizer, chat template, grammar, limits. It is asked `Asked`s
and gives `Answer`s; what it was told when it was made (limits, device, address) is its own affair.

Work is planned before it is done, so that a killed exam goes on: `plan` cuts the whole exam into groups, always the
same for the same exam, and only groups without kept answers are written. A group is what must be asked in the same
company: a batch in process, where a kernel may sum in another order for another shape; one item at a server.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from bluebook.records import Answer, ExamItem, Finish, Message, Mode

MODES: tuple[Mode, ...] = ("constrained", "free")


class Asked(NamedTuple):
    """One item, to be answered in one mode."""

    item: ExamItem
    mode: Mode

    @property
    def messages(self) -> list[Message]:
        """What the model is shown."""
        system = [] if self.item.system is None else [Message(role="system", content=self.item.system)]
        return [*system, Message(role="user", content=self.item.prompt)]


Group = Sequence[Asked]


class Engine(Protocol):
    """A model that can be asked."""

    @property
    def name(self) -> str:
        """Which weights these are: `Answer.model`."""

    @property
    def modes(self) -> Sequence[Mode]:
        """The modes it can write in, sorted. `constrained` needs a grammar."""

    def plan(self, asked: Sequence[Asked]) -> list[Group]:
        """All of `asked` in groups, in the order in which they are best asked."""

    def write(self, groups: Iterable[Group]) -> Iterator[list[Answer]]:
        """The answers of each group, whole, as soon as it is finished; groups may finish in any order.

        What goes wrong with one item is its answer: `finish` says `length`, `timeout` or `error`. Raises
        BluebookError where nothing can be asked at all.
        """

    def stream(self, messages: Sequence[Message], mode: Mode) -> Generator[str, None, Finish]:
        """The text of one reply to a conversation, piece by piece as it is written.

        The generator returns why it ended, as `Answer.finish` says it: `finish = yield from engine.stream(…)`.
        """
