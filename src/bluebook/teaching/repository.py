"""What the loop does to Git and DVC, each act safe to do twice.

The loop's state is Git's. A *trial* is the cycle under way; what it may change is written to a ref of its own,
`refs/bluebook/teach/S`, before it changes anything. So whoever finds a changed work tree after a `kill -9` can tell
what the loop made (the lesson that the trial names, `dvc.lock`, the outputs of the subject's stages that Git holds)
from what a person made, and nothing that a person made is ever committed or taken back.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import msgspec
import yaml

from bluebook.errors import BluebookError
from bluebook.teaching.judge import Holdout

LOCK = "dvc.lock"
TEACH_LOCK = Path("logs/teach.lock")

Tell = Callable[[str], None]


class DirtyTree(BluebookError):
    """The work tree holds changes that the loop did not make."""


class RebuildFailed(BluebookError):
    """`dvc repro` ended with an error of its own."""


class Trial(msgspec.Struct, kw_only=True, frozen=True):
    """A cycle under way. `first` is the number of the run's first cycle, `base` the commit that the trial began at and
    goes back to, `lesson` the file that it adds (None: the rebuild that a run starts from). `attempt` counts the
    lessons set aside since one was kept, so that the next draft differs."""

    subject: str
    first: int
    number: int
    base: str
    lesson: str | None = None
    attempt: int = 0
    teacher: str = ""  # what a teacher model gave to the lesson


class Repository:
    """The Git repository and DVC pipeline at `root`, for one subject."""

    def __init__(self, root: Path, subject: str) -> None:
        self.root = root
        self.subject = subject
        self._ref = f"refs/bluebook/teach/{subject}"

    def ready(self) -> None:
        """Raises BluebookError unless commits can be made on a branch."""
        self.git("rev-parse", "--git-dir")
        if self._asked("symbolic-ref", "--quiet", "HEAD") is None:
            raise BluebookError(
                "HEAD is on no branch, so commits would be lost; `git switch` to one, or make one"
            )
        if self._asked("var", "GIT_COMMITTER_IDENT") is None:
            raise BluebookError(
                "Git does not know who commits; set it with `git config user.name` and `user.email`"
            )

    def git(self, *arguments: str, text: str | None = None) -> str:
        """What Git prints. Raises BluebookError with what it says."""
        done = self._run(arguments, text)
        if done.returncode != 0:
            raise BluebookError(f"git {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def _asked(self, *arguments: str) -> str | None:
        """What Git prints, or None where it has no answer."""
        done = self._run(arguments, None)
        return done.stdout if done.returncode == 0 else None

    def _run(self, arguments: Sequence[str], text: str | None) -> subprocess.CompletedProcess[str]:
        command = ["git", "-C", str(self.root), *arguments]
        # In a session of its own, because a Git that is killed half-way leaves a lock that stops every later one.
        return subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, start_new_session=True
        )

    @cached_property
    def _prefix(self) -> str:
        """Where `root` lies in its repository; Git's status names paths from the top."""
        return self.git("rev-parse", "--show-prefix").strip()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").strip()

    # The trial.

    def trial(self) -> Trial | None:
        found = self._asked("cat-file", "blob", self._ref)
        return None if found is None else msgspec.json.decode(found, type=Trial)

    def begin(self, trial: Trial) -> None:
        """From here on `trial` is the cycle under way."""
        blob = self.git("hash-object", "-w", "--stdin", text=msgspec.json.encode(trial).decode()).strip()
        self.git("update-ref", self._ref, blob)

    def end(self) -> None:
        """No cycle is under way any more."""
        self.git("update-ref", "-d", self._ref)

    # The work tree.

    def changed(self) -> list[str]:
        """Paths relative to `root` that differ from HEAD, new files among them, sorted."""
        listed = self.git(
            "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", "."
        )
        return sorted(entry[3:].removeprefix(self._prefix) for entry in listed.split("\0") if entry)

    def refuse_dirt(self, own: Iterable[str] = ()) -> list[str]:
        """The changed paths, all of them the loop's: those of `own`, `dvc.lock` and the graph's outputs, where there is
        a trial. Raises DirtyTree that names the others."""
        mine = {*own}
        graph = self._outputs() if mine else []
        changed = self.changed()
        foreign = [
            path
            for path in changed
            if path not in mine and not any(path == out or path.startswith(f"{out}/") for out in graph)
        ]
        if foreign:
            shown = "\n  ".join(foreign[:20]) + (
                f"\n  and {len(foreign) - 20} more" if len(foreign) > 20 else ""
            )
            raise DirtyTree(
                f"the work tree holds changes that this command did not make:\n  {shown}\n"
                f"Commit them or undo them; teaching commits each cycle, takes back what forgets, and must not mix "
                f"them with yours"
            )
        return changed

    def commit(self, paths: Sequence[str], message: str) -> str:
        """Commit these paths and nothing else, and return the commit. No path makes an empty commit, a mark."""
        if paths:
            self.git("add", "--all", "--", *paths)
            self.git("commit", "--quiet", "--file=-", "--only", "--", *paths, text=message)
        else:
            self.git("commit", "--quiet", "--file=-", "--allow-empty", text=message)
        return self.head()

    def restore(self, paths: Iterable[str]) -> None:
        """These paths as HEAD has them, and what DVC holds of the subject as HEAD's `dvc.lock` says."""
        wanted = list(paths)
        listed = self.git("ls-tree", "-r", "-z", "--name-only", "HEAD", "--", *wanted) if wanted else ""
        known = [path for path in wanted if path in set(listed.split("\0"))]
        if known:
            self.git("restore", "--source=HEAD", "--staged", "--worktree", "--", *known)
        for path in set(wanted) - set(known):
            self._asked("rm", "--cached", "--quiet", "--", path)
            (self.root / path).unlink(missing_ok=True)
        stages = [name for name in self._stages() if name.endswith(f"@{self.subject}")]
        if stages:
            self.dvc("checkout", "--force", "--quiet", *stages)

    # The pipeline.

    def dvc(self, *arguments: str) -> None:
        """Run DVC, its output on stderr. Raises BluebookError where it fails."""
        if code := self._dvc(arguments):
            raise BluebookError(f"dvc {arguments[0]} failed with exit code {code}; what it says stands above")

    def rebuild(self, lock: IO[bytes]) -> None:
        """Everything of the subject up to its health, in a process of its own that shows its progress on stderr.

        The child holds `lock` too: where this process is killed, the rebuild goes on, and the next `teach` waits for it
        instead of starting a second one. Raises RebuildFailed."""
        code = self._dvc(("repro", f"health@{self.subject}"), pass_fds=(lock.fileno(),))
        if code:
            raise RebuildFailed(
                f"`dvc repro health@{self.subject}` failed with exit code {code}; what it says stands above. Put it "
                f"right and run the same command: it goes on from here"
            )

    def _dvc(self, arguments: Sequence[str], pass_fds: Sequence[int] = ()) -> int:
        # Stages call `python`, which must be the one that runs this.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        running = subprocess.Popen(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.root,
            env={**os.environ, "PATH": path},
            stdout=sys.stderr,
            pass_fds=pass_fds,
        )
        while running.poll() is None:
            with suppress(KeyboardInterrupt):  # the stage got it as well, and is saving what it can
                running.wait()
        return running.returncode

    def _stages(self) -> dict[str, Any]:
        file = self.root / LOCK
        if not file.exists():
            return {}
        loaded = yaml.load(file.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return (loaded or {}).get("stages") or {}

    def _outputs(self) -> list[str]:
        """What the stages of this subject and the common ones write, `dvc.lock`, and the `.gitignore` that DVC puts
        beside an output."""
        found = [
            out["path"]
            for name, stage in self._stages().items()
            if "@" not in name or name.endswith(f"@{self.subject}")
            for out in stage.get("outs", ())
        ]
        return [LOCK, *found, *(f"{Path(path).parent}/.gitignore" for path in found)]

    def held(self, path: str) -> str:
        """The first digits by which DVC knows an output; empty where it does not know it."""
        for stage in self._stages().values():
            for out in stage.get("outs", ()):
                if out["path"] == path:
                    return str(out.get("md5", ""))[:8]
        return ""


def holdout_of(raw: bytes | str, where: str) -> Holdout:
    """The holdout's part of a `cycle.json`. Raises BluebookError where there is none."""
    from bluebook.health.evidence import Cycle

    try:
        exams = msgspec.json.decode(raw, type=Cycle).exams
    except msgspec.DecodeError as error:
        raise BluebookError(
            f"{where}: not what the stage `health` writes: {error}; run `dvc repro`"
        ) from error
    if "holdout" not in exams:
        raise BluebookError(f"{where}: no holdout exam, and without one nobody can tell what was learned")
    return exams["holdout"].constructs


@contextmanager
def alone(
    root: Path,
    tell: Tell,
    path: Path = TEACH_LOCK,
    who: str = "another `teach`, or the rebuild that a killed one left running,",
) -> Iterator[IO[bytes]]:
    """Hold a lock of the repository, by default the one for teaching; wait for `who` holds it."""
    path = root / path
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"{who} is at work here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
