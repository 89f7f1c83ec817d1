"""The next lesson: what the stage `grade` has drafted, and what a teacher model adds where `local.yaml` names one.

The draft of the stage is taken as it is, but for rows that a person has rejected. After a lesson was set aside the same
evidence would draft the same lesson again, so another seed draws other examples. Rows of a teacher take the places of
drafted ones: a lesson grows no larger by it. A teacher that fails is told of, and the lesson goes without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from random import Random

from bluebook import params, subjects
from bluebook.lessons.draft import Evidence, draft, room
from bluebook.lessons.endpoint import Teacher, TeacherError
from bluebook.lessons.judge import Judge
from bluebook.lessons.promote import lesson_rows, next_file
from bluebook.lessons.review import decisions_path, read_decisions, read_draft
from bluebook.lessons.stored import draft_path, read_evidence
from bluebook.lessons.teacher import Secrets, Weak, reword
from bluebook.lessons.teacher import propose as proposed
from bluebook.params import Params, TeacherSettings
from bluebook.records import DraftRow
from bluebook.subjects.subject import Subject
from bluebook.teaching.loop import SET_ASIDE, Proposal

TAUGHT = (
    0.25  # share of a lesson's rows that a teacher is asked for anew, and as many to be said in other words
)


def propose(root: Path, subject: str, number: int, attempt: int) -> Proposal:
    """The lesson of cycle `number`, `attempt` lessons having been set aside since one was kept."""
    with chdir(root):  # stages know their files from the root
        settings = params.load()
        judged = subjects.load(subject, settings)
        evidence = read_evidence(subject)
        rows = _drafted(judged, evidence, settings, attempt)
        told = ""
        if rows and (teacher := params.load_local().teacher) is not None:
            rows, told = _with_teacher(teacher, judged, evidence, settings, rows)
        folder = Path("data/lessons") / subject
        file = next_file(folder, f"cycle-{number}", SET_ASIDE / subject)
        return Proposal(file, lesson_rows(rows, file.stem), told)


def _drafted(subject: Subject, evidence: Evidence, settings: Params, attempt: int) -> list[DraftRow]:
    mine = settings.subject(subject.name)
    path = draft_path(subject.name)
    if attempt == 0:
        rows = read_draft(path)
    else:
        seed = settings.seed + attempt
        near = mine.compose.near_duplicate
        rows = draft(subject, evidence, mine.lessons, near_duplicate=near, seed=seed).rows
    rejected = {row for row, one in read_decisions(decisions_path(path)).items() if one.verdict == "rejected"}
    return [row for row in rows if row.id not in rejected][: room(evidence.train)]


def _with_teacher(
    settings: TeacherSettings, subject: Subject, evidence: Evidence, shared: Params, rows: Sequence[DraftRow]
) -> tuple[list[DraftRow], str]:
    """`rows` with some of a teacher's in their midst, and what to tell of it."""
    near = shared.subject(subject.name).compose.near_duplicate
    judge = Judge(subject, evidence.exams, evidence.train, near)
    for row in rows:
        judge.take(row)
    secrets = Secrets(evidence.exams)
    weak = [Weak(name, why) for name, why in sorted({row.target: row.why for row in rows}.items())]
    share = max(1, round(TAUGHT * len(rows)))
    try:
        teacher = Teacher(settings, Path(f"logs/teacher-{subject.name}.jsonl"))
        new = proposed(teacher, subject, judge, secrets, weak=weak, examples=evidence.train, wanted=share)
        again = reword(teacher, judge, secrets, lessons=rows[:share])
    except TeacherError as error:
        return list(rows), f"failed: {type(error).__name__}: {error}"
    added = [*new.rows, *again.rows]
    refused = new.refused + again.refused
    kept = Random(f"{shared.seed}:teacher").sample(list(rows), max(0, len(rows) - len(added)))
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items())) or "none"
    told = (
        f"{len(added)} rows taken, refused: {reasons}; cost {new.cost + again.cost:.4f}, in all {teacher.spent:.4f} of "
        f"{settings.budget:.4f}"
    )
    return sorted([*kept, *added], key=lambda row: row.id), told
