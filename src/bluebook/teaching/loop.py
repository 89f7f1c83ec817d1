"""Cycles until every target construct is mastered on the holdout: `teach`.

    start:  rebuild, commit                                   where it begins, if nothing has recorded that yet
    cycle:  promote the draft, rebuild, judge, commit         one commit, with lesson, metrics and `dvc.lock`
            a cycle that forgets: the lesson set aside with the reason, everything else as it was, commit

Interrupted anywhere, the same command goes on. What is under way is known from Git (`repository.py`), and each act is
done only if it is not done yet: the lesson is written if it is not there, `dvc repro` builds what is not built. The one
decision that could come out otherwise the second time, to set a lesson aside, is written down before it is acted on:
the file with the reason is there first, and while it is there the way leads back.

A lesson that is set aside lies in `data/set_aside/S`, beside the lessons and not among them, so that no stage reads it
and the state that was gone back to is the former one byte for byte. The next draft draws with another seed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from bluebook.artifacts import write_json
from bluebook.errors import BluebookError
from bluebook.records import Example, write_jsonl
from bluebook.reports.cycles import Cycle, cycles, trailers
from bluebook.reports.inputs import GateResult, Mastery, read_metric, read_optional
from bluebook.teaching.judge import Holdout, Verdict, ended, judge, mastered, targets
from bluebook.teaching.repository import RebuildFailed, Repository, Tell, Trial, alone, holdout_of

SET_ASIDE = Path("data/set_aside")
NOTHING = "the draft is empty: practice shows nothing weak, or lessons have all the room they may"


class Proposal(NamedTuple):
    """The rows of a lesson, and what a teacher model gave to it, in words."""

    file: Path  # relative to the root, below data/lessons
    rows: Sequence[Example]
    teacher: str = ""


# Root, subject, number of the cycle, and how many lessons were set aside since one was kept. No rows: nothing to teach.
Propose = Callable[[Path, str, int, int], Proposal]
Rebuild = Callable[[IO[bytes]], None]
# Called before each rebuild and after each commit of a cycle, so that both can be saved elsewhere.
Save = Callable[[Literal["pre-training", "milestone"]], object]


class SetAside(msgspec.Struct, kw_only=True):
    """The file beside a lesson that was set aside."""

    reason: str
    cycle: Cycle


class History(msgspec.Struct, kw_only=True):
    """What a run of cycles came to. `cycles` are all of the subject's, earlier runs' too, oldest first."""

    subject: str
    until: float
    reason: str
    mastered: list[str]
    open: list[str]  # targets that are not mastered
    cycles: list[Cycle]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def nowhere(when: str) -> None:
    """Saves nothing."""


def teach(
    root: Path,
    subject: str,
    *,
    cycles: int,
    until: float = 0.85,
    wanted: Sequence[str] = (),
    propose: Propose,
    rebuild: Rebuild | None = None,
    save: Save = nowhere,
    tell: Tell = say,
) -> History:
    """Teach `subject` of the repository at `root`, in at most `cycles` lessons, until the accuracy on the holdout of
    each of the `wanted` constructs (empty: of all that the holdout can judge) is at least `until`.

    `rebuild` is `dvc repro` unless another is given. Raises BluebookError: DirtyTree for changes of others in the work
    tree, RebuildFailed where the graph fails for a reason that is not the lesson.
    """
    repository = Repository(root, subject)
    repository.ready()
    with alone(root, tell) as lock:
        build = rebuild or repository.rebuild
        loop = _Loop(repository, until, wanted, propose, lambda: build(lock), save, tell)
        return loop.run(cycles)


class _Loop(NamedTuple):
    repository: Repository
    until: float
    wanted: Sequence[str]
    propose: Propose
    rebuild: Callable[[], None]
    save: Save
    tell: Tell

    @property
    def root(self) -> Path:
        return self.repository.root

    @property
    def subject(self) -> str:
        return self.repository.subject

    def run(self, most: int) -> History:
        trial = self.resumed() or self.started()
        while True:
            self.finish(trial)
            now = self.holdout()
            has = mastered(now, self.until)
            left = targets(now, self.wanted) - has
            reason = ended(self.of_run(trial), most, left)
            following = None if reason else self.following(trial)
            if following is None:
                self.repository.end()
                return History(
                    subject=self.subject,
                    until=self.until,
                    reason=reason or NOTHING,
                    mastered=sorted(has),
                    open=sorted(left),
                    cycles=self.history(),
                )
            trial = following

    # Where it stands.

    def history(self) -> list[Cycle]:
        return cycles(self.root, self.subject)

    def recorded(self, trial: Trial) -> Cycle | None:
        return next((cycle for cycle in self.history() if cycle.number == trial.number), None)

    def of_run(self, trial: Trial) -> list[Cycle]:
        """The run's cycles, first what it started from."""
        run = [cycle for cycle in self.history() if cycle.number >= trial.first]
        if run and run[0].outcome == "start":
            return run
        return [[cycle for cycle in self.kept() if cycle.number < trial.first][-1], *run]

    def kept(self) -> list[Cycle]:
        """What a cycle is compared with: the kept ones since the last start. What came before a start was made by
        other code or from other data."""
        found: list[Cycle] = []
        for cycle in self.history():
            found = (
                [cycle] if cycle.outcome == "start" else [*found, cycle] if cycle.outcome == "kept" else found
            )
        return found

    def holdout(self) -> Holdout:
        path = Path(f"metrics/{self.subject}/cycle.json")
        file = self.root / path
        if not file.exists():
            raise BluebookError(
                f"{path}: not found, though the rebuild ended well; is the stage `health` in dvc.yaml?"
            )
        return holdout_of(file.read_bytes(), str(path))

    def holdout_at(self, commit: str) -> Holdout:
        path = f"metrics/{self.subject}/cycle.json"
        return holdout_of(self.repository.git("show", f"{commit}:./{path}"), f"{commit[:8]}:{path}")

    def own(self, trial: Trial) -> list[str]:
        """The files of a trial that are not outputs of the graph."""
        if trial.lesson is None:
            return ["dvc.lock"]
        return [trial.lesson, *(path.as_posix() for path in set_aside(trial.lesson))]

    # Beginning.

    def resumed(self) -> Trial | None:
        """The trial that an interrupted run left, if its ground is still there."""
        trial = self.repository.trial()
        if trial is None:
            return None
        record = self.recorded(trial)
        if self.repository.head() != (record.commit if record else trial.base):
            self.tell(
                f"{self.subject}: cycle {trial.number} was interrupted, and HEAD has moved since; beginning anew"
            )
            self.repository.end()
            return None
        self.repository.refuse_dirt(() if record else self.own(trial))
        self.tell(f"{self.subject}: going on with cycle {trial.number}")
        return trial

    def started(self) -> Trial:
        self.repository.refuse_dirt()
        history = self.history()
        number = history[-1].number + 1 if history else 0
        trial = Trial(subject=self.subject, first=number, number=number, base=self.repository.head())
        self.repository.begin(trial)
        return trial

    def following(self, trial: Trial) -> Trial | None:
        """The next trial, its lesson written; None where there is nothing to teach."""
        history = self.history()
        attempt = 0
        for cycle in history:
            attempt = attempt + 1 if cycle.outcome == "set aside" else 0
        number = history[-1].number + 1
        proposal = self.propose(self.root, self.subject, number, attempt)
        if proposal.teacher:
            self.tell(f"{self.subject}: the teacher model: {proposal.teacher}")
        if not proposal.rows:
            return None
        following = Trial(
            subject=self.subject,
            first=trial.first,
            number=number,
            base=self.repository.head(),
            lesson=proposal.file.as_posix(),
            attempt=attempt,
            teacher=proposal.teacher,
        )
        self.repository.begin(following)
        write_jsonl(self.root / proposal.file, proposal.rows)
        return following

    # A trial, from wherever it stands to its commit.

    def finish(self, trial: Trial) -> None:
        if self.recorded(trial) is not None:
            return
        if trial.lesson is None:
            self.start(trial)
            return
        aside, reason = set_aside(trial.lesson)
        minutes = 0.0
        if not (self.root / reason).exists():
            told = self.attempt(trial)
            if told is None:
                return
            minutes = told.cycle.minutes  # for the commit alone: no file holds a time
            # From here on the way leads back, whatever happens.
            write_json(self.root / reason, replace(told, cycle=replace(told.cycle, minutes=0.0)))
        lesson = self.root / trial.lesson
        if lesson.exists():
            lesson.replace(self.root / aside)
        marks = [aside.as_posix(), reason.as_posix()]
        changed = self.repository.refuse_dirt(self.own(trial))
        self.repository.restore([path for path in changed if path not in marks])
        told = msgspec.json.decode((self.root / reason).read_bytes(), type=SetAside)
        self.record(replace(told.cycle, minutes=minutes), marks)

    def start(self, trial: Trial) -> None:
        """Build what HEAD says, and record it unless it is recorded."""
        began = time.monotonic()
        self.save("pre-training")
        self.rebuild()
        changed = self.repository.refuse_dirt(self.own(trial))
        now, kept = self.holdout(), self.kept()
        if kept and not changed and self.holdout_at(kept[-1].commit) == now:
            return
        verdict = judge(now, (), self.until, self.wanted)
        self.record(replace(self.cycle(trial, verdict, began), outcome="start", gained=()), changed)

    def attempt(self, trial: Trial) -> SetAside | None:
        """Rebuild with the lesson, judge, and commit; or say why it must be set aside."""
        assert trial.lesson is not None
        began = time.monotonic()
        if not (self.root / trial.lesson).exists():
            self.repository.restore(self.repository.refuse_dirt(self.own(trial)))
            proposal = self.propose(self.root, self.subject, trial.number, trial.attempt)
            write_jsonl(self.root / trial.lesson, proposal.rows)
        kept = self.kept()
        before = [self.holdout_at(cycle.commit) for cycle in kept]
        self.save("pre-training")
        try:
            self.rebuild()
        except RebuildFailed:
            if (broken := self.broken_rules()) is None:
                raise
            reason = f"the gate refused it: {', '.join(broken)}"
            return SetAside(reason=reason, cycle=self.cycle(trial, None, began, reason))
        changed = self.repository.refuse_dirt(self.own(trial))
        verdict = judge(self.holdout(), before, self.until, self.wanted)
        if verdict.forgotten:
            reason = "it made forget " + "; ".join(str(loss) for loss in verdict.forgotten)
            return SetAside(reason=reason, cycle=self.cycle(trial, verdict, began, reason))
        self.record(self.cycle(trial, verdict, began), changed)
        return None

    def broken_rules(self) -> list[str] | None:
        """The rules of the gate that the rebuild broke; None where it failed for another reason."""
        gate = read_optional(self.root / f"metrics/{self.subject}/gate.json", GateResult)
        if gate is None or gate.passed:
            return None
        return sorted(rule.name for rule in gate.rules if not rule.passed and rule.severity == "failure")

    def cycle(self, trial: Trial, verdict: Verdict | None, began: float, reason: str = "") -> Cycle:
        """What the work tree shows of a trial. Without a verdict nothing was measured."""
        number, _, _ = Path(trial.lesson or "").name.partition("-")
        told = Cycle(
            commit="",
            subject=self.subject,
            number=trial.number,
            outcome="set aside" if reason else "kept",
            lesson=number,
            dataset=self.repository.held(f"data/datasets/{self.subject}"),
            teacher=trial.teacher,
            reason=reason,
            minutes=(time.monotonic() - began) / 60,
        )
        if verdict is None:
            return told
        found = read_metric(self.root / f"metrics/{self.subject}/mastery.json", Mastery)
        return replace(
            told,
            adapter=self.repository.held(f"models/adapters/{self.subject}"),
            exam=f"{found.exam} {found.version} {found.mode}",
            n=found.n,
            score=found.score,
            low=found.low,
            high=found.high,
            mastered=len(verdict.mastered & verdict.targets),
            targets=len(verdict.targets),
            gained=verdict.gained,
            slipped=verdict.slipped,
            forgotten=tuple(loss.construct for loss in verdict.forgotten),
        )

    def record(self, cycle: Cycle, paths: Sequence[str]) -> None:
        """The cycle's commit."""
        reached = f"{cycle.mastered} of {cycle.targets} mastered"
        what = {
            "start": f"starts, {reached}",
            "kept": f"cycle {cycle.number} keeps lesson {cycle.lesson}, {reached}",
            "set aside": f"cycle {cycle.number} sets lesson {cycle.lesson} aside",
        }[cycle.outcome]
        headline = f"teach {self.subject}: {what}"
        self.repository.commit(paths, f"{headline}\n\n{trailers(cycle)}\n")
        self.tell(headline + (f": {cycle.reason}" if cycle.reason else ""))
        self.save("milestone")


def set_aside(lesson: str) -> tuple[Path, Path]:
    """Where a lesson goes that is set aside, and the file with the reason; relative to the root."""
    path = Path(lesson)
    folder = SET_ASIDE / path.parent.name
    return folder / path.name, folder / f"{path.stem}.json"
