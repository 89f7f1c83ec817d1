"""A verb that dies by SIGKILL at a chosen step: python -m tests.releases.dying STEP WHEN VERB ARGUMENTS…

STEP is a Git command, `dvc`, or `write`, which stands for a file put into place; WHEN is `before` or `after`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from bluebook import cli
from bluebook.artifacts import atomic_writer
from bluebook.releases import publish
from bluebook.teaching.repository import Repository


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(step: str, when: str) -> None:
    def around(work: Callable[..., Any], name: str = "") -> Callable[..., Any]:
        def done(repository: Repository, arguments: Any, *rest: Any) -> Any:
            hit = step in (arguments[0], name)
            if hit and when == "before":
                die()
            result = work(repository, arguments, *rest)
            if hit:
                die()
            return result

        return done

    @contextmanager
    def writer(path: Path) -> Iterator[IO[bytes]]:
        with atomic_writer(path) as out:
            yield out
            if when == "before":
                die()
        die()

    Repository._run = around(Repository._run)  # type: ignore[method-assign]
    Repository._dvc = around(Repository._dvc, "dvc")  # type: ignore[method-assign]
    if step == "write":
        publish.atomic_writer = writer  # type: ignore[attr-defined]


if __name__ == "__main__":
    dying(*sys.argv[1:3])
    sys.argv[1:] = sys.argv[3:]
    cli.main()
